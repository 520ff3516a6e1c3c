//! The message of Nextcloud about a failed login, in its log of JSON.
//!
//! The name stands before the address, which ends the message. Quotes and line breaks are
//! escaped, and the order of the fields does not matter but for the time, which may stand
//! before or behind the message.
//!
//! fail2ban has no such filter; Nextcloud's documentation has one, which this follows, but for
//! requests under a name that Nextcloud does not trust, which are no logins. What the protection
//! against guessing writes (`Bruteforce attempt from`) stands beside each failed login, and below
//! the level that Nextcloud logs by default: it does not count. Headers with addresses are believed
//! only from `trusted_proxies`.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nextcloud",
    counts: "failed logins and wrong second factors at Nextcloud",
    proof: Proof::Documentation("the source of Nextcloud, from 17 to 30"),
    sample: "{\"reqId\":\"x\",\"level\":2,\"time\":\"2026-03-02T04:05:06+00:00\",\"remoteAddr\":\"203.0.113.9\",\"user\":\"--\",\"app\":\"core\",\"method\":\"POST\",\"url\":\"/login\",\"message\":\"Login failed: bob (Remote IP: 203.0.113.9)\",\"userAgent\":\"curl/8\",\"version\":\"28.0.1.1\"}",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/www/nextcloud/data/nextcloud.log",
        "/var/www/html/nextcloud/data/nextcloud.log",
        "/var/www/html/data/nextcloud.log",
        "/var/log/nextcloud/nextcloud.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f %Z",
    "%b %d %H:%M:%S%.f",
];

/// Clients of files write quotes around the name and the address, the page does not.
macro_rules! failure {
    () => {
        r#""message":"(?:Login|Two-factor challenge) failed: (?P<user>(?:[^"\\]|\\.)*) \(Remote IP: '?(?P<ip>[^"'\s)]+)'?\)""#
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            failure!(),
            json_rest!()
        ),
        LITERALS,
    ),
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            failure!(),
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json_rest!()
        ),
        LITERALS,
    ),
    // With `log_type` syslog, or systemd.
    BuiltinPattern::new(
        concat!(
            head!("[Nn]ext[Cc]loud"),
            r"\{",
            json!(),
            failure!(),
            json_rest!()
        ),
        LITERALS,
    ),
];

const LITERALS: &[&str] = &["\"Login failed: ", "\"Two-factor challenge failed: "];
