//! The message of Perdition, a proxy for IMAP and POP3, about a failed login.
//!
//! The address stands before all that a client says.
//!
//! Perdition answers a failed login after three seconds, and then writes its line. Of a client that
//! has reset its connection by then there is no line with its address, so it is not counted.
//!
//! As fail2ban.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "perdition",
    counts: "failed logins at the mail proxy Perdition",
    proof: Proof::Service("Perdition 2.2"),
    sample: "Mar  2 04:05:06 host perdition.imaps[7]: Auth: 203.0.113.9:40022->192.0.2.1:993 client-secure=ssl authorisation_id=NONE authentication_id=\"bob\" server=\"mail:143\" protocol=IMAP4 server-secure=plaintext status=\"failed: Re-Authentication Failure\"",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JournalSenders::of(&["perdition.service"]).and(&["perdition"]),
    offer: Offer::SwitchedOff(&["usr/sbin/perdition"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!(r"perdition(?:\.\S+)?"),
        r#"Auth: (?P<ip>[0-9A-Fa-f.:]+):\d+->\S* (?:.*? authentication_id="(?P<user>.*)" server=.*|.*) status="failed: (?:local authentication failure|Re-Authentication Failure)"$"#
    ),
    &[" status=\"failed: "],
)];
