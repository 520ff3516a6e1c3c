//! The tables, as numbered migrations.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::model::Escaped;

use super::error::StoreError;

/// The schema this program writes: the number of migrations.
pub(super) const VERSION: i64 = 2;

/// Each brings the schema before it one further. What has been released is
/// never edited: a change is a new one.
const MIGRATIONS: [&str; 2] = [include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// What makes an older schema look like this one where the store is only looked
/// at: that of version 1 comes first.
const VIEWS: [&str; 1] = [include_str!("schema/1-as-2.sql")];

/// The schema of a database; 0 for an empty file and for PyFilter's.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes an older schema look like this one, without changing it.
pub(super) fn view(connection: &Connection, version: i64) -> rusqlite::Result<()> {
    let older = usize::try_from(version - 1).unwrap_or(usize::MAX);
    let views = VIEWS.get(older..).unwrap_or_default();
    views
        .iter()
        .try_for_each(|view| connection.execute_batch(view))
}

/// Brings the schema up to date, in one transaction, which is small: rows are
/// rewritten by and by, see `upgrade`.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |error| StoreError::of(path, &error);
    let old = version(connection).map_err(wrap)?;
    if old == VERSION {
        return Ok(());
    }
    let done = usize::try_from(old)
        .ok()
        .filter(|&done| done < MIGRATIONS.len());
    let Some(done) = done else {
        return Err(newer(path, old));
    };
    let first = "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1";
    let table: rusqlite::Result<Option<String>> =
        connection.query_row(first, [], |row| row.get(0)).optional();
    if let (0, Some(table)) = (done, table.map_err(wrap)?) {
        let (path, table) = (path.to_owned(), Escaped::text(&table).to_string());
        return Err(StoreError::Foreign { path, table });
    }
    let transaction = connection.transaction().map_err(wrap)?;
    apply(&transaction, done).map_err(wrap)?;
    transaction.commit().map_err(wrap)
}

/// The error for a schema that this program does not know.
pub(super) fn newer(path: &Path, version: i64) -> StoreError {
    StoreError::Newer {
        path: path.to_owned(),
        version,
        known: VERSION,
    }
}

/// Applies all migrations behind the first `done`, within the caller's transaction.
pub(super) fn apply(connection: &Connection, done: usize) -> rusqlite::Result<()> {
    for migration in &MIGRATIONS[done..] {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_counts_the_migrations() {
        assert_eq!(usize::try_from(VERSION), Ok(MIGRATIONS.len()));
        assert_eq!(VIEWS.len() + 1, MIGRATIONS.len());
    }
}
