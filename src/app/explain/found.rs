//! Where in the logs the lines of remembered failures stand by now.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::logs;
use crate::model::{Generation, Witness};

/// A line that was found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The file, which may have been rotated since.
    pub(super) path: PathBuf,
    /// Its number, counted from 1.
    pub(super) line: u64,
}

/// The lines that were found, by the log and the byte at which they were read.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<(Arc<Path>, u64), Found>);

impl Lines {
    /// Looks for the lines of `failures` in the files they were read from, and
    /// in the `generations` that these may have become.
    pub(super) fn find<'a>(
        failures: impl Iterator<Item = &'a Witness>,
        generations: &BTreeMap<PathBuf, Vec<Generation>>,
    ) -> Self {
        let mut by_log: BTreeMap<Arc<Path>, Vec<&Witness>> = BTreeMap::new();
        for failure in failures {
            let log = by_log.entry(failure.path.clone()).or_default();
            log.push(failure);
        }
        let mut lines = Lines::default();
        for (log, mut failures) in by_log {
            failures.sort_by_key(|failure| failure.offset);
            failures.dedup_by_key(|failure| failure.offset);
            for path in candidates(&log, generations) {
                // What can not be read has no line numbers; the text was kept.
                let _ = lines.find_in(&path, &log, &failures);
                failures.retain(|failure| lines.get(failure).is_none());
                if failures.is_empty() {
                    break;
                }
            }
        }
        lines
    }

    /// Where the line of a failure stands.
    pub(super) fn get(&self, failure: &Witness) -> Option<&Found> {
        self.0.get(&(failure.path.clone(), failure.offset))
    }

    /// Reads a file once, up to the last of the lines.
    fn find_in(&mut self, path: &Path, log: &Arc<Path>, failures: &[&Witness]) -> io::Result<()> {
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
            if place.takes(&failure.text)? && begins {
                let path = path.to_owned();
                let key = (log.clone(), failure.offset);
                self.0.insert(key, Found { path, line });
            }
        }
        Ok(())
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

    /// Whether these bytes come next, none of which is a newline. Takes as
    /// many of them as do.
    fn takes(&mut self, mut text: &[u8]) -> io::Result<bool> {
        while let Some(&first) = text.first() {
            let bytes = self.stream.fill_buf()?;
            let length = bytes.len().min(text.len());
            if length == 0 || bytes[..length] != text[..length] {
                return Ok(false);
            }
            self.take(length, first);
            text = &text[length..];
        }
        Ok(true)
    }

    fn take(&mut self, length: usize, last: u8) {
        self.stream.consume(length);
        self.at += length as u64;
        self.last = last;
    }
}
