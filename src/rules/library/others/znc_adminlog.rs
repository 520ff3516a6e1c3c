//! The message of ZNC's module adminlog about a failed login.
//!
//! The name stands before the address, which ends the message: the last one is the true one.
//!
//! As fail2ban. With its web page, a line break in a name may be written as it is
//! ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "znc-adminlog",
    counts: "failed logins at ZNC, by its module adminlog",
    proof: Proof::Service("ZNC 1.8 and 1.9"),
    sample: "[2026-03-02 04:05:06] [bob] failed to login from 203.0.113.9",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/lib/znc/moddata/adminlog/znc.log"],
    journal: JournalSenders::of(&["znc.service"]).and(&["_znc", "znc"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "ZNC does not escape a line break in a user's name in its own log",
    remedy: "let adminlog write to syslog (`Target syslog`), and set `log_files` to \"journal:znc.service\"",
    fixed: Some(FixedVersion {
        version: "syslog",
        entry: r"^(?:\[|(?P<fixed>[A-Z][a-z]{2} |\d{4}-))",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::Files,
};

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
];

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] \[(?P<user>.*)\] failed to login from (?P<ip>\S+)$",
        &["] failed to login from "],
    ),
    BuiltinPattern::new(
        concat!(
            head!("znc"),
            r"\[(?P<user>.*)\] failed to login from (?P<ip>\S+)$"
        ),
        &["] failed to login from "],
    ),
];
