use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::Escaped;

/// How often a held lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// What only one run does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusive {
    /// Reading the logs, from the cursors to the commit that moves them.
    Reading,
    /// Changing the store, and bringing the world to what was committed.
    Store,
}

impl Exclusive {
    fn file(self) -> &'static str {
        match self {
            Exclusive::Reading => "reading.lock",
            // The only one that 3.0.0 knows.
            Exclusive::Store => "lock",
        }
    }
}

/// Only one run at a time: held until it is dropped, or its process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the open file")] File);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run is at work since {since}; nothing was done")]
    Held {
        /// When it began, local time.
        since: String,
    },
    /// The lock file can not be opened or written.
    #[error("{}: can not be locked: {error}{}", Escaped::path(.path), hint(.error))]
    Broken {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run with sudo, or choose another --state-dir",
        io::ErrorKind::ReadOnlyFilesystem => "; is the file system mounted read-only?",
        io::ErrorKind::StorageFull => "; make room on the disk",
        _ if error.raw_os_error() == Some(libc::ELOOP) => "; it is a symbolic link: remove it",
        _ => "",
    }
}

impl Lock {
    /// Takes a lock in `dir`, waiting for at most `patience`; `since` is
    /// what others are told.
    ///
    /// # Errors
    /// Another run has it for longer, or it can not be had at all.
    pub fn take(
        dir: &Path,
        what: Exclusive,
        patience: Duration,
        since: &str,
    ) -> Result<Self, LockError> {
        let path = dir.join(what.file());
        let broken = |error| LockError::Broken {
            path: path.clone(),
            error,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // What a link names is not ours to write.
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(broken)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(broken(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let mut since = String::new();
                    // Its holder may just be writing it: then it began now.
                    let _ = (&file).take(64).read_to_string(&mut since);
                    let since = since.lines().next().unwrap_or("a moment ago").to_owned();
                    return Err(LockError::Held { since });
                }
            }
        }
        // Only a courtesy to the next one: a full disk must not stop a run here.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{since}"));
        Ok(Lock(file))
    }
}

/// When the last scan with its state in `dir` began, in Unix seconds; none if there
/// was none.
///
/// # Errors
/// The directory can not be looked into.
pub fn last_scan(dir: &Path) -> io::Result<Option<i64>> {
    match std::fs::symlink_metadata(dir.join(Exclusive::Reading.file())) {
        Ok(lock) => Ok(Some(lock.mtime())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_told_since_when_the_first_is_at_work() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(
            dir.path(),
            Exclusive::Store,
            Duration::ZERO,
            "2026-03-22 14:18:18",
        )
        .unwrap();
        let second = Lock::take(
            dir.path(),
            Exclusive::Store,
            Duration::ZERO,
            "2026-03-22 14:19:18",
        )
        .unwrap_err();
        assert_eq!(
            second.to_string(),
            "another run is at work since 2026-03-22 14:18:18; nothing was done"
        );
        drop(first);
        Lock::take(
            dir.path(),
            Exclusive::Store,
            Duration::ZERO,
            "2026-03-22 14:20:18",
        )
        .unwrap();
    }

    #[test]
    fn a_lock_that_can_not_be_made_says_where() {
        let dir = Path::new("/nonexistent");
        let error = Lock::take(dir, Exclusive::Store, Duration::ZERO, "now").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/nonexistent/lock: can not be locked: "),
            "{error}"
        );
    }

    #[test]
    fn reading_and_committing_do_not_wait_for_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let take = |what| Lock::take(dir.path(), what, Duration::ZERO, "2026-03-22 14:18:18");
        let _reading = take(Exclusive::Reading).unwrap();
        let _store = take(Exclusive::Store).unwrap();
        assert!(take(Exclusive::Reading).is_err() && take(Exclusive::Store).is_err());
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("lock")).unwrap();
        let error = Lock::take(dir.path(), Exclusive::Store, Duration::ZERO, "now").unwrap_err();
        let said = error.to_string();
        assert!(said.ends_with("it is a symbolic link: remove it"), "{said}");
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");
    }
}
