//! What is free in the store's file is given back to the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::error::StoreError;

/// Less free space than this is kept for later rows, in bytes.
const KEPT: i64 = 16 << 20;

/// The seconds between an attempt that failed and the next one.
const AGAIN: i64 = 3600;

/// Notes that rows have become shorter by so many bytes: SQLite uses their pages
/// for nothing else while a row is left in them.
pub(super) fn note_sparse(connection: &Connection, bytes: usize) -> rusqlite::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let note = "INSERT INTO meta VALUES ('sparse', ?) \
                ON CONFLICT(key) DO UPDATE SET value = value + excluded.value";
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    connection.execute(note, [bytes]).map(drop)
}

/// Gives free space back to the disk where it is more than half of the file: free
/// pages, and bytes behind the last page that a run left which was killed within
/// `VACUUM`. `VACUUM` needs twice the room of the used pages, and time in proportion
/// to it. Without that room the file stays as it is, and a later run tries again.
pub(super) fn give_back(connection: &Connection, path: &Path, now: i64) -> Result<(), StoreError> {
    let wrap = |error| StoreError::of(path, &error);
    if !is_worth_it(connection, path).map_err(wrap)?
        || is_too_soon(connection, now).map_err(wrap)?
    {
        return Ok(());
    }
    match vacuum(connection, path) {
        Ok(()) => {
            let dense = "DELETE FROM meta WHERE key IN ('sparse', 'vacuum')";
            connection.execute(dense, []).map(drop).map_err(wrap)
        }
        Err(error) => match wrap(error) {
            StoreError::Full(_) | StoreError::Busy(_) => {
                // Where there is no room for this either, the next run tries again.
                let note = "INSERT OR REPLACE INTO meta VALUES ('vacuum', ?)";
                let _ = connection.execute(note, [now]);
                Ok(())
            }
            other => Err(other),
        },
    }
}

fn is_worth_it(connection: &Connection, path: &Path) -> rusqlite::Result<bool> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let sparse = "SELECT value FROM meta WHERE key = 'sparse'";
    let sparse: Option<i64> = connection
        .query_row(sparse, [], |row| row.get(0))
        .optional()?;
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let (free, sparse) = (number("freelist_count")?, sparse.unwrap_or(0));
    let (pages, size) = (number("page_count")?, number("page_size")?);
    let (free, all) = (free.saturating_mul(size), pages.saturating_mul(size));
    let behind = length.saturating_sub(all).max(0);
    let free = free.saturating_add(sparse).saturating_add(behind);
    Ok(free > KEPT && free > all.saturating_add(behind) / 2)
}

fn is_too_soon(connection: &Connection, now: i64) -> rusqlite::Result<bool> {
    let tried = "SELECT value FROM meta WHERE key = 'vacuum'";
    let tried: Option<i64> = connection
        .query_row(tried, [], |row| row.get(0))
        .optional()?;
    Ok(tried.is_some_and(|tried| tried <= now && now.saturating_sub(tried) < AGAIN))
}

/// The copy that `VACUUM` makes is a temporary file beside the store, where the
/// room is, and not in memory.
fn vacuum(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    connection.pragma_update(None, "temp_store", "FILE")?;
    // The pragma is deprecated, and the only way that does not change the environment. With a
    // path that is not UTF-8 SQLite uses its usual directories.
    if let Some(directory) = directory.to_str() {
        let _ = connection.pragma_update(None, "temp_store_directory", directory);
    }
    let done = connection.execute_batch("VACUUM");
    let _ = connection.pragma_update(None, "temp_store_directory", "");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    done
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    /// `VACUUM` has committed, and the run was killed before the file was made shorter.
    #[test]
    fn what_a_killed_run_has_left_behind_the_last_page_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let length = || std::fs::metadata(&path).unwrap().len();
        drop(Store::open(&path, 0, || None).unwrap());
        let dense = length();
        let set_length = |length| {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
        };
        // A little is kept for what comes.
        set_length(dense + (1 << 20));
        drop(Store::open(&path, 0, || None).unwrap());
        assert_eq!(length(), dense + (1 << 20));
        set_length(dense + (32 << 20));
        drop(Store::open(&path, 0, || None).unwrap());
        assert_eq!(length(), dense);
    }
}
