//! Bans within a network → a ban of the network.
//!
//! A network is to its bans what a subject is to its failures: so many different subjects
//! banned within so many seconds fill it, and while its own ban runs no further ban counts.
//!
//! With `{"ipv4": 24, "subjects": 3, "within": "1d"}` and a ban time of an hour:
//!
//! | banned | at | is |
//! |---|---|---|
//! | 203.0.113.7 | 8:00 | the first of 203.0.113.0/24 |
//! | 203.0.113.7 | 9:30 | the same one again |
//! | 203.0.113.8 | 9:40 | the second |
//! | 203.0.113.9 | 9:50 | the third: 203.0.113.0/24 is banned from 9:50 to 10:50 |
//! | 203.0.113.1 | 10:00 | within a ban of the network: does not count |

use std::collections::{BTreeMap, HashMap};

use crate::model::{Aggregate, Stamp, Subject, Thresholds};

use super::allow_list::AllowList;
use super::subject_state::SubjectPast;

/// What is known of a network under one rule.
#[derive(Debug, Clone, Default)]
pub struct NetworkState {
    /// Bans before this second do not count, since a ban of the network runs.
    counts_from: Option<i64>,
    /// The subjects whose bans count, and the second of the last ban of each.
    candidates: BTreeMap<Subject, i64>,
    /// The earlier bans of the network.
    past: SubjectPast,
    changed: bool,
}

impl NetworkState {
    /// The state of a network that is banned until before `banned_until`, in which these
    /// subjects were banned last at these seconds, and that was banned itself at `bans`.
    #[must_use]
    pub fn of(
        banned_until: Option<i64>,
        candidates: BTreeMap<Subject, i64>,
        bans: Vec<i64>,
    ) -> Self {
        NetworkState {
            counts_from: banned_until,
            candidates,
            past: SubjectPast::of(bans, Vec::new()).map_or_else(SubjectPast::default, |past| *past),
            changed: false,
        }
    }
}

/// A network that is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkDecision {
    /// The network.
    pub network: Subject,
    /// Since when: the time of the ban that filled it.
    pub at: Stamp,
    /// How many different subjects in it were banned.
    pub subjects: u32,
    /// Which ban of the network under the rule it is, counted from 1.
    pub count: u32,
    /// When the ban ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
}

/// Follows the networks of one rule.
#[derive(Debug)]
pub struct Aggregator<'a> {
    aggregate: Aggregate,
    thresholds: &'a Thresholds,
    never: &'a AllowList,
    networks: HashMap<Subject, NetworkState>,
}

impl<'a> Aggregator<'a> {
    /// One that knows no network.
    #[must_use]
    pub fn new(aggregate: Aggregate, thresholds: &'a Thresholds, never: &'a AllowList) -> Self {
        Aggregator {
            aggregate,
            thresholds,
            never,
            networks: HashMap::new(),
        }
    }

    /// The network that a ban of `subject` counts for. None if there is none: it is as wide
    /// itself, holds an address that is never banned, or holds hosts of IPv4 that have
    /// nothing in common.
    #[must_use]
    pub fn network(&self, subject: Subject) -> Option<Subject> {
        let length = self.aggregate.networks.of(subject.family());
        let network = Subject::network(subject.first(), length);
        let is_formed = subject.length() > length
            && !network.holds_ipv4_behind_ipv6()
            && !self.never.covers(network);
        is_formed.then_some(network)
    }

    /// Whether the state of `network` has been given.
    #[must_use]
    pub fn knows(&self, network: Subject) -> bool {
        self.networks.contains_key(&network)
    }

    /// Adds what is known of `network`. To be called once, before its first ban.
    pub fn introduce(&mut self, network: Subject, state: NetworkState) {
        self.networks.insert(network, state);
    }

    /// Takes the next ban by the rule, in the order in which they are decided.
    pub fn on_ban(&mut self, subject: Subject, at: Stamp) -> Option<NetworkDecision> {
        let network = self.network(subject)?;
        let state = self.networks.entry(network).or_default();
        let second = at.secs;
        if state.counts_from.is_some_and(|from| second < from) {
            return None;
        }
        state.changed = true;
        let earliest = second.saturating_sub(self.aggregate.within.into());
        state.candidates.retain(|_, at| *at >= earliest);
        let last = state.candidates.entry(subject).or_insert(second);
        *last = (*last).max(second);
        let counts = |last: i64| (earliest..=second).contains(&last);
        let subjects = state.candidates.values().filter(|last| counts(**last));
        let subjects = u32::try_from(subjects.count()).unwrap_or(u32::MAX);
        if subjects < self.aggregate.subjects {
            return None;
        }
        state.candidates.retain(|_, last| !counts(*last));
        let count = state.past.count(second, self.thresholds.ban_memory);
        let ends = self.thresholds.ban_times.nth(count).end(second);
        state.past.add(second);
        state.counts_from = Some(ends.unwrap_or(i64::MAX));
        Some(NetworkDecision {
            network,
            at,
            subjects,
            count,
            ends,
        })
    }

    /// The networks of which something has changed, each with the subjects whose bans
    /// count from now on, and the second of the last ban of each.
    pub fn into_changed(self) -> impl Iterator<Item = (Subject, BTreeMap<Subject, i64>)> {
        let changed = self.networks.into_iter().filter(|(_, state)| state.changed);
        changed.map(|(network, state)| (network, state.candidates))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Address, BanTimes, Prefixes};

    fn of(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    fn aggregate(subjects: u32, within: u32) -> Aggregate {
        Aggregate {
            networks: Prefixes { ipv4: 24, ipv6: 48 },
            subjects,
            within,
        }
    }

    fn times(seconds: &[u32]) -> Thresholds {
        let times = seconds.iter().map(|&n| NonZeroU32::new(n).into()).collect();
        Thresholds {
            ban_times: BanTimes::new(times).unwrap(),
            ban_memory: 1000,
            ..Thresholds::default()
        }
    }

    fn on(aggregator: &mut Aggregator, subject: &str, at: i64) -> Option<(i64, u32)> {
        let decided = aggregator.on_ban(of(subject), Stamp::from_secs(at))?;
        Some((decided.ends.unwrap_or(i64::MAX), decided.count))
    }

    #[test]
    fn different_subjects_fill_a_network_and_the_same_one_does_not() {
        let (never, thresholds) = (AllowList::default(), times(&[50, 100]));
        let mut one = Aggregator::new(aggregate(3, 60), &thresholds, &never);
        for (subject, at, decided) in [
            ("203.0.113.7", 0, None),
            ("203.0.113.7", 10, None),
            ("203.0.113.8", 20, None),
            ("203.0.114.9", 25, None),
            ("203.0.113.9", 30, Some((80, 1))),
            // A ban of the network runs.
            ("203.0.113.1", 40, None),
            ("203.0.113.2", 79, None),
            // Each ban counts once.
            ("203.0.113.3", 80, None),
            ("203.0.113.4", 90, None),
            // It is too long ago.
            ("203.0.113.5", 145, None),
            ("203.0.113.6", 146, Some((246, 2))),
        ] {
            assert_eq!(on(&mut one, subject, at), decided, "{subject} {at}");
        }
    }

    #[test]
    fn a_network_is_not_formed_around_who_is_never_banned_nor_behind_ipv6() {
        let never = AllowList::new(vec![of("203.0.113.77")], Vec::new());
        let thresholds = Thresholds::default();
        let one = Aggregator::new(aggregate(2, 60), &thresholds, &never);
        for subject in [
            "203.0.113.1",
            "64:ff9b::1",
            "2001:0:1::1",
            "127.0.0.1",
            "192.0.2.0/24",
        ] {
            assert_eq!(one.network(of(subject)), None, "{subject}");
        }
        assert_eq!(one.network(of("192.0.2.1")), Some(of("192.0.2.0/24")));
        assert_eq!(
            one.network(of("2001:db8:1:2::/64")),
            Some(of("2001:db8:1::/48"))
        );
    }

    proptest! {
        /// One that stops after any ban, and one that goes on with what the first knew,
        /// decide together what one alone decides; and as a naive model decides.
        #[test]
        fn it_may_be_interrupted_anywhere(
            steps in prop::collection::vec((-20i64..60, 0u8..6), 0..60), cut in 0usize..60,
            subjects in 2u32..4, within in 1u32..120,
        ) {
            let (never, thresholds) = (AllowList::default(), times(&[30, 60, 200]));
            let mut at = 1000;
            let bans: Vec<(Subject, i64)> = steps.iter().map(|&(step, n)| {
                at += step;
                let address = std::net::Ipv4Addr::new(192, 0, 2 + n % 2, n);
                (Address::from(address).into(), at)
            }).collect();
            let take = |aggregator: &mut Aggregator, bans: &[(Subject, i64)]| -> Vec<_> {
                bans.iter().filter_map(|(subject, at)| aggregator.on_ban(*subject, Stamp::from_secs(*at))).collect()
            };
            let new = || Aggregator::new(aggregate(subjects, within), &thresholds, &never);
            let whole = take(&mut new(), &bans);
            let (early, late) = bans.split_at(cut.min(bans.len()));
            let mut first = new();
            let mut parts = take(&mut first, early);
            let mut second = new();
            let decided = |network: Subject| parts.iter().filter(move |one| one.network == network);
            let networks: Vec<Subject> = first.networks.keys().copied().collect();
            let mut left: BTreeMap<_, _> = first.into_changed().collect();
            for network in networks {
                let until = decided(network).map(|one| one.ends.unwrap()).max();
                let before = decided(network).map(|one| one.at.secs).collect();
                let candidates = left.remove(&network).unwrap_or_default();
                second.introduce(network, NetworkState::of(until, candidates, before));
            }
            parts.extend(take(&mut second, late));
            prop_assert_eq!(&parts, &whole);

            // The naive model: all bans of a network, and which of them have counted.
            let mut naive = Vec::new();
            let mut used: Vec<bool> = vec![false; bans.len()];
            for (n, (subject, at)) in bans.iter().enumerate() {
                let network = Subject::network(subject.first(), 24);
                let own = |one: &&(Subject, i64, i64)| one.0 == network;
                if naive.iter().filter(own).any(|one| *at < one.2) {
                    used[n] = true;
                    continue;
                }
                let near = |m: &usize| !used[*m] && network.holds(bans[*m].0);
                let mut last: BTreeMap<Subject, i64> = BTreeMap::new();
                for m in (0..=n).filter(near) {
                    let entry = last.entry(bans[m].0).or_insert(bans[m].1);
                    *entry = (*entry).max(bans[m].1);
                }
                let span = at - i64::from(within)..=*at;
                last.retain(|_, at| span.contains(at));
                if last.len() >= subjects as usize {
                    let mut before: Vec<i64> = naive.iter().filter(own).map(|one| one.1).collect();
                    before.retain(|before| before < at && before + 1000 >= *at);
                    before.sort_unstable();
                    before.dedup();
                    let length = [30, 60, 200][before.len().min(2)];
                    naive.push((network, *at, at + length));
                    for m in (0..=n).filter(|m| last.contains_key(&bans[*m].0)) {
                        used[m] = true;
                    }
                }
                // What is further back than the time never counts again.
                for m in 0..=n {
                    used[m] |= network.holds(bans[m].0) && bans[m].1 < *span.start();
                }
            }
            let found: Vec<_> = whole.iter().map(|one| (one.network, one.at.secs, one.ends.unwrap())).collect();
            prop_assert_eq!(found, naive);
        }
    }
}
