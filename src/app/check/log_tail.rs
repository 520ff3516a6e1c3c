//! The last lines of a log, on which a rule is tried.

use std::path::Path;

use crate::logs::{self, Journal};
use crate::model::{Escaped, SourceSpec};

/// How many lines are looked at. A busy log writes so many in minutes, and all of
/// them take a moment.
const LINES: usize = 10_000;

/// The last lines of a log.
pub(super) struct LogTail {
    /// The log itself: a file, or the first unit of a journal.
    pub(super) source: SourceSpec,
    /// As it may be printed.
    pub(super) name: String,
    pub(super) lines: Vec<u8>,
}

impl LogTail {
    /// None if it can not be read.
    pub(super) fn of_file(path: &Path) -> Option<Self> {
        Some(LogTail {
            source: SourceSpec::Files(path.to_owned()),
            name: Escaped::path(path).to_string(),
            lines: logs::last_lines(path, LINES).ok()?,
        })
    }

    /// `place` is the directory of the journals; none for the host's own. None if it can
    /// not be read.
    pub(super) fn of_journal(journal: &Journal, place: Option<&Path>) -> Option<Self> {
        Some(LogTail {
            source: SourceSpec::Journal(journal.units.first()?.clone()),
            name: Escaped::text(&journal.name).to_string(),
            lines: logs::last_entries(journal, place, LINES).ok()?,
        })
    }
}
