//! The messages of Webmin and Usermin about a failed login.
//!
//! The address ends the message, so the last one is the true one.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "webmin-auth",
    counts: "failed logins of Webmin and Usermin",
    proof: Proof::Documentation("the source of Webmin's miniserv.pl"),
    sample: "Mar  2 04:05:06 host webmin[7]: Invalid login as root from 203.0.113.9",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    journal: JournalSenders::of(&["webmin.service", "usermin.service"]),
    offer: Offer::SwitchedOff(&["usr/share/webmin/miniserv.pl"]),
    addresses: Some("switch off the look-up of names in Webmin's configuration"),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("webmin|usermin"),
        r"(?:Invalid|Non-existent|Expired) login as (?P<user>.*) from (?P<ip>\S+)$"
    ),
    &[
        "Invalid login as ",
        "Non-existent login as ",
        "Expired login as ",
    ],
)];
