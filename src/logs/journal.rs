//! The systemd journal of some units, as the lines that rsyslog would have
//! written: the same patterns match.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::model::Escaped;
use crate::rules::Clock;

use super::meter::Metered;
use super::piece::{Content, Piece};

mod entry;

use entry::{line, micros};

/// Where `journalctl` is. Never looked for on the path: cron's is short, and
/// nobody else's program must be run.
const PROGRAMS: [&str; 2] = ["/usr/bin/journalctl", "/bin/journalctl"];

/// What of an entry is needed.
const FIELDS: &str = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME,_COMM";

/// What distributions call the unit of sshd.
const SSHD_UNITS: [&str; 2] = ["ssh.service", "sshd.service"];

/// What the processes of sshd call themselves.
const SSHD_NAMES: [&str; 3] = ["sshd", "sshd-session", "sshd-auth"];

/// How far back the first run looks, in seconds: a week.
const FIRST_LOOK: i64 = 7 * 86_400;

/// An entry of more bytes than this is left out.
const LONGEST_ENTRY: u64 = 8 << 20;

/// How many bytes of lines may have been read ahead of what counts when a reading
/// stops: the longest line that is kept, and some blocks.
const MARKED: u64 = 8 << 20;

/// The journal of some units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What it is called in reports and in the store: `journal:ssh.service`.
    pub name: String,
    /// The units.
    pub units: Vec<String>,
}

/// Why the journal can not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no `journalctl`.
    #[error(
        "journalctl is neither in /usr/bin nor in /bin: let rsyslog write a file and name it in log_files"
    )]
    Missing,
    /// It could not be started.
    #[error("journalctl can not be started: {0}")]
    NotStarted(io::Error),
}

/// What was read of a journal so far, told while it is being read.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The cursor from which the reading began, then that of the last entry whose
    /// mark was dropped.
    cursor: Option<String>,
    /// How many bytes of lines the entries came to so far.
    written: u64,
    /// Of the latest entries, the byte behind the line of each and its cursor.
    marks: VecDeque<(u64, String)>,
    entries: u64,
    /// Whether the entry was not found from which to go on.
    lost: bool,
    /// What `journalctl` says went wrong.
    error: Option<String>,
}

impl Progress {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The cursor of the last entry whose line ends at or before the byte `end` of
    /// the lines, which lies no more than [`MARKED`] behind what was read; else the
    /// one from which the reading began.
    #[must_use]
    pub fn cursor_at(&self, end: u64) -> Option<String> {
        self.with(|state| {
            let mut before = state.marks.iter().rev().filter(|(at, _)| *at <= end);
            let last = before.next().map(|(_, cursor)| cursor.clone());
            last.or_else(|| state.cursor.clone())
        })
    }

    /// How many entries were read.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.with(|state| state.entries)
    }

    /// What could not be read, each a sentence.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.with(|state| {
            let lost = "the entry up to which it was read is gone (vacuumed, or another journal): what was written between is lost, how much is not known";
            let lost = state.lost.then(|| lost.to_owned());
            lost.into_iter().chain(state.error.clone().map(|said| format!("journalctl failed: {said}"))).collect()
        })
    }
}

impl State {
    /// Notes an entry whose line has so many bytes.
    fn mark(&mut self, length: u64, cursor: Option<String>) {
        self.entries += 1;
        self.written += length;
        self.marks
            .extend(cursor.map(|cursor| (self.written, cursor)));
        while let Some((at, _)) = self.marks.front()
            && *at + MARKED < self.written
        {
            self.cursor = self.marks.pop_front().map(|(_, cursor)| cursor);
        }
    }
}

/// `journalctl`, if it is there.
#[must_use]
pub(super) fn journalctl() -> Option<&'static Path> {
    PROGRAMS
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
}

/// Begins to read a journal behind the entry with this cursor, or what it has
/// of the last week. `place` is a directory or file in place of the host's.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn journal(
    journal: &Journal,
    place: Option<&Path>,
    cursor: Option<&str>,
    now: i64,
) -> Result<(Piece, Progress), JournalError> {
    let mut command = ask(journal, place)?;
    match cursor {
        // The entry itself comes first: that it is still there is seen by that.
        Some(cursor) => command.arg(format!("--cursor={cursor}")),
        None => command.arg(format!("--since=@{}", now - FIRST_LOOK)),
    };
    begin(command, cursor, now)
}

/// Begins to read a journal from its first entry, or from the second `since` on.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn whole_journal(
    journal: &Journal,
    place: Option<&Path>,
    since: Option<i64>,
    now: i64,
) -> Result<(Piece, Progress), JournalError> {
    let mut command = ask(journal, place)?;
    command.args(since.map(|since| format!("--since=@{since}")));
    begin(command, None, now)
}

fn begin(
    mut command: Command,
    cursor: Option<&str>,
    now: i64,
) -> Result<(Piece, Progress), JournalError> {
    let mut child = command.spawn().map_err(JournalError::NotStarted)?;
    let output = child
        .stdout
        .take()
        .map(|output| BufReader::with_capacity(256 << 10, output));
    let progress = Progress::default();
    let expected = cursor.map(str::to_owned);
    progress.with(|state| state.cursor.clone_from(&expected));
    let lines = Lines {
        child,
        output,
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
        Piece {
            content,
            clock: Clock::new(now),
        },
        progress,
    ))
}

/// When the newest entry was written, in Unix seconds; none if there is none.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn newest_entry(journal: &Journal, place: Option<&Path>) -> Result<Option<i64>, JournalError> {
    let output = ask(journal, place)?
        .args(["--lines=1", "--reverse"])
        .output()
        .map_err(JournalError::NotStarted)?;
    let first = output
        .stdout
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let entry: Option<Map<String, Value>> = serde_json::from_slice(first).ok();
    Ok(entry
        .as_ref()
        .and_then(micros)
        .map(|micros| micros / 1_000_000))
}

/// The last `count` entries of a journal as lines, or as many as there are.
///
/// # Errors
/// `journalctl` is missing, or can not be started.
pub fn last_entries(
    journal: &Journal,
    place: Option<&Path>,
    count: usize,
) -> Result<Vec<u8>, JournalError> {
    let output = ask(journal, place)?
        .arg(format!("--lines={count}"))
        .output()
        .map_err(JournalError::NotStarted)?;
    let entries = output.stdout.split(|&byte| byte == b'\n');
    Ok(entries
        .filter_map(|entry| serde_json::from_slice(entry).ok())
        .flat_map(|entry: Map<String, Value>| line(&entry))
        .collect())
}

fn ask(journal: &Journal, place: Option<&Path>) -> Result<Command, JournalError> {
    let mut command = Command::new(journalctl().ok_or(JournalError::Missing)?);
    command
        .args(["--output=json", "--all", "--no-pager", "--quiet", FIELDS])
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
    command.args(wanted(&journal.units));
    Ok(command)
}

/// What of a journal is asked for, as `journalctl` takes it.
///
/// journald looks up the unit of a process once it has its message, and finds
/// none if the process has ended by then, as sshd's of a short connection have.
/// Those are known by their sender, for whom the kernel vouches, and by the name
/// that it gave itself: only root can write an entry that is root's.
fn wanted(units: &[String]) -> Vec<String> {
    if !units.iter().all(|unit| SSHD_UNITS.contains(&&**unit)) {
        return units.iter().map(|unit| format!("--unit={unit}")).collect();
    }
    let of_units = units
        .iter()
        .map(|unit| vec![format!("_SYSTEMD_UNIT={unit}")]);
    let of_root = |name| vec!["_UID=0".to_owned(), format!("SYSLOG_IDENTIFIER={name}")];
    let all: Vec<_> = of_units.chain(SSHD_NAMES.map(of_root)).collect();
    all.join(&"+".to_owned())
}

/// The lines of the entries that `journalctl` prints.
struct Lines {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    progress: Progress,
    /// The cursor that the first entry must have.
    expected: Option<String>,
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
        let cursor = entry
            .get("__CURSOR")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(expected) = self.expected.take() {
            if cursor
                .as_ref()
                .is_some_and(|cursor| is_same_entry(cursor, &expected))
            {
                return Ok(true);
            }
            self.progress.with(|state| state.lost = true);
        }
        self.line = line(&entry);
        let length = self.line.len() as u64;
        self.progress.with(|state| state.mark(length, cursor));
        Ok(true)
    }

    /// Hears how `journalctl` ended.
    fn end(&mut self) {
        self.output = None;
        let mut said = String::new();
        if let Some(errors) = self.child.stderr.take() {
            // What it says is only shown; that it failed is known by its status.
            let _ = errors.take(4096).read_to_string(&mut said);
        }
        let ended = self.child.wait();
        let failed = !ended.as_ref().is_ok_and(std::process::ExitStatus::success);
        let lost = self.expected.take().is_some();
        self.progress.with(|state| {
            // Not even the entry itself is there any more.
            state.lost |= lost && !failed;
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
            // Nobody reads it any more. That it is gone already is no error.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
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
