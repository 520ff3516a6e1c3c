//! Numbers and times as people read them.

use crate::audit::{Findings, Gap, Timeline};
use crate::model::{BanTime, BanTimes, Escaped, Stamp, Variant, WindowKind, span_text};
use crate::report::SourceRow;

/// `1,234,567`
pub(in crate::report) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 failure`, `2,345 failures`
pub(in crate::report) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `96.4 %`; nothing of nothing is none of it.
pub(in crate::report) fn share(part: u64, whole: u64) -> String {
    if part == whole && whole > 0 {
        return "100 %".to_owned();
    }
    // Rounded down: what is not all is never shown as all.
    let tenths = (u128::from(part) * 1000)
        .checked_div(u128::from(whole))
        .unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `1.2 GB`
pub(in crate::report) fn bytes(n: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| n >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", n / unit, n % unit * 10 / unit),
        None => count(n, "byte", "bytes"),
    }
}

/// `1 entry`, `194 entries`
pub(in crate::report) fn entries(n: u64) -> String {
    count(n, "entry", "entries")
}

/// How much was read of a source.
pub(in crate::report) fn read(source: &SourceRow) -> String {
    let size = source.to - source.from;
    if source.is_journal() {
        entries(size)
    } else {
        bytes(size)
    }
}

/// `2026-03-22 14:18:18`, local.
pub(in crate::report) fn time(unix: i64) -> String {
    Stamp::from_secs(unix).to_local()
}

/// The start of a column, as exact as its width asks for.
pub(in crate::report) fn column_start(timeline: &Timeline, column: usize) -> String {
    let text = time(timeline.start_of(column));
    let shown = match timeline.seconds {
        86_400.. => 10,
        60.. => 16,
        _ => 19,
    };
    text.get(..shown).unwrap_or(&text).to_owned()
}

/// `3 days`, `6 h`, `90 s`: the largest unit that it is a multiple of, or
/// nearly is.
pub(in crate::report) fn span(seconds: i64) -> String {
    let units = [
        (364 * 86_400, "year"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let exact = units
        .iter()
        .find(|(unit, _)| seconds % unit == 0 && seconds >= *unit);
    let near = units.iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = *exact.or(near).unwrap_or(&(1, "second"));
    let n = seconds / unit;
    format!("{n} {name}{}", if n == 1 { "" } else { "s" })
}

/// How long a gap is: whole days, rounded down.
pub(in crate::report) fn gap(gap: &Gap) -> String {
    let days = u64::try_from((gap.to - gap.from) / 86_400).unwrap_or(0);
    count(days, "day", "days")
}

/// Where a threshold is as the rules have it.
pub(in crate::report) const AS_IT_IS: &str = "-";

/// When bans within a network become a ban of the network, and how many networks that
/// would have banned: a sentence for each rule of which there is anything to tell.
pub(in crate::report) fn aggregation(found: &Findings) -> Vec<String> {
    let rules = found.rules.iter().enumerate();
    let told = rules.filter_map(|(place, rule)| {
        let bans = found.aggregated.iter().filter(|ban| ban.rule == place);
        let mut networks: Vec<_> = bans.map(|ban| ban.subject).collect();
        networks.sort_unstable();
        networks.dedup();
        if networks.is_empty() && !rule.is_aggregating {
            return None;
        }
        let aggregate = &rule.aggregate;
        let (v4, v6) = (aggregate.networks.ipv4, aggregate.networks.ipv6);
        let (subjects, within) = (aggregate.subjects, span_text(aggregate.within));
        let whose = if rule.is_aggregating {
            "as it is configured"
        } else {
            "the usual values; the rule has no `aggregate`"
        };
        let many = count(networks.len() as u64, "network", "networks");
        Some(format!(
            "Aggregation under rule {} ({subjects} banned in a /{v4} or a /{v6} within {within}: {whose}) would have banned {many}.",
            Escaped::text(&rule.name)
        ))
    });
    told.collect()
}

/// Whether lengths of prefixes are tried.
pub(in crate::report) fn varies_prefixes(found: &Findings) -> bool {
    let varies = |variant: &Variant| variant.ipv4_prefix.or(variant.ipv6_prefix).is_some();
    found.trials.iter().any(|trial| varies(&trial.variant))
}

/// The thresholds of a variant: failures, time, window, ban times, and the prefixes of
/// IPv4 and IPv6.
pub(in crate::report) fn variant(variant: &Variant) -> [String; 6] {
    let own = || AS_IT_IS.to_owned();
    let window = |window| match window {
        WindowKind::Gap => "gap",
        WindowKind::Sliding => "sliding",
    };
    let ban_time = |time: &BanTime| {
        time.seconds()
            .map_or("for ever".to_owned(), |seconds| format!("{seconds} s"))
    };
    let ban_times = |times: &BanTimes| {
        let times: Vec<String> = times.all().iter().map(ban_time).collect();
        times.join(", ")
    };
    [
        variant.failed_attempts.map_or_else(own, |n| n.to_string()),
        variant.request_time.map_or_else(own, |n| format!("{n} s")),
        variant
            .window
            .map_or_else(own, |kind| window(kind).to_owned()),
        variant.ban_times.as_ref().map_or_else(own, ban_times),
        variant.ipv4_prefix.map_or_else(own, |n| format!("/{n}")),
        variant.ipv6_prefix.map_or_else(own, |n| format!("/{n}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_read_them() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "day", "days"), "1 day");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_250_000_000), "1.2 GB");
        assert_eq!(share(0, 0), "0.0 %");
        assert_eq!(share(9999, 10_000), "99.9 %");
        assert_eq!(share(3, 3), "100 %");
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        for (seconds, text) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (600, "10 minutes"),
            (6 * 3600, "6 hours"),
            (86_400, "1 day"),
            (14 * 86_400, "2 weeks"),
            (364 * 86_400, "1 year"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
