//! Clients that nginx slows down or refuses (`limit_req`, `limit_conn`).
//!
//! The address stands before all that a client says.
//!
//! As fail2ban, for any zone. The error log can be forged (`nginx_log.rs`).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::nginx_log::{FORGEABLE, JOURNAL, TIME_FORMATS};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx-limit-req",
    counts: "requests and connections beyond what `limit_req` and `limit_conn` of nginx allow",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    sample: "2026/03/02 04:05:06 [error] 7#7: *5 limiting requests, excess: 1.000 by zone \"one\", client: 203.0.113.9, server: localhost, request: \"GET /l HTTP/1.1\", host: \"example.org\"",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &["/var/log/nginx/*error.log"],
    journal: JOURNAL,
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        nginx_error!(),
        r#"limiting (?:requests, excess: [\d.]+|connections) by zone "[^"]*", client: (?P<ip>[^\s,]+), server: .*$"#
    ),
    &["limiting "],
)];
