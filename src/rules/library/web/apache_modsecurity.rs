//! Requests that ModSecurity denies at Apache.
//!
//! As fail2ban.

use super::super::apache_error::{ADDRESSES, ERROR_LOGS};
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-modsecurity",
    counts: "requests that ModSecurity denies at Apache",
    proof: Proof::Service("ModSecurity 2.9"),
    sample: "[Mon Mar 02 04:05:06.123456 2026] [security2:error] [pid 7:tid 8] [client 203.0.113.9:40022] [client 203.0.113.9] ModSecurity: Access denied with code 403 (phase 2). Pattern match \"x\" at ARGS:a. [file \"/etc/modsecurity/a.conf\"] [line \"7\"]",
    patterns: PATTERNS,
    time_formats: stamps::WEEKDAY_FIRST,
    logs: ERROR_LOGS,
    logs_of_web_server: true,
    offer: Offer::SwitchedOff(MODULES),
    addresses: Some(ADDRESSES),
    ..BuiltinRule::NONE
};

/// The module, by distribution: Debian, Fedora, openSUSE, Arch, and built from source.
const MODULES: &[&str] = &[
    "usr/lib/apache2/modules/mod_security2.so",
    "usr/lib64/httpd/modules/mod_security2.so",
    "usr/lib64/apache2/mod_security2.so",
    "usr/lib/httpd/modules/mod_security2.so",
    "usr/local/apache2/modules/mod_security2.so",
];

const PATTERNS: &[BuiltinPattern] = apache_patterns![
    r#"(?:\[client [^\s\]]+\] )?ModSecurity: +(?:\[[^\[\]"]*(?:"[^"]*")?\] *)*Access denied with (?:code [45]\d\d|connection close) .*$"# => &["Access denied with "],
];
