//! The messages of Exim about failed logins and refused clients.
//!
//! A host is `name (greeting) [ADDRESS]`. The client chooses the greeting, and its DNS the
//! name; neither holds a parenthesis or a bracket but for an address in brackets within
//! the parentheses. Behind the true address no other bracket may stand: so a greeting
//! that looks like the rest of the line leaves no reading.
//!
//! As fail2ban, without mail to addresses that can not be verified, which people mistype.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "exim",
    counts: "failed logins at Exim; relaying, unknown users, talking out of turn, too many errors",
    proof: Proof::Documentation("the source of Exim 4.98"),
    sample: "2026-03-02 04:05:06 login_server authenticator failed for (pc) [203.0.113.9]: 535 Incorrect authentication data (set_id=bob)",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/exim4/mainlog", "/var/log/exim/main.log"],
    offer: Offer::SwitchedOff(&["usr/sbin/exim4", "usr/sbin/exim"]),
    ..BuiltinRule::NONE
};

macro_rules! stamp {
    () => {
        r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?) (?:\[\d+\] )?"
    };
}

/// `name (greeting) [ADDRESS]:PORT I=[OURS]:PORT U=ident`; each but the address may be
/// missing.
macro_rules! host {
    () => {
        r"(?:[\w.-]+ )?(?:\([^()]*\) )?\[(?P<ip>[0-9A-Fa-f.:]+)\](?::\d+)?(?: I=\[[^\]\s]*\](?::\d+)?)?(?: U=[^\s\[\]:]+)?(?: Ci=\d+)?"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r"[\w-]+ authenticator failed for (?:H=)?",
            host!(),
            r": 535 Incorrect authentication data(?: \(set_id=(?P<user>[^()\[]*)\))?$"
        ),
        &[" authenticator failed for "],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            "H=",
            host!(),
            r"(?: X=[^\s\[]+)?(?: CV=\w+)?(?: SNI=[^\s\[]+)?(?: A=[^\s\[]+)? F=<[^\[]*> rejected RCPT [^\[]*: (?:relay not permitted|Unknown user|Unrouteable address)$"
        ),
        &["> rejected RCPT "],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            r"SMTP protocol synchronization error \(input sent without waiting for greeting\): rejected connection from (?:H=)?",
            host!(),
            r"(?: input=.*)?$"
        ),
        &["SMTP protocol synchronization error ("],
    ),
    BuiltinPattern::new(
        concat!(
            stamp!(),
            "SMTP call from (?:H=)?",
            host!(),
            r" dropped: too many (?:syntax or protocol errors|nonmail commands|unrecognized commands|unknown commands)[^\[]*$"
        ),
        &[" dropped: too many "],
    ),
];

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
];
