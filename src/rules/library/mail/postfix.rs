//! What Postfix's `smtpd` and `postscreen` refuse.
//!
//! The address stands before all that a client says: sender, recipient, greeting. The
//! name before it is one that leads back to the address; Postfix writes `unknown` for any
//! other. Neither it nor the command holds a bracket.
//!
//! As fail2ban, except that of temporary refusals only those count that say why the
//! client is not believed (greylisting refuses everybody at first), and that too many
//! errors and talking before the greeting always count. What milters say of a mail does
//! not: its sender may be a list or a forwarder.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;
use super::postfix_log::JOURNAL;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "postfix",
    counts: "mail that Postfix refuses: relaying, unknown recipients, blocked clients, bad greetings; too many errors; talking before the greeting",
    proof: Proof::Service("Postfix 3.7 and 3.10"),
    sample: "Mar  2 04:05:06 host postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@example.org>: Relay access denied; from=<b@example.org> to=<a@example.org> proto=ESMTP helo=<pc>",
    patterns: PATTERNS,
    ignored: IGNORED,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::MAIL_LOGS,
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&["usr/sbin/postfix"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            postfix!("(?:smtpd|postscreen)"),
            r"[0-9A-Za-z]+: reject: [A-Z]+ from ",
            client!(),
            r": (?:5\d\d 5\.\d+\.\d+ |4\d\d 4\.\d+\.\d+ (?:<[^>]*>: )?(?:Client host rejected: cannot find your |Helo command rejected: |Sender address rejected: (?:Domain not found|need fully-qualified))).*$"
        ),
        &[": reject: "],
    ),
    BuiltinPattern::new(
        concat!(
            postfix!("smtpd"),
            // Since Postfix 3.10 with the name of the mail in the queue, or NOQUEUE.
            r"(?:[0-9A-Za-z]+: )?too many errors after [A-Z-]+(?: \(\d+ bytes\))? from ",
            client!(),
            "$"
        ),
        &["too many errors after "],
    ),
    BuiltinPattern::new(
        concat!(
            postfix!("smtpd"),
            r"improper command pipelining after [A-Z-]+(?: \(\d+ bytes\))? from ",
            client!(),
            ": .*$"
        ),
        &["improper command pipelining after "],
    ),
    BuiltinPattern::new(
        concat!(
            postfix!("postscreen"),
            r"PREGREET \d+ after [\d.]+ from ",
            client!(),
            ": .*$"
        ),
        &["PREGREET "],
    ),
];

/// Senders that the administrator refuses by name.
const IGNORED: &[&str] = &[concat!(
    postfix!("smtpd"),
    r#"[0-9A-Za-z]+: reject: [A-Z]+ from [\w.-]*\[[^\]\s]+\](?::\d+)?: \d\d\d \d\.\d+\.\d+ <[^>"]*>: Sender address rejected: Access denied;"#
)];
