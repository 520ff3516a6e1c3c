//! Failed logins at WordPress, in the access log of the web server.
//!
//! What it shares with the rules `apache` and `nginx` is in `access_log.rs`.
//!
//! fail2ban has no such filter. A POST to `wp-login.php` that is answered with 200 shows the
//! form again. `xmlrpc.php` answers 200 to a right password and a wrong one, so there
//! refusals alone count.

use super::super::access_log;
use super::super::contract::{BuiltinRule, Offer, Proof};
use super::super::login_pages::WebServer;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "wordpress",
    counts: "failed logins at WordPress, as the access log of Apache or nginx has them",
    proof: Proof::Service("WordPress 6 behind Apache 2.4 and nginx 1.26"),
    sample: access_log::SAMPLE,
    patterns: access_log::PATTERNS,
    time_formats: access_log::TIME_FORMATS,
    web: Some(WebServer::of_wordpress()),
    logs: &[
        "/var/log/nginx/*access.log",
        "/var/log/apache2/*access.log",
        "/var/log/httpd/*access_log",
        "/var/log/apache2/*access_log",
    ],
    logs_of_web_server: true,
    offer: Offer::SwitchedOff(LOGIN_FILES),
    addresses: Some("set `HostnameLookups Off`"),
    ..BuiltinRule::NONE
};

/// The login page, where a package, a control panel, or a person puts it. Each glob lists
/// few directories: none goes through what a site holds.
const LOGIN_FILES: &[&str] = &[
    "usr/share/wordpress/wp-login.php",
    "usr/share/nginx/html/wp-login.php",
    "var/www/wp-login.php",
    "var/www/*/wp-login.php",
    "var/www/*/*/wp-login.php",
    "var/www/vhosts/*/httpdocs/wp-login.php",
    "srv/www/*/wp-login.php",
    "srv/www/*/*/wp-login.php",
    "srv/http/wp-login.php",
    "srv/http/*/wp-login.php",
    "home/*/public_html/wp-login.php",
];
