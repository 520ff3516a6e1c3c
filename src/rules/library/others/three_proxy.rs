//! The lines of 3proxy about a wrong user or password.
//!
//! In the format of its sample configuration blanks and control characters are written as `_`:
//! each field is one word, and the user before the address can hold no other field. In formats
//! that do not begin with `- +_` a client can write what it likes, so none of them counts.
//!
//! fail2ban counts all that is refused, by a format of its own. Here a client that is only asked
//! for its name (4), and what the access list forbids (1 to 3), are no failures.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "3proxy",
    counts: "failed logins at 3proxy, if logformat is that of its sample configuration",
    proof: Proof::Documentation("the source of 3proxy 0.9"),
    sample: "1772424306.123  SOCK5.1080 00006 bob 203.0.113.9:40022 0.0.0.0:0 0 0 0 CONNECT_192.0.2.1:443",
    patterns: PATTERNS,
    time_formats: stamps::EPOCH,
    logs: &[
        "/var/log/3proxy/log.*",
        "/var/log/3proxy/*.log",
        "/usr/local/3proxy/logs/*.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

// `- +_L%t.%.  %N.%p %E %U %C:%c %R:%r %O %I %h %T`; an address of IPv6 has no brackets.
const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r"^(?P<time>\d{10}\.\d{3}) +[A-Za-z0-9_-]+\.\d+ 0000[5-8] (?P<user>\S+) (?P<ip>[0-9A-Fa-f.:]+):\d+ [0-9A-Fa-f.:]+:\d+ \d+ \d+ \d+(?: \S*)?$",
    &[" 00005 ", " 00006 ", " 00007 ", " 00008 "],
)];
