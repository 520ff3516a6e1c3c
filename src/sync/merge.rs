//! Which of what servers say stands: for each address the later one, and an
//! un-ban wins a tie. Pure.

use std::collections::BTreeMap;

use crate::model::{Address, Ban};

use super::entry::{Event, RedisBanEntry, RemoteBan, RemoteUnban};

/// What is known here of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// When it was last un-banned.
    pub cleared: Option<i64>,
    /// Its bans in force: since when, and until when.
    pub bans: Vec<(i64, Option<i64>)>,
    /// The bans that un-bans have lifted: server, and text of its field.
    pub lifted: Vec<(String, String)>,
    /// How its bans in force stand in Redis, likewise.
    pub redis_entry: Vec<(String, String)>,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Un-bans: bans since a later time stay.
    pub unbans: Vec<RemoteUnban>,
    /// Bans that were not in force, are later than what was, or end later.
    pub bans: Vec<Ban>,
    /// How bans in force stand in Redis.
    pub redis_entry: Vec<RedisBanEntry>,
    /// Until when the others have those addresses; `i64::MAX` is for ever.
    pub until: BTreeMap<Address, i64>,
}

/// What `events` come to, in whatever order they arrived.
///
/// # Errors
/// What `known` says.
pub fn merge<E>(
    events: Vec<Event>,
    now: i64,
    mut known: impl FnMut(Address) -> Result<Known, E>,
) -> Result<Merged, E> {
    let mut by_address: BTreeMap<Address, (Vec<RemoteUnban>, Vec<RemoteBan>)> = BTreeMap::new();
    for event in events {
        let (remote_unbans, bans) = by_address.entry(event.address()).or_default();
        match event {
            Event::Unban(lift) => remote_unbans.push(lift),
            Event::Ban(ban) => bans.push(ban),
        }
    }
    let mut merged = Merged::default();
    for (address, (remote_unbans, bans)) in by_address {
        one(&known(address)?, remote_unbans, bans, now, &mut merged);
    }
    Ok(merged)
}

fn one(
    known: &Known,
    remote_unbans: Vec<RemoteUnban>,
    bans: Vec<RemoteBan>,
    now: i64,
    merged: &mut Merged,
) {
    let lifted = remote_unbans.iter().map(|lift| lift.at).max();
    let cleared = known.cleared.max(lifted);
    let is_gone = |redis_entry: &RedisBanEntry| {
        let remembered = known.lifted.iter();
        let mut remembered = remembered.map(|(server, text)| (server, text));
        let told = remote_unbans
            .iter()
            .filter_map(|lift| lift.redis_entry.as_ref());
        let mut told = told.map(|redis_entry| (&redis_entry.server, &redis_entry.text));
        let this = (&redis_entry.server, &redis_entry.text);
        remembered.any(|that| that == this) || told.any(|that| that == this)
    };
    let mut standing: Vec<RemoteBan> = bans
        .into_iter()
        .filter(|foreign| Some(foreign.ban.at.secs) > cleared)
        .filter(|foreign| !foreign.ban.is_over(now) && !is_gone(&foreign.redis_entry))
        .collect();
    merged.unbans.extend(remote_unbans);
    let end = |ends: Option<i64>| ends.unwrap_or(i64::MAX);
    let in_force = known.bans.iter().filter(|(at, _)| Some(*at) > lifted);
    let mut taken: Vec<(i64, i64)> = in_force.map(|(at, ends)| (*at, end(*ends))).collect();
    let is_free = taken.is_empty();
    for RemoteBan { ban, .. } in &standing {
        let until = merged.until.entry(ban.address).or_insert(i64::MIN);
        *until = end(ban.ends).max(*until);
    }
    let redis_entry: Vec<RedisBanEntry> =
        standing.iter().map(|one| one.redis_entry.clone()).collect();
    // A hash and an event may tell of one ban, and read its time differently.
    let latest = taken.iter().map(|ban| ban.1).max().unwrap_or(i64::MIN);
    let in_force = known.redis_entry.iter().cloned();
    let mut met: Vec<((String, String), i64)> = in_force.map(|pair| (pair, latest)).collect();
    standing.retain(|foreign| {
        let RedisBanEntry { server, text, .. } = &foreign.redis_entry;
        let (this, end) = ((server.clone(), text.clone()), end(foreign.ban.ends));
        let is_known = met
            .iter()
            .any(|(pair, until)| *pair == this && *until >= end);
        met.push((this, end));
        !is_known
    });
    standing.sort_by_key(|foreign| foreign.ban.at.secs);
    let mut bans: Vec<Ban> = Vec::new();
    // What is both earlier and shorter changes nothing, whatever un-ban may
    // still come. Only the first ban is needed all the same: it speaks.
    for (n, foreign) in standing.iter().enumerate().rev() {
        let (at, ends) = (foreign.ban.at.secs, end(foreign.ban.ends));
        let is_idle = taken.iter().any(|ban| ban.0 >= at && ban.1 >= ends);
        let speaks = n == 0 && is_free && taken.iter().all(|ban| ban.0 != at);
        if !is_idle || speaks {
            taken.push((at, ends));
            bans.push(foreign.ban.clone());
        }
    }
    merged.bans.extend(bans.into_iter().rev());
    merged.redis_entry.extend(redis_entry);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::model::{Origin, Stamp};
    use proptest::prelude::*;

    fn redis_entry(server: &str, at: i64) -> RedisBanEntry {
        let address = Address::parse(b"192.0.2.1").unwrap();
        RedisBanEntry {
            address,
            key: address.to_string(),
            server: server.to_owned(),
            text: at.to_string(),
        }
    }

    fn ban(server: &str, at: i64, ends: Option<i64>) -> Event {
        let redis_entry = redis_entry(server, at);
        let ban = Ban {
            address: redis_entry.address,
            rule: None,
            server: Arc::from(server),
            at: Stamp::from_secs(at),
            ends,
            failures: 0,
            instant: false,
            origin: Origin::Redis,
            reason: None,
            country: None,
        };
        Event::Ban(RemoteBan { ban, redis_entry })
    }

    fn unban(at: i64, redis_entry: Option<RedisBanEntry>) -> Event {
        let address = Address::parse(b"192.0.2.1").unwrap();
        Event::Unban(RemoteUnban {
            address,
            at,
            redis_entry,
        })
    }

    fn merged(events: Vec<Event>, known: &Known) -> Merged {
        merge(events, 0, |_| Ok::<_, Infallible>(known.clone())).unwrap()
    }

    fn times(merged: &Merged) -> Vec<i64> {
        merged.bans.iter().map(|ban| ban.at.secs).collect()
    }

    #[test]
    fn the_later_one_stands_and_an_unban_wins_a_tie() {
        let nothing = Known::default();
        for (banned, lifted, stands) in [(5, 4, true), (5, 5, false), (5, 6, false)] {
            let mut events = vec![ban("a", banned, None), unban(lifted, None)];
            assert_eq!(
                times(&merged(events.clone(), &nothing)).len(),
                usize::from(stands)
            );
            events.reverse();
            assert_eq!(times(&merged(events, &nothing)).len(), usize::from(stands));
        }
        let cleared = Known {
            cleared: Some(5),
            ..Known::default()
        };
        assert_eq!(times(&merged(vec![ban("a", 5, None)], &cleared)), [0i64; 0]);
        assert_eq!(times(&merged(vec![ban("a", 6, None)], &cleared)), [6]);
    }

    #[test]
    fn the_same_ban_is_never_taken_over_again_and_a_different_one_is() {
        let known = Known {
            cleared: Some(1),
            lifted: vec![("a".to_owned(), "9".to_owned())],
            ..Known::default()
        };
        assert_eq!(merged(vec![ban("a", 9, None)], &known), Merged::default());
        assert_eq!(times(&merged(vec![ban("b", 9, None)], &known)), [9]);
        assert_eq!(times(&merged(vec![ban("a", 10, None)], &known)), [10]);
        // Told with the un-ban, whose clock was behind.
        let events = vec![ban("a", 9, None), unban(3, Some(redis_entry("a", 9)))];
        assert_eq!(times(&merged(events, &Known::default())), [0i64; 0]);
    }

    #[test]
    fn what_is_banned_is_banned_again_only_later_or_for_longer() {
        let banned = |at, ends| Known {
            bans: vec![(at, ends)],
            ..Known::default()
        };
        let shorter = merged(vec![ban("a", 5, Some(50))], &banned(7, None));
        assert_eq!((times(&shorter), shorter.redis_entry.len()), (vec![], 1));
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
    fn the_first_ban_speaks_and_the_latest_lasts() {
        let events = vec![ban("b", 7, None), ban("a", 5, Some(50)), ban("c", 6, None)];
        let merged = merged(events, &Known::default());
        assert_eq!(times(&merged), [5, 7]);
        assert_eq!(merged.redis_entry.len(), 3);
    }

    #[test]
    fn the_others_have_what_was_not_lifted_until_its_latest_end() {
        let until = |events| {
            let merged = merged(events, &Known::default());
            merged.until.into_values().next()
        };
        let two = vec![ban("a", 5, Some(50)), ban("b", 7, Some(60))];
        assert_eq!(until(two.clone()), Some(60));
        let lifted = [two, vec![unban(8, None), ban("c", 9, Some(40))]];
        assert_eq!(until(lifted.concat()), Some(40));
        assert_eq!(until(vec![ban("a", 5, None)]), Some(i64::MAX));
        assert_eq!(until(vec![ban("a", 5, None), unban(5, None)]), None);
    }

    /// A server that takes over what it is told, in the store's way.
    #[derive(Debug, Clone, Default)]
    struct Model(Known);

    impl Model {
        fn hear(&mut self, events: Vec<Event>) {
            let merged = merged(events, &self.0);
            for lift in merged.unbans {
                self.0.cleared = self.0.cleared.max(Some(lift.at));
                self.0.bans.retain(|(at, _)| *at > lift.at);
                let redis_entry = lift
                    .redis_entry
                    .map(|redis_entry| (redis_entry.server, redis_entry.text));
                self.0.lifted.extend(redis_entry);
            }
            let bans = merged.bans.iter().map(|ban| (ban.at.secs, ban.ends));
            self.0.bans.extend(bans);
        }

        fn end(&self) -> Option<i64> {
            self.0
                .bans
                .iter()
                .map(|(_, ends)| ends.unwrap_or(i64::MAX))
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
        /// Servers agree, in whatever order and in however many runs they hear of it.
        #[test]
        fn all_servers_come_to_the_same(
            events in prop::collection::vec(any_event(), 0..8),
            shuffled in any::<prop::sample::Index>(), cuts in prop::collection::vec(1usize..4, 0..8),
        ) {
            let mut at_once = Model::default();
            at_once.hear(events.clone());
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
                in_parts.hear(part.to_vec());
                rest = behind;
            }
            prop_assert_eq!(at_once.end(), in_parts.end());
            prop_assert_eq!(at_once.0.cleared, in_parts.0.cleared);
        }
    }
}
