//! The messages of WU-FTPD about a failed login.
//!
//! Before the address stand what the client's ident server says, and the name in DNS or the address
//! once more. Behind it stands the user: in the first message only one that is there, in the second
//! whatever was typed. In a line that counts none of these has a bracket.
//!
//! As fail2ban, without what PAM says, which `pam-generic` counts; and users who may not log in, of
//! whom no other line tells. `repeated login failures` comes after another line.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "wuftpd",
    counts: "failed logins of WU-FTPD",
    proof: Proof::Documentation("the source of WU-FTPD 2.8"),
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
        r"(?:failed login from |FTP LOGIN REFUSED \([^()]*\) FROM )(?:[^\[\]@]* @ )?[\w.:-]* ?\[(?P<ip>[^\[\]\s]+)\](?:, (?:\[unknown\]|(?P<user>[^\[\]]*)))?$"
    ),
    &["failed login from ", "FTP LOGIN REFUSED ("],
)];
