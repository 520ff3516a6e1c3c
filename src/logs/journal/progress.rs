//! How far a journal was read, told while it is being read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of lines may have been read ahead of what counts when a reading
/// stops: the longest line that is kept, and some blocks.
const MARKED: u64 = 8 << 20;

/// What was read of a journal so far, told while it is being read.
#[derive(Debug, Clone, Default)]
pub(in crate::logs) struct JournalProgress(Arc<Mutex<JournalProgressState>>);

#[derive(Debug, Default)]
pub(super) struct JournalProgressState {
    /// The cursor from which the reading began, then that of the last entry whose
    /// mark was dropped.
    pub(super) cursor: Option<String>,
    /// How many bytes of lines the entries came to so far.
    pub(super) written: u64,
    /// Of the latest entries, the byte behind the line of each and its cursor.
    pub(super) marks: VecDeque<(u64, String)>,
    pub(super) entries: u64,
    /// Whether the entry was not found from which to go on.
    pub(super) lost: bool,
    /// What `journalctl` says went wrong.
    pub(super) error: Option<String>,
}

impl JournalProgress {
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut JournalProgressState) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The cursor of the last entry whose line ends at or before the byte `end` of
    /// the lines, which lies no more than 8 MiB behind what was read; else the
    /// one from which the reading began.
    pub(in crate::logs) fn cursor_at(&self, end: u64) -> Option<String> {
        self.with(|state| {
            let mut before = state.marks.iter().rev().filter(|(at, _)| *at <= end);
            let last = before.next().map(|(_, cursor)| cursor.clone());
            last.or_else(|| state.cursor.clone())
        })
    }

    /// How many entries were read.
    pub(in crate::logs) fn entries(&self) -> u64 {
        self.with(|state| state.entries)
    }

    /// What could not be read, each a sentence.
    pub(in crate::logs) fn problems(&self) -> Vec<String> {
        self.with(|state| {
            let lost = "the entry up to which it was read is gone (vacuumed, or another journal): what was written between is lost, how much is not known";
            let lost = state.lost.then(|| lost.to_owned());
            lost.into_iter().chain(state.error.clone().map(|said| format!("journalctl failed: {said}"))).collect()
        })
    }
}

impl JournalProgressState {
    /// Notes an entry whose line has so many bytes; one that does not count has none.
    pub(super) fn mark(&mut self, counts: bool, length: u64, cursor: Option<String>) {
        self.entries += u64::from(counts);
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
