use std::path::Path;
use std::sync::Arc;

use crate::model::{Address, LoginLine, Stamp};

/// A line that matches a rule: the address, the time, and where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The address that failed.
    pub address: Address,
    /// The time in the line.
    pub at: Stamp,
    /// How many failures the line is: 1, or N for `message repeated N times`. If the
    /// line has a `login`, it depends on the earlier lines of its connection.
    pub count: u32,
    /// What it is to its connection; none if each match of the pattern counts.
    pub login: Option<LoginLine>,
    /// Which pattern of the rule matched, from 0.
    pub pattern: u16,
    /// Whether that pattern bans at its first match.
    pub instant: bool,
    /// The byte of the log at which the line starts.
    pub offset: u64,
}

/// A failure that a window or a ban remembers, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFailure {
    /// When, as the line says.
    pub at: Stamp,
    /// When it counts: never before the failure that precedes it in its window.
    pub counted: i64,
    /// How many failures the line is.
    pub count: u32,
    /// The address that failed, if it was counted in a network.
    pub address: Option<Address>,
    /// Which pattern of the rule matched, from 0.
    pub pattern: u16,
    /// The log it was read from.
    pub path: Arc<Path>,
    /// The byte of the log at which the line starts.
    pub offset: u64,
    /// The digest of the line, see [`line_digest`](super::line_digest).
    pub digest: u32,
    /// The line without its end, at most [`KeptFailure::TEXT`] bytes of it; none if
    /// only the digest was kept.
    pub text: Option<Box<[u8]>>,
}

impl KeptFailure {
    /// How much of a line is kept.
    pub const TEXT: usize = 1024;
}
