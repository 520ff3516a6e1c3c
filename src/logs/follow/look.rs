//! A log while it is looked at: the files that may be its generations, and what each of
//! them turns out to be.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{CountsFrom, Escaped, Generation, Problem};

use super::super::discover::Log;
use super::super::names::{Age, unpacked};
use super::super::open::{OpenError, Opened};
use super::super::part::{InputPart, PartKind};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How long a generation is remembered that is not there: it may come back,
/// with a file system that was not mounted.
pub(super) const KEPT: i64 = 30 * DAY;

/// How long a service may go on writing to a file that was rotated away, in
/// seconds, until it opens the new one.
pub(super) const LINGERS: i64 = 60;

/// What is to be read of a log, and what is known of it then.
#[derive(Debug, Default)]
pub(in crate::logs) struct Followed {
    /// What is to be read, oldest first; and behind it the live file if nothing of it
    /// is to be read.
    pub(in crate::logs) parts: Vec<InputPart>,
    /// The generations that are there, with `parts` not read yet.
    pub(in crate::logs) generations: Vec<Generation>,
    /// What can not be read, and what was lost.
    pub(in crate::logs) problems: Vec<Problem>,
}

impl Followed {
    /// Of what is there already only lines stamped at `secs` or later count, if that
    /// is given.
    pub(in crate::logs) fn count_from(&mut self, secs: Option<i64>) {
        let Some(secs) = secs else {
            return;
        };
        for part in &mut self.parts {
            let (PartKind::Generation(number, opened), Some(segment)) =
                (&part.kind, &mut part.segment)
            else {
                continue;
            };
            let generation = &mut self.generations[*number];
            let byte = match opened.packing {
                None => generation.stat.size,
                // What is compressed is not written to any more.
                Some(_) => i64::MAX.unsigned_abs(),
            };
            generation.counts = CountsFrom { byte, secs };
            segment.counts = generation.counts;
        }
    }
}

/// A file that may be a generation.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) age: Age,
    pub(super) opened: Option<Opened>,
    pub(super) modified: i64,
    /// Device and inode.
    pub(super) inode: (u64, u64),
    /// What it is.
    pub(super) is: Is,
}

pub(super) enum Is {
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

impl Candidate {
    pub(super) fn is_new(&self) -> bool {
        matches!(self.is, Is::New)
    }
}

/// A moment between two steps of a look, at which the world may move.
#[derive(Debug, Clone, Copy)]
pub(super) enum LookMoment {
    Listed,
    LiveOpened,
    Opened,
    Claimed,
    Recognised,
    Planned,
    /// It is to be looked again after this time.
    Retry(Duration),
}

/// A log while it is looked at.
pub(super) struct Look<'a> {
    pub(super) log: &'a Log,
    /// Those of this log, and behind them what was taken over from others.
    pub(super) known: Cow<'a, [Generation]>,
    /// Whether nothing was known of this log.
    pub(super) first_contact: bool,
    pub(super) now: i64,
    pub(super) today: i64,
    /// Which of the known were found.
    pub(super) found: BTreeSet<usize>,
    pub(super) live: Option<Candidate>,
    pub(super) rotated: Vec<Candidate>,
    pub(super) problems: Vec<Problem>,
    pub(super) live_error: Option<OpenError>,
    /// Whether a file may be any generation, since that could not be found out in time.
    pub(super) is_unsure: bool,
    /// What was listed.
    pub(super) names: BTreeSet<PathBuf>,
    /// Whether something of that had gone before it was opened.
    pub(super) moved: bool,
}

impl<'a> Look<'a> {
    pub(super) fn new(log: &'a Log, known: &'a [Generation], now: i64) -> Self {
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
}

pub(super) fn unreadable(path: &Path, error: &OpenError) -> Problem {
    Problem::at(path, format!("{}: {error}", Escaped::path(path)))
}

pub(super) fn plain_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(OsStr::from_bytes(unpacked(name.as_bytes())))
}

pub(super) fn is_plain(path: &Path) -> bool {
    plain_name(path) == path
}
