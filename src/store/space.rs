//! What is free in the store's file is given back to the disk.

use std::path::Path;

use super::error::StoreError;
use super::query::{Commit, Store, first};

/// Less free space than this is kept for later rows, in bytes.
const KEPT: i64 = 16 << 20;

/// The seconds between an attempt that failed and the next one.
const AGAIN: i64 = 3600;

impl Commit<'_> {
    /// Notes that rows have become shorter by so many bytes: SQLite uses their pages
    /// for nothing else while a row is left in them.
    pub(super) fn note_sparse(&self, bytes: usize) -> Result<(), StoreError> {
        if bytes == 0 {
            return Ok(());
        }
        let note = "INSERT INTO meta VALUES ('sparse', ?) \
                    ON CONFLICT(key) DO UPDATE SET value = value + excluded.value";
        self.execute(note, [i64::try_from(bytes).unwrap_or(i64::MAX)])
    }
}

impl Store {
    /// Gives free space back to the disk where it is more than half of the file: free
    /// pages, and bytes behind the last page that a run left which was killed within
    /// `VACUUM`. `VACUUM` needs twice the room of the used pages, and time in proportion
    /// to it. Without that room the file stays as it is, and a later run tries again.
    pub(super) fn give_back(&self, now: i64) -> Result<(), StoreError> {
        if !self.is_mostly_free()? || self.is_too_soon(now)? {
            return Ok(());
        }
        match self.vacuum() {
            Ok(()) => {
                let dense = "DELETE FROM meta WHERE key IN ('sparse', 'vacuum')";
                self.wrap(self.connection.execute(dense, [])).map(drop)
            }
            Err(StoreError::Full(_) | StoreError::Busy(_)) => {
                // Where there is no room for this either, the next run tries again.
                let note = "INSERT OR REPLACE INTO meta VALUES ('vacuum', ?)";
                let _ = self.connection.execute(note, [now]);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    fn is_mostly_free(&self) -> Result<bool, StoreError> {
        let number = |name| self.row::<i64>(&format!("PRAGMA {name}"), [], first);
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (free, sparse) = (number("freelist_count")?, self.meta("sparse")?.unwrap_or(0));
        let (pages, size) = (number("page_count")?, number("page_size")?);
        let (free, all) = (free.saturating_mul(size), pages.saturating_mul(size));
        let behind = length.saturating_sub(all).max(0);
        let free = free.saturating_add(sparse).saturating_add(behind);
        Ok(free > KEPT && free > all.saturating_add(behind) / 2)
    }

    fn is_too_soon(&self, now: i64) -> Result<bool, StoreError> {
        let tried: Option<i64> = self.meta("vacuum")?;
        Ok(tried.is_some_and(|tried| tried <= now && now.saturating_sub(tried) < AGAIN))
    }

    /// The copy that `VACUUM` makes is a temporary file beside the store, where the
    /// room is, and not in memory.
    fn vacuum(&self) -> Result<(), StoreError> {
        let set = |name, value| self.wrap(self.connection.pragma_update(None, name, value));
        set("temp_store", "FILE")?;
        // The pragma is deprecated, and the only way that does not change the environment. With a
        // path that is not UTF-8 SQLite uses its usual directories.
        let directory = self.path.parent().unwrap_or(Path::new("."));
        if let Some(directory) = directory.to_str() {
            let _ = set("temp_store_directory", directory);
        }
        let done = self.connection.execute_batch("VACUUM");
        let _ = set("temp_store_directory", "");
        set("temp_store", "MEMORY")?;
        self.wrap(done)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    /// `VACUUM` has committed, and the run was killed before the file was made shorter.
    #[test]
    fn what_a_killed_run_has_left_behind_the_last_page_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let length = || std::fs::metadata(&path).unwrap().len();
        drop(Store::open(&path, 0, || None).unwrap());
        let dense = length();
        let set_length = |length| {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
        };
        // A little is kept for what comes.
        set_length(dense + (1 << 20));
        drop(Store::open(&path, 0, || None).unwrap());
        assert_eq!(length(), dense + (1 << 20));
        set_length(dense + (32 << 20));
        drop(Store::open(&path, 0, || None).unwrap());
        assert_eq!(length(), dense);
    }
}
