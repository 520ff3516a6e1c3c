//! What the configuration names → the logs there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::model::{Problem, SourceSpec, UsualPlaces};

use super::globs::expand;
use super::journal::{Journal, journalctl};
use super::names::{Age, bases};

/// A log: where it is written, and where its generations are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where it is written; what its generations are called after.
    pub name: PathBuf,
    /// Whether that file itself is to be read.
    pub live: bool,
    /// The generations that the configuration names.
    pub named: BTreeSet<PathBuf>,
}

/// What a rule reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// In the order of their names.
    pub logs: Vec<Log>,
    /// The journals.
    pub journals: Vec<Journal>,
    /// What `auto` found: files, and the journal by its name.
    pub usual: BTreeSet<PathBuf>,
    /// What could not be looked for.
    pub problems: Vec<Problem>,
}

impl Discovered {
    /// How many sources there are.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.logs.len() + self.journals.len()
    }

    /// Whether `auto` found this log.
    pub(super) fn is_usual(&self, log: &Log) -> bool {
        let mut files = log.named.iter().chain([&log.name]);
        files.any(|file| self.usual.contains(file))
    }

    /// Whether `auto` found this journal.
    pub(super) fn is_usual_journal(&self, journal: &Journal) -> bool {
        self.usual.contains(Path::new(&journal.name))
    }
}

/// Finds the logs that `specs` name: a path without wildcard whether it is
/// there or not, of a glob what matches and is no directory. Generations of
/// one log are one log; a file that has several names is one of each.
#[must_use]
pub fn discover(specs: &[SourceSpec]) -> Discovered {
    let (mut problems, mut journals) = (Vec::new(), Vec::new());
    let (mut plain, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut usual = BTreeSet::new();
    for spec in specs {
        match spec {
            SourceSpec::Files(path) if !has_wildcard(path) => drop(plain.insert(path.clone())),
            SourceSpec::Files(pattern) => expand(pattern, &mut found, &mut problems),
            SourceSpec::Auto(places) => {
                let place = usual_place(*places, &mut problems);
                usual.extend(place.files.iter().cloned());
                usual.extend(place.journal.iter().map(|journal| (&*journal.name).into()));
                let (globbed, named): (Vec<PathBuf>, Vec<PathBuf>) =
                    place.files.into_iter().partition(|_| place.is_glob);
                found.extend(globbed);
                plain.extend(named);
                journals.extend(place.journal);
            }
            SourceSpec::Journal(unit) => {
                journals.push(Journal {
                    name: format!("journal:{unit}"),
                    units: vec![unit.clone()],
                });
            }
        }
    }
    Discovered {
        logs: group(&plain, &found),
        journals,
        usual,
        problems,
    }
}

/// The first of the usual places of a service that is there.
#[derive(Debug, Default)]
struct UsualPlace {
    files: Vec<PathBuf>,
    /// Whether a glob found the files, so that there may be several of one log.
    is_glob: bool,
    journal: Option<Journal>,
}

fn usual_place(places: UsualPlaces, problems: &mut Vec<Problem>) -> UsualPlace {
    for path in places.files.iter().map(Path::new) {
        let files = files_at(path, problems);
        if !files.is_empty() {
            return UsualPlace {
                files: files.into_iter().collect(),
                is_glob: has_wildcard(path),
                journal: None,
            };
        }
    }
    let journal = Journal::of_units(places.units);
    UsualPlace {
        journal: journal.filter(|_| journalctl().is_some()),
        ..UsualPlace::default()
    }
}

fn files_at(path: &Path, problems: &mut Vec<Problem>) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    if has_wildcard(path) {
        expand(path, &mut files, problems);
    } else if path.exists() {
        files.insert(path.to_owned());
    }
    files
}

/// The files of the usual places that are not read, since an earlier place is there: those of
/// each place apart.
#[must_use]
pub fn unread_usual_files(places: UsualPlaces) -> Vec<BTreeSet<PathBuf>> {
    let files = places.files.iter();
    let files = files.map(|path| files_at(Path::new(path), &mut Vec::new()));
    files.filter(|files| !files.is_empty()).skip(1).collect()
}

/// The logs without those that are another's file under a second name: a link,
/// two globs that meet, or a name that was typed twice.
#[must_use]
pub fn each_once(mut logs: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut files = BTreeSet::new();
    logs.retain(|path| is_first(path, &mut files));
    logs
}

/// Whether the file at `path` is none of those met before, of which device and
/// inode are kept.
fn is_first(path: &Path, files: &mut BTreeSet<(u64, u64)>) -> bool {
    path.metadata()
        .map_or(true, |file| files.insert((file.dev(), file.ino())))
}

fn has_wildcard(path: &Path) -> bool {
    path.as_os_str()
        .as_bytes()
        .iter()
        .any(|byte| b"*?[".contains(byte))
}

/// Makes logs of paths. A file found by a glob that is a generation (`auth.log.1`) joins
/// its log; if that was not found, it makes a log without a live file.
fn group(plain: &BTreeSet<PathBuf>, found: &BTreeSet<PathBuf>) -> Vec<Log> {
    let mut logs: BTreeMap<PathBuf, Log> = BTreeMap::new();
    let live = |name: &Path| Log {
        name: name.to_owned(),
        live: true,
        named: BTreeSet::new(),
    };
    for path in plain {
        logs.insert(path.clone(), live(path));
    }
    for path in found.difference(plain) {
        let names: Vec<PathBuf> = logs_of(path).into_iter().map(|(name, _)| name).collect();
        let of = names
            .iter()
            .find(|name| found.contains(*name) || plain.contains(*name))
            .or_else(|| names.last());
        match of {
            None => logs.entry(path.clone()).or_insert_with(|| live(path)).live = true,
            Some(name) => {
                let rotated = || Log {
                    live: found.contains(name),
                    ..live(name)
                };
                logs.entry(name.clone())
                    .or_insert_with(rotated)
                    .named
                    .insert(path.clone());
            }
        }
    }
    logs.into_values().collect()
}

/// The logs that the file at `path` may be a generation of, by its name.
fn logs_of(path: &Path) -> Vec<(PathBuf, Age)> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    bases(name)
        .into_iter()
        .map(|(base, age)| (path.with_file_name(OsString::from_vec(base)), age))
        .collect()
}

/// By the name of a log, the files that are called like generations of it.
type Generations = HashMap<Vec<u8>, Vec<(PathBuf, Age)>>;

/// What stands in directories, each listed once.
#[derive(Debug, Default)]
pub(super) struct Directories {
    /// Of each directory, the files that may be generations of a name.
    listed: HashMap<PathBuf, Generations>,
}

impl Directories {
    /// The files in `dir` that are called like generations of a log called `name`.
    pub(super) fn generations(&mut self, dir: &Path, name: &OsStr) -> Vec<(PathBuf, Age)> {
        let listed = self
            .listed
            .entry(dir.to_owned())
            .or_insert_with(|| list(dir));
        listed.get(name.as_bytes()).cloned().unwrap_or_default()
    }

    /// Forgets what was listed, for it has changed.
    pub(super) fn forget(&mut self) {
        self.listed.clear();
    }
}

fn list(dir: &Path) -> Generations {
    let mut generations = Generations::new();
    // A directory that can not be listed holds no generation for us; that its
    // log can not be read is said where it is read.
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        for (base, age) in bases(entry.file_name().as_bytes()) {
            generations
                .entry(base)
                .or_default()
                .push((entry.path(), age));
        }
    }
    generations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: PathBuf, named: &[PathBuf]) -> Log {
        Log {
            name,
            live: true,
            named: named.iter().cloned().collect(),
        }
    }

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
            ["a.log", "b.log", "missing.log"].map(|name| log(path(name), &[]))
        );
        assert_eq!(
            discover(&[SourceSpec::Files(path("*.none"))]),
            Discovered::default()
        );
    }

    #[test]
    fn of_the_usual_places_the_first_that_is_there_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let leaked = |names: &[&str]| -> &'static [&'static str] {
            let texts = names
                .iter()
                .map(|name| path(name).to_str().unwrap().to_owned());
            let texts: Vec<&'static str> = texts.map(|text| &*text.leak()).collect();
            texts.leak()
        };
        let files = leaked(&["own.log", "*.error.log", "syslog"]);
        let places = UsualPlaces { files, units: &[] };
        let found = || discover(&[SourceSpec::Auto(places)]);
        assert_eq!(found(), Discovered::default());
        std::fs::write(path("syslog"), "x").unwrap();
        assert_eq!(found().logs, [log(path("syslog"), &[])]);
        for name in ["a.error.log", "b.error.log"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let both = found();
        assert_eq!(
            both.logs,
            ["a.error.log", "b.error.log"].map(|name| log(path(name), &[]))
        );
        assert!(both.logs.iter().all(|log| both.is_usual(log)));
        assert!(!both.is_usual(&log(path("syslog"), &[])));
    }

    #[test]
    fn a_glob_that_matches_generations_is_one_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let rotated = ["auth.log.1", "auth.log.2.gz", "auth.log-20260322"].map(&path);
        for path in rotated.iter().chain(&[path("auth.log"), path("other.log")]) {
            std::fs::write(path, "x").unwrap();
        }
        let specs = [
            SourceSpec::Files(path("auth.log*")),
            SourceSpec::Files(path("*.log")),
        ];
        assert_eq!(
            discover(&specs).logs,
            [log(path("auth.log"), &rotated), log(path("other.log"), &[])]
        );
        let without_live = discover(&[SourceSpec::Files(path("auth.log.*"))]).logs;
        assert_eq!(
            without_live,
            [Log {
                live: false,
                ..log(path("auth.log"), &rotated[..2])
            }]
        );
        // A generation by its own name is a file like any other.
        assert_eq!(
            discover(&[SourceSpec::Files(path("auth.log.1"))]).logs,
            [log(path("auth.log.1"), &[])]
        );
    }
}
