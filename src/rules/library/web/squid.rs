//! Requests that Squid denies, and wrong passwords.
//!
//! The address stands before all that a client says. Squid escapes what it says, but for
//! blanks in a user's name.
//!
//! As fail2ban, and 407 with a user, which it leaves out: that is a wrong password. 407
//! without one is how Squid asks each browser for its password at first.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "squid",
    counts: "requests that Squid denies (403, 405), and wrong passwords (407 with a user)",
    proof: Proof::Service("Squid 5.7 and 6.13"),
    sample: "1772424306.123      0 203.0.113.9 TCP_DENIED/403 3854 GET http://example.org/ - HIER_NONE/- text/html",
    patterns: PATTERNS,
    time_formats: stamps::EPOCH,
    logs: &["/var/log/squid/access.log", "/var/log/squid3/access.log"],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        r"^(?P<time>\d{9,11}(?:\.\d+)?) +\d+ (?P<ip>\S+) (?:\w+_DENIED(?:_\w+)?/403|NONE(?:_NONE)?/405) .*$",
        &["_DENIED", "NONE/405"],
    ),
    BuiltinPattern::new(
        r"^(?P<time>\d{9,11}(?:\.\d+)?) +\d+ (?P<ip>\S+) \w+_DENIED(?:_\w+)?/407 \d+ \S+ \S+ (?P<user>(?:[^ -]|-[^ ]).*) [A-Z_]+/\S+ .*$",
        &["_DENIED"],
    ),
];
