//! The open windows: failures of an address under a rule that may still become a ban.

use std::path::Path;

use rusqlite::{CachedStatement, Row, params};

use crate::model::{EARLIEST_NOW, Evidence, MOST_SKEW, Prefixes, Stamp, Subject};

use super::error::StoreError;
use super::paths::{self, Paths};
use super::query::{Commit, Store, columns, first};
use super::read_back::{End, Seconds, damaged};
use super::subject_key::SubjectKey;

/// Windows this much behind the newest stamp of their rule may be forgotten.
const BEHIND: i64 = 86_400;

/// How many windows one statement writes: to start a statement takes as long as to
/// write a row.
const AT_ONCE: usize = 64;

/// How many open windows of a rule, and how many bans, keep the texts of their lines.
pub const TEXTS_KEPT: i64 = 10_000;

/// What is remembered of a subject under a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPast {
    /// The time up to which its failures never count: this very subject was un-banned
    /// then.
    pub cleared: Option<i64>,
    /// Until when it is banned: `i64::MAX` for good.
    pub banned: Option<i64>,
    /// The failures of its open window.
    pub later: Evidence,
    /// The failures of the second one, with the earlier stamps.
    pub earlier: Evidence,
    /// The seconds of its bans that were not lifted.
    pub bans: Vec<i64>,
}

/// An open window as it is to be stored: one without failures is removed.
#[derive(Debug, Clone, Copy)]
pub struct OpenRow<'a> {
    /// Of whom.
    pub subject: Subject,
    /// Its failures with the later stamps.
    pub later: &'a Evidence,
    /// Its failures with the earlier stamps.
    pub earlier: Option<&'a Evidence>,
}

pub(super) fn stamp(row: &Row<'_>, first: usize) -> rusqlite::Result<Stamp> {
    let Seconds(secs) = row.get(first)?;
    let (nanos, digits): (u32, u8) = (row.get(first + 1)?, row.get(first + 2)?);
    if nanos > 999_999_999 || digits > 9 {
        return Err(damaged(first + 1, "a fraction of a second is not one"));
    }
    Ok(Stamp {
        secs,
        nanos,
        digits,
    })
}

impl Store {
    /// What is remembered of `subject` under `rule`.
    pub fn past(&self, rule: &str, subject: Subject) -> Result<StoredPast, StoreError> {
        self.past_since(rule, subject, i64::MIN)
    }

    /// What is remembered of `subject` under `rule` and is later than `since`.
    pub fn past_since(
        &self,
        rule: &str,
        subject: Subject,
        since: i64,
    ) -> Result<StoredPast, StoreError> {
        let ip = subject.to_string();
        let cleared = self.own_cleared(&ip)?;
        // Bans by aggregation change nothing about counting. A ban that an un-ban has lifted is
        // not looked for: `cleared` tells of it.
        let bans = "SELECT at, coalesce(ends, 9223372036854775807) FROM ban WHERE ip = ? AND rule = ? \
                    AND (lifted IS NULL OR cause = 'expired') AND aggregates = 0 AND at > ?";
        let bans: Vec<(Seconds, End)> = self.rows(bans, params![ip, rule, since], columns)?;
        let (mut later, mut earlier) = self.window(subject, rule)?;
        later.forget_up_to(since);
        earlier.forget_up_to(since);
        Ok(StoredPast {
            cleared,
            banned: bans.iter().map(|(_, End(until))| *until).max(),
            later,
            earlier,
            bans: bans.into_iter().map(|(Seconds(at), _)| at).collect(),
        })
    }

    /// How many leading bits of addresses the windows of `rule` are of; none if it has read
    /// no failure yet.
    pub fn prefixes(&self, rule: &str) -> Result<Option<Prefixes>, StoreError> {
        let select = "SELECT ipv4_prefix, ipv6_prefix FROM rule WHERE name = ?";
        let found: Option<(u8, u8)> = self.optional(select, [rule], columns)?;
        Ok(found.map(|(ipv4, ipv6)| Prefixes { ipv4, ipv6 }))
    }

    /// How many open windows `rule` has. While rows of an older version are left
    /// they are not counted, and this is a number above every bound.
    pub fn count_windows(&self, rule: &str) -> Result<i64, StoreError> {
        if self.exists("SELECT 1 FROM meta WHERE key = 'upgrade'", [])? {
            return Ok(i64::from(u32::MAX));
        }
        // An edited store may hold any number.
        Ok(self.counted(rule)?.clamp(0, u32::MAX.into()))
    }

    fn counted(&self, rule: &str) -> Result<i64, StoreError> {
        let open = self.optional("SELECT open FROM rule WHERE name = ?", [rule], first)?;
        Ok(open.unwrap_or(0))
    }

    /// Whether no address has a window, ban or un-ban. For connections there is
    /// [`Store::has_connections`].
    pub fn is_blank(&self) -> Result<bool, StoreError> {
        let select = "SELECT NOT (EXISTS (SELECT 1 FROM open_window) OR EXISTS (SELECT 1 FROM ban) OR EXISTS (SELECT 1 FROM cleared))";
        self.row(select, [], first)
    }

    fn window(&self, subject: Subject, rule: &str) -> Result<(Evidence, Evidence), StoreError> {
        let select = "SELECT failures, earlier FROM open_window WHERE address = ? AND rule = ?";
        let key = SubjectKey::of(subject);
        let window = self.optional(select, params![key, rule], |row| both(row, 0, &self.paths))?;
        Ok(window.unwrap_or_default())
    }
}

/// The failures of a window and of the second one, from the columns `first` and
/// `first + 1` of a row.
pub(super) fn both(
    row: &Row<'_>,
    first: usize,
    paths: &Paths,
) -> rusqlite::Result<(Evidence, Evidence)> {
    let later = paths.failures(row.get_ref(first)?.as_blob()?, first)?;
    let earlier = row.get_ref(first + 1)?.as_blob_or_null()?;
    let earlier = earlier.map(|earlier| paths.failures(earlier, first + 1));
    Ok((later, earlier.transpose()?.unwrap_or_default()))
}

/// The columns of a window: its key, when the last failure counts, and the
/// failures of both.
type Written<'a> = (SubjectKey, i64, &'a [u8], Option<&'a [u8]>);

impl Commit<'_> {
    /// Remembers the path of a log that failures are kept of.
    pub fn set_path(&self, path: &Path) -> Result<(), StoreError> {
        self.wrap(paths::write(&self.connection, path))
    }

    /// Drops the windows and the connections of a rule of which other prefixes were counted
    /// together than these.
    pub fn drop_other_prefixes(&self, rule: &str, now: Prefixes) -> Result<(), StoreError> {
        let Some(before) = self.prefixes(rule)?.filter(|before| *before != now) else {
            return Ok(());
        };
        // A key of IPv4 has four bytes, and a fifth for a network.
        for (is_kept, length) in [
            (before.ipv4 == now.ipv4, "length(address) < 16"),
            (before.ipv6 == now.ipv6, "length(address) >= 16"),
        ] {
            for table in ["open_window", "connection"].iter().filter(|_| !is_kept) {
                let drop = format!("DELETE FROM {table} WHERE rule = ? AND {length}");
                self.execute(&drop, [rule])?;
            }
        }
        self.recount(rule).map(drop)
    }

    /// Notes which prefixes the windows of a rule are of.
    pub fn set_prefixes(&self, rule: &str, prefixes: Prefixes) -> Result<(), StoreError> {
        if self.prefixes(rule)?.is_none_or(|before| before == prefixes) {
            return Ok(());
        }
        let set = "UPDATE rule SET ipv4_prefix = ?, ipv6_prefix = ? WHERE name = ?";
        self.execute(set, params![prefixes.ipv4, prefixes.ipv6, rule])
    }

    /// Replaces the open windows of these addresses under `rule`. It is fastest in
    /// the order of the addresses.
    pub fn set_windows<'a>(
        &self,
        rule: &str,
        windows: impl IntoIterator<Item = OpenRow<'a>>,
    ) -> Result<(), StoreError> {
        let delete = "DELETE FROM open_window WHERE address = ? AND rule = ?";
        let write = || {
            let mut delete = self.connection.prepare_cached(delete)?;
            let (mut one, mut many) = (None, None);
            let mut rows = Vec::new();
            for OpenRow {
                subject,
                later,
                earlier,
            } in windows
            {
                let key = SubjectKey::of(subject);
                let Some(newest) = later.newest() else {
                    delete.execute(params![key, rule])?;
                    continue;
                };
                let earlier = earlier.map(Evidence::as_bytes);
                rows.push((key, newest, later.as_bytes(), earlier));
                if rows.len() == AT_ONCE {
                    self.put(&mut many, rule, &rows)?;
                    rows.clear();
                }
            }
            rows.chunks(1)
                .try_for_each(|row| self.put(&mut one, rule, row))
        };
        self.wrap(write())
    }

    /// Writes rows by one statement for that many, and prepares it the first time.
    fn put<'a>(
        &'a self,
        statement: &mut Option<CachedStatement<'a>>,
        rule: &str,
        rows: &[Written<'_>],
    ) -> rusqlite::Result<()> {
        let put = if let Some(put) = statement {
            put
        } else {
            let row = |n| {
                let first = 4 * n + 2;
                format!(
                    "(?{first}, ?1, ?{}, ?{}, ?{})",
                    first + 1,
                    first + 2,
                    first + 3
                )
            };
            let rows: Vec<String> = (0..rows.len()).map(row).collect();
            let sql = format!("REPLACE INTO open_window VALUES {}", rows.join(", "));
            statement.insert(self.connection.prepare_cached(&sql)?)
        };
        // The bytes are spread over memory. Reading the last one of each here lets the processor
        // fetch them at the same time: a prefetch. Binding alone would wait for one after the other.
        let far = rows.iter().map(|(.., later, _)| later.last());
        std::hint::black_box(far.fold(0, |all, last| all ^ last.copied().unwrap_or_default()));
        put.raw_bind_parameter(1, rule)?;
        for (n, (key, newest, later, earlier)) in rows.iter().enumerate() {
            put.raw_bind_parameter(4 * n + 2, key)?;
            put.raw_bind_parameter(4 * n + 3, newest)?;
            put.raw_bind_parameter(4 * n + 4, later)?;
            put.raw_bind_parameter(4 * n + 5, earlier)?;
        }
        put.raw_execute().map(drop)
    }

    /// Adds `more`, which may be negative, to the number of open windows of a rule.
    pub fn count_opened(&self, rule: &str, more: i64) -> Result<(), StoreError> {
        if more == 0 {
            return Ok(());
        }
        let count = "UPDATE rule SET open = max(0, open + ?) WHERE name = ?";
        self.execute(count, params![more, rule])
    }

    /// Forgets the oldest windows of a rule above `most`, once it has a sixteenth
    /// more than that; returns how many.
    pub fn forget_surplus(&self, rule: &str, most: usize) -> Result<usize, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        if self.counted(rule)? <= most.saturating_add(most / 16) {
            return Ok(0);
        }
        // In an edited store the number may be wrong.
        let surplus = self.recount(rule)?.saturating_sub(most);
        if surplus <= 0 {
            return Ok(0);
        }
        let forget = "DELETE FROM open_window WHERE rule = ?1 AND address IN \
                      (SELECT address FROM open_window WHERE rule = ?1 ORDER BY newest LIMIT ?2)";
        let forgotten = self.affected(forget, params![rule, surplus])?;
        self.recount(rule)?;
        self.forget_connections_without_window(rule)?;
        Ok(forgotten)
    }

    /// Counts the open windows of a rule anew, which reads all of them.
    fn recount(&self, rule: &str) -> Result<i64, StoreError> {
        let count = "UPDATE rule SET open = (SELECT count(*) FROM open_window WHERE rule = ?1) \
                     WHERE name = ?1 RETURNING open";
        Ok(self.optional(count, [rule], first)?.unwrap_or(0))
    }

    /// Remembers the newest stamp that `rule` has read, and forgets windows
    /// that are more than a day, and more than `reach` seconds, behind it.
    pub fn set_newest(&self, rule: &str, newest: i64, reach: u32) -> Result<(), StoreError> {
        // A log that was written under a wrong clock makes no other window old.
        let newest = match self.times.age {
            age @ EARLIEST_NOW.. => newest.min(age + MOST_SKEW),
            _ => newest,
        };
        let upsert = "INSERT INTO rule(name, newest, swept) VALUES (?1, ?2, ?2) ON CONFLICT(name) DO UPDATE SET newest = max(newest, ?2) \
                      RETURNING newest, swept";
        let (Seconds(newest), Seconds(swept)) = self.row(upsert, params![rule, newest], columns)?;
        let behind = BEHIND.max(i64::from(reach) + 3600);
        // To look through all windows is slow: once for each day of the log is enough.
        if newest - swept < behind {
            return Ok(());
        }
        let forget = "DELETE FROM open_window WHERE rule = ? AND newest < ?";
        self.execute(forget, params![rule, newest - behind])?;
        self.recount(rule)?;
        self.forget_connections_before(rule, newest - BEHIND)?;
        let swept = "UPDATE rule SET swept = ? WHERE name = ?";
        self.execute(swept, params![newest, rule])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Cause, Failure, Line, PathId, Unban};

    /// Failures at these seconds.
    fn failures(at: &[i64]) -> Evidence {
        let mut failures = Evidence::default();
        for &at in at {
            let failure = Failure {
                address: Address::from(std::net::Ipv4Addr::new(192, 0, 2, 1)),
                at: Stamp::from_secs(at),
                count: 1,
                login: None,
                pattern: 0,
                instant: false,
                offset: 0,
            };
            let path = PathId::of(Path::new("log"));
            failures.push(
                &failure,
                at,
                failure.address.into(),
                path,
                Line::of(b"line", true),
            );
        }
        failures
    }

    fn row(subject: Subject, later: &Evidence) -> OpenRow<'_> {
        OpenRow {
            subject,
            later,
            earlier: None,
        }
    }

    /// A store that holds this open window of 192.0.2.1.
    fn with_window(path: &Path, failures: &Evidence) -> (Store, Subject) {
        let mut store = Store::open(path, 0, || None).unwrap();
        let address = Subject::parse("192.0.2.1").unwrap();
        let commit = store.begin().unwrap();
        commit.set_windows("ssh", [row(address, failures)]).unwrap();
        commit.commit().unwrap();
        (store, address)
    }

    #[test]
    fn a_window_that_is_damaged_is_told_and_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        let (store, address) = with_window(&dir.path().join("db"), &failures(&[7]));
        assert_eq!(store.past("ssh", address).unwrap().later, failures(&[7]));
        let spoil = "UPDATE open_window SET failures = substr(failures, 1, 9)";
        store.connection.execute(spoil, []).unwrap();
        let error = store.past("ssh", address).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    /// However many are written by one statement, and wherever one is emptied
    /// between them.
    #[test]
    fn of_many_windows_each_is_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("db"), 0, || None).unwrap();
        let address = |n: u32| Subject::from(Address::from(std::net::Ipv4Addr::from_bits(n)));
        for (from, emptied) in [(0, 1000), (100, 7)] {
            let windows: Vec<(Subject, Evidence)> = (from..from + 3 * 64 + 5)
                .map(|n| match n % emptied {
                    6 => (address(n), Evidence::default()),
                    _ => (address(n), failures(&[i64::from(n), i64::from(from)])),
                })
                .collect();
            let commit = store.begin().unwrap();
            let written = windows
                .iter()
                .map(|(address, failures)| row(*address, failures));
            commit.set_windows("ssh", written).unwrap();
            commit.commit().unwrap();
            for (address, failures) in windows {
                assert_eq!(
                    store.past("ssh", address).unwrap().later,
                    failures,
                    "{address}"
                );
            }
        }
        let first = store.past("ssh", address(99)).unwrap().later;
        assert_eq!(first, failures(&[99, 0]));
    }

    #[test]
    fn a_late_unban_of_another_server_leaves_what_is_later() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, address) = with_window(&dir.path().join("db"), &failures(&[7, 8]));
        for (at, rest) in [(7, failures(&[8])), (8, failures(&[]))] {
            let (cause, commit) = (Cause::Redis, store.begin().unwrap());
            let subject = address;
            commit.lift(&Unban { subject, cause, at }).unwrap();
            commit.commit().unwrap();
            assert_eq!(store.past("ssh", address).unwrap().later, rest);
        }
    }

    #[test]
    fn a_store_in_a_read_transaction_can_be_looked_at_and_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (mut store, address) = with_window(&path, &failures(&[7]));
        store.begin_read().unwrap();
        store.begin_read().unwrap();
        store.past("ssh", address).unwrap();
        let looked = Store::look(&path).unwrap().unwrap();
        looked.begin_read().unwrap();
        assert_eq!(looked.past("ssh", address).unwrap().later, failures(&[7]));
        let commit = store.begin().unwrap();
        commit.set_windows("ssh", []).unwrap();
        commit.set_newest("ssh", 9, 5).unwrap();
        commit.commit().unwrap();
    }
}
