//! The messages of Sendmail about failed logins.
//!
//! The relay ends the first message, so its address is the last of the line. In the second
//! one nothing stands before it that a client can write.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::sendmail_log::JOURNAL;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "sendmail-auth",
    counts: "failed logins at Sendmail",
    proof: Proof::Service("Sendmail 8.17 and 8.18"),
    sample: "Mar  2 04:05:06 host sm-mta[7]: 62245671000007: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed, user=bob, relay=[203.0.113.9]",
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
            r"AUTH failure \([\w-]+\): (?:.*?, user=(?P<user>.*)|.*), relay=",
            relay!(),
            "$"
        ),
        &["AUTH failure ("],
    ),
    BuiltinPattern::new(
        concat!(
            sendmail!(),
            relay!(),
            r": possible SMTP attack: command=AUTH, count=\d+$"
        ),
        &[": possible SMTP attack: command=AUTH, count="],
    ),
];
