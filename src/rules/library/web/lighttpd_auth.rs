//! Wrong passwords for pages that lighttpd protects.
//!
//! The address ends the message, so the last one is the true one. lighttpd escapes what a
//! client sends.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "lighttpd-auth",
    counts: "wrong passwords for pages that lighttpd protects",
    proof: Proof::Service("lighttpd 1.4.69 and 1.4.79"),
    sample: "2026-03-02 04:05:06: (mod_auth.c.863) password doesn't match for /private username: bob IP: 203.0.113.9",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/lighttpd/*error.log",
        "/var/log/lighttpd/*error_log",
    ],
    journal: JournalSenders::of(&["lighttpd.service"]).and(&["www-data", "lighttpd"]),
    offer: Offer::SwitchedOff(&["usr/sbin/lighttpd"]),
    ..BuiltinRule::NONE
};

/// A message, and the address behind it.
macro_rules! lighttpd {
    ($message:literal) => {
        concat!(
            "^",
            priority!(),
            "(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            ")(?:: | +",
            tag!("lighttpd"),
            r")\((?:server: )?(?:mod_auth|http_auth|mod_authn_gssapi)\.c\.\d+\) ",
            $message,
            r" IP: (?P<ip>\S+)$"
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        lighttpd!(
            "(?:password doesn't match for .* username: (?P<user>.*?),?|digest: auth failed: uri mismatch .*,|get_password failed,?)"
        ),
        &[" IP: "],
    ),
    BuiltinPattern::new(
        lighttpd!("digest: auth failed(?: for)? (?P<user>.*): wrong password,"),
        &[" IP: "],
    ),
];
