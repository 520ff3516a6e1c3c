//! The messages of Grafana about a failed login.
//!
//! Each field is a word, or a text in quotes in which quotes are escaped. So no text can pass for
//! another field.
//!
//! As fail2ban, which knows the message of Grafana up to 9.3. Later versions tell of the status
//! and of the error, `[password-auth.failed]`, and those of today of each request, with the name
//! of its error: logins of the page, and of the API. Its log in JSON is not read.
//!
//! Grafana believes headers with addresses from any client ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::syslog;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "grafana",
    counts: "failed logins at Grafana",
    proof: Proof::Documentation(
        "the source of Grafana, from 9.4 on (response.go, logger.go, password.go)",
    ),
    sample: "logger=context userId=0 orgId=0 uname= t=2026-03-02T04:05:06.123456789Z level=info msg=\"Request Completed\" method=POST path=/login status=401 remote_addr=203.0.113.9 time_ms=53 duration=53.1ms size=105 referer= handler=/login status_source=server errorReason=Unauthorized errorMessageID=password-auth.failed error=\"failed to authenticate identity\"",
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    logs: &["/var/log/grafana/grafana.log"],
    journal: JournalSenders::of(&["grafana-server.service"]).and(&["grafana"]),
    offer: Offer::SwitchedOff(&[]),
    forgeable: Some(&FORGEABLE),
    ..BuiltinRule::NONE
};

const FORGEABLE: Forgeable = Forgeable::always(
    "Grafana takes the address from the headers X-Real-IP and X-Forwarded-For of any client",
    "let nobody reach Grafana but a proxy that sets X-Real-IP, and set `trust_sender` to true",
);

/// Fields, each with a blank behind it.
macro_rules! fields {
    () => {
        r#"(?:[\w.@-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*) )*"#
    };
}

/// The rest of the line.
macro_rules! rest {
    () => {
        r#"(?: [\w.@-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*))*$"#
    };
}

/// The address, in a field of which later versions changed the name.
macro_rules! remote {
    () => {
        concat!(r#"remote(?:_a|A)ddr="?"#, address_port!(), r#""?"#)
    };
}

/// The errors of a failed login.
macro_rules! errors {
    () => {
        r"(?:password-auth\.\w+|login-attempt\.blocked)"
    };
}

/// The message, or the error behind it, and then the address.
macro_rules! answer {
    () => {
        concat!(
            fields!(),
            r#"msg=(?:"?Invalid username or password"?|(?:\w+|"[\w ]+") error="\["#,
            errors!(),
            r#"\](?:[^"\\]|\\.)*") "#,
            fields!(),
            remote!(),
            rest!()
        )
    };
}

/// A request, its address, and then its error.
macro_rules! request {
    () => {
        concat!(
            fields!(),
            r#"msg="Request Completed" "#,
            fields!(),
            remote!(),
            " ",
            fields!(),
            "errorMessageID=",
            errors!(),
            rest!()
        )
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    BuiltinPattern::new(
        concat!("^", fields!(), r"t=(?P<time>\S+) ", answer!()),
        ANSWERS,
    ),
    BuiltinPattern::new(
        concat!("^", fields!(), r"t=(?P<time>\S+) ", request!()),
        REQUESTS,
    ),
    BuiltinPattern::new(concat!(head!("grafana(?:-server)?"), answer!()), ANSWERS),
    BuiltinPattern::new(concat!(head!("grafana(?:-server)?"), request!()), REQUESTS),
];

const ANSWERS: &[&str] = &[
    "Invalid username or password",
    "password-auth.",
    "login-attempt.blocked",
];

const REQUESTS: &[&str] = &["password-auth.", "login-attempt.blocked"];
