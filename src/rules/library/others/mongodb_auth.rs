//! The messages of MongoDB about a failed login, in its log of JSON (since 4.4).
//!
//! Quotes are escaped, so that no text of a client can pass for a field. Nor can a document that a
//! client sends: the message is a field of the line itself, and before the address stand texts and
//! words alone. The time, the message and what belongs to it stand in this order, the only one that
//! MongoDB writes (`json_formatter.cpp`). Up to 6.0 the message is the first one, and the second one
//! stands in the log only at a verbosity of three.
//!
//! fail2ban reads the old log, which needs ten lines for one login. A client of today tries once
//! before it is asked, and once more: each try has a line of its own. A login that a client leaves
//! unfinished is no failure.

use super::super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof};
use super::super::stamps;

pub(in super::super) const RULE: BuiltinRule = BuiltinRule {
    name: "mongodb-auth",
    counts: "failed logins at MongoDB since 4.4",
    proof: Proof::Documentation(
        "the source of MongoDB 4.4, 6.0 and since 7.0, and MongoDB's documentation of log messages",
    ),
    sample: "{\"t\":{\"$date\":\"2026-03-02T04:05:06.123+00:00\"},\"s\":\"I\",  \"c\":\"ACCESS\",   \"id\":20249,   \"ctx\":\"conn7\",\"msg\":\"Authentication failed\",\"attr\":{\"mechanism\":\"SCRAM-SHA-256\",\"speculative\":false,\"principalName\":\"bob\",\"authenticationDatabase\":\"admin\",\"remote\":\"203.0.113.9:40022\",\"extraInfo\":{},\"error\":\"UserNotFound: x\"}}",
    patterns: PATTERNS,
    ignored: &[UNFINISHED],
    time_formats: stamps::ISO,
    logs: &[
        "/var/log/mongodb/mongod.log",
        "/var/log/mongodb/mongodb.log",
    ],
    journal: JournalSenders::of(&["mongod.service", "mongodb.service"]).and(&["mongodb", "mongod"]),
    offer: Offer::SwitchedOff(&[]),
    ..BuiltinRule::NONE
};

/// A client that goes away, or begins anew, before its password was looked at. Up to 6.0 the error
/// is an object.
const UNFINISHED: &str = concat!(
    r#"^\{"t":\{"\$date":"[^"]+"\},"#,
    json!(),
    r#""msg":"Failed to authenticate","attr":\{"#,
    r#"(?:"\w+":(?:"(?:[^"\\]|\\.)*"|\w+),)*"error":(?:"AuthenticationAbandoned: |\{"code":\d+,"codeName":"AuthenticationAbandoned")"#
);

/// The beginning of a failed login: its time, and the message.
macro_rules! failed {
    () => {
        concat!(
            r#"^\{"t":\{"\$date":"(?P<time>[^"]+)"\},"#,
            json!(),
            r#""msg":"(?:Authentication failed|Failed to authenticate)","attr":\{"#
        )
    };
}

/// A field of a text or a word, which is no document.
macro_rules! field {
    () => {
        r#""\w+":(?:"(?:[^"\\]|\\.)*"|\w+),"#
    };
}

macro_rules! address {
    () => {
        r#""(?:remote|client)":"\[?(?P<ip>[^"\]]+?)\]?:\d+""#
    };
}

macro_rules! user {
    () => {
        r#""(?:principalName|user)":"(?P<user>(?:[^"\\]|\\.)*)""#
    };
}

const PATTERNS: &[BuiltinPattern] = &[
    // The name behind the address.
    BuiltinPattern::new(
        concat!(
            failed!(),
            "(?:",
            field!(),
            ")*",
            address!(),
            ",(?:",
            field!(),
            ")*?",
            user!(),
            json_rest!()
        ),
        LITERALS,
    ),
    // Before it, or without a name.
    BuiltinPattern::new(
        concat!(
            failed!(),
            "(?:",
            user!(),
            ",|",
            field!(),
            ")*",
            address!(),
            json_rest!()
        ),
        LITERALS,
    ),
];

const LITERALS: &[&str] = &["\"Authentication failed\"", "\"Failed to authenticate\""];
