//! The message of ZoneMinder about a failed login, in Apache's error log.
//!
//! The address stands before all that a client says.
//!
//! As fail2ban.

use super::super::apache_error::ERROR_LOGS;
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "zoneminder",
    counts: "failed logins at ZoneMinder, in the error log of Apache",
    proof: Proof::Service("ZoneMinder 1.36"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [php:notice] [pid 7] [client 203.0.113.9:40022] WAR [Login denied for user \"bob\"], referer: http://example.org/zm/",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    logs_of_web_server: true,
    offer: Offer::SwitchedOff(&["usr/share/zoneminder/www/index.php"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    r"(?:PHP message: )?(?:ERR|WAR) \[(?:Login denied for|Could not retrieve) user (?:(?:\\?\x22)?(?P<user>.*?)(?:\\?\x22)?\].*|.*)$" => &["Login denied for user", "Could not retrieve user"],
];
