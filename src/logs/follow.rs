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
//!
//! | file | step | what it does |
//! |---|---|---|
//! | `look` | | the types: a log while it is looked at, and its files |
//! | `recognise` | gather, recognise | lists and opens the files; which generation each of them is |
//! | `copies` | recognise | which file is a copy of which |
//! | `names` | part | several logs of a rule: each file is one log's |
//! | `gone` | part | generations that are looked for in files of other logs |
//! | `shared_copies` | part | copies in one log of a file that stands in another |
//! | `plan` | plan | what of each file is read, what is remembered, what was lost |
//! | `seen_files` | check | whether the files stayed what they were meanwhile |
//!
//! An example: a rotation is followed. The last run read `auth.log` up to byte 900. One
//! generation is known: inode 7, live, 900 bytes read. Then logrotate renames the file
//! to `auth.log.1` and makes a new `auth.log`, inode 8; sshd writes 100 more bytes into
//! the old file before it opens the new one, and 50 into that.
//!
//! 1. gather: both files are listed and opened. Neither is, under its name, what the
//!    file system said of the known generation: both are [`Is::New`].
//! 2. recognise: the live file is asked first whether it holds what was read: the first
//!    256 bytes, and the hash of the 1,024 before byte 900. `auth.log` has 50 bytes: no.
//!    `auth.log.1` does: it is [`Is::Known`], though its name is another.
//! 3. part: with a single log there is nothing to share out.
//! 4. plan: `auth.log.1` is read from byte 900 to its last newline, then `auth.log` from
//!    byte 0: oldest first, so that failures come in their order. Both are remembered.
//!    `auth.log.1` stays `Followed` for a minute, since sshd may still write to it.
//! 5. check: the directory is listed once more. The same two names lead to the same
//!    two inodes, and both files still begin and end as they did: the look counts.
//!
//! If logrotate had renamed a file between 1 and 5, or `auth.log.1` were nowhere, the
//! log would be looked at again, after 2, 5, 10, ... ms. What is nowhere after the last
//! of them is lost: that is told, with the number of bytes.

mod copies;
mod gone;
mod look;
mod names;
mod plan;
mod recognise;
mod seen_files;
mod shared_copies;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Escaped, Generation, Problem};

use super::discover::{Directories, Log};
use super::part::InputPart;
use super::status::Status;

use look::{Is, Look, LookMoment};
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
        if let LookMoment::Retry(pause) = moment {
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
    watch: &mut impl FnMut(LookMoment),
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
        watch(LookMoment::Retry(Duration::from_millis(pause)));
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
        watch: &mut impl FnMut(LookMoment),
    ) -> Self {
        let paths = self.log.paths(others, directories);
        self.names = paths.iter().map(|(path, _)| path.clone()).collect();
        watch(LookMoment::Listed);
        self.moved = self.gather(paths, watch);
        watch(LookMoment::Opened);
        self.recognise(watch);
        watch(LookMoment::Recognised);
        self
    }

    /// What the look comes to.
    fn looked(mut self, watch: &mut impl FnMut(LookMoment)) -> Looked {
        let (lost, seen_files) = (self.is_lost(), self.seen_files());
        let (names, moved) = (std::mem::take(&mut self.names), self.moved);
        let followed = self.plan();
        watch(LookMoment::Planned);
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
    fn at_live(mut self, watch: &mut impl FnMut(LookMoment)) -> Followed {
        self.gather(Vec::new(), watch);
        watch(LookMoment::Opened);
        self.recognise(watch);
        watch(LookMoment::Recognised);
        let still = match self.live.as_ref().map(|live| &live.is) {
            Some(&(Is::Same(known) | Is::Known(known))) => self.known[known].live,
            _ => false,
        };
        let (log, known, seen_files) = (self.log, self.known.clone(), self.seen_files());
        let followed = self.plan();
        watch(LookMoment::Planned);
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
            parts: vec![InputPart::idle(&log.name, Status::Unchanged, offset)],
            problems: vec![Problem::at(&log.name, told)],
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
