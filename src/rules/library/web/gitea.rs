//! The messages of Gitea and Forgejo about a failed login.
//!
//! The name stands before the address, and once more behind it. So it has no blank, and no other
//! address stands behind the first: a name that looks like the message leaves no reading.
//! A line break in a name begins a line with a tab.
//!
//! fail2ban has a filter for Gitea in its documentation alone; this counts the same.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "gitea",
    counts: "failed logins at Gitea and Forgejo",
    proof: Proof::Documentation("the source of Gitea 1.22"),
    sample: "2026/03/02 04:05:06 HTTPRequest [W] Failed authentication attempt for bob from 203.0.113.9:40022: user does not exist [uid: 0, name: bob]",
    patterns: PATTERNS,
    time_formats: stamps::SLASHED,
    logs: &[
        "/var/lib/gitea/log/gitea.log",
        "/var/log/gitea/gitea.log",
        "/var/lib/forgejo/log/forgejo.log",
        "/var/log/forgejo/forgejo.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?:\.\.\.)?(?:[\w./-]+:\d+:\S+ |HTTPRequest |[\w./:()-]+ )?\[\w\] (?:\[[\w-]+\] )?Failed authentication attempt for (?P<user>\S+) from ",
        address_port!(),
        r": [\w' ]+?(?: ?\[uid: \d+, name: \S*(?:, keyid: \d+)?\])?$"
    ),
    &["Failed authentication attempt for "],
)];
