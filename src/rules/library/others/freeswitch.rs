//! The messages of FreeSWITCH about failed registrations and calls.
//!
//! The name stands before the address, which ends the line: the last one is the true one. It has
//! no port, and IPv6 no brackets. A line break in a header is followed by a blank, so that no
//! client begins a line with a stamp.
//!
//! As fail2ban's normal mode, without challenges, which each client gets at first. A profile writes
//! the first message only with `log-auth-failures`; the second one it writes of itself, so that
//! with that parameter a user who is not there is told of twice. What an access list rejects is
//! not counted. The senders of UDP can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "freeswitch",
    counts: "failed registrations and calls at FreeSWITCH (of wrong passwords if log-auth-failures is set)",
    proof: Proof::Documentation("the source of FreeSWITCH 1.2 and 1.10"),
    sample: "2026-03-02 04:05:06.123456 [WARNING] sofia_reg.c:1792 SIP auth failure (REGISTER) on sofia profile 'internal' for [1000@192.0.2.1] from ip 203.0.113.9",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/freeswitch/freeswitch.log",
        "/usr/local/freeswitch/log/freeswitch.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "its requests come by UDP, and anybody can send them under any address",
    "let FreeSWITCH listen on TLS alone, or set `trust_sender` to true all the same",
);

/// All that stands before the message.
macro_rules! freeswitch {
    () => {
        r"^(?:[0-9a-f-]{36} )?(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(?: \d+\.\d+%)? \[WARNING\] sofia_reg\.c:\d+ "
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            freeswitch!(),
            r"SIP auth failure \((?:REGISTER|INVITE)\) on sofia profile '[^']+' for \[(?P<user>.*)\] from ip (?P<ip>\S+)$"
        ),
        &["SIP auth failure ("],
    ),
    BuiltinPattern::new(
        concat!(
            freeswitch!(),
            r"Can't find user \[(?P<user>.*)\] from (?P<ip>\S+)$"
        ),
        &["Can't find user ["],
    ),
];
