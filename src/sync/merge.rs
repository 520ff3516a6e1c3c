//! Which of what servers say stands: for each address the later one, and an
//! un-ban wins a tie. Pure.

use std::collections::BTreeMap;

use crate::model::{Address, Ban};

use super::entry::{Event, Foreign, Lift, Stood};

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
    pub stood: Vec<(String, String)>,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Un-bans: bans since a later time stay.
    pub unbans: Vec<Lift>,
    /// Bans that were not in force, are later than what was, or end later.
    pub bans: Vec<Ban>,
    /// How bans in force stand in Redis.
    pub stood: Vec<Stood>,
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
    let mut by_address: BTreeMap<Address, (Vec<Lift>, Vec<Foreign>)> = BTreeMap::new();
    for event in events {
        let (lifts, bans) = by_address.entry(event.address()).or_default();
        match event {
            Event::Unban(lift) => lifts.push(lift),
            Event::Ban(ban) => bans.push(ban),
        }
    }
    let mut merged = Merged::default();
    for (address, (lifts, bans)) in by_address {
        one(&known(address)?, lifts, bans, now, &mut merged);
    }
    Ok(merged)
}

fn one(known: &Known, lifts: Vec<Lift>, bans: Vec<Foreign>, now: i64, merged: &mut Merged) {
    let lifted = lifts.iter().map(|lift| lift.at).max();
    let cleared = known.cleared.max(lifted);
    let is_gone = |stood: &Stood| {
        let remembered = known.lifted.iter();
        let mut remembered = remembered.map(|(server, text)| (server, text));
        let told = lifts.iter().filter_map(|lift| lift.stood.as_ref());
        let mut told = told.map(|stood| (&stood.server, &stood.text));
        let this = (&stood.server, &stood.text);
        remembered.any(|that| that == this) || told.any(|that| that == this)
    };
    let mut standing: Vec<Foreign> = bans
        .into_iter()
        .filter(|foreign| Some(foreign.ban.at.secs) > cleared)
        .filter(|foreign| !foreign.ban.is_over(now) && !is_gone(&foreign.stood))
        .collect();
    merged.unbans.extend(lifts);
    let end = |ends: Option<i64>| ends.unwrap_or(i64::MAX);
    let in_force = known.bans.iter().filter(|(at, _)| Some(*at) > lifted);
    let mut taken: Vec<(i64, i64)> = in_force.map(|(at, ends)| (*at, end(*ends))).collect();
    let is_free = taken.is_empty();
    for Foreign { ban, .. } in &standing {
        let until = merged.until.entry(ban.address).or_insert(i64::MIN);
        *until = end(ban.ends).max(*until);
    }
    let stood: Vec<Stood> = standing.iter().map(|one| one.stood.clone()).collect();
    // A hash and an event may tell of one ban, and read its time differently.
    let latest = taken.iter().map(|ban| ban.1).max().unwrap_or(i64::MIN);
    let in_force = known.stood.iter().cloned();
    let mut met: Vec<((String, String), i64)> = in_force.map(|pair| (pair, latest)).collect();
    standing.retain(|foreign| {
        let Stood { server, text, .. } = &foreign.stood;
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
    merged.stood.extend(stood);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::model::{Origin, Stamp};
    use proptest::prelude::*;

    fn stood(server: &str, at: i64) -> Stood {
        let address = Address::parse(b"192.0.2.1").unwrap();
        Stood {
            address,
            key: address.to_string(),
            server: server.to_owned(),
            text: at.to_string(),
        }
    }

    fn ban(server: &str, at: i64, ends: Option<i64>) -> Event {
        let stood = stood(server, at);
        let ban = Ban {
            address: stood.address,
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
        Event::Ban(Foreign { ban, stood })
    }

    fn unban(at: i64, stood: Option<Stood>) -> Event {
        let address = Address::parse(b"192.0.2.1").unwrap();
        Event::Unban(Lift { address, at, stood })
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
        let events = vec![ban("a", 9, None), unban(3, Some(stood("a", 9)))];
        assert_eq!(times(&merged(events, &Known::default())), [0i64; 0]);
    }

    #[test]
    fn what_is_banned_is_banned_again_only_later_or_for_longer() {
        let banned = |at, ends| Known {
            bans: vec![(at, ends)],
            ..Known::default()
        };
        let shorter = merged(vec![ban("a", 5, Some(50))], &banned(7, None));
        assert_eq!((times(&shorter), shorter.stood.len()), (vec![], 1));
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
        assert_eq!(merged.stood.len(), 3);
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
                let stood = lift.stood.map(|stood| (stood.server, stood.text));
                self.0.lifted.extend(stood);
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
