//! A segment of a log that is to be read: a file, a part of one, or a stream.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::model::CountsFrom;
use crate::rules::Clock;

/// A segment of a log that is to be read.
#[derive(Debug)]
pub(super) struct Segment {
    /// What is read.
    pub(super) content: Content,
    /// Which year its stamps without one have.
    pub(super) clock: Clock,
    /// What of it counts.
    pub(super) counts: CountsFrom,
}

/// What is read of a segment.
pub(super) enum Content {
    /// These bytes of a file: whole lines.
    Plain(Arc<File>, Range<u64>),
    /// A stream from the byte `from` on, at which a line starts.
    Stream {
        /// The stream from its start.
        stream: Box<dyn Read + Send>,
        /// Where to go on.
        from: u64,
        /// Whether the end of the stream ends the last line.
        ends: bool,
        /// The file it is unpacked from, if it is.
        packed: Option<Packed>,
    },
}

/// How far a compressed file was read.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// Its bytes.
    pub(super) size: u64,
    /// How many of them were read so far.
    pub(super) read: Arc<AtomicU64>,
}

/// What of a segment was left for a later run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it was read to its end, or to where it breaks.
    #[default]
    Nothing,
    /// So many bytes, at least one, as they stand on the disk.
    Bytes(u64),
    /// Something of a journal, which has no size.
    Entries,
}

impl Segment {
    /// The byte it is read from.
    pub(super) fn from(&self) -> u64 {
        match &self.content {
            Content::Plain(_, range) => range.start,
            Content::Stream { from, .. } => *from,
        }
    }

    /// What is left of it while nothing of it was read.
    pub(super) fn left(&self) -> Left {
        let bytes = match &self.content {
            Content::Plain(_, range) => range.end.saturating_sub(range.start),
            Content::Stream {
                packed: Some(packed),
                ..
            } => packed.size,
            Content::Stream { packed: None, .. } => return Left::Entries,
        };
        if bytes > 0 {
            Left::Bytes(bytes)
        } else {
            Left::Nothing
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Plain(_, range) => f.debug_tuple("Plain").field(range).finish(),
            Content::Stream { from, ends, .. } => f
                .debug_struct("Stream")
                .field("from", from)
                .field("ends", ends)
                .finish_non_exhaustive(),
        }
    }
}
