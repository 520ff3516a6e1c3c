//! The message of xrdp's session manager about a failed login.
//!
//! The user's name stands before the address, and the end of the line is xrdp's own, so
//! the last address is the true one.
//!
//! As fail2ban. xrdp writes a line break in a name as it is into its own file: lines of
//! syslog and of the journal alone can be believed ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "xrdp",
    counts: "failed logins of xrdp",
    proof: Proof::Service("xrdp 0.9 and 0.10"),
    sample: "[20260302-04:05:06] [INFO ] AUTHFAIL: user=bob ip=::ffff:203.0.113.9 time=1772424306",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/xrdp-sesman.log"],
    journal: JournalSenders::of(&["xrdp-sesman.service"]),
    offer: Offer::SwitchedOff(&["usr/sbin/xrdp-sesman"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "xrdp writes a line break in a user's name into its own log as it is",
    remedy: "set `EnableSyslog=true` in sesman.ini, and `log_files` to \"journal:xrdp-sesman.service\"",
    fixed: Some(FixedVersion {
        version: "syslog",
        entry: r"^(?:\[\d{4}|(?P<fixed>[A-Z][a-z]{2} |\d{4}-))",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::Files,
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        r"^\[(?P<time>\d{8}-\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d{4})\] \[INFO \] AUTHFAIL: user=(?P<user>.*) ip=(?P<ip>\S+) time=\d+$",
        &[" AUTHFAIL: user="],
    ),
    BuiltinPattern::new(
        concat!(
            head!("xrdp-sesman|xrdp-sesexec"),
            r"\[INFO \] AUTHFAIL: user=(?P<user>.*) ip=(?P<ip>\S+) time=\d+$"
        ),
        &[" AUTHFAIL: user="],
    ),
];

const TIME_FORMATS: &[&str] = &[
    "%Y%m%d-%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%b %d %H:%M:%S%.f",
];
