//! A source: an input's parts while they are read, and the failures that come next;
//! those of several merged.
//!
//! Rules that read together wait for each other where they read several logs: of two rules
//! one may wait for its next failure in the first log, which is not read on since the
//! failures of the other have no room there; and that one waits in the same way for the
//! second log. Then the logs that are waited for get more room, up to [`Sizes::most_room`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rayon::prelude::*;

use crate::model::{CountsFrom, Stamp};

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
    /// Of each rule.
    found: Vec<FoundBlocks>,
    /// Whether nothing can follow them.
    last: bool,
    /// The parts of the input of each rule: each counts what was handed over of it.
    parts: Vec<Vec<InputPart>>,
}

/// The failures of blocks that come next.
#[derive(Default)]
struct FoundBlocks(VecDeque<FoundBlock>);

/// The failures of a block that come next.
struct FoundBlock {
    /// The part that the block is of.
    part: usize,
    found: BlockFailures,
}

impl FoundBlocks {
    /// The block that has the next failure.
    fn front(&mut self) -> Option<&mut FoundBlock> {
        let is_read = |block: &FoundBlock| block.found.peek().is_none();
        while self.0.front().is_some_and(is_read) {
            self.0.pop_front();
        }
        self.0.front_mut()
    }

    fn weight(&self) -> usize {
        self.0.iter().map(|block| block.found.weight()).sum()
    }
}

impl Head {
    fn is_over(&mut self) -> bool {
        self.last && self.found.iter_mut().all(|found| found.front().is_none())
    }

    fn weight(&self) -> usize {
        self.found.iter().map(FoundBlocks::weight).sum()
    }

    /// Whether more has to be read before the next failure of a rule is known.
    fn keeps_waiting(&mut self, rule: usize) -> bool {
        !self.last && self.found[rule].front().is_none()
    }

    /// Puts the next failure of a rule among the others; false if none can be known
    /// before more was read.
    fn offer(
        &mut self,
        rule: usize,
        source: usize,
        next: &mut BinaryHeap<Reverse<(Stamp, usize)>>,
    ) -> bool {
        let front = self.found[rule].front();
        match front.and_then(|block| block.found.peek()) {
            Some(failure) => next.push(Reverse((failure.at, source))),
            None => return self.last,
        }
        true
    }

    /// Hands over the failures of a rule that come before `other`, one at least. `tell`
    /// takes the number of the rule and says how many failures it counts one as.
    fn hand_over(
        &mut self,
        rule: usize,
        rank: usize,
        other: Option<(Stamp, usize)>,
        tell: &mut impl FnMut(usize, MatchedFailure<'_>) -> u32,
    ) {
        let mut first = true;
        while let Some(FoundBlock { part, found }) = self.found[rule].front() {
            let part = &mut self.parts[rule][*part];
            while let Some(failure) = found.peek() {
                if !first && other.is_some_and(|other| other < (failure.at, rank)) {
                    return;
                }
                first = false;
                let (line, user) = found.line();
                part.matched += 1;
                part.counted += u64::from(tell(
                    rule,
                    MatchedFailure {
                        path: part.id,
                        failure,
                        line,
                        user,
                    },
                ));
                found.pop();
            }
        }
    }
}

/// Hands over the failures of each rule until those of a source are used up that may have
/// more.
pub(super) fn merge(
    heads: &mut [(usize, Head)],
    tell: &mut impl FnMut(usize, MatchedFailure<'_>) -> u32,
) {
    let rules = heads.first().map_or(0, |(_, head)| head.found.len());
    for rule in 0..rules {
        merge_rule(rule, heads, tell);
    }
}

fn merge_rule(
    rule: usize,
    heads: &mut [(usize, Head)],
    tell: &mut impl FnMut(usize, MatchedFailure<'_>) -> u32,
) {
    let mut next = BinaryHeap::new();
    for (rank, (_, head)) in heads.iter_mut().enumerate() {
        if !head.offer(rule, rank, &mut next) {
            return;
        }
    }
    while let Some(Reverse((_, rank))) = next.pop() {
        let other = next.peek().map(|&Reverse(other)| other);
        let (_, head) = &mut heads[rank];
        head.hand_over(rule, rank, other, tell);
        if !head.offer(rule, rank, &mut next) {
            return;
        }
    }
}

/// Gives more room to the sources that rules wait for, if each rule waits for one, and none
/// of the sources is read on. False if one has all the room that it may have: then the
/// rules have to read one after the other.
pub(super) fn give_room(sources: &mut [&mut SourceReader]) -> bool {
    let rules = sources.first().map_or(0, |source| source.head.found.len());
    let is_stuck = sources.iter().all(|source| source.is_idle())
        && (0..rules).all(|rule| {
            let mut heads = sources.iter_mut().map(|source| &mut source.head);
            heads.any(|head| head.keeps_waiting(rule))
        });
    if rules == 0 || !is_stuck {
        return true;
    }
    for source in sources {
        if (0..rules).any(|rule| source.head.keeps_waiting(rule)) {
            source.sizes.room *= 2;
            if source.sizes.room > source.sizes.most_room {
                return false;
            }
        }
    }
    true
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
    /// Takes what is to be read of an input: of the first rule's, which those of the other
    /// rules are like.
    pub(super) fn new(inputs: &mut [&mut Input], sizes: Sizes, budget: &Budget) -> Self {
        let mut source = SourceReader {
            readers: Vec::new(),
            first: 0,
            sizes,
            head: Head::default(),
            turn: if inputs.iter().any(|input| input.is_behind()) {
                Turn::Waiting
            } else {
                Turn::Together
            },
            account: budget.account(),
        };
        let parts = inputs
            .iter_mut()
            .map(|input| std::mem::take(&mut input.parts));
        source.head.parts = parts.collect();
        let rules = source.head.parts.len();
        source.head.found.resize_with(rules, FoundBlocks::default);
        for n in 0..source.head.parts[0].len() {
            let parts = source.head.parts.iter_mut();
            let mut segments = parts.filter_map(|parts| parts[n].segment.take());
            if let Some(segment) = segments.next() {
                let others: Vec<CountsFrom> = segments.map(|other| other.counts).collect();
                let reader = Reader::new(n, segment, &others, sizes, budget.way_back);
                source.readers.push(reader);
            }
        }
        source
    }

    /// Gives the parts back to the inputs, with what came of reading them.
    pub(super) fn finish(mut self, inputs: &mut [&mut Input]) {
        for reader in self.readers {
            let n = reader.part;
            for (parts, reading) in self.head.parts.iter_mut().zip(reader.into_readings()) {
                parts[n].reading = reading;
            }
        }
        for (input, parts) in inputs.iter_mut().zip(self.head.parts) {
            input.parts = parts;
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
    pub(super) fn read_on(&mut self, pool: &Pool) {
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
        let mut weight = head.weight();
        while let Some(reader) = self.readers.get_mut(self.first) {
            if weight >= self.sizes.room {
                return;
            }
            if let Some((rule, found)) = reader.hand_over() {
                weight += found.weight();
                let part = reader.part;
                head.found[rule].0.push_back(FoundBlock { part, found });
            } else if reader.is_over() {
                self.first += 1;
            } else {
                return;
            }
        }
        head.last = true;
    }

    /// Whether nothing more is read before failures are handed over, or at all.
    fn is_idle(&self) -> bool {
        self.head.last || self.head.weight() >= self.sizes.room
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
