//! The message of Proxmox (VE, mail gateway and backup server) about a failed login.
//!
//! The address stands before the client's text.
//!
//! As fail2ban, and the two other products.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "proxmox",
    counts: "failed logins of Proxmox VE, Mail Gateway and Backup Server",
    proof: Proof::Documentation("the documentation of Proxmox VE 8"),
    sample: "Mar  2 04:05:06 host pvedaemon[7]: authentication failure; rhost=::ffff:203.0.113.9 user=root@pam msg=Authentication failure",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::DAEMON_LOGS,
    journal: JournalSenders::of(&[
        "pvedaemon.service",
        "pveproxy.service",
        "pmgdaemon.service",
        "pmgproxy.service",
        "proxmox-backup-proxy.service",
    ])
    .and(&["www-data", "backup"]),
    offer: Offer::SwitchedOff(&["usr/bin/pvedaemon"]),
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        head!("(?:pve|pmg)(?:daemon|proxy)|proxmox-backup-(?:proxy|api)"),
        r"authentication failure; rhost=\[?(?P<ip>[^\s\[\]]+)(?:\]:\d+)? user=.*$"
    ),
    &["authentication failure; rhost="],
)];
