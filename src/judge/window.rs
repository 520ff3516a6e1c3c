use crate::model::{Stamp, Thresholds, WindowKind, Witness};

/// A stamp this much earlier than the last one is a clock set back, not lines
/// out of order.
const SET_BACK: i64 = 3600;

/// What a window keeps of a failure.
pub trait Kept {
    /// The second at which it counts.
    fn counted(&self) -> i64;
    /// How many failures it is.
    fn count(&self) -> u32;
}

impl Kept for Witness {
    fn counted(&self) -> i64 {
        self.counted
    }

    fn count(&self) -> u32 {
        self.count
    }
}

/// The open run of failures of one address under one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window<K = Witness> {
    witnesses: Vec<K>,
    changed: bool,
}

impl<K> Default for Window<K> {
    fn default() -> Self {
        Window {
            witnesses: Vec::new(),
            changed: false,
        }
    }
}

impl<K: Kept> Window<K> {
    /// The window that was stored: its failures in the order of the log.
    #[must_use]
    pub fn stored(witnesses: Vec<K>) -> Self {
        Window {
            witnesses,
            changed: false,
        }
    }

    /// Its failures in the order of the log.
    #[must_use]
    pub fn witnesses(&self) -> &[K] {
        &self.witnesses
    }

    /// Whether it is another than the stored one.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// How many failures it holds; a line that repeats another counts as often.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.witnesses
            .iter()
            .fold(0, |sum, witness| sum.saturating_add(witness.count()))
    }

    /// The stamp of a failure as it counts: never before the one that precedes
    /// it, unless it is more than an hour earlier, which begins a new window.
    fn counted(&self, at: Stamp) -> i64 {
        match self.witnesses.last() {
            Some(last) if at.secs >= last.counted() - SET_BACK => at.secs.max(last.counted()),
            _ => at.secs,
        }
    }

    /// Adds the next failure of the log, for which `witness` gives what is
    /// kept of it, and tells whether the window is full now.
    pub fn push(
        &mut self,
        thresholds: &Thresholds,
        at: Stamp,
        witness: impl FnOnce(i64) -> K,
    ) -> bool {
        let counted = self.counted(at);
        let earliest = counted - i64::from(thresholds.request_time);
        let goes_on = self
            .witnesses
            .last()
            .is_some_and(|last| counted >= last.counted() && last.counted() >= earliest);
        match thresholds.window {
            _ if !goes_on => self.witnesses.clear(),
            WindowKind::Gap => {}
            WindowKind::Sliding => self
                .witnesses
                .retain(|witness| witness.counted() >= earliest),
        }
        self.witnesses.push(witness(counted));
        self.changed = true;
        self.failures() >= thresholds.failed_attempts.get()
    }

    /// Empties it and gives what it held.
    pub fn take(&mut self) -> Vec<K> {
        self.changed = true;
        std::mem::take(&mut self.witnesses)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use proptest::prelude::*;

    fn witness(at: i64, counted: i64, count: u32) -> Witness {
        let at = Stamp::from_secs(at);
        Witness {
            at,
            counted,
            count,
            pattern: 0,
            path: Path::new("log").into(),
            offset: 0,
            text: (*b"line").into(),
        }
    }

    fn thresholds(window: WindowKind, failed_attempts: u32, request_time: u32) -> Thresholds {
        let failed_attempts = NonZeroU32::new(failed_attempts).unwrap();
        Thresholds {
            failed_attempts,
            request_time,
            window,
            ban_time: None,
        }
    }

    /// At which of the stamps, counted from 0, the window first fills.
    fn fills(thresholds: &Thresholds, stamps: &[i64]) -> Option<usize> {
        let mut window = Window::default();
        stamps.iter().position(|&at| {
            window.push(thresholds, Stamp::from_secs(at), |counted| {
                witness(at, counted, 1)
            })
        })
    }

    #[test]
    fn five_failures_within_five_seconds_of_one_another_fill_a_gap_window() {
        let default = Thresholds::default();
        assert_eq!(fills(&default, &[0, 5, 10, 15, 20]), Some(4));
        assert_eq!(fills(&default, &[0, 5, 10, 15, 21, 26, 31, 36]), None);
        assert_eq!(fills(&default, &[0, 0, 0, 0]), None);
    }

    #[test]
    fn a_sliding_window_holds_the_last_seconds_only() {
        let sliding = thresholds(WindowKind::Sliding, 3, 10);
        assert_eq!(fills(&sliding, &[0, 5, 10]), Some(2));
        assert_eq!(fills(&sliding, &[0, 5, 11]), None);
        assert_eq!(fills(&sliding, &[0, 5, 11, 15]), Some(3));
    }

    #[test]
    fn negative_gaps_of_new_year_and_summer_time_do_not_fill_a_window() {
        let default = Thresholds::default();
        assert_eq!(fills(&default, &[20_000, 10_000, 5_000, 1_000, 0]), None);
    }

    #[test]
    fn a_stamp_a_little_earlier_counts_as_the_last_one() {
        let default = Thresholds::default();
        assert_eq!(fills(&default, &[100, 98, 96, 97, 99]), Some(4));
        assert_eq!(fills(&default, &[4000, 400, 4002, 4003, 4004]), Some(4));
        assert_eq!(fills(&default, &[4000, 399, 399, 399, 399]), None);
    }

    #[test]
    fn failures_far_apart_never_add_up() {
        let daily: Vec<i64> = (0..10)
            .flat_map(|day| [day * 86_400, day * 86_400 + 3])
            .collect();
        assert_eq!(fills(&Thresholds::default(), &daily), None);
    }

    #[test]
    fn a_repeated_line_may_carry_a_window_past_its_limit() {
        let mut window = Window::default();
        let default = Thresholds::default();
        assert!(
            !window.push(&default, Stamp::from_secs(0), |counted| witness(
                0, counted, 4
            ))
        );
        assert!(
            window.push(&default, Stamp::from_secs(1), |counted| witness(
                1,
                counted,
                u32::MAX
            ))
        );
        assert_eq!(window.failures(), u32::MAX);
    }

    proptest! {
        /// With ordered stamps a sliding window is what fail2ban's users know:
        /// so many failures within so many seconds, wherever they begin.
        #[test]
        fn sliding_fills_where_a_naive_count_does(mut stamps in prop::collection::vec(0i64..200, 0..40), attempts in 1u32..6, span in 0u32..30) {
            stamps.sort_unstable();
            let naive = stamps.iter().enumerate().position(|(n, &at)| {
                stamps[..=n].iter().filter(|&&before| at - before <= i64::from(span)).count() >= attempts as usize
            });
            prop_assert_eq!(fills(&thresholds(WindowKind::Sliding, attempts, span), &stamps), naive);
        }

        #[test]
        fn gap_fills_where_a_chain_of_short_gaps_is_long_enough(mut stamps in prop::collection::vec(0i64..200, 0..40), attempts in 1u32..6, span in 0u32..30) {
            stamps.sort_unstable();
            let mut run = 0;
            let naive = (0..stamps.len()).position(|n| {
                run = if n > 0 && stamps[n] - stamps[n - 1] <= i64::from(span) { run + 1 } else { 1 };
                run >= attempts
            });
            prop_assert_eq!(fills(&thresholds(WindowKind::Gap, attempts, span), &stamps), naive);
        }
    }
}
