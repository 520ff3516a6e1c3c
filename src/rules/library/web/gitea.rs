//! The messages of Gitea and Forgejo about a failed login.
//!
//! The name stands before the address, and once more behind it. So it has no colon, which no
//! user has, and what stands between the address and the second name has neither a colon nor
//! a dot: a name that looks like the message leaves no reading.
//!
//! Of the server of ssh that is built in, only the message about the end of a connection
//! counts, which is one for each, and only if a key or a password was tried: `Failed
//! authentication attempt from` is written for each key, and for ports that are only looked at.
//! Nor does a connection count that a client resets: its message is an error of reading, which is
//! that of a port that is only looked at. Keys can not be guessed, and passwords it does not take.
//! Of logins for git over HTTP, and of the API, there is no message with an address.
//!
//! fail2ban has a filter for Gitea in its documentation alone; this counts the same. From
//! Gitea 1.20 on, and in Forgejo, a line break in a name is written as it is ([`FORGEABLE`]);
//! before, a tab stood behind it.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "gitea",
    counts: "failed logins at Gitea and Forgejo",
    proof: Proof::Documentation(
        "the source of Gitea 1.19, 1.22 and of 2026, of Forgejo, and of Go's ssh",
    ),
    sample: "2026/03/02 04:05:06 .../web/auth/auth.go:204:SignInPost() [W] Failed authentication attempt for bob from 203.0.113.9:40022: user does not exist [uid: 0, name: bob]",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/lib/gitea/log/gitea.log",
        "/var/log/gitea/gitea.log",
        "/var/lib/forgejo/log/forgejo.log",
        "/var/log/forgejo/forgejo.log",
    ],
    journal: JournalSenders::of(&["gitea.service", "forgejo.service"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Gitea and Forgejo write a line break in a user's name into their log as it is",
    "count the answers of the proxy before it: the rule nginx or apache with `urls` /user/login and `http_status_blocks` 200",
);

const TIME_FORMATS: &[&str] = &[
    "%Y/%m/%d %H:%M:%S%.f",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

/// What stands behind the time: where in the program, the level, a number, the message.
macro_rules! failure {
    () => {
        concat!(
            r"(?:(?:\.\.\.)?[\w./-]+:\d+:\S+ |HTTPRequest |[\w./:()-]+ )?\[\w+\] (?:\[[\w-]+\] )?Failed ",
            r"authentication attempt for (?P<user>[^:]*) from ",
            address_port!(),
            r": [\w' -]+?(?: ?\[(?:uid: \d+, name|email): [^:]*(?:, keyid: \d+)?\])?",
            "$",
        )
    };
}

/// The same of a connection to the server of ssh: what was tried, or how the client, which
/// has no other key, or the server said that this was all.
macro_rules! ssh_failure {
    () => {
        concat!(
            r"(?:(?:\.\.\.)?[\w./-]+:\d+:\S+ |[\w./:()-]+ )?\[\w+\] (?:\[[\w-]+\] )?Failed connection from ",
            address_port!(),
            r" with error: (?:\[(?:ssh: no auth passed yet, )?(?:permission denied|ssh: (?:password|publickey|keyboard|gssapi|unknown|algorithm|public key|signature)).*\]",
            r"|ssh: disconnect, reason (?:2|11|13|14): .*)$",
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ",
            failure!()
        ),
        &["Failed authentication attempt for "],
    ),
    BuiltinPattern::new(
        concat!(
            r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ",
            ssh_failure!()
        ),
        &["Failed connection from "],
    ),
    BuiltinPattern::new(
        concat!(
            head!("gitea|forgejo"),
            r"(?:\d{4}/\d\d/\d\d [\d:.]+ )?",
            failure!()
        ),
        &["Failed authentication attempt for "],
    ),
    BuiltinPattern::new(
        concat!(
            head!("gitea|forgejo"),
            r"(?:\d{4}/\d\d/\d\d [\d:.]+ )?",
            ssh_failure!()
        ),
        &["Failed connection from "],
    ),
];
