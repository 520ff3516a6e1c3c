//! The paths of the logs that failures are kept of: a failure holds the id of its
//! path, the table `path` has the path of each id.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::{Evidence, PathId};

use super::read_back::damaged;

/// The paths that were met: in rows of an older version, which hold the paths
/// themselves, and in the table.
#[derive(Debug, Default)]
pub(super) struct Paths(RefCell<BTreeMap<PathId, Arc<Path>>>);

impl Paths {
    pub(super) fn note(&self, path: &Path) {
        let id = PathId::of(path);
        self.0.borrow_mut().entry(id).or_insert_with(|| path.into());
    }

    /// The failures that the bytes of a column hold.
    pub(super) fn failures(&self, bytes: &[u8], column: usize) -> rusqlite::Result<Evidence> {
        let failures = Evidence::from_bytes(bytes, |path| self.note(path));
        failures.ok_or_else(|| damaged(column, "the failures of a window are not readable"))
    }

    /// The path of an id.
    pub(super) fn get(&self, connection: &Connection, id: PathId) -> rusqlite::Result<Arc<Path>> {
        if let Some(path) = self.0.borrow().get(&id) {
            return Ok(path.clone());
        }
        let select = connection.prepare_cached("SELECT path FROM path WHERE id = ?");
        let path = select?
            .query_row([id.number()], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        let path = path.ok_or_else(|| damaged(0, "the path of a failure's log is missing"))?;
        let path: Arc<Path> = PathBuf::from(OsString::from_vec(path)).into();
        self.0.borrow_mut().insert(id, path.clone());
        Ok(path)
    }

    /// Writes the paths that are not in the table yet.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        for path in self.0.borrow().values() {
            write(connection, path)?;
        }
        Ok(())
    }
}

/// Writes a path that may be in the table already.
pub(super) fn write(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let insert = "INSERT OR IGNORE INTO path VALUES (?, ?)";
    let values = params![PathId::of(path).number(), path.as_os_str().as_bytes()];
    connection.prepare_cached(insert)?.execute(values).map(drop)
}
