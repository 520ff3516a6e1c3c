//! The message of SoftEther VPN about a failed login, in the log of a virtual hub or of the server.
//!
//! The user stands before the address, which ends the line: the last one is the true one. A user,
//! and in the log of the server a hub that is not there, is written as it is, with its line
//! breaks ([`FORGEABLE`]).
//!
//! As fail2ban. Where a version does not write the address into this line, it names nobody.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "softethervpn",
    counts: "failed logins at SoftEther VPN",
    proof: Proof::Service("SoftEther VPN 5.01.9674"),
    sample: "2026-03-02 04:05:06.123 Connection \"CID-7\": User authentication failed. The user name that has been provided was \"bob\", from 203.0.113.9.",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/softether/security_log/*/sec*.log",
        "/usr/local/vpnserver/security_log/*/sec*.log",
        "/usr/local/softether/security_log/*/sec*.log",
        "/opt/vpnserver/security_log/*/sec*.log",
    ],
    offer: Offer::SwitchedOff(&["usr/bin/vpnserver"]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "SoftEther VPN writes a line break in the name of a user, or of a virtual hub, into its log as it is",
    "let the virtual hub itself refuse unknown networks (its source IP address limit list)",
);

// Its lines end with a carriage return.
const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    r#"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?:\[HUB "[^"]*"\] )?Connection "[^"]*": User authentication failed\. The user name that has been provided was "(?P<user>.*)", from (?P<ip>[0-9A-Fa-f.:]+?)\.\r?$"#,
    &["User authentication failed. The user name that has been provided was \""],
)];
