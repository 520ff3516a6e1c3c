use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::model::Cursor;

use super::blocks::end_of_lines;
use super::identity::{ReadAt as _, is_of};
use super::resume::{Resume, Seen, resume};

/// Why a log can not be read. Fits behind its path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error("is not there: is the path right, and does the service log to it?")]
    Missing,
    /// Reading it takes rights that we do not have.
    #[error(
        "can not be read: permission denied; run with sudo, or as a member of the group that owns it"
    )]
    Denied,
    /// It is something else than a file.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// It is compressed.
    #[error(
        "is compressed (gzip), which this version does not read: unpack it first, or `zcat` it into `pyfilter match --rule RULE -`"
    )]
    Compressed,
    /// Anything else.
    #[error("can not be read: {0}")]
    Other(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => OpenError::Missing,
            io::ErrorKind::PermissionDenied => OpenError::Denied,
            _ => OpenError::Other(error),
        }
    }
}

/// Opens a regular file for reading. Neither a FIFO nor a terminal can make
/// it wait.
///
/// # Errors
/// It is missing, not to be read, or no regular file.
pub(super) fn open_log(path: &Path) -> Result<(File, Metadata), OpenError> {
    // Reading a named pipe would wait for a writer; opening one would, too.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok((file, metadata));
    }
    Err(OpenError::NotAFile(match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "something special",
    }))
}

/// A log that was opened, and what is to be read of it.
#[derive(Debug)]
pub struct Met {
    /// The file.
    pub file: File,
    /// Where to go on.
    pub resume: Resume,
    /// When it was last written, in Unix seconds: the anchor of stamps
    /// without a year.
    pub written: i64,
}

/// Opens the log at `path` and finds where to go on. What is behind its last
/// newline waits, unless the end of the file `ends` the line.
///
/// # Errors
/// It is missing, not to be read, or no file of lines.
pub fn meet(path: &Path, cursor: Option<&Cursor>, ends: bool) -> Result<Met, OpenError> {
    let (file, metadata) = open_log(path)?;
    let mut magic = [0; 2];
    if file.read_at(&mut magic, 0)? == 2 && magic == [0x1f, 0x8b] {
        return Err(OpenError::Compressed);
    }
    let size = metadata.len();
    let same = match cursor {
        Some(cursor) if cursor.offset <= size => is_of(cursor, &file)?,
        _ => true,
    };
    let from = cursor
        .filter(|cursor| same && cursor.offset <= size)
        .map_or(0, |cursor| cursor.offset);
    let end = if ends {
        size
    } else {
        end_of_lines(&file, from, size)?
    };
    Ok(Met {
        resume: resume(cursor, Seen { end, size, same }),
        written: metadata.mtime(),
        file,
    })
}
