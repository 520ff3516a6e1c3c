//! A log through its generations: which file is which, what of each is still
//! to be read, and what was lost.
//!
//! | a file that | is | and is read |
//! |---|---|---|
//! | looks to the file system as we left it | that generation | not |
//! | holds all bytes that we read of a generation | that generation | on from there |
//! | is compressed and holds them | that generation | on from there |
//! | holds a beginning of what stands in the live file | a copy that is being made | not, this time |
//! | holds a beginning of what we read, which is gone | the copy that was made of it | not: all of it was read |
//! | was there at first contact and is not named | known | not |
//! | is anything else | a new generation | from its start |

mod plan;
mod recognise;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Escaped, Generation, Problem};

use super::discover::{Directories, Log};
use super::names::{Age, unpacked};
use super::open::{OpenError, Opened};
use super::piece::Piece;
use super::status::Status;

/// What is to be read of a log, and what is known of it then.
#[derive(Debug, Default)]
pub struct Followed {
    /// What is to be read, oldest first.
    pub tasks: Vec<(Task, Piece)>,
    /// The generations that are there, with `tasks` not read yet.
    pub generations: Vec<Generation>,
    /// The live file if nothing of it is to be read, and what became of it.
    pub idle: Option<(PathBuf, Status, u64)>,
    /// What can not be read, and what was lost.
    pub problems: Vec<Problem>,
}

/// A generation, or the rest of one, that is to be read.
#[derive(Debug)]
pub struct Task {
    /// Where it stands.
    pub path: PathBuf,
    /// Which of the generations it is.
    pub generation: usize,
    /// What became of it.
    pub status: Status,
    /// The byte to go on from.
    pub from: u64,
    /// The file, to recognise it by.
    pub(super) opened: Opened,
}

/// A file that may be a generation.
struct Candidate {
    path: PathBuf,
    age: Age,
    opened: Option<Opened>,
    modified: i64,
    /// What it is.
    is: Is,
}

enum Is {
    /// As we left it.
    Same(usize),
    /// A generation that we know, elsewhere or grown.
    Known(usize),
    /// A copy of what we read elsewhere.
    ReadCopy,
    New,
    /// A copy of the live file that is being made.
    BeingMade,
}

/// The listing changed while it was looked at.
struct Moved;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How long a generation is remembered that is not there: it may come back,
/// with a file system that was not mounted.
const KEPT: i64 = 30 * DAY;

/// How often, and how many milliseconds apart, a loss is looked at again.
const DOUBTS: (u32, u64) = (5, 10);

/// Finds out what is to be read of `log`, of which `known` is known. `others`
/// are further directories in which its generations may be.
///
/// A rotation may be going on at this moment, so what looks like a loss is
/// looked at again before it is believed.
#[must_use]
pub fn follow(
    log: &Log,
    known: &[Generation],
    others: &[PathBuf],
    directories: &mut Directories,
    now: i64,
) -> Followed {
    let (doubts, pause) = DOUBTS;
    for doubt in 0..=doubts {
        if let Ok(followed) = Look::at(log, known, others, directories, now, doubt == doubts) {
            return followed;
        }
        directories.forget();
        std::thread::sleep(Duration::from_millis(pause));
    }
    Followed::default()
}

struct Look<'a> {
    log: &'a Log,
    known: &'a [Generation],
    today: i64,
    /// Which of the known were found.
    found: BTreeSet<usize>,
    live: Option<Candidate>,
    rotated: Vec<Candidate>,
    problems: Vec<Problem>,
    live_error: Option<OpenError>,
}

impl<'a> Look<'a> {
    fn at(
        log: &'a Log,
        known: &'a [Generation],
        others: &[PathBuf],
        directories: &mut Directories,
        now: i64,
        believe: bool,
    ) -> Result<Followed, Moved> {
        let mut look = Look {
            log,
            known,
            today: now - now.rem_euclid(DAY),
            found: BTreeSet::new(),
            live: None,
            rotated: Vec::new(),
            problems: Vec::new(),
            live_error: None,
        };
        let paths = look.paths(others, directories);
        let moved = look.gather(paths);
        look.recognise();
        if (moved || look.is_lost()) && !believe {
            return Err(Moved);
        }
        Ok(look.plan())
    }
}

fn unreadable(path: &Path, error: &OpenError) -> Problem {
    Problem::at(path, format!("{}: {error}", Escaped::path(path)))
}

fn plain_name(path: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(std::ffi::OsStr::from_bytes(unpacked(name.as_bytes())))
}

fn is_plain(path: &Path) -> bool {
    plain_name(path) == path
}
