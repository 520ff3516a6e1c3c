use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use super::parse_span;

/// A moment as a user writes it: a date, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Unix seconds.
    At(i64),
    /// Seconds ago.
    Ago(u32),
}

/// A text that is no [`Moment`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: 2026-03-22, '2026-03-22 14:18:18', 2026-03-22T14:18:18Z, or 7d for seven days ago"
)]
pub struct MomentError(String);

impl Moment {
    /// The Unix seconds, where it is `now` now.
    #[must_use]
    pub fn seconds(self, now: i64) -> i64 {
        match self {
            Moment::At(at) => at,
            Moment::Ago(seconds) => now - i64::from(seconds),
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = MomentError;

    /// RFC 3339, `YYYY-MM-DD[ HH:MM[:SS]]` on local clocks, or `7d` for ago.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Moment::At(at.timestamp()));
        }
        if let Some(local) = naive(text) {
            return Ok(Moment::At(on_local_clocks(local)));
        }
        match parse_span(text) {
            Ok(Some(seconds)) if text.ends_with(|last: char| last.is_ascii_alphabetic()) => {
                Ok(Moment::Ago(seconds.get()))
            }
            _ => Err(MomentError(text.to_owned())),
        }
    }
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    let formats = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
    ];
    let whole = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let day = || {
        Some(
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_time(NaiveTime::MIN),
        )
    };
    formats.into_iter().find_map(whole).or_else(day)
}

/// A time that occurs twice is the first, one that does not exist is an hour
/// later.
fn on_local_clocks(local: NaiveDateTime) -> i64 {
    let at = |local: NaiveDateTime| Local.from_local_datetime(&local).earliest();
    let later = || at(local + TimeDelta::hours(1));
    let unix = at(local).or_else(later).map(|at| at.timestamp());
    unix.unwrap_or_else(|| local.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_of_the_calendar_or_so_long_ago() {
        let now = 1_774_189_098;
        let of = |text: &str| text.parse().map(|moment: Moment| moment.seconds(now));
        assert_eq!(of("2026-03-22T14:18:18Z"), Ok(now));
        assert_eq!(of("2026-03-22T15:18:18+01:00"), Ok(now));
        assert_eq!(of("7d"), Ok(now - 7 * 86_400));
        assert_eq!(of("90s"), Ok(now - 90));
        let noon = |text: &str| of(text).unwrap();
        assert_eq!(noon("2026-03-22 12:00"), noon("2026-03-22 12:00:00"));
        assert_eq!(noon("2026-03-22") + 12 * 3600, noon("2026-03-22 12:00"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-03-22 25:00",
            "10",
            "-1",
            "0d",
            "d",
        ] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong:?}");
        }
    }
}
