//! Blocks that are matched in parallel, and what is kept of them.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use foldhash::quality::RandomState;

use crate::model::{Address, CountsFrom, Failure};
use crate::rules::{Clock, Matcher, MatcherSet, Users};

use super::blocks::Block;
use super::totals::MatchedTotals;

/// Matchers with room for what they find, and blocks to read into, that are not
/// in use at the moment: as many as there are threads at work, however many logs
/// are read.
pub(super) struct Pool {
    template: MatcherSet,
    idle: Mutex<Vec<Worker>>,
    /// By rule.
    wants: Vec<Wants>,
    spare: Mutex<Vec<Vec<MatchedBlock>>>,
}

/// What one thread matches with.
struct Worker {
    matchers: MatcherSet,
    /// Empty places for what each rule finds.
    found: Vec<BlockFailures>,
}

/// What is kept of the failures of a rule.
struct Wants {
    /// Users are told apart by their place among the failures, and a sink that wants
    /// them wants no lines.
    users: bool,
    unwanted: Unwanted,
}

/// Addresses whose failures are not wanted any more. They are looked up for each failure: so
/// that a core's cache holds them, those of IPv4 take no more room than they need.
/// The addresses are the attacker's choice: the hash is keyed anew in each process.
#[derive(Default)]
struct Unwanted {
    v4: HashSet<u32, RandomState>,
    v6: HashSet<u128, RandomState>,
}

impl Unwanted {
    fn insert(&mut self, address: Address) {
        match address.ip() {
            IpAddr::V4(v4) => self.v4.insert(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.insert(v6.to_bits()),
        };
    }

    fn has(&self, address: Address) -> bool {
        match address.ip() {
            IpAddr::V4(v4) => self.v4.contains(&v4.to_bits()),
            IpAddr::V6(v6) => self.v6.contains(&v6.to_bits()),
        }
    }
}

impl Pool {
    /// Of rules that read the same, each with its matcher.
    pub(super) fn new(matchers: &[Matcher]) -> Self {
        let wants = |matcher: &Matcher| Wants {
            users: matcher.keeps_users(),
            unwanted: Unwanted::default(),
        };
        Pool {
            wants: matchers.iter().map(wants).collect(),
            template: MatcherSet::new(matchers.to_vec()),
            idle: Mutex::default(),
            spare: Mutex::default(),
        }
    }

    /// From now on the lines of these addresses are not kept for that rule, and of their
    /// failures only those of connections.
    pub(super) fn leave_out(&mut self, addresses: Vec<(usize, Address)>) {
        for (rule, address) in addresses {
            self.wants[rule].unwanted.insert(address);
        }
    }

    /// Lends blocks to read into.
    pub(super) fn with_blocks<T>(&self, work: impl FnOnce(&mut Vec<MatchedBlock>) -> T) -> T {
        let mut blocks = taken(&self.spare).unwrap_or_default();
        let result = work(&mut blocks);
        put(&self.spare, blocks);
        result
    }

    /// Matches lines of which the first stands at the byte `base`; `counts` says by rule
    /// what counts. Pushes what each rule found to `matches`.
    fn find(
        &self,
        (lines, base): (&[u8], u64),
        clock: &Clock,
        counts: &[CountsFrom],
        matches: &mut Vec<BlockMatches>,
    ) {
        let mut worker = taken(&self.idle).unwrap_or_else(|| Worker {
            matchers: self.template.clone(),
            found: self
                .wants
                .iter()
                .map(|_| BlockFailures::default())
                .collect(),
        });
        let Worker { matchers, found } = &mut worker;
        for matcher in matchers.matchers() {
            matcher.set_clock(clock.clone());
        }
        let mut totals = vec![MatchedTotals::default(); self.wants.len()];
        let tallies = matchers.scan(lines, base, |rule, failure, line| {
            if !counts[rule].has(failure.offset, failure.at.secs) {
                return;
            }
            let Wants { users, unwanted } = &self.wants[rule];
            let (totals, found) = (&mut totals[rule], &mut found[rule]);
            // How many those of a connection are depends on the lines before, which
            // may stand in another block.
            let of_connection = failure.login.is_some();
            if !of_connection {
                totals.failures += u64::from(failure.count);
            }
            totals.newest = totals.newest.max(Some(failure.at));
            if *users {
                found.push(failure, &[]);
            } else if !unwanted.has(failure.address) {
                found.push(failure, line);
            } else if of_connection {
                found.push(failure, &[]);
            }
        });
        let by_rule = matchers.matchers().iter_mut().zip(found);
        for ((matcher, found), (mut totals, tally)) in by_rule.zip(totals.into_iter().zip(tallies))
        {
            matcher.exchange_users(&mut found.users);
            totals.tally = tally;
            // No larger than it has to be.
            let kept = found.clone();
            found.clear();
            matches.push(BlockMatches {
                found: kept,
                totals,
            });
        }
        put(&self.idle, worker);
    }
}

fn taken<T>(from: &Mutex<Vec<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn put<T>(into: &Mutex<Vec<T>>, one: T) {
    let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
    into.push(one);
}

/// A block, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct MatchedBlock {
    pub(super) block: Block,
    /// What each rule found.
    pub(super) matches: Vec<BlockMatches>,
    pub(super) error: Option<io::Error>,
}

/// What a rule found in a block.
#[derive(Debug, Default)]
pub(super) struct BlockMatches {
    /// The failures that are wanted.
    pub(super) found: BlockFailures,
    pub(super) totals: MatchedTotals,
}

impl MatchedBlock {
    /// Matches the block for each rule; `counts` says by rule what counts.
    pub(super) fn find(&mut self, pool: &Pool, clock: &Clock, counts: &[CountsFrom]) {
        self.matches.clear();
        let lines = (self.block.lines(), self.block.base);
        pool.find(lines, clock, counts, &mut self.matches);
    }
}

/// The failures of a block with their lines. The other lines are not kept, so
/// that what waits for its turn is small and blocks are read into again at once.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockFailures {
    failures: Vec<Failure>,
    lines: Vec<u8>,
    /// Where each failure's line ends.
    ends: Vec<usize>,
    /// Of each failure, if the matcher keeps them.
    users: Users,
    /// The failure that comes next.
    next: usize,
}

impl BlockFailures {
    fn push(&mut self, failure: Failure, line: &[u8]) {
        self.failures.push(failure);
        self.lines.extend_from_slice(line);
        self.ends.push(self.lines.len());
    }

    fn clear(&mut self) {
        self.failures.clear();
        self.lines.clear();
        self.ends.clear();
    }

    pub(super) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The failure that comes next.
    pub(super) fn peek(&self) -> Option<&Failure> {
        self.failures.get(self.next)
    }

    /// The line of that failure, and its user.
    pub(super) fn line(&self) -> (&[u8], Option<&[u8]>) {
        let start = self.next.checked_sub(1).map_or(0, |last| self.ends[last]);
        let line = &self.lines[start..self.ends[self.next]];
        (line, self.users.get(self.next))
    }

    /// Goes on to the failure behind it.
    pub(super) fn pop(&mut self) {
        self.next += 1;
    }

    /// How much memory it takes.
    pub(super) fn weight(&self) -> usize {
        self.failures.capacity() * (size_of::<Failure>() + size_of::<usize>())
            + self.lines.capacity()
            + self.users.weight()
    }
}
