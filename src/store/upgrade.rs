//! Rewrites the rows of a store of the first version, which hold texts and paths
//! without a bound: with a million windows such a store takes 4 GB. Each step is a
//! transaction of its own. Where a run is killed or the disk is full, the next run
//! goes on after the last step. Until all is done, rows of both kinds are read.
//!
//! The value `upgrade` of `meta` is the place of the next step: `windows` at first,
//! then `windows ADDRESS RULE` of the last window that was rewritten, the address in
//! hexadecimal (`windows c0000201 ssh`), then `bans ID`. It is gone when all is done.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rusqlite::{Params, Row, params};

use super::error::StoreError;
use super::opened::Unfinished;
use super::query::{Commit, Store, columns, first};
use super::windows::TEXTS_KEPT;

/// A step rewrites at most so many rows, and ends with the row by which it has
/// read so many bytes of failures.
const ROWS: i64 = 4096;
const BYTES: usize = 8 << 20;

/// How long one run rewrites rows.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rewrites rows until all are done, or for some seconds; returns why rows are left.
/// The store is used as it is then.
pub(super) fn go_on(store: &mut Store) -> Result<Option<Unfinished>, StoreError> {
    let begun = Instant::now();
    loop {
        match step(store) {
            Ok(false) => return Ok(None),
            Ok(true) if begun.elapsed() < PATIENCE => {}
            Ok(true) => return Ok(Some(Unfinished::NoTime)),
            Err(StoreError::Full(_)) => return Ok(Some(Unfinished::NoRoom)),
            Err(other) => return Err(other),
        }
    }
}

/// Rewrites the next rows; false if there was none left.
fn step(store: &mut Store) -> Result<bool, StoreError> {
    let at: Option<String> = store.meta("upgrade")?;
    let Some(at) = at else {
        return Ok(false);
    };
    let commit = store.begin()?;
    let next = match at.strip_prefix("bans ").map(str::parse) {
        Some(Ok(id)) => bans(&commit, id)?,
        // A value of another form begins anew: a row that was rewritten is left as it is.
        _ => windows(&commit, &at)?,
    };
    match next {
        Some(next) => commit.set_meta("upgrade", next)?,
        None => finish(&commit)?,
    }
    commit.commit()?;
    Ok(true)
}

/// A window's address, rule and failures.
type Window = (Vec<u8>, String, Vec<u8>);

fn windows(commit: &Commit<'_>, at: &str) -> Result<Option<String>, StoreError> {
    let many = commit.exists("SELECT 1 FROM open_window LIMIT 1 OFFSET ?", [TEXTS_KEPT])?;
    let (address, rule) = place(at).unwrap_or_default();
    let select = "SELECT address, rule, failures FROM open_window \
                  WHERE (address, rule) > (?, ?) ORDER BY address, rule LIMIT ?";
    let bytes = |(.., failures): &Window| failures.len();
    let rows = some(commit, select, params![address, rule, ROWS], bytes)?;
    let update = "UPDATE open_window SET failures = ? WHERE address = ? AND rule = ?";
    for (address, rule, old) in &rows {
        // Damaged failures are reported when they are asked for.
        let Ok(mut failures) = commit.paths.failures(old, 2) else {
            continue;
        };
        if many {
            failures.forget_texts();
        }
        if failures.as_bytes() != old {
            commit.execute(update, params![failures.as_bytes(), address, rule])?;
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

fn bans(commit: &Commit<'_>, after: i64) -> Result<Option<String>, StoreError> {
    let newest: i64 = commit.row("SELECT coalesce(max(id), 0) FROM ban", [], first)?;
    let select =
        "SELECT id, witnesses FROM ban WHERE id > ? AND witnesses IS NOT NULL ORDER BY id LIMIT ?";
    let bytes = |(_, failures): &(i64, Vec<u8>)| failures.len();
    let rows = some(commit, select, [after, ROWS], bytes)?;
    let mut shorter = 0;
    for (id, old) in &rows {
        let Ok(mut failures) = commit.paths.failures(old, 1) else {
            continue;
        };
        if *id <= newest - TEXTS_KEPT {
            failures.forget_texts();
        }
        if failures.as_bytes() != old {
            let update = "UPDATE ban SET witnesses = ? WHERE id = ?";
            commit.execute(update, params![failures.as_bytes(), id])?;
            shorter += old.len().saturating_sub(failures.as_bytes().len());
        }
    }
    commit.note_sparse(shorter)?;
    Ok(rows.last().map(|(id, _)| format!("bans {id}")))
}

/// The first rows of a query: up to the one with which `BYTES` bytes were read.
fn some<T>(
    commit: &Commit<'_>,
    select: &str,
    values: impl Params,
    bytes: impl Fn(&T) -> usize,
) -> Result<Vec<T>, StoreError>
where
    T: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error>,
{
    let read = || {
        let (mut read, mut some) = (0, Vec::new());
        let mut select = commit.connection.prepare_cached(select)?;
        for row in select.query_map(values, columns)? {
            let row = row?;
            read += bytes(&row);
            some.push(row);
            if read >= BYTES {
                break;
            }
        }
        Ok(some)
    };
    commit.wrap(read())
}

/// Sets the counters that a store of the first version does not have.
fn finish(commit: &Commit<'_>) -> Result<(), StoreError> {
    let count = "UPDATE rule SET open = (SELECT count(*) FROM open_window WHERE rule = rule.name)";
    commit.execute(count, [])?;
    let texts = "INSERT OR REPLACE INTO meta \
                 SELECT 'texts', max(0, coalesce(max(id), 0) - ?) FROM ban";
    commit.execute(texts, [TEXTS_KEPT])?;
    commit.forget_meta("upgrade")
}
