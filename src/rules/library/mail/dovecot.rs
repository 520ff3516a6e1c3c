//! The messages of Dovecot's login services about a connection with failed logins.
//!
//! ```text
//! imap-login: Disconnected (auth failed, 2 attempts in 9 secs): user=<NAME>, method=PLAIN, rip=ADDRESS, lip=…, session=<…>
//! ```
//!
//! The name stands before the address, but behind the address stands no text of the client,
//! and no `=` but that of the session and of `(size=619)`, where the system says how the
//! connection ended: so the last address is the true one.
//!
//! A line counts as many failures as it says attempts. fail2ban counts each such line
//! once, and beside it what `auth` says of each attempt if `auth_verbose` is set: that
//! would count them twice, so it is left out here. Connections without an attempt do not
//! count, as in its normal mode: the rule `dovecot-probes` counts them. Nor does a failed
//! login before a good one of the same connection, of which Dovecot says nothing.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::dovecot_log::{JOURNAL, LOGS};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "dovecot",
    counts: "failed logins of IMAP, POP3, ManageSieve and submission at Dovecot",
    proof: Proof::Service("Dovecot 2.3 and 2.4"),
    sample: "Mar  2 04:05:06 host dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<bob>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<qiF3g41hddTLAHEB>",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&["usr/sbin/dovecot"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        ended!(),
        r"\((?:auth failed, \d+ attempts?(?: in \d+ secs)?|tried to use (?:disabled|disallowed) \w+ auth)\)",
        remote!()
    ),
    &["rip="],
)
.counting(" attempt")];
