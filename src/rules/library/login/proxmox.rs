//! The messages of Proxmox (VE, mail gateway, backup server, datacenter manager) about a
//! failed login.
//!
//! The address stands before the client's text. The mail gateway and VE write it alone, with
//! `::ffff:` before IPv4; the two others have a port behind it, and brackets. Without a user
//! they tell of a wrong API token, and of requests without a login or with one that has
//! ended, which an open page sends by itself: only the first counts.
//!
//! VE and the gateway believe a header with an address only with `PROXY_REAL_IP_HEADER`; then
//! `PROXY_REAL_IP_ALLOW_FROM` has to name the proxy, or anybody can send it.
//!
//! As fail2ban, and the three other products, logins by `OpenID`, and API tokens. What VE and
//! the gateway answer a wrong API token stands in their access logs alone.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "proxmox",
    counts: "failed logins of Proxmox VE, Mail Gateway, Backup Server and Datacenter Manager",
    proof: Proof::Documentation(
        "the source of pve-access-control 8 and 9, pmg-api 8, and proxmox-rest-server",
    ),
    sample: "Mar  2 04:05:06 host pvedaemon[7]: authentication failure; rhost=::ffff:203.0.113.9 user=root@pam msg=Authentication failure",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: syslog::DAEMON_LOGS,
    journal: JournalSenders::of(&[
        "pvedaemon.service",
        "pveproxy.service",
        "pmgdaemon.service",
        "pmgproxy.service",
        "proxmox-backup.service",
        "proxmox-backup-proxy.service",
        "proxmox-datacenter-api.service",
        "proxmox-datacenter-privileged-api.service",
    ])
    .and(&["www-data", "backup"]),
    offer: Offer::SwitchedOff(&["usr/bin/pvedaemon"]),
    ..BuiltinRule::NONE
};

/// The message of a password, or of an API token.
macro_rules! failure {
    () => {
        concat!(
            "authentication failure; rhost=",
            address_port!(),
            " (?:user=(?P<user>.*?)(?: msg=.*)?|msg=invalid (?:API token|credentials))$",
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            head!(
                "(?:pve|pmg)(?:daemon|proxy)|proxmox-backup-(?:proxy|api)|proxmox-datacenter-(?:privileged-)?api"
            ),
            failure!()
        ),
        &["entication failure; rhost="],
    ),
    BuiltinPattern::new(
        concat!(
            head!("(?:pve|pmg)(?:daemon|proxy)"),
            "openid (?:connect )?authentication failure; rhost=",
            address_port!(),
            " msg=.*$"
        ),
        &["entication failure; rhost="],
    ),
    // The file `api/auth.log` of the backup server.
    BuiltinPattern::new(
        concat!(
            r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)): ",
            failure!()
        ),
        &["entication failure; rhost="],
    ),
];
