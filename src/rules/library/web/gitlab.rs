//! The message of GitLab about a failed login.
//!
//! The name stands before the address, which ends the message: the last one is the true one.
//! In the log of JSON, quotes and line breaks of a name are escaped, and the order of the fields
//! does not matter but for the time, which may stand before or behind the message.
//!
//! As fail2ban. In the plain log a line break in a name is not escaped ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "gitlab",
    counts: "failed logins at GitLab",
    proof: Proof::Documentation("GitLab's documentation of application_json.log"),
    sample: "{\"severity\":\"INFO\",\"time\":\"2026-03-02T04:05:06.123Z\",\"correlation_id\":\"x\",\"message\":\"Failed Login: username=bob ip=203.0.113.9\"}",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/gitlab/gitlab-rails/application_json.log",
        "/home/git/gitlab/log/application_json.log",
    ],
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable {
    why: "GitLab writes a line break in a user's name into application.log as it is",
    remedy: "read application_json.log in its place",
    fixed: Some(FixedVersion {
        version: "JSON",
        entry: r"^(?:(?P<fixed>\{)|\d{4}-)",
        files: &[],
    }),
    programs: &[],
    in_usual_logs: false,
};

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            r#""message":"Failed Login: username=(?P<user>(?:[^"\\]|\\.)*) ip=(?P<ip>[^"\s]+)""#,
            json!(),
            r"\}$"
        ),
        &["\"Failed Login: username="],
    ),
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""message":"Failed Login: username=(?P<user>(?:[^"\\]|\\.)*) ip=(?P<ip>[^"\s]+)""#,
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            r"\}$"
        ),
        &["\"Failed Login: username="],
    ),
    BuiltinPattern::new(
        r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?): Failed Login: username=(?P<user>.*) ip=(?P<ip>\S+)$",
        &[": Failed Login: username="],
    ),
];
