//! What PortSentry takes for a scan of ports.
//!
//! The name before the address holds no slash.
//!
//! As fail2ban. A scan needs no connection, so its sender can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "portsentry",
    counts: "scans of ports, as PortSentry sees them",
    proof: Proof::Service("PortSentry 1.2"),
    sample: "Mar  2 04:05:06 host portsentry[7]: attackalert: TCP SYN/Normal scan from host: pc.example.org/203.0.113.9 to TCP port: 143",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::DAEMON_LOGS,
    journal: JournalSenders::of(&["portsentry.service"]),
    offer: Offer::SwitchedOff(&["usr/sbin/portsentry"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "packets that open no connection can be sent under any address",
    "set `trust_sender` to true all the same, if you accept that anybody can ban any address",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("portsentry"),
        r"attackalert: [\w /]+ from host: [^/\s]*/(?P<ip>[0-9A-Fa-f.:]+) to (?:TCP|UDP) port: \d+$"
    ),
    &["attackalert: "],
)];
