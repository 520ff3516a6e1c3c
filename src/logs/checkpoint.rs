//! What was read of a generation → where the next run goes on.

use std::io;

use crate::model::{Cursor, Generation, GenerationState};

use super::follow::Task;
use super::identity::{bytes_at, cursor, cursor_of};
use super::reading::{Left, Reading};

/// The file changed while it was read, so that what was heard of it can not
/// be trusted: the reading is to be done again.
#[derive(Debug)]
pub struct LogChanged;

/// The generation after the reading. A plain file is looked at once more: if
/// it still holds what it had when it was opened, the bytes before the new
/// cursor, and those before the old one, nobody has cut or replaced it meanwhile.
///
/// # Errors
/// It has changed.
pub fn checkpoint(
    task: &Task,
    generation: &Generation,
    reading: &Reading,
) -> Result<Generation, LogChanged> {
    let old = &generation.cursor;
    let cursor = match task.opened.packing {
        None => of_plain(task, old, reading)
            .unwrap_or_default()
            .ok_or(LogChanged)?,
        Some(_) if reading.end == task.from => old.clone(),
        Some(_) => {
            let head = if task.from == 0 {
                &reading.head
            } else {
                &*old.head
            };
            cursor_of(reading.end, head, &reading.tail)
        }
    };
    // What is compressed is not written to any more.
    let is_whole = reading.error.is_none() && reading.left == Left::Nothing;
    let cut = task.opened.packing.is_some() && reading.rest > 0 && is_whole;
    let kind = if cut {
        GenerationState::Cut
    } else {
        generation.state
    };
    Ok(Generation {
        cursor,
        state: kind,
        left: match reading.left {
            Left::Bytes(bytes) => bytes,
            Left::Nothing | Left::Entries => 0,
        },
        ..generation.clone()
    })
}

/// The new cursor; none if the file is not what was read.
fn of_plain(task: &Task, old: &Cursor, reading: &Reading) -> io::Result<Option<Cursor>> {
    if reading.cut_short || !task.opened.holds()? {
        return Ok(None);
    }
    let file = &*task.opened.file;
    let tail = &reading.tail;
    let read = bytes_at(file, reading.end - tail.len() as u64, tail.len() as u64)?;
    let head = if task.from == 0 {
        &reading.head[..reading.head.len().min(old_head())]
    } else {
        &*old.head
    };
    let new = cursor(file, reading.end)?;
    Ok(new
        .filter(|new| read == *tail && (new.head.starts_with(head) || head.starts_with(&new.head))))
}

/// How many bytes of a beginning are compared.
fn old_head() -> usize {
    usize::try_from(Cursor::HEAD).unwrap_or(usize::MAX)
}
