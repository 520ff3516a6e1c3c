//! The message of WU-FTPD about a failed login.
//!
//! The address ends the message, so the last one is the true one.
//!
//! As fail2ban, without what PAM says, which `pam-generic` counts.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "wuftpd",
    counts: "failed logins of WU-FTPD",
    proof: Proof::Documentation("the source of WU-FTPD 2.6"),
    sample: "Mar  2 04:05:06 host wu-ftpd[7]: failed login from pc.example.org [203.0.113.9]",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    offer: Offer::SwitchedOff(&["usr/sbin/wu-ftpd"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(r"(?:wu-?|in\.)?ftpd"),
        r"failed login from [\w.:-]* ?\[(?P<ip>[^\[\]\s]+)\]$"
    ),
    &["failed login from "],
)];
