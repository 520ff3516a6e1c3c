//! What the files of `conf.d` kept from being banned when they were last whole.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rusqlite::params;

use super::read_back::damaged;
use super::{Commit, Store, StoreError};

impl Store {
    /// Of each file its addresses and networks, in the order of the paths.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn last_good(&self) -> Result<Vec<(PathBuf, Vec<IpNet>)>, StoreError> {
        let select = "SELECT path, ignored FROM last_good ORDER BY path";
        let rows = self.connection.prepare(select).and_then(|mut select| {
            let rows = select.query_map([], |row| {
                let ignored: String = row.get(1)?;
                let ignored = ignored.lines().map(str::parse).collect::<Result<_, _>>();
                let ignored = ignored.map_err(|_| damaged(1, "an ignored network is not one"))?;
                Ok((PathBuf::from(OsString::from_vec(row.get(0)?)), ignored))
            })?;
            rows.collect()
        });
        self.wrap(rows)
    }
}

impl Commit<'_> {
    /// Remembers what a file says; nothing of one that is gone.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_last_good(&self, path: &Path, ignored: Option<&[IpNet]>) -> Result<(), StoreError> {
        let path = path.as_os_str().as_bytes();
        let done = match ignored {
            Some(ignored) => {
                let lines: Vec<String> = ignored.iter().map(ToString::to_string).collect();
                let set = "INSERT OR REPLACE INTO last_good VALUES (?, ?)";
                self.transaction
                    .execute(set, params![path, lines.join("\n")])
            }
            None => (self.transaction).execute("DELETE FROM last_good WHERE path = ?", [path]),
        };
        self.wrap(done).map(drop)
    }
}
