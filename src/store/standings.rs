use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::{Address, Stamp, Witness};

use super::{Commit, Store, StoreError};

/// Windows this much behind the newest stamp of their rule may be forgotten.
const BEHIND: i64 = 86_400;

/// What is remembered of an address under a rule: until when it is cleared,
/// until when it is banned, and the failures of its open window.
pub(super) type Past = (Option<i64>, Option<i64>, Vec<Witness>);

const COLUMNS: &str = "at, nanos, digits, counted, count, pattern, path, offset, text";

pub(super) fn stamp(row: &Row<'_>, first: usize) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        secs: row.get(first)?,
        nanos: row.get(first + 1)?,
        digits: row.get(first + 2)?,
    })
}

pub(super) fn witness(row: &Row<'_>) -> rusqlite::Result<Witness> {
    Ok(Witness {
        at: stamp(row, 0)?,
        counted: row.get(3)?,
        count: row.get(4)?,
        pattern: row.get(5)?,
        path: Arc::from(PathBuf::from(OsString::from_vec(row.get(6)?))),
        offset: row.get::<_, i64>(7)?.cast_unsigned(),
        text: row.get::<_, Vec<u8>>(8)?.into(),
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
        let mut window = self.window(&ip, rule, 0)?;
        window.retain(|witness| witness.at.secs > since);
        Ok((cleared, self.wrap(until)?, window))
    }

    /// Whether nothing is remembered of any address: no window, ban or un-ban.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_blank(&self) -> Result<bool, StoreError> {
        let select = "SELECT NOT (EXISTS (SELECT 1 FROM failure) OR EXISTS (SELECT 1 FROM ban) OR EXISTS (SELECT 1 FROM cleared))";
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

    pub(super) fn window(
        &self,
        ip: &str,
        rule: &str,
        ban: i64,
    ) -> Result<Vec<Witness>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM failure WHERE ip = ? AND rule = ? AND ban = ? ORDER BY sequence"
        );
        let rows = self
            .connection
            .prepare_cached(&select)
            .and_then(|mut select| select.query_map(params![ip, rule, ban], witness)?.collect());
        self.wrap(rows)
    }
}

impl Commit<'_> {
    /// Replaces the open window of `address` under `rule`.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_window(
        &self,
        rule: &str,
        address: Address,
        witnesses: &[Witness],
    ) -> Result<(), StoreError> {
        let ip = address.to_string();
        let delete = "DELETE FROM failure WHERE ip = ? AND rule = ? AND ban = 0";
        self.wrap(
            self.transaction
                .prepare_cached(delete)
                .and_then(|mut delete| delete.execute([&ip, rule])),
        )?;
        self.keep(rule, &ip, 0, witnesses)
    }

    /// Stores the open window of an address that has none under `rule`.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn open_window(
        &self,
        rule: &str,
        address: Address,
        witnesses: &[Witness],
    ) -> Result<(), StoreError> {
        self.keep(rule, &address.to_string(), 0, witnesses)
    }

    /// Drops what the open windows of an address hold up to `until`.
    pub(super) fn drop_windows(&self, ip: &str, until: i64) -> Result<(), StoreError> {
        let delete = "DELETE FROM failure WHERE ip = ? AND ban = 0 AND at <= ?";
        self.cached(delete, params![ip, until])
    }

    pub(super) fn keep(
        &self,
        rule: &str,
        ip: &str,
        ban: i64,
        witnesses: &[Witness],
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        for (sequence, witness) in (0i64..).zip(witnesses) {
            let Witness {
                at,
                counted,
                count,
                pattern,
                ref path,
                offset,
                ref text,
            } = *witness;
            let (path, text) = (path.as_os_str().as_bytes(), text.as_ref());
            let offset = offset.cast_signed();
            let values = params![
                ip, rule, ban, sequence, at.secs, at.nanos, at.digits, counted, count, pattern,
                path, offset, text
            ];
            self.wrap(
                self.transaction
                    .prepare_cached(insert)
                    .and_then(|mut insert| insert.execute(values)),
            )?;
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
        let forget = "DELETE FROM failure WHERE rule = ?1 AND ban = 0 AND ip IN \
                      (SELECT ip FROM failure WHERE rule = ?1 AND ban = 0 GROUP BY ip HAVING max(counted) < ?2)";
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
