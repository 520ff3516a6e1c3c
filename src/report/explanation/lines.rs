use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{KeptFailure, Stamp};

/// A line that was found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// The file, which may have been rotated since.
    pub path: PathBuf,
    /// Where in there.
    pub at: LineLocation,
    /// Its text, of which at most [`KeptFailure::TEXT`] bytes.
    pub text: Box<[u8]>,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineLocation {
    /// Its number in a file, counted from 1.
    Line(u64),
    /// The cursor of its entry in a journal.
    Entry(String),
}

/// The lines that were found, by the log, the byte at which they were read, and their
/// stamp: each run counts the bytes of a journal anew.
#[derive(Debug, Default)]
pub struct FoundLines {
    found: BTreeMap<Key, FoundLine>,
    /// The logs that are journals.
    journals: BTreeSet<Arc<Path>>,
    /// The journals that could not be looked through.
    unread: BTreeSet<Arc<Path>>,
}

type Key = (Arc<Path>, u64, Stamp);

fn key(failure: &KeptFailure) -> Key {
    (failure.path.clone(), failure.offset, failure.at)
}

impl FoundLines {
    /// Adds the line of a failure.
    pub fn insert(&mut self, failure: &KeptFailure, line: FoundLine) {
        self.found.insert(key(failure), line);
    }

    /// Notes that a log is a journal, and whether it could be looked through.
    pub fn add_journal(&mut self, log: &Arc<Path>, was_read: bool) {
        self.journals.insert(log.clone());
        if !was_read {
            self.unread.insert(log.clone());
        }
    }

    /// The text of a failure's line: as it was kept, else as it stands there by
    /// now; none if it is gone.
    #[must_use]
    pub fn text<'a>(&'a self, failure: &'a KeptFailure) -> Option<&'a [u8]> {
        let found = || self.get(failure).map(|found| &found.text);
        failure.text.as_ref().or_else(found).map(|text| &**text)
    }

    /// Where the line of a failure stands.
    #[must_use]
    pub fn get(&self, failure: &KeptFailure) -> Option<&FoundLine> {
        self.found.get(&key(failure))
    }

    /// Whether a failure was read from a journal.
    #[must_use]
    pub fn is_of_journal(&self, failure: &KeptFailure) -> bool {
        self.journals.contains(&failure.path)
    }

    /// Whether it is not known if the line of a failure is still there.
    #[must_use]
    pub fn is_unread(&self, failure: &KeptFailure) -> bool {
        self.unread.contains(&failure.path)
    }
}
