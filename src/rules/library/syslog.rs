//! The head that syslog writes before a program's message: classic, RFC 3339
//! and RFC 5424.
//!
//! The head can not extend into the message: each of its parts is one word of known
//! characters. The host's name may be missing. It does not end with a colon and has no
//! bracket, so another program's tag (`sudo:`, `cron[7]:`) can not take its place.

/// `Mar  2 04:05:06`, as the journal writes it also with a fraction.
macro_rules! classic_time {
    () => {
        r"[A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?"
    };
}

/// `2026-03-02T04:05:06.123456+01:00`; the fraction, the zone and the `T` may
/// be missing, and the hour may have one digit.
macro_rules! iso_time {
    () => {
        r"\d{4}-\d\d-\d\d[T ] *\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?"
    };
}

/// `<38>`, or `<38>1 ` of RFC 5424: what may stand before the time. Its version
/// may be any digit, so that no pattern has to tell one digit from another.
macro_rules! priority {
    () => {
        r"(?:<\d{1,3}>(?:\d )?)?"
    };
}

/// Everything between the time and the message, blanks included, for a program
/// whose name matches the literal `$name`:
///
/// * `host name[7]: `, `name: `, `host [name] `, each with Solaris'
///   `[ID 800047 auth.info] ` behind, or BSD's `<auth.info>` before it;
/// * `host name 7 ID47 [structured data] ` of RFC 5424.
macro_rules! tag {
    ($name:expr) => {
        concat!(
            r"(?:<\w+\.\w+> +)?(?:[\w.:%@/-]*[\w.-] +)?",
            r"(?:",
            r"(?:",
            $name,
            r"(?:\[\d+\]:?|:)",
            r"|\[",
            $name,
            r"\](?:\[\d+\])?:?",
            r") +(?:\[ID \d+ [\w.]+\] +)?",
            r"|",
            $name,
            r" (?:\d+|-) [\w.-]+ ",
            r#"(?:-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+) +(?:\xEF\xBB\xBF)?"#,
            r")",
        )
    };
}

/// An address, perhaps with a port behind it. Behind an IPv6 address a port stands only
/// where the address is in brackets: else its last part would be taken for one.
macro_rules! address_port {
    () => {
        r"\[?(?P<ip>\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*)\]?(?::\d+)?"
    };
}

/// What stands before the head's other parts: the beginning of the line, and the time.
macro_rules! stamp {
    () => {
        concat!(
            "^",
            priority!(),
            "(?P<time>",
            classic_time!(),
            "|",
            iso_time!(),
            ") +",
        )
    };
}

/// All that stands before the message of a program whose name matches `$name`, from the
/// beginning of the line on.
macro_rules! head {
    ($name:expr) => {
        concat!(stamp!(), tag!(concat!("(?:", $name, ")")))
    };
}

/// strftime formats of `classic_time` and `iso_time`.
pub(super) const TIME_FORMATS: &[&str] = &[
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
];

/// Where syslog writes what services say of logins.
pub(super) const AUTH_LOGS: &[&str] = &["/var/log/auth.log", "/var/log/secure"];

/// Where syslog writes what mail servers say.
pub(super) const MAIL_LOGS: &[&str] = &["/var/log/mail.log", "/var/log/maillog"];

/// Where syslog writes what other services say.
pub(super) const DAEMON_LOGS: &[&str] = &["/var/log/syslog", "/var/log/messages"];
