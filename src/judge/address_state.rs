use crate::model::{Evidence, Stamp, Thresholds};

use super::connections::Counts;
use super::window::{Kept, Window};

/// Where an address stands under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressState<K = Evidence> {
    /// Failures stamped before this never count, in Unix seconds: somebody
    /// un-banned the address, or a ban of the rule runs. `i64::MIN` for all
    /// count, `i64::MAX` for none ever does.
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
    /// Whom no rule bans: no failure of his counts.
    #[must_use]
    pub fn never_banned() -> Self {
        AddressState {
            counts_from: i64::MAX,
            ..AddressState::default()
        }
    }

    /// Where an address stands that somebody un-banned at `cleared_until`, whose
    /// ban runs until before `banned_until`, and whose open window is `window`.
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

    /// Takes the next failure of the log, which `counts` that, and of which `keep`
    /// takes in what is kept of it, given the second at which it counts and how many
    /// failures it is.
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
