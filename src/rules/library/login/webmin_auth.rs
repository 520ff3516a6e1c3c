//! The messages of Webmin and Usermin about a failed login.
//!
//! The address ends the message, so the last one is the true one: a name sent in a header
//! may have blanks. A wrong second factor is an invalid login, too. A line break in such
//! a name stays within its message: rsyslog and the journal escape it.
//!
//! As fail2ban, and a password that has expired. For its logs, Webmin believes headers with
//! an address from any client, with or without `trust_real_ip` ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "webmin-auth",
    counts: "failed logins of Webmin and Usermin",
    proof: Proof::Documentation("the source of Webmin 2 (miniserv.pl)"),
    sample: "Mar  2 04:05:06 host webmin[7]: Invalid login as root from 203.0.113.9",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    journal: JournalSenders::of(&["webmin.service", "usermin.service"]),
    offer: Offer::SwitchedOff(&["usr/share/webmin/miniserv.pl"]),
    forgeable: Some(&FORGEABLE),
    addresses: Some("switch off the look-up of names in Webmin's configuration"),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Webmin takes the address from the headers X-Forwarded-For and X-Real-IP of any client",
    "let nobody reach Webmin but a proxy that sets X-Forwarded-For, and set `trust_sender` to true",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("webmin|usermin"),
        r"(?:Invalid|Non-existent|Expired) login as (?P<user>.*) from (?P<ip>\S+)$"
    ),
    &[
        "Invalid login as ",
        "Non-existent login as ",
        "Expired login as ",
    ],
)];
