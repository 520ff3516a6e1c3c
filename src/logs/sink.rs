//! Who takes the failures that are found. `scan`, `audit` and `explain` are sinks:
//! they differ in what they do with a failure, not in how it is found.

use crate::model::{Failure, PathId};

/// A failure, in the order in which it counts.
#[derive(Debug)]
pub struct MatchedFailure<'a> {
    /// The file or journal that it was found in.
    pub path: PathId,
    /// The failure.
    pub failure: &'a Failure,
    /// Its line, without the newline; none if the matcher keeps users, or if more
    /// failures of its address were not wanted.
    pub line: &'a [u8],
    /// The user it names, if the matcher keeps users.
    pub user: Option<&'a [u8]>,
}

/// What a sink made of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many failures the sink counted it as: the part that it was found in adds
    /// them up.
    pub failures: u32,
    /// Whether further failures of its address are wanted.
    pub more: More,
}

impl Counted {
    /// As so many failures, and further ones are wanted.
    #[must_use]
    pub fn as_failures(failures: u32) -> Self {
        Counted {
            failures,
            more: More::Wanted,
        }
    }
}

/// Whether further failures of an address are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// They may matter.
    Wanted,
    /// They need not be handed over, but may be; those of connections are, without
    /// their lines.
    Unwanted,
    /// There is no room for more: the reading ends as if its time were over.
    NoRoom,
}

/// Takes the failures that are found, in the order in which they count.
pub trait FailureSink: Send {
    /// Takes the next failure.
    fn take(&mut self, matched: MatchedFailure<'_>) -> Counted;

    /// No failure may come for a while: what is held on to should be released.
    fn pause(&mut self) {}
}

impl<F: FnMut(MatchedFailure<'_>) -> Counted + Send> FailureSink for F {
    fn take(&mut self, matched: MatchedFailure<'_>) -> Counted {
        self(matched)
    }
}
