//! A log through its generations: which file is which, what of each is still
//! to be read, and what was lost.
//!
//! | a file that | is | and is read |
//! |---|---|---|
//! | looks to the file system as we left it, and was read | that generation | not |
//! | holds all bytes that we read of a generation | that generation | on from there |
//! | is met by another log of the rule, under another name | that log's | not |
//! | holds all bytes that were read of a generation of another log, which is gone there | that generation | on from there |
//! | is compressed and holds them | that generation | on from there |
//! | holds a beginning of what stands in the live file | a copy that is being made | not, this time |
//! | holds a beginning of what stands in another generation | a copy that was made of it | not |
//! | holds a beginning of what we read, which is gone | the copy that was made of it | not: all of it was read |
//! | was there at first contact and is not named | known | not |
//! | is compressed, and too much is packed in it to find that out | passed over | not; that is told once |
//! | is anything else | a new generation | from its start |

mod copies;
mod names;
mod plan;
mod recognise;
mod seen_files;
mod whole;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{CountsFrom, Escaped, Generation, Problem};

use super::discover::{Directories, Log};
use super::names::{Age, unpacked};
use super::open::{OpenError, Opened};
use super::segment::Segment;
use super::status::Status;

use names::RuleLogNames;

pub use whole::generations;

/// What is to be read of a log, and what is known of it then.
#[derive(Debug, Default)]
pub struct Followed {
    /// What is to be read, oldest first.
    pub tasks: Vec<(Task, Segment)>,
    /// The generations that are there, with `tasks` not read yet.
    pub generations: Vec<Generation>,
    /// The live file if nothing of it is to be read, and what became of it.
    pub idle: Option<(PathBuf, Status, u64)>,
    /// What can not be read, and what was lost.
    pub problems: Vec<Problem>,
}

impl Followed {
    /// Of what is there already only lines stamped at `secs` or later count, if that
    /// is given.
    pub fn count_from(&mut self, secs: Option<i64>) {
        let Some(secs) = secs else {
            return;
        };
        for (task, piece) in &mut self.tasks {
            let generation = &mut self.generations[task.generation];
            let byte = match task.opened.packing {
                None => generation.stat.size,
                // What is compressed is not written to any more.
                Some(_) => i64::MAX.unsigned_abs(),
            };
            generation.counts = CountsFrom { byte, secs };
            piece.counts = generation.counts;
        }
    }
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
    /// Device and inode.
    inode: (u64, u64),
    /// What it is.
    is: Is,
}

enum Is {
    /// As we left it.
    Same(usize),
    /// A generation that we know, elsewhere or grown.
    Known(usize),
    /// A copy of what is read elsewhere.
    Copy,
    New,
    /// A copy of the live file that is being made.
    BeingMade,
    /// A compressed one that can not be unpacked far enough in time to know.
    OutOfReach,
    /// One file with what another log of the rule reads.
    Elsewhere,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How long a generation is remembered that is not there: it may come back,
/// with a file system that was not mounted.
const KEPT: i64 = 30 * DAY;

/// How long a service may go on writing to a file that was rotated away, in
/// seconds, until it opens the new one.
const LINGERS: i64 = 60;

/// How many milliseconds to wait, each time, before a log is looked at again
/// that moved, or of which something seems lost.
const DOUBTS: [u64; 6] = [2, 5, 10, 20, 40, 80];

/// Finds out what is to be read of each log of a rule, of which these
/// generations are known. `orphans` are generations of further logs that the
/// rule has read, and `others` further directories in which generations may be.
///
/// A rotation may be going on at this moment. So a look counts only if what it
/// saw was there at one moment: afterwards the same files stand under the same
/// names, and each still has the bytes that it had. Else, and when something
/// seems lost, it is looked again. A log that moves all the time is read on
/// where that is safe, and else left for the next run.
#[must_use]
pub fn follow(
    logs: &[(&Log, &[Generation])],
    orphans: &[Generation],
    others: &[PathBuf],
    now: i64,
) -> Vec<Followed> {
    follow_watched(logs, orphans, others, now, &mut |moment| {
        if let Moment::Retry(pause) = moment {
            std::thread::sleep(pause);
        }
    })
}

/// A moment between two steps of a look, at which the world may move.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Listed,
    LiveOpened,
    Opened,
    Claimed,
    Recognised,
    Planned,
    /// It is to be looked again after this time.
    Retry(Duration),
}

/// The same; `watch` is called at each moment, and waits at a doubt.
fn follow_watched(
    logs: &[(&Log, &[Generation])],
    orphans: &[Generation],
    others: &[PathBuf],
    now: i64,
    watch: &mut impl FnMut(Moment),
) -> Vec<Followed> {
    let names = RuleLogNames::new(logs.len(), orphans);
    let mut all: Vec<Followed> = logs.iter().map(|_| Followed::default()).collect();
    for pause in DOUBTS.map(Some).into_iter().chain([None]) {
        let mut directories = Directories::default();
        let looks = logs
            .iter()
            .map(|(log, known)| Look::new(log, known, now).at(others, &mut directories, watch));
        let mut looks: Vec<Look> = looks.collect();
        names.part(&mut looks);
        directories.forget();
        let mut doubts = false;
        for (n, look) in looks.into_iter().enumerate() {
            let (log, known) = logs[n];
            let looked = look.looked(watch);
            let stands = looked.stands(log, others, &mut directories);
            if stands && (!looked.lost || pause.is_none()) {
                all[n] = looked.followed;
            } else if pause.is_some() {
                doubts = true;
            } else if known.is_empty() {
                // What is missed here is met by the next run as a new generation.
                all[n] = looked.followed;
            } else {
                all[n] = Look::new(log, known, now).at_live(watch);
            }
        }
        // All of them are looked at again: a file may have gone from one to another.
        let Some(pause) = pause.filter(|_| doubts) else {
            break;
        };
        watch(Moment::Retry(Duration::from_millis(pause)));
    }
    all
}

/// A log while it is looked at.
struct Look<'a> {
    log: &'a Log,
    /// Those of this log, and behind them what was taken over from others.
    known: Cow<'a, [Generation]>,
    /// Whether nothing was known of this log.
    first_contact: bool,
    now: i64,
    today: i64,
    /// Which of the known were found.
    found: BTreeSet<usize>,
    live: Option<Candidate>,
    rotated: Vec<Candidate>,
    problems: Vec<Problem>,
    live_error: Option<OpenError>,
    /// Whether a file may be any generation, since that could not be found out in time.
    is_unsure: bool,
    /// What was listed.
    names: BTreeSet<PathBuf>,
    /// Whether something of that had gone before it was opened.
    moved: bool,
}

/// What a look came to, and what it saw.
struct Looked {
    followed: Followed,
    /// Something seems lost.
    lost: bool,
    seen: Seen,
}

/// What a look saw.
enum Seen {
    /// All is as the last run left it.
    Unchanged,
    /// These names, and the files under them.
    Files(BTreeSet<PathBuf>, Vec<(PathBuf, (u64, u64))>),
    /// A file was replaced, or cut, meanwhile.
    Moved,
}

impl<'a> Look<'a> {
    fn new(log: &'a Log, known: &'a [Generation], now: i64) -> Self {
        Look {
            log,
            known: Cow::Borrowed(known),
            first_contact: known.is_empty(),
            now,
            today: now - now.rem_euclid(DAY),
            found: BTreeSet::new(),
            live: None,
            rotated: Vec::new(),
            problems: Vec::new(),
            live_error: None,
            is_unsure: false,
            names: BTreeSet::new(),
            moved: false,
        }
    }

    fn at(
        mut self,
        others: &[PathBuf],
        directories: &mut Directories,
        watch: &mut impl FnMut(Moment),
    ) -> Self {
        let paths = self.log.paths(others, directories);
        self.names = paths.iter().map(|(path, _)| path.clone()).collect();
        watch(Moment::Listed);
        self.moved = self.gather(paths, watch);
        watch(Moment::Opened);
        self.recognise(watch);
        watch(Moment::Recognised);
        self
    }

    /// What the look comes to.
    fn looked(mut self, watch: &mut impl FnMut(Moment)) -> Looked {
        let (names, moved) = (std::mem::take(&mut self.names), self.moved);
        let (lost, kept_failure) = (self.is_lost(), self.kept_failure());
        let followed = self.plan();
        watch(Moment::Planned);
        let seen = match kept_failure {
            _ if moved => Seen::Moved,
            None => Seen::Unchanged,
            Some(kept_failure) if kept_failure.holds() => Seen::Files(names, kept_failure.files()),
            Some(_) => Seen::Moved,
        };
        Looked {
            followed,
            lost,
            seen,
        }
    }

    /// What can be read while the generations move: the live file, if it still
    /// is the one that it was, for then none is older and unread.
    fn at_live(mut self, watch: &mut impl FnMut(Moment)) -> Followed {
        self.gather(Vec::new(), watch);
        watch(Moment::Opened);
        self.recognise(watch);
        watch(Moment::Recognised);
        let still = match self.live.as_ref().map(|live| &live.is) {
            Some(&(Is::Same(known) | Is::Known(known))) => self.known[known].live,
            _ => false,
        };
        let (log, known, kept_failure) = (self.log, self.known.clone(), self.kept_failure());
        let followed = self.plan();
        watch(Moment::Planned);
        if still && kept_failure.is_none_or(|kept_failure| kept_failure.holds()) {
            return followed;
        }
        let offset = known.iter().find(|known| known.live);
        let offset = offset.map_or(0, |known| known.cursor.offset);
        let name = Escaped::path(&log.name);
        let told =
            format!("{name}: is rotated faster than it can be looked at; the next run reads it");
        Followed {
            generations: known.to_vec(),
            idle: Some((log.name.clone(), Status::Unchanged, offset)),
            problems: vec![Problem::at(&log.name, told)],
            ..Followed::default()
        }
    }
}

impl Looked {
    /// Whether the same files still stand under the same names.
    fn stands(&self, log: &Log, others: &[PathBuf], directories: &mut Directories) -> bool {
        match &self.seen {
            Seen::Unchanged => true,
            Seen::Moved => false,
            Seen::Files(names, files) => {
                let paths = log.paths(others, directories);
                paths.len() == names.len()
                    && paths.iter().all(|(path, _)| names.contains(path))
                    && files.iter().all(|(path, file)| {
                        std::fs::metadata(path).is_ok_and(|stat| (stat.dev(), stat.ino()) == *file)
                    })
            }
        }
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

#[cfg(test)]
mod tests;
