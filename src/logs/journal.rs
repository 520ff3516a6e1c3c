//! The systemd journal of some units, as the lines that rsyslog would have
//! written: the same patterns match.
//!
//! | file | what it does |
//! |---|---|
//! | `named` | what a journal is called, and why one can not be read |
//! | `senders`, `unit` | whose entries count; the user as whom a unit runs |
//! | `ask` | how `journalctl` is asked |
//! | `entry` | an entry → the line that rsyslog would have written |
//! | `progress` | how far a journal was read, told while it is being read |
//! | `between` | the entries of a short time, by which a failure is found again |

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};
use std::thread::JoinHandle;

use serde_json::{Map, Value};

use crate::model::{CountsFrom, Escaped, JournalPosition};
use crate::rules::Clock;

use super::meter::Metered;
use super::segment::{Content, Segment};

mod ask;
mod between;
mod entry;
mod named;
mod progress;
mod senders;
mod unit;

pub(super) use ask::journalctl;
pub use between::{JournalEntry, entries_between};
pub use entry::journal_line;
pub use named::{Journal, JournalError, journal_named};
pub(super) use progress::JournalProgress;

use ask::{Expected, ask, cursor_of, drained};
use entry::{line, micros};
use named::LONGEST_ENTRY;
use senders::Senders;

/// How far back the first run looks, in seconds: a week.
const FIRST_LOOK: i64 = 7 * 86_400;

/// How many of the newest entries are looked through for one that counts.
const NEWEST: &str = "--lines=1000";

/// Begins to read a journal at `from`, or from its first entry. `place` is a
/// directory or file in place of the host's.
pub(super) fn open_journal(
    journal: &Journal,
    place: Option<&Path>,
    from: Option<&JournalPosition>,
    now: i64,
) -> Result<(Segment, JournalProgress), JournalError> {
    let senders = Senders::of(&journal.units, Path::new("/"));
    let mut command = ask(&senders, place)?;
    let mut expected = None;
    match from {
        // The entry itself comes first: that it is still there is seen by that.
        Some(JournalPosition::Entry(cursor)) => {
            command.arg(format!("--cursor={cursor}"));
            expected = Some(Expected {
                cursor: cursor.clone(),
                place: place.map(Path::to_owned),
            });
        }
        Some(JournalPosition::Since(secs)) => drop(command.arg(format!("--since=@{secs}"))),
        None => {}
    }
    begin(command, senders, expected, now)
}

/// Where a journal is read from that is new: a week ago.
pub(super) fn last_week(now: i64) -> JournalPosition {
    JournalPosition::Since(now - FIRST_LOOK)
}

fn begin(
    mut command: Command,
    senders: Senders,
    expected: Option<Expected>,
    now: i64,
) -> Result<(Segment, JournalProgress), JournalError> {
    let mut child = command.spawn().map_err(JournalError::NotStarted)?;
    let output = child
        .stdout
        .take()
        .map(|output| BufReader::with_capacity(256 << 10, output));
    let errors = child.stderr.take().map(drained);
    let progress = JournalProgress::default();
    progress.with(|state| state.cursor = expected.as_ref().map(|expected| expected.cursor.clone()));
    let lines = Lines {
        child,
        output,
        errors,
        senders,
        progress: progress.clone(),
        expected,
        line: Vec::new(),
        taken: 0,
    };
    let content = Content::Stream {
        stream: Box::new(Metered(lines)),
        from: 0,
        ends: true,
        packed: None,
    };
    Ok((
        Segment {
            content,
            clock: Clock::new(now),
            counts: CountsFrom::default(),
        },
        progress,
    ))
}

/// When the newest entry that counts was written, in Unix seconds; none if there
/// is none.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn newest_entry(journal: &Journal, place: Option<&Path>) -> Result<Option<i64>, JournalError> {
    let senders = Senders::of(&journal.units, Path::new("/"));
    let output = ask(&senders, place)?
        .args([NEWEST, "--reverse"])
        .output()
        .map_err(JournalError::NotStarted)?;
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let mut entries =
        lines.filter_map(|line| serde_json::from_slice::<Map<String, Value>>(line).ok());
    let newest = entries.find(|entry| senders.has_sent(entry));
    Ok(newest
        .as_ref()
        .and_then(micros)
        .map(|micros| micros / 1_000_000))
}

/// The last entries of a journal that count, of its last `count`, as lines.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn last_entries(
    journal: &Journal,
    place: Option<&Path>,
    count: usize,
) -> Result<Vec<u8>, JournalError> {
    let senders = Senders::of(&journal.units, Path::new("/"));
    let output = ask(&senders, place)?
        .arg(format!("--lines={count}"))
        .output()
        .map_err(JournalError::NotStarted)?;
    let entries = output.stdout.split(|&byte| byte == b'\n');
    Ok(entries
        .filter_map(|entry| serde_json::from_slice(entry).ok())
        .filter(|entry: &Map<String, Value>| senders.has_sent(entry))
        .flat_map(|entry| line(&entry))
        .collect())
}

/// The units of a journal with the user as whom they run, where that user's
/// number is not known: what it writes does not count.
#[must_use]
pub fn unknown_users(journal: &Journal) -> Vec<(String, String)> {
    let senders = Senders::of(&journal.units, Path::new("/"));
    let unknown = senders.unknown();
    unknown
        .map(|(unit, user)| (unit.to_owned(), user.to_owned()))
        .collect()
}

/// The lines of the entries that `journalctl` prints.
struct Lines {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    /// What it says went wrong.
    errors: Option<JoinHandle<String>>,
    senders: Senders,
    progress: JournalProgress,
    /// What the first entry must be.
    expected: Option<Expected>,
    line: Vec<u8>,
    /// How much of the line was handed over.
    taken: usize,
}

impl Read for Lines {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.line.len() {
            if !self.next_line()? {
                return Ok(0);
            }
        }
        let written = buffer.write(&self.line[self.taken..])?;
        self.taken += written;
        Ok(written)
    }
}

impl Lines {
    /// Makes the next entry a line; false at the end.
    fn next_line(&mut self) -> io::Result<bool> {
        (self.taken, self.line) = (0, Vec::new());
        let Some(output) = &mut self.output else {
            return Ok(false);
        };
        let mut text = Vec::new();
        if output
            .by_ref()
            .take(LONGEST_ENTRY)
            .read_until(b'\n', &mut text)?
            == 0
        {
            self.end();
            return Ok(false);
        }
        if text.last() != Some(&b'\n') && text.len() as u64 == LONGEST_ENTRY {
            output.skip_until(b'\n')?;
            return Ok(true);
        }
        // What is no entry is a part of none: journalctl prints nothing else.
        let Ok(entry) = serde_json::from_slice::<Map<String, Value>>(&text) else {
            return Ok(true);
        };
        let cursor = cursor_of(&entry);
        if let Some(expected) = self.expected.take() {
            if cursor.is_some_and(|cursor| expected.is(cursor)) {
                return Ok(true);
            }
            let lost = !expected.is_there();
            self.progress.with(|state| state.lost = lost);
        }
        let counts = self.senders.has_sent(&entry);
        if counts {
            self.line = line(&entry);
        }
        let (length, cursor) = (self.line.len() as u64, cursor.map(str::to_owned));
        self.progress
            .with(|state| state.mark(counts, length, cursor));
        Ok(true)
    }

    /// Notes how `journalctl` ended.
    fn end(&mut self) {
        self.output = None;
        let ended = self.child.wait();
        let said = self.errors.take().and_then(|errors| errors.join().ok());
        let said = said.unwrap_or_default();
        let failed = !ended.as_ref().is_ok_and(std::process::ExitStatus::success);
        let expected = self.expected.take().filter(|_| !failed);
        let lost = expected.is_some_and(|expected| !expected.is_there());
        self.progress.with(|state| {
            // Not even the entry itself is there any more.
            state.lost |= lost;
            if failed {
                let status =
                    ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                let said = if said.trim().is_empty() {
                    status
                } else {
                    said.trim().to_owned()
                };
                state.error = Some(Escaped::text(&said).to_string());
            }
        });
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.output.take().is_some() {
            // Its output is not read any more. That it has ended already is no error.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::ask::LONGEST_SAID;
    use super::*;

    /// The lines of what a shell prints in journalctl's place, and what was told.
    fn printed(script: &str) -> Option<(String, Vec<String>)> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let senders = Senders::of(&["ssh.service".to_owned()], Path::new("/"));
        let (segment, progress) = begin(command, senders, None, 0).unwrap();
        let (done, read) = mpsc::channel();
        thread::spawn(move || {
            let Content::Stream { mut stream, .. } = segment.content else {
                unreachable!("a journal is a stream");
            };
            let mut lines = String::new();
            stream.read_to_string(&mut lines).unwrap();
            done.send(lines)
        });
        let lines = read.recv_timeout(Duration::from_secs(20)).ok()?;
        Some((lines, progress.problems()))
    }

    /// A mebibyte of complaints: a pipe holds 64 KiB.
    const COMPLAINS: &str = "head -c 1048576 /dev/zero | tr '\\0' x >&2";
    const ENTRY: &str = r#"echo '{"__CURSOR":"a","_UID":"0","_SYSTEMD_UNIT":"ssh.service","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"m"}'"#;

    #[test]
    fn a_journalctl_that_complains_without_end_is_read_to_its_end() {
        let (lines, problems) =
            printed(&format!("{COMPLAINS}; {ENTRY}; {COMPLAINS}")).expect("it is read");
        assert_eq!(
            (lines.as_str(), problems.len()),
            ("1970-01-01T00:00:00.000000+00:00  sshd: m\n", 0)
        );
    }

    #[test]
    fn what_a_failed_journalctl_says_is_told_as_far_as_it_is_kept() {
        let (lines, problems) =
            printed(&format!("{ENTRY}; {COMPLAINS}; exit 3")).expect("it is read");
        assert_eq!(lines.lines().count(), 1);
        let said = "x".repeat(usize::try_from(LONGEST_SAID).unwrap());
        assert_eq!(problems, [format!("journalctl failed: {said}")]);
    }
}
