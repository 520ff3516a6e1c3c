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
//!
//! MySQL 8 and later write a newline in a name as a blank. MariaDB, and MySQL
//! before 8, write it as it is: a client can write whole lines, and no pattern
//! can tell them from the server's ([`FORGEABLE`]).

use super::forgeable::{Fixed, Forgeable};
use super::syslog::{classic_time, iso_time, priority, tag};

/// What stands before the level: the server's stamp, or syslog's head and then
/// perhaps the server's stamp (which has no zone, so that syslog's is the better
/// one), and the thread.
macro_rules! origin {
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
            r") +)?)?(?:\d+ +)?",
        )
    };
}

/// All that stands before the user's name.
macro_rules! head {
    () => {
        concat!(origin!(), r"(?:\[[\w-]+\] +)*Access denied for user '")
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

/// What keeps MySQL and MariaDB from looking up names.
pub(super) const ADDRESSES: &str = "set `skip-name-resolve` in the server's configuration (accounts that are bound to host names then need addresses)";

/// Since MySQL 8 an error's code stands behind the level.
pub(super) const FORGEABLE: Forgeable = Forgeable {
    why: "MariaDB, and MySQL before 8, write a line break in a user's name as it is, so that a client can write whole lines",
    remedy: "let MariaDB's plugin server_audit write to syslog and read that in its place, by the rule mariadb-audit (pyfilter.conf(5), BUILT-IN RULES)",
    fixed: Some(Fixed {
        version: "MySQL 8 or later",
        entry: concat!(origin!(), r"\[[A-Za-z]+\] +(?P<fixed>\[MY-\d+\] )?"),
    }),
};

pub(super) const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%y%m%d %H:%M:%S",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
];
