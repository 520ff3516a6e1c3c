//! The message of Cyrus' `timsieved` about a failed login.
//!
//! The address stands before all that a client says. The name before it holds no bracket.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "sieve",
    counts: "failed logins at Cyrus' ManageSieve",
    proof: Proof::Service("Cyrus 3.6 and 3.10"),
    sample: "Mar  2 04:05:06 host cyrus/sieve[7]: badlogin: pc.example.org[203.0.113.9] PLAIN authentication failure",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JournalSenders::of(&["cyrus-imapd.service"]).and(&["cyrus"]),
    offer: Offer::SwitchedOff(&["usr/sbin/cyrmaster", "usr/libexec/cyrus-imapd/cyrus-master"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(r"(?:cyrus/)?(?:tim)?sieved?"),
        r"badlogin: (?:[\w.:-]+ ?)?\[(?P<ip>[0-9A-Fa-f.:]+)\] .*$"
    ),
    &["badlogin: "],
)];
