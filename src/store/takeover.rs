//! Turns the database of a PyFilter 1 or 2 into a store, with its bans.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::model::{Address, Ban, Country, Origin, Stamp, Subject};

use super::error::StoreError;
use super::files::{beside, private_file};
use super::opened::Takeover;
use super::query::Store;
use super::schema;

/// What PyFilter called every server in SQLite.
const SERVER: &str = "Server-1";

/// The rows of PyFilter's table.
#[derive(Debug)]
pub(super) struct FormerRows(Vec<Row>);

#[derive(Debug)]
struct Row {
    ip: String,
    banned: Option<i64>,
    server: Option<String>,
    message: Option<String>,
    country: Option<String>,
}

/// The old rows, if the database is PyFilter's.
pub(super) fn find(connection: &Connection, path: &Path) -> Result<Option<FormerRows>, StoreError> {
    let read = || {
        let theirs = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'banned_ip'";
        if schema::version(connection)? != 0 || !connection.prepare(theirs)?.exists([])? {
            return Ok(None);
        }
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info('banned_ip')")?;
        let columns: BTreeSet<String> = columns
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        // Version 1 had the address alone, version 2.0 no country.
        let column = |name: &'static str| if columns.contains(name) { name } else { "NULL" };
        let select = format!(
            "SELECT ip, {}, {}, {}, {} FROM banned_ip ORDER BY rowid",
            column("time_banned"),
            column("server_name"),
            column("log_msg"),
            column("country")
        );
        let mut select = connection.prepare(&select)?;
        let rows = select.query_map([], |row| {
            Ok(Row {
                ip: text(row.get_ref(0)?).unwrap_or_default(),
                banned: seconds(row.get_ref(1)?),
                server: text(row.get_ref(2)?),
                message: text(row.get_ref(3)?),
                country: text(row.get_ref(4)?),
            })
        })?;
        Ok(Some(FormerRows(rows.collect::<rusqlite::Result<_>>()?)))
    };
    read().map_err(|error| StoreError::of(path, &error))
}

/// PyFilter wrote `time.time()`: a real number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a time that is out of range saturates, which is as good as any"
)]
fn seconds(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(seconds) => Some(seconds),
        ValueRef::Real(seconds) => Some(seconds as i64),
        _ => None,
    }
}

/// The text of a cell of whatever type: one bad cell must not keep out the rest.
fn text(value: ValueRef<'_>) -> Option<String> {
    let text = match value {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

/// Turns the old database into a store in one transaction, and keeps a copy of it.
/// If there is a blacklist, only a `blacklisted` address becomes a ban: the un-ban
/// of PyFilter's tutorial removed the line from the blacklist and left the row.
pub(super) fn take_over(
    store: &mut Store,
    old: &FormerRows,
    blacklisted: Option<&BTreeSet<Subject>>,
    now: i64,
) -> Result<Takeover, StoreError> {
    let copy = keep_copy(&store.path).map_err(|error| StoreError::of_io(&store.path, &error))?;
    // The old rows are in no order: without a larger cache the pages of 300,000 rows would be
    // written out and read again.
    store.wrap((store.connection).pragma_update(None, "cache_size", -65_536))?;
    let commit = store.begin()?;
    commit.execute("DROP TABLE banned_ip", [])?;
    commit.wrap(schema::apply(&commit.connection, 0))?;
    let mut taken = Takeover {
        copy,
        bans: 0,
        history: 0,
        refused: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for row in &old.0 {
        let Some(address) = Address::parse(row.ip.trim().as_bytes()) else {
            taken.refused.push(row.ip.clone());
            continue;
        };
        let subject = Subject::from(address);
        if !seen.insert(subject) {
            continue;
        }
        let is_banned = blacklisted.is_none_or(|blacklisted| blacklisted.contains(&subject));
        let ban = row.ban(subject, now);
        commit.add_old(&ban, (!is_banned).then_some(now))?;
        taken.bans += usize::from(is_banned);
        taken.history += usize::from(!is_banned);
    }
    commit.bump_number(now)?;
    commit.commit()?;
    Ok(taken)
}

impl Row {
    fn ban(&self, subject: Subject, now: i64) -> Ban {
        // A ban of a time in the future would survive every un-ban.
        let at = self.banned.unwrap_or(now).clamp(0, now);
        let reason = self
            .message
            .clone()
            .unwrap_or_else(|| "taken over from PyFilter".to_owned());
        Ban {
            subject,
            rule: None,
            server: Arc::from(self.server.as_deref().unwrap_or(SERVER)),
            at: Stamp::from_secs(at),
            ends: None,
            failures: 0,
            instant: false,
            origin: Origin::Snapshot,
            reason: Some(reason.into()),
            country: self.country.as_deref().and_then(Country::named),
            count: None,
            aggregates: 0,
        }
    }
}

/// Copies the database of a PyFilter, which may be in use, to the place of a new
/// store: all of it or nothing.
///
/// # Errors
/// It can not be read, or the copy not be written.
pub fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let new = beside(to, ".new");
    let io = |error| StoreError::of_io(&new, &error);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let file = private_file().create_new(true).open(&new).map_err(io)?;
    let copy = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let old = Connection::open_with_flags(from, flags)?;
        old.busy_timeout(std::time::Duration::from_secs(5))?;
        old.execute("VACUUM INTO ?", [new.to_string_lossy()])
    };
    copy().map_err(|error| {
        let _ = std::fs::remove_file(&new);
        StoreError::of(from, &error)
    })?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&new, to).map_err(io)
}

/// Copies the old database to a name that no file has.
fn keep_copy(path: &Path) -> std::io::Result<PathBuf> {
    let names =
        std::iter::once(String::from(".pyfilter")).chain((1..).map(|n| format!(".pyfilter-{n}")));
    for name in names {
        let copy = beside(path, &name);
        match private_file().create_new(true).open(&copy) {
            Ok(mut file) => {
                std::io::copy(&mut std::fs::File::open(path)?, &mut file)?;
                file.sync_all()?;
                return Ok(copy);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("there is always another name")
}
