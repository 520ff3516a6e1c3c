//! The message of ejabberd about a failed login.
//!
//! The name stands before the address, and behind the address stands a sentence of ejabberd, which
//! ends the line: the last address is the true one.
//!
//! As fail2ban, in the form of today, which is one line. ejabberd writes a line break in a name as
//! it is ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "ejabberd-auth",
    counts: "failed logins at ejabberd",
    proof: Proof::Service("ejabberd 23.01 and 24.12"),
    sample: "2026-03-02 04:05:06.123456+00:00 [warning] <0.500.0>@ejabberd_c2s:process_auth_result/3:304 (tls|<0.500.0>) Failed c2s PLAIN authentication for bob@example.org from ::ffff:203.0.113.9: Invalid username or password",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/ejabberd/ejabberd.log",
        "/opt/ejabberd/logs/ejabberd.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "ejabberd writes a line break in a user's name into its log as it is",
    "let ejabberd ban by itself (its module mod_fail2ban)",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d)?) \[(?:warning|info)\] <[\d.]+>@\w+:\w+(?:/\d+)?:\d+ \([^()\s]*\) Failed c2s \S+ authentication (?:for (?P<user>.*) )?from (?P<ip>\S+): (?:Invalid|Malformed|Bad|The|Account|User)[^:]*$",
    &["Failed c2s "],
)];
