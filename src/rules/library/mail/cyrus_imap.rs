//! The message of Cyrus about a failed login at IMAP, POP3, NNTP and HTTP.
//!
//! The address stands before all that a client says. The name before it holds no bracket.
//!
//! As fail2ban, and HTTP.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "cyrus-imap",
    counts: "failed logins at Cyrus",
    proof: Proof::Service("Cyrus 3.6 and 3.10"),
    sample: "Mar  2 04:05:06 host cyrus/imap[7]: badlogin: [203.0.113.9] plaintext (bob) [SASL(-13): authentication failure: checkpass failed]",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&["usr/sbin/cyrmaster", "usr/libexec/cyrus-imapd/cyrus-master"]),
    ..BuiltinRule::NONE
};

pub(super) const JOURNAL: JournalSenders =
    JournalSenders::of(&["cyrus-imapd.service"]).and(&["cyrus"]);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(r"(?:cyrus/)?(?:imaps?|imapd|pop3s?|pop3d|nntps?|nntpd|https?|httpd)"),
        r"badlogin: (?:[\w.:-]+ ?)?\[(?P<ip>[0-9A-Fa-f.:]+)\] (?:[\w-]+ (?:\(-notset-\) .*|\(?(?P<user>.*?)\)? (?:\[?SASL\(|invalid user).*)|.*)$"
    ),
    &["badlogin: "],
)];
