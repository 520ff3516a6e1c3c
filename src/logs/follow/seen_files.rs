//! Whether what was looked at stayed as it was meanwhile.

use std::path::PathBuf;

use super::super::open::{Opened, stat_of};
use super::look::{Candidate, Is, Look};
use crate::model::FileStat;

/// The files that a look saw.
pub(super) struct SeenFiles(Vec<(PathBuf, SeenFile)>);

enum SeenFile {
    /// A file that is as the last run left it.
    Same(FileStat),
    Opened(Opened),
}

impl Look<'_> {
    /// What was seen; nothing if all is as the last run left it.
    pub(super) fn seen_files(&self) -> Option<SeenFiles> {
        let candidates = || self.live.iter().chain(&self.rotated);
        let same = |candidate: &Candidate| matches!(candidate.is, Is::Same(_) | Is::Elsewhere);
        // Of two listed names that were one file when they were opened, one was another
        // file before: a rotation went on meanwhile.
        let all_met = self.rotated.len() == self.names.len();
        if all_met && candidates().all(same) && !self.is_lost() && self.live_error.is_none() {
            return None;
        }
        let saw = candidates().filter_map(|candidate| {
            let saw = match (&candidate.is, &candidate.opened) {
                (Is::Same(known), _) => SeenFile::Same(self.known[*known].stat),
                (_, Some(opened)) => SeenFile::Opened(opened.clone()),
                (_, None) => return None,
            };
            Some((candidate.path.clone(), saw))
        });
        Some(SeenFiles(saw.collect()))
    }
}

impl SeenFiles {
    /// Whether each file still has what it had.
    pub(super) fn holds(&self) -> bool {
        self.0.iter().all(|(path, saw)| match saw {
            SeenFile::Same(stat) => std::fs::metadata(path).is_ok_and(|now| stat_of(&now) == *stat),
            SeenFile::Opened(opened) => opened.holds().unwrap_or(false),
        })
    }

    /// The device and inode of the file under each name.
    pub(super) fn files(&self) -> Vec<(PathBuf, (u64, u64))> {
        let file = |(path, saw): &(PathBuf, SeenFile)| {
            let (SeenFile::Same(stat) | SeenFile::Opened(Opened { stat, .. })) = saw;
            (path.clone(), (stat.device, stat.inode))
        };
        self.0.iter().map(file).collect()
    }
}
