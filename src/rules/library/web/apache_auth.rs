//! Wrong passwords for pages that Apache protects, basic and digest, and pages that its
//! configuration denies.
//!
//! As fail2ban.

use super::super::apache_error::{ADDRESSES, ERROR_LOGS};
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-auth",
    counts: "wrong passwords for pages that Apache protects (basic, digest, LDAP), and requests that its configuration denies",
    proof: Proof::Service("Apache 2.4"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [auth_basic:error] [pid 7:tid 8] [client 203.0.113.9:40022] AH01617: user bob: authentication failure for \"/private\": Password Mismatch",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    offer: Offer::SwitchedOff(&[]),
    addresses: Some(ADDRESSES),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    "client (?:used wrong authentication scheme.*|denied by server configuration: .*)$" => &["used wrong authentication scheme", "denied by server configuration: "],
    r#"user `?(?P<user>.*?)'?(?:: authentication failure for .*|: password mismatch: .*|: auth(?:entication|orization)? fail(?:ed|ure).*| not found: .*| in realm .* not found: .*|: one-time-nonce mismatch .*|: nonce expired .*)$"# => &["user "],
    "Authorization of user (?P<user>.*?) to access .* failed, reason: .*$" => &["Authorization of user "],
    "auth_ldap authenticate: user (?P<user>.*?) authentication failed; URI .*$" => &["auth_ldap authenticate: user "],
    "(?:(?:uri|URI|realm) mismatch - .*|missing user, realm, .*|invalid or missing qop .*|unknown algorithm .* received.*|invalid (?:qop|nonce|opaque) .* received.*|(?:bad|invalid) (?:digest|realm) .*)$" => &[" mismatch - ", "missing user, realm, ", "unknown algorithm ", "invalid ", "bad "],
];
