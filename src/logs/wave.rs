//! Blocks that are read together, and matched in parallel.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::model::Failure;
use crate::rules::{Clock, Matcher, Tally, Users};

use super::blocks::Block;

/// Matchers that no block uses at the moment: never more than there are threads.
pub(super) struct Pool<'a> {
    template: &'a Matcher,
    idle: Mutex<Vec<Matcher>>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(template: &'a Matcher) -> Self {
        Pool {
            template,
            idle: Mutex::new(Vec::new()),
        }
    }

    fn with<T>(&self, clock: &Clock, work: impl FnOnce(&mut Matcher) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut matcher = waiting.unwrap_or_else(|| self.template.clone());
        matcher.set_clock(clock.clone());
        let result = work(&mut matcher);
        idle().push(matcher);
        result
    }
}

/// Blocks that were read together, with their failures.
#[derive(Debug, Default)]
pub(super) struct Wave {
    pub(super) blocks: Vec<Matched>,
    /// Block and failure that come next.
    next: (usize, usize),
}

#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) block: Block,
    pub(super) failures: Vec<Failure>,
    /// Of each failure, if the matcher keeps them.
    pub(super) users: Users,
    pub(super) tally: Tally,
    pub(super) error: Option<io::Error>,
}

impl Matched {
    pub(super) fn find(&mut self, pool: &Pool<'_>, clock: &Clock) {
        let Matched {
            block,
            failures,
            users,
            ..
        } = self;
        failures.clear();
        self.tally = pool.with(clock, |matcher| {
            let tally = matcher.scan(block.lines(), block.base, failures);
            matcher.exchange_users(users);
            tally
        });
    }
}

impl Wave {
    pub(super) fn new(blocks: Vec<Matched>) -> Self {
        Wave {
            blocks,
            next: (0, 0),
        }
    }

    /// The failure that comes next, the block that has its line, and its user.
    pub(super) fn peek(&mut self) -> Option<(&Failure, &Block, Option<&[u8]>)> {
        while self
            .blocks
            .get(self.next.0)
            .is_some_and(|matched| self.next.1 >= matched.failures.len())
        {
            self.next = (self.next.0 + 1, 0);
        }
        let matched = self.blocks.get(self.next.0)?;
        let user = matched.users.get(self.next.1);
        Some((&matched.failures[self.next.1], &matched.block, user))
    }

    /// Goes on to the failure behind it.
    pub(super) fn pop(&mut self) {
        self.next.1 += 1;
    }

    /// Keeps only the lines that are failures.
    pub(super) fn shrink(&mut self) {
        self.blocks.retain(|matched| !matched.failures.is_empty());
        for Matched {
            block, failures, ..
        } in &mut self.blocks
        {
            block.keep_only(failures.iter().map(|failure| failure.offset));
            failures.shrink_to_fit();
        }
    }

    pub(super) fn weight(&self) -> usize {
        let failures = |matched: &Matched| matched.failures.capacity() * size_of::<Failure>();
        self.blocks
            .iter()
            .map(|matched| matched.block.weight() + failures(matched) + matched.users.weight())
            .sum()
    }
}
