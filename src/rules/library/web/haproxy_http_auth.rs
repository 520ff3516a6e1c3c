//! Requests that HAProxy itself answers with 401 (`http-request auth`).
//!
//! The address stands before all that a client says, and is the first word of the message.
//!
//! As fail2ban: the first request of each browser, without a password, counts too, since the
//! log does not tell it from one with a wrong password. So give it some attempts.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "haproxy-http-auth",
    counts: "requests that HAProxy answers with 401, also those without a password",
    proof: Proof::Service("HAProxy 2.6 and 3.0"),
    sample: "Mar  2 04:05:06 host haproxy[7]: 203.0.113.9:40022 [02/Mar/2026:04:05:06.123] web web/<NOSRV> 0/-1/-1/-1/0 401 182 - - PR-- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &[
        "/var/log/haproxy.log",
        "/var/log/syslog",
        "/var/log/messages",
    ],
    journal: JournalSenders::of(&["haproxy.service"]).and(&["haproxy"]),
    offer: Offer::SwitchedOff(&["usr/sbin/haproxy"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("haproxy"),
        r"(?P<ip>\S+):\d+ \[[^\]\s]+\] \S+ \S+/<NOSRV> -?\d+/-1/-1/-1/\+?\d+ 401 \+?\d+ .*$"
    ),
    &["<NOSRV> "],
)];
