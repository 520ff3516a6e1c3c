//! Requests that nginx does not understand: the status 400 in its access log.
//!
//! The log escapes what a client sends: the first quote begins the request, and the
//! brackets before it hold the time.
//!
//! As fail2ban.

use super::super::access_log;
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx-bad-request",
    counts: "requests that nginx does not understand",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    sample: "203.0.113.9 - - [02/Mar/2026:04:05:06 +0000] \"\\x16\\x03\\x01\" 400 157 \"-\" \"-\"",
    patterns: PATTERNS,
    time_formats: access_log::TIME_FORMATS,
    logs: &["/var/log/nginx/*access.log"],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(access!(quoted!()), quoted!(), r#"" 400 \d+(?: .*)?$"#),
    &["\" 400 "],
)];
