//! Generations of the logs of a rule that are looked for in files of its other logs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use crate::model::{Cursor, Generation};

use super::super::bytes::bytes_at;
use super::super::open::Opened;
use super::copies::text_at;
use super::look::{Candidate, Look};
use super::recognise::{held, is_file_of};

/// Device and inode of a file.
pub(super) type File = (u64, u64);

/// Where a candidate stands: the log, then none for its live file, or which of
/// the rotated ones.
pub(super) type Place = (usize, Option<usize>);

/// The generations that files of other logs took over, and which files.
pub(super) type Taken = BTreeMap<From, (Place, Generation)>;

/// Where a generation is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    Orphan(usize),
    /// Of this look this one.
    Log(usize, usize),
}

/// Generations by how they begin, so that of very many few are looked for in a file.
#[derive(Default)]
pub(super) struct Gone<'g> {
    by_head: HashMap<&'g [u8], Vec<(From, &'g Generation)>>,
    lengths: BTreeSet<usize>,
}

impl<'g> Gone<'g> {
    pub(super) fn add(&mut self, from: From, generation: &'g Generation) {
        let head = &*generation.cursor.head;
        if !head.is_empty() {
            self.lengths.insert(head.len());
            self.by_head
                .entry(head)
                .or_default()
                .push((from, generation));
        }
    }

    /// The generation among those that `is_it` allows whose bytes the file holds.
    pub(super) fn held(
        &self,
        opened: &Opened,
        is_it: impl Fn(&From, &Generation) -> bool,
    ) -> io::Result<Option<(From, &'g Generation)>> {
        if self.lengths.is_empty() {
            return Ok(None);
        }
        let mut heads = vec![text_at(opened, 0, Cursor::HEAD)?];
        if opened.packing.is_some() {
            // Of one that was passed over the bytes of the file are known.
            heads.push(bytes_at(&*opened.file, 0, Cursor::HEAD)?);
        }
        let begins = heads.iter().flat_map(|head| {
            let lengths = self.lengths.range(..=head.len());
            lengths.filter_map(|length| self.by_head.get(&head[..*length]))
        });
        let all: Vec<(From, &Generation)> = begins
            .flatten()
            .filter(|(from, generation)| is_it(from, generation))
            .copied()
            .collect();
        if all.is_empty() {
            return Ok(None);
        }
        let generations: Vec<&Generation> = all.iter().map(|(_, generation)| *generation).collect();
        Ok(held(opened, &generations)?.map(|n| all[n]))
    }
}

/// Whether the file system says that a file is the one of a generation.
pub(super) fn is_same(generation: &Generation, opened: &Opened) -> bool {
    generation.stat.device == opened.stat.device && is_file_of(generation, opened)
}

impl Look<'_> {
    /// The live file, then those that were rotated away.
    pub(super) fn places(&self) -> impl Iterator<Item = (Option<usize>, &Candidate)> {
        let rotated = self.rotated.iter().enumerate();
        let rotated = rotated.map(|(n, candidate)| (Some(n), candidate));
        self.live.iter().map(|live| (None, live)).chain(rotated)
    }

    pub(super) fn place(&self, at: Option<usize>) -> Option<&Candidate> {
        match at {
            None => self.live.as_ref(),
            Some(n) => self.rotated.get(n),
        }
    }

    pub(super) fn at_place(&mut self, at: Option<usize>) -> Option<&mut Candidate> {
        match at {
            None => self.live.as_mut(),
            Some(n) => self.rotated.get_mut(n),
        }
    }
}
