//! Which generation each file is.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::model::{Cursor, Kind};

use super::super::discover::Directories;
use super::super::identity::{bytes_at, find_in_stream, is_of, is_part_of};
use super::super::names::{Age, sort_by_age};
use super::super::open::{OpenError, Opened, open_log, stat_of};
use super::super::unpack::unpack;
use super::{Candidate, Is, Look, plain_name, unreadable};

impl Look<'_> {
    /// The files that are called like generations. Of a plain one and a
    /// compressed one of the same name only the plain one: the other is being
    /// made from it.
    pub(super) fn paths(
        &self,
        others: &[PathBuf],
        directories: &mut Directories,
    ) -> Vec<(PathBuf, Age)> {
        let (Some(name), Some(dir)) = (self.log.name.file_name(), self.log.name.parent()) else {
            return Vec::new();
        };
        let dirs =
            std::iter::once(dir.to_owned()).chain(others.iter().map(|other| dir.join(other)));
        let dirs: BTreeSet<PathBuf> = dirs.collect();
        let mut paths: Vec<(PathBuf, Age)> = dirs
            .iter()
            .flat_map(|dir| directories.generations(dir, name))
            .collect();
        if !self.log.live {
            paths.retain(|(path, _)| self.log.named.contains(path));
        }
        let all: BTreeSet<PathBuf> = paths.iter().map(|(path, _)| path.clone()).collect();
        paths.retain(|(path, _)| {
            let plain = plain_name(path);
            plain == *path || (plain != self.log.name && !all.contains(&plain))
        });
        paths
    }

    /// Looks at the files; true if one has gone since it was listed.
    pub(super) fn gather(&mut self, paths: Vec<(PathBuf, Age)>) -> bool {
        let mut moved = false;
        let mut inodes = BTreeSet::new();
        if self.log.live {
            match self.candidate(self.log.name.clone(), Age::Unknown) {
                Ok(live) => {
                    inodes.insert(live.1);
                    self.live = Some(live.0);
                }
                Err(error) => self.live_error = Some(error),
            }
        }
        for (path, age) in paths {
            match self.candidate(path.clone(), age) {
                // The same file under another name is no other generation.
                Ok((candidate, inode)) if inodes.insert(inode) => self.rotated.push(candidate),
                Ok(_) | Err(OpenError::NotAFile(_)) => {}
                Err(OpenError::Missing) => moved = true,
                Err(error) => self.problems.push(unreadable(&path, &error)),
            }
        }
        sort_by_age(&mut self.rotated, |candidate| {
            (&candidate.age, candidate.modified, candidate.path.clone())
        });
        moved
    }

    /// Looks at one file, and opens it unless it is as we left it.
    fn candidate(&self, path: PathBuf, age: Age) -> Result<(Candidate, (u64, u64)), OpenError> {
        let stat = stat_of(&std::fs::metadata(&path)?);
        let inode = (stat.device, stat.inode);
        if let Some(same) = self
            .known
            .iter()
            .position(|known| known.path == path && known.stat == stat)
        {
            return Ok((
                Candidate {
                    path,
                    age,
                    opened: None,
                    modified: stat.modified,
                    is: Is::Same(same),
                },
                inode,
            ));
        }
        let opened = open_log(&path)?;
        let inode = (opened.stat.device, opened.stat.inode);
        Ok((
            Candidate {
                path,
                age,
                modified: opened.stat.modified,
                opened: Some(opened),
                is: Is::New,
            },
            inode,
        ))
    }

    /// Finds out which generation each file is.
    pub(super) fn recognise(&mut self) {
        let mut live = self.live.take();
        let mut rotated = std::mem::take(&mut self.rotated);
        for candidate in live.iter().chain(&rotated) {
            if let Is::Same(known) = candidate.is {
                self.found.insert(known);
            }
        }
        for candidate in live.iter_mut().chain(&mut rotated) {
            if let (Is::New, Some(opened)) = (&candidate.is, &candidate.opened) {
                match self.known_as(opened) {
                    Ok(Some(known)) => {
                        self.found.insert(known);
                        candidate.is = Is::Known(known);
                    }
                    Ok(None) => {}
                    Err(error) => self
                        .problems
                        .push(unreadable(&candidate.path, &error.into())),
                }
            }
        }
        let lost = self.lost_live();
        if let Some(live) = live.as_mut().filter(|live| live.opened.is_none())
            && rotated
                .iter()
                .any(|candidate| matches!(candidate.is, Is::New))
        {
            // Only to compare with: nothing of it is to be read.
            live.opened = open_log(&live.path).ok();
        }
        for candidate in &mut rotated {
            let (Is::New, Some(opened)) = (&candidate.is, &candidate.opened) else {
                continue;
            };
            if live.as_ref().is_some_and(|live| is_copy_of(opened, live)) {
                candidate.is = Is::BeingMade;
            } else if let Some(known) = lost
                .filter(|&known| is_read_copy(opened, &self.known[known].cursor).unwrap_or(false))
            {
                self.found.insert(known);
                candidate.is = Is::ReadCopy;
            }
        }
        (self.live, self.rotated) = (live, rotated);
    }

    /// The generation whose bytes a file holds: the one read farthest.
    fn known_as(&self, opened: &Opened) -> io::Result<Option<usize>> {
        let open = |packed: bool| {
            let open = (0..self.known.len()).filter(|known| !self.found.contains(known));
            open.filter(move |&known| (self.known[known].kind == Kind::SkippedPacked) == packed)
                .collect::<Vec<_>>()
        };
        let mut best = None;
        for known in open(opened.packing.is_some()) {
            if is_of(&self.known[known].cursor, &*opened.file)? {
                best = best.max(Some((self.known[known].cursor.offset, known)));
            }
        }
        if let (None, Some(packing)) = (best, opened.packing) {
            let known = open(false);
            let cursors: Vec<&Cursor> = known
                .iter()
                .map(|&known| &self.known[known].cursor)
                .collect();
            // A stream that ends in an error is known as far as it goes; reading it says so.
            let found = find_in_stream(&mut unpack(&opened.file, packing)?, &cursors);
            return Ok(found.map(|n| known[n]));
        }
        Ok(best.map(|(_, known)| known))
    }

    /// The generation that was live, if it was not found again.
    pub(super) fn lost_live(&self) -> Option<usize> {
        let was_live =
            |known: &usize| self.known[*known].live && self.known[*known].cursor.offset > 0;
        (0..self.known.len())
            .filter(was_live)
            .find(|known| !self.found.contains(known))
    }

    /// Whether the live file we knew is gone though another stands there, or
    /// nothing does.
    pub(super) fn is_lost(&self) -> bool {
        self.lost_live().is_some()
            && (self.live.is_some() || matches!(self.live_error, Some(OpenError::Missing)))
    }
}

/// Whether a file is a beginning of the live one: logrotate is copying it.
fn is_copy_of(opened: &Opened, live: &Candidate) -> bool {
    let Some(live) = &live.opened else {
        return false;
    };
    let size = opened.stat.size;
    let same = || -> io::Result<bool> {
        let reach = size.min(Cursor::TAIL);
        Ok(
            bytes_at(&*opened.file, 0, reach)? == bytes_at(&*live.file, 0, reach)?
                && bytes_at(&*opened.file, size - reach, reach)?
                    == bytes_at(&*live.file, size - reach, reach)?,
        )
    };
    opened.packing.is_none()
        && live.packing.is_none()
        && size <= live.stat.size
        && same().unwrap_or(false)
}

/// Whether a file is a copy that was made before all was read that we read.
/// A compressed one is unpacked only as far as it takes to know.
fn is_read_copy(opened: &Opened, cursor: &Cursor) -> io::Result<bool> {
    let Some(packing) = opened.packing else {
        let head = bytes_at(&*opened.file, 0, Cursor::HEAD)?;
        return Ok(is_part_of(cursor, &head, opened.stat.size));
    };
    let (mut stream, mut head) = (unpack(&opened.file, packing)?, Vec::new());
    stream.by_ref().take(Cursor::HEAD).read_to_end(&mut head)?;
    let begins = is_part_of(cursor, &head, head.len() as u64);
    let rest = |stream| io::copy(&mut Read::take(stream, cursor.offset), &mut io::sink());
    Ok(begins && is_part_of(cursor, &head, head.len() as u64 + rest(stream)?))
}
