//! What came of reading a piece of a log.

use std::io;

use crate::model::Stamp;
use crate::rules::Tally;

use super::blocks::Block;
use super::wave::Matched;

/// How many of a piece's first and last bytes are kept to recognise it by.
const ENDS: usize = 1024;

/// What came of reading a piece.
#[derive(Debug, Default)]
pub struct Reading {
    /// The byte behind the last line that was read.
    pub end: u64,
    /// How many failures there were; a repeated line counts as often.
    pub failures: u64,
    /// The newest stamp of them.
    pub newest: Option<Stamp>,
    /// What else was met.
    pub tally: Tally,
    /// How many lines were too long, and where the first starts.
    pub long_lines: (u64, Option<u64>),
    /// Whether the file was cut while it was read.
    pub cut_short: bool,
    /// How many bytes a stream has behind its last newline.
    pub rest: u64,
    /// What ended the reading early.
    pub error: Option<io::Error>,
    /// The first bytes, if it was read from its start.
    pub head: Vec<u8>,
    /// The last bytes before `end`, as far as they were read.
    pub tail: Vec<u8>,
}

impl Reading {
    /// Adds what was met in a block of a piece that is read from the byte `from` on.
    pub(super) fn add(&mut self, matched: &Matched, from: u64) {
        let Matched { block, tally, .. } = matched;
        self.tally.add(tally);
        self.failures += matched.failures;
        self.newest = self.newest.max(matched.newest);
        if let Some(offset) = block.long_line {
            self.long_lines.0 += 1;
            self.long_lines.1.get_or_insert(offset);
        }
        self.keep_ends(block, from);
        self.cut_short = block.cut_short;
    }

    /// Keeps what a cursor needs of a block's lines.
    fn keep_ends(&mut self, block: &Block, from: u64) {
        let lines = block.lines();
        if lines.is_empty() {
            return;
        }
        if from == 0 && block.base == self.head.len() as u64 && self.head.len() < ENDS {
            self.head
                .extend_from_slice(&lines[..lines.len().min(ENDS - self.head.len())]);
        }
        if block.base != self.end {
            // A line was left out: what stands before the block is not known.
            self.tail.clear();
        }
        self.tail
            .extend_from_slice(&lines[lines.len().saturating_sub(ENDS)..]);
        self.tail.drain(..self.tail.len().saturating_sub(ENDS));
        self.end = block.end();
    }
}
