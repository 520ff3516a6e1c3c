use crate::model::{Stamp, Thresholds, WindowKind, Witnesses};

/// A stamp this much earlier than the last one is a clock set back, not lines
/// out of order.
const SET_BACK: i64 = 3600;

/// What a window keeps of its failures.
pub trait Kept: Default {
    /// The second at which the last of them counts.
    fn newest(&self) -> Option<i64>;
    /// How many failures they are.
    fn failures(&self) -> u32;
    /// Drops those that count before `earliest`.
    fn forget_before(&mut self, earliest: i64);
}

impl Kept for Witnesses {
    fn newest(&self) -> Option<i64> {
        self.newest()
    }

    fn failures(&self) -> u32 {
        self.failures()
    }

    fn forget_before(&mut self, earliest: i64) {
        self.forget_before(earliest);
    }
}

/// The open run of failures of one address under one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window<K = Witnesses> {
    kept: K,
    changed: bool,
}

impl<K: Kept> Window<K> {
    /// The window that was stored.
    #[must_use]
    pub fn stored(kept: K) -> Self {
        Window {
            kept,
            changed: false,
        }
    }

    /// Its failures in the order of the log.
    #[must_use]
    pub fn kept(&self) -> &K {
        &self.kept
    }

    /// Whether it is another than the stored one.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// How many failures it holds; a line that repeats another counts as often.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.kept.failures()
    }

    /// Adds the next failure of the log, which `keep` takes in, given the second
    /// at which it counts, and tells whether the window is full now.
    pub fn push(
        &mut self,
        thresholds: &Thresholds,
        at: Stamp,
        keep: impl FnOnce(&mut K, i64),
    ) -> bool {
        let newest = self.kept.newest();
        // Never before the one that precedes it, unless it is more than an hour
        // earlier, which begins a new window.
        let counted = match newest {
            Some(newest) if at.secs >= newest.saturating_sub(SET_BACK) => at.secs.max(newest),
            _ => at.secs,
        };
        let earliest = counted - i64::from(thresholds.request_time);
        let goes_on = newest.is_some_and(|newest| counted >= newest && newest >= earliest);
        match thresholds.window {
            _ if !goes_on => self.kept = K::default(),
            WindowKind::Gap => {}
            WindowKind::Sliding => self.kept.forget_before(earliest),
        }
        keep(&mut self.kept, counted);
        self.changed = true;
        self.failures() >= thresholds.failed_attempts.get()
    }

    /// Empties it and gives what it held.
    pub fn take(&mut self) -> K {
        self.changed = true;
        std::mem::take(&mut self.kept)
    }
}

impl Window {
    /// Drops failures stamped at `until` or before: their address was un-banned then.
    pub fn forget_up_to(&mut self, until: i64) {
        self.changed |= !self.kept.is_empty();
        self.kept.forget_up_to(until);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::judge::Beat;
    use crate::model::{Address, Failure};
    use proptest::prelude::*;

    fn failure(at: i64, count: u32) -> Failure {
        Failure {
            address: Address::from(std::net::Ipv4Addr::LOCALHOST),
            at: Stamp::from_secs(at),
            count,
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    fn push(window: &mut Window, thresholds: &Thresholds, at: i64, count: u32) -> bool {
        let failure = failure(at, count);
        window.push(thresholds, failure.at, |kept, counted| {
            kept.push(&failure, counted, Path::new("log"), b"line");
        })
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
        let mut fills = stamps
            .iter()
            .map(|&at| push(&mut window, thresholds, at, 1));
        fills.position(|fills| fills)
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
        assert!(!push(&mut window, &default, 0, 4));
        assert!(push(&mut window, &default, 1, u32::MAX));
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

        /// What thresholds would have made of it, tried without the lines, is
        /// what they make of it.
        #[test]
        fn it_fills_whatever_is_kept_of_the_failures(
            steps in prop::collection::vec((prop_oneof![-4000i64..-3500, -20i64..40], 1u32..3), 0..40), attempts in 1u32..8, span in 0u32..60, sliding: bool,
        ) {
            let kind = if sliding { WindowKind::Sliding } else { WindowKind::Gap };
            let thresholds = thresholds(kind, attempts, span);
            let (mut lines, mut beats) = (Window::default(), Window::<Vec<Beat>>::default());
            let mut at = 10_000;
            for (step, count) in steps {
                at += step;
                let full = push(&mut lines, &thresholds, at, count);
                let also = beats.push(&thresholds, Stamp::from_secs(at), |beats, counted| beats.push(Beat { counted, count }));
                prop_assert_eq!(full, also);
                prop_assert_eq!(lines.failures(), beats.failures());
                prop_assert_eq!(lines.kept().newest(), beats.kept().newest());
            }
        }
    }
}
