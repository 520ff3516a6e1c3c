//! The messages of ProFTPD about a failed login, in its own log or through syslog.
//!
//! The address stands in brackets before all that a client says. The name before it holds no
//! bracket.
//!
//! As fail2ban. ProFTPD writes a line break in a name into its own log as it is ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "proftpd",
    counts: "failed logins of ProFTPD",
    proof: Proof::Service("ProFTPD 1.3.8"),
    sample: "2026-03-02 04:05:06,123 host proftpd[7] host.example.org (pc.example.org[203.0.113.9]): USER bob (Login failed): Incorrect password",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/proftpd/proftpd.log",
        "/var/log/proftpd.log",
        "/var/log/auth.log",
        "/var/log/secure",
    ],
    journal: JournalSenders::of(&["proftpd.service"]).and(&["proftpd"]),
    offer: Offer::SwitchedOff(&["usr/sbin/proftpd"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "ProFTPD writes a line break in a user's name into its own log as it is",
    remedy: "let it write to syslog (no `SystemLog` in its configuration), and set `log_files` to \"journal:proftpd.service\"",
    fixed: Some(FixedVersion {
        version: "syslog",
        entry: r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,|(?P<fixed>[A-Z][a-z]{2} |\d{4}-\d\d-\d\dT))",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::Files,
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("proftpd"),
        r"[\w.:-]+ \([\w.:-]*\[(?P<ip>[^\]\s]+)\]\)(?::| -) (?:USER (?P<user>.*?)(?:: no such user found from .*| \(Login failed\): .*)|Maximum login attempts \(\d+\) exceeded.*|SECURITY VIOLATION: [Rr]oot login attempted\.?)$"
    ),
    &["USER ", "Maximum login attempts (", "SECURITY VIOLATION: "],
)];
