//! Requests that Apache does not understand, or that are too long.
//!
//! As fail2ban.

use super::super::apache_error::{ADDRESSES, ERROR_LOGS};
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-overflows",
    counts: "requests that Apache does not understand, or that are too long",
    proof: Proof::Service("Apache 2.4"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [core:error] [pid 7:tid 8] [client 203.0.113.9:40022] AH00126: Invalid URI in request GET ../../etc/passwd HTTP/1.1",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    offer: Offer::SwitchedOff(&[]),
    addresses: Some(ADDRESSES),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    r"(?:Invalid (?:method|URI) in request .*|request failed: (?:client's request-line exceeds|URI too long|invalid characters in URI|error reading the headers|erroneous characters after protocol string: ).*|erroneous characters after protocol string: .*|request line exceeds .*|invalid URI path .*)$" => &[
        "Invalid method in request ",
        "Invalid URI in request ",
        "request failed: ",
        "erroneous characters after protocol string: ",
        "request line exceeds ",
        "invalid URI path ",
    ],
];
