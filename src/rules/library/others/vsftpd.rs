//! The message of vsftpd about a failed login, in its own log or through syslog.
//!
//! ```text
//! Mon Mar  2 04:05:06 2026 [pid 7] [NAME] FAIL LOGIN: Client "ADDRESS"
//! ```
//!
//! The name stands before the address, which ends the line: the last one is the true one. In
//! other messages a client's text ends the line, but behind their address stands `", `, which
//! the name does not hold. vsftpd writes what can not be printed as `?`.
//!
//! As fail2ban; what PAM says of the same login is counted by `pam-generic`.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "vsftpd",
    counts: "failed logins of vsftpd, as its own log has them",
    proof: Proof::Service("vsftpd 3.0.3 and 3.0.5"),
    sample: "Mon Mar  2 04:05:06 2026 [pid 7] [bob] FAIL LOGIN: Client \"203.0.113.9\"",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/vsftpd.log"],
    journal: JournalSenders::of(&["vsftpd.service"]).and(&["ftp"]),
    offer: Offer::SwitchedOff(&["usr/sbin/vsftpd"]),
    ..BuiltinRule::NONE
};

const TIME_FORMATS: &[&str] = &[
    "%a %b %d %H:%M:%S %Y",
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
        r"(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}|",
        classic_time!(),
        "|",
        iso_time!(),
        r") +(?:\[pid \d+\] |",
        tag!("vsftpd"),
        r#")\[(?P<user>(?:[^"]|"+(?:[^",]|,[^ "]))*"*)\] FAIL LOGIN: Client "(?P<ip>[^"\s]+)" *$"#
    ),
    &["] FAIL LOGIN: Client \""],
)];
