//! Rewrites the rows of a store of the first version, which hold texts and paths
//! without a bound: with a million windows such a store takes 4 GB. Each step is a
//! transaction of its own. Where a run is killed or the disk is full, the next run
//! goes on after the last step. Until all is done, rows of both kinds are read.
//!
//! The value `upgrade` of `meta` is the place of the next step: `windows` at first,
//! then `windows ADDRESS RULE` of the last window that was rewritten, the address in
//! hexadecimal (`windows c0000201 ssh`), then `bans ID`. It is gone when all is done.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::opened::Unfinished;
use super::paths::Paths;
use super::space;
use super::windows::TEXTS_KEPT;

/// A step rewrites at most so many rows, and ends with the row by which it has
/// read so many bytes of failures.
const ROWS: i64 = 4096;
const BYTES: usize = 8 << 20;

/// How long one run rewrites rows.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rewrites rows until all are done, or for some seconds; returns why rows are left.
/// The store is used as it is then.
pub(super) fn go_on(
    connection: &mut Connection,
    path: &Path,
) -> Result<Option<Unfinished>, StoreError> {
    let begun = Instant::now();
    loop {
        match step(connection).map_err(|error| StoreError::of(path, &error)) {
            Ok(false) => return Ok(None),
            Ok(true) if begun.elapsed() < PATIENCE => {}
            Ok(true) => return Ok(Some(Unfinished::NoTime)),
            Err(StoreError::Full(_)) => return Ok(Some(Unfinished::NoRoom)),
            Err(other) => return Err(other),
        }
    }
}

/// Rewrites the next rows; false if there was none left.
fn step(connection: &mut Connection) -> rusqlite::Result<bool> {
    let at = "SELECT value FROM meta WHERE key = 'upgrade'";
    let at: Option<String> = connection.query_row(at, [], |row| row.get(0)).optional()?;
    let Some(at) = at else {
        return Ok(false);
    };
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let paths = Paths::default();
    let next = match at.strip_prefix("bans ").map(str::parse) {
        Some(Ok(id)) => bans(&transaction, &paths, id)?,
        // A value of another form begins anew: a row that was rewritten is left as it is.
        _ => windows(&transaction, &paths, &at)?,
    };
    paths.write(&transaction)?;
    match next {
        Some(next) => {
            let note = "UPDATE meta SET value = ? WHERE key = 'upgrade'";
            transaction.execute(note, [next])?
        }
        None => finish(&transaction)?,
    };
    transaction.commit()?;
    Ok(true)
}

/// A window's address, rule and failures.
type Window = (Vec<u8>, String, Vec<u8>);

fn windows(connection: &Connection, paths: &Paths, at: &str) -> rusqlite::Result<Option<String>> {
    let many = "SELECT 1 FROM open_window LIMIT 1 OFFSET ?";
    let many = connection.prepare_cached(many)?.exists([TEXTS_KEPT])?;
    let (address, rule) = place(at).unwrap_or_default();
    let select = "SELECT address, rule, failures FROM open_window \
                  WHERE (address, rule) > (?, ?) ORDER BY address, rule LIMIT ?";
    let mut select = connection.prepare_cached(select)?;
    let rows = select.query_map(params![address, rule, ROWS], |row| {
        Ok::<Window, _>((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let rows = some(rows, |(.., failures)| failures.len())?;
    let update = "UPDATE open_window SET failures = ? WHERE address = ? AND rule = ?";
    let mut update = connection.prepare_cached(update)?;
    for (address, rule, old) in &rows {
        // Damaged failures are reported when they are asked for.
        let Ok(mut failures) = paths.failures(old, 2) else {
            continue;
        };
        if many {
            failures.forget_texts();
        }
        if failures.as_bytes() != old {
            update.execute(params![failures.as_bytes(), address, rule])?;
        }
    }
    Ok(Some(match rows.last() {
        None => "bans 0".to_owned(),
        Some((address, rule, _)) => {
            let mut at = "windows ".to_owned();
            for byte in address {
                let _ = write!(at, "{byte:02x}");
            }
            at + " " + rule
        }
    }))
}

/// The address and rule of the last window that was rewritten.
fn place(at: &str) -> Option<(Vec<u8>, &str)> {
    let (hexadecimal, rule) = at.strip_prefix("windows ")?.split_once(' ')?;
    let bytes = hexadecimal.as_bytes().chunks(2);
    let bytes = bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).ok()?, 16).ok());
    Some((bytes.collect::<Option<_>>()?, rule))
}

fn bans(connection: &Connection, paths: &Paths, after: i64) -> rusqlite::Result<Option<String>> {
    let newest = "SELECT coalesce(max(id), 0) FROM ban";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let select =
        "SELECT id, witnesses FROM ban WHERE id > ? AND witnesses IS NOT NULL ORDER BY id LIMIT ?";
    let mut select = connection.prepare_cached(select)?;
    let rows = select.query_map([after, ROWS], |row| {
        Ok::<(i64, Vec<u8>), _>((row.get(0)?, row.get(1)?))
    })?;
    let rows = some(rows, |(_, failures)| failures.len())?;
    let mut update = connection.prepare_cached("UPDATE ban SET witnesses = ? WHERE id = ?")?;
    let mut shorter = 0;
    for (id, old) in &rows {
        let Ok(mut failures) = paths.failures(old, 1) else {
            continue;
        };
        if *id <= newest - TEXTS_KEPT {
            failures.forget_texts();
        }
        if failures.as_bytes() != old {
            update.execute(params![failures.as_bytes(), id])?;
            shorter += old.len().saturating_sub(failures.as_bytes().len());
        }
    }
    space::note_sparse(connection, shorter)?;
    Ok(rows.last().map(|(id, _)| format!("bans {id}")))
}

/// The first rows: up to the one with which `BYTES` bytes were read.
fn some<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    bytes: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let (mut read, mut some) = (0, Vec::new());
    for row in rows {
        let row = row?;
        read += bytes(&row);
        some.push(row);
        if read >= BYTES {
            break;
        }
    }
    Ok(some)
}

/// Sets the counters that a store of the first version does not have.
fn finish(connection: &Connection) -> rusqlite::Result<usize> {
    let count = "UPDATE rule SET open = (SELECT count(*) FROM open_window WHERE rule = rule.name)";
    connection.execute(count, [])?;
    let texts = "INSERT OR REPLACE INTO meta \
                 SELECT 'texts', max(0, coalesce(max(id), 0) - ?) FROM ban";
    connection.execute(texts, [TEXTS_KEPT])?;
    connection.execute("DELETE FROM meta WHERE key = 'upgrade'", [])
}
