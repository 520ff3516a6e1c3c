//! Single values: networks, thresholds, sources.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;

use super::check::{Checker, Field, Section};
use super::raw::Value;
use super::shown::shown;
use crate::model::{Address, BanTime, SourceSpec, Thresholds, WindowKind, parse_span};

/// The network of an address or of `ADDRESS/PREFIX`; host bits are cut off, and
/// IPv4-mapped IPv6 is IPv4.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || {
        format!(
            "\"{}\" is neither an address nor a network such as 192.0.2.0/24 (host names are \
             not looked up)",
            shown(text)
        )
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let ip = Address::parse(address.as_bytes()).ok_or_else(wrong)?.ip();
    let Some(prefix) = prefix else {
        return Ok(IpNet::from(ip));
    };
    if prefix.is_empty() || prefix.len() > 3 || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let mut prefix: u8 = prefix.parse().map_err(|_| wrong())?;
    if ip.is_ipv4() && address.contains(':') {
        // The prefix of a mapped address counts from the front of the IPv6 one.
        prefix = prefix.checked_sub(96).ok_or_else(wrong)?;
    }
    let network = IpNet::new(ip, prefix).map_err(|_| wrong())?;
    Ok(network.trunc())
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
    let ban_time = section.get("ban_time");
    let ban_time = ban_time.map(|field| span(&field, check));
    Thresholds {
        failed_attempts: failed_attempts
            .and_then(NonZeroU32::new)
            .unwrap_or(default.failed_attempts),
        request_time: request_time.unwrap_or(default.request_time),
        window: window.unwrap_or(default.window),
        ban_time: ban_time.map_or(default.ban_time, BanTime::from),
    }
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
    fn a_network_is_canonical() {
        let is = |text, network_text| assert_eq!(network(text).unwrap().to_string(), network_text);
        is("127.0.0.1", "127.0.0.1/32");
        is("192.0.2.7/24", "192.0.2.0/24");
        is("0.0.0.0/0", "0.0.0.0/0");
        is("2001:DB8::1", "2001:db8::1/128");
        is("2001:db8::1/32", "2001:db8::/32");
        is("fe80::1%eth0", "fe80::1/128");
        is("fe80::1%eth0/64", "fe80::/64");
        is("::ffff:192.0.2.7", "192.0.2.7/32");
        is("::ffff:192.0.2.7/120", "192.0.2.0/24");
    }

    #[test]
    fn what_is_no_network_is_told() {
        for wrong in [
            "",
            "localhost",
            "123.456.789.1",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/255.0.0.0",
            "::/129",
            "10.0.0.0/+8",
            "/8",
            "10.0.0.0/8/8",
            "::ffff:1.2.3.4/95",
            " 10.0.0.1",
        ] {
            assert!(network(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            network("a\x1b").unwrap_err(),
            "\"a\\x1b\" is neither an address nor a network such as 192.0.2.0/24 (host names \
             are not looked up)"
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
