//! The messages of Monit about a refused client of its web page.
//!
//! The address stands before all that a client says.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "monit",
    counts: "wrong passwords at Monit's web page",
    proof: Proof::Service("Monit 5.33 and 5.34"),
    sample: "[2026-03-02T04:05:06+0000] warning  : HttpRequest: access denied -- client [203.0.113.9]: wrong password for user 'admin'",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &["/var/log/monit.log", "/var/log/monit"],
    journal: JournalSenders::of(&["monit.service"]),
    offer: Offer::SwitchedOff(&["usr/bin/monit"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^(?:\[(?:[A-Z]{2,5} )?|",
            priority!(),
            ")(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            r")\]? +(?:",
            tag!("monit"),
            r")?(?:(?:error|warning|info) *: )?(?:HttpRequest: access denied -- client \[(?P<ip>[^\]\s]+)\]: (?:unknown user|wrong password for user|missing or invalid)(?: '(?P<user>.*)'|.*))$"
        ),
        &["access denied -- client ["],
    ),
    BuiltinPattern::new(
        concat!(
            r"^(?:\[(?:[A-Z]{2,5} )?|",
            priority!(),
            ")(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            r")\]? +(?:",
            tag!("monit"),
            r")?(?:(?:error|warning|info) *: )?(?:Warning: +)?Client '(?P<ip>[^'\s]+)' supplied (?:unknown user|wrong password for user) (?:'(?P<user>.*)' accessing .*|.*)$"
        ),
        &["Client '"],
    ),
];
