//! A glob → the files it matches.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::model::{Escaped, Problem};

const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What one name of the path may be.
enum Step {
    /// This name.
    Name(PathBuf),
    /// What matches.
    Names(Pattern),
    /// `**`: any directories, or none.
    Directories,
}

/// Adds the files that the glob `pattern` matches to `found`; no directories.
/// Names that are not UTF-8 match as if their other bytes were `�`.
pub(super) fn expand(pattern: &Path, found: &mut BTreeSet<PathBuf>, problems: &mut Vec<Problem>) {
    let steps: Vec<Step> = pattern.components().map(step).collect();
    let mut open = vec![(PathBuf::new(), &steps[..])];
    while let Some((path, steps)) = open.pop() {
        let Some((step, rest)) = steps.split_first() else {
            if !path.is_dir() {
                found.insert(path);
            }
            continue;
        };
        match step {
            Step::Name(name) => {
                let path = path.join(name);
                // A link to nowhere is there, too: reading it says what is wrong.
                if path.symlink_metadata().is_ok() {
                    open.push((path, rest));
                }
            }
            Step::Names(pattern) => {
                let matching =
                    |name: &OsStr| pattern.matches_with(&name.to_string_lossy(), MATCHING);
                let entries = entries(&path, problems).filter(|(name, _)| matching(name));
                open.extend(entries.map(|(name, _)| (path.join(name), rest)));
            }
            Step::Directories => {
                // Links to directories are not followed: through two that point
                // upwards there are more ways than anybody can walk.
                let visible = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
                let below =
                    entries(&path, problems).filter(|(name, is_dir)| *is_dir && visible(name));
                open.extend(below.map(|(name, _)| (path.join(name), steps)));
                open.push((path, rest));
            }
        }
    }
}

fn step(component: Component<'_>) -> Step {
    let name = component.as_os_str();
    match name.to_str() {
        Some("**") => Step::Directories,
        Some(text) if text.contains(['*', '?', '[']) => {
            Pattern::new(text).map_or_else(|_| Step::Name(name.into()), Step::Names)
        }
        _ => Step::Name(name.into()),
    }
}

/// What stands in a directory, and whether it is one itself.
fn entries(
    dir: &Path,
    problems: &mut Vec<Problem>,
) -> impl Iterator<Item = (std::ffi::OsString, bool)> + use<> {
    let entries = dir.read_dir().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {}
        _ => {
            let message = format!("{}: can not be looked through: {error}", Escaped::path(dir));
            problems.push(Problem::at(dir, message));
        }
    });
    let facts = |entry: std::fs::DirEntry| {
        (
            entry.file_name(),
            entry.file_type().is_ok_and(|kind| kind.is_dir()),
        )
    };
    entries.into_iter().flatten().flatten().map(facts)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn expanded(dir: &Path, pattern: &str) -> Vec<PathBuf> {
        let (mut found, mut problems) = (BTreeSet::new(), Vec::new());
        expand(&dir.join(pattern), &mut found, &mut problems);
        assert_eq!(problems, []);
        found
            .into_iter()
            .map(|path| path.strip_prefix(dir).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn globs_match_as_in_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for name in [
            "a.log",
            "b.log",
            ".hidden.log",
            "c.txt",
            "d/a.log",
            "d/e/a.log",
            ".f/a.log",
        ] {
            std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("..", dir.join("d/up")).unwrap();
        std::os::unix::fs::symlink("loop.log", dir.join("loop.log")).unwrap();
        let is = |pattern: &str, names: &[&str]| {
            assert_eq!(
                expanded(dir, pattern),
                names.iter().map(PathBuf::from).collect::<Vec<_>>(),
                "{pattern}"
            );
        };
        is("*.log", &["a.log", "b.log", "loop.log"]);
        is("[ab].log", &["a.log", "b.log"]);
        is(".*.log", &[".hidden.log"]);
        is("*/a.log", &["d/a.log"]);
        is("**/a.log", &["a.log", "d/a.log", "d/e/a.log"]);
        is("d*", &[]);
        is("none/*.log", &[]);
        is("a.log/*", &[]);
    }

    #[test]
    fn names_that_are_not_utf8_or_hold_a_newline_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let odd =
            [&b"a\xff.log"[..], b"a\n.log"].map(|name| dir.path().join(OsStr::from_bytes(name)));
        for path in &odd {
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(expanded(dir.path(), "a?.log").len(), 2);
    }
}
