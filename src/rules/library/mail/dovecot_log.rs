//! What the lines of Dovecot's login services have in common.

use super::super::contract::JournalSenders;

/// All that stands before the reason why a connection ended without a login.
macro_rules! ended {
    () => {
        concat!(
            stamp!(),
            "(?:",
            tag!("dovecot"),
            ")?(?:imap|pop3|managesieve|submission|sieve)-login: (?:Info: )?",
            r"(?:Login aborted|Aborted login|Disconnected)",
            // What the system or OpenSSL says of the end: `read(size=619) failed: …`.
            r"(?:: (?:[^()<>=]|\(\)|\(size=\d+\))+| by [^()<>=]+)? "
        )
    };
}

/// All that stands behind the reason: no text of the client stands behind the address.
macro_rules! remote {
    () => {
        concat!(
            r"(?: \(\w+\))?: (?:user=<(?P<user>.*)>, )?(?:method=[\w-]*, )?rip=(?P<ip>[^\s,=]+)",
            r"(?:, lip=[^\s,=]+)?(?:, mpid=\d+)?(?:, (?:secured|TLS)(?:[^<>=]|\(\)|\(size=\d+\))*)?(?:, session=<[\w+/=]*>)?$"
        )
    };
}

pub(super) const LOGS: &[&str] = &[
    "/var/log/dovecot.log",
    "/var/log/dovecot-info.log",
    "/var/log/mail.log",
    "/var/log/maillog",
];

pub(super) const JOURNAL: JournalSenders =
    JournalSenders::of(&["dovecot.service"]).and(&["dovecot", "dovenull"]);
