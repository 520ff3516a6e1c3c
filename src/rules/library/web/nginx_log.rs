//! What the lines of nginx have in common.
//!
//! Its access log escapes what a client sends. Its error log does not: with a path that
//! holds `%0a` any client writes whole lines into it. Through syslog the same messages
//! can be believed, since there a message is one line.

use super::super::contract::JournalSenders;
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

/// All that stands before the message of an error about a request, in nginx's own log or
/// through syslog.
macro_rules! nginx_error {
    () => {
        concat!(
            "^",
            priority!(),
            r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|",
            classic_time!(),
            "|",
            iso_time!(),
            ") +(?:",
            tag!("nginx"),
            r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?\[\w+\] \d+#\d+: \*\d+ "
        )
    };
}

/// Behind a message that holds a client's text: the client, and what it asked for. No
/// text in quotes holds a quote.
macro_rules! nginx_client_strict {
    ($request:expr) => {
        concat!(
            r#", client: (?P<ip>[^\s,]+), server: [^",]*, request: ""#,
            $request,
            r#""(?:, subrequest: "[^"]*")?(?:, upstream: "[^"]*")?(?:, host: "[^"]*")?(?:, referrer: "[^"]*")?$"#
        )
    };
}

/// All that stands before the status in a line of an access log, if the user matches
/// `$user`.
macro_rules! access {
    ($user:expr) => {
        concat!(
            r"^(?P<ip>\S+) [^\s\x22]+ ",
            $user,
            r#" \[(?P<time>[^"\[\]]+)\] ""#
        )
    };
}

/// A text without quotes, or with escaped ones.
macro_rules! quoted {
    () => {
        r#"(?:[^"\\]|\\.)*"#
    };
}

/// The paths that programs ask for which look for known holes: panels of databases,
/// blogs, web mail, and files that should not be there. Each with what follows it.
macro_rules! searched {
    () => {
        r"(?i:(?:(?:admin|db|mysql|sql|web|tools|xampp|typo3)/)?(?:php-?my-?admin|pma|my-?admin|mysql-?admin|db-?admin|sql-?admin|adminer|sqlite-?manager)|(?:(?:blog|wp|wordpress|cms|site|test|old|new)/)?(?:wp-(?:login|signup|admin|includes|content|config)|xmlrpc\.php)|roundcube(?:mail)?|(?:ext|v-?web|web)mail|horde|squirrelmail|cgi-bin|\.git|\.env|\.aws|\.svn|vendor/phpunit|boaform|hnap1|manager/html|solr/admin|actuator|_ignition|owa/auth|autodiscover)"
    };
}

pub(super) const JOURNAL: JournalSenders =
    JournalSenders::of(&["nginx.service"]).and(&["www-data", "nginx"]);

/// Formats of the error log, and of syslog.
pub(super) const TIME_FORMATS: &[&str] = &[
    "%Y/%m/%d %H:%M:%S",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

const WHY: &str = "nginx writes a line break in a path into its own error log as it is, so that any client can write whole lines";

/// The error log of nginx, where a rule reads it by itself.
pub(super) const FORGEABLE: Forgeable = Forgeable {
    why: WHY,
    remedy: "let it log to syslog as well (`error_log syslog:server=unix:/dev/log`; not to stderr, of which the journal makes an entry of each line), and set `log_files` to \"journal:nginx.service\"",
    fixed: Some(FixedVersion {
        version: "syslog",
        entry: r"^(?:\d{4}/\d\d/\d\d |(?P<fixed>[A-Z][a-z]{2} |\d{4}-|\S+ \S+ .*\]))",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::Files,
};

/// The same, where a rule reads the access log by itself.
pub(super) const FORGEABLE_IF_NAMED: Forgeable = Forgeable {
    logs: ForgeableLogs::Unusual,
    remedy: "leave `log_files` out, so that the access log is read",
    ..FORGEABLE
};
