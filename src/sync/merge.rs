//! Merges the bans and un-bans of other servers: for each subject the later one
//! holds, and an un-ban wins a tie. The un-ban of a network is one of all that it holds;
//! the un-ban of an address is no un-ban of a network around it. Pure.

use std::collections::BTreeMap;

use crate::model::{Ban, NetworkMap, RedisBanEntry, Subject, SubjectRecord};

use super::entry::{Event, RemoteBan, RemoteUnban};

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Un-bans: bans since a later time stay.
    pub unbans: Vec<RemoteUnban>,
    /// Bans that were not in force, are later than what was, or end later.
    pub bans: Vec<Ban>,
    /// The entries in Redis of bans in force.
    pub redis_entries: Vec<RedisBanEntry>,
    /// Until when the others have those subjects; `i64::MAX` is for ever.
    pub until: BTreeMap<Subject, i64>,
}

/// What `events` come to, in whatever order they arrived.
///
/// # Errors
/// An error of `known`.
pub fn merge<E>(
    events: Vec<Event>,
    now: i64,
    mut known: impl FnMut(Subject) -> Result<SubjectRecord, E>,
) -> Result<Merged, E> {
    let mut by_subject: BTreeMap<Subject, (Vec<RemoteUnban>, Vec<RemoteBan>)> = BTreeMap::new();
    for event in events {
        let (unbans, bans) = by_subject.entry(event.subject()).or_default();
        match event {
            Event::Unban(unban) => unbans.push(unban),
            Event::Ban(ban) => bans.push(ban),
        }
    }
    let mut networks = NetworkMap::default();
    for (subject, (unbans, _)) in &by_subject {
        let last = unbans.iter().map(|unban| unban.at).max();
        if let (false, Some(at)) = (subject.is_address(), last) {
            networks.insert(*subject, at);
        }
    }
    let mut merged = Merged::default();
    for (subject, (unbans, bans)) in by_subject {
        let around = networks.around(subject).map(|(_, at)| *at).max();
        one(&known(subject)?, around, unbans, bans, now, &mut merged);
    }
    Ok(merged)
}

/// Merges the events of one subject, for example: banned here since 3, an un-ban
/// at 4 and a ban at 5 arrive. The un-ban is done, and the ban taken over. `around` is when
/// a network that holds it was last un-banned, of the un-bans that arrive.
fn one(
    known: &SubjectRecord,
    around: Option<i64>,
    unbans: Vec<RemoteUnban>,
    bans: Vec<RemoteBan>,
    now: i64,
    merged: &mut Merged,
) {
    let unbanned = unbans.iter().map(|unban| unban.at).max().max(around);
    let cleared = known.cleared.max(unbanned);
    let is_lifted = |entry: &RedisBanEntry| {
        let told = unbans.iter().filter_map(|unban| unban.redis_entry.as_ref());
        let mut lifted = known.lifted.iter().chain(told);
        lifted.any(|lifted| lifted.is_same_ban(entry))
    };
    let mut valid: Vec<RemoteBan> = bans
        .into_iter()
        .filter(|remote| Some(remote.ban.at.secs) > cleared)
        .filter(|remote| !remote.ban.is_over(now) && !is_lifted(&remote.redis_entry))
        .collect();
    merged.unbans.extend(unbans);
    let end = |ends: Option<i64>| ends.unwrap_or(i64::MAX);
    let in_force = known.bans.iter().filter(|ban| Some(ban.at) > unbanned);
    let mut taken: Vec<(i64, i64)> = in_force.map(|ban| (ban.at, end(ban.ends))).collect();
    let is_free = taken.is_empty();
    for RemoteBan { ban, redis_entry } in &valid {
        let until = merged.until.entry(ban.subject).or_insert(i64::MIN);
        *until = end(ban.ends).max(*until);
        merged.redis_entries.push(redis_entry.clone());
    }
    // A hash and an event may tell of one ban, and read its time differently.
    let latest = taken.iter().map(|ban| ban.1).max().unwrap_or(i64::MIN);
    let in_redis = known.in_redis.iter().cloned();
    let mut met: Vec<(RedisBanEntry, i64)> = in_redis.map(|entry| (entry, latest)).collect();
    valid.retain(|remote| {
        let (entry, end) = (&remote.redis_entry, end(remote.ban.ends));
        let mut same = met.iter().filter(|(met, _)| met.is_same_ban(entry));
        let is_known = same.any(|(_, until)| *until >= end);
        met.push((entry.clone(), end));
        !is_known
    });
    valid.sort_by_key(|remote| remote.ban.at.secs);
    let mut bans: Vec<Ban> = Vec::new();
    // A ban that is both earlier and shorter than another changes nothing, whatever un-ban
    // may still come. The first ban of an address is needed all the same: it is the one
    // that is shown.
    for (n, remote) in valid.iter().enumerate().rev() {
        let (at, ends) = (remote.ban.at.secs, end(remote.ban.ends));
        let is_idle = taken.iter().any(|ban| ban.0 >= at && ban.1 >= ends);
        let is_shown = n == 0 && is_free && taken.iter().all(|ban| ban.0 != at);
        if !is_idle || is_shown {
            taken.push((at, ends));
            bans.push(remote.ban.clone());
        }
    }
    merged.bans.extend(bans.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::model::{BanPeriod, Origin, Stamp};
    use proptest::prelude::*;

    fn redis_entry(server: &str, at: i64) -> RedisBanEntry {
        let subject = Subject::parse("192.0.2.1").unwrap();
        RedisBanEntry {
            subject,
            key: subject.to_string(),
            server: server.to_owned(),
            text: at.to_string(),
        }
    }

    fn ban(server: &str, at: i64, ends: Option<i64>) -> Event {
        let redis_entry = redis_entry(server, at);
        let ban = Ban {
            subject: redis_entry.subject,
            rule: None,
            server: Arc::from(server),
            at: Stamp::from_secs(at),
            ends,
            failures: 0,
            instant: false,
            origin: Origin::Redis,
            reason: None,
            country: None,
            count: None,
            aggregates: 0,
        };
        Event::Ban(RemoteBan { ban, redis_entry })
    }

    fn unban(at: i64, redis_entry: Option<RedisBanEntry>) -> Event {
        let subject = Subject::parse("192.0.2.1").unwrap();
        Event::Unban(RemoteUnban {
            subject,
            at,
            redis_entry,
        })
    }

    fn merged(events: Vec<Event>, known: &SubjectRecord) -> Merged {
        merge(events, 0, |_| Ok::<_, Infallible>(known.clone())).unwrap()
    }

    fn times(merged: &Merged) -> Vec<i64> {
        merged.bans.iter().map(|ban| ban.at.secs).collect()
    }

    #[test]
    fn the_later_one_holds_and_an_unban_wins_a_tie() {
        let nothing = SubjectRecord::default();
        for (banned, lifted, holds) in [(5, 4, true), (5, 5, false), (5, 6, false)] {
            let mut events = vec![ban("a", banned, None), unban(lifted, None)];
            assert_eq!(
                times(&merged(events.clone(), &nothing)).len(),
                usize::from(holds)
            );
            events.reverse();
            assert_eq!(times(&merged(events, &nothing)).len(), usize::from(holds));
        }
        let cleared = SubjectRecord {
            cleared: Some(5),
            ..SubjectRecord::default()
        };
        assert_eq!(times(&merged(vec![ban("a", 5, None)], &cleared)), [0i64; 0]);
        assert_eq!(times(&merged(vec![ban("a", 6, None)], &cleared)), [6]);
    }

    #[test]
    fn the_same_ban_is_never_taken_over_again_and_a_different_one_is() {
        let known = SubjectRecord {
            cleared: Some(1),
            lifted: vec![redis_entry("a", 9)],
            ..SubjectRecord::default()
        };
        assert_eq!(merged(vec![ban("a", 9, None)], &known), Merged::default());
        assert_eq!(times(&merged(vec![ban("b", 9, None)], &known)), [9]);
        assert_eq!(times(&merged(vec![ban("a", 10, None)], &known)), [10]);
        // Told with the un-ban, whose clock was behind.
        let events = vec![ban("a", 9, None), unban(3, Some(redis_entry("a", 9)))];
        assert_eq!(times(&merged(events, &SubjectRecord::default())), [0i64; 0]);
    }

    fn of(text: &str, event: Event) -> Event {
        let subject = Subject::parse(text).unwrap();
        match event {
            Event::Ban(mut remote) => {
                remote.ban.subject = subject;
                remote.redis_entry.subject = subject;
                Event::Ban(remote)
            }
            Event::Unban(unban) => Event::Unban(RemoteUnban { subject, ..unban }),
        }
    }

    #[test]
    fn an_unban_of_a_network_is_one_of_all_that_it_holds_and_of_nothing_around() {
        let bans = |unbanned: &str| {
            let subjects = ["192.0.2.0/24", "192.0.2.0/25", "192.0.2.1", "192.0.3.1"];
            let mut events = vec![of(unbanned, unban(6, None))];
            for subject in subjects {
                events.extend([5, 7].map(|at| of(subject, ban("a", at, None))));
            }
            let merged = merged(events, &SubjectRecord::default());
            let bans = merged.bans.iter();
            let early = bans.filter(|ban| ban.at.secs == 5);
            early.map(|ban| ban.subject.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(bans("192.0.2.0/24"), ["192.0.3.1"]);
        assert_eq!(bans("192.0.2.0/25"), ["192.0.2.0/24", "192.0.3.1"]);
        let others = ["192.0.2.0/24", "192.0.2.0/25", "192.0.3.1"];
        assert_eq!(bans("192.0.2.1"), others);
        // What is banned here is lifted with it, so the ban that arrives is the one that is shown.
        let known = SubjectRecord {
            bans: vec![BanPeriod { at: 3, ends: None }],
            ..SubjectRecord::default()
        };
        let events = vec![of("192.0.2.0/24", unban(4, None)), ban("a", 5, Some(50))];
        assert_eq!(times(&merged(events, &known)), [5]);
    }

    #[test]
    fn what_is_banned_is_banned_again_only_later_or_for_longer() {
        let banned = |at, ends| SubjectRecord {
            bans: vec![BanPeriod { at, ends }],
            ..SubjectRecord::default()
        };
        let shorter = merged(vec![ban("a", 5, Some(50))], &banned(7, None));
        assert_eq!((times(&shorter), shorter.redis_entries.len()), (vec![], 1));
        let longer = merged(vec![ban("a", 5, None)], &banned(7, Some(50)));
        assert_eq!(times(&longer), [5]);
        // An un-ban of what was may still come.
        let later = merged(vec![ban("a", 9, Some(50))], &banned(7, None));
        assert_eq!(times(&later), [9]);
        // The un-ban that comes with it lifts what was.
        let events = vec![unban(4, None), ban("a", 5, Some(50))];
        assert_eq!(times(&merged(events, &banned(3, None))), [5]);
    }

    #[test]
    fn the_first_ban_is_shown_and_the_latest_lasts() {
        let events = vec![ban("b", 7, None), ban("a", 5, Some(50)), ban("c", 6, None)];
        let merged = merged(events, &SubjectRecord::default());
        assert_eq!(times(&merged), [5, 7]);
        assert_eq!(merged.redis_entries.len(), 3);
    }

    #[test]
    fn the_others_have_what_was_not_lifted_until_its_latest_end() {
        let until = |events| {
            let merged = merged(events, &SubjectRecord::default());
            merged.until.into_values().next()
        };
        let two = vec![ban("a", 5, Some(50)), ban("b", 7, Some(60))];
        assert_eq!(until(two.clone()), Some(60));
        let lifted = [two, vec![unban(8, None), ban("c", 9, Some(40))]];
        assert_eq!(until(lifted.concat()), Some(40));
        assert_eq!(until(vec![ban("a", 5, None)]), Some(i64::MAX));
        assert_eq!(until(vec![ban("a", 5, None), unban(5, None)]), None);
    }

    /// A server that takes over the merged bans and un-bans, as the store does.
    #[derive(Debug, Clone, Default)]
    struct Model(SubjectRecord);

    impl Model {
        fn receive(&mut self, events: Vec<Event>) {
            let merged = merged(events, &self.0);
            for unban in merged.unbans {
                self.0.cleared = self.0.cleared.max(Some(unban.at));
                self.0.bans.retain(|ban| ban.at > unban.at);
                self.0.lifted.extend(unban.redis_entry);
            }
            let bans = merged.bans.iter().map(|ban| BanPeriod {
                at: ban.at.secs,
                ends: ban.ends,
            });
            self.0.bans.extend(bans);
        }

        fn end(&self) -> Option<i64> {
            self.0
                .bans
                .iter()
                .map(|ban| ban.ends.unwrap_or(i64::MAX))
                .max()
        }
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let server = prop::sample::select(vec!["a", "b"]);
        let time = 0i64..12;
        prop_oneof![
            (server, time.clone(), prop::option::of(50i64..60))
                .prop_map(|(server, at, ends)| ban(server, at, ends)),
            time.prop_map(|at| unban(at, None)),
        ]
    }

    proptest! {
        /// Servers agree, in whatever order and in however many runs they learn of it.
        #[test]
        fn all_servers_come_to_the_same(
            events in prop::collection::vec(any_event(), 0..8),
            shuffled in any::<prop::sample::Index>(), cuts in prop::collection::vec(1usize..4, 0..8),
        ) {
            let mut at_once = Model::default();
            at_once.receive(events.clone());
            let mut in_parts = Model::default();
            let mut late = events;
            if !late.is_empty() {
                let middle = shuffled.index(late.len());
                late.rotate_left(middle);
                late.reverse();
            }
            let mut rest = late.as_slice();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (part, behind) = rest.split_at(cut.min(rest.len()));
                in_parts.receive(part.to_vec());
                rest = behind;
            }
            prop_assert_eq!(at_once.end(), in_parts.end());
            prop_assert_eq!(at_once.0.cleared, in_parts.0.cleared);
        }
    }
}
