//! Which generation each file is.
//!
//! A file whose name, size, times and inode are what the last run noted is that
//! generation, and is not even opened. Any other is known by its bytes alone, since a
//! rotation gives names and inodes to other files: each known generation goes to the
//! file that holds what was read of it. Of several such files the live one gets it, else
//! the longest: the others are copies. Say `log` was read up to byte 900, and
//! `copytruncate` has copied it to `log.1` and not cut it yet. Both hold the 900 bytes;
//! `log` is live and gets the generation, `log.1` begins with what stands in `log`, so it
//! is a copy that is being made. After the cut only `log.1` holds them: it is read on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use crate::model::{Cursor, Generation, GenerationState};

use super::super::budget::WAY_BACK;
use super::super::discover::{Directories, Log};
use super::super::identity::{find_in_stream, is_of};
use super::super::names::{Age, sort_by_age};
use super::super::open::{OpenError, Opened, open_log, stat_of};
use super::super::unpack::{TimeLimited, unpack};
use super::copies::{Originals, is_read_copy, length_of};
use super::look::{Candidate, Is, Look, LookMoment, plain_name, unreadable};

impl Log {
    /// The files that are called like generations. Of a plain one and a
    /// compressed one of the same name only the plain one: the other is being
    /// made from it.
    pub(in crate::logs) fn paths(
        &self,
        others: &[PathBuf],
        directories: &mut Directories,
    ) -> Vec<(PathBuf, Age)> {
        let (Some(name), Some(dir)) = (self.name.file_name(), self.name.parent()) else {
            return Vec::new();
        };
        let dirs =
            std::iter::once(dir.to_owned()).chain(others.iter().map(|other| dir.join(other)));
        let dirs: BTreeSet<PathBuf> = dirs.collect();
        let mut paths: Vec<(PathBuf, Age)> = dirs
            .iter()
            .flat_map(|dir| directories.generations(dir, name))
            .collect();
        if !self.live {
            paths.retain(|(path, _)| self.named.contains(path));
        }
        let all: BTreeSet<PathBuf> = paths.iter().map(|(path, _)| path.clone()).collect();
        paths.retain(|(path, _)| {
            let plain = plain_name(path);
            plain == *path || (plain != self.name && !all.contains(&plain))
        });
        paths
    }
}

impl Look<'_> {
    /// Looks at the files; true if one has gone since it was listed.
    pub(super) fn gather(
        &mut self,
        paths: Vec<(PathBuf, Age)>,
        watch: &mut impl FnMut(LookMoment),
    ) -> bool {
        let mut moved = false;
        let mut inodes = BTreeSet::new();
        if self.log.live {
            match self.candidate(self.log.name.clone(), Age::Unknown) {
                Ok(live) => {
                    inodes.insert(live.inode);
                    self.live = Some(live);
                }
                Err(error) => self.live_error = Some(error),
            }
        }
        watch(LookMoment::LiveOpened);
        for (path, age) in paths {
            match self.candidate(path.clone(), age) {
                // The same file under another name is no other generation.
                Ok(candidate) if inodes.insert(candidate.inode) => self.rotated.push(candidate),
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
    fn candidate(&self, path: PathBuf, age: Age) -> Result<Candidate, OpenError> {
        let stat = stat_of(&std::fs::metadata(&path)?);
        let inode = (stat.device, stat.inode);
        let same = self
            .known
            .iter()
            .position(|known| known.stat == stat && known.path == path);
        let is_read = |known: &usize| self.known[*known].left == 0;
        if let Some(same) = same.filter(is_read) {
            return Ok(Candidate {
                path,
                age,
                opened: None,
                modified: stat.modified,
                inode,
                is: Is::Same(same),
            });
        }
        let opened = open_log(&path)?;
        // It needs not be looked at: another file may begin with the same bytes, and to
        // look for the cursor in a compressed one takes as long as to go back to it.
        let goes_on = same.filter(|&known| {
            let Generation { stat, cursor, .. } = &self.known[known];
            opened.stat == *stat && cursor.offset > 0
        });
        Ok(Candidate {
            path,
            age,
            modified: opened.stat.modified,
            inode: (opened.stat.device, opened.stat.inode),
            opened: Some(opened),
            is: goes_on.map_or(Is::New, Is::Known),
        })
    }

    /// Finds out which generation each file is.
    pub(super) fn recognise(&mut self, watch: &mut impl FnMut(LookMoment)) {
        let mut live = self.live.take();
        let mut rotated = std::mem::take(&mut self.rotated);
        for candidate in live.iter().chain(&rotated) {
            if let Is::Same(known) | Is::Known(known) = candidate.is {
                self.found.insert(known);
            }
        }
        let claimed = self.claims(live.as_mut(), &mut rotated);
        watch(LookMoment::Claimed);
        self.copies(live.as_ref(), &mut rotated);
        for (n, known) in claimed {
            // It goes on behind what we read, elsewhere than the other one does.
            if rotated[n].is_new() {
                rotated[n].is = Is::Known(known);
            }
        }
        (self.live, self.rotated) = (live, rotated);
    }

    /// Gives each known generation to the file that holds its bytes, the live
    /// one first, else the longest; returns which others hold them, too.
    fn claims(
        &mut self,
        live: Option<&mut Candidate>,
        rotated: &mut [Candidate],
    ) -> Vec<(usize, usize)> {
        if let Some(live) = live
            && let Some(known) = self.claim(live)
        {
            self.found.insert(known);
            live.is = Is::Known(known);
        }
        let mut claims = Vec::new();
        for (n, candidate) in rotated.iter_mut().enumerate() {
            claims.extend(self.claim(candidate).map(|known| (n, known)));
        }
        let length = |n: usize| {
            let opened = rotated[n].opened.as_ref();
            opened
                .and_then(|opened| length_of(opened, u64::MAX).ok())
                .unwrap_or(0)
        };
        let longest = |known: usize| {
            let all: Vec<usize> = claims
                .iter()
                .filter(|(_, of)| *of == known)
                .map(|(n, _)| *n)
                .collect();
            match all[..] {
                [only] => only,
                // Of several that are as long the oldest.
                _ => all
                    .into_iter()
                    .rev()
                    .max_by_key(|&n| length(n))
                    .unwrap_or(0),
            }
        };
        let winners: BTreeMap<usize, usize> = claims
            .iter()
            .map(|(_, known)| *known)
            .filter(|known| !self.found.contains(known))
            .map(|known| (known, longest(known)))
            .collect();
        for (&known, &n) in &winners {
            self.found.insert(known);
            rotated[n].is = Is::Known(known);
        }
        claims.retain(|(n, _)| rotated[*n].is_new());
        claims
    }

    /// The known generation whose bytes a file has that is not as the last run left it. If
    /// unpacking it takes too long to tell, that is noted.
    fn claim(&mut self, candidate: &mut Candidate) -> Option<usize> {
        let opened = candidate.opened.as_ref().filter(|_| candidate.is_new())?;
        match self.known_as(opened) {
            Ok(known) => known,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                candidate.is = Is::OutOfReach;
                self.is_unsure = true;
                None
            }
            Err(error) => {
                self.problems
                    .push(unreadable(&candidate.path, &error.into()));
                None
            }
        }
    }

    /// Finds the copies among the files that seem new.
    fn copies(&mut self, live: Option<&Candidate>, rotated: &mut [Candidate]) {
        let of_new = |candidate: &Candidate| {
            candidate.is_new() && (!self.first_contact || self.log.named.contains(&candidate.path))
        };
        if !rotated.iter().any(of_new) {
            return;
        }
        let lost = self.lost_live();
        let live_is = rotated.len();
        let begins = |candidate: &Candidate| match candidate.is {
            Is::Same(known) | Is::Known(known) => Some(&*self.known[known].cursor.head),
            _ => None,
        };
        let all = rotated.iter().chain(live).enumerate();
        let originals = Originals::new(all.map(|(n, file)| (n, file, begins(file))));
        for n in 0..rotated.len() {
            let (true, Some(opened)) = (of_new(&rotated[n]), &rotated[n].opened) else {
                continue;
            };
            let file = |n: usize| rotated.get(n).or(live).unwrap_or(&rotated[0]);
            let is_one =
                |other: usize| other != n && !matches!(file(other).is, Is::Copy | Is::BeingMade);
            let is = match originals.of(opened, file, is_one) {
                // Only a plain one may still be made.
                Ok(Some(of)) if of == live_is && opened.packing.is_none() => Is::BeingMade,
                Ok(Some(_)) => Is::Copy,
                _ => {
                    let Some(lost) = lost.filter(|&known| {
                        is_read_copy(opened, &self.known[known].cursor).unwrap_or(false)
                    }) else {
                        continue;
                    };
                    self.found.insert(lost);
                    Is::Copy
                }
            };
            rotated[n].is = is;
        }
    }

    fn known_as(&self, opened: &Opened) -> io::Result<Option<usize>> {
        held(opened, &self.known.iter().collect::<Vec<_>>())
    }

    /// The generation that was live, if it was not found again.
    pub(super) fn lost_live(&self) -> Option<usize> {
        self.lost(|known| known.live && known.cursor.offset > 0)
            .next()
    }

    /// The same, if nothing had been read of it.
    pub(super) fn lost_unread(&self) -> Option<usize> {
        self.lost(|known| known.live && known.cursor.offset == 0)
            .next()
    }

    /// The generations that are gone though their service may have written to
    /// them after they were read, for they had just been rotated away.
    pub(super) fn gone_early(&self) -> impl Iterator<Item = usize> {
        // Without a live file the whole directory may be away.
        self.lost(|known| {
            self.live.is_some() && !known.live && known.state == GenerationState::Followed
        })
    }

    /// The generations that were rotated away and are gone before they were read.
    pub(super) fn gone_unread(&self) -> impl Iterator<Item = usize> {
        self.lost(|known| self.live.is_some() && !known.live && known.left > 0)
    }

    /// Those of the known that were not found again.
    fn lost(&self, of: impl Fn(&Generation) -> bool) -> impl Iterator<Item = usize> {
        let known = self.known.iter().enumerate();
        let lost = known.filter(move |(n, known)| {
            let is_found = self.found.contains(n) || self.is_unsure;
            of(known) && !is_found && !self.may_be_unread(known)
        });
        lost.map(|(n, _)| n)
    }

    /// Whether a file may be a generation of which nothing had been read, so
    /// that its bytes can not be looked for.
    fn may_be_unread(&self, known: &Generation) -> bool {
        let is_it = |candidate: &Candidate| match &candidate.opened {
            Some(opened) => is_file_of(known, opened),
            None => known.stat.inode == candidate.inode.1,
        };
        // It is not known what a file was before it was compressed; a copy of the
        // live log may have been seen before a byte was copied.
        let may_be_it = |candidate: &Candidate| {
            let packed = candidate.opened.as_ref();
            is_it(candidate)
                || matches!(candidate.is, Is::New | Is::Copy)
                    && packed.is_some_and(|opened| opened.packing.is_some())
        };
        known.cursor.offset == 0
            && (self.live.iter().any(is_it) || self.rotated.iter().any(may_be_it))
    }

    /// Whether the live file we knew is gone though another stands there, or
    /// nothing does; or a generation that may have been written to.
    pub(super) fn is_lost(&self) -> bool {
        let lost = self.lost_live().or_else(|| self.lost_unread());
        lost.is_some()
            && (self.live.is_some() || matches!(self.live_error, Some(OpenError::Missing)))
            || self.gone_early().next().is_some()
    }
}

/// Which of some generations a file holds the bytes of: the one read farthest,
/// and one that is passed over only if it is no other.
pub(super) fn held(opened: &Opened, known: &[&Generation]) -> io::Result<Option<usize>> {
    let is_skipped = |n: usize| known[n].state == GenerationState::Skipped;
    let all = |packed: bool| {
        let all = 0..known.len();
        all.filter(move |&n| (known[n].state == GenerationState::SkippedPacked) == packed)
    };
    let mut best = None;
    for n in all(opened.packing.is_some()) {
        let cursor = &known[n].cursor;
        if is_of(cursor, &*opened.file)? {
            best = best.max(Some((!is_skipped(n), cursor.offset, n)));
        }
    }
    if let (None, Some(packing)) = (best, opened.packing) {
        for skipped in [false, true] {
            let of: Vec<usize> = all(false).filter(|&n| is_skipped(n) == skipped).collect();
            let cursors: Vec<&Cursor> = of.iter().map(|&n| &known[n].cursor).collect();
            // A stream that ends in an error is known as far as it goes; reading it says so.
            let mut stream = TimeLimited::new(unpack(&opened.file, packing)?, WAY_BACK);
            let found = find_in_stream(&mut stream, &cursors);
            if stream.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if let Some(n) = found {
                return Ok(Some(of[n]));
            }
        }
    }
    Ok(best.map(|(_, _, n)| n))
}

/// Whether a file is the one that a generation was in, by what the file system
/// says. A freed inode may have been given to another file since: that was made
/// after the generation's last change was seen.
pub(super) fn is_file_of(known: &Generation, opened: &Opened) -> bool {
    known.stat.inode == opened.stat.inode
        && opened.born.is_none_or(|born| born <= known.stat.changed)
}
