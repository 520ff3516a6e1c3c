//! The message of Bitwarden's server about a failed login.
//!
//! It holds no text of the client but the address, which ends it.
//!
//! As fail2ban, and what later versions made of it: they name the fields, write texts in
//! quotes, and another head. Headers with addresses are believed only from known proxies.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "bitwarden",
    counts: "failed logins and wrong second factors at Bitwarden's own server",
    proof: Proof::Documentation(
        "the source of Bitwarden's server from 2020 to 2026 (BaseRequestValidator.cs)",
    ),
    sample: "2026-03-02T04:05:06.1234567+00:00 0HNABCDEFGH12:00000003 [WRN] Failed login attempt. Is2FARequest: False IpAddress: \"203.0.113.9\" (1f2e3d4c)",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/etc/bitwarden/logs/identity/identity.txt",
        "/opt/bitwarden/bwdata/logs/identity/Identity/*.txt",
        "/opt/bitwarden/bwdata/logs/identity/*.txt",
        "/etc/bitwarden/logs/identity*.log",
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

/// Behind the time: a tag of syslog, or the identifier of the request, or neither. Behind
/// the address: the identifier of the message.
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
        r"|[0-9A-Z]+:[0-9A-F]+ +)?\[(?:WRN|Warning|W|Bit\.[\w.`]+)\] +",
        r#""?Failed login attempt(?:, 2FA invalid)?\.(?: Is2FARequest: (?:True|False) IpAddress:)? +"?(?P<ip>[0-9A-Fa-f.:]+)"?(?: \([^()]*\))?$"#
    ),
    &["Failed login attempt"],
)];
