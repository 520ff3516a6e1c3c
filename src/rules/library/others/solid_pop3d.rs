//! The messages of Solid POP3 about a failed login.
//!
//! The address ends the message, so the last one is the true one.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "solid-pop3d",
    counts: "failed logins at Solid POP3",
    proof: Proof::Service("Solid POP3 0.15"),
    sample: "Mar  2 04:05:06 host solid-pop3d[7]: authentication failed: no such user: bob - 203.0.113.9",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    offer: Offer::SwitchedOff(&["usr/sbin/spop3d"]),
    ..BuiltinRule::NONE
};

/// A message, and the address behind it.
macro_rules! solid_pop3d {
    ($message:literal) => {
        concat!(
            head!("solid-pop3d|spop3d"),
            $message,
            r" - (?:[\w.-]+ \()?(?P<ip>[0-9A-Fa-f.:]+)\)?$"
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        solid_pop3d!(
            "(?:(?:(?:APOP )?authentication failed(?: for user|: no such user:)|can't (?:find|map) (?:APOP secret for )?user) (?P<user>.*)|(?:APOP )?authentication failed.*)"
        ),
        &["authentication failed", "can't find ", "can't map "],
    ),
    BuiltinPattern::new(
        solid_pop3d!("user (?P<user>.*) doesn't exist"),
        &["doesn't exist"],
    ),
];
