use std::path::PathBuf;

/// How far a file was read, with what is needed to recognise it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The byte behind the last whole line that was read. In a compressed file it
    /// counts unpacked bytes. It can also be a byte within a line that is too long to
    /// count: so far it was skipped.
    pub offset: u64,
    /// The first bytes of the file, not beyond `offset`, at most [`Cursor::HEAD`].
    pub head: Box<[u8]>,
    /// The last bytes before `offset`.
    pub tail: Fingerprint,
}

impl Cursor {
    /// How many bytes at most are kept of a file's beginning.
    pub const HEAD: u64 = 256;
    /// How many bytes at most are hashed before the offset.
    pub const TAIL: u64 = 1024;
}

/// A hash of some bytes, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many bytes were hashed.
    pub length: u64,
    /// SipHash-1-3 of them under a zero key.
    pub hash: u64,
}

/// A generation of a log, as the last run that found it left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Where it stood.
    pub path: PathBuf,
    /// What the file system said of it.
    pub stat: FileStat,
    /// How far it was read.
    pub cursor: Cursor,
    /// Whether it stood where the log is written.
    pub live: bool,
    /// Whether and how it is read.
    pub state: GenerationState,
    /// How many bytes of it, as they stand on the disk, the last run left because
    /// its time for reading was used up.
    pub left: u64,
    /// The day it was last met, in Unix seconds.
    pub seen: i64,
    /// What of it counts.
    pub counts: CountsFrom,
}

/// What counts of a source that was new to its rule while it held older lines: all
/// lines but those within its first bytes that are stamped before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountsFrom {
    /// Lines that start at this byte or behind it count whatever their stamp.
    pub byte: u64,
    /// Those before it count from these Unix seconds on.
    pub secs: i64,
}

impl CountsFrom {
    /// Whether the line that starts at `offset` with the stamp `secs` counts.
    #[must_use]
    pub fn has(self, offset: u64, secs: i64) -> bool {
        offset >= self.byte || secs >= self.secs
    }
}

/// Whether and how a known generation is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// It is read from its cursor on.
    Followed,
    /// The same, and no process writes to it any more: it was rotated away a while ago,
    /// or compressed.
    Resting,
    /// The same, and it was reported that its last line was cut.
    Cut,
    /// It was there before the log was first met, and is not read.
    Skipped,
    /// The same; its cursor is of its compressed bytes.
    SkippedPacked,
}

/// What the file system says of a file. While it is the same, the file was not written
/// to, replaced or renamed. If it differs, it proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStat {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i64,
    /// When its inode last changed, in nanoseconds since 1970.
    pub changed: i64,
}

/// How far a journal was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalCursor {
    /// Where reading goes on.
    pub position: JournalPosition,
    /// Whether the last run left entries behind it because its time for reading
    /// was used up.
    pub left: bool,
}

/// Where reading of a journal goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalPosition {
    /// Behind the entry that was read last: its cursor in `journalctl`.
    Entry(String),
    /// At these Unix seconds: no entry was read yet.
    Since(i64),
}

impl JournalPosition {
    /// As the store keeps it: no name of an entry begins with an `@`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            JournalPosition::Entry(cursor) => cursor.clone(),
            JournalPosition::Since(secs) => format!("@{secs}"),
        }
    }

    /// Reads the text of [`JournalPosition::to_text`].
    #[must_use]
    pub fn from_text(text: String) -> Self {
        let since = text.strip_prefix('@').and_then(|secs| secs.parse().ok());
        since.map_or(JournalPosition::Entry(text), JournalPosition::Since)
    }
}
