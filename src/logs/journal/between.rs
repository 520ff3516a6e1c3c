//! The entries of a short time, by which a failure of the journal is found again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value};

use super::ask::{ask, cursor_of};
use super::entry::line;
use super::named::{Journal, JournalError, LONGEST_ENTRY};
use super::senders::Senders;

/// How many entries are handed over before they are taken.
const AHEAD: usize = 256;

/// An entry that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The line that it is, without its newline.
    pub line: Vec<u8>,
    /// By which `journalctl --cursor=` finds it.
    pub cursor: String,
}

/// Hands the entries of `journal` that count and were written from the second
/// `since` up to the end of the second `until` to `take`, until that wants no
/// more; false if they did not all come before `deadline`.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn entries_between(
    journal: &Journal,
    place: Option<&Path>,
    since: i64,
    until: i64,
    deadline: Instant,
    mut take: impl FnMut(JournalEntry) -> bool,
) -> Result<bool, JournalError> {
    let senders = Senders::of(&journal.units, Path::new("/"));
    let mut command = ask(&senders, place)?;
    command.arg(format!("--since=@{since}"));
    command.arg(format!("--until=@{}", until + 1));
    command.stderr(std::process::Stdio::null());
    let mut child = command.spawn().map_err(JournalError::NotStarted)?;
    let Some(output) = child.stdout.take() else {
        return Ok(false);
    };
    // A journalctl that says nothing is not waited for longer than to the deadline.
    let (sender, receiver) = mpsc::sync_channel(AHEAD);
    thread::spawn(move || {
        let mut output = BufReader::with_capacity(256 << 10, output);
        loop {
            let mut text = Vec::new();
            let mut next = output.by_ref().take(LONGEST_ENTRY);
            match next.read_until(b'\n', &mut text) {
                Ok(length) if length > 0 && sender.send(text).is_ok() => {}
                _ => break,
            }
        }
    });
    let whole = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(text) => {
                // What is no entry is a part of one that is too long.
                let entry = serde_json::from_slice::<Map<String, Value>>(&text).ok();
                let entry = entry.filter(|entry| senders.has_sent(entry));
                let entry = entry.and_then(|entry| {
                    let (mut line, cursor) = (line(&entry), cursor_of(&entry)?.to_owned());
                    line.pop();
                    Some(JournalEntry { line, cursor })
                });
                if entry.is_some_and(|entry| !take(entry)) {
                    break true;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break true,
            Err(RecvTimeoutError::Timeout) => break false,
        }
    };
    // It may have ended by itself: that it is gone is no error.
    let _ = child.kill();
    let _ = child.wait();
    Ok(whole)
}
