//! Single values: networks, thresholds, sources.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use super::check::{Checker, Field, Section};
use super::keys;
use super::raw::Value;
use super::shown::shown;
use crate::model::{
    Aggregate, BanTime, BanTimes, GivenSubject, Prefixes, SourceSpec, Thresholds, WindowKind,
    parse_span,
};

/// The network of an address or of `ADDRESS/PREFIX`; host bits are cut off, and
/// IPv4-mapped IPv6 is IPv4.
pub(super) fn network(text: &str) -> Result<GivenSubject, String> {
    GivenSubject::parse(text).map_err(|wrong| format!("\"{}\" {wrong}", shown(text)))
}

/// The thresholds of a section; those of `default` where it sets none.
pub(super) fn thresholds(
    section: &Section,
    default: Thresholds,
    check: &mut Checker,
) -> Thresholds {
    let failed_attempts = section.get("failed_attempts");
    let failed_attempts = failed_attempts.and_then(|field| field.whole(1, u32::MAX, check));
    let request_time = section.get("request_time");
    let request_time = request_time.and_then(|field| field.whole(0, u32::MAX, check));
    let words = [("gap", WindowKind::Gap), ("sliding", WindowKind::Sliding)];
    let window = section.get("window");
    let window = window.and_then(|field| field.word(&words, check));
    let ban_times = section.get("ban_time");
    let ban_times = ban_times.and_then(|field| ban_times_of(&field, check));
    let memory = section.get("ban_memory");
    let memory = memory.and_then(|field| ban_memory(&field, check));
    let mut prefix = |key, shortest, longest| {
        let field = section.get(key);
        let length = field.and_then(|field| field.whole(shortest, longest, check));
        length.and_then(|length| u8::try_from(length).ok())
    };
    let (ipv4, ipv6) = (
        prefix("ipv4_prefix", 24, 32),
        prefix("ipv6_prefix", 48, 128),
    );
    Thresholds {
        failed_attempts: failed_attempts
            .and_then(NonZeroU32::new)
            .unwrap_or(default.failed_attempts),
        request_time: request_time.unwrap_or(default.request_time),
        window: window.unwrap_or(default.window),
        ban_times: ban_times.unwrap_or(default.ban_times),
        ban_memory: memory.unwrap_or(default.ban_memory),
        prefixes: Prefixes {
            ipv4: ipv4.unwrap_or(default.prefixes.ipv4),
            ipv6: ipv6.unwrap_or(default.prefixes.ipv6),
        },
    }
}

/// One time, or a list of times none of which is shorter than the one before it.
fn ban_times_of(field: &Field, check: &mut Checker) -> Option<BanTimes> {
    if !matches!(field.node.value, Value::List(_)) {
        return Some(BanTime::from(span(field, check)).into());
    }
    let items = field.list("times", check)?;
    if items.is_empty() {
        field.fault(check, "must hold a time, such as [\"10m\", \"1h\", \"1d\"]");
    }
    let mut times: Vec<BanTime> = Vec::with_capacity(items.len());
    for item in &items {
        let time = BanTime::from(span(item, check));
        match times.last().map(|last| last.seconds()) {
            Some(None) => item.fault(
                check,
                "stands behind a ban that never ends: only the last time may be null",
            ),
            Some(last) if time.seconds().is_some_and(|time| Some(time) < last) => item.fault(
                check,
                "is shorter than the time before it: the bans of who returns grow",
            ),
            _ => {}
        }
        times.push(time);
    }
    BanTimes::new(times)
}

/// When bans within a network become a ban of it; `default` where the section does not say.
pub(super) fn aggregate(
    section: &Section,
    default: Option<Aggregate>,
    check: &mut Checker,
) -> Option<Aggregate> {
    let Some(field) = section.get("aggregate") else {
        return default;
    };
    if matches!(field.node.value, Value::Null) {
        return None;
    }
    let section = field.section(&keys::AGGREGATE, check)?;
    let usual = Aggregate::default();
    let mut whole = |key, shortest, longest| {
        let field = section.get(key);
        field.and_then(|field| field.whole(shortest, longest, check))
    };
    let (ipv4, ipv6) = (whole("ipv4", 16, 31), whole("ipv6", 32, 127));
    let subjects = whole("subjects", 2, u32::MAX);
    let length = |given: Option<u32>| given.and_then(|length| u8::try_from(length).ok());
    let within = section.get("within");
    let within = within.and_then(|field| seconds(&field, check));
    Some(Aggregate {
        networks: Prefixes {
            ipv4: length(ipv4).unwrap_or(usual.networks.ipv4),
            ipv6: length(ipv6).unwrap_or(usual.networks.ipv6),
        },
        subjects: subjects.unwrap_or(usual.subjects),
        within: within.map_or(usual.within, |within| {
            u32::try_from(within.as_secs()).unwrap_or(u32::MAX)
        }),
    })
}

/// For how long a ban counts: at most a year, since bans are kept as long.
fn ban_memory(field: &Field, check: &mut Checker) -> Option<u32> {
    let memory = seconds(field, check)?.as_secs();
    if memory > 366 * 86_400 {
        field.fault(check, "must be a year at most: bans are kept as long");
    }
    u32::try_from(memory).ok()
}

fn span(field: &Field, check: &mut Checker) -> Option<NonZeroU32> {
    let text = match &field.node.value {
        Value::Null => return None,
        Value::Number(number) => *number,
        Value::Text(text) => text,
        _ => {
            field.unexpected(check, "seconds, a time such as \"10m\", or null for ever");
            return None;
        }
    };
    parse_span(&shown(text)).unwrap_or_else(|wrong| {
        field.fault(check, wrong.to_string());
        None
    })
}

/// A time of at least a second that comes to its end.
pub(super) fn seconds(field: &Field, check: &mut Checker) -> Option<Duration> {
    let text = match &field.node.value {
        Value::Number(number) => *number,
        Value::Text(text) => text,
        _ => {
            field.unexpected(check, "seconds, or a time such as \"30s\" or \"5m\"");
            return None;
        }
    };
    match parse_span(&shown(text)) {
        Ok(Some(seconds)) => return Some(Duration::from_secs(seconds.get().into())),
        Ok(None) => field.fault(check, "must be a time that comes to its end"),
        Err(wrong) => field.fault(check, wrong.to_string()),
    }
    None
}

/// What a text of `log_files` names; nothing if it is empty.
pub(super) fn source(text: &str, base: &Path) -> Result<Option<SourceSpec>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(unit) = text.strip_prefix("journal:") {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        if unit.is_empty() || unit.starts_with('-') || !unit.bytes().all(fits) {
            let unit = shown(unit);
            return Err(format!(
                "\"{unit}\" is no systemd unit: write journal:ssh.service"
            ));
        }
        return Ok(Some(SourceSpec::Journal(unit.to_owned())));
    }
    if text.contains('\0') {
        return Err("must not hold a NUL character".to_owned());
    }
    if text.starts_with("~/") {
        return Err("~ is not expanded: write the whole path".to_owned());
    }
    if let Err(wrong) = glob::Pattern::new(text) {
        let column = text
            .char_indices()
            .take_while(|(at, _)| *at < wrong.pos)
            .count()
            + 1;
        return Err(format!("is no glob: {} (column {column})", wrong.msg));
    }
    Ok(Some(SourceSpec::Files(base.join(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_network_is_told() {
        assert_eq!(
            network("a\x1b").unwrap_err(),
            "\"a\\x1b\" is neither an address nor a network such as 192.0.2.0/24 (host names are \
             not looked up)"
        );
    }

    #[test]
    fn sources() {
        let is = |text| source(text, Path::new("/state")).unwrap();
        assert_eq!(is(""), None);
        assert_eq!(
            is("journal:ssh@a.service"),
            Some(SourceSpec::Journal("ssh@a.service".into()))
        );
        assert_eq!(
            is("/var/log/*.log"),
            Some(SourceSpec::Files("/var/log/*.log".into()))
        );
        assert_eq!(is("a.log"), Some(SourceSpec::Files("/state/a.log".into())));
        let wrong = |text, said: &str| {
            assert_eq!(
                source(text, Path::new("/state")).unwrap_err(),
                said,
                "{text:?}"
            );
        };
        wrong(
            "journal:",
            "\"\" is no systemd unit: write journal:ssh.service",
        );
        wrong(
            "journal:-f",
            "\"-f\" is no systemd unit: write journal:ssh.service",
        );
        wrong("/a\0", "must not hold a NUL character");
        wrong("~/a.log", "~ is not expanded: write the whole path");
        wrong(
            "/var/log/[a",
            "is no glob: invalid range pattern (column 10)",
        );
        wrong(
            "/var/log/a**",
            "is no glob: recursive wildcards must form a single path component (column 10)",
        );
    }
}
