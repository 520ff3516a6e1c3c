//! What is free in the store's file is given back to the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;

/// Less than this is kept for what comes, in bytes.
const KEPT: i64 = 16 << 20;

/// How long after an attempt that failed the next one comes, in seconds.
const AGAIN: i64 = 3600;

/// Gives back what is free, where that is more than half of the file. `VACUUM`
/// needs room for what is not free twice over, and takes time in proportion to
/// that. Where there is not so much room the file stays as it is, and a later
/// run tries again: nothing depends on it.
pub(super) fn give_back(connection: &Connection, path: &Path, now: i64) -> Result<(), StoreError> {
    let wrap = |error| StoreError::of(path, &error);
    if !is_worth_it(connection).map_err(wrap)? || is_too_soon(connection, now).map_err(wrap)? {
        return Ok(());
    }
    match vacuum(connection, path) {
        Ok(()) => Ok(()),
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

fn is_worth_it(connection: &Connection) -> rusqlite::Result<bool> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = number("freelist_count")?;
    if free == 0 {
        return Ok(false);
    }
    let (pages, size) = (number("page_count")?, number("page_size")?);
    Ok(free.saturating_mul(size) > KEPT && free > pages / 2)
}

fn is_too_soon(connection: &Connection, now: i64) -> rusqlite::Result<bool> {
    let tried = "SELECT value FROM meta WHERE key = 'vacuum'";
    let tried: Option<i64> = connection
        .query_row(tried, [], |row| row.get(0))
        .optional()?;
    Ok(tried.is_some_and(|tried| tried <= now && now.saturating_sub(tried) < AGAIN))
}

/// The copy that `VACUUM` makes is a temporary file, not memory: beside the
/// store, where the room is.
fn vacuum(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    connection.pragma_update(None, "temp_store", "FILE")?;
    // Deprecated, and the only way that does not change the environment. A path
    // that is no text leaves it with the usual places.
    if let Some(directory) = directory.to_str() {
        let _ = connection.pragma_update(None, "temp_store_directory", directory);
    }
    let done = connection.execute_batch("VACUUM");
    let _ = connection.pragma_update(None, "temp_store_directory", "");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    done
}
