use std::collections::BTreeSet;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::model::{Escaped, Problem, SourceSpec};

/// Where distributions let sshd log, in the order of DESIGN's `auto`.
const SSH_LOGS: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];

/// The logs of a rule.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// Each file once, in the order of their paths.
    pub logs: Vec<PathBuf>,
    /// What could not be looked for.
    pub problems: Vec<Problem>,
}

/// Finds the logs that `specs` name: a path without wildcard whether it is
/// there or not, of a glob what matches and is no directory.
#[must_use]
pub fn discover(specs: &[SourceSpec]) -> Discovered {
    let mut found = Discovered::default();
    for spec in specs {
        match spec {
            SourceSpec::Files(path) if !has_wildcard(path) => found.logs.push(path.clone()),
            SourceSpec::Files(pattern) => expand(pattern, &mut found),
            SourceSpec::Auto => found.logs.extend(SSH_LOGS.iter().map(PathBuf::from).find(|path| path.exists())),
            SourceSpec::Journal(unit) => found.problems.push(Problem::new(format!(
                "the journal of {unit} can not be read by this version: let rsyslog write a file and name it in log_files"
            ))),
        }
    }
    found.logs.sort();
    found.logs.dedup();
    found.logs = each_once(found.logs);
    found
}

/// The logs without those that are another's file under a second name: a link,
/// two globs that meet, or a name that was typed twice.
#[must_use]
pub fn each_once(mut logs: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut files = BTreeSet::new();
    logs.retain(|path| {
        path.metadata()
            .map_or(true, |file| files.insert((file.dev(), file.ino())))
    });
    logs
}

fn has_wildcard(path: &Path) -> bool {
    path.as_os_str()
        .as_bytes()
        .iter()
        .any(|byte| b"*?[".contains(byte))
}

const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

fn expand(pattern: &Path, found: &mut Discovered) {
    // The configuration is text, so a glob is.
    let Some(text) = pattern.to_str() else { return };
    let start: PathBuf = pattern
        .components()
        .take_while(|part| part.as_os_str() != "**")
        .collect();
    if start == pattern {
        let files = found.matches(text, |path| !path.is_dir());
        found.logs.extend(files);
    } else if let (Ok(whole), Some(start)) = (glob::Pattern::new(text), start.to_str()) {
        for dir in found.matches(start, Path::is_dir) {
            found.walk(dir, &whole);
        }
    }
}

impl Discovered {
    /// What the glob `text` matches and is `wanted`.
    fn matches(&mut self, text: &str, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in glob::glob_with(text, MATCHING).into_iter().flatten() {
            match entry {
                Ok(path) if wanted(&path) => found.push(path),
                Ok(_) => {}
                Err(error) => self.cannot_look(error.path(), error.error()),
            }
        }
        found
    }

    /// Adds all files below `start` that match `whole`. Links to directories
    /// are not followed: through two that point upwards there are more ways
    /// than anybody can walk.
    fn walk(&mut self, start: PathBuf, whole: &glob::Pattern) {
        let mut open = vec![start];
        while let Some(dir) = open.pop() {
            let entries = match dir.read_dir() {
                Ok(entries) => entries,
                Err(error) => {
                    self.cannot_look(&dir, &error);
                    continue;
                }
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(path);
                } else if whole.matches_path_with(&path, MATCHING) && !path.is_dir() {
                    self.logs.push(path);
                }
            }
        }
    }

    fn cannot_look(&mut self, path: &Path, error: &io::Error) {
        let message = format!(
            "{}: can not be looked through: {error}",
            Escaped::path(path)
        );
        self.problems.push(Problem::at(path, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_finds_files_and_a_plain_path_need_not_exist() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["b.log", "a.log", ".hidden.log", "c.txt"] {
            std::fs::write(path(name), "x").unwrap();
        }
        std::fs::create_dir(path("d.log")).unwrap();
        let specs = [
            SourceSpec::Files(path("*.log")),
            SourceSpec::Files(path("missing.log")),
        ];
        assert_eq!(
            discover(&specs).logs,
            [path("a.log"), path("b.log"), path("missing.log")]
        );
        assert_eq!(
            discover(&[SourceSpec::Files(path("*.none"))]),
            Discovered::default()
        );
    }

    #[test]
    fn a_file_under_two_names_is_one_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a.log"), "x").unwrap();
        std::fs::hard_link(path("a.log"), path("b.log")).unwrap();
        std::os::unix::fs::symlink("a.log", path("c.log")).unwrap();
        std::os::unix::fs::symlink("loop.log", path("loop.log")).unwrap();
        let specs = [
            SourceSpec::Files(path("[abc].log")),
            SourceSpec::Files(path("*.log")),
        ];
        assert_eq!(discover(&specs).logs, [path("a.log"), path("loop.log")]);
    }
}
