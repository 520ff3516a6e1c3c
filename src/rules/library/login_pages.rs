//! The pages to which passwords are sent, and the statuses with which they answer
//! a failed login.

use std::borrow::Cow;

use crate::model::LoginPage;

/// What a rule for access logs has beside its patterns.
#[derive(Debug, Clone, Copy)]
pub struct WebServer {
    /// The pages for which a request must be to count, unless the configuration
    /// names others, each with its statuses.
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
}

/// Statuses that say no, whatever the page: a login that went well has none of them.
/// Applications in the browser have 400, 401, 403 and 422 for a wrong password,
/// Rails has 422 for it, and for a form that is not its own; Django has 403 for
/// that, Laravel 419, others 400. 423 and 429 say that it was tried too often, and
/// 405 that there is no login. Not among them: 404, which is no page, and all that
/// a proxy says when its application is away.
pub const REFUSED: &[u16] = &[400, 401, 403, 405, 419, 422, 423, 429];

/// The same, and 200: a form that is shown again. Only for pages whose application
/// answers a good password with a redirect.
pub(super) const SHOWN_AGAIN: &[u16] = &[200, 400, 401, 403, 405, 419, 422, 423, 429];

/// What `fixtures/services/web-logins` shows of real applications, and names that
/// many give their login page. Under such a name 200 may be an application in the
/// browser, for which it is the good password.
pub const LOGIN_PAGES: &[LoginPage] = &[
    // WordPress.
    shown_again("/wp-login.php"),
    shown_again("/blog/wp-login.php"),
    shown_again("/wordpress/wp-login.php"),
    // phpMyAdmin: all else that it does has another route.
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
    // Names.
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
