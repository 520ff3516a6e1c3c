//! Why the store can not be used.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::model::Escaped;

/// Why the store can not be used. Nothing has changed when one is returned.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is no database, or its pages contradict one another.
    #[error("{}: the store is damaged ({said}); restore it from a backup, or move it away: the next run then begins anew, and {} still hold the bans",
        Escaped::path(.path), "blacklist.v4 and blacklist.v6")]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What SQLite says.
        said: String,
    },
    /// A newer pyfilter wrote it.
    #[error("{}: the store is of a newer version of pyfilter (schema {version}, this one knows {known}); install that version again, or move the store away",
        Escaped::path(.path))]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// Its schema.
        version: i64,
        /// The schema of this program.
        known: i64,
    },
    /// It is a database that neither pyfilter nor PyFilter made.
    #[error("{}: is the database of another program (it has a table {table}), and is left as it is; name another file in sqlite.database",
        Escaped::path(.path))]
    Foreign {
        /// The store's file.
        path: PathBuf,
        /// One of its tables.
        table: String,
    },
    /// Another process holds its lock.
    #[error("{}: the store is in use by another program; try again", Escaped::path(.0))]
    Busy(PathBuf),
    /// No rights, or a file system that is mounted read-only.
    #[error("{}: the store can not be written; run with sudo, or see whether the file system is mounted read-only", Escaped::path(.0))]
    ReadOnly(PathBuf),
    /// No rights.
    #[error("{}: the store can not be opened: permission denied; run with sudo", Escaped::path(.0))]
    Denied(PathBuf),
    /// No room.
    #[error("{}: the disk is full; nothing of this run was kept, the next one does it again", Escaped::path(.0))]
    Full(PathBuf),
    /// Anything else.
    #[error("{}: the store can not be used: {said}", Escaped::path(.path))]
    Other {
        /// The store's file.
        path: PathBuf,
        /// What SQLite or the system says.
        said: String,
    },
}

impl StoreError {
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let said = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch,
            ) => StoreError::Damaged { path, said },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path),
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly(path),
            Some(ErrorCode::PermissionDenied) => StoreError::Denied(path),
            Some(ErrorCode::DiskFull) => StoreError::Full(path),
            // Cells of another type than the schema's: an editor, or bit rot.
            None if matches!(
                error,
                rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
            ) =>
            {
                StoreError::Damaged { path, said }
            }
            _ => StoreError::Other { path, said },
        }
    }

    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => StoreError::Denied(path),
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(path),
            io::ErrorKind::StorageFull => StoreError::Full(path),
            _ => StoreError::Other {
                path,
                said: error.to_string(),
            },
        }
    }

    /// Whether only the rights are missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, StoreError::Denied(_) | StoreError::ReadOnly(_))
    }
}
