//! What MySQL and MariaDB say of a failed login, in their own log or through
//! syslog.
//!
//! The server writes two forms. Before the login, when the user's name is what
//! the client typed:
//!
//! `… for user 'USER'@'HOST'`, perhaps with `(using password: YES)`
//!
//! and after it, when only the database's name is:
//!
//! `… for user 'USER'@'HOST' to database 'DATABASE'`
//!
//! In the first the host is the last of the line, in the second the first. A
//! name may hold quotes and look like the other form: what can be read as both
//! names nobody.

use super::syslog::{classic_time, iso_time, priority, tag};

/// All that stands before the message: the server's stamp, or syslog's head
/// and then perhaps the server's stamp (which has no zone, so that syslog's is
/// the better one), the thread and the level.
macro_rules! head {
    () => {
        concat!(
            "^",
            priority!(),
            "(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            "|",
            short_time!(),
            ") +(?:",
            tag!(r"(?:mysql(?:d(?:_safe)?)?|mariadb(?:d(?:-safe)?)?)(?:[@-][\w.-]+)?"),
            "(?:(?:",
            iso_time!(),
            "|",
            short_time!(),
            r") +)?)?(?:\d+ +)?(?:\[[\w-]+\] +)*Access denied for user '",
        )
    };
}

/// MySQL 5.1 and 5.5: `260302  4:05:06`.
macro_rules! short_time {
    () => {
        r"\d{6} +\d{1,2}:\d\d:\d\d"
    };
}

/// Any text that does not go on like `' to database '`.
macro_rules! no_database {
    () => {
        "(?:[^']|'[^ ]|' [^t])*"
    };
}

macro_rules! end {
    () => {
        r"'(?: \(using password: (?:YES|NO)\))? *$"
    };
}

pub(super) const PATTERNS: &[&str] = &[
    concat!(
        head!(),
        "(?P<user>",
        no_database!(),
        ")'@'(?P<ip>[^']+)",
        end!()
    ),
    // The database's name ends in no `'@'HOST`, else it might be the first form.
    concat!(
        head!(),
        "(?P<user>[^']*)'@'(?P<ip>[^']+)' to database '(?:[^']*|",
        no_database!(),
        "' [^t'][^']*)",
        end!()
    ),
];

/// What stands in every match of each pattern.
pub(super) const LITERALS: &[&[&str]] =
    &[&["Access denied for user '"], &["Access denied for user '"]];

pub(super) const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%y%m%d %H:%M:%S",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
];
