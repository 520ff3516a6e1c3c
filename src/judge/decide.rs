use std::cell::Cell;
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::model::{Address, Failure, Thresholds, Witnesses};

use super::standing::{Filled, Standing};
use super::{NeverBanned, Window};

/// A window that filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The failure that filled it.
    pub failure: Failure,
    /// How many failures there were.
    pub failures: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// The failures in the order of the log.
    pub witnesses: Witnesses,
}

/// Follows every address of one rule through its logs.
#[derive(Debug)]
pub struct Judge<'a> {
    thresholds: Thresholds,
    never: &'a NeverBanned,
    /// The addresses are the attacker's choice: the hash is keyed anew in each
    /// process.
    hasher: RandomState,
    /// Where each address has its standing, by its hash. A place is small, and
    /// the address is not held twice: there may be millions.
    places: HashTable<u32>,
    standings: Vec<(Address, Standing)>,
    /// Who was asked for last, and his place: he is heard next.
    last: Cell<Option<(Address, usize)>>,
}

impl<'a> Judge<'a> {
    /// A judge who knows nobody yet.
    #[must_use]
    pub fn new(thresholds: Thresholds, never: &'a NeverBanned) -> Self {
        Judge {
            thresholds,
            never,
            hasher: RandomState::default(),
            places: HashTable::new(),
            standings: Vec::new(),
            last: Cell::new(None),
        }
    }

    /// Whether the standing of `address` has been told, or is not needed.
    #[must_use]
    pub fn knows(&self, address: Address) -> bool {
        self.place(address).is_some()
    }

    fn place(&self, address: Address) -> Option<usize> {
        if let Some((last, place)) = self.last.get()
            && last == address
        {
            return Some(place);
        }
        let is_his = |&place: &u32| self.standings[place as usize].0 == address;
        let hash = self.hasher.hash_one(address);
        let place = *self.places.find(hash, is_his)? as usize;
        self.last.set(Some((address, place)));
        Some(place)
    }

    /// Tells what is known of `address`, once, before its first failure.
    pub fn introduce(&mut self, address: Address, standing: Standing) {
        self.enter(address, standing);
    }

    /// The place of who was not known; none if there is no room for him.
    fn enter(&mut self, address: Address, standing: Standing) -> Option<usize> {
        let standing = if self.never.covers(address) {
            Standing::never_banned()
        } else {
            standing
        };
        let place = self.standings.len();
        // More than four thousand million addresses fit into no memory.
        let short = u32::try_from(place).ok()?;
        self.standings.push((address, standing));
        let hash = |&place: &u32| self.hasher.hash_one(self.standings[place as usize].0);
        self.places
            .insert_unique(self.hasher.hash_one(address), short, hash);
        self.last.set(Some((address, place)));
        Some(place)
    }

    /// Takes the next failure of the log, of which `keep` takes in what is kept
    /// of it, given the second at which it counts. An address that was not
    /// introduced has no past.
    pub fn hear(
        &mut self,
        failure: &Failure,
        keep: impl FnOnce(&mut Witnesses, i64),
    ) -> Option<Decision> {
        let known = self.place(failure.address);
        let place = known.or_else(|| self.enter(failure.address, Standing::default()))?;
        let (_, standing) = &mut self.standings[place];
        let Filled {
            failures,
            ends,
            kept,
        } = standing.hear(&self.thresholds, failure.at, failure.instant, keep)?;
        Some(Decision {
            failure: failure.clone(),
            failures,
            ends,
            witnesses: kept,
        })
    }

    /// Whether no further failure of `address` can come to anything: it is never
    /// banned, or for good.
    #[must_use]
    pub fn is_done_with(&self, address: Address) -> bool {
        let standing = self.place(address).map(|place| &self.standings[place].1);
        standing.is_some_and(Standing::is_done)
    }

    /// The windows that are other than the stored ones, in the order of their
    /// addresses.
    #[must_use]
    pub fn into_changed_windows(self) -> Vec<(Address, Window)> {
        let Judge {
            places, standings, ..
        } = self;
        drop(places);
        let windows = standings
            .into_iter()
            .map(|(address, standing)| (address, standing.window));
        // Where the standings were: nothing is copied.
        let mut changed: Vec<(Address, Window)> =
            windows.filter(|(_, window)| window.is_changed()).collect();
        changed.sort_unstable_by_key(|(address, _)| *address);
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::model::Stamp;
    use proptest::prelude::*;

    fn failure(address: &str, at: i64) -> Failure {
        let address = Address::parse(address.as_bytes()).unwrap();
        Failure {
            address,
            at: Stamp::from_secs(at),
            count: 1,
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    fn bans(judge: &mut Judge, failures: &[Failure]) -> Vec<(String, i64)> {
        let decided = failures.iter().filter_map(|failure| {
            judge.hear(failure, |kept, counted| {
                kept.push(failure, counted, Path::new("log"), b"line");
            })
        });
        decided
            .map(|d| (d.failure.address.to_string(), d.failure.at.secs))
            .collect()
    }

    fn ten_minutes() -> Thresholds {
        Thresholds {
            ban_time: NonZeroU32::new(600),
            ..Thresholds::default()
        }
    }

    #[test]
    fn a_ban_that_never_ends_is_decided_once() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..100).map(|n| failure("192.0.2.1", n)).collect();
        assert_eq!(bans(&mut judge, &failures), [("192.0.2.1".into(), 4)]);
    }

    #[test]
    fn failures_during_a_ban_fill_no_window_and_the_first_after_it_opens_a_clean_one() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(ten_minutes(), &never);
        let times = (0..5).chain(600..604).chain([604, 605, 606, 607, 608]);
        let failures: Vec<Failure> = times.map(|at| failure("192.0.2.1", at)).collect();
        assert_eq!(
            bans(&mut judge, &failures),
            [("192.0.2.1".into(), 4), ("192.0.2.1".into(), 608)]
        );
    }

    #[test]
    fn who_is_never_banned_fills_no_window() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..9).map(|n| failure("127.0.0.1", n)).collect();
        assert_eq!(bans(&mut judge, &failures), []);
        assert_eq!(judge.into_changed_windows(), []);
    }

    #[test]
    fn after_an_unban_older_failures_never_count_whenever_they_are_read() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let standing = Standing::of(Some(100), None, Witnesses::default());
        judge.introduce(Address::parse(b"192.0.2.1").unwrap(), standing);
        let failures: Vec<Failure> = (96..=105).map(|at| failure("192.0.2.1", at)).collect();
        assert_eq!(bans(&mut judge, &failures), [("192.0.2.1".into(), 105)]);
    }

    #[test]
    fn an_instant_failure_bans_at_once() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let instant = Failure {
            instant: true,
            ..failure("192.0.2.1", 7)
        };
        assert_eq!(bans(&mut judge, &[instant]), [("192.0.2.1".into(), 7)]);
    }

    #[test]
    fn addresses_count_apart() {
        let never = NeverBanned::default();
        let mut judge = Judge::new(Thresholds::default(), &never);
        let failures: Vec<Failure> = (0..8)
            .map(|n| failure(["192.0.2.1", "192.0.2.2"][n % 2], 0))
            .collect();
        assert_eq!(bans(&mut judge, &failures), []);
    }

    /// Failures of four addresses, one of which is never banned; each comes so
    /// many seconds after the one before, less two.
    fn some(steps: &[(i64, u8)]) -> Vec<Failure> {
        let who = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1"];
        let mut at = 10_000;
        let next = |&(gap, n): &(i64, u8)| {
            at += gap - 2;
            failure(who[usize::from(n)], at)
        };
        steps.iter().map(next).collect()
    }

    fn some_thresholds(attempts: u32, ban: Option<u32>) -> Thresholds {
        Thresholds {
            failed_attempts: NonZeroU32::new(attempts).unwrap(),
            ban_time: ban.and_then(NonZeroU32::new),
            ..Thresholds::default()
        }
    }

    proptest! {
        /// Without the failures of whom he is done with a judge decides the same.
        #[test]
        fn who_is_done_with_is_not_missed(
            steps in prop::collection::vec((0i64..9, 0u8..4), 0..80),
            attempts in 1u32..5, ban in prop::option::of(1u32..30),
        ) {
            let (failures, thresholds) = (some(&steps), some_thresholds(attempts, ban));
            let never = NeverBanned::default();
            let whole = bans(&mut Judge::new(thresholds, &never), &failures);
            let mut judge = Judge::new(thresholds, &never);
            let mut fewer = Vec::new();
            for failure in &failures {
                if !judge.is_done_with(failure.address) {
                    fewer.extend(bans(&mut judge, std::slice::from_ref(failure)));
                }
            }
            prop_assert_eq!(fewer, whole);
        }

        /// A judge who stops after any failure, and one who is told what the
        /// first knew, decide together what one alone decides.
        #[test]
        fn a_judgement_may_be_interrupted_anywhere(
            steps in prop::collection::vec((0i64..9, 0u8..4), 0..80), cut in 0usize..80,
            attempts in 1u32..5, ban in prop::option::of(1u32..30),
        ) {
            let (failures, thresholds) = (some(&steps), some_thresholds(attempts, ban));
            let never = NeverBanned::default();
            let whole = bans(&mut Judge::new(thresholds, &never), &failures);
            let (early, late) = failures.split_at(cut.min(failures.len()));
            let mut first = Judge::new(thresholds, &never);
            let mut parts = bans(&mut first, early);
            let mut second = Judge::new(thresholds, &never);
            for (address, standing) in first.standings {
                let stored = standing.window.kept().as_bytes();
                let window = Window::stored(Witnesses::from_bytes(stored).unwrap_or_default());
                second.introduce(address, Standing { window, ..standing });
            }
            parts.extend(bans(&mut second, late));
            prop_assert_eq!(parts, whole);
        }
    }
}
