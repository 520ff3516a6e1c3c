//! The numbered sets of banned subjects, and what is forgotten of them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

use crate::model::Subject;

use super::error::StoreError;
use super::query::{Commit, Store, columns, first};
use super::read_back::SubjectText;

/// How many numbered sets of bans can still be told apart.
const NUMBERS_KEPT: i64 = 10_000;

/// Forgets at ?1 the bans that ended more than a year ago, were told, and lie more
/// than a day behind what their rule has read. In an older log a ban that is long
/// over still keeps failures from counting, and for a year of the log it counts for the
/// time of the next one.
const FORGET_BANS: &str = "DELETE FROM ban WHERE lifted < ?1 - 366 * 86400 \
    AND lifted < coalesce((SELECT newest FROM rule WHERE name = ban.rule), ?1) - 86400 \
    AND at < coalesce((SELECT newest FROM rule WHERE name = ban.rule), ?1) - 366 * 86400 \
    AND id NOT IN (SELECT ban FROM untold WHERE ban IS NOT NULL)";

/// How a set of banned subjects became another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// The subjects that are banned no more.
    pub gone: Vec<Subject>,
    /// The subjects that were not banned then.
    pub new: Vec<Subject>,
}

impl Store {
    /// The number of the set of banned subjects: it counts up when the set changes.
    pub fn number(&self) -> Result<i64, StoreError> {
        Ok(self.meta("number")?.unwrap_or(0))
    }

    /// The changes since the set had this number, in the order of the subjects, if
    /// they are still known.
    pub fn changes_since(&self, number: i64) -> Result<Option<Since>, StoreError> {
        let now = self.number()?;
        let oldest: Option<i64> = self.row("SELECT min(number) FROM change", [], first)?;
        if number > now
            || number < 0
            || (number < now && oldest.is_none_or(|oldest| number < oldest - 1))
        {
            return Ok(None);
        }
        let select = "SELECT ip, added FROM change WHERE number > ? ORDER BY number";
        let changes: Vec<(SubjectText, bool)> = self.rows(select, [number], columns)?;
        // The first and the last change of each subject. A subject whose first change is that it
        // entered the set was not in it before: (false, true) for one that is new.
        let mut ways: BTreeMap<Subject, (bool, bool)> = BTreeMap::new();
        for (SubjectText(subject), added) in changes {
            if let Some(subject) = subject {
                ways.entry(subject).or_insert((!added, added)).1 = added;
            }
        }
        let mut since = Since::default();
        for (subject, way) in ways {
            match way {
                (true, false) => since.gone.push(subject),
                (false, true) => since.new.push(subject),
                _ => {}
            }
        }
        Ok(Some(since))
    }

    /// The same, if they are at most so many.
    pub fn few_changes_since(&self, number: i64, most: u32) -> Result<Option<Since>, StoreError> {
        let select = "SELECT count(*) FROM (SELECT 1 FROM change WHERE number > ? LIMIT ?)";
        let changes: i64 = self.row(select, params![number, i64::from(most) + 1], first)?;
        if changes > i64::from(most) {
            return Ok(None);
        }
        self.changes_since(number)
    }

    /// The subjects that were banned when the set had this number, if that is
    /// still known.
    pub fn in_force_at(&self, number: i64) -> Result<Option<BTreeSet<Subject>>, StoreError> {
        let Some(since) = self.changes_since(number)? else {
            return Ok(None);
        };
        let mut set = self.in_force()?;
        for subject in &since.new {
            set.remove(subject);
        }
        set.extend(since.gone);
        Ok(Some(set))
    }
}

impl Commit<'_> {
    /// Notes the time of the run, counts the number up if the set has changed,
    /// and forgets numbers and bans of long ago.
    pub fn bump_number(&self, now: i64) -> Result<(), StoreError> {
        self.set_times()?;
        let age = now.min(self.times.age);
        let count = "UPDATE meta SET value = value + 1 WHERE key = 'number' AND EXISTS (SELECT 1 FROM change WHERE number = meta.value + 1)";
        if self.affected(count, [])? == 0 {
            return Ok(());
        }
        let forget =
            "DELETE FROM change WHERE number <= (SELECT value FROM meta WHERE key = 'number') - ?";
        self.execute(forget, [NUMBERS_KEPT])?;
        self.execute(FORGET_BANS, [age])
    }

    /// Notes that `ip` entered or left the set, in the number this commit
    /// makes; a subject that does both has done neither.
    pub(super) fn change(&self, ip: &str, added: bool) -> Result<(), StoreError> {
        let insert = "INSERT OR IGNORE INTO change VALUES ((SELECT value + 1 FROM meta WHERE key = 'number'), ?, ?)";
        if self.affected(insert, params![ip, added])? > 0 {
            return Ok(());
        }
        let back = "DELETE FROM change WHERE number = (SELECT value + 1 FROM meta WHERE key = 'number') AND ip = ?";
        self.execute(back, [ip])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Ban, Cause, Evidence, Origin, Stamp, Unban};

    fn subject(last: u8) -> Subject {
        Subject::parse(&format!("192.0.2.{last}")).unwrap()
    }

    fn ban(last: u8) -> Ban {
        Ban {
            subject: subject(last),
            rule: None,
            server: Arc::from("web1"),
            at: Stamp::from_secs(i64::from(last)),
            ends: None,
            failures: 0,
            instant: false,
            origin: Origin::Manual,
            reason: None,
            country: None,
            count: None,
            aggregates: 0,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Whatever was banned and lifted in between, the changes since a number
        /// turn its set into the present one, and name nobody else.
        #[test]
        fn the_changes_since_a_number_lead_from_its_set_to_this_one(
            commits in prop::collection::vec(prop::collection::vec((any::<bool>(), 0u8..6), 0..5), 1..6)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
            let mut sets = vec![(store.number().unwrap(), BTreeSet::new())];
            for steps in commits {
                let commit = store.begin().unwrap();
                for (bans, last) in steps {
                    if bans {
                        commit.add(&[(&ban(last), &Evidence::default())], 1000).unwrap();
                    } else {
                        let (subject, at) = (subject(last), 1000);
                        commit.lift(&Unban { subject, cause: Cause::Manual, at }).unwrap();
                    }
                }
                commit.bump_number(1000).unwrap();
                commit.commit().unwrap();
                sets.push((store.number().unwrap(), store.in_force().unwrap()));
            }
            let now = store.in_force().unwrap();
            for (number, set) in sets {
                let since = store.changes_since(number).unwrap().unwrap();
                let gone: Vec<Subject> = set.difference(&now).copied().collect();
                let new: Vec<Subject> = now.difference(&set).copied().collect();
                prop_assert_eq!(since, Since { gone, new });
                prop_assert_eq!(store.in_force_at(number).unwrap(), Some(set));
            }
            let unknown = store.number().unwrap() + 1;
            prop_assert_eq!(store.changes_since(unknown).unwrap(), None);
        }
    }
}
