//! Requests that nginx refuses: by `deny`, and for a directory without an index.
//!
//! By a rule the address stands before all that a client says. A directory's path stands
//! before it, and no text in quotes may hold a quote: no other reading is left.
//!
//! As fail2ban. The error log can be forged (`nginx_log.rs`).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::nginx_log::{FORGEABLE, JOURNAL, TIME_FORMATS};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx-forbidden",
    counts: "requests that `deny` of nginx refuses, and for directories that have no index",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    sample: "2026/03/02 04:05:06 [error] 7#7: *6 access forbidden by rule, client: 203.0.113.9, server: localhost, request: \"GET /d HTTP/1.1\", host: \"example.org\"",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/nginx/*error.log"],
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            nginx_error!(),
            r#"access forbidden by rule, client: (?P<ip>[^\s,]+), server: .*$"#
        ),
        &["access forbidden by rule, client: "],
    ),
    BuiltinPattern::new(
        concat!(
            nginx_error!(),
            r#"directory index of "[^"]*" is forbidden"#,
            nginx_client_strict!(r#"[^"]*"#)
        ),
        &["directory index of \""],
    ),
];
