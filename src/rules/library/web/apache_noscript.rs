//! Requests for scripts that are not there.
//!
//! As fail2ban.

use super::super::apache_error::{ADDRESSES, ERROR_LOGS};
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-noscript",
    counts: "requests at Apache for scripts that are not there",
    proof: Proof::Service("Apache 2.4"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [php:error] [pid 7] [client 203.0.113.9:40022] script '/var/www/html/setup.php' not found or unable to stat",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    offer: Offer::SwitchedOff(&[]),
    addresses: Some(ADDRESSES),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    r"(?:script '.*' not found or unable to stat.*|script not found or unable to stat: .*|File does not exist: .*\.(?:php\d?|asp|aspx|exe|pl|cgi|jsp)\b.*|stderr from .*\.(?:php|asp|aspx|exe|pl|cgi|jsp)\b.*|stderr from .*: script not found or unable to stat)$" => &["script '", "script not found or unable to stat: ", "File does not exist: ", "stderr from "],
    r"Got error 'Primary script unknown(?:\\n)?'.*$" => &["Got error 'Primary script unknown"],
];
