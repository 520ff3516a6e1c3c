//! A piece of a log, a file or a part of one, read wave by wave: blocks that
//! are read together and matched in parallel, while they are hot in the cache.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::rules::Clock;

use super::blocks::Lines;
use super::meter;
use super::reading::Reading;
use super::sizes::Sizes;
use super::wave::{Found, Matched, Pool};

/// How many bytes are read before others have their turn.
const STRIDE: u64 = 4 << 20;

/// How many blocks of a stream are unpacked while as many are matched, and how
/// large they are at most: both together stay in a core's cache, since one
/// thread does both when the others have work of their own.
const UNPACKED: (usize, u64) = (2, 128 << 10);

/// A piece of a log that is to be read.
#[derive(Debug)]
pub struct Piece {
    /// What is read.
    pub content: Content,
    /// Which year its stamps without one have.
    pub clock: Clock,
}

/// What is read of a piece.
pub enum Content {
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
    },
}

impl Piece {
    /// The byte it is read from.
    #[must_use]
    pub fn from(&self) -> u64 {
        match &self.content {
            Content::Plain(_, range) => range.start,
            Content::Stream { from, .. } => *from,
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

/// A piece while it is read.
pub(super) struct Reader {
    state: State,
    clock: Clock,
    sizes: Sizes,
    /// What was found and has not been handed over.
    ahead: VecDeque<Found>,
    reading: Reading,
    from: u64,
}

enum State {
    Plain {
        file: Arc<File>,
        whole: Range<u64>,
        at: u64,
    },
    /// A stream that nothing has been read of yet.
    Waiting {
        stream: Box<dyn Read + Send>,
        from: u64,
        ends: bool,
    },
    /// A stream, and the blocks of it that have not been matched yet.
    Stream {
        lines: Box<Lines>,
        unmatched: Vec<Matched>,
    },
    Over,
}

impl Reader {
    pub(super) fn new(piece: Piece, sizes: Sizes) -> Self {
        let (state, from) = match piece.content {
            Content::Plain(file, whole) => {
                let from = whole.start;
                (
                    State::Plain {
                        file,
                        at: from,
                        whole,
                    },
                    from,
                )
            }
            Content::Stream { stream, from, ends } => (State::Waiting { stream, from, ends }, from),
        };
        let reading = Reading {
            end: from,
            ..Reading::default()
        };
        let mut reader = Reader {
            state,
            clock: piece.clock,
            sizes,
            ahead: VecDeque::new(),
            reading,
            from,
        };
        reader.end_if_read();
        reader
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) fn into_reading(self) -> Reading {
        self.reading
    }

    pub(super) fn hand_over(&mut self) -> Option<Found> {
        self.ahead.pop_front()
    }

    /// Reads and matches on, as long as what it finds fits into memory; `later`
    /// says that its turn has not come.
    pub(super) fn read_on(&mut self, pool: &Pool<'_>, later: bool) {
        let Sizes { room, ahead, .. } = self.sizes;
        let room = if later { ahead } else { room };
        let mut weight: usize = self.ahead.iter().map(Found::weight).sum();
        let stop = self.reading.end + STRIDE;
        pool.with_blocks(|blocks| {
            while weight < room && self.reading.end < stop && !self.is_over() {
                match &mut self.state {
                    State::Over => {}
                    State::Plain { .. } => self.read_plain(pool, blocks),
                    State::Waiting { .. } | State::Stream { .. } => self.read_stream(pool, blocks),
                }
                self.note(blocks);
                self.end_if_read();
                for Matched { found, .. } in blocks.iter_mut() {
                    let found = std::mem::take(found);
                    if !found.failures().is_empty() {
                        weight += found.weight();
                        self.ahead.push_back(found);
                    }
                }
            }
        });
    }

    fn read_plain(&mut self, pool: &Pool<'_>, blocks: &mut Vec<Matched>) {
        let State::Plain { file, whole, at } = &mut self.state else {
            return;
        };
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
        *at = parts.last().map_or(whole.end, |part| part.end);
        blocks.resize_with(parts.len(), Matched::default);
        let clock = &self.clock;
        blocks
            .par_iter_mut()
            .zip(parts)
            .for_each(|(matched, part)| {
                matched.error = matched.block.fill(&**file, whole, &part).err();
                meter::count(part.end - part.start);
                if matched.error.is_none() {
                    matched.find(pool, clock);
                }
            });
    }

    /// Matches what was unpacked while the next blocks are.
    fn read_stream(&mut self, pool: &Pool<'_>, blocks: &mut Vec<Matched>) {
        if let State::Waiting { .. } = &self.state {
            self.open();
        }
        let State::Stream { lines, unmatched } = &mut self.state else {
            blocks.clear();
            return;
        };
        let (block, clock) = (self.sizes.block, &self.clock);
        rayon::join(
            || unpack(lines, block, blocks),
            || {
                unmatched
                    .par_iter_mut()
                    .for_each(|matched| matched.find(pool, clock));
            },
        );
        std::mem::swap(unmatched, blocks);
    }

    fn open(&mut self) {
        let State::Waiting { stream, from, ends } = std::mem::replace(&mut self.state, State::Over)
        else {
            return;
        };
        match Lines::new(stream, from, ends) {
            Ok(lines) => {
                self.state = State::Stream {
                    lines: Box::new(lines),
                    unmatched: Vec::new(),
                }
            }
            Err(error) => self.reading.error = Some(error),
        }
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
    fn note(&mut self, blocks: &mut [Matched]) {
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
            reading.end = whole.end;
        }
        for matched in &mut blocks[whole..] {
            matched.found = Found::default();
        }
    }
}

/// Unpacks the next blocks.
fn unpack(lines: &mut Lines, block: u64, blocks: &mut Vec<Matched>) {
    let (count, most) = UNPACKED;
    let size = usize::try_from(block.min(most)).unwrap_or(usize::MAX);
    blocks.resize_with(count, Matched::default);
    let mut filled = 0;
    while filled < count && !lines.is_over() {
        let matched = &mut blocks[filled];
        matched.error = lines.fill(size, &mut matched.block).err();
        filled += 1;
    }
    blocks.truncate(filled);
}
