//! The messages of Mumble's server about a refused client.
//!
//! The name stands before the address, and behind it stands one of three sentences, which end the
//! line: the last address is the true one.
//!
//! As fail2ban. The server writes a line break in a name as it is ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "murmur",
    counts: "wrong passwords at Mumble's server",
    proof: Proof::Service("Mumble 1.3"),
    sample: "<W>2026-03-02 04:05:06.123 1 => <7:bob(-1)> Rejected connection from 203.0.113.9:40022: Invalid server password",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &["/var/log/mumble-server/mumble-server.log"],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Mumble's server writes a line break in a name into its log as it is",
    "let it ban by itself (`autobanAttempts` in its configuration)",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r"^<W>(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) \d+ => <\d+:(?P<user>.*)\(-?\d+\)> Rejected connection from \[?(?P<ip>[0-9A-Fa-f.:]+?)\]?:\d+: (?:Invalid server password|Invalid username|Wrong certificate or password for existing user)$",
    &["> Rejected connection from "],
)];
