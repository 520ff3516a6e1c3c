//! A source: a log's pieces while they are read, and the failures that come next;
//! those of several merged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rayon::prelude::*;

use crate::model::Stamp;

use super::batch::{BlockFailures, Pool};
use super::budget::{Account, Budget};
use super::reader::Reader;
use super::scan::{MatchedFailure, Unread};
use super::sizes::Sizes;

/// The failures of a source that come next.
#[derive(Default)]
pub(super) struct Head {
    /// Those of each block with the piece it is of.
    found: VecDeque<(usize, BlockFailures)>,
    /// Whether nothing can follow them.
    last: bool,
}

impl Head {
    /// The block that has the next failure, with its piece.
    fn front(&mut self) -> Option<&mut (usize, BlockFailures)> {
        while self
            .found
            .front()
            .is_some_and(|(_, found)| found.peek().is_none())
        {
            self.found.pop_front();
        }
        self.found.front_mut()
    }

    fn weight(&self) -> usize {
        self.found.iter().map(|(_, found)| found.weight()).sum()
    }

    fn is_over(&mut self) -> bool {
        self.front().is_none() && self.last
    }

    /// Puts the next failure among the others; false if none can be known
    /// before more was read.
    fn offer(&mut self, source: usize, next: &mut BinaryHeap<Reverse<(Stamp, usize)>>) -> bool {
        match self.front().and_then(|(_, found)| found.peek()) {
            Some(failure) => next.push(Reverse((failure.at, source))),
            None => return self.last,
        }
        true
    }

    /// Hands over the failures that come before `other`, one at least.
    fn hand_over(
        &mut self,
        source: usize,
        rank: usize,
        other: Option<(Stamp, usize)>,
        sink: &mut impl FnMut(MatchedFailure<'_>),
    ) {
        let mut first = true;
        while let Some((piece, found)) = self.front() {
            let place = (source, *piece);
            while let Some(failure) = found.peek() {
                if !first && other.is_some_and(|other| other < (failure.at, rank)) {
                    return;
                }
                first = false;
                let (line, user) = found.line();
                sink(MatchedFailure {
                    place,
                    failure,
                    line,
                    user,
                });
                found.pop();
            }
        }
    }
}

/// Hands over failures until those of a source are used up that may have more.
pub(super) fn merge(heads: &mut [(usize, Head)], tell: &mut impl FnMut(MatchedFailure<'_>)) {
    let mut next = BinaryHeap::new();
    for (place, (_, head)) in heads.iter_mut().enumerate() {
        if !head.offer(place, &mut next) {
            return;
        }
    }
    while let Some(Reverse((_, place))) = next.pop() {
        let other = next.peek().map(|&Reverse(other)| other);
        let (source, head) = &mut heads[place];
        head.hand_over(*source, place, other, tell);
        if !head.offer(place, &mut next) {
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

/// A source: the pieces of a log, oldest first.
pub(super) struct SourceReader {
    pub(super) readers: Vec<Reader>,
    /// The piece whose failures come next.
    first: usize,
    sizes: Sizes,
    /// The failures that come next.
    pub(super) head: Head,
    pub(super) turn: Turn,
    pub(super) account: Account,
}

impl SourceReader {
    pub(super) fn new(unread: Unread, sizes: Sizes, budget: &Budget) -> Self {
        let reader = |piece| Reader::new(piece, sizes, budget.way_back);
        SourceReader {
            readers: unread.pieces.into_iter().map(reader).collect(),
            first: 0,
            sizes,
            head: Head::default(),
            turn: if unread.is_behind {
                Turn::Waiting
            } else {
                Turn::Together
            },
            account: budget.account(),
        }
    }

    pub(super) fn is_its_turn(&self) -> bool {
        matches!(self.turn, Turn::Together | Turn::Alone)
    }

    pub(super) fn is_over(&mut self) -> bool {
        self.head.is_over()
    }

    /// Reads and matches on: in the piece whose failures come next, and
    /// meanwhile in those behind it, as far as their failures fit into memory.
    pub(super) fn read_on(&mut self, pool: &Pool<'_>) {
        let mut open: Vec<(usize, &mut Reader)> = self
            .readers
            .iter_mut()
            .skip(self.first)
            .filter(|reader| !reader.is_over())
            .take(self.sizes.pieces)
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
            if let Some(found) = reader.hand_over() {
                weight += found.weight();
                head.found.push_back((self.first, found));
            } else if reader.is_over() {
                self.first += 1;
            } else {
                return;
            }
        }
        head.last = true;
    }

    /// Ends the reading in the piece whose turn it is: what was found in it is
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
