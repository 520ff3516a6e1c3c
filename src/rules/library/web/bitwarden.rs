//! The message of Bitwarden's server about a failed login.
//!
//! It holds no text of the client but the address, which ends it.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "bitwarden",
    counts: "failed logins and wrong second factors at Bitwarden's own server",
    proof: Proof::Documentation("Bitwarden's documentation of its identity log"),
    sample: "2026-03-02 04:05:06.123 +00:00 [WRN] Failed login attempt. 203.0.113.9",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/etc/bitwarden/logs/identity/identity.txt",
        "/opt/bitwarden/bwdata/logs/identity/Identity/*.txt",
        "/opt/bitwarden/bwdata/logs/identity/*.txt",
    ],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        "^",
        priority!(),
        "(?P<time>",
        classic_time!(),
        "|",
        iso_time!(),
        r"(?: [+-]\d\d:\d\d)?) +(?:",
        tag!(r"[Bb]itwarden[\w-]*"),
        r")?\[(?:WRN|Warning|W|Bit\.Core\.[^\]\s]+)\] +Failed login attempt(?:, 2FA invalid)?\. (?P<ip>\S+)$"
    ),
    &["Failed login attempt"],
)];
