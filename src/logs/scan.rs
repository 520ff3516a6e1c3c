//! The parallel driver: the failures of several sources, merged by time,
//! while the next blocks are being read and matched.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::model::{Failure, Stamp};
use crate::rules::{Clock, Matcher, Tally};

use super::blocks::Block;

/// A part of a file that is to be read.
#[derive(Debug)]
pub struct Input {
    /// The file.
    pub file: Arc<File>,
    /// The bytes to read: whole lines.
    pub range: Range<u64>,
    /// Which year its stamps without one have.
    pub clock: Clock,
}

/// A failure, in the order in which it counts.
#[derive(Debug)]
pub struct Heard<'a> {
    /// Which input it is from.
    pub source: usize,
    /// The failure.
    pub failure: &'a Failure,
    /// Its line, without the newline.
    pub line: &'a [u8],
}

/// What came of reading an input.
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
    /// What ended the reading early.
    pub error: Option<io::Error>,
}

/// How much is read at once. What is found never depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes of a block; at most a line's longest.
    pub block: u64,
    /// Blocks that are read together.
    pub blocks: usize,
}

impl Sizes {
    /// Blocks large enough that handing them out costs nothing, and few
    /// enough that all sources together stay within some megabytes.
    #[must_use]
    pub fn for_sources(sources: usize) -> Self {
        let threads = rayon::current_num_threads();
        let share = (8 << 20) / sources.max(1) as u64;
        let block = share.clamp(16 << 10, 512 << 10);
        let most = usize::try_from(share / block).unwrap_or(1);
        Sizes {
            block,
            blocks: (threads * 4).min(most).max(1),
        }
    }
}

/// Reads all inputs in parallel and hands their failures to `hear`: of each
/// input in the order of its lines, of several merged by stamp, then by the
/// order of the inputs. Memory does not grow with what is read.
pub fn scan(
    inputs: Vec<Input>,
    matcher: &Matcher,
    sizes: Sizes,
    mut hear: impl FnMut(Heard<'_>) + Send,
) -> Vec<Reading> {
    let matchers = Pool {
        template: matcher,
        idle: Mutex::new(Vec::new()),
    };
    let mut sources: Vec<Source> = inputs
        .into_iter()
        .map(|input| Source::new(input, sizes))
        .collect();
    sources
        .par_iter_mut()
        .for_each(|source| source.read_on(&matchers));
    let mut current: Vec<Wave> = sources.iter_mut().map(Source::hand_over).collect();
    while current.iter().any(|wave| !wave.blocks.is_empty()) {
        let ((), ()) = rayon::join(
            || {
                sources
                    .par_iter_mut()
                    .for_each(|source| source.read_on(&matchers));
            },
            || merge(&mut current, &mut hear),
        );
        for (source, wave) in sources.iter_mut().zip(&mut current) {
            if wave.is_used_up() {
                source.take_back(std::mem::take(wave));
                *wave = source.hand_over();
            }
        }
    }
    sources.into_iter().map(|source| source.reading).collect()
}

/// Matchers that no block uses at the moment: never more than there are threads.
struct Pool<'a> {
    template: &'a Matcher,
    idle: Mutex<Vec<Matcher>>,
}

impl Pool<'_> {
    fn with<T>(&self, clock: &Clock, work: impl FnOnce(&mut Matcher) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut matcher = idle().pop().unwrap_or_else(|| self.template.clone());
        matcher.set_clock(clock.clone());
        let result = work(&mut matcher);
        idle().push(matcher);
        result
    }
}

/// Blocks that were read together, with their failures.
#[derive(Debug, Default)]
struct Wave {
    blocks: Vec<Matched>,
    /// Block and failure that come next.
    next: (usize, usize),
    /// Whether more may follow when it is used up.
    last: bool,
}

#[derive(Debug, Default)]
struct Matched {
    block: Block,
    failures: Vec<Failure>,
    tally: Tally,
    error: Option<io::Error>,
}

impl Wave {
    fn peek(&mut self) -> Option<(&Failure, &Block)> {
        while self
            .blocks
            .get(self.next.0)
            .is_some_and(|matched| self.next.1 >= matched.failures.len())
        {
            self.next = (self.next.0 + 1, 0);
        }
        let matched = self.blocks.get(self.next.0)?;
        Some((&matched.failures[self.next.1], &matched.block))
    }

    fn is_used_up(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Puts the next failure among the heads; false if none can be known
    /// before the next wave is there.
    fn offer(&mut self, source: usize, heads: &mut BinaryHeap<Reverse<(Stamp, usize)>>) -> bool {
        match self.peek() {
            Some((failure, _)) => heads.push(Reverse((failure.at, source))),
            None => return self.last,
        }
        true
    }
}

/// Hands over failures until a wave is used up that may have a successor.
fn merge(waves: &mut [Wave], hear: &mut impl FnMut(Heard<'_>)) {
    let mut heads = BinaryHeap::new();
    for (source, wave) in waves.iter_mut().enumerate() {
        if !wave.offer(source, &mut heads) {
            return;
        }
    }
    while let Some(Reverse((_, source))) = heads.pop() {
        let wave = &mut waves[source];
        if let Some((failure, block)) = wave.peek() {
            hear(Heard {
                source,
                failure,
                line: block.line_at(failure.offset),
            });
        }
        wave.next.1 += 1;
        if !wave.offer(source, &mut heads) {
            return;
        }
    }
}

/// An input while it is read.
struct Source {
    input: Input,
    sizes: Sizes,
    /// Where the next wave begins.
    at: u64,
    /// The wave that was read ahead.
    ahead: Option<Wave>,
    /// Blocks to read into.
    spare: Vec<Matched>,
    reading: Reading,
}

impl Source {
    fn new(input: Input, sizes: Sizes) -> Self {
        let reading = Reading {
            end: input.range.start,
            ..Reading::default()
        };
        Source {
            at: input.range.start,
            ahead: None,
            spare: Vec::new(),
            reading,
            sizes,
            input,
        }
    }

    fn is_read(&self) -> bool {
        self.at >= self.input.range.end
    }

    /// Reads and matches the next wave unless one is waiting.
    fn read_on(&mut self, matchers: &Pool<'_>) {
        if self.ahead.is_some() || self.is_read() {
            return;
        }
        let whole = self.input.range.clone();
        let parts: Vec<Range<u64>> = (0..self.sizes.blocks as u64)
            .map(|n| self.at + n * self.sizes.block)
            .take_while(|&start| start < whole.end)
            .map(|start| start..(start + self.sizes.block).min(whole.end))
            .collect();
        self.at = parts.last().map_or(whole.end, |part| part.end);
        let mut blocks = std::mem::take(&mut self.spare);
        blocks.resize_with(parts.len(), Matched::default);
        let input = &self.input;
        blocks
            .par_iter_mut()
            .zip(parts)
            .for_each(|(matched, part)| {
                matched.failures.clear();
                matched.error = matched.block.fill(&*input.file, &whole, &part).err();
                if matched.error.is_none() {
                    let Matched {
                        block, failures, ..
                    } = matched;
                    matched.tally = matchers.with(&input.clock, |matcher| {
                        matcher.scan(block.lines(), block.base, failures)
                    });
                }
            });
        self.note(&mut blocks);
        self.ahead = Some(Wave {
            blocks,
            next: (0, 0),
            last: self.is_read(),
        });
    }

    /// Adds up what was met, and ends the reading where a block ended early.
    fn note(&mut self, blocks: &mut Vec<Matched>) {
        let reading = &mut self.reading;
        let mut whole = 0;
        for matched in blocks.iter_mut() {
            if let Some(error) = matched.error.take() {
                reading.error = Some(error);
                break;
            }
            whole += 1;
            reading.tally.add(&matched.tally);
            reading.failures += matched
                .failures
                .iter()
                .map(|failure| u64::from(failure.count))
                .sum::<u64>();
            reading.newest = reading
                .newest
                .max(matched.failures.iter().map(|failure| failure.at).max());
            if let Some(offset) = matched.block.long_line {
                reading.long_lines.0 += 1;
                reading.long_lines.1.get_or_insert(offset);
            }
            if !matched.block.lines().is_empty() {
                reading.end = matched.block.end();
            }
            if matched.block.cut_short {
                reading.cut_short = true;
                break;
            }
        }
        let ended = reading.error.is_some() || reading.cut_short;
        blocks.truncate(whole);
        if ended {
            self.at = self.input.range.end;
        } else if self.is_read() {
            // Lines that were left out at the end were read all the same.
            self.reading.end = self.input.range.end;
        }
    }

    fn hand_over(&mut self) -> Wave {
        self.ahead.take().unwrap_or(Wave {
            last: true,
            ..Wave::default()
        })
    }

    fn take_back(&mut self, wave: Wave) {
        self.spare = wave.blocks;
    }
}
