//! The access log of Apache. What it shares with other web servers is in
//! `access_log.rs` and `login_pages.rs`.

use super::access_log;
use super::contract::{BuiltinRule, Offer, Proof};
use super::login_pages::WebServer;

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "apache",
    counts: "failed logins at pages behind Apache, as its access log has them",
    proof: Proof::Service("Apache 2.4"),
    patterns: access_log::PATTERNS,
    time_formats: access_log::TIME_FORMATS,
    web: Some(WebServer::new(&[200])),
    logs: &[
        "/var/log/apache2/access.log",
        "/var/log/httpd/access_log",
        "/var/log/apache2/access_log",
    ],
    addresses: Some("set `HostnameLookups Off`"),
    offer: Offer::IfLogged,
    lends: true,
    sample: access_log::SAMPLE,
    ..BuiltinRule::NONE
};
