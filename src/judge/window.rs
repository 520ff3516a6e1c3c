use crate::model::{Evidence, LinePlace, Stamp, Subject, Thresholds, WindowKind};

/// In seconds: a stamp that is at most this much earlier than the last one of its
/// window is out of order, and counts as that one. `request_time` takes its place if it
/// is longer.
const OUT_OF_ORDER: u32 = 5;

/// What a window keeps of its failures.
pub trait Kept: Default {
    /// The second at which the last of them counts.
    fn newest(&self) -> Option<i64>;
    /// How many failures they are.
    fn failures(&self) -> u32;
    /// Drops those that count before `earliest`.
    fn forget_before(&mut self, earliest: i64);
    /// Takes out the failure of the line at `place`; false if there is none.
    fn take_out(&mut self, place: LinePlace) -> bool;
}

impl Kept for Evidence {
    fn newest(&self) -> Option<i64> {
        self.newest()
    }

    fn failures(&self) -> u32 {
        self.failures()
    }

    fn forget_before(&mut self, earliest: i64) {
        self.forget_before(earliest);
    }

    fn take_out(&mut self, place: LinePlace) -> bool {
        self.take_out(place)
    }
}

/// The open failures of one address under one rule: a window, and a second one for
/// stamps that are too early to be out of order. They come from a clock that was set
/// back, or from another host whose clock is behind.
///
/// The stamps 3:30:00, 2:30:00, 2:30:02, 3:30:04 and 2:31:00 in the order of the
/// log, with a `request_time` of 5 seconds:
///
/// | stamp | the later window | the earlier one |
/// |---|---|---|
/// | 3:30:00 | 3:30:00 | |
/// | 2:30:00 | 3:30:00 | 2:30:00 |
/// | 2:30:02 | 3:30:00 | 2:30:00, 2:30:02 |
/// | 3:30:04 | 3:30:00, 3:30:04 | 2:30:00, 2:30:02 |
/// | 2:31:00 | 3:30:00, 3:30:04 | 2:31:00 |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window<K = Evidence> {
    /// The failures with the later stamps.
    later: K,
    /// Those with the earlier stamps. Few addresses have any.
    earlier: Option<Box<K>>,
    /// Whether it differs from the stored one.
    changed: bool,
    /// Whether there is a stored one.
    stored: bool,
}

/// The window that a failure was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// How many failures the window has now. A line that repeats another counts as
    /// often as it says.
    pub failures: u32,
    /// Whether it is in the window with the earlier stamps.
    earlier: bool,
}

impl<K: Kept> Window<K> {
    /// The window that was stored: the failures with the later stamps, and those with
    /// the earlier ones.
    #[must_use]
    pub fn stored(later: K, earlier: Option<K>) -> Self {
        let earlier = earlier.filter(|earlier| earlier.newest().is_some());
        let stored = later.newest().is_some() || earlier.is_some();
        let mut window = Window {
            later,
            earlier: earlier.map(Box::new),
            changed: false,
            stored,
        };
        window.close_up();
        window
    }

    /// The failures with the later stamps in the order of the log.
    #[must_use]
    pub fn later(&self) -> &K {
        &self.later
    }

    /// Those with the earlier ones, if there are any.
    #[must_use]
    pub fn earlier(&self) -> Option<&K> {
        self.earlier.as_deref()
    }

    /// The second at which the last of its failures counts; none if it is empty.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.later.newest()
    }

    /// Whether it is another than the stored one.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether the store has a window of this address.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// Adds the next failure of the log: `keep` puts it into the window; it gets the
    /// second at which the failure counts.
    pub fn push(
        &mut self,
        thresholds: &Thresholds,
        at: Stamp,
        keep: impl FnOnce(&mut K, i64),
    ) -> Pushed {
        let reach = i64::from(thresholds.request_time.max(OUT_OF_ORDER));
        let is_earlier = |kept: &K| kept.newest().is_some_and(|newest| at.secs < newest - reach);
        let earlier = is_earlier(&self.later);
        let kept = if earlier {
            self.earlier.get_or_insert_default()
        } else {
            &mut self.later
        };
        let newest = kept.newest().filter(|_| !is_earlier(kept));
        let counted = newest.map_or(at.secs, |newest| at.secs.max(newest));
        let earliest = counted - i64::from(thresholds.request_time);
        match thresholds.window {
            _ if newest.is_none_or(|newest| newest < earliest) => *kept = K::default(),
            WindowKind::Gap => {}
            WindowKind::Sliding => kept.forget_before(earliest),
        }
        keep(kept, counted);
        self.changed = true;
        let failures = kept.failures();
        Pushed { failures, earlier }
    }

    /// Takes out the failure of the line at `place`. False if it is not there.
    pub fn take_out(&mut self, place: LinePlace) -> bool {
        let earlier = self.earlier.as_mut();
        let found =
            self.later.take_out(place) || earlier.is_some_and(|earlier| earlier.take_out(place));
        if found {
            self.changed = true;
            let is_over = |earlier: &mut Box<K>| earlier.newest().is_none();
            self.earlier.take_if(is_over);
            self.close_up();
        }
        found
    }

    /// Empties the window that `full` was added to; what it held. The other window
    /// keeps the failures that count from `next` on, when the ban ends.
    pub fn take(&mut self, full: Pushed, next: i64) -> K {
        self.changed = true;
        let earlier = self.earlier.take().map(|earlier| *earlier);
        let (taken, mut rest) = if full.earlier {
            let later = std::mem::take(&mut self.later);
            (earlier.unwrap_or_default(), later)
        } else {
            (std::mem::take(&mut self.later), earlier.unwrap_or_default())
        };
        rest.forget_before(next);
        self.later = rest;
        taken
    }

    /// The earlier window is the only one where the later one is empty.
    fn close_up(&mut self) {
        if self.later.newest().is_none()
            && let Some(earlier) = self.earlier.take()
        {
            self.later = *earlier;
        }
    }
}

impl Window {
    /// Drops failures stamped at `until` or before: the address was un-banned then.
    pub fn forget_up_to(&mut self, until: i64) {
        self.changed |= self.newest().is_some();
        self.later.forget_up_to(until);
        if let Some(earlier) = &mut self.earlier {
            earlier.forget_up_to(until);
        }
        self.earlier.take_if(|earlier| earlier.is_empty());
        self.close_up();
    }

    /// Drops failures of the addresses in `part` that are stamped at `until` or before:
    /// this part of the network was un-banned then.
    pub fn forget_part(&mut self, part: Subject, until: i64) {
        let earlier = self.earlier.as_mut();
        let in_earlier = earlier.is_some_and(|earlier| earlier.forget_part(part, until));
        self.changed |= self.later.forget_part(part, until) || in_earlier;
        self.earlier.take_if(|earlier| earlier.is_empty());
        self.close_up();
    }

    /// How many bytes of memory it takes beside this value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        let earlier = self.earlier.as_deref();
        let earlier = earlier.map_or(0, |earlier| size_of::<Evidence>() + 16 + earlier.weight());
        self.later.weight() + earlier
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::judge::TrialFailure;
    use crate::model::{Address, Failure, Line, PathId};
    use proptest::prelude::*;

    fn failure(at: i64, count: u32) -> Failure {
        Failure {
            address: Address::from(std::net::Ipv4Addr::LOCALHOST),
            at: Stamp::from_secs(at),
            count,
            login: None,
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    fn push(window: &mut Window, thresholds: &Thresholds, at: i64, count: u32) -> Pushed {
        let failure = failure(at, count);
        window.push(thresholds, failure.at, |kept, counted| {
            let path = PathId::of(std::path::Path::new("log"));
            kept.push(
                &failure,
                counted,
                failure.address.into(),
                path,
                Line::of(b"line", true),
            );
        })
    }

    fn thresholds(window: WindowKind, failed_attempts: u32, request_time: u32) -> Thresholds {
        let failed_attempts = NonZeroU32::new(failed_attempts).unwrap();
        Thresholds {
            failed_attempts,
            request_time,
            window,
            ..Thresholds::default()
        }
    }

    /// At which of the stamps, counted from 0, the window first fills.
    fn fills(thresholds: &Thresholds, stamps: &[i64]) -> Option<usize> {
        let mut window = Window::default();
        let mut fills = stamps
            .iter()
            .map(|&at| push(&mut window, thresholds, at, 1).failures);
        fills.position(|failures| failures >= thresholds.failed_attempts.get())
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
        assert_eq!(fills(&default, &[0, -600, -1200, -1800, -2400]), None);
    }

    #[test]
    fn a_stamp_a_little_earlier_counts_as_the_last_one() {
        let default = Thresholds::default();
        assert_eq!(fills(&default, &[100, 98, 96, 97, 99]), Some(4));
        assert_eq!(fills(&default, &[100, 95, 95, 95, 95]), Some(4));
        assert_eq!(fills(&default, &[4000, 400, 4002, 4003, 4004]), None);
        let minute = thresholds(WindowKind::Gap, 3, 60);
        assert_eq!(fills(&minute, &[100, 40, 100]), Some(2));
        assert_eq!(fills(&minute, &[100, 39, 100]), None);
        // Less than what is out of order, and more than belongs together.
        let none = thresholds(WindowKind::Gap, 2, 0);
        assert_eq!(fills(&none, &[100, 95]), Some(1));
        assert_eq!(fills(&none, &[100, 94]), None);
    }

    #[test]
    fn a_clock_that_went_back_has_a_window_of_its_own() {
        let default = Thresholds::default();
        assert_eq!(fills(&default, &[4000, 399, 399, 399, 399, 399]), Some(5));
        // The one with the later stamps goes on beside it.
        let both = [4000, 400, 4001, 402, 4002, 404, 4003, 4004];
        assert_eq!(fills(&default, &both), Some(7));
        // An earlier one still takes the place of the second, and leaves the first.
        let still = [4000, 400, 100, 400, 4001, 402, 4002, 4003, 4004];
        assert_eq!(fills(&default, &still), Some(8));
        // One stamp of next year does not keep those of today from counting.
        let year = 366 * 86_400;
        assert_eq!(fills(&default, &[year, 1, 2, 3, 4, 5]), Some(5));
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
        assert_eq!(push(&mut window, &default, 0, 4).failures, 4);
        assert_eq!(push(&mut window, &default, 1, u32::MAX).failures, u32::MAX);
    }

    #[test]
    fn what_is_taken_out_of_a_window_is_as_if_it_had_never_been_there() {
        let log = PathId::of(std::path::Path::new("log"));
        let at_byte = |at, offset| Failure {
            offset,
            ..failure(at, 1)
        };
        let window = |stamps: &[(i64, u64)]| {
            let mut window = Window::default();
            for &(at, offset) in stamps {
                let failure = at_byte(at, offset);
                let keep = |kept: &mut Evidence, counted| {
                    kept.push(
                        &failure,
                        counted,
                        failure.address.into(),
                        log,
                        Line::Text(b"line"),
                    );
                };
                window.push(&Thresholds::default(), failure.at, keep);
            }
            window
        };
        for (all, taken, rest) in [
            (&[(7, 0)][..], 0, &[][..]),
            (&[(7, 0), (8, 90), (9, 180)], 90, &[(7, 0), (9, 180)]),
            (&[(7, 0), (8, 90), (9, 180)], 180, &[(7, 0), (8, 90)]),
            // Of the two windows one is left.
            (&[(4000, 0), (400, 90)], 0, &[(400, 90)]),
            (&[(4000, 0), (400, 90)], 90, &[(4000, 0)]),
        ] {
            let mut found = window(all);
            assert!(found.take_out(LinePlace::of(log, taken)), "{all:?}");
            assert_eq!(found.later(), window(rest).later(), "{all:?}");
            assert_eq!(found.earlier(), window(rest).earlier(), "{all:?}");
        }
        let mut stored = Window::stored(window(&[(7, 0)]).later().clone(), None);
        assert!(!stored.take_out(LinePlace::of(log, 90)) && !stored.is_changed());
        assert!(stored.take_out(LinePlace::of(log, 0)) && stored.is_changed());
    }

    /// A second window is no more than this, word by word.
    #[derive(Default)]
    struct Naive {
        later: Vec<(i64, u32)>,
        earlier: Vec<(i64, u32)>,
    }

    impl Naive {
        /// How many failures there are by one at `at`, which is `count` of them.
        fn push(&mut self, thresholds: &Thresholds, at: i64, count: u32) -> u32 {
            let time = i64::from(thresholds.request_time);
            let last = |window: &[(i64, u32)]| window.last().map(|(counted, _)| *counted);
            let out_of_order = time.max(5);
            let window = match last(&self.later) {
                Some(newest) if at < newest - out_of_order => &mut self.earlier,
                _ => &mut self.later,
            };
            let counted = match last(window) {
                Some(newest) if at > newest + time || at < newest - out_of_order => {
                    window.clear();
                    at
                }
                Some(newest) => at.max(newest),
                None => at,
            };
            if thresholds.window == WindowKind::Sliding {
                window.retain(|(before, _)| counted - before <= time);
            }
            window.push((counted, count));
            window.iter().map(|(_, count)| count).sum()
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(i64, u32)>> {
        let step = prop_oneof![
            4 => -20i64..40,
            1 => -4000i64..-3500,
            1 => 1700i64..1900,
            1 => -1900i64..-1700,
        ];
        prop::collection::vec((step, 1u32..3), 0..40)
    }

    fn kind(sliding: bool) -> WindowKind {
        if sliding {
            WindowKind::Sliding
        } else {
            WindowKind::Gap
        }
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

        /// Whatever order the stamps are in, the rule is this: and what
        /// thresholds would have made of it, tried without the lines, is what
        /// they make of it.
        #[test]
        fn it_fills_as_the_rule_says_whatever_is_kept_of_the_failures(
            steps in steps(), attempts in 1u32..8, span in 0u32..60, sliding: bool,
        ) {
            let thresholds = thresholds(kind(sliding), attempts, span);
            let (mut lines, mut tried) = (Window::default(), Window::<Vec<TrialFailure>>::default());
            let (mut naive, mut at) = (Naive::default(), 10_000);
            for (step, count) in steps {
                at += step;
                let failures = push(&mut lines, &thresholds, at, count);
                let also = tried.push(&thresholds, Stamp::from_secs(at), |failures, counted| failures.push(TrialFailure { counted, count, place: LinePlace::nth(0) }));
                prop_assert_eq!(failures, also);
                prop_assert_eq!(lines.newest(), tried.newest());
                prop_assert_eq!(failures.failures, naive.push(&thresholds, at, count));
                prop_assert_eq!(lines.newest(), naive.later.last().map(|(counted, _)| *counted));
                let earlier = lines.earlier().and_then(Evidence::newest);
                prop_assert_eq!(earlier, naive.earlier.last().map(|(counted, _)| *counted));
            }
        }
    }
}
