//! pyfilter.conf(5): which lines of an access log are failures. The table of login
//! pages is made from the built-in rules.

use std::fmt::Write as _;

use crate::model::LoginPage;
use crate::rules::{self, WebServer};

use super::roff::roff;

/// The section of the page.
pub(super) fn section() -> String {
    let shown_again = |page: &&LoginPage| page.failures.is_some_and(|all| all.contains(&200));
    let (shown_again, refused): (Vec<_>, Vec<_>) = rules::LOGIN_PAGES.iter().partition(shown_again);
    let statuses = rules::REFUSED.iter().map(ToString::to_string);
    let statuses = statuses.collect::<Vec<_>>().join(", ");
    let mut section = REQUESTS.replace("@WEB_SERVERS@", &in_bold(|_| true));
    let _ = write!(
        section,
        ".SS \"Login pages\"\nWithout\n.I urls\nand\n.I http_status_blocks\nthe statuses {statuses} are failures for these paths, and 200 for none of them:\n{}",
        list(&refused)
    );
    let _ = write!(
        section,
        ".PP\nThe same statuses, and 200, are failures for these:\n{}",
        list(&shown_again)
    );
    section + &REASONS.replace("@COUNT_200@", &in_bold(|web| web.statuses.contains(&200)))
}

/// The names of the rules for access logs for which `holds` is true, each in bold.
fn in_bold(holds: impl Fn(&WebServer) -> bool) -> String {
    let names = rules::names_in_words(|rule| rule.lends && rule.web.as_ref().is_some_and(&holds));
    let names = names
        .replace(", ", " ,\n.BR ")
        .replace(" and ", "\nand\n.B ");
    let first = if names.contains(" ,") { ".BR" } else { ".B" };
    format!("{first} {names}\n")
}

fn list(pages: &[&LoginPage]) -> String {
    let urls: Vec<String> = pages.iter().map(|page| roff(&page.url)).collect();
    format!(".PP\n.nf\n.RS 4\n{}\n.RE\n.fi\n", urls.join("\n"))
}

const REQUESTS: &str = r#".SH "WEB SERVERS"
A line of an access log is a failure of the rules
@WEB_SERVERS@if its request is a POST to a login page, and its status is one of those with which
that page answers a failed login.
Which pages and which statuses is said below; where
.I urls
or
.I http_status_blocks
are set, that is what holds.
So this is a whole rule:
.PP
.nf
.RS 4
"nginx": { "log_files": "/var/log/nginx/access.log" }
.RE
.fi
.PP
A method in small letters is the same; others, such as PUT, are no failures.
.PP
The path is read as web servers read it: scheme and host are taken off
(http://HOST/login/), so are blanks, the query and the fragment (/login/#x); it is
decoded once (/%6cogin/); doubled slashes are one; . and .. are resolved.
What could not be read so by a server is no failure: an encoding that was encoded
again, an invalid one, or another case (/Login/).
.PP
Where servers and their settings differ a line counts if one of them would reach the
page:
.IP \(bu 2
doubled slashes are merged or, as with
.B merge_slashes off
or
.BR "MergeSlashes Off" ,
taken back by .. one by one;
.IP \(bu 2
an encoded slash, %2f, is one, or none until .. is resolved;
.IP \(bu 2
parameters of a segment (/login/;x), which nginx and Apache leave in the path, are
taken off: Java's servers behind them do;
.IP \(bu 2
what stands behind the name of a file belongs to it: /login.php/x is a request for
/login.php;
.IP \(bu 2
\&.. at the root leads to the root, though current servers refuse it.
.PP
A url with a query, such as /index.php?route=login, wants each of its parameters in
the query of the request, in any order.
Another path that leads to the same page, /login/index.php or one that a rewriting
makes, needs a url of its own.
.PP
Status 200 stands for 206 and 416, too: the client can have them in its place with a
Range header, after the page has looked at the password.
.PP
To patterns of one's own none of this applies: a line counts as it is written.
"#;

const REASONS: &str = r#".PP
The second list has the pages of applications that show their form again, with status
200, after a wrong password, and answer a good one with a redirect: WordPress, phpMyAdmin,
Django, Devise, MediaWiki, and forms that are written by hand as /login.php.
Under the names of the first list there are also applications in the browser, for which 200 is
a good password; of those that show a form there (Rails before 7) the statuses have to be named.
No page has one of the other statuses for a good password: a wrong one has 401, 403 or 400 in
applications in the browser, 401 in Roundcube, 403 in DokuWiki, 422 in Rails; a form without its
token has 403, 419 or 422, too many attempts 423 or 429, and a page without a login 405.
The applications of the second list, Rails, Roundcube and DokuWiki were tried, with wrong and
good passwords.
Of all others
.B pyfilter check
and
.B pyfilter audit
say how the pages answered when nothing counts, and which other paths look like login pages.
.PP
What a failure is elsewhere, the administrator says.
With
.I urls
alone, a path of the lists has its statuses, and any other path those of the first list; for
@COUNT_200@200 is one of them, as in PyFilter.
With
.I http_status_blocks
alone, these statuses are failures for all paths of the lists; null is any, also that of a good
password.
For a shop that shows its form again:
.PP
.nf
.RS 4
"nginx": { "log_files": "/var/log/nginx/access.log", "urls": ["/shop/login"], "http_status_blocks": [200] }
.RE
.fi
.PP
Some logins can not be told by the access log:
.IP \(bu 2
where a wrong and a good password have the same answer: /xmlrpc.php of WordPress (200), Laravel,
Spring and Rails 8 as they come (302, 303);
.IP \(bu 2
basic authentication: the first request of each browser has 401, and with a user name in the log
401 may be the answer of an application behind a good password;
.IP \(bu 2
a page that is not there (404), and errors of a proxy (502, 503): visitors have them, too.
Let nginx answer what it holds back with
.B limit_req_status 429
in place of 503.
.PP
The rules of PyFilter's own configuration name their urls and statuses: they mean what they meant.
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_login_page_stands_in_one_of_the_lists() {
        let section = section();
        for page in rules::LOGIN_PAGES {
            let line = format!("\n{}\n", roff(&page.url));
            assert_eq!(section.matches(&line).count(), 1, "{line}");
        }
    }
}
