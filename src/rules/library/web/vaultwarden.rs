//! The messages of Vaultwarden about a failed login.
//!
//! The address stands before the client's text.
//!
//! As fail2ban. Vaultwarden believes a header with the address from any client ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "vaultwarden",
    counts: "failed logins, wrong second factors and wrong admin tokens at Vaultwarden",
    proof: Proof::Documentation("the source of Vaultwarden 1.30"),
    sample: "[2026-03-02 04:05:06.123][vaultwarden::api::identity][ERROR] Username or password is incorrect. Try again. IP: 203.0.113.9. Username: bob.",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/vaultwarden/vaultwarden.log",
        "/var/log/vaultwarden.log",
        "/var/lib/vaultwarden/vaultwarden.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Vaultwarden takes the address from the header X-Real-IP of any client, unless IP_HEADER says otherwise",
    "let nobody reach Vaultwarden but a proxy that sets X-Real-IP, and set `trust_sender` to true",
);

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: ?[+-]\d\d:?\d\d)?)\]\[[\w:]+\]\[(?:ERROR|WARN|INFO)\] (?:Username or password is incorrect\. Try again\.|Invalid admin token\.?|Unauthorized Error: Invalid admin token!?|Invalid TOTP code! Server time: [^I]*(?:UTC)?) ?IP: (?P<ip>[0-9A-Fa-f.:]*[0-9A-Fa-f])\.?(?: Username: .*)?$",
    &["IP: "],
)];
