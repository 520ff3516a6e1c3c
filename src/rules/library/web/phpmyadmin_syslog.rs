//! The message of phpMyAdmin about a failed login, through syslog.
//!
//! The name stands before the address, which ends the message: the last one is the true one.
//!
//! As fail2ban. PHP makes several messages of a text with line breaks ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "phpmyadmin-syslog",
    counts: "failed logins at phpMyAdmin, which it sends to syslog (`AuthLog` is syslog)",
    proof: Proof::Service("phpMyAdmin 5.2"),
    sample: "Mar  2 04:05:06 host phpMyAdmin[7]: user denied: bob (mysql-denied) from 203.0.113.9",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    offer: Offer::SwitchedOff(&["usr/share/phpmyadmin/index.php"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "PHP sends each line of what a client typed to syslog as a message of its own",
    "count the answers of the web server: the rules apache and nginx have phpMyAdmin among their pages",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("phpMyAdmin"),
        r"user denied: (?P<user>.*) \([\w-]+\) from (?P<ip>\S+)$"
    ),
    &["user denied: "],
)];
