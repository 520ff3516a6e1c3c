//! The store and a commit of it, and how their statements are run.
//!
//! Each statement is prepared once and kept. A query names how a row becomes a
//! value: [`first`] for one column, [`subject`] for one that holds a subject,
//! [`columns`] for a tuple of several.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::types::FromSql;
use rusqlite::{
    Connection, OptionalExtension as _, Params, Row, ToSql, Transaction, TransactionBehavior,
    params,
};
use tempfile::TempDir;

use crate::model::Subject;

use super::error::StoreError;
use super::opened::OpenOutcome;
use super::paths::Paths;
use super::read_back::SubjectText;
use super::seen_subjects::SeenSubjects;
use super::times::RunClock;

/// The store of one host.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) opened: OpenOutcome,
    /// The paths of logs that were met in its rows.
    pub(super) paths: Paths,
    pub(super) times: RunClock,
    /// The copy that is read in place of a store that was cut off in a commit.
    pub(super) _copy: Option<TempDir>,
}

/// What a run changes: nothing of it is there until [`Commit::commit`]. It reads
/// as its store does, and sees its own changes.
#[derive(Debug)]
pub struct Commit<'a> {
    transaction: Transaction<'a>,
    store: &'a Store,
    pub(super) times: RunClock,
    pub(super) in_force: SeenSubjects,
}

impl Deref for Commit<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

/// The value of a row of one column.
pub(super) fn first<T: FromSql>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

/// The subject in a row of one column; none for a text that is none.
pub(super) fn subject(row: &Row<'_>) -> rusqlite::Result<Option<Subject>> {
    let SubjectText(subject) = row.get(0)?;
    Ok(subject)
}

/// The values of a row as a tuple.
pub(super) fn columns<T>(row: &Row<'_>) -> rusqlite::Result<T>
where
    T: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error>,
{
    row.try_into()
}

impl Store {
    pub(super) fn new(connection: Connection, path: &Path, times: RunClock) -> Self {
        Store {
            connection,
            path: path.to_owned(),
            opened: OpenOutcome::default(),
            paths: Paths::default(),
            times,
            _copy: None,
        }
    }

    /// Where the store's file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What opening the store has changed, and what is left to do.
    #[must_use]
    pub fn opened(&self) -> &OpenOutcome {
        &self.opened
    }

    /// Looks whether all of it holds together, which takes reading all of it.
    pub fn examine(&self) -> Result<(), StoreError> {
        let said: String = self.row("PRAGMA quick_check(1)", [], first)?;
        if said == "ok" {
            return Ok(());
        }
        Err(self.damaged(said.lines().last().unwrap_or_default()))
    }

    /// Begins a read transaction, which lasts until [`Store::end_read`] or
    /// [`Store::begin`]: to lock and unlock the file costs more than most queries
    /// do. A store that is only looked at is not locked, since no run could
    /// commit meanwhile.
    pub fn begin_read(&self) -> Result<(), StoreError> {
        if !self.connection.is_autocommit() || self.wrap(self.connection.is_readonly("main"))? {
            return Ok(());
        }
        self.wrap(self.connection.execute_batch("BEGIN"))
    }

    /// Ends a read transaction, so that other processes can commit.
    pub fn end_read(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.wrap(self.connection.execute_batch("COMMIT"))
    }

    /// A number that changes when another process commits.
    pub fn state(&self) -> Result<i64, StoreError> {
        self.row("PRAGMA data_version", [], first)
    }

    /// Begins what a run changes.
    pub fn begin(&mut self) -> Result<Commit<'_>, StoreError> {
        self.end_read()?;
        let begun = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        Ok(Commit {
            transaction: self.wrap(begun)?,
            store: self,
            times: self.times,
            in_force: SeenSubjects::default(),
        })
    }

    /// The store's id: tells its snapshots from another's.
    pub fn id(&self) -> Result<String, StoreError> {
        self.row("SELECT value FROM meta WHERE key = 'id'", [], first)
    }

    /// The value that `meta` has under a key.
    pub(super) fn meta<T: FromSql>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.optional("SELECT value FROM meta WHERE key = ?", [key], first)
    }

    /// The first row of a query that always has one.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| statement.query_row(values, read)))
    }

    /// The first row of a query, if there is one.
    pub(super) fn optional<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| statement.query_row(values, read).optional()))
    }

    /// All rows of a query, in its order.
    pub(super) fn rows<T, All: FromIterator<T>>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<All, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| statement.query_map(values, read)?.collect()))
    }

    /// The rows of a query that `read` understands, in its order.
    pub(super) fn valid_rows<T, All: FromIterator<T>>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
    ) -> Result<All, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| {
            let rows = statement.query_map(values, read)?;
            rows.filter_map(Result::transpose).collect()
        }))
    }

    /// Whether a query has any row.
    pub(super) fn exists(&self, sql: &str, values: impl Params) -> Result<bool, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| statement.exists(values)))
    }

    pub(super) fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::of(&self.path, &error))
    }

    /// The error for a row that no version of this program has written.
    pub(super) fn damaged(&self, said: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            said: said.to_owned(),
        }
    }
}

impl Commit<'_> {
    /// Makes all of it last, or none: where it fails nothing has changed.
    pub fn commit(self) -> Result<(), StoreError> {
        // Rows of an older version hold their paths themselves.
        self.wrap(self.paths.write(&self.connection))?;
        self.store.wrap(self.transaction.commit())
    }

    /// Runs a statement that gives no rows.
    pub(super) fn execute(&self, sql: &str, values: impl Params) -> Result<(), StoreError> {
        self.affected(sql, values).map(drop)
    }

    /// The same; says how many rows it has changed.
    pub(super) fn affected(&self, sql: &str, values: impl Params) -> Result<usize, StoreError> {
        let statement = self.connection.prepare_cached(sql);
        self.wrap(statement.and_then(|mut statement| statement.execute(values)))
    }

    pub(super) fn set_meta(&self, key: &str, value: impl ToSql) -> Result<(), StoreError> {
        let set = "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value";
        self.execute(set, params![key, value])
    }

    pub(super) fn forget_meta(&self, key: &str) -> Result<(), StoreError> {
        self.execute("DELETE FROM meta WHERE key = ?", [key])
    }
}
