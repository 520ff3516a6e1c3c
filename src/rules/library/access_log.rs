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

pub(super) const TIME_FORMATS: &[&str] = &["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"];
