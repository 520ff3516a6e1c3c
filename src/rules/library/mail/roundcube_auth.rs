//! The messages of Roundcube about a failed login.
//!
//! In the log of logins the address stands before the end of the line, or before a header
//! that a proxy, or the client, has set; in the log of errors the name stands before it, and
//! the page that was asked for behind it. Each pattern says which of them is believed.
//! A header does not count in place of the address.
//!
//! As fail2ban. Roundcube takes angle brackets out of what a client types, so that no client can
//! write a line that begins as its own. Through syslog a client can ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "roundcube-auth",
    counts: "failed logins at Roundcube",
    proof: Proof::Service("Roundcube 1.6"),
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
    why: "PHP sends each line of a user's name to syslog as a message of its own",
    remedy: "let Roundcube write its own files (`log_driver` is 'file')",
    fixed: Some(FixedVersion {
        version: "Roundcube itself",
        entry: r"^(?:(?P<fixed>\[\d\d-)|[A-Z][a-z]{2} |\d{4}-)",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::Unusual,
};

/// All that stands before the message, in Roundcube's own log or through syslog. A client
/// can write no angle bracket, so that only its own lines have the session.
macro_rules! roundcube {
    () => {
        concat!(
            r"^(?:\[|",
            priority!(),
            r")(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?|",
            classic_time!(),
            "|",
            iso_time!(),
            r")(?:\]: | +",
            tag!("roundcube"),
            r")<\w+> "
        )
    };
}

/// A name in which ` against ` does not stand.
macro_rules! nobody_against {
    () => {
        "(?:[^ ]| +(?:[^a ]|a(?:[^g ]|g[^a ])))*"
    };
}

/// What stands behind the address and its dot. Neither ` against ` nor ` from ` stands in it,
/// or the message that has been read would be the beginning of a name.
macro_rules! rest {
    () => {
        "(?: +(?:[^af ]|a(?:[^g ]|g[^a ])|f(?:[^r ]|r[^o ]))[^ ]*)*"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    // Nothing stands between the address and the end that a client can write.
    BuiltinPattern::new(
        concat!(
            roundcube!(),
            r"(?:Failed|FAILED) login for (?P<user>.*) from (?P<ip>[0-9A-Fa-f.:]+)(?: in session \w+ \(error: -?\d+\))?$"
        ),
        &["Failed login for ", "FAILED login for "],
    ),
    // With a header that a client may have set: no other parenthesis may stand there.
    BuiltinPattern::new(
        concat!(
            roundcube!(),
            r"(?:Failed|FAILED) login for (?P<user>[^\s()]*) from (?P<ip>[0-9A-Fa-f.:]+) ?\([\w-]+: [^()]*\) in session \w+ \(error: -?\d+\)$"
        ),
        &["Failed login for ", "FAILED login for "],
    ),
    // ` against ` stands once: neither in the name nor behind the address.
    BuiltinPattern::new(
        concat!(
            roundcube!(),
            "IMAP Error: Login failed for (?P<user>",
            nobody_against!(),
            r") against \S+ from (?P<ip>[0-9A-Fa-f.:]+)(?: ?\([\w-]+: [^()]*\))?\.",
            rest!(),
            " ?$"
        ),
        &["IMAP Error: Login failed for "],
    ),
    // Without the server's name, as older versions have it.
    BuiltinPattern::new(
        concat!(
            roundcube!(),
            r"IMAP Error: Login failed for (?P<user>\S*) from (?P<ip>[0-9A-Fa-f.:]+)(?: ?\([\w-]+: [^()]*\))?\.",
            rest!(),
            " ?$"
        ),
        &["IMAP Error: Login failed for "],
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
