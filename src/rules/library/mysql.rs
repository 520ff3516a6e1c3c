//! The messages of MySQL and MariaDB about a failed login, in their own log or through
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
//! In the first form the last host of the line is the client's, in the second the first
//! one. A name may hold quotes and look like the other form: a line that can be read as
//! both matches nothing.
//!
//! MySQL 8 and later write a newline in a name as a blank. MariaDB, and MySQL
//! before 8, write it as it is: a client can write whole lines, and no pattern
//! can tell them from the server's ([`FORGEABLE`]).

use super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "mysql",
    counts: "failed logins of MySQL and MariaDB, as their error log has them",
    proof: Proof::Service("MySQL 9.7, MariaDB 10.11 and 11.8"),
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/mysql/error.log",
        "/var/log/mysql/mysqld.log",
        "/var/log/mysqld.log",
        "/var/log/mariadb/mariadb.log",
        "/var/log/mysql.log",
    ],
    offer: Offer::IfLogged,
    lends: true,
    forgeable: Some(&FORGEABLE),
    sample: "2026-03-02T14:05:06.123456Z 9 [Note] [MY-010926] [Server] Access denied for user 'root'@'203.0.113.9' (using password: YES)",
    addresses: Some(ADDRESSES),
    manual: MANUAL,
    ..BuiltinRule::NONE
};

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

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?P<user>",
            no_database!(),
            ")'@'(?P<ip>[^']+)",
            end!()
        ),
        &["Access denied for user '"],
    ),
    // The database's name ends in no `'@'HOST`, else it might be the first form.
    BuiltinPattern::new(
        concat!(
            head!(),
            "(?P<user>[^']*)'@'(?P<ip>[^']+)' to database '(?:[^']*|",
            no_database!(),
            "' [^t'][^']*)",
            end!()
        ),
        &["Access denied for user '"],
    ),
];

/// How MySQL and MariaDB are kept from looking up names.
pub(super) const ADDRESSES: &str = "set `skip-name-resolve` in the server's configuration (accounts that are bound to host names then need addresses)";

/// Since MySQL 8 an error's code stands behind the level.
const FORGEABLE: Forgeable = Forgeable {
    why: "MariaDB, and MySQL before 8, write a line break in a user's name as it is, so that a client can write whole lines",
    remedy: "let MariaDB's plugin server_audit write to syslog and read that in its place, by the rule mariadb-audit (pyfilter.conf(5), BUILT-IN RULES)",
    programs: &[
        "usr/sbin/mariadbd",
        "usr/bin/mariadbd",
        "usr/libexec/mariadbd",
        "usr/local/sbin/mariadbd",
    ],
    logs: ForgeableLogs::All,
    fixed: Some(FixedVersion {
        version: "MySQL 8 or later",
        entry: concat!(origin!(), r"\[[A-Za-z]+\] +(?P<fixed>\[MY-\d+\] )?"),
        files: &[
            "usr/lib/mysql/plugin/component_log_sink_json.so",
            "usr/lib64/mysql/plugin/component_log_sink_json.so",
        ],
    }),
};

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%y%m%d %H:%M:%S",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
];

const MANUAL: &str = ".PP
MariaDB, and MySQL before 8, write a line break in a user's name into their error log as it is.
So who can reach the server, without an account, can write whole lines there, and ban any address
through the rule mysql.
It is the same wherever the error log goes: a file, the journal, or syslog.
The plugin server_audit writes it raw into its own file, too.
Tried on MariaDB 10.11 and 11.8; MySQL from 8 on writes a blank in place of the line break.
";
