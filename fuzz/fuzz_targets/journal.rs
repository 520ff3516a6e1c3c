//! An entry of the journal: one line, whatever a process wrote.
#![no_main]

use fuzz::Input;
use fuzz::lines::{clock, shipped};
use libfuzzer_sys::fuzz_target;
use pyfilter::logs::journal_line;
use pyfilter::model::Address;
use pyfilter::rules::{Matcher, Verdict};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static MATCHER: LazyLock<Matcher> =
    LazyLock::new(|| Matcher::new(&shipped("ssh"), clock()).expect("a shipped rule"));

const FIELDS: [&str; 8] = [
    "MESSAGE",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "_PID",
    "_HOSTNAME",
    "_COMM",
    "__REALTIME_TIMESTAMP",
    "_UID",
];

fuzz_target!(|data: &[u8]| {
    if let Some(line) = journal_line(data) {
        is_one(&line);
    }
    let mut input = Input(data);
    let mut entry = Map::new();
    while !input.is_empty() {
        let (name, kind) = (input.byte(), input.byte());
        let text = input.field();
        let bytes = || text.iter().map(|&byte| json!(byte)).collect();
        let value = match kind % 4 {
            0 => Value::String(String::from_utf8_lossy(text).into_owned()),
            1 => Value::Array(bytes()),
            2 => json!([String::from_utf8_lossy(text), "second"]),
            _ => Value::Null,
        };
        entry.insert(FIELDS[usize::from(name) % FIELDS.len()].to_owned(), value);
    }
    let line = journal_line(json!(entry).to_string().as_bytes()).expect("an entry");
    is_one(&line);
    hostile(data);
});

/// One line, and nothing in it ends it or does anything to a terminal.
fn is_one(line: &[u8]) {
    let (last, line) = line.split_last().expect("a line");
    assert_eq!(*last, b'\n');
    assert!(
        !line.iter().any(u8::is_ascii_control),
        "{}",
        line.escape_ascii()
    );
}

/// What sshd says of a client names no other address, whatever his name is.
fn hostile(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    let message = format!("Invalid user {name} from 203.0.113.7 port 4242");
    let entry = json!({
        "MESSAGE": message, "SYSLOG_IDENTIFIER": "sshd", "SYSLOG_PID": "7", "_HOSTNAME": "vm",
        "__REALTIME_TIMESTAMP": "1795332818820101",
    });
    let line = journal_line(entry.to_string().as_bytes()).expect("an entry");
    is_one(&line);
    let Verdict::Failure(failure) = MATCHER.clone().line(line.trim_ascii_end(), 0) else {
        panic!("evaded: {}", line.escape_ascii());
    };
    assert_eq!(Some(failure.address), Address::parse(b"203.0.113.7"));
}
