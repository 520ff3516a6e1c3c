//! The messages of Vaultwarden about a failed login.
//!
//! The address stands before the client's text.
//!
//! As fail2ban, and wrong API keys, codes by mail, and passwords of Sends. Of other second
//! factors the message has no address. A line break in a name is written as it is, and
//! Vaultwarden believes a header with the address from any client ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "vaultwarden",
    counts: "failed logins, wrong second factors, API keys and admin tokens at Vaultwarden",
    proof: Proof::Documentation("the source of Vaultwarden, from 1.30 on"),
    sample: "[2026-03-02 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 203.0.113.9. Username: bob.",
    patterns: PATTERNS,
    time_formats: TIME_FORMATS,
    logs: &[
        "/var/log/vaultwarden/vaultwarden.log",
        "/var/log/vaultwarden.log",
        "/var/lib/vaultwarden/vaultwarden.log",
    ],
    journal: JournalSenders::of(&["vaultwarden.service"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Vaultwarden writes a line break in a user's name as it is, and takes the address from the header X-Real-IP of any client",
    "count the answers of the proxy before it: the rule nginx or apache with `urls` /identity/connect/token",
);

const TIME_FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
];

/// What stands behind the time.
macro_rules! failure {
    () => {
        concat!(
            r"\]\[[\w:]+\]\[(?:ERROR|WARN|INFO)\] (?:",
            r"Username or (?:password|access code) is incorrect\. Try again\.",
            r"|This user has been disabled(?: \(API key login\))?\.",
            r"|Incorrect client_secret\.|(?:Invalid|Malformed) client_id\.|Invalid password\.",
            r"|Token is invalid!|Invalid admin token[.!]?|Unauthorized Error: Invalid admin token!?",
            r"|Invalid TOTP code! Server time: [\d -]+:\d\d:\d\d UTC",
            r") IP: (?P<ip>[0-9A-Fa-f.:]*[0-9A-Fa-f])\.?(?: Username: (?P<user>.*?)\.?| Organization: .*)?$",
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: ?[+-]\d\d:?\d\d)?)",
            failure!()
        ),
        &["IP: "],
    ),
    BuiltinPattern::new(
        concat!(head!("vaultwarden"), r"\[[\d .:T+-]+", failure!()),
        &["IP: "],
    ),
];
