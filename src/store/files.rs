//! The store's file: whether it is there, how it is opened, and its copy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::error::StoreError;

/// Whether there is a file. Anything else is an error: opening a named pipe
/// would wait for somebody at its other end.
pub(super) fn is_there(path: &Path) -> Result<bool, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(StoreError::Other {
            path: path.to_owned(),
            said: "it is not a file; move it away".to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::of_io(path, &error)),
    }
}

pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // Readers meet a run's commit for some milliseconds at most.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    // Else a statement is prepared anew for each address that is bound to it: the plan might be
    // another. There are partial indices, and no plan here depends on a value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // What is much is written in the order of its keys, so that each page is met once; but the
    // indices of a hundred thousand bans are not, and SQLite's 2 MB would be written out and read
    // again for each.
    connection.pragma_update(None, "cache_size", -16_384)?;
    // Temporary B-trees of large queries belong into memory, not into /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

pub(super) fn copy_aside(path: &Path) -> std::io::Result<(TempDir, PathBuf)> {
    let dir = TempDir::new()?;
    let copy = dir.path().join("store");
    std::fs::copy(path, &copy)?;
    std::fs::copy(beside(path, "-journal"), beside(&copy, "-journal"))?;
    Ok((dir, copy))
}

/// The path with `suffix` at its end.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
