use std::net::IpAddr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OptionalExtension as _, Row, ToSql, params};

use crate::model::{Address, Stamp, Witnesses};

use super::{Commit, Store, StoreError};

/// Windows this much behind the newest stamp of their rule may be forgotten.
const BEHIND: i64 = 86_400;

/// How many windows a statement writes: to begin and to end one takes as long as
/// a row.
const AT_ONCE: usize = 64;

/// What is remembered of an address under a rule: until when it is cleared,
/// until when it is banned, and the failures of its open window.
pub(super) type Past = (Option<i64>, Option<i64>, Witnesses);

/// The bytes of an address, in whose order the open windows stand.
#[derive(Debug)]
pub(super) struct Key {
    bytes: [u8; 16],
    length: usize,
}

impl Key {
    pub(super) fn of(address: Address) -> Self {
        let mut bytes = [0; 16];
        let length = match address.ip() {
            IpAddr::V4(v4) => {
                bytes[..4].copy_from_slice(&v4.octets());
                4
            }
            IpAddr::V6(v6) => {
                bytes = v6.octets();
                16
            }
        };
        Key { bytes, length }
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = &self.bytes[..self.length];
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes)))
    }
}

/// The failures of a row.
#[derive(Debug, Default)]
pub(super) struct Failures(pub(super) Witnesses);

impl FromSql for Failures {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let failures = Witnesses::from_bytes(value.as_blob()?);
        failures
            .map(Failures)
            .ok_or_else(|| FromSqlError::Other("the failures of a window are not readable".into()))
    }
}

pub(super) fn stamp(row: &Row<'_>, first: usize) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        secs: row.get(first)?,
        nanos: row.get(first + 1)?,
        digits: row.get(first + 2)?,
    })
}

impl Store {
    /// What is remembered of `address` under `rule`.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn past(&self, rule: &str, address: Address) -> Result<Past, StoreError> {
        self.past_since(rule, address, i64::MIN)
    }

    /// The same, of what is later than `since` alone.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn past_since(&self, rule: &str, address: Address, since: i64) -> Result<Past, StoreError> {
        let ip = address.to_string();
        let cleared = self.cleared(&ip)?;
        // A ban that somebody lifted no longer runs: what came before counts no more, by `cleared`.
        let until = "SELECT max(coalesce(ends, 9223372036854775807)) FROM ban \
                     WHERE ip = ? AND rule = ? AND (lifted IS NULL OR cause = 'expired') AND at > ?";
        let until = self
            .connection
            .prepare_cached(until)
            .and_then(|mut until| until.query_row(params![ip, rule, since], |row| row.get(0)));
        let mut window = self.window(address, rule)?;
        window.forget_up_to(since);
        Ok((cleared, self.wrap(until)?, window))
    }

    /// Whether nothing is remembered of any address: no window, ban or un-ban.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_blank(&self) -> Result<bool, StoreError> {
        let select = "SELECT NOT (EXISTS (SELECT 1 FROM open_window) OR EXISTS (SELECT 1 FROM ban) OR EXISTS (SELECT 1 FROM cleared))";
        self.wrap(self.connection.query_row(select, [], |row| row.get(0)))
    }

    pub(super) fn cleared(&self, ip: &str) -> Result<Option<i64>, StoreError> {
        let cleared = self
            .connection
            .prepare_cached("SELECT at FROM cleared WHERE ip = ?");
        self.wrap(
            cleared.and_then(|mut cleared| cleared.query_row([ip], |row| row.get(0)).optional()),
        )
    }

    fn window(&self, address: Address, rule: &str) -> Result<Witnesses, StoreError> {
        let select = "SELECT failures FROM open_window WHERE address = ? AND rule = ?";
        let failures = self.connection.prepare_cached(select).and_then(|mut s| {
            let failures = s.query_row(params![Key::of(address), rule], |row| {
                row.get::<_, Failures>(0)
            });
            failures.optional()
        });
        let Failures(failures) = self.wrap(failures)?.unwrap_or_default();
        Ok(failures)
    }
}

impl Commit<'_> {
    /// Replaces the open windows of these addresses under `rule`: fastest where
    /// they are in the order of the addresses.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_windows<'a>(
        &self,
        rule: &str,
        windows: impl IntoIterator<Item = (Address, &'a Witnesses)>,
    ) -> Result<(), StoreError> {
        let delete = "DELETE FROM open_window WHERE address = ? AND rule = ?";
        let write = || {
            let mut delete = self.transaction.prepare_cached(delete)?;
            let (mut one, mut many) = (None, None);
            let mut rows = Vec::new();
            for (address, failures) in windows {
                let key = Key::of(address);
                let Some(newest) = failures.newest() else {
                    delete.execute(params![key, rule])?;
                    continue;
                };
                rows.push((key, newest, failures.as_bytes()));
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

    /// Writes rows by a statement for that many, which is made when there is none.
    fn put<'a>(
        &'a self,
        statement: &mut Option<CachedStatement<'a>>,
        rule: &str,
        rows: &[(Key, i64, &[u8])],
    ) -> rusqlite::Result<()> {
        let put = if let Some(put) = statement {
            put
        } else {
            let row = |n| format!("(?{}, ?1, ?{}, ?{})", 3 * n + 2, 3 * n + 3, 3 * n + 4);
            let rows: Vec<String> = (0..rows.len()).map(row).collect();
            let sql = format!("REPLACE INTO open_window VALUES {}", rows.join(", "));
            statement.insert(self.transaction.prepare_cached(&sql)?)
        };
        // They lie about in memory: waited for all at once, not each in its turn.
        let far = rows.iter().map(|(.., failures)| failures.last());
        std::hint::black_box(far.fold(0, |all, last| all ^ last.copied().unwrap_or_default()));
        put.raw_bind_parameter(1, rule)?;
        for (n, (key, newest, failures)) in rows.iter().enumerate() {
            put.raw_bind_parameter(3 * n + 2, key)?;
            put.raw_bind_parameter(3 * n + 3, newest)?;
            put.raw_bind_parameter(3 * n + 4, failures)?;
        }
        put.raw_execute().map(drop)
    }

    /// Drops what the open windows of an address hold up to `until`.
    pub(super) fn drop_windows(&self, address: Address, until: i64) -> Result<(), StoreError> {
        let key = Key::of(address);
        if until == i64::MAX {
            return self.cached("DELETE FROM open_window WHERE address = ?", [key]);
        }
        let select = "SELECT rule, failures FROM open_window WHERE address = ?";
        let windows = self.transaction.prepare_cached(select).and_then(|mut s| {
            let rows = s.query_map([&key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, Failures)>>>()
        });
        for (rule, Failures(mut failures)) in self.wrap(windows)? {
            failures.forget_up_to(until);
            let Some(newest) = failures.newest() else {
                let delete = "DELETE FROM open_window WHERE address = ? AND rule = ?";
                self.cached(delete, params![key, rule])?;
                continue;
            };
            let set =
                "UPDATE open_window SET newest = ?, failures = ? WHERE address = ? AND rule = ?";
            self.cached(set, params![newest, failures.as_bytes(), key, rule])?;
        }
        Ok(())
    }

    /// Remembers the newest stamp that `rule` has read, and forgets windows
    /// that are more than a day, and more than `reach` seconds, behind it.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_newest(&self, rule: &str, newest: i64, reach: u32) -> Result<(), StoreError> {
        let upsert = "INSERT INTO rule VALUES (?1, ?2, ?2) ON CONFLICT(name) DO UPDATE SET newest = max(newest, ?2) \
                      RETURNING newest, swept";
        let (newest, swept): (i64, i64) = self.wrap(self.transaction.query_row(
            upsert,
            params![rule, newest],
            |row| Ok((row.get(0)?, row.get(1)?)),
        ))?;
        let behind = BEHIND.max(i64::from(reach) + 3600);
        // Looking through all windows costs: once for each day of the log is enough.
        if newest - swept < behind {
            return Ok(());
        }
        let forget = "DELETE FROM open_window WHERE rule = ? AND newest < ?";
        self.wrap(
            self.transaction
                .execute(forget, params![rule, newest - behind]),
        )?;
        self.wrap(self.transaction.execute(
            "UPDATE rule SET swept = ? WHERE name = ?",
            params![newest, rule],
        ))
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{Cause, Failure, Unban};

    /// Failures at these seconds.
    fn failures(at: &[i64]) -> Witnesses {
        let mut failures = Witnesses::default();
        for &at in at {
            let failure = Failure {
                address: Address::from(std::net::Ipv4Addr::new(192, 0, 2, 1)),
                at: Stamp::from_secs(at),
                count: 1,
                pattern: 0,
                instant: false,
                offset: 0,
            };
            failures.push(&failure, at, Path::new("log"), b"line");
        }
        failures
    }

    /// A store that holds this open window of 192.0.2.1.
    fn with_window(path: &Path, failures: &Witnesses) -> (Store, Address) {
        let mut store = Store::open(path, 0, || None).unwrap();
        let address = Address::parse(b"192.0.2.1").unwrap();
        let commit = store.begin().unwrap();
        commit.set_windows("ssh", [(address, failures)]).unwrap();
        commit.commit().unwrap();
        (store, address)
    }

    #[test]
    fn a_window_that_is_damaged_is_told_and_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        let (store, address) = with_window(&dir.path().join("db"), &failures(&[7]));
        assert_eq!(store.past("ssh", address).unwrap().2, failures(&[7]));
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
        let address = |n: u32| Address::from(std::net::Ipv4Addr::from_bits(n));
        for (from, emptied) in [(0, 1000), (100, 7)] {
            let windows: Vec<(Address, Witnesses)> = (from..from + 3 * 64 + 5)
                .map(|n| match n % emptied {
                    6 => (address(n), Witnesses::default()),
                    _ => (address(n), failures(&[i64::from(n), i64::from(from)])),
                })
                .collect();
            let commit = store.begin().unwrap();
            let written = windows
                .iter()
                .map(|(address, failures)| (*address, failures));
            commit.set_windows("ssh", written).unwrap();
            commit.commit().unwrap();
            for (address, failures) in windows {
                assert_eq!(store.past("ssh", address).unwrap().2, failures, "{address}");
            }
        }
        let first = store.past("ssh", address(99)).unwrap().2;
        assert_eq!(first, failures(&[99, 0]));
    }

    #[test]
    fn a_late_unban_of_another_server_leaves_what_is_later() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, address) = with_window(&dir.path().join("db"), &failures(&[7, 8]));
        for (at, rest) in [(7, failures(&[8])), (8, failures(&[]))] {
            let (cause, commit) = (Cause::Redis, store.begin().unwrap());
            commit.lift(&Unban { address, cause, at }).unwrap();
            commit.commit().unwrap();
            assert_eq!(store.past("ssh", address).unwrap().2, rest);
        }
    }

    #[test]
    fn a_store_that_is_held_can_be_looked_at_and_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (mut store, address) = with_window(&path, &failures(&[7]));
        store.hold().unwrap();
        store.hold().unwrap();
        store.past("ssh", address).unwrap();
        let looked = Store::look(&path).unwrap().unwrap();
        looked.hold().unwrap();
        assert_eq!(looked.past("ssh", address).unwrap().2, failures(&[7]));
        let commit = store.begin().unwrap();
        commit.set_windows("ssh", []).unwrap();
        commit.set_newest("ssh", 9, 5).unwrap();
        commit.commit().unwrap();
    }
}
