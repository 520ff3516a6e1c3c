//! What `explain` shows of an address.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::model::{Ban, Cause, Evidence, KeptFailure, OpenWindow, PastBan, Subject, Unban};

use super::bans::{BAN_COLUMNS, BEHIND_BAN, RepeatedNames, ban};
use super::error::StoreError;
use super::query::{Store, first, subject};
use super::read_back::optional_seconds;
use super::subject_key::SubjectKey;
use super::windows::both;

/// A row of `ban`: the ban, how it was lifted, and what filled its window.
type BanRow = (Ban, Option<Unban>, Evidence);

impl Store {
    /// All bans of `subject` that are remembered, oldest first.
    pub fn bans_of(&self, subject: Subject) -> Result<Vec<PastBan>, StoreError> {
        let select = format!(
            "SELECT {BAN_COLUMNS}, lifted, cause, witnesses FROM ban WHERE ip = ? ORDER BY at, id"
        );
        let mut names = RepeatedNames::default();
        let rows: Vec<BanRow> = self.rows(&select, [subject.to_string()], |row| {
            let ban = ban(row, &mut names)?;
            let at = optional_seconds(row, BEHIND_BAN)?;
            let cause: Option<String> = row.get(BEHIND_BAN + 1)?;
            let cause = cause.as_deref().and_then(Cause::from_word);
            let lifted = at
                .zip(cause)
                .map(|(at, cause)| Unban { subject, cause, at });
            let failures = row.get_ref(BEHIND_BAN + 2)?.as_blob_or_null()?;
            let failures = failures.map(|bytes| self.paths.failures(bytes, BEHIND_BAN + 2));
            Ok((ban, lifted, failures.transpose()?.unwrap_or_default()))
        })?;
        let past = |(ban, lifted, failures)| {
            Ok(PastBan {
                ban,
                lifted,
                failures: self.kept_failures(&failures)?,
            })
        };
        rows.into_iter().map(past).collect()
    }

    /// All bans of networks around `subject` that are remembered: those of the widest
    /// network first, and of each network the oldest first.
    pub fn bans_around(&self, subject: Subject) -> Result<Vec<PastBan>, StoreError> {
        let lengths = Subject::widest_ban(subject.family())..subject.length();
        let around = lengths.map(|length| Subject::network(subject.first(), length));
        let bans: Result<Vec<Vec<PastBan>>, _> = around.map(|wider| self.bans_of(wider)).collect();
        Ok(bans?.into_iter().flatten().collect())
    }

    /// All bans of what lies within a network that are remembered, without its own and
    /// without failures, in the order of their subjects, oldest first.
    pub fn bans_within(&self, network: Subject) -> Result<Vec<PastBan>, StoreError> {
        if network.is_address() {
            return Ok(Vec::new());
        }
        let select = format!("SELECT {BAN_COLUMNS}, lifted, cause FROM ban");
        let mut names = RepeatedNames::default();
        let mut within: Vec<PastBan> = self.valid_rows(&select, [], |row| {
            let Some(subject) = subject(row)?.filter(|one| is_within(*one, network)) else {
                return Ok(None);
            };
            let ban = ban(row, &mut names)?;
            let at = optional_seconds(row, BEHIND_BAN)?;
            let cause: Option<String> = row.get(BEHIND_BAN + 1)?;
            let cause = cause.as_deref().and_then(Cause::from_word);
            let lifted = at.zip(cause);
            Ok(Some(PastBan {
                ban,
                lifted: lifted.map(|(at, cause)| Unban { subject, cause, at }),
                failures: Vec::new(),
            }))
        })?;
        within.sort_by_key(|past| (past.ban.subject, past.ban.at));
        Ok(within)
    }

    /// The bans that led to `network_ban`, which is one by aggregation: the last ban of
    /// each subject within the network by its rule in the `within` seconds before, the
    /// oldest first.
    pub fn aggregated(&self, network_ban: &Ban, within: u32) -> Result<Vec<Ban>, StoreError> {
        let (network, at) = (network_ban.subject, network_ban.at.secs);
        let rule = network_ban.rule.as_deref();
        // Several may be of the same second: the ban of the network stands behind the last.
        let id = "SELECT max(id) FROM ban WHERE ip = ? AND rule = ? AND at = ? AND aggregates > 0";
        let id: Option<i64> = self.row(id, params![network.to_string(), rule, at], first)?;
        // Each ban counts for one ban of the network.
        let ended = "SELECT max(coalesce(lifted, ends)) FROM ban \
                     WHERE ip = ? AND rule = ? AND aggregates > 0 AND at < ?";
        let ended: Option<i64> = self.row(ended, params![network.to_string(), rule, at], first)?;
        let from = (at - i64::from(within)).max(ended.unwrap_or(i64::MIN));
        let select = format!(
            "SELECT {BAN_COLUMNS} FROM ban WHERE rule = ?1 AND at >= ?2 AND at <= ?3 AND id < ?4 AND origin = 'log' AND aggregates = 0 \
             AND (lifted IS NULL OR cause = 'expired' OR lifted > ?3)"
        );
        let mut names = RepeatedNames::default();
        let mut found: Vec<Ban> = self.valid_rows(&select, params![rule, from, at, id], |row| {
            match subject(row)?.filter(|one| is_within(*one, network)) {
                Some(_) => ban(row, &mut names).map(Some),
                None => Ok(None),
            }
        })?;
        found.sort_by_key(|ban| ban.at);
        let last: BTreeMap<Subject, Ban> =
            found.into_iter().map(|ban| (ban.subject, ban)).collect();
        let mut last: Vec<Ban> = last.into_values().collect();
        last.sort_by_key(|ban| ban.at);
        Ok(last)
    }

    /// The open windows of `subject`: for each rule the one with the later stamps,
    /// then the one with the earlier stamps, if there is one.
    pub fn open_windows(&self, subject: Subject) -> Result<Vec<OpenWindow>, StoreError> {
        let select =
            "SELECT rule, failures, earlier FROM open_window WHERE address = ? ORDER BY rule";
        let rows: Vec<(String, (Evidence, Evidence))> =
            self.rows(select, [SubjectKey::of(subject)], |row| {
                Ok((row.get(0)?, both(row, 1, &self.paths)?))
            })?;
        let mut windows = Vec::new();
        for (rule, (later, earlier)) in rows {
            for failures in [later, earlier] {
                if !failures.is_empty() {
                    windows.push(OpenWindow {
                        subject,
                        rule: rule.clone(),
                        failures: self.kept_failures(&failures)?,
                    });
                }
            }
        }
        Ok(windows)
    }

    /// The subjects that were un-banned last and are not banned now, at most `count`.
    pub fn unbanned(&self, count: usize) -> Result<Vec<Subject>, StoreError> {
        let select = "SELECT ip FROM cleared WHERE ip NOT IN (SELECT ip FROM banned_ip) ORDER BY at DESC LIMIT ?";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.valid_rows(select, [count], subject)
    }

    /// The failures of a row, each with the path of its log.
    fn kept_failures(&self, failures: &Evidence) -> Result<Vec<KeptFailure>, StoreError> {
        let paths = failures.paths();
        let paths = paths.map(|id| Ok((id, self.paths.get(&self.connection, id)?)));
        let paths: BTreeMap<_, _> = self.wrap(paths.collect())?;
        Ok(failures.iter(|id| paths[&id].clone()).collect())
    }
}

/// Whether `one` lies in the network and is not the network itself.
fn is_within(one: Subject, network: Subject) -> bool {
    one != network && network.holds(one)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Origin, Stamp};

    fn of(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    /// A ban by the rule ssh for so many seconds.
    fn ban_of(subject: &str, at: i64, seconds: i64, aggregates: u32) -> Ban {
        Ban {
            subject: of(subject),
            rule: Some(Arc::from("ssh")),
            server: Arc::from("web1"),
            at: Stamp::from_secs(at),
            ends: Some(at + seconds),
            failures: 5,
            instant: false,
            origin: Origin::Log,
            reason: None,
            country: None,
            count: Some(1),
            aggregates,
        }
    }

    fn seen<'a>(bans: impl IntoIterator<Item = &'a Ban>) -> Vec<(String, i64)> {
        let bans = bans.into_iter();
        bans.map(|ban| (ban.subject.to_string(), ban.at.secs))
            .collect()
    }

    #[test]
    fn a_network_is_found_from_within_and_what_led_to_its_ban_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
        let bans = [
            ban_of("203.0.113.1", 1000, 10, 0),
            ban_of("203.0.113.2", 1001, 10, 0),
            ban_of("203.0.113.0/24", 1001, 100, 2),
            // While that ban ran.
            ban_of("203.0.113.3", 1050, 10, 0),
            ban_of("203.0.113.1", 1200, 10, 0),
            ban_of("203.0.113.1", 1300, 10, 0),
            ban_of("203.0.114.9", 1301, 10, 0),
            ban_of("203.0.113.4", 1400, 10, 0),
            ban_of("203.0.113.0/24", 1400, 100, 2),
        ];
        let commit = store.begin().unwrap();
        let nothing = Evidence::default();
        let with: Vec<(&Ban, &Evidence)> = bans.iter().map(|ban| (ban, &nothing)).collect();
        commit.add(&with, 5000).unwrap();
        commit.commit().unwrap();
        let led = |ban: &Ban, within| seen(&store.aggregated(ban, within).unwrap());
        let first = [("203.0.113.1".into(), 1000), ("203.0.113.2".into(), 1001)];
        assert_eq!(led(&bans[2], 500), first);
        let second = [("203.0.113.1".into(), 1300), ("203.0.113.4".into(), 1400)];
        assert_eq!(led(&bans[8], 500), second);
        assert_eq!(led(&bans[8], 50), second[1..]);
        let around = store.bans_around(of("203.0.113.77")).unwrap();
        let around = seen(around.iter().map(|past| &past.ban));
        let network = |at| ("203.0.113.0/24".to_owned(), at);
        assert_eq!(around, [network(1001), network(1400)]);
        assert!(store.bans_around(of("203.0.113.0/24")).unwrap().is_empty());
        let within = store.bans_within(of("203.0.113.0/24")).unwrap();
        assert_eq!(within.len(), 6);
        assert!(within.iter().all(|past| past.lifted.is_some()));
        assert_eq!(
            seen(within.iter().map(|past| &past.ban))[1],
            ("203.0.113.1".into(), 1200)
        );
        assert!(store.bans_within(of("203.0.113.1")).unwrap().is_empty());
    }
}
