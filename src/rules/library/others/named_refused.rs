//! Queries that BIND denies, in its own log or through syslog.
//!
//! The address stands before all that a client says.
//!
//! As fail2ban. The senders of UDP can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "named-refused",
    counts: "queries, updates and transfers that BIND denies",
    proof: Proof::Service("BIND 9.18 and 9.20"),
    sample: "Mar  2 04:05:06 host named[7]: client @0x7f1234567890 203.0.113.9#40022 (example.org): query (cache) 'example.org/A/IN' denied (allow-query-cache did not match)",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/named/security.log",
        "/var/log/bind/security.log",
        "/var/log/syslog",
        "/var/log/messages",
    ],
    journal: JournalSenders::of(&["named.service", "bind9.service"]).and(&["bind", "named"]),
    offer: Offer::SwitchedOff(&["usr/sbin/named"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "its requests come by UDP, and anybody can send them under any address",
    "block what is too much in BIND itself (`rate-limit`), or set `trust_sender` to true all the same",
);

const TIME_FORMATS: &[&str] = &[
    "%d-%b-%Y %H:%M:%S%.f",
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
        r"(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?|",
        classic_time!(),
        "|",
        iso_time!(),
        ") +(?:",
        tag!("named"),
        r")?(?:[\w-]+: )?(?:(?:error|warning|notice|info): )?client (?:@0x[0-9a-f]+ )?(?P<ip>[0-9A-Fa-f.:]+)#\d+(?:/key [^\s:]+)?(?: \(.*\))?(?:: view [^\s:]+)?: ",
        r"(?:query(?: \(cache\))? '.*' denied.*|update '.*' denied.*|zone transfer '.*' denied.*|bad zone transfer request: '.*': non-authoritative zone \(NOTAUTH\))$"
    ),
    &[" denied", " (NOTAUTH)"],
)];
