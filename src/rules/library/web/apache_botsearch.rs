//! Requests for pages that are not there, by programs that look for known holes.
//!
//! As fail2ban, with more paths.

use super::super::apache_error::{ADDRESSES, ERROR_LOGS};
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-botsearch",
    counts: "requests at Apache for panels, blogs and web mail that are not there",
    proof: Proof::Service("Apache 2.4"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [core:info] [pid 7:tid 8] [client 203.0.113.9:40022] AH00128: File does not exist: /var/www/html/phpmyadmin",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    offer: Offer::SwitchedOff(&[]),
    addresses: Some(ADDRESSES),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    concat!("(?:File does not exist: |stderr from |script not found or unable to stat: |script ')[^,]*/", searched!(), ".*$") => &["File does not exist: ", "stderr from ", "script not found or unable to stat: ", "script '"],
];
