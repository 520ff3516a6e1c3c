//! A journal while a run reads it.

use std::path::Path;

use crate::logs::{self, Journal, JournalError, Piece, Progress};
use crate::model::{JournalCursor, Problem};

/// A journal that is being read.
pub(super) struct Journaled {
    name: String,
    progress: Progress,
    /// Where the last run left it, and whether there was more to read.
    before: Option<JournalCursor>,
}

impl Journaled {
    /// Begins to read it where the last run left it.
    pub(super) fn begin(
        journal: &Journal,
        place: Option<&Path>,
        before: Option<JournalCursor>,
        now: i64,
    ) -> Result<(Self, Piece), JournalError> {
        let cursor = before.as_ref().map(|before| before.cursor.as_str());
        let (piece, progress) = logs::journal(journal, place, cursor, now)?;
        Ok((
            Journaled {
                name: journal.name.clone(),
                progress,
                before,
            },
            piece,
        ))
    }

    /// How many entries were read.
    pub(super) fn entries(&self) -> u64 {
        self.progress.entries()
    }

    /// What could not be read.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let said = self.progress.problems().into_iter();
        said.map(|said| Problem::at(&self.name, format!("{}: {said}", self.name)))
            .collect()
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the last run left entries of it.
    pub(super) fn is_behind(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.left)
    }

    /// Its name, and where the next run goes on when its lines were read up to the
    /// byte `end`, if that is elsewhere; `left` says that there are more.
    pub(super) fn new_cursor(self, end: u64, left: bool) -> Option<(String, JournalCursor)> {
        let cursor = self.progress.cursor_at(end)?;
        let now = JournalCursor { cursor, left };
        (self.before.as_ref() != Some(&now)).then_some((self.name, now))
    }
}
