//! The message of Grafana about a failed login.
//!
//! Each field is a word, or a text in quotes in which quotes are escaped. So no text can pass for
//! another field.
//!
//! As fail2ban. Grafana believes headers with addresses from any client ([`FORGEABLE`]).

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::forgeable::Forgeable;
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "grafana",
    counts: "failed logins at Grafana",
    proof: Proof::Documentation("the source of Grafana 10"),
    sample: "logger=context userId=0 orgId=0 uname= t=2026-03-02T04:05:06.123456789Z level=info msg=\"Invalid username or password\" error=\"invalid\" remote_addr=203.0.113.9 traceID=",
    patterns: PATTERNS,
    time_formats: stamps::ISO,
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

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        "^",
        fields!(),
        r"t=(?P<time>\S+) ",
        fields!(),
        r#"msg="?Invalid username or password"? "#,
        fields!(),
        r#"remote_addr="?"#,
        address_port!(),
        r#""?(?: [\w.@-]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*))*$"#
    ),
    &["Invalid username or password"],
)];
