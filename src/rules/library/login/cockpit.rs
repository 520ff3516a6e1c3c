//! The message of `pam_unix` about a wrong password at Cockpit.
//!
//! The client chooses the name alone, which stands behind the address.
//!
//! fail2ban has no such filter. The process that asks PAM runs in a unit whose name is
//! different for each connection, so its journal can not be named: rsyslog's file is read.

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "cockpit",
    counts: "wrong passwords at Cockpit",
    proof: Proof::Service("Cockpit 287 and 337"),
    sample: "Mar  2 04:05:06 host cockpit-session[7]: pam_unix(cockpit:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=203.0.113.9  user=bob",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::AUTH_LOGS,
    offer: Offer::SwitchedOff(&[
        "usr/lib/cockpit/cockpit-session",
        "usr/libexec/cockpit-session",
    ]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("cockpit-session"),
        r"pam_unix\(cockpit:auth\): authentication failure; logname=\S* uid=\d+ euid=\d+ tty=\S* ruser= ",
        r"rhost=(?P<ip>[^\s=]+)(?: {1,2}user=(?P<user>[^=]*)| *)$"
    ),
    &["pam_unix(cockpit:auth): authentication failure; "],
)];
