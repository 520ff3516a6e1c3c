//! What became of a log since the last run.

/// What became of a log since the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There was something to read.
    Read,
    /// There was not.
    Unchanged,
    /// Another file stands in its place.
    Rotated,
    /// It is shorter than what was read of it.
    Truncated,
    /// It is not there.
    Missing,
    /// It is there and can not be read.
    Unreadable,
}

impl Status {
    /// The word of the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Read => "read",
            Status::Unchanged => "unchanged",
            Status::Rotated => "rotated",
            Status::Truncated => "truncated",
            Status::Missing => "missing",
            Status::Unreadable => "unreadable",
        }
    }
}
