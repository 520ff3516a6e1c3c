//! The access logs of Apache and nginx, common and combined.
//!
//! Before the request stands the remote user, who may be called `x [22/Mar…]`:
//! both servers leave blanks and brackets alone, and write a quote as `\"` or
//! `\x22`. So the first quote without a backslash begins the request, the
//! brackets right before it hold the time, and nothing behind it can matter.
//! Whether the request is a POST to one of the `urls` says `rules::requests`.

pub(super) const PATTERNS: &[&str] = &[concat!(
    r#"^(?P<ip>\S+) (?:[^"\\]|\\.)* \[(?P<time>[^"\[\]]+)\] "#,
    r#""(?P<request>[Pp](?:[^"\\]|\\.)*)" (?P<status>\d\d\d)(?: .*)?$"#,
)];

/// Behind their quote begins the request.
pub(super) const LITERALS: &[&[&str]] = &[&["] \"P", "] \"p"]];

pub(super) const TIME_FORMATS: &[&str] = &["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"];

pub(super) const URLS: &[&str] = &["/login/", "/admin/"];
