//! Requests for pages that are not there, by programs that look for known holes.
//!
//! The access log escapes what a client sends: the first quote begins the request.
//! In the error log the path stands before the address too, and no text in quotes may hold
//! a quote: no other reading is left.
//!
//! As fail2ban, with more paths. The error log can be forged (`nginx_log.rs`).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::nginx_log::{FORGEABLE_IF_NAMED, JOURNAL};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx-botsearch",
    counts: "requests for panels, blogs and web mail that are not there, in nginx's access log",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    sample: "203.0.113.9 - - [02/Mar/2026:04:05:06 +0000] \"GET /phpmyadmin/ HTTP/1.1\" 404 153 \"-\" \"curl/8\"",
    patterns: PATTERNS,
    time_formats: &[
        "%d/%b/%Y:%H:%M:%S %z",
        "%Y/%m/%d %H:%M:%S",
        "%b %d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f",
    ],
    logs: &["/var/log/nginx/*access.log"],
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE_IF_NAMED),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            access!(quoted!()),
            "(?:GET|POST|HEAD) /+",
            searched!(),
            quoted!(),
            r#"" 404 \d+(?: .*)?$"#
        ),
        &["\" 404 "],
    ),
    BuiltinPattern::new(
        concat!(
            nginx_error!(),
            r#"(?:open\(\) )?"[^"]*" (?:failed|is not found) \(2: No such file or directory\)"#,
            nginx_client_strict!(concat!("(?:GET|POST|HEAD) /+", searched!(), r#"[^"]*"#))
        ),
        &[" (2: No such file or directory), client: "],
    ),
];
