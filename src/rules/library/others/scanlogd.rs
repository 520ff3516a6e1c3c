//! What scanlogd takes for a scan of ports.
//!
//! No client chooses any of the text.
//!
//! As fail2ban. A scan needs no connection, so its sender can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "scanlogd",
    counts: "scans of ports, as scanlogd sees them",
    proof: Proof::Service("scanlogd 2.2"),
    sample: "Mar  2 04:05:06 host scanlogd: 203.0.113.9:40022 to 192.0.2.1 ports 80, 81, 83, 88, 99, 443, ..., fSrpauxy, TOS 00 @04:05:06",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::DAEMON_LOGS,
    journal: JournalSenders::of(&["scanlogd.service"]).and(&["scanlogd"]),
    offer: Offer::SwitchedOff(&["usr/sbin/scanlogd"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "packets that open no connection can be sent under any address",
    "set `trust_sender` to true all the same, if you accept that anybody can ban any address",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("scanlogd"),
        r"(?P<ip>[0-9.]+)(?::\d+)? to [0-9.]+(?::\d+)? ports .*$"
    ),
    &[" ports "],
)];
