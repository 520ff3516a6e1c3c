//! What Sendmail refuses.
//!
//! The client's address of a mail stands before the relay, and again behind it. Neither holds
//! `, re`: so no other relay stands in the line.
//!
//! As fail2ban's normal mode, without the client's connections that say nothing. Of what is refused
//! for now two things count: relaying by a client whose name in DNS is not to be had, which
//! Sendmail refuses only after nothing else has allowed it, and what is beyond the limits for
//! connections. Greylisting, and senders whose domain does not resolve, do not.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::sendmail_log::JOURNAL;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "sendmail-reject",
    counts: "mail that Sendmail refuses for good, relaying also for now, connections beyond its limits, and talking before the greeting",
    proof: Proof::Service("Sendmail 8.17 and 8.18"),
    sample: "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: ruleset=check_rcpt, arg1=<a@example.org>, relay=[203.0.113.9], reject=550 5.7.1 <a@example.org>... Relaying denied",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&["usr/sbin/sendmail-mta", "usr/sbin/sendmail.sendmail"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            sendmail!(),
            r"ruleset=check_\w+, arg1=(?:<(?:[^,]|,(?:[^ ,]| [^r,]| r[^e,]))*>|[^<>,=]*)(?:, arg2=[^\s,=]+)?, relay=",
            relay!(),
            r", reject=(?:5\d\d 5\.\d+\.\d+ (?:[^,]|,(?:[^ ,]| [^r,]| r[^e,]))*|450 4\.4\.0 (?:[^,]|,(?:[^ ,]| [^r,]| r[^e,]))*\.\.\. Relaying temporarily denied\. Cannot resolve PTR record for (?:IPv6:)?[0-9A-Fa-f.:]+|421 4\.3\.2 (?:Connection rate limit exceeded|Too many open connections)\.)$"
        ),
        &["ruleset=check_"],
    ),
    BuiltinPattern::new(
        concat!(
            sendmail!(),
            "rejecting commands from ",
            relay!(),
            r" due to pre-greeting traffic(?: after \d+ seconds)?$"
        ),
        &[" due to pre-greeting traffic"],
    ),
];
