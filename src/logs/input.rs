//! An input: a log with its generations, a journal, or a file, and where the last run
//! left it.

use std::path::PathBuf;

use crate::model::{Generation, JournalCursor, JournalPosition};

use super::checkpoint::{Checkpoint, ReadAgain, SourcePosition, checkpoint};
use super::part::{InputPart, PartKind};
use super::segment::Left;

/// A log, a journal or a file.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: PathBuf,
    /// A log's generations, oldest first.
    pub(super) parts: Vec<InputPart>,
    pub(super) before: LastState,
}

/// Where the last run left an input.
#[derive(Debug)]
pub(super) enum LastState {
    /// It is not remembered: the input is read for once.
    Unkept,
    /// The generations of a log as the last run left them, and as they are now with
    /// the parts not read yet.
    Log {
        known: Vec<Generation>,
        now: Vec<Generation>,
    },
    /// The cursor of a journal, and where it is read from if that is to be kept while
    /// nothing was read.
    Journal {
        cursor: Option<JournalCursor>,
        from: Option<JournalPosition>,
    },
}

impl Input {
    /// Whether something of it is to be read.
    pub(super) fn is_unread(&self) -> bool {
        self.parts.iter().any(|part| part.segment.is_some())
    }

    /// Whether these are the same bytes of the same files as those of `other`, and have
    /// their turn when those have it.
    pub(super) fn is_like(&self, other: &Input) -> bool {
        let mut parts = self.parts.iter().zip(&other.parts);
        self.is_behind() == other.is_behind()
            && self.parts.len() == other.parts.len()
            && parts.all(|(one, another)| one.is_like(another))
    }

    /// Whether the last run left something of it: then it is read alone, after all
    /// the others.
    pub(super) fn is_behind(&self) -> bool {
        match &self.before {
            LastState::Unkept => false,
            LastState::Log { known, .. } => known.iter().any(|generation| generation.left > 0),
            LastState::Journal { cursor, .. } => cursor.as_ref().is_some_and(|cursor| cursor.left),
        }
    }

    /// How far it was read; none if that is not remembered.
    pub(super) fn checkpoint(self) -> Result<Option<Checkpoint>, ReadAgain> {
        let was_behind = self.is_behind();
        let (position, left) = match self.before {
            LastState::Unkept => return Ok(None),
            LastState::Log { known, mut now } => {
                for part in &self.parts {
                    if let PartKind::Generation(number, opened) = &part.kind {
                        now[*number] = checkpoint(opened, &now[*number], &part.reading)?;
                    }
                }
                let left = match now.iter().map(|generation| generation.left).sum() {
                    0 => Left::Nothing,
                    bytes => Left::Bytes(bytes),
                };
                ((now != known).then_some(SourcePosition::Log(now)), left)
            }
            LastState::Journal { cursor, from } => {
                let progress = self.parts.iter().find_map(|part| match &part.kind {
                    PartKind::Journal(progress) => Some((progress, &part.reading)),
                    _ => None,
                });
                let Some((progress, reading)) = progress else {
                    return Ok(None);
                };
                let read = progress.cursor_at(reading.end);
                let position = read.map(JournalPosition::Entry).or(from);
                let now = position.map(|position| JournalCursor {
                    position,
                    left: reading.left != Left::Nothing,
                });
                let changed = now.filter(|now| cursor.as_ref() != Some(now));
                (changed.map(SourcePosition::Journal), reading.left)
            }
        };
        Ok(Some(Checkpoint {
            name: self.name,
            position,
            was_behind,
            left,
        }))
    }
}
