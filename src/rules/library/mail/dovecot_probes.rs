//! The messages of Dovecot's login services about a connection that ends without a login
//! having been tried.
//!
//! What stands around the reason is that of the rule `dovecot`, and no line counts for both.
//! Scanners connect so, and programs that look whether the service is up: name these in
//! `ignored_ips`.
//!
//! As the mode `aggressive` of fail2ban's filter `dovecot`, beside the failed logins there.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::dovecot_log::{JOURNAL, LOGS};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "dovecot-probes",
    counts: "connections to Dovecot without a login: no attempt, one that is given up, TLS that does not begin",
    proof: Proof::Service("Dovecot 2.3 and 2.4"),
    sample: "Mar  2 04:05:06 host dovecot: imap-login: Disconnected: Connection closed (no auth attempts in 2 secs): user=<>, rip=203.0.113.9, lip=192.0.2.1, session=<qiF3g41hddTLAHEB>",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        ended!(),
        r"\((?:no auth attempts|client didn't (?:finish|send) [\w-]+ auth|auth aborted by client|",
        r"disconnected (?:before (?:auth was ready|greeting)|during TLS handshake|while in auth))",
        r"(?:, \d+ attempts?)?(?:,? (?:waited|in) \d+ secs)?\)",
        remote!()
    ),
    &["rip="],
)];
