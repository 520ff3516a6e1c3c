//! A path → a regular file that is open for reading, and what its bytes are.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::model::{CountsFrom, Cursor, FileStat};
use crate::rules::Clock;

use super::bytes::bytes_at;
use super::meter::Metered;
use super::segment::{Content, Packed, Segment};
use super::unpack::{Packing, READ, UnknownPacking, gzip_time, packing, unpack, unpack_counted};

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
    /// It is compressed in a way that is not read.
    #[error(
        "is compressed with {0}, which is not read: unpack it first, or let logrotate use {READ}"
    )]
    Packed(&'static str),
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

/// What the file system says of a file.
pub(super) fn stat_of(metadata: &Metadata) -> FileStat {
    let nanos =
        |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    FileStat {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// A regular file that was opened for reading.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    pub(super) stat: FileStat,
    pub(super) packing: Option<Packing>,
    /// When it was made, in nanoseconds since 1970, where the file system tells.
    pub(super) born: Option<i64>,
    /// The first and the last of the bytes that it had then.
    ends: (Vec<u8>, Vec<u8>),
}

/// Opens a regular file. Neither a FIFO nor a terminal can make it wait.
pub(super) fn open_log(path: &Path) -> Result<Opened, OpenError> {
    // Reading a named pipe would wait for a writer; opening one would, too.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        return Err(OpenError::NotAFile(match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a named pipe",
            () if kind.is_char_device() || kind.is_block_device() => "a device",
            () => "something special",
        }));
    }
    let packing = packing(&file)?.map_err(|UnknownPacking(name)| OpenError::Packed(name))?;
    let born = metadata.created().ok().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_nanos()).ok()
    });
    Ok(Opened {
        ends: ends(&file, metadata.len())?,
        stat: stat_of(&metadata),
        file: Arc::new(file),
        packing,
        born,
    })
}

/// The first and the last bytes of a file of this size.
fn ends(file: &File, size: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let reach = size.min(Cursor::TAIL);
    Ok((
        bytes_at(file, 0, size.min(Cursor::HEAD))?,
        bytes_at(file, size - reach, reach)?,
    ))
}

impl Opened {
    /// Whether it still has what it had when it was opened. It may have grown;
    /// one that was cut is told by its bytes, also if it was filled again.
    pub(super) fn holds(&self) -> io::Result<bool> {
        let size = self.stat.size;
        let all = self.ends.0.len() as u64 == size.min(Cursor::HEAD)
            && self.ends.1.len() as u64 == size.min(Cursor::TAIL);
        Ok(all && self.file.metadata()?.len() >= size && ends(&self.file, size)? == self.ends)
    }

    /// When its content was last written, in Unix seconds: the anchor of
    /// stamps without a year.
    pub(super) fn written(&self) -> i64 {
        let gzip = self
            .packing
            .filter(|packing| *packing == Packing::Gzip)
            .and_then(|_| gzip_time(&self.file));
        gzip.unwrap_or(self.stat.modified.div_euclid(1_000_000_000))
    }

    /// What is to be read of it: from the byte `from` on, and of a plain file
    /// up to `to`. `ends` says whether its end ends the last line.
    pub(super) fn segment(&self, from: u64, to: u64, ends: bool) -> io::Result<Segment> {
        let content = match self.packing {
            None => Content::Plain(self.file.clone(), from..to.max(from)),
            Some(packing) => {
                let read = Arc::<AtomicU64>::default();
                Content::Stream {
                    stream: unpack_counted(&self.file, packing, read.clone())?,
                    from,
                    ends,
                    packed: Some(Packed {
                        size: self.stat.size,
                        read,
                    }),
                }
            }
        };
        Ok(Segment {
            content,
            clock: Clock::new(self.written()),
            counts: CountsFrom::default(),
        })
    }
}

/// The whole file at `path`, whose end ends the last line.
pub(super) fn whole(path: &Path) -> Result<Segment, OpenError> {
    let opened = open_log(path)?;
    Ok(opened.segment(0, opened.stat.size, true)?)
}

/// The text of the file at `path` as a stream of bytes, with the anchor of its stamps.
///
/// # Errors
/// It is missing, not to be read, or no file of lines.
pub fn stream(path: &Path) -> Result<(Box<dyn io::Read + Send>, Clock), OpenError> {
    let opened = open_log(path)?;
    let clock = Clock::new(opened.written());
    Ok(match opened.packing {
        Some(packing) => (unpack(&opened.file, packing)?, clock),
        None => (Box::new(Metered(opened.file)), clock),
    })
}
