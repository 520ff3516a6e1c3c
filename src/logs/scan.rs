//! The parallel driver: the failures of several sources, merged by time,
//! while the next blocks are being read and matched.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::rules::Matcher;

use super::batch::Pool;
use super::budget::{Budget, divide};
use super::input::Input;
use super::sink::{FailureSink, MatchedFailure, More};
use super::sizes::Sizes;
use super::source::{Head, SourceReader, Turn, give_room, merge};

/// Reads all inputs in parallel and hands their failures to `sink`, in the order that
/// [`Inputs::read`](super::inputs::Inputs::read) tells.
///
/// An input that uses up its share of the budget is left out of that order. It goes on
/// alone when all others were read, as those do that had fallen behind before, with
/// the time that is left over, and stops where that is used up.
///
/// Several rules may read together, each with its inputs, its matcher and its sink, in
/// the same order. They read the same bytes of the same inputs. False if that was given
/// up: what one rule waits for stands behind more failures of another than there is room
/// for. Then what the sinks were given does not count.
#[must_use]
pub(super) fn scan<S: FailureSink>(
    budget: &mut Budget,
    inputs: &mut [&mut [Input]],
    matchers: &[Matcher],
    sizes: Sizes,
    sinks: &mut [&mut S],
) -> bool {
    let busy = inputs[0].iter().filter(|input| input.is_unread());
    let mut scan = Scan {
        pool: Pool::new(matchers),
        // Among several sources one failure left out may change the order of others.
        alone: busy.count() == 1,
        sources: Vec::new(),
        gave_up: false,
    };
    for n in 0..inputs[0].len() {
        let mut of_rules: Vec<&mut Input> = inputs.iter_mut().map(|all| &mut all[n]).collect();
        let source = SourceReader::new(&mut of_rules, sizes, budget);
        scan.sources.push(source);
    }
    let together = scan.sources.iter().enumerate();
    let together = together.filter(|(_, source)| source.turn == Turn::Together);
    let together: Vec<usize> = together.map(|(n, _)| n).collect();
    let mut has_room = scan.read(&together, budget, sinks);
    let mut waiting = scan.waiting();
    while let Some(n) = waiting.pop().filter(|_| !scan.gave_up) {
        let source = &mut scan.sources[n];
        source.turn = Turn::Alone;
        budget.extend(&mut source.account, waiting.len() + 1);
        if !has_room || source.account.is_used_up() {
            source.stop();
        }
        has_room &= scan.read(&[n], budget, sinks);
    }
    for (n, source) in scan.sources.into_iter().enumerate() {
        let mut of_rules: Vec<&mut Input> = inputs.iter_mut().map(|all| &mut all[n]).collect();
        source.finish(&mut of_rules);
    }
    !scan.gave_up
}

/// A reading that goes on.
struct Scan {
    pool: Pool,
    sources: Vec<SourceReader>,
    /// Whether there is only one source.
    alone: bool,
    /// Whether rules that read together wait for each other in vain.
    gave_up: bool,
}

impl Scan {
    /// Reads the sources whose turn it is, until each is read or its time is used
    /// up; false if `sink` has no room for more.
    ///
    /// One step hands over what the step before has found, while the next blocks are
    /// being read and matched.
    fn read<S: FailureSink>(
        &mut self,
        turn: &[usize],
        budget: &mut Budget,
        sinks: &mut [&mut S],
    ) -> bool {
        if turn.is_empty() {
            return true;
        }
        let mut begun = Instant::now();
        let mut has_room = true;
        read_on(&mut self.sources, &self.pool);
        self.exchange();
        loop {
            let turn = turn.iter().copied();
            let turn: Vec<usize> = turn.filter(|&n| self.sources[n].is_its_turn()).collect();
            if turn.is_empty() {
                pause(sinks);
                return has_room;
            }
            has_room &= self.step(&turn, sinks);
            pause(sinks);
            let now = Instant::now();
            self.spend(&turn, now - begun, budget);
            begun = now;
            if !has_room {
                for &n in &turn {
                    self.sources[n].stop();
                }
            }
            self.exchange();
            let its_turn = self
                .sources
                .iter_mut()
                .filter(|source| source.is_its_turn());
            if !give_room(&mut its_turn.collect::<Vec<_>>()) {
                self.gave_up = true;
                return false;
            }
            for &n in &turn {
                let source = &mut self.sources[n];
                if source.is_over() {
                    source.turn = Turn::Over;
                    budget.settle(&mut source.account);
                }
            }
        }
    }

    /// Hands over what was found in these sources, and reads on meanwhile; false if
    /// a sink has no room for more.
    fn step<S: FailureSink>(&mut self, turn: &[usize], sinks: &mut [&mut S]) -> bool {
        let (mut has_room, mut unwanted) = (true, Vec::new());
        let mut heads: Vec<(usize, Head)> = turn
            .iter()
            .map(|&n| (n, std::mem::take(&mut self.sources[n].head)))
            .collect();
        let mut tell = |rule: usize, matched: MatchedFailure<'_>| {
            let address = matched.failure.address;
            let counted = sinks[rule].take(matched);
            match counted.more {
                More::Unwanted if self.alone => unwanted.push((rule, address)),
                More::Wanted | More::Unwanted => {}
                More::NoRoom => has_room = false,
            }
            counted.failures
        };
        let (pool, sources) = (&self.pool, &mut self.sources);
        rayon::join(|| read_on(sources, pool), || merge(&mut heads, &mut tell));
        for (n, head) in heads {
            self.sources[n].head = head;
        }
        self.pool.leave_out(unwanted);
        has_room
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

fn pause<S: FailureSink>(sinks: &mut [&mut S]) {
    for sink in sinks {
        sink.pause();
    }
}

/// Reads on in the sources whose turn it is.
fn read_on(sources: &mut [SourceReader], pool: &Pool) {
    let its_turn = sources.par_iter_mut().filter(|source| source.is_its_turn());
    its_turn.for_each(|source| source.read_on(pool));
}

#[cfg(test)]
mod tests;
