//! The lines of 3proxy about a wrong user or password.
//!
//! In the format of its sample configuration blanks and control characters are written as `_`:
//! each field is one word, and the user before the address can hold no other field. In formats
//! that do not begin with `- +_` a client can write what it likes, so none of them counts, nor
//! does the one that 3proxy has of itself. The project's own packages set none: with them, a
//! `logformat` has to be added.
//!
//! The older ones write a file for each day into a directory to which `/var/log/3proxy` is a link,
//! those since 0.9.6 write to syslog (`log @3proxy`). A line is written when the connection ends,
//! with the code of what failed, however it ends.
//!
//! fail2ban counts all that is refused, by a format of its own. Here a client that is only asked
//! for its name (4), and what the access list forbids (1 to 3), are no failures.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "3proxy",
    counts: "failed logins at 3proxy, if logformat is that of its sample configuration",
    proof: Proof::Documentation("the source of 3proxy 0.9"),
    sample: "1772424306.123  SOCK5.1080 00006 bob 203.0.113.9:40022 0.0.0.0:0 0 0 0 CONNECT_192.0.2.1:443",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/3proxy/log.*",
        "/var/log/3proxy/*.log",
        "/usr/local/3proxy/logs/*.log",
    ],
    journal: JournalSenders::of(&["3proxy.service"]).and(&["proxy"]),
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const TIME_FORMATS: &[&str] = &[
    "%s%.f",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

/// Behind the time, in `- +_L%t.%.  %N.%p %E %U %C:%c %R:%r %O %I %h %T`. An address of IPv6 has no
/// brackets.
macro_rules! failure {
    () => {
        r" +[A-Za-z0-9_-]+\.\d+ 0000[5-8] (?P<user>\S+) (?P<ip>[0-9A-Fa-f.:]+):\d+ [0-9A-Fa-f.:]+:\d+ \d+ \d+ \d+(?: \S*)?$"
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(concat!(r"^(?P<time>\d{10}\.\d{3})", failure!()), LITERALS),
    // With `log @3proxy`.
    BuiltinPattern::new(
        concat!(head!("3proxy"), r"\d{10}\.\d{3}", failure!()),
        LITERALS,
    ),
];

const LITERALS: &[&str] = &[" 00005 ", " 00006 ", " 00007 ", " 00008 "];
