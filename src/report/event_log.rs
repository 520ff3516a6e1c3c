//! `LOGDIR/2018-Mar/2018-03-22/2018-03-22 14.log`: the lines of the screen, by
//! the hour, as PyFilter kept them.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::model::{Escaped, Stamp};

/// The event log could not be written. The lines stay owed to it.
#[derive(Debug, thiserror::Error)]
#[error("{}: the event log can not be written: {error}; the lines are written by a later run", Escaped::path(.path))]
pub struct EventLogError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

/// Appends each line to the file of the hour in which it happened.
///
/// # Errors
/// A directory can not be made or a file not written.
pub fn write_events<'a>(
    dir: &Path,
    events: impl IntoIterator<Item = (Stamp, &'a str)>,
) -> Result<(), EventLogError> {
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    // Clocks everywhere begin an hour with a minute, and to name it takes longer than a line.
    let mut last = (None, PathBuf::new());
    for (at, line) in events {
        let minute = Some(at.secs.div_euclid(60));
        if last.0 != minute {
            let name = at.local().format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log");
            last = (minute, dir.join(name.to_string()));
        }
        let text = files.entry(last.1.clone()).or_default();
        text.push_str(line);
        text.push('\n');
    }
    for (path, text) in files {
        let written = append(&path, text.as_bytes());
        written.map_err(|error| EventLogError { path, error })?;
    }
    Ok(())
}

fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(dir)?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)?
        .write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_in_the_file_of_their_hour() {
        let dir = tempfile::tempdir().unwrap();
        let first = Stamp::from_secs(1_521_728_298);
        let later = Stamp::from_secs(1_521_728_298 + 86_400);
        write_events(dir.path(), [(first, "a"), (first, "b"), (later, "c")]).unwrap();
        write_events(dir.path(), [(first, "d")]).unwrap();
        let name = first
            .local()
            .format("%Y-%b/%Y-%m-%d/%Y-%m-%d %H.log")
            .to_string();
        assert!(name.starts_with("2018-Mar/2018-03-2"));
        assert_eq!(
            std::fs::read_to_string(dir.path().join(name)).unwrap(),
            "a\nb\nd\n"
        );
        let blocked = write_events(Path::new("/dev/null"), [(first, "a")]).unwrap_err();
        assert!(
            blocked
                .to_string()
                .contains("the event log can not be written"),
            "{blocked}"
        );
    }
}
