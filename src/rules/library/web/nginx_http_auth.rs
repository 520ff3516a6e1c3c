//! Wrong passwords for pages that nginx protects (`auth_basic`).
//!
//! In the access log they have the status 401 and a user: without a password there is none.
//! The log escapes quotes, so the first quote begins the request, and the brackets before
//! it hold the time.
//!
//! In the error log, which fail2ban reads, the name stands before the address, but it holds
//! no colon: nginx cuts it there. That log can be forged nevertheless (`nginx_log.rs`).
//!
//! As fail2ban; and what an application behind nginx refuses so.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::nginx_log::{FORGEABLE_IF_NAMED, JOURNAL};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx-http-auth",
    counts: "wrong passwords for pages that nginx protects, in its access log",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    sample: "203.0.113.9 - bob [02/Mar/2026:04:05:06 +0000] \"GET /private HTTP/1.1\" 401 179 \"-\" \"curl/8\"",
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
            access!(r#"(?P<user>(?:[^-"\\]|\\.)(?:[^"\\]|\\.)*|-(?:[^"\\]|\\.)+)"#),
            quoted!(),
            r#"" 401 \d+(?: .*)?$"#
        ),
        &["\" 401 "],
    ),
    BuiltinPattern::new(
        concat!(
            nginx_error!(),
            r#"user "(?P<user>[^:]*)"(?:: password mismatch| was not found in "[^"]*"), client: (?P<ip>[^\s,]+), server: [^",]*, request: ".*$"#
        ),
        &[": password mismatch", " was not found in \""],
    ),
];
