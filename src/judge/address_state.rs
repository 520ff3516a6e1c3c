use crate::model::{Evidence, Stamp, Thresholds};

use super::connections::Counts;
use super::window::{Kept, Window};

/// What is known of one address under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressState<K = Evidence> {
    /// Failures stamped before this never count, in Unix seconds: the address was
    /// un-banned, or a ban of the rule runs. `i64::MIN`: all failures count;
    /// `i64::MAX`: none ever counts.
    pub counts_from: i64,
    /// Its open window.
    pub window: Window<K>,
}

impl<K: Default> Default for AddressState<K> {
    fn default() -> Self {
        AddressState {
            counts_from: i64::MIN,
            window: Window::default(),
        }
    }
}

/// A window that filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledWindow<K> {
    /// How many failures there were.
    pub failures: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// What was kept of them.
    pub kept: K,
}

impl AddressState {
    /// The state of an address that no rule bans: none of its failures counts.
    #[must_use]
    pub fn never_banned() -> Self {
        AddressState {
            counts_from: i64::MAX,
            ..AddressState::default()
        }
    }

    /// The state of an address that was un-banned at `cleared_until`, is banned until
    /// before `banned_until`, and has the open window `window`.
    #[must_use]
    pub fn of(cleared_until: Option<i64>, banned_until: Option<i64>, window: Window) -> Self {
        let cleared = cleared_until.map(|until| until.saturating_add(1));
        AddressState {
            counts_from: cleared.max(banned_until).unwrap_or(i64::MIN),
            window,
        }
    }
}

impl<K: Kept> AddressState<K> {
    /// Whether a failure stamped `at`, in Unix seconds, counts.
    #[must_use]
    pub fn counts(&self, at: i64) -> bool {
        at >= self.counts_from && !self.is_done()
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
        let ends = thresholds.ban_time.end(at.secs);
        self.counts_from = ends.unwrap_or(i64::MAX);
        Some(FilledWindow {
            failures,
            ends,
            kept: self.window.take(pushed, self.counts_from),
        })
    }
}
