//! `LOGDIR/2018-Mar/2018-03-22/2018-03-22 14.log`: the lines of the screen, by
//! the hour, as PyFilter kept them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::model::{Escaped, Stamp};

/// The event log could not be written. The lines are written by the next run.
#[derive(Debug, thiserror::Error)]
#[error("{}: the event log can not be written: {error}; the lines are written by a later run", Escaped::path(.path))]
pub struct EventLogError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

/// So much is held back before it is written, in bytes.
const HELD: usize = 1 << 20;

/// Appends lines to the file of the hour in which each happened.
#[derive(Debug)]
pub struct EventLog {
    dir: PathBuf,
    /// What is to be written to each file.
    files: BTreeMap<PathBuf, String>,
    held: usize,
    /// The minute of the last line, and its file.
    last: (Option<i64>, PathBuf),
}

impl EventLog {
    /// The event log below a directory, which is made when there is a line.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        EventLog {
            dir: dir.to_owned(),
            files: BTreeMap::new(),
            held: 0,
            last: (None, PathBuf::new()),
        }
    }

    /// Appends the line of something that happened then, sooner or later.
    ///
    /// # Errors
    /// A directory can not be made or a file not written.
    pub fn push(&mut self, at: Stamp, line: &str) -> Result<(), EventLogError> {
        // Clocks everywhere begin an hour with a minute, and to name it takes longer than a line.
        let minute = Some(at.secs.div_euclid(60));
        if self.last.0 != minute {
            let name = at.local().format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log");
            self.last = (minute, self.dir.join(name.to_string()));
        }
        if !self.files.contains_key(&self.last.1) {
            self.files.insert(self.last.1.clone(), String::new());
        }
        if let Some(text) = self.files.get_mut(&self.last.1) {
            text.push_str(line);
            text.push('\n');
        }
        self.held += line.len();
        if self.held >= HELD {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// A directory can not be made or a file not written.
    pub fn flush(&mut self) -> Result<(), EventLogError> {
        self.held = 0;
        for (path, text) in std::mem::take(&mut self.files) {
            let written = append(&self.dir, &path, text.as_bytes());
            written.map_err(|error| EventLogError { path, error })?;
        }
        Ok(())
    }
}

/// Whoever may write in the directory must not choose what else is appended to:
/// the month, the day and the hour are no links. Nor can a named pipe make a run wait.
fn append(dir: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let below = path.ancestors().skip(1).take_while(|above| *above != dir);
    for above in below {
        if fs::symlink_metadata(above).is_ok_and(|there| there.is_symlink()) {
            let said = format!("{} is a symbolic link; remove it", Escaped::path(above));
            return Err(io::Error::other(said));
        }
    }
    if let Some(day) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(day)?;
    }
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link; remove it"),
        Some(libc::ENXIO) => io::Error::other("it is a named pipe; remove it"),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file; remove it"));
    }
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_in_the_file_of_their_hour() {
        let dir = tempfile::tempdir().unwrap();
        let first = Stamp::from_secs(1_521_728_298);
        let later = Stamp::from_secs(1_521_728_298 + 86_400);
        let write = |dir: &Path, events: &[(Stamp, &str)]| {
            let mut log = EventLog::new(dir);
            let mut events = events.iter();
            events.try_for_each(|(at, line)| log.push(*at, line))?;
            log.flush()
        };
        write(dir.path(), &[(first, "a"), (first, "b"), (later, "c")]).unwrap();
        write(dir.path(), &[(first, "d")]).unwrap();
        let name = first
            .local()
            .format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log")
            .to_string();
        assert!(name.starts_with("2018-Mar/2018-03-2"));
        assert_eq!(
            std::fs::read_to_string(dir.path().join(name)).unwrap(),
            "a\nb\nd\n"
        );
        let blocked = write(Path::new("/dev/null"), &[(first, "a")]).unwrap_err();
        let long = "x".repeat(1000);
        let many = vec![(later, &*long); 2000];
        write(dir.path(), &many).unwrap();
        let name = later.local().format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log");
        let text = std::fs::read_to_string(dir.path().join(name.to_string())).unwrap();
        assert_eq!(text, "c\n".to_owned() + &(long + "\n").repeat(2000));
        assert!(
            blocked
                .to_string()
                .contains("the event log can not be written"),
            "{blocked}"
        );
    }

    fn written(dir: &Path, at: Stamp) -> Result<(), EventLogError> {
        let mut log = EventLog::new(dir);
        log.push(at, "line").and_then(|()| log.flush())
    }

    #[test]
    fn a_link_or_a_pipe_in_the_place_of_an_hour_is_never_written_to() {
        let at = Stamp::from_secs(1_521_728_298);
        let path = at
            .local()
            .format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log")
            .to_string();
        let path = Path::new(&path);
        // The hour, the day, and the month.
        for above in path.ancestors().take(3) {
            let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let link = dir.path().join(above);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let target = other.path().join("shadow");
            if above == path {
                fs::write(&target, "root").unwrap();
            } else {
                fs::create_dir(&target).unwrap();
            }
            std::os::unix::fs::symlink(&target, &link).unwrap();
            let said = written(dir.path(), at).unwrap_err().to_string();
            assert!(said.contains("is a symbolic link; remove it"), "{said}");
            if above == path {
                assert_eq!(fs::read(&target).unwrap(), b"root");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join(path);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let said = written(dir.path(), at).unwrap_err().to_string();
        assert!(said.contains("it is a named pipe; remove it"), "{said}");
    }
}
