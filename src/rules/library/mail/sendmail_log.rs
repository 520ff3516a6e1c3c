//! What the lines of Sendmail have in common.

use super::super::contract::JournalSenders;

/// All that stands before the message, with the id of the mail.
macro_rules! sendmail {
    () => {
        concat!(
            head!(r"sendmail|sm-mta|sm-acceptingconnections"),
            r"(?:\w{14,20}: )?"
        )
    };
}

/// `name [ADDRESS]`, perhaps `(may be forged)`. A name holds no bracket.
macro_rules! relay {
    () => {
        r"(?:[\w.-]+ )?\[(?:IPv6:)?(?P<ip>[0-9A-Fa-f.:]+)\](?: \(may be forged\))?"
    };
}

pub(super) const JOURNAL: JournalSenders = JournalSenders::of(&["sendmail.service"]);
