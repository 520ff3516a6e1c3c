//! The messages of the mail servers of the University of Washington about a failed login.
//!
//! The address ends the message, so the last one is the true one. What stands before it is cut
//! after 80 signs with the address, so that an address behind a long name may be cut: it has no
//! bracket then, and names nobody.
//!
//! As fail2ban, and the mechanisms of `AUTHENTICATE` whose failures write no other line.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "uwimap-auth",
    counts: "failed logins at UW's IMAP and POP3 servers",
    proof: Proof::Documentation("the source of Panda IMAP, which goes on from UW IMAP 2007f"),
    sample: "Mar  2 04:05:06 host imapd[7]: Login failed user=bob auth=bob host=pc.example.org [203.0.113.9]",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    offer: Offer::SwitchedOff(&["usr/sbin/imapd", "usr/sbin/ipop3d"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("imapd|ipop[23]d"),
        r"(?:(?:Login (?:failed|excessive login failures|disabled|SYSTEM BREAK-IN ATTEMPT) user=|Failed .* override of user=)(?P<user>.*?)(?: auth=.*)?|AUTHENTICATE (?:CRAM-MD5|GSSAPI|EXTERNAL) failure) host=(?:[\w.:-]+ )?\[(?P<ip>[^\[\]\s]+)\]$"
    ),
    &[
        "Login failed user=",
        "Login excessive login failures user=",
        "Login disabled user=",
        "Login SYSTEM BREAK-IN ATTEMPT user=",
        "AUTHENTICATE ",
        " override of user=",
    ],
)];
