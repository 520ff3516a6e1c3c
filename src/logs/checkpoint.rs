//! What was read of an input → where the next run goes on.

use std::io;
use std::path::PathBuf;

use crate::model::{Cursor, Generation, GenerationState, JournalCursor};

use super::bytes::bytes_at;
use super::identity::{cursor, cursor_of};
use super::open::Opened;
use super::reading::Reading;
use super::segment::Left;

/// What was read does not count, and is to be read again, by each rule alone: a file changed
/// meanwhile, so that what was found in it can not be trusted, or rules that read several
/// logs together found too much of it at different ends.
#[derive(Debug)]
pub struct ReadAgain;

/// Where the next run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourcePosition {
    /// Of a log: its generations, each with its cursor.
    Log(Vec<Generation>),
    /// Of a journal.
    Journal(JournalCursor),
}

/// How far a run has come with a log or a journal.
#[derive(Debug)]
pub struct Checkpoint {
    /// The log, or the name of the journal.
    pub name: PathBuf,
    /// Where the next run goes on, if that is not what the last run left.
    pub position: Option<SourcePosition>,
    /// Whether the last run left something of it.
    pub was_behind: bool,
    /// What this run leaves of it.
    pub left: Left,
}

/// The generation after the reading. A plain file is looked at once more: if
/// it still holds what it had when it was opened, the bytes before the new
/// cursor, and those before the old one, it was not cut or replaced meanwhile.
pub(super) fn checkpoint(
    opened: &Opened,
    generation: &Generation,
    reading: &Reading,
) -> Result<Generation, ReadAgain> {
    let old = &generation.cursor;
    let cursor = match opened.packing {
        None => of_plain(opened, old, reading)
            .unwrap_or_default()
            .ok_or(ReadAgain)?,
        Some(_) if reading.end == old.offset => old.clone(),
        Some(_) => {
            let head = if old.offset == 0 {
                &reading.head
            } else {
                &*old.head
            };
            cursor_of(reading.end, head, &reading.tail)
        }
    };
    // What is compressed is not written to any more.
    let is_whole = reading.error.is_none() && reading.left == Left::Nothing;
    let is_cut = opened.packing.is_some() && reading.rest > 0 && is_whole;
    Ok(Generation {
        cursor,
        state: if is_cut {
            GenerationState::Cut
        } else {
            generation.state
        },
        left: match reading.left {
            Left::Bytes(bytes) => bytes,
            Left::Nothing | Left::Entries => 0,
        },
        ..generation.clone()
    })
}

/// The new cursor; none if the file is not what was read.
fn of_plain(opened: &Opened, old: &Cursor, reading: &Reading) -> io::Result<Option<Cursor>> {
    if reading.cut_short || !opened.holds()? {
        return Ok(None);
    }
    let file = &*opened.file;
    let tail = &reading.tail;
    let read = bytes_at(file, reading.end - tail.len() as u64, tail.len() as u64)?;
    let compared = usize::try_from(Cursor::HEAD).unwrap_or(usize::MAX);
    let head = if old.offset == 0 {
        &reading.head[..reading.head.len().min(compared)]
    } else {
        &*old.head
    };
    let new = cursor(file, reading.end)?;
    Ok(new
        .filter(|new| read == *tail && (new.head.starts_with(head) || head.starts_with(&new.head))))
}
