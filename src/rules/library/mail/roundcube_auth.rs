//! The messages of Roundcube about a failed login.
//!
//! The name stands before the address, and what stands behind the address is Roundcube's
//! own, so the last address of the line is the true one. Where a proxy hands on the
//! client's address in a header, the client can write that header: it does not count.
//!
//! As fail2ban. Roundcube writes a line break in a name as it is into its own files: with
//! these lines alone can be forged ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "roundcube-auth",
    counts: "failed logins at Roundcube",
    proof: Proof::Documentation("the source of Roundcube 1.6"),
    sample: "[02-Mar-2026 04:05:06 +0000]: <5f2a9c1e> Failed login for bob from 203.0.113.9 in session 5f2a9c1e7d3b8a60 (error: 1)",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/roundcube/userlogins.log",
        "/var/log/roundcube/userlogins",
        "/var/log/roundcubemail/userlogins.log",
        "/var/log/roundcubemail/userlogins",
        "/var/log/roundcube/errors.log",
        "/var/log/roundcube/errors",
        "/var/log/roundcubemail/errors.log",
        "/var/log/roundcubemail/errors",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "Roundcube writes a line break in a user's name into its own log as it is",
    remedy: "set `log_driver` to 'syslog' in Roundcube's configuration, and name the file of syslog in `log_files`",
    fixed: Some(FixedVersion {
        version: "syslog",
        entry: r"^(?:\[\d\d-|(?P<fixed>[A-Z][a-z]{2} |\d{4}-))",
        files: &[],
    }),
    programs: &[],
    in_usual_logs: true,
};

macro_rules! failed {
    () => {
        r"(?:<\w+> )?(?:(?:Failed|FAILED) login|IMAP Error: Login failed) for (?P<user>.*) from (?P<ip>[0-9A-Fa-f.:]+)(?: in session \w+ \(error: -?\d+\)|\. [^\[\]]*)?$"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\[(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?)\]: ",
            failed!()
        ),
        &["login for ", "Login failed for "],
    ),
    BuiltinPattern::new(
        concat!(head!("roundcube"), failed!()),
        &["login for ", "Login failed for "],
    ),
];

const TIME_FORMATS: &[&str] = &[
    "%d-%b-%Y %H:%M:%S%.f %z",
    "%d-%b-%Y %H:%M:%S%.f",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];
