//! Files that several logs of a rule meet, each under another name: one file is
//! one log's, and what is gone from one log is looked for in the others.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::model::{Cursor, Generation, Kind};

use super::super::identity::bytes_at;
use super::super::open::Opened;
use super::copies::text_at;
use super::recognise::{held, is_file_of};
use super::{Candidate, Is, Look};

/// Device and inode of a file.
type File = (u64, u64);

/// What is known of the logs of a rule besides each other's looks.
pub(super) struct Names<'a> {
    logs: usize,
    /// Generations of logs that are not looked at.
    orphans: Vec<Orphan<'a>>,
    /// The files of the logs whose look is done.
    settled: BTreeSet<File>,
}

struct Orphan<'a> {
    generation: &'a Generation,
    /// Whether a file was found that holds it.
    taken: bool,
}

/// Where a candidate stands: the log, then none for its live file, or which of
/// the rotated ones.
type Place = (usize, Option<usize>);

/// How much a log is entitled to a file; the least is the most.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It has read it, and it is the file that the log is written to.
    KnownAndLive,
    /// It has read it, or knows that it need not be read.
    Known,
    /// It is the file that the log is written to.
    Live,
    /// The configuration names it.
    Named,
    /// It is called like a generation.
    Called,
    /// It is called like one, and is not to be read.
    PassedOver,
}

impl<'a> Names<'a> {
    pub(super) fn new(logs: usize, orphans: &'a [Generation]) -> Self {
        let of = |generation| Orphan {
            generation,
            taken: false,
        };
        Names {
            logs,
            orphans: orphans.iter().map(of).collect(),
            settled: BTreeSet::new(),
        }
    }

    /// Gives each file to one log, and each generation that is gone from its log
    /// to the file that holds it.
    pub(super) fn part(&mut self, looks: &mut [Look<'_>]) {
        if self.logs > 1 {
            self.give_each_file_to_one_log(looks);
        }
        if self.logs > 1 || !self.orphans.is_empty() {
            // What is the same file comes first: of two others that hold its
            // bytes one is another log that begins with them.
            for same_file in [true, false] {
                self.find_what_is_gone(looks, same_file);
            }
        }
    }

    /// Notes the files of a log whose look is done.
    pub(super) fn settle(&mut self, files: Vec<File>) {
        self.settled.extend(files);
    }

    fn give_each_file_to_one_log(&self, looks: &mut [Look<'_>]) {
        let mut owners: BTreeMap<File, (Claim, Place)> = BTreeMap::new();
        let mut lost: Vec<Place> = Vec::new();
        for (n, look) in looks.iter().enumerate() {
            for (at, candidate) in look.places() {
                let (claim, place) = (look.claim_to(at, candidate), (n, at));
                if self.settled.contains(&candidate.inode) {
                    lost.push(place);
                    continue;
                }
                match owners.entry(candidate.inode) {
                    Entry::Vacant(free) => drop(free.insert((claim, place))),
                    Entry::Occupied(owner) if owner.get().0 <= claim => lost.push(place),
                    Entry::Occupied(mut owner) => lost.push(owner.insert((claim, place)).1),
                }
            }
        }
        for (n, at) in lost {
            if let Some(candidate) = looks[n].at_place(at) {
                candidate.is = Is::Elsewhere;
            }
        }
    }

    /// Gives generations that are gone from their logs to the files that hold
    /// them: those that were the same, or any.
    fn find_what_is_gone(&mut self, looks: &mut [Look<'_>], same_file: bool) {
        let found = self.found(looks, same_file);
        let mut taken = BTreeSet::new();
        for (place, from, generation) in found {
            if !taken.insert(from) {
                continue;
            }
            match from {
                From::Orphan(orphan) => self.orphans[orphan].taken = true,
                From::Log(log, known) => drop(looks[log].found.insert(known)),
            }
            looks[place.0].take_over(place.1, generation);
        }
    }

    /// Which file holds which generation of another log, farther than its own log
    /// has read of it.
    fn found(&self, looks: &[Look<'_>], same_file: bool) -> Vec<(Place, From, Generation)> {
        let mut gone = None;
        let mut found = Vec::new();
        for (n, look) in looks.iter().enumerate() {
            for (at, candidate) in look.places() {
                let Some(opened) = &candidate.opened else {
                    continue;
                };
                let own = match candidate.is {
                    Is::New if look.claim_to(at, candidate) != Claim::PassedOver => 0,
                    Is::Known(known) => look.known[known].cursor.offset,
                    _ => continue,
                };
                let gone = gone.get_or_insert_with(|| self.gone(looks, same_file));
                let is_it = |from: &From, generation: &Generation| {
                    let is_own = matches!(from, From::Log(log, _) if *log == n);
                    !is_own
                        && generation.cursor.offset > own
                        && (!same_file || is_same(generation, opened))
                        && (!matches!(from, From::Orphan(_)) || has_left(generation, opened))
                };
                // That a file can not be read is told where it is read.
                let holds = gone.held(opened, is_it).unwrap_or_default();
                found.extend(holds.map(|(from, generation)| ((n, at), from, generation.clone())));
            }
        }
        found
    }

    /// What may be looked for: with `same_file` also what was found in its log,
    /// for that may be a copy.
    fn gone<'g>(&'g self, looks: &'g [Look<'_>], same_file: bool) -> Gone<'g> {
        let mut gone = Gone::default();
        for (n, orphan) in self.orphans.iter().enumerate() {
            if !orphan.taken {
                gone.add(From::Orphan(n), orphan.generation);
            }
        }
        for (log, look) in looks.iter().enumerate() {
            for (known, generation) in look.known.iter().enumerate() {
                if same_file || !look.found.contains(&known) {
                    gone.add(From::Log(log, known), generation);
                }
            }
        }
        gone
    }
}

/// Where a generation is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Orphan(usize),
    /// Of this look this one.
    Log(usize, usize),
}

/// Generations by how they begin, so that of very many few are looked for in a file.
#[derive(Default)]
struct Gone<'g> {
    by_head: HashMap<&'g [u8], Vec<(From, &'g Generation)>>,
    lengths: BTreeSet<usize>,
}

impl<'g> Gone<'g> {
    fn add(&mut self, from: From, generation: &'g Generation) {
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
    fn held(
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
fn is_same(generation: &Generation, opened: &Opened) -> bool {
    generation.stat.device == opened.stat.device && is_file_of(generation, opened)
}

/// Whether a generation of a log that is not looked at stands no longer where it
/// stood, or stands there as the same file.
fn has_left(generation: &Generation, opened: &Opened) -> bool {
    let stat = &generation.stat;
    let stands = std::fs::metadata(&generation.path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (stat.device, stat.inode));
    !stands || is_same(generation, opened)
}

impl Look<'_> {
    /// The files that it reads, or need not read.
    pub(super) fn met_files(&mut self) -> Vec<File> {
        let own = |(_, candidate): &(_, &Candidate)| !matches!(candidate.is, Is::Elsewhere);
        let files = self.places().filter(own);
        files.map(|(_, candidate)| candidate.inode).collect()
    }

    /// The live file, then those that were rotated away.
    fn places(&self) -> impl Iterator<Item = (Option<usize>, &Candidate)> {
        let rotated = self.rotated.iter().enumerate();
        let rotated = rotated.map(|(n, candidate)| (Some(n), candidate));
        self.live.iter().map(|live| (None, live)).chain(rotated)
    }

    fn at_place(&mut self, at: Option<usize>) -> Option<&mut Candidate> {
        match at {
            None => self.live.as_mut(),
            Some(n) => self.rotated.get_mut(n),
        }
    }

    fn claim_to(&self, at: Option<usize>, candidate: &Candidate) -> Claim {
        match candidate.is {
            Is::Same(_) | Is::Known(_) if at.is_none() => Claim::KnownAndLive,
            Is::Same(_) | Is::Known(_) | Is::Copy | Is::BeingMade | Is::OutOfReach => Claim::Known,
            Is::New | Is::Elsewhere => match at {
                None => Claim::Live,
                Some(_) if self.log.named.contains(&candidate.path) => Claim::Named,
                Some(_) if self.first_contact => Claim::PassedOver,
                Some(_) => Claim::Called,
            },
        }
    }

    /// From now on a file is this generation, which was another log's.
    fn take_over(&mut self, at: Option<usize>, generation: Generation) {
        let known = self.known.len();
        let kind = match generation.kind {
            // It may be written to here.
            Kind::Resting | Kind::Cut => Kind::Followed,
            other => other,
        };
        self.known.to_mut().push(Generation {
            live: false,
            kind,
            ..generation
        });
        self.found.insert(known);
        if let Some(candidate) = self.at_place(at) {
            candidate.is = Is::Known(known);
        }
    }
}
