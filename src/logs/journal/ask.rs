//! How `journalctl` is asked.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::{Map, Value};

use super::named::JournalError;
use super::senders::{self, Senders};

/// Where `journalctl` is. Never looked for on the path: cron's is short, and
/// a program of another user must not be run.
const PROGRAMS: [&str; 2] = ["/usr/bin/journalctl", "/bin/journalctl"];

/// What of an entry makes the line.
const FIELDS: &str = "MESSAGE,SYSLOG_PID,_PID,_HOSTNAME,_COMM";

/// How much is kept of what `journalctl` says went wrong.
pub(super) const LONGEST_SAID: u64 = 4096;

/// `journalctl`, if it is there.
#[must_use]
pub(in crate::logs) fn journalctl() -> Option<&'static Path> {
    PROGRAMS
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
}

/// Asks for what the senders have sent, in the journal at `place` or the host's.
pub(super) fn ask(senders: &Senders, place: Option<&Path>) -> Result<Command, JournalError> {
    let mut command = asked_of(place)?;
    command
        .arg(format!("--output-fields={FIELDS},{}", senders::FIELDS))
        .args(senders.matches());
    Ok(command)
}

/// `journalctl` over the journal at `place`, as JSON.
fn asked_of(place: Option<&Path>) -> Result<Command, JournalError> {
    let mut command = Command::new(journalctl().ok_or(JournalError::Missing)?);
    command
        .args(["--output=json", "--all", "--no-pager", "--quiet"])
        .env("LC_ALL", "C");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(place) = place {
        let flag = if place.is_dir() {
            "--directory"
        } else {
            "--file"
        };
        command.arg(flag).arg(place);
    }
    Ok(command)
}

/// Reads what `journalctl` says went wrong to its end, beside its output: it
/// would wait for ever with a pipe that is full. The beginning is kept.
pub(super) fn drained(mut errors: ChildStderr) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut said = Vec::new();
        // It is only shown; that journalctl failed is known by its status.
        let _ = errors.by_ref().take(LONGEST_SAID).read_to_end(&mut said);
        let _ = io::copy(&mut errors, &mut io::sink());
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// The entry behind which reading goes on.
pub(super) struct Expected {
    pub(super) cursor: String,
    pub(super) place: Option<PathBuf>,
}

impl Expected {
    /// Whether it is this entry.
    pub(super) fn is(&self, cursor: &str) -> bool {
        is_same_entry(cursor, &self.cursor)
    }

    /// Whether it is there, though it is none that counts: it was read when other
    /// senders counted, too.
    pub(super) fn is_there(&self) -> bool {
        let Ok(mut command) = asked_of(self.place.as_deref()) else {
            return false;
        };
        command.arg(format!("--cursor={}", self.cursor));
        let output = command.args(["--lines=1", "--output-fields=_UID"]).output();
        output.is_ok_and(|output| {
            let entry = serde_json::from_slice::<Map<String, Value>>(&output.stdout).ok();
            let cursor = entry.as_ref().and_then(cursor_of);
            cursor.is_some_and(|cursor| self.is(cursor))
        })
    }
}

pub(super) fn cursor_of(entry: &Map<String, Value>) -> Option<&str> {
    entry.get("__CURSOR").and_then(Value::as_str)
}

/// Whether two cursors are of one entry: written in the same microsecond, with
/// the same content. The file it stands in may have been copied or merged.
fn is_same_entry(a: &str, b: &str) -> bool {
    let of = |cursor: &str| {
        let parts = cursor
            .split(';')
            .filter(|part| part.starts_with("t=") || part.starts_with("x="));
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    a == b || (of(a).len() == 2 && of(a) == of(b))
}
