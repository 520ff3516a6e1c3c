//! How long the sources of a run may be read, and how much memory what is found may
//! take. Pure: times in, times out.
//!
//! Each source has an equal share of the run's time, and what others leave over:
//! what a source does not need goes to those that need more. So a source that is
//! huge, or grows without end, uses up its own share and what no other source needs.

use std::time::Duration;

/// How long the way back to a byte of a compressed file may take, which does not
/// count as reading.
pub(super) const WAY_BACK: Duration = Duration::from_secs(60);

/// How long sources may still be read.
#[derive(Debug, Clone)]
pub struct Budget {
    /// What each source may take; none if there is no limit.
    share: Option<Duration>,
    /// What others left over.
    spare: Duration,
    /// How many bytes of memory what is found may still take.
    room: usize,
    /// How long the way back to a byte of a compressed file may take.
    pub(super) way_back: Duration,
}

/// What one source may take, and has taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    allowed: Duration,
    used: Duration,
}

impl Budget {
    /// No limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Budget {
            share: None,
            spare: Duration::ZERO,
            room: usize::MAX,
            way_back: Duration::MAX,
        }
    }

    /// `run_time` for as many sources, in equal shares.
    #[must_use]
    pub fn new(run_time: Duration, sources: usize) -> Self {
        let sources = u32::try_from(sources.max(1)).unwrap_or(u32::MAX);
        Budget {
            share: Some(run_time / sources),
            spare: Duration::ZERO,
            room: usize::MAX,
            way_back: WAY_BACK,
        }
    }

    /// The same with so many bytes of memory for what is found.
    #[must_use]
    pub fn with_room(self, room: usize) -> Self {
        Budget { room, ..self }
    }

    /// How many bytes of memory what is found may still take.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }

    /// Notes that what was found takes so many bytes of memory.
    pub fn use_room(&mut self, bytes: usize) {
        self.room = self.room.saturating_sub(bytes);
    }

    /// The same where the way back to a byte of a compressed file takes at most `way_back`.
    #[cfg(test)]
    pub(super) fn with_way_back(self, way_back: Duration) -> Self {
        Budget { way_back, ..self }
    }

    /// Leaves the shares of so many sources to the others: nothing is to be read of them.
    pub fn leave_over(&mut self, sources: usize) {
        let sources = u32::try_from(sources).unwrap_or(u32::MAX);
        self.spare += self.share.unwrap_or_default() * sources;
    }

    /// Whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.share.is_some()
    }

    /// The share of a source.
    pub(super) fn account(&self) -> Account {
        Account {
            allowed: self.share.unwrap_or_default(),
            used: Duration::ZERO,
        }
    }

    /// Notes that a source took so much; false if that is more than its share and
    /// all that others left over.
    pub(super) fn spend(&mut self, account: &mut Account, time: Duration) -> bool {
        account.used += time;
        let wanted = account.used.saturating_sub(account.allowed);
        let given = wanted.min(self.spare);
        self.spare -= given;
        account.allowed += given;
        !self.is_limited() || given == wanted
    }

    /// Gives a source its part of what is left over, as one of so many that wait for it.
    pub(super) fn extend(&mut self, account: &mut Account, waiting: usize) {
        let part = self.spare / u32::try_from(waiting.max(1)).unwrap_or(u32::MAX);
        self.spare -= part;
        account.allowed += part;
    }

    /// Takes back what a source does not need.
    pub(super) fn settle(&mut self, account: &mut Account) {
        self.spare += account.allowed.saturating_sub(account.used);
        account.allowed = account.allowed.min(account.used);
    }
}

impl Account {
    /// Whether nothing is left of it.
    pub(super) fn is_used_up(self) -> bool {
        self.used >= self.allowed
    }
}

/// Divides the time of a step among sources, by the bytes that were read of each.
pub(super) fn divide(time: Duration, bytes: &[u64]) -> Vec<Duration> {
    let all: u64 = bytes.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a share of some milliseconds")]
    let part = |&bytes: &u64| time.mul_f64(bytes as f64 / all.max(1) as f64);
    bytes.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEP: Duration = Duration::from_millis(10);

    proptest! {
        /// Whatever each of the sources wants, in whatever order they are served: all
        /// together take no more than there is but for a last step each, and each gets
        /// what it wants if that is no more than its share.
        #[test]
        fn nobody_takes_what_another_one_needs(
            wants in prop::collection::vec(0u32..400, 1..8), order in prop::collection::vec(any::<prop::sample::Index>(), 0..2000),
        ) {
            let run_time = Duration::from_secs(1);
            let mut budget = Budget::new(run_time, wants.len());
            let share = run_time / u32::try_from(wants.len()).unwrap();
            let mut accounts: Vec<Account> = wants.iter().map(|_| budget.account()).collect();
            let (mut got, mut open) = (vec![0u32; wants.len()], vec![true; wants.len()]);
            for turn in order {
                let n = turn.index(wants.len());
                if open[n] && got[n] == wants[n] {
                    budget.settle(&mut accounts[n]);
                    open[n] = false;
                } else if open[n] {
                    got[n] += 1;
                    open[n] = budget.spend(&mut accounts[n], STEP);
                    prop_assert!(open[n] || STEP * got[n] > share, "{} steps of {:?}", got[n], share);
                }
            }
            let all: u32 = got.iter().sum();
            let last_steps = STEP * u32::try_from(wants.len()).unwrap();
            prop_assert!(STEP * all <= run_time + last_steps);
        }

        #[test]
        fn what_is_left_over_goes_to_those_that_wait_in_equal_parts(waiting in 1usize..9, left in 0usize..9) {
            let mut budget = Budget::new(Duration::from_secs(90), waiting + left);
            budget.leave_over(left);
            let mut accounts: Vec<Account> = (0..waiting).map(|_| budget.account()).collect();
            for (n, account) in accounts.iter_mut().enumerate() {
                budget.extend(account, waiting - n);
            }
            let all: Duration = accounts.iter().map(|account| account.allowed).sum();
            prop_assert!(all <= Duration::from_secs(90) && all > Duration::from_secs(89));
            let (least, most) = (accounts.iter().map(|a| a.allowed).min(), accounts.iter().map(|a| a.allowed).max());
            prop_assert!(most.unwrap() < least.unwrap() + STEP);
        }
    }

    #[test]
    fn a_step_is_divided_by_what_was_read_in_it() {
        let ms = Duration::from_millis;
        assert_eq!(divide(ms(30), &[2, 1, 0]), [ms(20), ms(10), ms(0)]);
        assert_eq!(divide(ms(30), &[0, 0]), [ms(0), ms(0)]);
    }

    #[test]
    fn without_a_limit_everything_may_be_taken() {
        let mut budget = Budget::unlimited();
        let mut account = budget.account();
        assert!(budget.spend(&mut account, Duration::from_secs(1_000_000)));
        assert!(!budget.is_limited());
    }
}
