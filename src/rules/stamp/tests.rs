use chrono::DateTime;
use proptest::prelude::*;

use super::{Clock, FormatError, Formats, Zone, compile};
use crate::model::Stamp;

const CLASSIC: &str = "%b %d %H:%M:%S";
const RFC3339: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

fn unix(rfc3339: &str) -> i64 {
    DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp()
}

fn utc(_: i64) -> i32 {
    0
}

/// An hour east; two in the summer of 2026.
fn berlin(at: i64) -> i32 {
    let summer = unix("2026-03-29T01:00:00Z")..unix("2026-10-25T01:00:00Z");
    if summer.contains(&at) { 7200 } else { 3600 }
}

/// Behind Greenwich, and the clocks go by half an hour.
fn half_an_hour(at: i64) -> i32 {
    let summer = unix("2026-03-29T05:00:00Z")..unix("2026-10-25T05:00:00Z");
    if summer.contains(&at) { -9000 } else { -10_800 }
}

/// West of the date line until the end of 29 December 2011, then east of it.
fn samoa(at: i64) -> i32 {
    let hours = if at < unix("2011-12-30T10:00:00Z") {
        -10
    } else {
        14
    };
    hours * 3600
}

/// What `text` is under `format`, read as if last written at `anchor`.
fn at(format: &str, text: &str, anchor: &str, zone: Zone) -> Option<String> {
    let formats = Formats(vec![compile(format).unwrap()]);
    formats
        .parse(text.as_bytes(), &mut Clock::in_zone(unix(anchor), zone))
        .map(Stamp::to_rfc3339)
}

/// The same where neither year nor zone is open.
fn read(format: &str, text: &str) -> Option<String> {
    at(format, text, "2026-06-01T00:00:00Z", utc)
}

fn classic(text: &str, anchor: &str) -> String {
    at(CLASSIC, text, anchor, utc).unwrap()
}

#[test]
fn december_read_in_january_is_last_years() {
    let anchor = "2026-01-01T00:05:00Z";
    assert_eq!(classic("Dec 31 23:59:59", anchor), "2025-12-31T23:59:59Z");
    assert_eq!(classic("Jan  1 00:00:01", anchor), "2026-01-01T00:00:01Z");
}

#[test]
fn january_read_in_december_is_next_years_within_a_day() {
    let anchor = "2025-12-31T12:00:00Z";
    assert_eq!(classic("Jan  1 12:00:00", anchor), "2026-01-01T12:00:00Z");
    assert_eq!(classic("Jan  1 12:00:01", anchor), "2025-01-01T12:00:01Z");
}

#[test]
fn a_log_may_be_years_old() {
    assert_eq!(
        classic("Mar 22 14:18:18", "2018-04-01T06:25:00Z"),
        "2018-03-22T14:18:18Z"
    );
}

#[test]
fn new_year_is_the_zones_own() {
    // Written at 00:30 in Berlin, still the old year in UTC.
    let anchor = "2025-12-31T23:30:00Z";
    let new_year = at(CLASSIC, "Jan  1 00:29:59", anchor, berlin);
    assert_eq!(new_year.as_deref(), Some("2025-12-31T23:29:59Z"));
}

#[test]
fn a_leap_day_is_that_of_the_latest_leap_year() {
    let leap_day = "Feb 29 10:00:00";
    let in_year = |anchor| classic(leap_day, anchor)[..4].to_owned();
    assert_eq!(in_year("2027-06-01T00:00:00Z"), "2024");
    assert_eq!(in_year("2024-02-29T10:00:00Z"), "2024");
    assert_eq!(in_year("2024-02-28T09:59:59Z"), "2020");
    // 2100 is none.
    assert_eq!(in_year("2104-01-01T00:00:00Z"), "2096");
}

#[test]
fn a_local_time_that_occurs_twice_is_the_first() {
    let read = |text| at("%F %T", text, "2026-12-01T00:00:00Z", berlin).unwrap();
    assert_eq!(read("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z");
    assert_eq!(read("2026-10-25 01:59:59"), "2026-10-24T23:59:59Z");
    assert_eq!(read("2026-10-25 03:00:00"), "2026-10-25T02:00:00Z");
}

#[test]
fn a_local_time_that_does_not_exist_is_an_hour_later() {
    let read = |text| at("%F %T", text, "2026-12-01T00:00:00Z", berlin).unwrap();
    // Half past two is half past three.
    assert_eq!(read("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z");
    assert_eq!(read("2026-03-29 03:30:00"), "2026-03-29T01:30:00Z");
    assert_eq!(read("2026-03-29 01:59:59"), "2026-03-29T00:59:59Z");
}

#[test]
fn clocks_need_not_change_by_an_hour() {
    let read = |text, zone| at("%F %T", text, "2026-12-01T00:00:00Z", zone).unwrap();
    // From two to half past two; from half past two to two.
    let read_half = |text| read(text, half_an_hour as Zone);
    assert_eq!(read_half("2026-03-29 01:59:59"), "2026-03-29T04:59:59Z");
    assert_eq!(read_half("2026-03-29 02:15:00"), "2026-03-29T05:15:00Z");
    assert_eq!(read_half("2026-03-29 02:30:00"), "2026-03-29T05:00:00Z");
    assert_eq!(read_half("2026-10-25 02:15:00"), "2026-10-25T04:45:00Z");
    assert_eq!(read_half("2026-10-25 02:30:00"), "2026-10-25T05:30:00Z");
    // Samoa left out a day.
    assert_eq!(read("2011-12-30 12:00:00", samoa), "2011-12-30T22:00:00Z");
    assert_eq!(read("2011-12-31 00:00:00", samoa), "2011-12-30T10:00:00Z");
}

#[test]
fn a_clock_keeps_no_stale_answer() {
    let formats = Formats::new(&["%F %T"]).unwrap();
    let mut clock = Clock::in_zone(0, berlin);
    let mut read = |text: &str| formats.parse(text.as_bytes(), &mut clock).map(|at| at.secs);
    let summer = unix("2026-10-25T00:59:59Z");
    assert_eq!(read("2026-10-25 02:59:59"), Some(summer));
    assert_eq!(read("2026-10-25 03:00:00"), Some(summer + 3601));
    assert_eq!(read("2026-10-25 02:59:59"), Some(summer));
    assert_eq!(read("2026-10-25 02:59:5x"), None);
    assert_eq!(read("2026-10-25 02:59:5x"), None);
    assert_eq!(read("2026-10-25 02:59:58"), Some(summer - 1));
}

#[test]
fn a_zone_in_the_text_is_taken_at_its_word() {
    for (text, utc) in [
        ("2026-03-02T04:05:06Z", "2026-03-02T04:05:06Z"),
        ("2026-03-02T04:05:06+0130", "2026-03-02T02:35:06Z"),
        ("2026-03-02T04:05:06+01:30", "2026-03-02T02:35:06Z"),
        ("2026-03-02t04:05:06-01", "2026-03-02T05:05:06Z"),
        ("2026-03-02T04:05:06.120+00:00", "2026-03-02T04:05:06.120Z"),
        ("2026-03-02T04:05:06,5Z", "2026-03-02T04:05:06.5Z"),
    ] {
        let found = at(RFC3339, text, "2020-01-01T00:00:00Z", berlin);
        assert_eq!(found.as_deref(), Some(utc), "{text}");
    }
    let named = |text| at("%F %T %Z", text, "2026-12-01T00:00:00Z", berlin).unwrap();
    assert_eq!(named("2026-07-01 12:00:00 UTC"), "2026-07-01T12:00:00Z");
    assert_eq!(named("2026-07-01 12:00:00 CEST"), "2026-07-01T10:00:00Z");
}

#[test]
fn the_hosts_own_zone_is_read_as_it_is_shown() {
    let formats = Formats::new(&["%F %T"]).unwrap();
    let mut clock = Clock::new(0);
    // Every half hour of a year and a bit: whatever the zone, what is shown of
    // a moment is a time that exists, and reads as one that shows the same.
    for half_hours in 0..18_000 {
        let shown = Stamp::from_secs(unix("2026-01-01T00:00:00Z") + half_hours * 1800).to_local();
        let read = formats.parse(shown.as_bytes(), &mut clock).unwrap();
        assert_eq!(read.to_local(), shown);
    }
}

#[test]
fn every_directive_is_read() {
    let wanted = Some("2018-03-02T14:05:06Z".to_owned());
    for (format, text) in [
        ("%Y-%m-%d  %H:%M:%S", "2018-03-02 14:05:06"),
        ("%Y-%m-%d %H:%M:%S", "2018-3-2   14:5:6"),
        ("%y%m%d %H:%M:%S", "180302 14:05:06"),
        ("%d/%b/%Y:%H:%M:%S %z", "02/Mar/2018:15:05:06 +0100"),
        ("%a %b %e %k:%M:%S %Y", "Fri Mar  2 14:05:06 2018"),
        ("%A, %d %B %Y %T", "friday, 02 MARCH 2018 14:05:06"),
        ("%D %r", "03/02/18 02:05:06 pm"),
        ("%D %l:%M:%S%p", "03/02/18  2:05:06PM"),
        ("%Y %j %R:%S", "2018 61 14:05:06"),
        ("%s", "1519999506"),
        ("%F%n%T%t%%", "2018-03-02 14:05:06\t%"),
        ("%h %d %Y, %I:%M:%S %p", "mar 2 2018, 2:05:06 PM"),
        ("é %F %T", "é 2018-03-02 14:05:06"),
    ] {
        assert_eq!(read(format, text), wanted, "{format} of {text}");
    }
    let noon = |text| read("%F %I %p", text).unwrap();
    assert_eq!(noon("2018-03-02 12 am"), "2018-03-02T00:00:00Z");
    assert_eq!(noon("2018-03-02 12 pm"), "2018-03-02T12:00:00Z");
    assert_eq!(read("%F", "2018-03-02").unwrap(), "2018-03-02T00:00:00Z");
    let fraction = |text| read("%F %T.%f", text).unwrap();
    assert_eq!(fraction("2018-03-02 1:2:3.007"), "2018-03-02T01:02:03.007Z");
}

/// As the services of the library write it.
#[test]
fn the_stamps_of_services_are_read() {
    let wanted = "2026-03-02T04:05:06";
    for (format, text) in [
        ("%s%.f", "1772424306.123"),
        ("%s%.f", "1772424306"),
        ("%Y/%m/%d %H:%M:%S%.f", "2026/03/02 04:05:06"),
        ("%a %b %d %H:%M:%S%.f %Y", "Mon Mar 02 04:05:06.123456 2026"),
        ("%a %b %d %H:%M:%S %Y", "Mon Mar  2 04:05:06 2026"),
        ("%d-%b-%Y %H:%M:%S%.f %z", "02-Mar-2026 05:05:06 +0100"),
        ("%d-%b-%Y %H:%M:%S%.f", "02-Mar-2026 04:05:06.123"),
        ("%Y%m%d-%H:%M:%S", "20260302-04:05:06"),
        ("%Y-%m-%d %H:%M:%S%.f %Z", "2026-03-02 04:05:06.123 UTC"),
        ("%Y-%m-%d %H:%M:%S%.f %z", "2026-03-02 04:05:06.123 +00:00"),
        ("%Y-%m-%d %H:%M:%S%.f", "2026-03-02 04:05:06,123"),
        ("%Y-%m-%dT%H:%M:%S%.f%z", "2026-03-02T04:05:06.123456789Z"),
    ] {
        let found = read(format, text).unwrap_or_else(|| panic!("{format} of {text}"));
        assert_eq!(&found[..19], wanted, "{format} of {text}");
    }
}

#[test]
fn short_years_turn_at_69() {
    assert_eq!(read("%D", "01/01/68").unwrap(), "2068-01-01T00:00:00Z");
    assert_eq!(read("%D", "01/01/69").unwrap(), "1969-01-01T00:00:00Z");
}

#[test]
fn a_leap_second_is_the_one_after_it() {
    let read = |text| read("%F %T", text).unwrap();
    assert_eq!(read("2016-12-31 23:59:60"), "2017-01-01T00:00:00Z");
}

#[test]
fn what_is_not_a_time_is_none() {
    for (format, text) in [
        (CLASSIC, ""),
        (CLASSIC, "Feb 30 10:00:00"),
        (CLASSIC, "Foo 22 10:00:00"),
        (CLASSIC, "Mar 22 99:00:00"),
        (CLASSIC, "Mar 22 24:00:00"),
        (CLASSIC, "Mar 22 10:60:00"),
        (CLASSIC, "Mar 22 10:00:61"),
        (CLASSIC, "Mar  0 10:00:00"),
        (CLASSIC, "Mar 32 10:00:00"),
        (CLASSIC, "Mar22 10:00:00"),
        (CLASSIC, "Mar 22 10:00:00 "),
        (CLASSIC, "Mar 22 10:00:00.5"),
        (CLASSIC, "Mar 22 10:00"),
        ("%F", "2018-02-29"),
        ("%F", "18-02-01"),
        ("%F", "2018-13-01"),
        ("%Y %j", "2018 366"),
        ("%F %z", "2018-03-02 +1"),
        ("%F %z", "2018-03-02 +24:00"),
        ("%F %z", "2018-03-02 +01:"),
        ("%F %f", "2018-03-02 1234567890"),
        ("%F%.f", "2018-03-02."),
        ("%F %p", "2018-03-02 xm"),
        ("%s", "123456789012"),
    ] {
        assert_eq!(read(format, text), None, "{format} of {text:?}");
    }
}

#[test]
fn formats_are_tried_in_order() {
    let formats = Formats::new(&["%m/%d/%Y %H", "%d/%m/%Y %H"]).unwrap();
    let mut clock = Clock::in_zone(0, utc);
    let mut read = |text: &[u8]| formats.parse(text, &mut clock).unwrap().to_rfc3339();
    assert_eq!(read(b"03/02/2018 0"), "2018-03-02T00:00:00Z");
    assert_eq!(read(b"22/03/2018 0"), "2018-03-22T00:00:00Z");
}

#[test]
fn a_format_that_can_not_be_used_is_an_error_that_tells_why() {
    let error = |format: &str| Formats::new(&[format]).unwrap_err();
    assert_eq!(
        error("%Y-%Q"),
        FormatError::Unknown {
            format: "%Y-%Q".to_owned(),
            directive: "%Q".to_owned()
        }
    );
    assert!(error("%Y-%Q").to_string().contains("`%Q`"));
    assert!(matches!(error("%.3f"), FormatError::Unknown { .. }));
    assert_eq!(error("%F %"), FormatError::Unfinished("%F %".to_owned()));
    assert_eq!(error("%T"), FormatError::NoDay("%T".to_owned()));
    assert_eq!(error(""), FormatError::NoDay(String::new()));
}

proptest! {
    #[test]
    fn no_text_and_no_format_panics(
        format in r"(%[a-zA-Z%.]f?|[ -~]){0,12}",
        text in proptest::collection::vec(any::<u8>(), 0..40),
        anchor: i64,
    ) {
        if let Ok(formats) = Formats::new(&[format]) {
            let _ = formats.parse(&text, &mut Clock::in_zone(anchor, berlin));
        }
    }

    #[test]
    fn no_text_like_a_stamp_panics(
        text in r"(Feb|Mar|dec)? {0,2}[0-9]{0,4}[-:T ]{0,2}[0-9]{0,4}[-: ][0-9:]{0,9}[.,]?[0-9]{0,11}[Z+-]?[0-9:]{0,6}",
        anchor: i64,
    ) {
        let formats = Formats::new(&[CLASSIC, RFC3339, "%s", "%y%m%d %T%.f"]).unwrap();
        let _ = formats.parse(text.as_bytes(), &mut Clock::new(anchor));
    }

    #[test]
    fn every_moment_survives_its_text(secs in 0i64..4_000_000_000, nanos in 0u32..1_000_000_000) {
        let moment = DateTime::from_timestamp(secs, nanos).unwrap();
        let formats = Formats::new(&[RFC3339, CLASSIC]).unwrap();
        let mut clock = Clock::in_zone(secs, utc);
        let whole = formats.parse(moment.to_rfc3339().as_bytes(), &mut clock).unwrap();
        prop_assert_eq!((whole.secs, whole.nanos), (secs, nanos));
        let text = moment.format("%b %e %H:%M:%S").to_string();
        let yearless = formats.parse(text.as_bytes(), &mut clock).unwrap();
        prop_assert_eq!(yearless.secs, secs);
    }

    /// What was remembered of the last text never shows in the next.
    #[test]
    fn a_clock_that_has_read_others_reads_the_same(
        formats in prop::sample::subsequence(
            vec!["%T.%f %F", "%T%f %F", "%T.%f.%f %F", "%T.%S %F", "%T.%f%m %F", "%T%.f%z %F"], 1..6,
        ).prop_shuffle(),
        texts in prop::collection::vec(r"1:5:[0-6]?[0-9]([.]?[0-9]{1,3}){0,2}Z? 2026-01-0[12]", 1..8),
        digits in prop::collection::vec(prop::collection::vec(0u8..10, 3), 8),
        from in 4usize..8,
    ) {
        let formats = Formats::new(&formats).unwrap();
        let mut clock = Clock::in_zone(0, utc);
        for text in &texts {
            for digits in &digits {
                let mut digits = digits.iter();
                let mut other = text.clone().into_bytes();
                let places = other.iter_mut().skip(from).take(6).filter(|byte| byte.is_ascii_digit());
                places.zip(&mut digits).for_each(|(place, digit)| *place = b'0' + digit);
                let fresh = formats.parse(&other, &mut Clock::in_zone(0, utc));
                prop_assert_eq!(formats.parse(&other, &mut clock), fresh, "{}", String::from_utf8_lossy(&other));
            }
        }
    }
}
