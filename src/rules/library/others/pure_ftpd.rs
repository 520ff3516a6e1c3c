//! The message of Pure-FTPd about a failed login.
//!
//! The host stands before all that a client says. By default Pure-FTPd writes the name that DNS
//! has for the address, which the owner of the address chooses ([`FORGEABLE`]).
//!
//! As fail2ban, in English.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "pure-ftpd",
    counts: "failed logins of Pure-FTPd",
    proof: Proof::Service("Pure-FTPd 1.0.50"),
    sample: "Mar  2 04:05:06 host pure-ftpd: (?@203.0.113.9) [WARNING] Authentication failed for user [bob]",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/pure-ftpd/pure-ftpd.log",
        "/var/log/syslog",
        "/var/log/messages",
    ],
    journal: JournalSenders::of(&["pure-ftpd.service"]),
    offer: Offer::SwitchedOff(&["usr/sbin/pure-ftpd"]),
    forgeable: Some(&FORGEABLE),
    addresses: Some("set `DontResolve` to yes in the configuration of Pure-FTPd (`-H`)"),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Pure-FTPd writes the name that DNS has for an address, and its owner can make that name another address",
    "set `DontResolve` to yes (`-H`), and then `trust_sender` to true",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("pure-ftpd"),
        r"\(\?@(?P<ip>[^\s()]+)\) \[WARNING\] Authentication failed for user \[(?P<user>.*)\]$"
    ),
    &["] Authentication failed for user ["],
)];
