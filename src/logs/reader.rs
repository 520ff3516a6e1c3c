//! A segment of a log, read batch by batch: blocks that are read together and matched
//! in parallel, while they are hot in the cache.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::model::CountsFrom;
use crate::rules::Clock;

use super::batch::{BlockFailures, BlockMatches, MatchedBlock, Pool};
use super::blocks::BlockCutter;
use super::holes::{behind_hole, is_sparse, is_within_line};
use super::meter;
use super::reading::Reading;
use super::segment::{Content, Left, Packed, Segment};
use super::sizes::Sizes;
use super::totals::MatchedTotals;

/// How many blocks of a stream are unpacked while as many are matched, and how
/// large they are at most: both together stay in a core's cache, since one
/// thread does both when the others have work of their own.
const UNPACKED: (usize, u64) = (2, 128 << 10);

/// A segment while it is read.
pub(super) struct Reader {
    /// Which part of its input it is.
    pub(super) part: usize,
    state: State,
    clock: Clock,
    /// What counts for each rule.
    counts: Vec<CountsFrom>,
    sizes: Sizes,
    /// What was found for which rule, and has not been handed over.
    ahead: VecDeque<(usize, BlockFailures)>,
    /// What came of it, but for what the rules met.
    reading: Reading,
    /// What each rule met.
    totals: Vec<MatchedTotals>,
    from: u64,
    /// What is left of the segment if nothing of it is read.
    all: Left,
    /// How far the file was read that a stream is unpacked from.
    packed: Option<Packed>,
    /// How many bytes were read since that was last asked for.
    taken: u64,
    /// How long the way back to where a stream goes on may take, and how long it took.
    way_back: (Duration, Duration),
}

enum State {
    Plain {
        file: Arc<File>,
        /// Its lines. It begins a byte before the segment where that goes on within
        /// a line that is too long: the rest of it is no line of its own.
        whole: Range<u64>,
        at: u64,
        /// Whether it has holes.
        sparse: bool,
    },
    /// A stream that nothing has been read of yet.
    Waiting {
        stream: Box<dyn Read + Send>,
        from: u64,
        ends: bool,
    },
    /// A stream, and the blocks of it that have not been matched yet.
    Stream {
        lines: Box<BlockCutter>,
        unmatched: Vec<MatchedBlock>,
    },
    Over,
}

impl Reader {
    /// Begins to read a segment, of which `others` count what these say; the way back to
    /// where it goes on takes at most `way_back`.
    pub(super) fn new(
        part: usize,
        segment: Segment,
        others: &[CountsFrom],
        sizes: Sizes,
        way_back: Duration,
    ) -> Self {
        let (from, all) = (segment.from(), segment.left());
        let mut packed_in = None;
        let state = match segment.content {
            Content::Plain(file, range) => State::Plain {
                at: from,
                whole: from - u64::from(is_within_line(&file, from))..range.end,
                sparse: is_sparse(&file),
                file,
            },
            Content::Stream {
                stream,
                ends,
                packed,
                ..
            } => {
                packed_in = packed;
                State::Waiting { stream, from, ends }
            }
        };
        let mut reader = Reader {
            part,
            state,
            clock: segment.clock,
            counts: [&[segment.counts], others].concat(),
            sizes,
            ahead: VecDeque::new(),
            reading: Reading {
                end: from,
                ..Reading::default()
            },
            totals: vec![MatchedTotals::default(); 1 + others.len()],
            from,
            all,
            packed: packed_in,
            taken: 0,
            way_back: (way_back, Duration::ZERO),
        };
        reader.end_if_read();
        reader
    }

    /// How many bytes were read since this was last asked, and how long the way
    /// back to where a stream goes on took meanwhile.
    pub(super) fn spent(&mut self) -> (u64, Duration) {
        let taken = std::mem::take(&mut self.taken);
        (taken, std::mem::take(&mut self.way_back.1))
    }

    /// Ends the reading where it is. What was found so far is still handed over.
    pub(super) fn stop(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => {}
            State::Waiting { .. } => self.reading.left = self.all,
            State::Plain { whole, at, .. } => {
                // Whatever lies between belongs to a line that is too long.
                self.reading.pass_over(at);
                let left = whole.end.saturating_sub(self.reading.end);
                if left > 0 {
                    self.reading.left = Left::Bytes(left);
                }
            }
            State::Stream { lines, unmatched } => {
                let is_empty = |matched: &MatchedBlock| matched.block.lines().is_empty();
                if lines.is_leaving() && unmatched.iter().all(is_empty) {
                    self.reading.pass_over(lines.position());
                }
                self.reading.left = match &self.packed {
                    Some(packed) => {
                        let read = packed.read.load(Ordering::Relaxed);
                        Left::Bytes(packed.size.saturating_sub(read).max(1))
                    }
                    None => Left::Entries,
                };
            }
        }
    }

    /// Forgets what was read ahead: its turn does not come in this run.
    pub(super) fn forget(&mut self) {
        self.state = State::Over;
        self.ahead.clear();
        self.reading = Reading {
            end: self.from,
            left: self.all,
            ..Reading::default()
        };
        self.totals.fill(MatchedTotals::default());
    }

    /// How much is left to be read, as far as that is known.
    pub(super) fn rest(&self) -> u64 {
        match (&self.state, self.all) {
            (State::Over, _) => 0,
            (State::Plain { whole, at, .. }, _) => whole.end.saturating_sub(*at),
            (_, Left::Bytes(bytes)) => bytes,
            (_, Left::Nothing | Left::Entries) => 0,
        }
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What came of it for each rule.
    pub(super) fn into_readings(self) -> Vec<Reading> {
        let of_rule = |totals| self.reading.of_rule(totals);
        self.totals.into_iter().map(of_rule).collect()
    }

    /// The next failures, with the number of the rule that found them.
    pub(super) fn hand_over(&mut self) -> Option<(usize, BlockFailures)> {
        self.ahead.pop_front()
    }

    /// Reads and matches on, as long as what it finds fits into memory; `later`
    /// says that its turn has not come.
    pub(super) fn read_on(&mut self, pool: &Pool, later: bool) {
        let Sizes {
            room,
            ahead,
            stride,
            ..
        } = self.sizes;
        let room = if later { ahead } else { room };
        let mut weight: usize = self.ahead.iter().map(|(_, found)| found.weight()).sum();
        let stop = self.taken + stride;
        pool.with_blocks(|blocks| {
            while weight < room && self.taken < stop && !self.is_over() {
                match &mut self.state {
                    State::Over => {}
                    State::Plain { .. } => self.read_plain(pool, blocks),
                    State::Waiting { .. } | State::Stream { .. } => self.read_stream(pool, blocks),
                }
                self.note(blocks);
                self.end_if_read();
                let matches = blocks.iter_mut().map(|matched| matched.matches.drain(..));
                for (rule, BlockMatches { found, .. }) in matches.flat_map(Iterator::enumerate) {
                    if !found.failures().is_empty() {
                        weight += found.weight();
                        self.ahead.push_back((rule, found));
                    }
                }
            }
        });
    }

    fn read_plain(&mut self, pool: &Pool, blocks: &mut Vec<MatchedBlock>) {
        let State::Plain {
            file,
            whole,
            at,
            sparse,
        } = &mut self.state
        else {
            return;
        };
        if *sparse {
            *at = behind_hole(file, *at).min(whole.end);
        }
        let Sizes {
            block: size,
            blocks: count,
            ..
        } = self.sizes;
        let starts = (0..count as u64)
            .map(|n| *at + n * size)
            .take_while(|&start| start < whole.end);
        let parts: Vec<Range<u64>> = starts
            .map(|start| start..(start + size).min(whole.end))
            .collect();
        self.taken += parts.iter().map(|part| part.end - part.start).sum::<u64>();
        *at = parts.last().map_or(whole.end, |part| part.end);
        blocks.resize_with(parts.len(), MatchedBlock::default);
        let (clock, counts) = (&self.clock, &*self.counts);
        blocks
            .par_iter_mut()
            .zip(parts)
            .for_each(|(matched, part)| {
                matched.error = matched.block.fill(&**file, whole, &part).err();
                meter::count(part.end - part.start);
                if matched.error.is_none() {
                    matched.find(pool, clock, counts);
                }
            });
    }

    /// Matches what was unpacked while the next blocks are.
    fn read_stream(&mut self, pool: &Pool, blocks: &mut Vec<MatchedBlock>) {
        if let State::Waiting { .. } = &self.state {
            self.open();
        }
        let State::Stream { lines, unmatched } = &mut self.state else {
            blocks.clear();
            return;
        };
        let (block, clock, before) = (self.sizes.block, &self.clock, lines.position());
        let counts = &*self.counts;
        rayon::join(
            || unpack(lines, block, blocks),
            || {
                unmatched
                    .par_iter_mut()
                    .for_each(|matched| matched.find(pool, clock, counts));
            },
        );
        self.taken += lines.position() - before;
        std::mem::swap(unmatched, blocks);
    }

    fn open(&mut self) {
        let State::Waiting { stream, from, ends } = std::mem::replace(&mut self.state, State::Over)
        else {
            return;
        };
        let begun = Instant::now();
        match BlockCutter::new(stream, from, ends, self.way_back.0) {
            Ok(lines) => {
                self.state = State::Stream {
                    lines: Box::new(lines),
                    unmatched: Vec::new(),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.reading.out_of_reach = true;
            }
            Err(error) => self.reading.error = Some(error),
        }
        self.way_back.1 += begun.elapsed();
    }

    fn end_if_read(&mut self) {
        let over = match &self.state {
            State::Plain { whole, at, .. } => *at >= whole.end,
            State::Stream { lines, unmatched } => {
                self.reading.rest = lines.rest() as u64;
                lines.is_over() && unmatched.is_empty()
            }
            State::Waiting { .. } => false,
            State::Over => true,
        };
        if over {
            self.state = State::Over;
        }
    }

    /// Adds up what was met, and ends the reading where a block ended early.
    fn note(&mut self, blocks: &mut [MatchedBlock]) {
        let reading = &mut self.reading;
        let mut whole = 0;
        for matched in blocks.iter_mut() {
            let error = matched.error.take();
            if error.is_some() && matched.block.lines().is_empty() {
                reading.error = error;
                break;
            }
            whole += 1;
            reading.add(matched, self.from);
            for (totals, more) in self.totals.iter_mut().zip(&matched.matches) {
                totals.add(&more.totals);
            }
            reading.error = error;
            if reading.cut_short || reading.error.is_some() {
                break;
            }
        }
        if reading.cut_short || reading.error.is_some() {
            self.state = State::Over;
        } else if let State::Plain { whole, at, .. } = &self.state
            && *at >= whole.end
        {
            // Lines that were left out at the end were read all the same.
            reading.pass_over(whole.end);
        }
        for matched in &mut blocks[whole..] {
            matched.matches.clear();
        }
    }
}

/// Unpacks the next blocks.
fn unpack(lines: &mut BlockCutter, block: u64, blocks: &mut Vec<MatchedBlock>) {
    let (count, most) = UNPACKED;
    let size = usize::try_from(block.min(most)).unwrap_or(usize::MAX);
    blocks.resize_with(count, MatchedBlock::default);
    let mut filled = 0;
    while filled < count && !lines.is_over() {
        let matched = &mut blocks[filled];
        matched.error = lines.fill(size, &mut matched.block).err();
        filled += 1;
    }
    blocks.truncate(filled);
}
