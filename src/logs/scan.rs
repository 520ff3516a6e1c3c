//! The parallel driver: the failures of several sources, merged by time,
//! while the next blocks are being read and matched.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::model::Failure;
use crate::rules::Matcher;

use super::batch::Pool;
use super::budget::{Budget, divide};
use super::reader::Reader;
use super::reading::Reading;
use super::segment::Segment;
use super::sizes::Sizes;
use super::source::{Head, SourceReader, Turn, merge};

/// A failure, in the order in which it counts.
#[derive(Debug)]
pub struct MatchedFailure<'a> {
    /// Which source it is from, and which piece of it.
    pub place: (usize, usize),
    /// The failure.
    pub failure: &'a Failure,
    /// Its line, without the newline; none if the matcher keeps users, or if more
    /// failures of its address were not wanted.
    pub line: &'a [u8],
    /// The user it names, if the matcher keeps users.
    pub user: Option<&'a [u8]>,
}

/// Whether further failures of an address are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// They may matter.
    Wanted,
    /// They need not be handed over, but may be; those of connections are, without
    /// their lines.
    Unwanted,
    /// There is no room for more: the reading ends as if its time were over.
    NoRoom,
}

/// Takes the failures that are found, in the order in which they count.
pub trait Sink: Send {
    /// Takes the next failure.
    fn take(&mut self, matched: MatchedFailure<'_>) -> More;

    /// No failure may come for a while: what is held on to should be let go.
    fn pause(&mut self) {}
}

impl<F: FnMut(MatchedFailure<'_>) -> More + Send> Sink for F {
    fn take(&mut self, matched: MatchedFailure<'_>) -> More {
        self(matched)
    }
}

/// What is to be read of a source.
#[derive(Debug, Default)]
pub struct Unread {
    /// The pieces of a log, oldest first.
    pub pieces: Vec<Segment>,
    /// Whether it has fallen behind: it is read alone, after all the others.
    pub is_behind: bool,
}

impl From<Vec<Segment>> for Unread {
    fn from(pieces: Vec<Segment>) -> Self {
        Unread {
            pieces,
            is_behind: false,
        }
    }
}

/// Reads all sources in parallel and hands their failures to `sink`: of each
/// source in the order of its pieces and lines, of several merged by stamp,
/// then by the order of the sources. Memory does not grow with what is read.
pub fn scan(
    sources: Vec<Vec<Segment>>,
    matcher: &Matcher,
    sizes: Sizes,
    mut sink: impl FnMut(MatchedFailure<'_>) -> More + Send,
) -> Vec<Vec<Reading>> {
    let sources = sources.into_iter().map(Unread::from).collect();
    scan_within(&mut Budget::unlimited(), sources, matcher, sizes, &mut sink)
}

/// The same within a budget.
///
/// A source that uses up its share of it is left out of that order. It goes on
/// alone when all others were read, as those do that had fallen behind before, with
/// the time that is left over, and stops where that is used up.
pub fn scan_within(
    budget: &mut Budget,
    sources: Vec<Unread>,
    matcher: &Matcher,
    sizes: Sizes,
    sink: &mut impl Sink,
) -> Vec<Vec<Reading>> {
    let source = |unread| SourceReader::new(unread, sizes, budget);
    let mut scan = Scan {
        pool: Pool::new(matcher),
        // Among several sources one failure left out may change the order of others.
        alone: sources.len() == 1,
        sources: sources.into_iter().map(source).collect(),
    };
    let together = scan.sources.iter().enumerate();
    let together = together.filter(|(_, source)| source.turn == Turn::Together);
    let together: Vec<usize> = together.map(|(n, _)| n).collect();
    let mut has_room = scan.read(&together, budget, sink);
    let mut waiting = scan.waiting();
    while let Some(n) = waiting.pop() {
        let source = &mut scan.sources[n];
        source.turn = Turn::Alone;
        budget.extend(&mut source.account, waiting.len() + 1);
        if !has_room || source.account.is_used_up() {
            source.stop();
        }
        has_room &= scan.read(&[n], budget, sink);
    }
    let readings = |source: SourceReader| source.readers.into_iter().map(Reader::into_reading);
    let readings = scan
        .sources
        .into_iter()
        .map(|source| readings(source).collect());
    readings.collect()
}

/// A reading that goes on.
struct Scan<'a> {
    pool: Pool<'a>,
    sources: Vec<SourceReader>,
    /// Whether there is only one source.
    alone: bool,
}

impl Scan<'_> {
    /// Reads the sources whose turn it is, until each is read or its time is used
    /// up; false if `sink` has no room for more.
    fn read(&mut self, turn: &[usize], budget: &mut Budget, sink: &mut impl Sink) -> bool {
        if turn.is_empty() {
            return true;
        }
        let mut begun = Instant::now();
        let mut has_room = true;
        self.read_on();
        self.exchange();
        loop {
            let turn = turn.iter().copied();
            let turn: Vec<usize> = turn.filter(|&n| self.sources[n].is_its_turn()).collect();
            if turn.is_empty() {
                sink.pause();
                return has_room;
            }
            let mut unwanted = Vec::new();
            let mut heads: Vec<(usize, Head)> = turn
                .iter()
                .map(|&n| (n, std::mem::take(&mut self.sources[n].head)))
                .collect();
            let mut tell = |matched: MatchedFailure<'_>| {
                let address = matched.failure.address;
                match sink.take(matched) {
                    More::Unwanted if self.alone => unwanted.push(address),
                    More::Wanted | More::Unwanted => {}
                    More::NoRoom => has_room = false,
                }
            };
            let (pool, sources) = (&self.pool, &mut self.sources);
            rayon::join(
                || {
                    let its_turn = sources.par_iter_mut().filter(|source| source.is_its_turn());
                    its_turn.for_each(|source| source.read_on(pool));
                },
                || merge(&mut heads, &mut tell),
            );
            sink.pause();
            for (n, head) in heads {
                self.sources[n].head = head;
            }
            self.pool.leave_out(unwanted);
            let now = Instant::now();
            self.spend(&turn, now - begun, budget);
            begun = now;
            if !has_room {
                for &n in &turn {
                    self.sources[n].stop();
                }
            }
            self.exchange();
            for &n in &turn {
                let source = &mut self.sources[n];
                if source.is_over() {
                    source.turn = Turn::Over;
                    budget.settle(&mut source.account);
                }
            }
        }
    }

    fn read_on(&mut self) {
        let pool = &self.pool;
        let its_turn = self
            .sources
            .par_iter_mut()
            .filter(|source| source.is_its_turn());
        its_turn.for_each(|source| source.read_on(pool));
    }

    fn exchange(&mut self) {
        let its_turn = self
            .sources
            .iter_mut()
            .filter(|source| source.is_its_turn());
        its_turn.for_each(SourceReader::exchange);
    }

    /// Notes how long a step took. Sources that have used up their time wait for
    /// what the others leave over; one that is alone stops.
    fn spend(&mut self, turn: &[usize], step: Duration, budget: &mut Budget) {
        if !budget.is_limited() {
            return;
        }
        let spent: Vec<(u64, Duration)> = turn.iter().map(|&n| self.sources[n].spent()).collect();
        let ways_back: Duration = spent.iter().map(|(_, way_back)| *way_back).sum();
        let bytes: Vec<u64> = spent.iter().map(|(bytes, _)| *bytes).collect();
        let times = divide(step.saturating_sub(ways_back), &bytes);
        for (&n, time) in turn.iter().zip(times) {
            let source = &mut self.sources[n];
            if !budget.spend(&mut source.account, time) && !source.is_over() {
                match source.turn {
                    Turn::Together => source.turn = Turn::Waiting,
                    _ => source.stop(),
                }
            }
        }
    }

    /// The sources that wait until they are read alone; those with the least left come last.
    fn waiting(&self) -> Vec<usize> {
        let waiting = self.sources.iter().enumerate();
        let waiting = waiting.filter(|(_, source)| source.turn == Turn::Waiting);
        let mut waiting: Vec<usize> = waiting.map(|(n, _)| n).collect();
        waiting.sort_by_key(|&n| Reverse(self.sources[n].rest()));
        waiting
    }
}

#[cfg(test)]
mod tests;
