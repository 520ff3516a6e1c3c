//! What Courier's mail server refuses.
//!
//! The address stands before all that a client says.
//!
//! As fail2ban, and relaying.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "courier-smtp",
    counts: "failed logins, relaying and unknown users at Courier's mail server",
    proof: Proof::Service("Courier 1.0 and 1.4"),
    sample: "Mar  2 04:05:06 host courieresmtpd: error,relay=::ffff:203.0.113.9,port=40022,msg=\"535 Authentication failed.\",cmd: AUTH LOGIN",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JournalSenders::of(&[
        "courier-mta.service",
        "courier-msa.service",
        "courier.service",
    ])
    .and(&["courier"]),
    offer: Offer::SwitchedOff(&[
        "usr/sbin/courieresmtpd",
        "usr/lib/courier/courier/courieresmtpd",
    ]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("courieresmtpd"),
        r#"error,relay=(?P<ip>[^\s,]+),(?:port=\d+,)?(?:msg="535 Authentication failed\.",cmd: .*|(?:ident="[^"]*",)?from=<.*>(?:,to=<.*>)?: (?:550 User .*unknown\.?|513 .*))$"#
    ),
    &["error,relay="],
)];
