//! What the lines of Apache's error log have in common.
//!
//! The address stands before all that a client says. Apache escapes line breaks, quotes
//! and backslashes in it.
//!
//! Apache 2.4 writes the process, and a port behind the address; Apache 2.2 writes neither.
//! The two are kept apart, since the last part of an IPv6 address looks like a port.

/// All that stands before the message of an error about a request, of Apache 2.4: time,
/// module and level, process, perhaps an error of the system, and the client.
macro_rules! apache_error {
    () => {
        concat!(
            r"^\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] ",
            r"\[[\w:-]+\] \[pid \d+(?::tid \d+)?\] (?:[\w.]+\(\d+\): )?(?:\(\w+\)[^\[\]]*: )?",
            r"\[(?:client|remote) (?P<ip>[^\s\]]+):\d+\] (?:AH\d+: )?"
        )
    };
}

/// The same of Apache 2.2.
macro_rules! apache_error_22 {
    () => {
        concat!(
            r"^\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] ",
            r"\[[\w:-]+\] \[client (?P<ip>[^\s\]]+)\] (?:\(\w+\)[^\[\]]*: )?"
        )
    };
}

/// Patterns of messages, each with its literals: for Apache 2.4 and for Apache 2.2.
macro_rules! apache_patterns {
    ($($message:expr => $literals:expr),+ $(,)?) => {
        &[$(
            BuiltinPattern::new(concat!(apache_error!(), $message), $literals),
            BuiltinPattern::new(concat!(apache_error_22!(), $message), $literals),
        )+]
    };
}

/// By distribution; each virtual host may have one of its own.
pub(super) const ERROR_LOGS: &[&str] = &[
    "/var/log/apache2/*error.log",
    "/var/log/httpd/*error_log",
    "/var/log/apache2/*error_log",
];

/// How Apache is kept from looking up names.
pub(super) const ADDRESSES: &str = "set `HostnameLookups Off`";
