//! Where in the logs and journals the lines of remembered failures stand by now.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::logs::{self, Journal};
use crate::model::{Generation, KeptFailure, Stamp, line_digest};

/// How long entries of journals are looked for in all.
const LIMIT: Duration = Duration::from_secs(5);

/// Failures of a journal that are no further apart, in seconds, are looked for at once.
const APART: i64 = 60;

/// A line that was found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundLine {
    /// The file, which may have been rotated since.
    pub(super) path: PathBuf,
    /// Where in there.
    pub(super) at: LineLocation,
    /// Its text, of which at most [`KeptFailure::TEXT`] bytes.
    pub(super) text: Box<[u8]>,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineLocation {
    /// Its number in a file, counted from 1.
    Line(u64),
    /// The cursor of its entry in a journal.
    Entry(String),
}

/// The lines that were found, by the log, the byte at which they were read, and their
/// stamp: each run counts the bytes of a journal anew.
#[derive(Debug, Default)]
pub(super) struct FoundLines {
    found: BTreeMap<Key, FoundLine>,
    /// The journals that could not be looked through.
    unread: BTreeSet<Arc<Path>>,
}

type Key = (Arc<Path>, u64, Stamp);

fn key(failure: &KeptFailure) -> Key {
    (failure.path.clone(), failure.offset, failure.at)
}

impl FoundLines {
    /// Looks for the lines of `failures` in the files they were read from, and
    /// in the `generations` that these may have become; those of journals in the
    /// journal at `place`, or the host's.
    pub(super) fn find<'a>(
        failures: impl Iterator<Item = &'a KeptFailure>,
        generations: &BTreeMap<PathBuf, Vec<Generation>>,
        place: Option<&Path>,
    ) -> Self {
        let deadline = Instant::now() + LIMIT;
        let mut by_log: BTreeMap<Arc<Path>, Vec<&KeptFailure>> = BTreeMap::new();
        for failure in failures {
            let log = by_log.entry(failure.path.clone()).or_default();
            log.push(failure);
        }
        let mut lines = FoundLines::default();
        for (log, mut failures) in by_log {
            if let Some(journal) = logs::journal_named(&log) {
                failures.sort_by_key(|failure| failure.at);
                let is_near = |a: &&KeptFailure, b: &&KeptFailure| b.at.secs - a.at.secs <= APART;
                let read = failures
                    .chunk_by(is_near)
                    .all(|near| lines.find_entries(&journal, place, near, deadline));
                if !read {
                    lines.unread.insert(log);
                }
                continue;
            }
            failures.sort_by_key(|failure| failure.offset);
            failures.dedup_by_key(|failure| failure.offset);
            for path in candidates(&log, generations) {
                // What can not be read has no line numbers.
                let _ = lines.find_in(&path, &failures);
                failures.retain(|failure| lines.get(failure).is_none());
                if failures.is_empty() {
                    break;
                }
            }
        }
        lines
    }

    /// The text of a failure's line: as it was kept, else as it stands there by
    /// now; none if it is gone.
    pub(super) fn text<'a>(&'a self, failure: &'a KeptFailure) -> Option<&'a [u8]> {
        let found = || self.get(failure).map(|found| &found.text);
        failure.text.as_ref().or_else(found).map(|text| &**text)
    }

    /// Where the line of a failure stands.
    pub(super) fn get(&self, failure: &KeptFailure) -> Option<&FoundLine> {
        self.found.get(&key(failure))
    }

    /// Whether it is not known if the line of a failure is still there.
    pub(super) fn is_unread(&self, failure: &KeptFailure) -> bool {
        self.unread.contains(&failure.path)
    }

    /// Looks for failures of a journal that were written within a short time; false
    /// if the journal can not be read, or not in time.
    fn find_entries(
        &mut self,
        journal: &Journal,
        place: Option<&Path>,
        failures: &[&KeptFailure],
        deadline: Instant,
    ) -> bool {
        let (Some(first), Some(last)) = (failures.first(), failures.last()) else {
            return true;
        };
        let mut missing: Vec<&KeptFailure> = failures.to_vec();
        let (since, until) = (first.at.secs, last.at.secs);
        let read = logs::entries_between(journal, place, since, until, deadline, |entry| {
            let is_it = |failure: &&KeptFailure| is_line(failure, &entry.line);
            if let Some(n) = missing.iter().position(is_it) {
                let failure = missing.swap_remove(n);
                let (path, at) = (
                    failure.path.to_path_buf(),
                    LineLocation::Entry(entry.cursor),
                );
                let text = entry.line[..entry.line.len().min(KeptFailure::TEXT)].into();
                self.found
                    .insert(key(failure), FoundLine { path, at, text });
            }
            !missing.is_empty()
        });
        read.unwrap_or(false)
    }

    /// Reads a file once, up to the last of the lines.
    fn find_in(&mut self, path: &Path, failures: &[&KeptFailure]) -> io::Result<()> {
        let (stream, _) = logs::stream(path).map_err(io::Error::other)?;
        let mut place = Place {
            stream: BufReader::with_capacity(256 << 10, stream),
            at: 0,
            newlines: 0,
            last: b'\n',
        };
        for failure in failures {
            if !place.go_to(failure.offset)? {
                break;
            }
            let (line, begins) = (place.newlines + 1, place.last == b'\n');
            let text = place.line()?;
            if is_line(failure, &text) && begins {
                let (path, text, at) = (path.to_owned(), text.into(), LineLocation::Line(line));
                self.found
                    .insert(key(failure), FoundLine { path, at, text });
            }
        }
        Ok(())
    }
}

/// Whether `text` is the line of a failure, as far as that was kept.
fn is_line(failure: &KeptFailure, text: &[u8]) -> bool {
    let text = &text[..text.len().min(KeptFailure::TEXT)];
    match &failure.text {
        Some(kept) => text.starts_with(kept),
        None => line_digest(text) == failure.digest,
    }
}

/// The files in which the lines of `log` may stand: itself, and what is called
/// after it. Of a name of a generation, the log's others.
fn candidates(log: &Path, generations: &BTreeMap<PathBuf, Vec<Generation>>) -> BTreeSet<PathBuf> {
    let of_log = generations.iter().filter(|(name, generations)| {
        let is_named_after = log.as_os_str().as_bytes();
        let is_named_after = is_named_after.starts_with(name.as_os_str().as_bytes());
        is_named_after || generations.iter().any(|generation| generation.path == log)
    });
    let paths = of_log.flat_map(|(_, generations)| generations);
    let paths = paths.map(|generation| generation.path.clone());
    paths.chain([log.to_owned()]).collect()
}

/// A stream that is read forwards, and how far.
struct Place<R> {
    stream: R,
    at: u64,
    newlines: u64,
    /// The byte before; a newline where there is none.
    last: u8,
}

impl<R: BufRead> Place<R> {
    /// Goes on to the byte `offset`; false if the stream ends before, or has
    /// been read further.
    fn go_to(&mut self, offset: u64) -> io::Result<bool> {
        while self.at < offset {
            let bytes = self.stream.fill_buf()?;
            let wanted = usize::try_from(offset - self.at).unwrap_or(usize::MAX);
            let Some(&last) = bytes[..bytes.len().min(wanted)].last() else {
                return Ok(false);
            };
            let length = bytes.len().min(wanted);
            self.newlines += memchr::memchr_iter(b'\n', &bytes[..length]).count() as u64;
            self.take(length, last);
        }
        Ok(self.at == offset)
    }

    /// What comes next up to the end of the line, at most [`KeptFailure::TEXT`]
    /// bytes.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        while line.len() < KeptFailure::TEXT {
            let bytes = self.stream.fill_buf()?;
            let wanted = &bytes[..bytes.len().min(KeptFailure::TEXT - line.len())];
            let end = memchr::memchr(b'\n', wanted);
            let more = &wanted[..end.unwrap_or(wanted.len())];
            let Some(&last) = more.last() else {
                break;
            };
            line.extend_from_slice(more);
            let length = more.len();
            self.take(length, last);
            if end.is_some() {
                break;
            }
        }
        Ok(line)
    }

    fn take(&mut self, length: usize, last: u8) {
        self.stream.consume(length);
        self.at += length as u64;
        self.last = last;
    }
}
