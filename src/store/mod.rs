//! What is remembered between runs: one SQLite file, one commit a run.
//!
//! | file | what |
//! |---|---|
//! | `schema` | the tables, as numbered migrations that are never edited |
//! | `upgrade` | the rows of an older version are rewritten in small steps |
//! | `space` | what is free in the file is given back to the disk |
//! | `read_back` | what is read is checked before it is reckoned with |
//! | `connections` | the connections to which further lines may belong |
//! | `cursors` | how far each rule has read each log |
//! | `standings` | open windows, and what an address has behind it |
//! | `bans`, `lifts` | bans in force, and how they end |
//! | `clock` | what earlier runs knew of the time, and what a wrong clock has left |
//! | `counts` | figures that are told of |
//! | `sets` | the numbers of the sets of bans in force, and what lies between them |
//! | `effects` | what the last commit still owes the world |
//! | `exchange` | what other servers told |
//! | `made` | what of ours is in the firewall, and where |
//! | `outbox` | what is still to be sent to them |
//! | `sender` | under which id, and what is sent again under another |
//! | `past` | what `explain` shows |
//! | `paths` | the paths of the logs that failures are kept of |
//! | `last_good` | what files of `conf.d` said when they were last whole |
//! | `files` | the file itself, and its copies |
//! | `takeover` | the database of a PyFilter 1 or 2 |

mod bans;
mod clock;
mod connections;
mod counts;
mod cursors;
mod effects;
mod error;
mod exchange;
mod files;
mod installed_chains;
mod last_good;
mod lifts;
mod outbox;
mod past;
mod paths;
mod read_back;
mod schema;
mod sender;
mod sets;
mod space;
mod takeover;
mod upgrade;
mod windows;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};
use tempfile::TempDir;

use crate::model::Address;
use files::{copy_aside, is_there, prepare};
use paths::Paths;
use read_back::Seconds;

pub use clock::Mended;
pub use connections::OpenConnections;
pub use counts::StoredBanCount;
pub use effects::PendingNotification;
pub use error::StoreError;
pub use exchange::Before;
pub use outbox::Outbound;
pub use past::{OpenWindow, PastBan};
pub use sender::{StoredSender, Waiting};
pub use sets::Since;
pub use takeover::{Takeover, copy_database};
pub use windows::{OpenRow, StoredPast, TEXTS_KEPT};

/// The store of one host.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// What was taken over from a PyFilter database when it was opened.
    takeover: Option<Takeover>,
    /// The paths that were met in rows of an older version.
    paths: Paths,
    /// Why it is not wholly brought to this version yet.
    unfinished: Option<Unfinished>,
    times: clock::RunClock,
    /// What was mended when it was opened, because the clock had gone back.
    mended: Option<Mended>,
    /// The copy that is read in place of a store that was cut off in a commit.
    _copy: Option<TempDir>,
}

/// Why a store of an older version is not wholly brought to this one yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// The disk is full.
    NoRoom,
    /// It takes longer than a run takes for it.
    NoTime,
}

/// What a run changes: nothing of it is there until [`Commit::commit`].
#[derive(Debug)]
pub struct Commit<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
    paths: &'a Paths,
    times: clock::RunClock,
}

impl Store {
    /// Opens the store for a run whose clock shows `now`: makes it if it is not
    /// there, brings an older one up to date, mends what a run with a wrong clock
    /// has left, takes over a PyFilter database; `blacklisted` finds the
    /// addresses in the blacklists beside that, if there are any.
    ///
    /// # Errors
    /// It can not be opened or written, is damaged, or from a newer version.
    pub fn open(
        path: &Path,
        now: i64,
        blacklisted: impl FnOnce() -> Option<BTreeSet<Address>>,
    ) -> Result<Self, StoreError> {
        let wrap = |error| StoreError::of(path, &error);
        is_there(path)?;
        // SQLite would make it readable for all.
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        made.map_err(|error| StoreError::of_io(path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(wrap)?;
        prepare(&connection).map_err(wrap)?;
        let takeover = if let Some(old) = takeover::find(&connection, path)? {
            Some(takeover::take_over(
                &mut connection,
                path,
                &old,
                blacklisted().as_ref(),
                now,
            )?)
        } else {
            schema::migrate(&mut connection, path)?;
            None
        };
        let unfinished = upgrade::go_on(&mut connection, path)?;
        if unfinished.is_none() {
            space::give_back(&connection, path, now)?;
        }
        let mut store = Store {
            connection,
            path: path.to_owned(),
            takeover,
            paths: Paths::default(),
            unfinished,
            times: clock::RunClock::first(now),
            mended: None,
            _copy: None,
        };
        store.begin_times(now)?;
        store.hold()?;
        Ok(store)
    }

    /// Opens the store to look at, without changing a byte of it; none if
    /// there is none.
    ///
    /// # Errors
    /// It can not be read, is damaged, or from another version.
    pub fn look(path: &Path) -> Result<Option<Self>, StoreError> {
        if !is_there(path)? {
            return Ok(None);
        }
        std::fs::File::open(path).map_err(|error| StoreError::of_io(path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |at: &Path| {
            let connection = Connection::open_with_flags(at, flags)?;
            prepare(&connection)?;
            schema::version(&connection).map(|version| (connection, version))
        };
        let mut copy = None;
        let (connection, version) = match open(path) {
            // A run was killed in its commit. Rolling that back is for the next run, so a copy is rolled back.
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK =>
            {
                let (dir, at) =
                    copy_aside(path).map_err(|error| StoreError::of_io(path, &error))?;
                copy = Some(dir);
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&at, flags).and_then(|connection| {
                    schema::version(&connection).map(|version| (connection, version))
                })
            }
            other => other,
        }
        .map_err(|error| StoreError::of(path, &error))?;
        match version {
            // The first run takes PyFilter's over.
            ..=0 => return Ok(None),
            1..=schema::VERSION => {}
            newer => {
                return Err(StoreError::Newer {
                    path: path.to_owned(),
                    version: newer,
                });
            }
        }
        schema::view(&connection, version).map_err(|error| StoreError::of(path, &error))?;
        Ok(Some(Store {
            connection,
            path: path.to_owned(),
            takeover: None,
            paths: Paths::default(),
            unfinished: None,
            // It is not written, so nothing grows old.
            times: clock::RunClock::first(0),
            mended: None,
            _copy: copy,
        }))
    }

    /// Why a store of an older version is not wholly brought to this one yet:
    /// it is used as it is, and the next run goes on.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.unfinished
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was taken over from a PyFilter database when it was opened.
    #[must_use]
    pub fn takeover(&self) -> Option<&Takeover> {
        self.takeover.as_ref()
    }

    /// Looks whether all of it holds together, which takes reading all of it.
    ///
    /// # Errors
    /// It is damaged, or can not be read.
    pub fn examine(&self) -> Result<(), StoreError> {
        let said: String = self.wrap(self.connection.query_row(
            "PRAGMA quick_check(1)",
            [],
            |row| row.get(0),
        ))?;
        if said == "ok" {
            return Ok(());
        }
        let said = said.lines().last().unwrap_or_default().to_owned();
        let path = self.path.clone();
        Err(StoreError::Damaged { path, said })
    }

    /// Keeps what is read from now on locked until [`Store::begin`]: to lock
    /// and unlock it costs more than what most queries do. A store that is
    /// only looked at is not held, since no run could commit meanwhile.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn hold(&self) -> Result<(), StoreError> {
        if !self.connection.is_autocommit() || self.wrap(self.connection.is_readonly("main"))? {
            return Ok(());
        }
        self.wrap(self.connection.execute_batch("BEGIN"))
    }

    /// Lets others commit what is held, until [`Store::hold`] holds it again.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn let_go(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.wrap(self.connection.execute_batch("COMMIT"))
    }

    /// A number that is another one after somebody else has committed.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn state(&self) -> Result<i64, StoreError> {
        let state = "PRAGMA data_version";
        self.wrap(self.connection.query_row(state, [], |row| row.get(0)))
    }

    /// Begins what a run changes.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn begin(&mut self) -> Result<Commit<'_>, StoreError> {
        self.let_go()?;
        let begun = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        Ok(Commit {
            transaction: begun.map_err(|error| StoreError::of(&self.path, &error))?,
            path: &self.path,
            paths: &self.paths,
            times: self.times,
        })
    }

    /// The store's id: tells its snapshots from another's.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn id(&self) -> Result<String, StoreError> {
        let id = "SELECT value FROM meta WHERE key = 'id'";
        self.wrap(self.connection.query_row(id, [], |row| row.get(0)))
    }

    fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::of(&self.path, &error))
    }

    /// A time that `meta` holds.
    fn meta_seconds(&self, key: &str) -> Result<Option<i64>, StoreError> {
        let value = "SELECT value FROM meta WHERE key = ?";
        let value = self.connection.query_row(value, [key], |row| row.get(0));
        Ok(self.wrap(value.optional())?.map(|Seconds(at)| at))
    }

    fn meta(&self, key: &str) -> Result<Option<i64>, StoreError> {
        let value =
            self.connection
                .query_row("SELECT value FROM meta WHERE key = ?", [key], |row| {
                    row.get(0)
                });
        self.wrap(value.optional())
    }
}

impl Commit<'_> {
    /// Makes all of it last, or none.
    ///
    /// # Errors
    /// The store can not be written: nothing has changed.
    pub fn commit(self) -> Result<(), StoreError> {
        let path = self.path;
        self.set_met_paths()?;
        self.transaction
            .commit()
            .map_err(|error| StoreError::of(path, &error))
    }

    fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::of(self.path, &error))
    }

    fn set_meta(&self, key: &str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
        let set = "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value";
        self.wrap(self.transaction.execute(set, params![key, value]))
            .map(drop)
    }
}
