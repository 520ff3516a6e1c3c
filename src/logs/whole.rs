//! Logs with all their generations, read from their starts and remembered nowhere.

use std::path::PathBuf;

use crate::model::{Escaped, Generation, GenerationState, Problem};

use super::discover::{Directories, Log};
use super::follow::{Followed, follow};
use super::open::OpenError;
use super::part::{InputPart, PartKind};
use super::status::Status;

/// Finds all generations of each log of a rule, whether the configuration names
/// them or not; the end of each ends its last line. `others` are further
/// directories in which they may be.
pub(super) fn generations(logs: &[Log], others: &[PathBuf]) -> Vec<Followed> {
    let mut directories = Directories::default();
    let all: Vec<Log> = logs
        .iter()
        .map(|log| all_named(log, others, &mut directories))
        .collect();
    let wanted: Vec<(&Log, &[_])> = all.iter().map(|log| (log, &[][..])).collect();
    let mut followed = follow(&wanted, &[], others, 0);
    followed.iter_mut().for_each(read_whole);
    followed
}

/// The log with all its generations named.
fn all_named(log: &Log, others: &[PathBuf], directories: &mut Directories) -> Log {
    // Without a live file only what is named would be listed.
    let listed = Log {
        live: true,
        ..log.clone()
    };
    let paths = listed.paths(others, directories);
    Log {
        name: log.name.clone(),
        live: log.live || log.name.exists(),
        named: paths.into_iter().map(|(path, _)| path).collect(),
    }
}

/// Of each generation all is read, and the status of a log tells no more than that.
fn read_whole(followed: &mut Followed) {
    for part in std::mem::take(&mut followed.parts) {
        let part = match (&part.kind, part.status) {
            (PartKind::Generation(_, opened), _) => {
                match opened.segment(0, opened.stat.size, true) {
                    Ok(segment) => {
                        InputPart::new(&part.path, Status::Read, PartKind::File, segment)
                    }
                    Err(error) => {
                        let error = OpenError::from(error);
                        let told = format!("{}: {error}", Escaped::path(&part.path));
                        followed.problems.push(Problem::at(&*part.path, told));
                        continue;
                    }
                }
            }
            (_, Status::Missing | Status::Unreadable) => part,
            // Of an empty log all was read that there is.
            _ => InputPart::idle(&part.path, Status::Read, 0),
        };
        followed.parts.push(part);
    }
}

/// The files of a log, oldest first: what runs have read of it, what the
/// configuration names, and the log itself.
pub(super) fn kept_files(log: &Log, known: Vec<Generation>) -> Vec<PathBuf> {
    let read = known.into_iter().filter(|generation| {
        let is_there = generation.live || generation.path.exists();
        is_there
            && matches!(
                generation.state,
                GenerationState::Followed | GenerationState::Resting | GenerationState::Cut
            )
    });
    let mut paths: Vec<PathBuf> = read.map(|generation| generation.path).collect();
    paths.extend(log.named.iter().cloned());
    if log.live {
        paths.retain(|path| *path != log.name);
        paths.push(log.name.clone());
    }
    paths
}
