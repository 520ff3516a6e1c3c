//! How far each rule has read each log and journal.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Row, params};

use crate::model::{
    CountsFrom, Cursor, FileStat, Fingerprint, Generation, GenerationState, JournalCursor,
    JournalPosition,
};

use super::error::StoreError;
use super::query::{Commit, Store, first};
use super::read_back::{Seconds, UnsignedCount, damaged, path};

/// A log that no run has met is remembered for 30 days.
const KEPT: i64 = 30 * 86_400;

/// The words of the column `kind`.
const KINDS: [(GenerationState, &str); 5] = [
    (GenerationState::Followed, "followed"),
    (GenerationState::Resting, "resting"),
    (GenerationState::Cut, "cut"),
    (GenerationState::Skipped, "skipped"),
    (GenerationState::SkippedPacked, "skipped packed"),
];

fn word(kind: GenerationState) -> &'static str {
    KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or("followed", |(_, word)| word)
}

fn generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    let unsigned = |column| row.get(column).map(i64::cast_unsigned);
    let kind: String = row.get(12)?;
    let known = KINDS
        .iter()
        .find(|(_, word)| *word == kind)
        .map(|(kind, _)| *kind);
    let head: Vec<u8> = row.get(8)?;
    let (UnsignedCount(offset), UnsignedCount(length)) = (row.get(7)?, row.get(9)?);
    // These lengths decide how much of a file is read to recognize it.
    if length > Cursor::TAIL.min(offset) || head.len() as u64 > Cursor::HEAD.min(offset) {
        let why = "a cursor is to be known by more bytes than were read";
        return Err(damaged(9, why));
    }
    Ok(Generation {
        path: path(row, 1)?,
        stat: FileStat {
            device: unsigned(2)?,
            inode: unsigned(3)?,
            size: unsigned(4)?,
            modified: row.get(5)?,
            changed: row.get(6)?,
        },
        cursor: Cursor {
            offset,
            head: head.into(),
            tail: Fingerprint {
                length,
                hash: unsigned(10)?,
            },
        },
        live: row.get(11)?,
        state: known.ok_or(rusqlite::Error::InvalidColumnType(
            12,
            "kind".to_owned(),
            rusqlite::types::Type::Text,
        ))?,
        seen: row.get(13).map(|Seconds(seen)| seen)?,
        left: row.get(14).map(|UnsignedCount(left)| left)?,
        counts: CountsFrom {
            byte: row.get(15).map(|UnsignedCount(byte)| byte)?,
            secs: row.get(16).map(|Seconds(secs)| secs)?,
        },
    })
}

impl Store {
    /// The generations of each log that `rule` reads.
    pub fn generations(
        &self,
        rule: &str,
    ) -> Result<BTreeMap<PathBuf, Vec<Generation>>, StoreError> {
        let select = "SELECT log, path, device, inode, size, modified, changed, offset, head, tail_length, tail_hash, live, kind, seen, left, known_until, counts_from \
                      FROM generation WHERE rule = ? ORDER BY log, sequence";
        let read = |row: &Row<'_>| Ok((path(row, 0)?, generation(row)?));
        let rows: Vec<(PathBuf, Generation)> = self.rows(select, [rule], read)?;
        let mut generations: BTreeMap<PathBuf, Vec<Generation>> = BTreeMap::new();
        for (log, generation) in rows {
            generations.entry(log).or_default().push(generation);
        }
        Ok(generations)
    }

    /// The cursor up to which `rule` has read a journal.
    pub fn journal_cursor(
        &self,
        rule: &str,
        name: &str,
    ) -> Result<Option<JournalCursor>, StoreError> {
        let select = "SELECT cursor, left FROM journal WHERE rule = ? AND name = ?";
        self.optional(select, [rule, name], |row| {
            Ok(JournalCursor {
                position: JournalPosition::from_text(row.get(0)?),
                left: row.get(1)?,
            })
        })
    }

    /// The journals of `rule` of which the last run left entries.
    pub fn journals_behind(&self, rule: &str) -> Result<Vec<String>, StoreError> {
        let select = "SELECT name FROM journal WHERE rule = ? AND left";
        self.rows(select, [rule], first)
    }

    /// The newest stamp that `rule` has read.
    pub fn newest(&self, rule: &str) -> Result<Option<i64>, StoreError> {
        let newest = "SELECT newest FROM rule WHERE name = ?";
        let newest: Option<Seconds> = self.optional(newest, [rule], first)?;
        Ok(newest.map(i64::from))
    }
}

impl Commit<'_> {
    /// Remembers the generations of a log of `rule`, in place of those before.
    pub fn set_generations(
        &self,
        rule: &str,
        log: &Path,
        generations: &[Generation],
    ) -> Result<(), StoreError> {
        let log = log.as_os_str().as_bytes();
        let delete = "DELETE FROM generation WHERE rule = ? AND log = ?";
        self.execute(delete, params![rule, log])?;
        let insert = "INSERT INTO generation(rule, log, sequence, path, device, inode, size, modified, changed, offset, head, tail_length, tail_hash, live, kind, seen, left, known_until, counts_from) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        for (sequence, generation) in (0i64..).zip(generations) {
            let Generation { stat, cursor, .. } = generation;
            let signed = u64::cast_signed;
            let values = params![
                rule,
                log,
                sequence,
                generation.path.as_os_str().as_bytes(),
                signed(stat.device),
                signed(stat.inode),
                signed(stat.size),
                stat.modified,
                stat.changed,
                signed(cursor.offset),
                &*cursor.head,
                signed(cursor.tail.length),
                signed(cursor.tail.hash),
                generation.live,
                word(generation.state),
                generation.seen,
                signed(generation.left),
                signed(generation.counts.byte),
                generation.counts.secs
            ];
            self.execute(insert, values)?;
        }
        Ok(())
    }

    /// Remembers the cursor up to which `rule` has read a journal.
    pub fn set_journal_cursor(
        &self,
        rule: &str,
        name: &str,
        cursor: &JournalCursor,
        now: i64,
    ) -> Result<(), StoreError> {
        let set = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?)";
        let JournalCursor { position, left } = cursor;
        self.execute(set, params![rule, name, position.to_text(), now, left])
    }

    /// Forgets logs that no run has met for 30 days, and the windows of rules
    /// that have no log any more.
    pub fn forget_unseen(&self, now: i64) -> Result<(), StoreError> {
        let now = now.min(self.times.age);
        let forget = "DELETE FROM generation WHERE (rule, log) IN \
                      (SELECT rule, log FROM generation GROUP BY rule, log HAVING max(seen) < ?)";
        self.execute(forget, [now - KEPT])?;
        self.execute("DELETE FROM journal WHERE seen < ?", [now - KEPT])?;
        let gone = "SELECT name FROM rule WHERE name NOT IN (SELECT rule FROM generation) \
                    AND name NOT IN (SELECT rule FROM journal)";
        let names: Vec<String> = self.rows(gone, [], first)?;
        for name in names {
            // This looks through all windows, and is done only for a rule that is gone.
            self.execute("DELETE FROM open_window WHERE rule = ?", [&name])?;
            self.execute("DELETE FROM connection WHERE rule = ?", [&name])?;
            self.execute("DELETE FROM rule WHERE name = ?", [name])?;
        }
        Ok(())
    }
}
