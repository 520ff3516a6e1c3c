//! What the files of `conf.d` kept from being banned when they were last whole.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::params;

use crate::model::{GivenSubject, Subject};

use super::error::StoreError;
use super::query::{Commit, Store};
use super::read_back::{damaged, path};

impl Store {
    /// The addresses and networks of each file.
    pub fn last_good(&self) -> Result<BTreeMap<PathBuf, Vec<Subject>>, StoreError> {
        let select = "SELECT path, ignored FROM last_good";
        self.rows(select, [], |row| {
            let ignored: String = row.get(1)?;
            let ignored = ignored.lines().map(GivenSubject::parse);
            let ignored = ignored.map(|given| given.map(|given| given.subject));
            let ignored = ignored.collect::<Result<_, _>>();
            let ignored = ignored.map_err(|_| damaged(1, "an ignored network is not one"))?;
            Ok((path(row, 0)?, ignored))
        })
    }
}

impl Commit<'_> {
    /// Remembers what a file says; nothing of one that is gone.
    pub fn set_last_good(
        &self,
        path: &Path,
        ignored: Option<&[Subject]>,
    ) -> Result<(), StoreError> {
        let path = path.as_os_str().as_bytes();
        let Some(ignored) = ignored else {
            return self.execute("DELETE FROM last_good WHERE path = ?", [path]);
        };
        let lines: Vec<String> = ignored.iter().map(ToString::to_string).collect();
        let set = "INSERT OR REPLACE INTO last_good VALUES (?, ?)";
        self.execute(set, params![path, lines.join("\n")])
    }
}
