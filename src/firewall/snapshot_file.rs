//! Reads and replaces `blacklist.v4` and `blacklist.v6`. A person may save them at any
//! moment, with any editor, and no save may be lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::firewall::snapshot::SnapshotFault;
use crate::model::{Escaped, Problem};

/// The largest snapshot that is written or read. Five million bans fit into it, whatever
/// their addresses and the chain.
pub(super) const LARGEST: u64 = 512 << 20;

/// What became of a new snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Yes,
    /// The file held it already, byte for byte.
    AsBefore,
    /// Somebody has saved the file since it was read. It is left as it is, and the next
    /// run reads it.
    SavedMeanwhile,
}

/// The file's bytes; none if there is no file.
///
/// # Errors
/// Not a regular file (nothing is opened that could block, like a FIFO), larger
/// than 512 MiB, or not readable.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_up_to(LARGEST, path)
}

fn read_up_to(largest: u64, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !kind.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(largest + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        return Err(too_large("it is", largest));
    }
    Ok(Some(bytes))
}

/// Replaces the file by `text`, all at once and readable by its owner alone, if it still
/// holds what was read (`was`; none for no file).
///
/// # Errors
/// The directory can not be written, the disk is full, the text is larger than
/// what [`read`] takes, …: the old file is still there.
pub fn write_if_unchanged(path: &Path, was: Option<&[u8]>, text: &str) -> io::Result<Written> {
    write_up_to(LARGEST, path, was, text)
}

fn write_up_to(largest: u64, path: &Path, was: Option<&[u8]>, text: &str) -> io::Result<Written> {
    if text.len() as u64 > largest {
        return Err(too_large("with all bans it would be", largest));
    }
    if was == Some(text.as_bytes()) && read(path)?.as_deref() == was && is_private(path)? {
        return Ok(Written::AsBefore);
    }
    // One fixed name is enough, since only one run is at work. A file of that name was
    // left by a run that was killed, and is replaced.
    let new = beside(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = fill(&new, text).and_then(|()| {
        if read(path)?.as_deref() != was {
            return Ok(Written::SavedMeanwhile);
        }
        fs::rename(&new, path)?;
        Ok(Written::Yes)
    });
    match written {
        Ok(Written::Yes) => sync_directory(path)?,
        _ => drop(fs::remove_file(&new)),
    }
    written
}

fn too_large(what: &str, largest: u64) -> io::Error {
    let size = if largest >= 1 << 20 {
        format!("{} MiB", largest >> 20)
    } else {
        format!("{largest} bytes")
    };
    io::Error::other(format!("{what} larger than {size}"))
}

/// Moves a file that is not whole to `blacklist.v4.broken-1` or the next free
/// number, and says where it is now. Never replaces one kept earlier.
///
/// # Errors
/// The file can not be moved.
pub fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 1..1000 {
        let aside = beside(path, &format!(".broken-{number}"));
        match create_new(&aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            // The name is reserved now, so the rename replaces only our empty file.
            Ok(_) => {
                if let Err(error) = fs::rename(path, &aside) {
                    let _ = fs::remove_file(&aside);
                    return Err(error);
                }
                return Ok(aside);
            }
        }
    }
    Err(io::Error::other(
        "999 broken ones are kept already: look at them and remove them",
    ))
}

/// The sentence for a snapshot that is not whole, and is now at `aside`, or still where
/// it was.
#[must_use]
pub fn broken(path: &Path, fault: &SnapshotFault, aside: Option<&Path>) -> Problem {
    let kept = aside.map_or_else(String::new, |aside| {
        let aside = Escaped::path(aside);
        format!("the file is kept as {aside} and written anew: ")
    });
    let (shown, fault) = (Escaped::path(path), fault.to_string());
    let message = format!(
        "{shown}, {}; nobody was banned or un-banned by it, {kept}make the edit again, or use \
         `pyfilter unban` and `pyfilter ban`",
        Escaped::text(&fault)
    );
    Problem::at(path, message)
}

/// Whether the mode is 0600. An editor may make the file anew with another mode.
fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777 == 0o600)
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the rename survive a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory != Path::new("") => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_written_for_its_owner_alone_and_leaves_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blacklist.v4");
        fs::write(beside(&path, ".new"), "left by a killed run").unwrap();
        assert_eq!(read(&path).unwrap(), None);
        assert_eq!(
            write_if_unchanged(&path, None, "one\n").unwrap(),
            Written::Yes
        );
        assert_eq!(read(&path).unwrap().unwrap(), b"one\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            write_if_unchanged(&path, Some(b"one\n"), "one\n").unwrap(),
            Written::AsBefore
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let written = write_if_unchanged(&path, Some(b"one\n"), "one\n").unwrap();
        assert_eq!(written, Written::Yes, "an editor opened it to everybody");
        assert!(is_private(&path).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// 1,100,000 IPv6 bans are 69 MB.
    #[test]
    fn a_million_ipv6_bans_are_read_back_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blacklist.v6");
        let line = "-A PYFILTER -s 2001:db8:1111:2222:3333:4444:5555:6666/128 -j DROP\n";
        let text = line.repeat(1_100_000);
        write_if_unchanged(&path, None, &text).unwrap();
        assert!(read(&path).unwrap().unwrap() == text.as_bytes());
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blacklist.v4");
        for length in 0..12 {
            let text = "x".repeat(length);
            let was = read(&path).unwrap();
            match write_up_to(10, &path, was.as_deref(), &text) {
                Ok(_) => {
                    let bytes = read_up_to(10, &path).unwrap().unwrap();
                    assert_eq!(bytes, text.as_bytes());
                }
                Err(error) => {
                    assert_eq!(length, 11);
                    assert_eq!(
                        error.to_string(),
                        "with all bans it would be larger than 10 bytes"
                    );
                    assert_eq!(read(&path).unwrap(), was, "the old file stands");
                }
            }
        }
        fs::write(&path, "12345678901").unwrap();
        let refused = read_up_to(10, &path).unwrap_err().to_string();
        assert_eq!(refused, "it is larger than 10 bytes");
    }

    #[test]
    fn a_broken_file_is_reported_with_its_line_and_where_it_is_now() {
        let fault = SnapshotFault {
            line: 7,
            message: "`x` is no address".to_owned(),
        };
        let problem = broken(
            Path::new("/v/blacklist.v4"),
            &fault,
            Some(Path::new("/v/b.broken-1")),
        );
        assert!(
            problem
                .message
                .starts_with("/v/blacklist.v4, line 7: `x` is no address; ")
        );
        assert!(problem.message.contains("/v/b.broken-1"));
    }

    #[test]
    fn what_somebody_saved_meanwhile_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blacklist.v4");
        fs::write(&path, "saved").unwrap();
        for was in [None, Some(&b"read"[..]), Some(b"")] {
            let written = write_if_unchanged(&path, was, "new").unwrap();
            assert_eq!(written, Written::SavedMeanwhile);
        }
        let same = write_if_unchanged(&path, Some(b"new"), "new").unwrap();
        assert_eq!(same, Written::SavedMeanwhile);
        assert_eq!(fs::read(&path).unwrap(), b"saved");
        fs::remove_file(&path).unwrap();
        let removed = write_if_unchanged(&path, Some(b"saved"), "new").unwrap();
        assert_eq!(removed, Written::SavedMeanwhile);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_file_is_kept_and_no_earlier_one_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blacklist.v6");
        for number in 1..=2 {
            fs::write(&path, format!("broken {number}")).unwrap();
            let aside = keep_aside(&path).unwrap();
            assert_eq!(aside, beside(&path, &format!(".broken-{number}")));
        }
        let first = fs::read(beside(&path, ".broken-1")).unwrap();
        assert_eq!(first, b"broken 1");
        assert!(keep_aside(&path).is_err());
        assert!(!beside(&path, ".broken-3").exists());
    }

    #[test]
    fn what_is_no_file_is_an_error_and_never_blocks() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).is_err());
        assert!(write_if_unchanged(directory.path(), None, "x").is_err());
        let fifo = directory.path().join("blacklist.v4");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert!(read(&fifo).is_err());
        assert!(
            read(Path::new("/nonexistent/blacklist.v4"))
                .unwrap()
                .is_none()
        );
    }
}
