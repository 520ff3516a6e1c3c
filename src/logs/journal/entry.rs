//! An entry of the journal → the line that rsyslog would have written.

use chrono::DateTime;
use serde_json::{Map, Value};

/// When an entry was written, in microseconds.
pub(super) fn micros(entry: &Map<String, Value>) -> Option<i64> {
    entry.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()
}

/// The line that rsyslog would have written for an entry as `journalctl
/// --output=json` prints it, with its newline; none if that is no entry.
#[must_use]
pub fn journal_line(entry: &[u8]) -> Option<Vec<u8>> {
    Some(line(&serde_json::from_slice(entry).ok()?))
}

/// `STAMP HOST NAME[PID]: MESSAGE`, and a newline.
pub(super) fn line(entry: &Map<String, Value>) -> Vec<u8> {
    let stamp = micros(entry)
        .and_then(DateTime::from_timestamp_micros)
        .unwrap_or_default();
    let mut line = stamp
        .format("%Y-%m-%dT%H:%M:%S%.6f+00:00 ")
        .to_string()
        .into_bytes();
    let first = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| entry.get(*name))
            .map(bytes)
            .unwrap_or_default()
    };
    escape(&first(["_HOSTNAME", ""]), &mut line);
    line.push(b' ');
    escape(&first(["SYSLOG_IDENTIFIER", "_COMM"]), &mut line);
    let process = first(["SYSLOG_PID", "_PID"]);
    if !process.is_empty() {
        line.push(b'[');
        escape(&process, &mut line);
        line.push(b']');
    }
    line.extend_from_slice(b": ");
    escape(&first(["MESSAGE", ""]), &mut line);
    line.push(b'\n');
    line
}

/// The bytes of a field: text, or numbers where it is none, or several of them.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(items) if items.iter().all(Value::is_u64) => items
            .iter()
            .filter_map(|item| u8::try_from(item.as_u64()?).ok())
            .collect(),
        Value::Array(items) => items.first().map(bytes).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Control characters as `#ooo`, as rsyslog writes them: a message must not
/// pass for a line.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_control() {
            line.extend_from_slice(format!("#{byte:03o}").as_bytes());
        } else {
            line.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entry: &str) -> String {
        String::from_utf8_lossy(&journal_line(entry.as_bytes()).unwrap()).into_owned()
    }

    #[test]
    fn an_entry_is_the_line_that_rsyslog_would_have_written() {
        let entry = r#"{"__REALTIME_TIMESTAMP":"1795332818820101","_HOSTNAME":"vm","SYSLOG_IDENTIFIER":"sshd-session",
            "SYSLOG_PID":"237","_PID":"1","MESSAGE":"Disconnected from user alice 203.0.113.20 port 40801"}"#;
        assert_eq!(
            of(entry),
            "2026-11-22T07:33:38.820101+00:00 vm sshd-session[237]: Disconnected from user alice 203.0.113.20 port 40801\n"
        );
    }

    #[test]
    fn a_message_can_not_pass_for_a_line() {
        let entry = r#"{"__REALTIME_TIMESTAMP":"0","_HOSTNAME":"vm","_COMM":"sshd","_PID":"7",
            "MESSAGE":[65,10,66,127,255]}"#;
        assert_eq!(
            of(entry),
            "1970-01-01T00:00:00.000000+00:00 vm sshd[7]: A#012B#177\u{fffd}\n"
        );
        assert_eq!(
            of(r#"{"MESSAGE":["one","two"]}"#),
            "1970-01-01T00:00:00.000000+00:00  : one\n"
        );
        assert_eq!(
            of(r#"{"MESSAGE":null}"#),
            "1970-01-01T00:00:00.000000+00:00  : \n"
        );
    }
}
