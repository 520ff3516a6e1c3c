//! A journal while a run reads it.

use std::path::Path;

use crate::logs::{self, Journal, JournalError, JournalProgress, Segment};
use crate::model::{JournalCursor, JournalPosition, Problem};

/// A journal that is being read.
pub(super) struct Journaled {
    name: String,
    progress: JournalProgress,
    /// Where the last run left it, and whether there was more to read.
    before: Option<JournalCursor>,
    /// Where it is read from, if not from a week ago.
    from: Option<JournalPosition>,
}

impl Journaled {
    /// Begins to read it where the last run left it; one that is new to the rule
    /// from the Unix seconds `since` on, if they are given.
    pub(super) fn begin(
        journal: &Journal,
        place: Option<&Path>,
        before: Option<JournalCursor>,
        since: Option<i64>,
        now: i64,
    ) -> Result<(Self, Segment), JournalError> {
        let from = before.as_ref().map(|before| before.position.clone());
        let from = from.or(since.map(JournalPosition::Since));
        let (piece, progress) = logs::journal(journal, place, from.as_ref(), now)?;
        Ok((
            Journaled {
                name: journal.name.clone(),
                progress,
                before,
                from,
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
        let read = self.progress.cursor_at(end).map(JournalPosition::Entry);
        let position = read.or(self.from)?;
        let now = JournalCursor { position, left };
        (self.before.as_ref() != Some(&now)).then_some((self.name, now))
    }
}
