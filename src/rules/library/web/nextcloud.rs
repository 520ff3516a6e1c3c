//! The message of Nextcloud about a failed login, in its log of JSON.
//!
//! The name stands before the address, which ends the message. Quotes and line breaks are
//! escaped, and the order of the fields does not matter but for the time, which may stand
//! before or behind the message.
//!
//! fail2ban has no such filter; Nextcloud's documentation has one, which this follows.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nextcloud",
    counts: "failed logins at Nextcloud",
    proof: Proof::Documentation("Nextcloud's documentation, and the source of Nextcloud 28"),
    sample: "{\"reqId\":\"x\",\"level\":2,\"time\":\"2026-03-02T04:05:06+00:00\",\"remoteAddr\":\"203.0.113.9\",\"user\":\"--\",\"app\":\"core\",\"method\":\"POST\",\"url\":\"/login\",\"message\":\"Login failed: bob (Remote IP: 203.0.113.9)\",\"userAgent\":\"curl/8\",\"version\":\"28.0.1.1\"}",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/www/nextcloud/data/nextcloud.log",
        "/var/www/html/nextcloud/data/nextcloud.log",
        "/var/www/html/data/nextcloud.log",
        "/var/log/nextcloud/nextcloud.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            r#""message":"Login failed: (?P<user>(?:[^"\\]|\\.)*) \(Remote IP: '?(?P<ip>[^"'\s)]+)'?\)""#,
            json!(),
            r"\}$"
        ),
        &["\"Login failed: "],
    ),
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""message":"Login failed: (?P<user>(?:[^"\\]|\\.)*) \(Remote IP: '?(?P<ip>[^"'\s)]+)'?\)""#,
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            r"\}$"
        ),
        &["\"Login failed: "],
    ),
];
