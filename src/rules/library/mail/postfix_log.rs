//! What the lines of Postfix have in common.

use super::super::contract::JournalSenders;

/// All that stands before the message of a service of Postfix: `postfix/smtpd[7]: `,
/// `postfix/submission/smtpd[7]: `, `postfix-out/smtpd[7]: `.
macro_rules! postfix {
    ($service:literal) => {
        head!(concat!(r"postfix(?:-[\w.-]+)?/(?:[\w.-]+/)?", $service))
    };
}

/// `name[ADDRESS]`, perhaps with a port behind it.
macro_rules! client {
    () => {
        r"[\w.-]*\[(?P<ip>[^\]\s]+)\](?::\d+)?"
    };
}

/// Its processes have dropped root. Debian 12 runs it as an instance, Debian 13 does not.
pub(super) const JOURNAL: JournalSenders =
    JournalSenders::of(&["postfix.service", "postfix@-.service"]).and(&["postfix"]);
