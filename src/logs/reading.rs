//! What came of reading a segment of a log.

use std::io;

use super::batch::MatchedBlock;
use super::blocks::Block;
use super::segment::{Left, Segment};
use super::totals::MatchedTotals;

/// How many of a segment's first and last bytes are kept to recognise it by.
const ENDS: usize = 1024;

/// What came of reading a segment.
#[derive(Debug, Default)]
pub struct Reading {
    /// The byte behind the last line that was read, or within a line that is too
    /// long, up to where it was passed over.
    pub end: u64,
    /// What was left because the budget of the run was used up.
    pub left: Left,
    /// Whether the byte to go on from could not be reached in time, since all
    /// before it has to be unpacked again.
    pub out_of_reach: bool,
    /// What the rule met.
    pub totals: MatchedTotals,
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
    /// The same reading, for a rule that met this.
    pub(super) fn of_rule(&self, totals: MatchedTotals) -> Self {
        let error = self.error.as_ref();
        Reading {
            end: self.end,
            left: self.left,
            out_of_reach: self.out_of_reach,
            totals,
            long_lines: self.long_lines,
            cut_short: self.cut_short,
            rest: self.rest,
            error: error.map(|error| io::Error::new(error.kind(), error.to_string())),
            head: self.head.clone(),
            tail: self.tail.clone(),
        }
    }

    /// Nothing was read of a segment.
    pub(super) fn none_of(segment: &Segment) -> Self {
        Reading {
            end: segment.from(),
            left: segment.left(),
            ..Reading::default()
        }
    }

    /// Adds a block of a segment that is read from the byte `from` on.
    pub(super) fn add(&mut self, matched: &MatchedBlock, from: u64) {
        let block = &matched.block;
        if let Some(offset) = block.long_line {
            self.long_lines.0 += 1;
            self.long_lines.1.get_or_insert(offset);
        }
        self.keep_ends(block, from);
        self.cut_short = block.cut_short;
    }

    /// Everything up to `end` belongs to lines that were left out.
    pub(super) fn pass_over(&mut self, end: u64) {
        if end > self.end {
            self.end = end;
            // What stands before it was not kept.
            self.tail.clear();
        }
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
