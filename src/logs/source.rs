//! A source: an input's parts while they are read, and the failures that come next;
//! those of several merged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rayon::prelude::*;

use crate::model::Stamp;

use super::batch::{BlockFailures, Pool};
use super::budget::{Account, Budget};
use super::input::Input;
use super::part::InputPart;
use super::reader::Reader;
use super::sink::MatchedFailure;
use super::sizes::Sizes;

/// The failures of a source that come next.
#[derive(Default)]
pub(super) struct Head {
    found: FoundBlocks,
    /// Whether nothing can follow them.
    last: bool,
    /// The parts of the input: each counts what was handed over of it.
    parts: Vec<InputPart>,
}

/// The failures of blocks that come next, those of each block with the part it is of.
#[derive(Default)]
struct FoundBlocks(VecDeque<(usize, BlockFailures)>);

impl FoundBlocks {
    /// The block that has the next failure, with its part.
    fn front(&mut self) -> Option<&mut (usize, BlockFailures)> {
        let is_read = |(_, found): &(usize, BlockFailures)| found.peek().is_none();
        while self.0.front().is_some_and(is_read) {
            self.0.pop_front();
        }
        self.0.front_mut()
    }

    fn weight(&self) -> usize {
        self.0.iter().map(|(_, found)| found.weight()).sum()
    }
}

impl Head {
    fn is_over(&mut self) -> bool {
        self.found.front().is_none() && self.last
    }

    /// Puts the next failure among the others; false if none can be known
    /// before more was read.
    fn offer(&mut self, source: usize, next: &mut BinaryHeap<Reverse<(Stamp, usize)>>) -> bool {
        match self.found.front().and_then(|(_, found)| found.peek()) {
            Some(failure) => next.push(Reverse((failure.at, source))),
            None => return self.last,
        }
        true
    }

    /// Hands over the failures that come before `other`, one at least. `tell` says how
    /// many failures it counts one as.
    fn hand_over(
        &mut self,
        rank: usize,
        other: Option<(Stamp, usize)>,
        tell: &mut impl FnMut(MatchedFailure<'_>) -> u32,
    ) {
        let mut first = true;
        while let Some((part, found)) = self.found.front() {
            let part = &mut self.parts[*part];
            while let Some(failure) = found.peek() {
                if !first && other.is_some_and(|other| other < (failure.at, rank)) {
                    return;
                }
                first = false;
                let (line, user) = found.line();
                part.matched += 1;
                part.counted += u64::from(tell(MatchedFailure {
                    path: part.id,
                    failure,
                    line,
                    user,
                }));
                found.pop();
            }
        }
    }
}

/// Hands over failures until those of a source are used up that may have more.
pub(super) fn merge(heads: &mut [(usize, Head)], tell: &mut impl FnMut(MatchedFailure<'_>) -> u32) {
    let mut next = BinaryHeap::new();
    for (rank, (_, head)) in heads.iter_mut().enumerate() {
        if !head.offer(rank, &mut next) {
            return;
        }
    }
    while let Some(Reverse((_, rank))) = next.pop() {
        let other = next.peek().map(|&Reverse(other)| other);
        let (_, head) = &mut heads[rank];
        head.hand_over(rank, other, tell);
        if !head.offer(rank, &mut next) {
            return;
        }
    }
}

/// When a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now, merged with others.
    Together,
    /// When all others were read.
    Waiting,
    /// Now, and no other is.
    Alone,
    /// It was read.
    Over,
}

/// A source: the parts of an input of which something is to be read, in their order.
pub(super) struct SourceReader {
    readers: Vec<Reader>,
    /// The reader whose failures come next.
    first: usize,
    sizes: Sizes,
    /// The failures that come next.
    pub(super) head: Head,
    pub(super) turn: Turn,
    pub(super) account: Account,
}

impl SourceReader {
    /// Takes what is to be read of an input.
    pub(super) fn new(input: &mut Input, sizes: Sizes, budget: &Budget) -> Self {
        let mut source = SourceReader {
            readers: Vec::new(),
            first: 0,
            sizes,
            head: Head::default(),
            turn: if input.is_behind() {
                Turn::Waiting
            } else {
                Turn::Together
            },
            account: budget.account(),
        };
        source.head.parts = std::mem::take(&mut input.parts);
        for (n, part) in source.head.parts.iter_mut().enumerate() {
            let reader = |segment| Reader::new(n, segment, sizes, budget.way_back);
            source.readers.extend(part.segment.take().map(reader));
        }
        source
    }

    /// Gives the parts back to the input, with what came of reading them.
    pub(super) fn finish(self, input: &mut Input) {
        input.parts = self.head.parts;
        for reader in self.readers {
            let part = &mut input.parts[reader.part];
            part.reading = reader.into_reading();
        }
    }

    pub(super) fn is_its_turn(&self) -> bool {
        matches!(self.turn, Turn::Together | Turn::Alone)
    }

    pub(super) fn is_over(&mut self) -> bool {
        self.head.is_over()
    }

    /// Reads and matches on: in the segment whose failures come next, and
    /// meanwhile in those behind it, as far as their failures fit into memory.
    pub(super) fn read_on(&mut self, pool: &Pool<'_>) {
        let mut open: Vec<(usize, &mut Reader)> = self
            .readers
            .iter_mut()
            .skip(self.first)
            .filter(|reader| !reader.is_over())
            .take(self.sizes.segments)
            .enumerate()
            .collect();
        open.par_iter_mut()
            .for_each(|(place, reader)| reader.read_on(pool, *place > 0));
    }

    /// Hands over what was read, as far as there is room for it.
    pub(super) fn exchange(&mut self) {
        let head = &mut self.head;
        let mut weight = head.found.weight();
        while let Some(reader) = self.readers.get_mut(self.first) {
            if weight >= self.sizes.room {
                return;
            }
            if let Some(found) = reader.hand_over() {
                weight += found.weight();
                head.found.0.push_back((reader.part, found));
            } else if reader.is_over() {
                self.first += 1;
            } else {
                return;
            }
        }
        head.last = true;
    }

    /// Ends the reading in the segment whose turn it is: what was found in it is
    /// still handed over, and those behind it are left for a later run.
    pub(super) fn stop(&mut self) {
        let mut rest = self.readers.iter_mut().skip(self.first);
        if let Some(reader) = rest.next() {
            reader.stop();
        }
        rest.for_each(Reader::forget);
    }

    /// How many bytes were read since this was last asked, and how long the ways
    /// back to where streams go on took meanwhile.
    pub(super) fn spent(&mut self) -> (u64, Duration) {
        let spent = self.readers.iter_mut().map(Reader::spent);
        spent.fold((0, Duration::ZERO), |all, more| {
            (all.0 + more.0, all.1 + more.1)
        })
    }

    /// How much is left to be read, as far as that is known.
    pub(super) fn rest(&self) -> u64 {
        self.readers.iter().map(Reader::rest).sum()
    }
}
