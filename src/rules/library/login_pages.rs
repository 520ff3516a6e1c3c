//! The pages to which passwords are sent, and the statuses with which they answer
//! a failed login.

use std::borrow::Cow;

use crate::model::LoginPage;

/// What a rule for access logs has in addition to its patterns.
#[derive(Debug, Clone, Copy)]
pub struct WebServer {
    /// The login pages, each with its statuses, unless the configuration names others.
    /// A request counts if it is for one of them.
    pub pages: &'static [LoginPage],
    /// PyFilter's urls: the user's own patterns are filled with them if the
    /// configuration names none.
    pub urls: &'static [&'static str],
    /// PyFilter's statuses, for the user's own patterns alone.
    pub statuses: &'static [u16],
}

impl WebServer {
    /// The built-in login pages, and PyFilter's statuses of this server.
    pub(super) const fn new(statuses: &'static [u16]) -> Self {
        WebServer {
            pages: LOGIN_PAGES,
            urls: &["/login/", "/admin/"],
            statuses,
        }
    }

    /// The pages of WordPress alone.
    pub(super) const fn of_wordpress() -> Self {
        WebServer {
            pages: WORDPRESS,
            urls: &[],
            statuses: &[],
        }
    }
}

/// The login pages of WordPress.
const WORDPRESS: &[LoginPage] = &[
    shown_again("/wp-login.php"),
    shown_again("/blog/wp-login.php"),
    shown_again("/wordpress/wp-login.php"),
    refused("/xmlrpc.php"),
    refused("/blog/xmlrpc.php"),
    refused("/wordpress/xmlrpc.php"),
];

/// Statuses of a refused login on any page: no successful login has one of them.
/// Applications in the browser answer a wrong password with 400, 401, 403 or 422. Rails
/// has 422 for it, and for a form that is not its own; Django has 403 for such a form,
/// Laravel 419, others 400. 423 and 429 say that there were too many attempts, and 405
/// that the page has no login. 404 is not among them, since there is no page, nor are
/// the statuses of a proxy whose application is down.
pub const REFUSED: &[u16] = &[400, 401, 403, 405, 419, 422, 423, 429];

/// The same, and 200: the form is shown again. Only for pages whose application answers
/// a right password with a redirect.
pub(super) const SHOWN_AGAIN: &[u16] = &[200, 400, 401, 403, 405, 419, 422, 423, 429];

/// The login pages of real applications, see `fixtures/services/web-logins`, and common
/// names of login pages. Under such a name there may be an application in the browser,
/// for which 200 is the right password.
pub const LOGIN_PAGES: &[LoginPage] = &[
    // WordPress.
    shown_again("/wp-login.php"),
    shown_again("/blog/wp-login.php"),
    shown_again("/wordpress/wp-login.php"),
    // phpMyAdmin: everything else that it does has another route.
    shown_again("/phpmyadmin/index.php?route=/"),
    shown_again("/phpMyAdmin/index.php?route=/"),
    shown_again("/pma/index.php?route=/"),
    // Django: its admin, and its login view; PyFilter had `/login/`, too.
    shown_again("/admin/login/"),
    shown_again("/accounts/login/"),
    shown_again("/login/"),
    // Devise, of Rails.
    shown_again("/users/sign_in"),
    // MediaWiki.
    shown_again("/index.php?title=Special:UserLogin"),
    shown_again("/index.php/Special:UserLogin"),
    shown_again("/w/index.php?title=Special:UserLogin"),
    shown_again("/wiki/Special:UserLogin"),
    // Forms written by hand.
    shown_again("/login.php"),
    // Roundcube.
    refused("/?_task=login"),
    refused("/roundcube/?_task=login"),
    refused("/webmail/?_task=login"),
    // DokuWiki, where each page of the wiki takes the form.
    refused("/doku.php"),
    // Common names.
    refused("/login"),
    refused("/signin"),
    refused("/auth/login"),
    refused("/user/login"),
    refused("/users/login"),
    refused("/account/login"),
    refused("/api/login"),
    refused("/api/auth/login"),
    refused("/session"),
    refused("/sessions"),
    refused("/admin"),
    refused("/admin/"),
    refused("/admin/login"),
];

const fn shown_again(url: &'static str) -> LoginPage {
    LoginPage {
        url: Cow::Borrowed(url),
        failures: Some(SHOWN_AGAIN),
    }
}

const fn refused(url: &'static str) -> LoginPage {
    LoginPage {
        url: Cow::Borrowed(url),
        failures: Some(REFUSED),
    }
}
