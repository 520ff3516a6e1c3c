//! Requests by programs that call themselves what no browser is called: scanners for holes,
//! collectors of mail addresses.
//!
//! The access log escapes quotes, so the text in the last quotes is the agent.
//!
//! fail2ban has a longer list, of collectors alone.

use super::super::access_log;
use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache-badbots",
    counts: "requests by scanners and collectors of addresses that give their names, in an access log",
    proof: Proof::Service("Apache 2.4"),
    sample: "203.0.113.9 - - [02/Mar/2026:04:05:06 +0000] \"GET / HTTP/1.1\" 200 4523 \"-\" \"sqlmap/1.7\"",
    patterns: PATTERNS,
    time_formats: access_log::TIME_FORMATS,
    logs: &[
        "/var/log/apache2/*access.log",
        "/var/log/httpd/*access_log",
        "/var/log/apache2/*access_log",
    ],
    offer: Offer::SwitchedOff(&[]),
    addresses: Some("set `HostnameLookups Off`"),
    ..BuiltinRule::NONE
};

/// How they call themselves.
macro_rules! bots {
    () => {
        "(?:sqlmap|Nikto|masscan|zgrab|Nmap Scripting|DirBuster|gobuster|feroxbuster|WPScan|ZmEu|Nuclei|Acunetix|Netsparker|EmailCollector|EmailSiphon|EmailWolf|ExtractorPro|WebBandit|WebEMailExtrac|TrackBack|Web Image Collector|sogou music spider)"
    };
}

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        access!(quoted!()),
        quoted!(),
        r#"" \d\d\d (?:\d+|-) ""#,
        quoted!(),
        r#"" ""#,
        quoted!(),
        bots!(),
        quoted!(),
        r#""(?: .*)?$"#
    ),
    &[
        "sqlmap",
        "Nikto",
        "masscan",
        "zgrab",
        "Nmap Scripting",
        "DirBuster",
        "gobuster",
        "feroxbuster",
        "WPScan",
        "ZmEu",
        "Nuclei",
        "Acunetix",
        "Netsparker",
        "EmailCollector",
        "EmailSiphon",
        "EmailWolf",
        "ExtractorPro",
        "WebBandit",
        "WebEMailExtrac",
        "TrackBack",
        "Web Image Collector",
        "sogou music spider",
    ],
)];
