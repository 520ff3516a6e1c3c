//! Wrong passwords for what Traefik protects, in its access log: the status 401 and a user.
//!
//! In the log of JSON, what a client sends is escaped, and the fields are in the order of the
//! alphabet, in which Traefik always writes them: logrus, its library, hands a map to Go's
//! `encoding/json`, which sorts the keys. Of four fields there are twenty-four orders, and each
//! would be a pattern of its own. In the plain log the address is the first
//! word, and the first quote begins the request. What stands behind the status, a client can
//! write in part, with quotes, so nothing is asked of it.
//!
//! The address is that of the header X-Forwarded-For, if Traefik trusts who sent it: then it
//! may be a list, which counts for nobody. Versions that wrote the status of what is behind
//! Traefik into the plain log have `-` for an answer of its own: they tell of no wrong password.
//!
//! As fail2ban. In the plain log a line break in a name is not escaped ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "traefik-auth",
    counts: "wrong passwords for what Traefik protects, in its access log",
    proof: Proof::Documentation("the source of Traefik 2 and 3 (accesslog)"),
    sample: "203.0.113.9 - bob [02/Mar/2026:04:05:06 +0000] \"GET /private HTTP/2.0\" 401 17 \"-\" \"-\" 7 \"private@docker\" \"-\" 1ms",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/traefik/access.log"],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "Traefik writes a line break in a user's name into its plain access log as it is",
    remedy: "let it write JSON (`accessLog.format: json`), and then set `trust_sender` to true",
    fixed: Some(FixedVersion {
        version: "JSON",
        entry: r"^(?:(?P<fixed>\{)|\S+ - )",
        files: &[],
    }),
    programs: &[],
    logs: ForgeableLogs::All,
};

const TIME_FORMATS: &[&str] = &["%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f%z"];

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        r#"^(?P<ip>\S+) - (?P<user>[^-"\s][^"]*|-[^"]+) \[(?P<time>[^"\[\]]+)\] "[^"]*" 401 \d+ ".*$"#,
        &["\" 401 "],
    ),
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""ClientHost":"(?P<ip>[^"]+)""#,
            json!(),
            r#""ClientUsername":"(?P<user>(?:[^-"\\]|\\.)(?:[^"\\]|\\.)*)""#,
            json!(),
            r#""DownstreamStatus":401,"#,
            json!(),
            r#""time":"(?P<time>[^"]+)"\}$"#
        ),
        &["\"DownstreamStatus\":401,"],
    ),
];
