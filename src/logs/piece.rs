//! A piece of a log, a file or a part of one, read wave by wave: blocks that
//! are read together and matched in parallel.

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
use super::wave::{Matched, Pool, Wave};

/// How much memory the failures of a piece may take whose turn has not come.
const AHEAD: usize = 4 << 20;

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
    /// Waves that were read ahead.
    ahead: VecDeque<Wave>,
    /// Blocks to read into.
    spare: Vec<Matched>,
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
            spare: Vec::new(),
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

    pub(super) fn has_waves(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(super) fn into_reading(self) -> Reading {
        self.reading
    }

    pub(super) fn hand_over(&mut self) -> Option<Wave> {
        self.ahead.pop_front()
    }

    pub(super) fn take_back(&mut self, wave: Wave) {
        if self.spare.is_empty() {
            self.spare = wave.blocks;
        }
    }

    /// Reads and matches the next wave, unless one waits; of a piece whose
    /// turn is `later`, as long as what waits fits into memory.
    pub(super) fn read_on(&mut self, pool: &Pool<'_>, later: bool) {
        let full = if later {
            self.ahead.iter().map(Wave::weight).sum::<usize>() >= AHEAD
        } else {
            self.has_waves()
        };
        if full {
            return;
        }
        let mut blocks = match &mut self.state {
            State::Over => return,
            State::Plain { .. } => self.read_plain(pool),
            State::Waiting { .. } | State::Stream { .. } => self.read_stream(pool),
        };
        self.note(&mut blocks);
        self.end_if_read();
        let mut wave = Wave::new(blocks);
        if later {
            wave.shrink();
        }
        self.ahead.push_back(wave);
    }

    fn read_plain(&mut self, pool: &Pool<'_>) -> Vec<Matched> {
        let State::Plain { file, whole, at } = &mut self.state else {
            return Vec::new();
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
        let mut blocks = std::mem::take(&mut self.spare);
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
        blocks
    }

    /// Matches what was unpacked while the next blocks are.
    fn read_stream(&mut self, pool: &Pool<'_>) -> Vec<Matched> {
        if let State::Waiting { .. } = &self.state {
            self.open();
        }
        let State::Stream { lines, unmatched } = &mut self.state else {
            return Vec::new();
        };
        let mut blocks = std::mem::take(unmatched);
        let (sizes, clock, mut spare) = (self.sizes, &self.clock, std::mem::take(&mut self.spare));
        let ((), ()) = rayon::join(
            || {
                spare.truncate(sizes.blocks);
                unpack(lines, sizes, &mut spare);
            },
            || {
                blocks
                    .par_iter_mut()
                    .for_each(|matched| matched.find(pool, clock));
            },
        );
        *unmatched = spare;
        blocks
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
    fn note(&mut self, blocks: &mut Vec<Matched>) {
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
        blocks.truncate(whole);
    }
}

/// Unpacks the next wave.
fn unpack(lines: &mut Lines, sizes: Sizes, blocks: &mut Vec<Matched>) {
    let size = usize::try_from(sizes.block).unwrap_or(usize::MAX);
    let mut filled = 0;
    while filled < sizes.blocks && !lines.is_over() {
        if blocks.len() == filled {
            blocks.push(Matched::default());
        }
        let matched = &mut blocks[filled];
        matched.error = lines.fill(size, &mut matched.block).err();
        filled += 1;
    }
    blocks.truncate(filled);
}
