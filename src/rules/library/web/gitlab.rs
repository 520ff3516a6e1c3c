//! The message of GitLab about a failed login.
//!
//! The name stands before the address, which ends the message: the last one is the true one.
//! In the log of JSON, quotes and line breaks of a name are escaped, and the order of the fields
//! does not matter but for the time, which may stand before or behind the message.
//!
//! As fail2ban, and wrong second factors, which have the method behind the address. Of tokens,
//! and of git over HTTP and SSH, there is no such message. In the plain log a line break in a name is not escaped ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, Offer, Proof};
use super::super::forgeable::{FixedVersion, Forgeable, ForgeableLogs};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "gitlab",
    counts: "failed logins and wrong second factors at GitLab",
    proof: Proof::Documentation("the source of GitLab 17 (sessions_controller.rb)"),
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
    logs: ForgeableLogs::Unusual,
};

/// The message in JSON. The last address is the true one; a method stands behind it.
macro_rules! failure {
    () => {
        r#""message":"Failed Login: user(?:name)?=(?P<user>(?:[^"\\]|\\.)*) ip=(?P<ip>[^"\s]+)(?: method=\w+)?""#
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json!(),
            failure!(),
            json_rest!()
        ),
        &["\"Failed Login: user"],
    ),
    BuiltinPattern::new(
        concat!(
            r"^\{",
            json!(),
            failure!(),
            json!(),
            r#""time":"(?P<time>[^"]+)""#,
            json_rest!()
        ),
        &["\"Failed Login: user"],
    ),
    BuiltinPattern::new(
        r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?): Failed Login: user(?:name)?=(?P<user>.*) ip=(?P<ip>\S+)(?: method=\w+)?$",
        &[": Failed Login: user"],
    ),
];
