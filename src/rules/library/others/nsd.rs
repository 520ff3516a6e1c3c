//! Queries and transfers that NSD refuses, in its own log or through syslog.
//!
//! A name of a zone is one word, since NSD escapes blanks in it.
//!
//! As fail2ban, and other refused queries. The senders of UDP can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nsd",
    counts: "queries that NSD slows down, and queries and transfers that it refuses",
    proof: Proof::Service("NSD 4.6 and 4.12"),
    sample: "[1772424306] nsd[7]: info: axfr for example.org. from 203.0.113.9 refused, no acl matches",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/nsd.log",
        "/var/log/nsd/nsd.log",
        "/var/log/syslog",
        "/var/log/messages",
    ],
    journal: JournalSenders::of(&["nsd.service"]).and(&["nsd"]),
    offer: Offer::SwitchedOff(&["usr/sbin/nsd"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "its requests come by UDP, and anybody can send them under any address",
    "let NSD slow down what is too much (`rrl-ratelimit`), or set `trust_sender` to true all the same",
);

const TIME_FORMATS: &[&str] = &[
    "%s",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^(?:\[|",
            priority!(),
            r")(?P<time>\d{9,11}|",
            classic_time!(),
            "|",
            iso_time!(),
            r")\]? +",
            tag!("nsd"),
            r"(?:(?:error|warning|notice|info): )?(?:(?:[ai]xfr for|notify for|query) \S+ from (?P<ip>[0-9A-Fa-f.:]+)(?:@\d+)? refused, .*)$"
        ),
        &[" refused, "],
    ),
    BuiltinPattern::new(
        concat!(
            r"^(?:\[|",
            priority!(),
            r")(?P<time>\d{9,11}|",
            classic_time!(),
            "|",
            iso_time!(),
            r")\]? +",
            tag!("nsd"),
            r"(?:(?:error|warning|notice|info): )?ratelimit block \S+ type \S+ target \S+ query (?P<ip>[0-9A-Fa-f.:]+) \S+$"
        ),
        &["ratelimit block "],
    ),
];
