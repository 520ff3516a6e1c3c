//! Web servers, and applications behind them.
//!
//! | file | what it holds |
//! |---|---|
//! | `nginx_log.rs` | what the rules for nginx share; the paths that are searched for |
//! | `nginx_http_auth.rs`, `nginx_limit_req.rs`, `nginx_forbidden.rs`, `nginx_botsearch.rs`, `nginx_bad_request.rs` | nginx |
//! | `apache_auth.rs`, `apache_noscript.rs`, `apache_botsearch.rs`, `apache_overflows.rs`, `apache_modsecurity.rs`, `apache_badbots.rs` | Apache |
//! | `lighttpd_auth.rs`, `haproxy_http_auth.rs`, `traefik_auth.rs`, `squid.rs` | other servers and proxies |
//! | `phpmyadmin_syslog.rs`, `wordpress.rs`, `nextcloud.rs`, `drupal_auth.rs` | applications in PHP |
//! | `gitea.rs`, `gitlab.rs`, `grafana.rs`, `vaultwarden.rs`, `bitwarden.rs` | other applications |

use super::contract::BuiltinRule;

#[macro_use]
mod nginx_log;

mod apache_auth;
mod apache_badbots;
mod apache_botsearch;
mod apache_modsecurity;
mod apache_noscript;
mod apache_overflows;
mod bitwarden;
mod drupal_auth;
mod gitea;
mod gitlab;
mod grafana;
mod haproxy_http_auth;
mod lighttpd_auth;
mod nextcloud;
mod nginx_bad_request;
mod nginx_botsearch;
mod nginx_forbidden;
mod nginx_http_auth;
mod nginx_limit_req;
mod phpmyadmin_syslog;
mod squid;
mod traefik_auth;
mod vaultwarden;
mod wordpress;

/// In the order in which they are named to the user.
pub(super) static RULES: &[&BuiltinRule] = &[
    &nginx_http_auth::RULE,
    &nginx_limit_req::RULE,
    &nginx_botsearch::RULE,
    &nginx_bad_request::RULE,
    &nginx_forbidden::RULE,
    &apache_auth::RULE,
    &apache_badbots::RULE,
    &apache_noscript::RULE,
    &apache_botsearch::RULE,
    &apache_overflows::RULE,
    &apache_modsecurity::RULE,
    &lighttpd_auth::RULE,
    &haproxy_http_auth::RULE,
    &traefik_auth::RULE,
    &squid::RULE,
    &phpmyadmin_syslog::RULE,
    &wordpress::RULE,
    &nextcloud::RULE,
    &drupal_auth::RULE,
    &gitea::RULE,
    &gitlab::RULE,
    &grafana::RULE,
    &vaultwarden::RULE,
    &bitwarden::RULE,
];
