//! The store's file: whether it is there, how it is opened, and its copy.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::error::StoreError;

/// Options to write a file that only its owner may read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Whether there is a file. Anything else there is an error: to open a named pipe
/// would wait for a process at its other end.
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

/// Sets how a connection works.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // Readers meet a run's commit for some milliseconds at most.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    // Without this, a statement is prepared anew for each address that is bound to it, since
    // its plan might change. No plan here depends on a value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Large tables are written in the order of their keys, so each page is needed once. The
    // indices of a hundred thousand bans are not: with SQLite's 2 MB of cache their pages
    // would be written out and read again for each ban.
    connection.pragma_update(None, "cache_size", -16_384)?;
    // Temporary B-trees of large queries are kept in memory, not in /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Copies a store and its journal into a temporary directory.
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
