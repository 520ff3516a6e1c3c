//! A log with all its generations, read from their starts and remembered nowhere.

use std::path::PathBuf;

use super::super::discover::{Directories, Log};
use super::{Followed, follow, unreadable};

/// Finds all generations of `log`, whether the configuration names them or
/// not; the end of each ends its last line. `others` are further directories
/// in which they may be.
#[must_use]
pub fn generations(log: &Log, others: &[PathBuf]) -> Followed {
    // Without a live file only what is named would be listed.
    let listed = Log {
        live: true,
        ..log.clone()
    };
    let paths = listed.paths(others, &mut Directories::default());
    let all = Log {
        name: log.name.clone(),
        live: log.live || log.name.exists(),
        named: paths.into_iter().map(|(path, _)| path).collect(),
    };
    let mut followed = follow(&[(&all, &[])], others, 0).pop().unwrap_or_default();
    let tasks = std::mem::take(&mut followed.tasks);
    for (task, _) in tasks {
        match task.opened.piece(0, task.opened.stat.size, true) {
            Ok(piece) => followed.tasks.push((task, piece)),
            Err(error) => followed
                .problems
                .push(unreadable(&task.path, &error.into())),
        }
    }
    followed
}
