//! The access logs of Apache and nginx, common and combined.
//!
//! The remote user stands before the request, and may be called `x [22/Mar…]`:
//! both servers leave blanks and brackets alone, and write a quote as `\"` or
//! `\x22`. So the first quote without a backslash begins the request, the
//! brackets before it hold the time, and nothing behind it can matter.
//! Only an empty user has quotes: Apache writes `""`, and any client of `mod_php`
//! can send one, also to a page that asks for none.
//! `rules::requests` says whether the request is a POST to a login page.

use super::contract::BuiltinPattern;

pub(super) const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        r#"^(?P<ip>\S+) (?:(?:[^"\\]|\\.)*|[^ "\\]+ "") \[(?P<time>[^"\[\]]+)\] "#,
        r#""(?P<request>[Pp](?:[^"\\]|\\.)*)" (?P<status>\d\d\d)(?: .*)?$"#,
    ),
    // The request begins behind their quote.
    &["] \"P", "] \"p"],
)];

/// A failed login of WordPress.
pub(super) const SAMPLE: &str = r#"203.0.113.9 - - [02/Mar/2026:04:05:06 +0000] "POST /wp-login.php HTTP/1.1" 200 4523 "-" "curl/8""#;

pub(super) const TIME_FORMATS: &[&str] = &["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"];
