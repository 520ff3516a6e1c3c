//! The subjects in force: the rows of PyFilter's table.
//!
//! The ban of a network takes the place of the bans within it. Those have no row while it
//! is in force: they stand in `covered`, and get their rows back when it ends. So no
//! subject in force holds another one, and firewall and snapshot show exactly these.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::model::{Ban, Cause, NetworkMap, Subject};

use super::error::StoreError;
use super::query::{Commit, Store, columns, first, subject};

/// How many subjects are banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BannedSubjects {
    /// Of IPv4.
    pub v4: usize,
    /// Of IPv6.
    pub v6: usize,
}

impl Store {
    /// The subjects in force: addresses, and networks none of which holds another one of
    /// them.
    pub fn in_force(&self) -> Result<BTreeSet<Subject>, StoreError> {
        let subjects: Option<BTreeSet<Subject>> =
            self.rows("SELECT ip FROM banned_ip", [], subject)?;
        let said = "banned_ip holds something that is neither an address nor a network";
        subjects.ok_or_else(|| self.damaged(said))
    }

    /// The subjects with bans that are not lifted: those in force, and those that these
    /// hold.
    pub fn banned_subjects(&self) -> Result<BTreeSet<Subject>, StoreError> {
        let mut all = self.in_force()?;
        all.extend(self.covered()?);
        Ok(all)
    }

    /// How many subjects are in force.
    pub fn count_in_force(&self) -> Result<BannedSubjects, StoreError> {
        let select = "SELECT count(*), count(*) FILTER (WHERE instr(ip, ':')) FROM banned_ip";
        let (all, v6): (i64, i64) = self.row(select, [], columns)?;
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok(BannedSubjects {
            v4: count(all - v6),
            v6: count(v6),
        })
    }

    /// Whether any subject is banned.
    pub fn has_bans(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM banned_ip", [])
    }

    /// The subject in force that is `subject` or holds it: whether and by which ban its
    /// addresses are blocked.
    pub fn blocked_by(&self, subject: Subject) -> Result<Option<Subject>, StoreError> {
        let select = "SELECT 1 FROM banned_ip WHERE ip = ?";
        if self.exists(select, [subject.to_string()])? {
            return Ok(Some(subject));
        }
        let networks = self.networks_in_force()?;
        Ok(networks.around(subject).next().map(|(network, ())| network))
    }

    /// The wider subject in force that holds `subject`, if one does.
    pub fn wider_in_force(&self, subject: Subject) -> Result<Option<Subject>, StoreError> {
        Ok(self.blocked_by(subject)?.filter(|by| *by != subject))
    }

    fn networks_in_force(&self) -> Result<NetworkMap<()>, StoreError> {
        let select = "SELECT ip FROM banned_ip WHERE instr(ip, '/')";
        let found: Vec<Subject> = self.valid_rows(select, [], subject)?;
        let mut networks = NetworkMap::default();
        for network in found {
            networks.insert(network, ());
        }
        Ok(networks)
    }

    /// The subjects that a wider one in force covers, the wider one first.
    fn covered(&self) -> Result<BTreeSet<Subject>, StoreError> {
        self.valid_rows("SELECT ip FROM covered", [], subject)
    }

    /// Whether a subject has a ban that is not lifted.
    pub(super) fn has_ban(&self, ip: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM ban WHERE ip = ? AND lifted IS NULL", [ip])
    }
}

impl Commit<'_> {
    /// Calls `use_it` with the networks in force.
    fn with_networks<T>(
        &self,
        use_it: impl FnOnce(&mut NetworkMap<()>) -> T,
    ) -> Result<T, StoreError> {
        let mut networks = self.in_force.networks.borrow_mut();
        let networks = match &mut *networks {
            Some(networks) => networks,
            unread => unread.insert(self.networks_in_force()?),
        };
        Ok(use_it(networks))
    }

    /// Whether a wider subject in force holds this one.
    pub(super) fn is_held(&self, subject: Subject) -> Result<bool, StoreError> {
        self.with_networks(|networks| networks.around(subject).next().is_some())
    }

    /// Notes that a network is about to be in force, so that what it holds is known.
    pub(super) fn expect_network(&self, network: Subject) -> Result<(), StoreError> {
        self.with_networks(|networks| networks.insert(network, ()))
    }

    /// The subjects in force that `network` holds, without itself.
    fn held_in_force(&self, network: Subject) -> Result<Vec<Subject>, StoreError> {
        let mut all = self.in_force.all.borrow_mut();
        let all = match &mut *all {
            Some(all) => all,
            unread => unread.insert(Store::in_force(self)?),
        };
        let last = Subject::from(network.last());
        let held = all.range(network..=last);
        Ok(held.copied().filter(|held| *held != network).collect())
    }

    /// The subjects with bans that are not lifted within `network`, without itself.
    pub fn banned_within(&self, network: Subject) -> Result<Vec<Subject>, StoreError> {
        if network.is_address() {
            return Ok(Vec::new());
        }
        let mut within = self.held_in_force(network)?;
        let covered = self.covered()?.into_iter();
        within.extend(covered.filter(|one| *one != network && network.holds(*one)));
        within.sort_unstable();
        Ok(within)
    }

    /// Brings a subject's one row to its first ban that is not lifted; one that a wider
    /// subject in force holds has none.
    pub(super) fn show(&self, subject: Subject) -> Result<(), StoreError> {
        if self.is_held(subject)? {
            return self.cover(subject);
        }
        let ip = subject.to_string();
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) \
                      SELECT ip, at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1 \
                      ON CONFLICT(ip) DO NOTHING";
        if self.affected(insert, [&ip])? > 0 {
            return self.shown(subject, &ip);
        }
        let update = "UPDATE banned_ip SET (time_banned, server_name, log_msg, country) = \
                      (SELECT at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1) \
                      WHERE ip = ?1 AND EXISTS (SELECT 1 FROM ban WHERE ip = ?1 AND lifted IS NULL)";
        self.execute(update, [&ip])
    }

    /// The same for a subject whose ban was just recorded. One without a row has no other
    /// ban: this one is its first.
    pub(super) fn show_new(&self, ban: &Ban) -> Result<(), StoreError> {
        if self.is_held(ban.subject)? {
            return self.cover(ban.subject);
        }
        let ip = ban.subject.to_string();
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) VALUES (?, ?, ?, ?, ?) ON CONFLICT(ip) DO NOTHING";
        let country = ban.country.as_ref().map_or("", |country| &country.name);
        let values = params![ip, ban.at.secs, ban.server, ban.reason(), country];
        if self.affected(insert, values)? > 0 {
            self.shown(ban.subject, &ip)
        } else {
            self.show(ban.subject)
        }
    }

    /// Notes that a subject has got its row. A network takes the place of what it holds.
    fn shown(&self, subject: Subject, ip: &str) -> Result<(), StoreError> {
        self.change(ip, true)?;
        if !subject.is_address() {
            self.expect_network(subject)?;
            for held in self.held_in_force(subject)? {
                self.drop_row(held)?;
                self.cover(held)?;
                let ip = held.to_string();
                self.queue_unban_notification(&ip, Cause::Aggregated, self.times.now)?;
            }
        }
        if let Some(all) = &mut *self.in_force.all.borrow_mut() {
            all.insert(subject);
        }
        Ok(())
    }

    fn cover(&self, subject: Subject) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR IGNORE INTO covered VALUES (?)",
            [subject.to_string()],
        )
    }

    /// Takes the row of a subject away that has no ban any more. Returns whether it had
    /// one: a subject that a wider one covers has none.
    pub(super) fn hide(&self, subject: Subject) -> Result<bool, StoreError> {
        self.execute("DELETE FROM covered WHERE ip = ?", [subject.to_string()])?;
        self.drop_row(subject)
    }

    fn drop_row(&self, subject: Subject) -> Result<bool, StoreError> {
        let ip = subject.to_string();
        if self.affected("DELETE FROM banned_ip WHERE ip = ?", [&ip])? == 0 {
            return Ok(false);
        }
        if !subject.is_address() {
            self.with_networks(|networks| networks.remove(subject))?;
        }
        if let Some(all) = &mut *self.in_force.all.borrow_mut() {
            all.remove(&subject);
        }
        self.change(&ip, false)?;
        Ok(true)
    }

    /// Gives their rows back to the subjects within `networks` that no wider one holds any
    /// more.
    pub(super) fn uncover(&self, networks: &[Subject]) -> Result<(), StoreError> {
        if networks.iter().all(|network| network.is_address()) {
            return Ok(());
        }
        // The wider one comes first, and covers what it holds.
        for subject in self.covered()? {
            let is_within = networks.iter().any(|network| network.holds(subject));
            if !is_within || self.is_held(subject)? {
                continue;
            }
            let ip = subject.to_string();
            self.execute("DELETE FROM covered WHERE ip = ?", [&ip])?;
            self.show(subject)?;
            let ban = "SELECT id FROM ban WHERE ip = ? AND lifted IS NULL ORDER BY at, id LIMIT 1";
            if let Some(id) = self.optional(ban, [&ip], first)? {
                self.queue_return_notification(id)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Evidence, Origin, Stamp, Unban};
    use crate::store::PendingNotification;

    /// Nested and apart from one another, of both families.
    const SUBJECTS: [&str; 9] = [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.1.2.3",
        "10.9.9.9",
        "2001:db8::/32",
        "2001:db8::/64",
        "2001:db8::1",
        "192.0.2.1",
    ];

    #[derive(Debug, Clone)]
    enum Step {
        Ban(usize, Option<i64>),
        Lift(usize),
        /// So many seconds later.
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let subject = || 0..SUBJECTS.len();
        prop_oneof![
            3 => (subject(), prop::option::of(1i64..20)).prop_map(|(n, time)| Step::Ban(n, time)),
            1 => subject().prop_map(Step::Lift),
            1 => (1i64..15).prop_map(Step::Wait),
        ]
    }

    fn of(n: usize) -> Subject {
        Subject::parse(SUBJECTS[n]).unwrap()
    }

    fn ban(subject: Subject, at: i64, ends: Option<i64>) -> Ban {
        Ban {
            subject,
            rule: None,
            server: Arc::from("web1"),
            at: Stamp::from_secs(at),
            ends,
            failures: 0,
            instant: false,
            origin: Origin::Manual,
            reason: None,
            country: None,
            count: None,
            aggregates: 0,
        }
    }

    /// Those of them that no other one holds.
    fn widest(all: &BTreeSet<Subject>) -> BTreeSet<Subject> {
        let is_held = |one: &Subject| all.iter().any(|by| by != one && by.holds(*one));
        all.iter().filter(|one| !is_held(one)).copied().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// In force are the widest of those with a ban that is not over and not lifted,
        /// however commits are cut; each set is told by what has changed; and nobody hears
        /// of a ban that a wider one covers.
        #[test]
        fn in_force_are_the_widest_that_are_banned(
            steps in prop::collection::vec(step(), 1..40), cut in 1usize..5,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
            let mut now = 1000;
            let mut bans: Vec<(Subject, Option<i64>)> = Vec::new();
            let (mut before, mut told) = (BTreeSet::new(), BTreeSet::new());
            for steps in steps.chunks(cut) {
                let commit = store.begin().unwrap();
                for step in steps {
                    match *step {
                        Step::Ban(n, time) => {
                            let ends = time.map(|time| now + time);
                            let added = ban(of(n), now, ends);
                            commit.add(&[(&added, &Evidence::default())], now).unwrap();
                            bans.push((of(n), ends));
                        }
                        Step::Lift(n) => {
                            for subject in commit.banned_within(of(n)).unwrap().into_iter().chain([of(n)]) {
                                let (cause, at) = (Cause::Manual, now);
                                commit.lift(&Unban { subject, cause, at }).unwrap();
                            }
                            bans.retain(|(subject, _)| !of(n).holds(*subject));
                        }
                        Step::Wait(seconds) => {
                            now += seconds;
                            commit.expire(now).unwrap();
                            bans.retain(|(_, ends)| ends.is_none_or(|ends| ends > now));
                        }
                    }
                }
                commit.bump_number(now).unwrap();
                commit.commit().unwrap();
                let all: BTreeSet<Subject> = bans.iter().map(|(subject, _)| *subject).collect();
                let in_force = store.in_force().unwrap();
                prop_assert_eq!(&in_force, &widest(&all));
                prop_assert_eq!(store.banned_subjects().unwrap(), all);
                for n in 0..SUBJECTS.len() {
                    let by = in_force.iter().copied().find(|by| by.holds(of(n)));
                    prop_assert_eq!(store.blocked_by(of(n)).unwrap(), by);
                }
                for event in store.pending_notifications().unwrap() {
                    match event {
                        PendingNotification::Ban(ban) | PendingNotification::Return(ban) => {
                            told.insert(ban.subject);
                        }
                        PendingNotification::Unban(unban) => {
                            told.remove(&unban.subject);
                        }
                    }
                }
                let commit = store.begin().unwrap();
                commit.clear_notifications().unwrap();
                commit.commit().unwrap();
                // Several bans of one commit may cover one another.
                if cut == 1 {
                    prop_assert_eq!(&told, &in_force);
                }
                let number = store.number().unwrap();
                if let Some(since) = store.changes_since(number - 1).unwrap().filter(|_| in_force != before) {
                    let gone: Vec<Subject> = before.difference(&in_force).copied().collect();
                    prop_assert_eq!(since.gone, gone);
                }
                before = in_force;
            }
        }
    }

    #[test]
    fn a_network_takes_the_place_of_what_it_holds_and_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
        let (address, network) = (of(3), of(2));
        let commit = store.begin().unwrap();
        let one = ban(address, 10, None);
        commit.add(&[(&one, &Evidence::default())], 10).unwrap();
        commit.clear_notifications().unwrap();
        commit
            .add(&[(&ban(network, 20, Some(30)), &Evidence::default())], 20)
            .unwrap();
        commit.commit().unwrap();
        assert_eq!(store.in_force().unwrap(), [network].into());
        let events = store.pending_notifications().unwrap();
        let (PendingNotification::Ban(banned), PendingNotification::Unban(covered)) =
            (&events[0], &events[1])
        else {
            panic!("{events:?}");
        };
        assert_eq!(banned.subject, network);
        assert_eq!(
            (covered.subject, covered.cause),
            (address, Cause::Aggregated)
        );
        let commit = store.begin().unwrap();
        commit.clear_notifications().unwrap();
        commit.expire(30).unwrap();
        commit.commit().unwrap();
        assert_eq!(store.in_force().unwrap(), [address].into());
        let events = store.pending_notifications().unwrap();
        assert!(
            matches!(&events[0], PendingNotification::Unban(ended) if ended.subject == network)
        );
        assert_eq!(events[1], PendingNotification::Return(one));
    }
}
