//! The message of Courier's IMAP, POP3 and web mail about a failed login.
//!
//! The name stands before the address, and the message ends with the address and the port,
//! so the last address is the true one.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "courier-auth",
    counts: "failed logins of IMAP, POP3 and web mail at Courier",
    proof: Proof::Service("Courier 1.0 and 1.4"),
    sample: "Mar  2 04:05:06 host imapd: LOGIN FAILED, user=bob, ip=[::ffff:203.0.113.9], port=[40022]",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JournalSenders::of(&[
        "courier-imap.service",
        "courier-imap-ssl.service",
        "courier-pop.service",
        "courier-pop-ssl.service",
    ])
    .and(&["courier"]),
    offer: Offer::SwitchedOff(&["usr/sbin/couriertcpd"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(
            r"(?:imapd?|imaplogin|pop3d?|pop3login|courierpop3login|imapd-ssl|pop3d-ssl|sqwebmaild?|webmaild?)"
        ),
        r"(?:INFO: )?LOGIN FAILED, (?:user|method)=(?P<user>.*), ip=\[(?P<ip>[^\]\s]+)\](?:, port=\[\d+\])?$"
    ),
    &["LOGIN FAILED, "],
)];
