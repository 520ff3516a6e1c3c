use crate::model::{Address, Evidence, Stamp, Subject, Thresholds};

use super::connections::Counts;
use super::window::{Kept, Window};

/// What is known of one subject under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectState<K = Evidence> {
    /// Failures stamped before this never count, in Unix seconds: the subject was
    /// un-banned, or a ban of the rule runs. `i64::MIN`: all failures count;
    /// `i64::MAX`: none ever counts.
    pub counts_from: i64,
    /// Its open window.
    pub window: Window<K>,
    /// What few subjects have. It stands apart, since there may be a million subjects.
    pub past: Option<Box<SubjectPast>>,
}

/// What is known of a subject from before its open window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectPast {
    /// The seconds of its bans that count for the time of the next one, in their order,
    /// each once.
    bans: Vec<i64>,
    /// Of a network: which parts of it were un-banned, and until when their failures do
    /// not count, in Unix seconds.
    cleared: Vec<(Subject, i64)>,
}

impl SubjectPast {
    /// The past of a subject with bans at these seconds, of which these parts were
    /// un-banned; none if it has neither.
    #[must_use]
    pub fn of(mut bans: Vec<i64>, cleared: Vec<(Subject, i64)>) -> Option<Box<Self>> {
        bans.sort_unstable();
        bans.dedup();
        let is_something = !(bans.is_empty() && cleared.is_empty());
        is_something.then(|| Box::new(SubjectPast { bans, cleared }))
    }

    /// Whether a failure of `address` stamped `at` does not count, since a part of the
    /// subject was un-banned.
    fn has_cleared(&self, address: Address, at: i64) -> bool {
        let address = Subject::from(address);
        let mut cleared = self.cleared.iter();
        cleared.any(|(part, until)| at <= *until && part.holds(address))
    }

    /// Which ban, counted from 1, one at that second is: counted with the earlier ones
    /// that are at most `memory` seconds old then.
    pub(super) fn count(&self, at: i64, memory: u32) -> u32 {
        let oldest = at.saturating_sub(memory.into());
        let from = self.bans.partition_point(|&ban| ban < oldest);
        let before = self.bans.partition_point(|&ban| ban < at) - from;
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    /// Adds a ban at that second.
    pub(super) fn add(&mut self, at: i64) {
        if let Err(place) = self.bans.binary_search(&at) {
            self.bans.insert(place, at);
        }
    }
}

impl<K: Default> Default for SubjectState<K> {
    fn default() -> Self {
        SubjectState {
            counts_from: i64::MIN,
            window: Window::default(),
            past: None,
        }
    }
}

/// A window that filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledWindow<K> {
    /// How many failures there were.
    pub failures: u32,
    /// Which ban of the subject under the rule it makes, counted from 1.
    pub count: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// What was kept of them.
    pub kept: K,
}

impl SubjectState {
    /// The state of a subject that no rule bans: none of its failures counts.
    #[must_use]
    pub fn never_banned() -> Self {
        SubjectState {
            counts_from: i64::MAX,
            ..SubjectState::default()
        }
    }

    /// The state of a subject that was un-banned at `cleared_until`, is banned until
    /// before `banned_until`, and has the open window `window`.
    #[must_use]
    pub fn of(cleared_until: Option<i64>, banned_until: Option<i64>, window: Window) -> Self {
        let cleared = cleared_until.map(|until| until.saturating_add(1));
        SubjectState {
            counts_from: cleared.max(banned_until).unwrap_or(i64::MIN),
            window,
            past: None,
        }
    }

    /// The same with a past.
    #[must_use]
    pub fn with_past(mut self, past: Option<Box<SubjectPast>>) -> Self {
        self.past = past;
        self
    }

    /// How many bytes of memory it takes beside this value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        let past = self.past.as_deref().map_or(0, |past| {
            size_of::<SubjectPast>()
                + past.bans.capacity() * size_of::<i64>()
                + past.cleared.capacity() * size_of::<(Subject, i64)>()
        });
        self.window.weight() + past
    }
}

impl<K: Kept> SubjectState<K> {
    /// Whether a failure stamped `at`, in Unix seconds, counts.
    #[must_use]
    pub fn counts(&self, at: i64) -> bool {
        at >= self.counts_from && !self.is_done()
    }

    /// Whether a failure of `address` stamped `at` does not count, since that part of the
    /// network was un-banned.
    #[must_use]
    pub fn has_cleared(&self, address: Address, at: i64) -> bool {
        let past = self.past.as_deref();
        past.is_some_and(|past| past.has_cleared(address, at))
    }

    /// Whether no failure ever counts any more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.counts_from == i64::MAX
    }

    /// Takes the next failure of the log; `counts` says how many failures it is. `keep`
    /// puts what is kept of it into the window; it gets the second at which the failure
    /// counts, and the number of failures.
    pub fn on_failure(
        &mut self,
        thresholds: &Thresholds,
        at: Stamp,
        instant: bool,
        counts: Counts,
        keep: impl FnOnce(&mut K, i64, u32),
    ) -> Option<FilledWindow<K>> {
        if counts.is_nothing() || !self.counts(at.secs) {
            return None;
        }
        let moved = counts.moves.is_some_and(|from| self.window.take_out(from));
        let count = counts.new.saturating_add(u32::from(moved));
        if count == 0 {
            return None;
        }
        let keep = |kept: &mut K, counted| keep(kept, counted, count);
        let pushed = self.window.push(thresholds, at, keep);
        let failures = pushed.failures;
        if failures < thresholds.failed_attempts.get() && !instant {
            return None;
        }
        let past = self.past.as_deref();
        let count = past.map_or(1, |past| past.count(at.secs, thresholds.ban_memory));
        let ends = thresholds.ban_times.nth(count).end(at.secs);
        if ends.is_some() {
            self.past.get_or_insert_default().add(at.secs);
        }
        self.counts_from = ends.unwrap_or(i64::MAX);
        Some(FilledWindow {
            failures,
            count,
            ends,
            kept: self.window.take(pushed, self.counts_from),
        })
    }
}
