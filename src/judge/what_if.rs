//! The same failures under other thresholds.

use crate::model::{LinePlace, Stamp, Thresholds};

use super::connections::Counts;
use super::subject_state::SubjectState;
use super::window::Kept;

/// What a trial keeps of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialFailure {
    /// The second at which it counts.
    pub counted: i64,
    /// How many failures it is.
    pub count: u32,
    /// Where its line stands.
    pub place: LinePlace,
}

impl Kept for Vec<TrialFailure> {
    fn newest(&self) -> Option<i64> {
        self.last().map(|last| last.counted)
    }

    fn failures(&self) -> u32 {
        self.iter()
            .fold(0, |sum, failure| sum.saturating_add(failure.count))
    }

    fn forget_before(&mut self, earliest: i64) {
        self.retain(|failure| failure.counted >= earliest);
    }

    fn take_out(&mut self, place: LinePlace) -> bool {
        let before = self.len();
        self.retain(|failure| failure.place != place);
        self.len() < before
    }
}

/// A failure of one address under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Its time, in Unix seconds.
    pub at: i64,
    /// How many failures it is.
    pub counts: Counts,
    /// Whether it bans at once.
    pub instant: bool,
}

/// What would have happened to one address under some thresholds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialOutcome {
    /// How often it would have been banned.
    pub bans: u32,
    /// How many of its failures would have come while a ban ran.
    pub stopped: u64,
}

impl TrialOutcome {
    /// Tries thresholds on the failures of one address under one rule, in the order of
    /// the log. The place of a failure is its number, from 0.
    #[must_use]
    pub fn of(thresholds: &Thresholds, failures: impl IntoIterator<Item = Trial>) -> Self {
        let mut state = SubjectState::<Vec<TrialFailure>>::default();
        let mut outcome = TrialOutcome::default();
        for (number, trial) in (0..).zip(failures) {
            let Trial {
                at,
                counts,
                instant,
            } = trial;
            if !state.counts(at) {
                outcome.stopped += u64::from(counts.new);
                continue;
            }
            let place = LinePlace::nth(number);
            let keep = |failures: &mut Vec<TrialFailure>, counted, count| {
                failures.push(TrialFailure {
                    counted,
                    count,
                    place,
                });
            };
            let filled = state.on_failure(thresholds, Stamp::from_secs(at), instant, counts, keep);
            outcome.bans += u32::from(filled.is_some());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn what_comes_while_a_ban_runs_would_have_been_stopped() {
        let trials = |times: &[i64]| {
            times
                .iter()
                .map(|&at| Trial {
                    at,
                    counts: Counts::new(1),
                    instant: false,
                })
                .collect::<Vec<_>>()
        };
        let outcome = |thresholds: &Thresholds, times: &[i64]| {
            let TrialOutcome { bans, stopped } = TrialOutcome::of(thresholds, trials(times));
            (bans, stopped)
        };
        let default = Thresholds::default();
        assert_eq!(outcome(&default, &[0, 1, 2, 3, 4, 5, 9_999]), (1, 2));
        assert_eq!(outcome(&default, &[0, 9, 18, 27, 36]), (0, 0));
        // The second line takes over the failure of the first.
        let moved = |at, moves| Trial {
            at,
            counts: Counts {
                new: 0,
                moves: Some(LinePlace::nth(moves)),
            },
            instant: false,
        };
        let mut late = trials(&[0, 0, 0, 0]);
        late.extend((0..4).map(|number| moved(4, number)));
        assert_eq!(TrialOutcome::of(&default, late.clone()).bans, 0);
        late.extend(trials(&[9]));
        assert_eq!(TrialOutcome::of(&default, late).bans, 1);
        let for_ten = Thresholds {
            ban_times: Some(number(10)).into(),
            ..default
        };
        assert_eq!(
            outcome(&for_ten, &[0, 1, 2, 3, 4, 5, 13, 14, 15, 16, 17, 18, 19]),
            (2, 3)
        );
    }
}
