//! The access logs of Apache and nginx, common and combined.
//!
//! Before the request stands the remote user, who may be called `x [22/Mar…]`:
//! both servers leave blanks and brackets alone, and write a quote as `\"` or
//! `\x22`. So the first quote without a backslash begins the request, the
//! brackets right before it hold the time, and nothing behind it can matter.

pub(super) const PATTERNS: &[&str] = &[concat!(
    r#"^(?P<ip>\S+) (?:[^"\\]|\\.)* \[(?P<time>[^"\[\]]+)\] "#,
    r#""POST (?:{})(?:\?(?:[^"\\]|\\.)*)? HTTP/[\d.]+" (?P<status>\d\d\d)(?: .*)?$"#,
)];

pub(super) const TIME_FORMATS: &[&str] = &["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"];

pub(super) const URLS: &[&str] = &["/login/", "/admin/"];
