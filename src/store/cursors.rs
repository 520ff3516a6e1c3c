use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::{Cursor, Fingerprint};

use super::{Commit, Store, StoreError};

/// Seconds of a day: how exactly it is remembered when a log was last met.
const DAY: i64 = 86_400;

/// Cursors and windows that nothing has asked for are kept this long.
const KEPT: i64 = 30 * DAY;

impl Store {
    /// How far `rule` has read each log.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn cursors(&self, rule: &str) -> Result<BTreeMap<PathBuf, Cursor>, StoreError> {
        let select = "SELECT path, offset, head_length, head_hash, tail_length, tail_hash FROM cursor WHERE rule = ?";
        let read = |row: &Row<'_>| {
            let unsigned = |column| row.get(column).map(i64::cast_unsigned);
            let path = PathBuf::from(OsString::from_vec(row.get(0)?));
            let head = Fingerprint {
                length: unsigned(2)?,
                hash: unsigned(3)?,
            };
            let tail = Fingerprint {
                length: unsigned(4)?,
                hash: unsigned(5)?,
            };
            Ok((
                path,
                Cursor {
                    offset: unsigned(1)?,
                    head,
                    tail,
                },
            ))
        };
        let cursors = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| select.query_map([rule], read)?.collect());
        self.wrap(cursors)
    }

    /// Whether today's meeting with the logs of `rule` is still to be noted.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_unseen(&self, rule: &str, now: i64) -> Result<bool, StoreError> {
        let oldest = "SELECT min(seen) FROM cursor WHERE rule = ?";
        let oldest: Option<i64> = self
            .wrap(
                self.connection
                    .query_row(oldest, [rule], |row| row.get(0))
                    .optional(),
            )?
            .flatten();
        Ok(oldest.is_some_and(|seen| seen + DAY <= now))
    }

    /// The newest stamp that `rule` has read.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn newest(&self, rule: &str) -> Result<Option<i64>, StoreError> {
        let newest = "SELECT newest FROM rule WHERE name = ?";
        self.wrap(
            self.connection
                .query_row(newest, [rule], |row| row.get(0))
                .optional(),
        )
    }
}

impl Commit<'_> {
    /// Remembers how far `rule` has read the log at `path`.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_cursor(
        &self,
        rule: &str,
        path: &Path,
        cursor: &Cursor,
        now: i64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let signed = u64::cast_signed;
        let Cursor { offset, head, tail } = *cursor;
        let values = params![
            rule,
            path.as_os_str().as_bytes(),
            signed(offset),
            signed(head.length),
            signed(head.hash),
            signed(tail.length),
            signed(tail.hash),
            now - now.rem_euclid(DAY)
        ];
        self.wrap(
            self.transaction
                .prepare_cached(insert)
                .and_then(|mut insert| insert.execute(values)),
        )
        .map(drop)
    }

    /// Notes that a run met the logs of `rule`, and forgets what none has met
    /// for 30 days.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn see(&self, rule: &str, logs: &[PathBuf], now: i64) -> Result<(), StoreError> {
        let today = now - now.rem_euclid(DAY);
        for path in logs {
            let update = "UPDATE cursor SET seen = ? WHERE rule = ? AND path = ? AND seen < ?";
            let values = params![today, rule, path.as_os_str().as_bytes(), today];
            self.wrap(
                self.transaction
                    .prepare_cached(update)
                    .and_then(|mut update| update.execute(values)),
            )?;
        }
        self.wrap(
            self.transaction
                .execute("DELETE FROM cursor WHERE seen < ?", [now - KEPT]),
        )?;
        let orphans = "DELETE FROM failure WHERE ban = 0 AND rule IN (SELECT name FROM rule WHERE name NOT IN (SELECT rule FROM cursor))";
        self.wrap(self.transaction.execute(orphans, []))?;
        self.wrap(self.transaction.execute(
            "DELETE FROM rule WHERE name NOT IN (SELECT rule FROM cursor)",
            [],
        ))
        .map(drop)
    }
}
