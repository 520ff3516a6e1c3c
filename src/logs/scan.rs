//! The parallel driver: the failures of several sources, merged by time,
//! while the next blocks are being read and matched.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rayon::prelude::*;

use crate::model::{Failure, Stamp};
use crate::rules::Matcher;

use super::piece::{Piece, Reader};
use super::reading::Reading;
use super::sizes::Sizes;
use super::wave::{Found, Pool};

/// A failure, in the order in which it counts.
#[derive(Debug)]
pub struct Heard<'a> {
    /// Which source it is from, and which piece of it.
    pub place: (usize, usize),
    /// The failure.
    pub failure: &'a Failure,
    /// Its line, without the newline; none if the matcher keeps users.
    pub line: &'a [u8],
    /// The user it names, if the matcher keeps users.
    pub user: Option<&'a [u8]>,
}

/// Whether further failures of an address are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// They may matter.
    Wanted,
    /// They need not be handed over, but may be.
    Unwanted,
}

/// Reads all sources in parallel and hands their failures to `hear`: of each
/// source in the order of its pieces and lines, of several merged by stamp,
/// then by the order of the sources. Memory does not grow with what is read.
pub fn scan(
    sources: Vec<Vec<Piece>>,
    matcher: &Matcher,
    sizes: Sizes,
    mut hear: impl FnMut(Heard<'_>) -> More + Send,
) -> Vec<Vec<Reading>> {
    let mut pool = Pool::new(matcher);
    // Among several sources one failure left out may change the order of others.
    let alone = sources.len() == 1;
    let mut sources: Vec<Source> = sources
        .into_iter()
        .map(|pieces| Source::new(pieces, sizes))
        .collect();
    sources
        .par_iter_mut()
        .for_each(|source| source.read_on(&pool));
    let mut heads: Vec<Head> = sources.iter().map(|_| Head::default()).collect();
    for (source, head) in sources.iter_mut().zip(&mut heads) {
        source.exchange(head);
    }
    while heads.iter_mut().any(|head| !head.is_over()) {
        let mut unwanted = Vec::new();
        let mut tell = |heard: Heard<'_>| {
            let address = heard.failure.address;
            if hear(heard) == More::Unwanted && alone {
                unwanted.push(address);
            }
        };
        rayon::join(
            || {
                sources
                    .par_iter_mut()
                    .for_each(|source| source.read_on(&pool));
            },
            || merge(&mut heads, &mut tell),
        );
        pool.leave_out(unwanted);
        for (source, head) in sources.iter_mut().zip(&mut heads) {
            source.exchange(head);
        }
    }
    sources
        .into_iter()
        .map(|source| {
            source
                .readers
                .into_iter()
                .map(Reader::into_reading)
                .collect()
        })
        .collect()
}

/// The failures of a source that come next.
#[derive(Default)]
struct Head {
    /// Those of each block with the piece it is of.
    found: VecDeque<(usize, Found)>,
    /// Whether nothing can follow them.
    last: bool,
}

impl Head {
    /// The block that has the next failure, with its piece.
    fn front(&mut self) -> Option<&mut (usize, Found)> {
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
        other: Option<(Stamp, usize)>,
        hear: &mut impl FnMut(Heard<'_>),
    ) {
        let mut first = true;
        while let Some((piece, found)) = self.front() {
            let place = (source, *piece);
            while let Some(failure) = found.peek() {
                if !first && other.is_some_and(|other| other < (failure.at, source)) {
                    return;
                }
                first = false;
                let (line, user) = found.line();
                hear(Heard {
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
fn merge(heads: &mut [Head], hear: &mut impl FnMut(Heard<'_>)) {
    let mut next = BinaryHeap::new();
    for (source, head) in heads.iter_mut().enumerate() {
        if !head.offer(source, &mut next) {
            return;
        }
    }
    while let Some(Reverse((_, source))) = next.pop() {
        let other = next.peek().map(|&Reverse(other)| other);
        heads[source].hand_over(source, other, hear);
        if !heads[source].offer(source, &mut next) {
            return;
        }
    }
}

/// A source: the pieces of a log, oldest first.
struct Source {
    readers: Vec<Reader>,
    /// The piece whose failures come next.
    first: usize,
    sizes: Sizes,
}

impl Source {
    fn new(pieces: Vec<Piece>, sizes: Sizes) -> Self {
        Source {
            readers: pieces
                .into_iter()
                .map(|piece| Reader::new(piece, sizes))
                .collect(),
            first: 0,
            sizes,
        }
    }

    /// Reads and matches on: in the piece whose failures come next, and
    /// meanwhile in those behind it, as far as their failures fit into memory.
    fn read_on(&mut self, pool: &Pool<'_>) {
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
    fn exchange(&mut self, head: &mut Head) {
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
}
