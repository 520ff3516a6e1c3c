//! Logs with all their generations, read from their starts and remembered nowhere.

use std::path::PathBuf;

use super::super::discover::{Directories, Log};
use super::{Followed, follow, unreadable};

/// Finds all generations of each log of a rule, whether the configuration names
/// them or not; the end of each ends its last line. `others` are further
/// directories in which they may be.
#[must_use]
pub fn generations(logs: &[Log], others: &[PathBuf]) -> Vec<Followed> {
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

fn read_whole(followed: &mut Followed) {
    let tasks = std::mem::take(&mut followed.tasks);
    for (task, _) in tasks {
        match task.opened.piece(0, task.opened.stat.size, true) {
            Ok(piece) => followed.tasks.push((task, piece)),
            Err(error) => followed
                .problems
                .push(unreadable(&task.path, &error.into())),
        }
    }
}
