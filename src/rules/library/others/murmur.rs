//! The messages of Mumble's server about a refused client.
//!
//! The name stands before the address, and behind it stands one of three sentences, which end the
//! line: the last address is the true one.
//!
//! As fail2ban. The server writes a line break in a name as it is ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "murmur",
    counts: "wrong passwords at Mumble's server",
    proof: Proof::Service("Mumble 1.3 and 1.5"),
    sample: "<W>2026-03-02 04:05:06.123 1 => <7:bob(-1)> Rejected connection from 203.0.113.9:40022: Invalid server password",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &["/var/log/mumble-server/mumble-server.log"],
    journal: JournalSenders::of(&["mumble-server.service"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Mumble's server writes a line break in a name into its log as it is",
    "let it ban by itself (`autobanAttempts` in its configuration)",
);

/// Behind the time: who was refused.
macro_rules! refused {
    () => {
        r" \d+ => <\d+:(?P<user>.*)\(-?\d+\)> Rejected connection from \[?(?P<ip>[0-9A-Fa-f.:]+?)\]?:\d+: (?:Invalid server password|Invalid username|Wrong certificate or password for existing user)$"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^<W>(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)",
            refused!()
        ),
        &["> Rejected connection from "],
    ),
    // Debian 13 has it write to its standard error, of which systemd makes entries.
    BuiltinPattern::new(
        concat!(
            head!("mumble-server"),
            r"<W>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?",
            refused!()
        ),
        &["> Rejected connection from "],
    ),
];
