//! The messages of PostgreSQL about a failed login, where `log_line_prefix` has the address (`%h`
//! or `%r`), or in its log of JSON.
//!
//! In the plain log a prefix may have names that the client chooses. Before the address they
//! hold only letters, digits and `_`, or, where each is named, no comma and no `=`; behind it
//! they are one word with an `@`. The message is the only one of its line: so no name can take
//! the place of the address.
//!
//! In the log of JSON the fields that count stand in the one order in which PostgreSQL writes
//! them (`write_jsonlog` in `jsonlog.c`); others may stand anywhere. Of four fields there are
//! twenty-four orders, and each would be a pattern of its own.
//!
//! fail2ban has no such filter. PostgreSQL writes a line break in a name of the prefix as it is
//! ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "postgresql",
    counts: "failed logins at PostgreSQL, if log_line_prefix has %h or %r",
    proof: Proof::Service("PostgreSQL 15 and 17"),
    sample: "2026-03-02 04:05:06.123 UTC [7] 203.0.113.9 FATAL:  password authentication failed for user \"bob\"",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/postgresql/*.json",
        "/var/lib/pgsql/data/log/*.json",
        "/var/log/postgresql/*.log",
        "/var/lib/pgsql/data/log/*.log",
        "/var/lib/pgsql/*/data/log/*.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    without_address: Some((
        "FATAL:  password authentication failed for user ",
        "set `log_line_prefix` in postgresql.conf to '%m [%p] %h '",
    )),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "PostgreSQL writes a line break in the name of a user or a database (%u, %d of log_line_prefix) as it is",
    remedy: "set `log_line_prefix` to '%m [%p] %h ' without them, or let it write JSON (`log_destination` jsonlog), and then set `trust_sender` to true",
    fixed: Some(FixedVersion {
        version: "JSON",
        entry: r"^(?:(?P<fixed>\{)|\d{4}-)",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::All,
};

/// Any text without two blanks side by side, which stand behind `FATAL:`. So it can not hold
/// the message of the line, and an address in a name is not read as that of the prefix.
macro_rules! text {
    () => {
        "[^ ]*(?: [^ ]+)* ?"
    };
}

/// All that stands before the message, with the address in the prefix.
macro_rules! fatal {
    () => {
        concat!(
            "^(?P<time>",
            iso_time!(),
            r"(?: [A-Z]{2,5})?),?:? (?:\[\d+(?:-\d+)?\]:? |\d+ )?",
            r"(?:\[\w*\]@?\[?\w*\]? |\w+@\w+ |user=[^,=]*,db=[^,=]*,(?:app=[^,=]*,)?(?:client|host)=|client=|host=)?\[?",
            r"(?P<ip>\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*)(?:\(\d+\))?\]?:? +(?:\[\d+\]:? )?(?:[^\s@]+@[^\s@]+ )?FATAL:  ",
        )
    };
}

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f %Z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
];

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            fatal!(),
            r"(?:password|Ident|ident|Peer|PAM|LDAP|RADIUS|GSSAPI|certificate|SCRAM) ?",
            "authentication failed for user \"(?P<user>",
            text!(),
            ")\"$"
        ),
        &["FATAL:  "],
    ),
    // The address first, and then any names, of which the last word is no address.
    BuiltinPattern::new(
        concat!(
            "^(?P<time>",
            iso_time!(),
            r"(?: [A-Z]{2,5})?) \[\d+\] (?P<ip>\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*) (?:[^:]* )?[^ :]*[G-Zg-z_@-][^ :]* FATAL:  ",
            r#"password authentication failed for user "(?P<user>[^"]*)"$"#
        ),
        &["FATAL:  "],
    ),
    BuiltinPattern::new(
        concat!(
            r#"^\{"timestamp":"(?P<time>[^"]+)""#,
            json!(),
            r#""remote_host":"(?P<ip>[^"]+)""#,
            json!(),
            r#""error_severity":"FATAL""#,
            json!(),
            r#""message":"(?:password|Ident|Peer|PAM|LDAP|RADIUS|GSSAPI|certificate|SCRAM) ?authentication failed for user (?:\\"(?P<user>(?:[^"\\]|\\.)*)\\"|(?:[^"\\]|\\.)*)""#,
            json_rest!()
        ),
        &["entication failed for user "],
    ),
    BuiltinPattern::new(
        concat!(
            fatal!(),
            "(?:no pg_hba\\.conf entry|pg_hba\\.conf rejects connection) for host (?:\"[^ \"]*\", user \"(?P<user>",
            text!(),
            ")\", database \"",
            text!(),
            "|",
            text!(),
            ")$"
        ),
        &["pg_hba.conf "],
    ),
    BuiltinPattern::new(
        concat!(fatal!(), "role \"(?P<user>", text!(), ")\" does not exist$"),
        &["FATAL:  role "],
    ),
];
