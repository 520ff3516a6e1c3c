//! The messages of Dropbear, a small server of ssh, about a failed login.
//!
//! The address with its port ends the message, so the last one is the true one. A name
//! that the host does not have is not logged.
//!
//! As fail2ban, but for `Max auth tries reached`, which comes behind attempts that have
//! counted.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "dropbear",
    counts: "failed logins of Dropbear's ssh server",
    proof: Proof::Service("Dropbear 2022.83 and 2025.89"),
    sample: "Mar  2 04:05:06 host dropbear[7]: Bad password attempt for 'root' from 203.0.113.9:40022",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    // Whoever logs in by Dropbear may stay in its control group.
    journal: JournalSenders {
        root_only: true,
        ..JournalSenders::of(&["dropbear.service"])
    },
    offer: Offer::SwitchedOff(&["usr/sbin/dropbear"]),
    ..BuiltinRule::NONE
};

/// A message, and the address behind it.
macro_rules! dropbear {
    ($message:literal) => {
        concat!(
            head!("dropbear"),
            // As it writes to its standard error, of which systemd makes entries.
            r"(?:\[\d+\] [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d )?",
            $message,
            r" from (?P<ip>\S+):\d+$"
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        dropbear!("(?:Bad (?:PAM )?|Too-long )password attempt for '(?P<user>.*)'"),
        &[" attempt for '"],
    ),
    BuiltinPattern::new(
        dropbear!("Pubkey auth bad signature for '(?P<user>.*)' with key .*"),
        &["Pubkey auth bad signature for '"],
    ),
    BuiltinPattern::new(
        dropbear!("Login attempt (?:for nonexistent user|with wrong user (?P<user>.*))"),
        &["Login attempt "],
    ),
];
