//! The message of Postfix about a failed login.
//!
//! The address stands before all that a client says. Its name is checked by Postfix.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::postfix_log::JOURNAL;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "postfix-sasl",
    counts: "failed logins at Postfix",
    proof: Proof::Service("Postfix 3.7 and 3.10"),
    sample: "Mar  2 04:05:06 host postfix/submission/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=bob",
    patterns: PATTERNS,
    ignored: IGNORED,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&["usr/sbin/postfix"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        postfix!("smtpd"),
        "warning: ",
        client!(),
        r": SASL [\w-]+ authentication failed: (?:.*?, sasl_username=(?P<user>.*)|.*)$"
    ),
    &["entication failed: "],
)];

/// No password was tried.
const IGNORED: &[&str] = &[concat!(
    postfix!("smtpd"),
    r"warning: [\w.-]*\[[^\]\s]+\](?::\d+)?: SASL [\w-]+ authentication failed: ",
    "(?:Connection lost to authentication server|Invalid authentication mechanism|Temporary authentication failure)"
)];
