use crate::model::{Stamp, Thresholds, Witness};

use super::Window;
use super::window::Kept;

/// Where an address stands under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<K = Witness> {
    /// Failures stamped up to here never count: somebody un-banned the
    /// address then.
    pub cleared_until: Option<i64>,
    /// Failures stamped before this fill no window, for a ban of the rule
    /// runs; `i64::MAX` for one that never ends.
    pub banned_until: Option<i64>,
    /// Its open window.
    pub window: Window<K>,
}

impl<K> Default for Standing<K> {
    fn default() -> Self {
        Standing {
            cleared_until: None,
            banned_until: None,
            window: Window::default(),
        }
    }
}

/// A window that filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled<K> {
    /// How many failures there were.
    pub failures: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// What was kept of them, in the order of the log.
    pub kept: Vec<K>,
}

impl<K: Kept> Standing<K> {
    /// Whether a ban runs at `at`, in Unix seconds.
    #[must_use]
    pub fn is_banned(&self, at: i64) -> bool {
        self.banned_until.is_some_and(|until| at < until)
    }

    /// Takes the next failure of the log; `keep` gives what is kept of it,
    /// given the second at which it counts.
    pub fn hear(
        &mut self,
        thresholds: &Thresholds,
        at: Stamp,
        instant: bool,
        keep: impl FnOnce(i64) -> K,
    ) -> Option<Filled<K>> {
        if self.cleared_until.is_some_and(|until| at.secs <= until) || self.is_banned(at.secs) {
            return None;
        }
        let full = self.window.push(thresholds, at, keep);
        if !full && !instant {
            return None;
        }
        let failures = self.window.failures();
        let ends = thresholds
            .ban_time
            .map(|seconds| at.secs + i64::from(seconds.get()));
        self.banned_until = Some(ends.unwrap_or(i64::MAX));
        Some(Filled {
            failures,
            ends,
            kept: self.window.take(),
        })
    }
}
