//! How a store is opened: for a run, or only to be looked at.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::model::Subject;

use super::error::StoreError;
use super::files::{copy_aside, is_there, prepare, private_file};
use super::query::Store;
use super::times::RunClock;
use super::{schema, takeover, upgrade};

impl Store {
    /// Opens the store for a run whose clock shows `now`. Creates a store that is
    /// not there, brings an older one up to date, repairs what a run with a wrong
    /// clock has left, and takes over a PyFilter database: `blacklisted` reads the
    /// addresses of the blacklists beside it, if there are any.
    ///
    /// # Errors
    /// It can not be opened or written, is damaged, or from a newer version.
    pub fn open(
        path: &Path,
        now: i64,
        blacklisted: impl FnOnce() -> Option<BTreeSet<Subject>>,
    ) -> Result<Self, StoreError> {
        let wrap = |error| StoreError::of(path, &error);
        is_there(path)?;
        // SQLite would make a file that all can read.
        let created = private_file().create(true).truncate(false).open(path);
        created.map_err(|error| StoreError::of_io(path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(wrap)?;
        prepare(&connection).map_err(wrap)?;
        let mut store = Store::new(connection, path, RunClock::new(now, None));
        if let Some(old) = takeover::find(&store.connection, path)? {
            let taken = takeover::take_over(&mut store, &old, blacklisted().as_ref(), now)?;
            store.opened.takeover = Some(taken);
        } else {
            schema::migrate(&mut store.connection, path)?;
        }
        store.opened.unfinished = upgrade::go_on(&mut store)?;
        if store.opened.unfinished.is_none() {
            store.give_back(now)?;
        }
        store.begin_times(now)?;
        store.begin_read()?;
        Ok(store)
    }

    /// Opens the store to be looked at, without changing a byte of it; none if
    /// there is no store.
    ///
    /// # Errors
    /// It can not be read, is damaged, or from another version.
    pub fn look(path: &Path) -> Result<Option<Self>, StoreError> {
        if !is_there(path)? {
            return Ok(None);
        }
        File::open(path).map_err(|error| StoreError::of_io(path, &error))?;
        let mut copy = None;
        let opened = match connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            // A run was killed in its commit. The next run rolls the file back; here a copy is rolled back.
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK =>
            {
                let copied = copy_aside(path);
                let (dir, at) = copied.map_err(|error| StoreError::of_io(path, &error))?;
                copy = Some(dir);
                connect(&at, OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            other => other,
        };
        let (connection, version) = opened.map_err(|error| StoreError::of(path, &error))?;
        match version {
            // An empty file, or a PyFilter database that the first run will take over.
            ..=0 => return Ok(None),
            1..=schema::VERSION => {}
            newer => return Err(schema::newer(path, newer)),
        }
        schema::view(&connection, version).map_err(|error| StoreError::of(path, &error))?;
        // It is not written, so nothing grows old.
        let store = Store::new(connection, path, RunClock::new(0, None));
        Ok(Some(Store {
            _copy: copy,
            ..store
        }))
    }
}

/// A connection to a file, and the version of its schema.
fn connect(path: &Path, rights: OpenFlags) -> rusqlite::Result<(Connection, i64)> {
    let connection = Connection::open_with_flags(path, rights | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&connection)?;
    let version = schema::version(&connection)?;
    Ok((connection, version))
}
