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
mod look;
mod names;
mod plan;
mod recognise;
mod seen_files;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Escaped, Generation, Problem};

use super::discover::{Directories, Log};
use super::part::InputPart;
use super::status::Status;

use look::{Is, Look, Moment};
use names::RuleLogNames;

pub(super) use look::Followed;

/// How many milliseconds to wait, each time, before a log is looked at again
/// that moved, or of which something seems lost.
const RETRIES: [u64; 6] = [2, 5, 10, 20, 40, 80];

/// Finds out what is to be read of each log of a rule, of which these
/// generations are known. `orphans` are generations of further logs that the
/// rule has read, and `others` further directories in which generations may be.
///
/// A rotation may be going on at this moment. So a look counts only if what it
/// saw was there at one moment: afterwards the same files stand under the same
/// names, and each still has the bytes that it had. Else, and when something
/// seems lost, it is looked again. A log that moves all the time is read on
/// where that is safe, and else left for the next run.
pub(super) fn follow(
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

/// The same; `watch` is called at each moment, and waits before a retry.
fn follow_watched(
    logs: &[(&Log, &[Generation])],
    orphans: &[Generation],
    others: &[PathBuf],
    now: i64,
    watch: &mut impl FnMut(Moment),
) -> Vec<Followed> {
    let names = RuleLogNames::new(logs.len(), orphans);
    let mut all: Vec<Followed> = logs.iter().map(|_| Followed::default()).collect();
    for pause in RETRIES.map(Some).into_iter().chain([None]) {
        let mut directories = Directories::default();
        let looks = logs
            .iter()
            .map(|(log, known)| Look::new(log, known, now).at(others, &mut directories, watch));
        let mut looks: Vec<Look> = looks.collect();
        names.part(&mut looks);
        directories.forget();
        let mut again = false;
        for (n, look) in looks.into_iter().enumerate() {
            let (log, known) = logs[n];
            let looked = look.looked(watch);
            let stands = looked.stands(log, others, &mut directories);
            if stands && (!looked.lost || pause.is_none()) {
                all[n] = looked.followed;
            } else if pause.is_some() {
                again = true;
            } else if known.is_empty() {
                // What is missed here is met by the next run as a new generation.
                all[n] = looked.followed;
            } else {
                all[n] = Look::new(log, known, now).at_live(watch);
            }
        }
        // All of them are looked at again: a file may have gone from one to another.
        let Some(pause) = pause.filter(|_| again) else {
            break;
        };
        watch(Moment::Retry(Duration::from_millis(pause)));
    }
    all
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

impl Look<'_> {
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
        let (lost, seen_files) = (self.is_lost(), self.seen_files());
        let followed = self.plan();
        watch(Moment::Planned);
        let seen = match seen_files {
            _ if moved => Seen::Moved,
            None => Seen::Unchanged,
            Some(seen_files) if seen_files.holds() => Seen::Files(names, seen_files.files()),
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
        let (log, known, seen_files) = (self.log, self.known.clone(), self.seen_files());
        let followed = self.plan();
        watch(Moment::Planned);
        if still && seen_files.is_none_or(|seen_files| seen_files.holds()) {
            return followed;
        }
        let offset = known.iter().find(|known| known.live);
        let offset = offset.map_or(0, |known| known.cursor.offset);
        let name = Escaped::path(&log.name);
        let told =
            format!("{name}: is rotated faster than it can be looked at; the next run reads it");
        Followed {
            generations: known.to_vec(),
            idle: Some(InputPart::idle(&log.name, Status::Unchanged, offset)),
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

#[cfg(test)]
mod tests;
