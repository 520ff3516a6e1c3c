//! What MariaDB's plugin `server_audit` says of a failed login through syslog:
//!
//! `… mysql-server_auditing:  SERVER,USER,HOST,CONNECTION,QUERY,FAILED_CONNECT,,,CODE`
//!
//! Of all that MariaDB writes only this can not be forged by a client: the whole
//! event is one message, in which journald and rsyslog keep a newline from ending
//! the line. Nothing in it is quoted, so that a name may look like the fields
//! behind it. A line counts only if it has as many commas as an event has: then
//! the user's name holds none, and each field is what it seems to be.

use super::syslog::{classic_time, iso_time, priority, tag};

pub(super) const PATTERNS: &[&str] = &[concat!(
    "^",
    priority!(),
    "(?P<time>",
    classic_time!(),
    "|",
    iso_time!(),
    ") +",
    tag!("mysql-server_auditing"),
    // What `server_audit_syslog_info` says stands before the server's name.
    r"[^,]*,(?P<user>[^,]*),(?P<ip>[^,]+),\d+,\d+,FAILED_CONNECT,,,(?P<status>\d+)$"
)];

/// What stands in every match of each pattern.
pub(super) const LITERALS: &[&[&str]] = &[&[",FAILED_CONNECT,,,"]];

/// The password was wrong, or none was given for an account that has one. With
/// other errors the password was right, and the database was refused.
pub(super) const CODES: &[u16] = &[1045, 1698];
