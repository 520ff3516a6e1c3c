//! The access log of nginx. What it shares with other web servers is in
//! `access_log.rs` and `login_pages.rs`.

use super::access_log;
use super::contract::{BuiltinRule, Offer, Proof};
use super::login_pages::WebServer;

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "nginx",
    counts: "failed logins at pages behind nginx, as its access log has them",
    proof: Proof::Service("nginx 1.22 and 1.26"),
    patterns: access_log::PATTERNS,
    time_formats: access_log::TIME_FORMATS,
    web: Some(WebServer::new(&[405])),
    logs: &["/var/log/nginx/access.log"],
    offer: Offer::IfLogged,
    lends: true,
    sample: access_log::SAMPLE,
    ..BuiltinRule::NONE
};
