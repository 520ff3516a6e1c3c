//! A journal while a run reads it.

use std::path::Path;

use crate::logs::{self, Journal, JournalError, Piece, Progress};
use crate::model::Problem;

/// A journal that is being read.
pub(super) struct Journaled {
    name: String,
    progress: Progress,
    /// Where the last run left it.
    before: Option<String>,
}

impl Journaled {
    /// Begins to read it where the last run left it.
    pub(super) fn begin(
        journal: &Journal,
        place: Option<&Path>,
        before: Option<String>,
        now: i64,
    ) -> Result<(Self, Piece), JournalError> {
        let (piece, progress) = logs::journal(journal, place, before.as_deref(), now)?;
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

    /// Its name, and where the next run goes on, if that is elsewhere.
    pub(super) fn new_cursor(self) -> Option<(String, String)> {
        let now = self
            .progress
            .cursor()
            .filter(|now| self.before.as_ref() != Some(now))?;
        Some((self.name, now))
    }
}
