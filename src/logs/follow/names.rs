//! Files that several logs of a rule meet, each under another name: one file is
//! one log's, and what is gone from one log is looked for in the others.

use std::cmp::Ordering;
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::model::{Cursor, Generation, GenerationState};

use super::super::bytes::bytes_at;
use super::super::identity::is_of;
use super::super::open::Opened;
use super::copies::{is_copy, text_at};
use super::look::{Candidate, Is, Look};
use super::recognise::{held, is_file_of};

/// Device and inode of a file.
type File = (u64, u64);

/// What is known of the logs of a rule besides each other's looks.
pub(super) struct RuleLogNames<'a> {
    logs: usize,
    /// Generations of logs that are not looked at.
    orphans: &'a [Generation],
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
    /// The log is met for the first time, and this is what it is written to: if
    /// it is a generation of a log that is followed, it comes back there compressed.
    FirstLive,
    /// The same, and the configuration names it.
    FirstNamed,
    /// The same, and it is not to be read.
    PassedOver,
}

impl<'a> RuleLogNames<'a> {
    pub(super) fn new(logs: usize, orphans: &'a [Generation]) -> Self {
        RuleLogNames { logs, orphans }
    }

    /// Gives each file to one log, and each generation that is gone from its log
    /// to the file that holds it.
    pub(super) fn part(&self, looks: &mut [Look<'_>]) {
        if self.logs > 1 {
            give_each_file_to_one_log(looks);
            find_copies(looks);
        }
        if self.logs > 1 || !self.orphans.is_empty() {
            // What is the same file comes first: of two others that hold its
            // bytes one is another log that begins with them.
            let mut taken = Taken::new();
            for same_file in [true, false] {
                self.find_what_is_gone(looks, same_file, &mut taken);
            }
            find_copies_of_taken(looks, &taken);
        }
    }

    /// Gives generations that are gone from their logs to the files that hold
    /// them: those that were the same, or any.
    fn find_what_is_gone(&self, looks: &mut [Look<'_>], same_file: bool, taken: &mut Taken) {
        for (place, from, generation) in self.found(looks, same_file, taken) {
            let Entry::Vacant(free) = taken.entry(from) else {
                continue;
            };
            free.insert((place, generation.clone()));
            if let From::Log(log, known) = from {
                looks[log].found.insert(known);
            }
            looks[place.0].take_over(place.1, generation);
        }
    }

    /// Which file holds which generation of another log, farther than its own log
    /// has read of it.
    fn found(
        &self,
        looks: &[Look<'_>],
        same_file: bool,
        taken: &Taken,
    ) -> Vec<(Place, From, Generation)> {
        let mut gone = None;
        let mut found = Vec::new();
        for (n, look) in looks.iter().enumerate() {
            for (at, candidate) in look.places() {
                let Some(opened) = &candidate.opened else {
                    continue;
                };
                let own = match candidate.is {
                    Is::New => 0,
                    // All of it is read, or not to be read, whatever others know.
                    Is::Known(known)
                        if look.known[known].state == GenerationState::SkippedPacked =>
                    {
                        continue;
                    }
                    Is::Known(known) => look.known[known].cursor.offset,
                    _ => continue,
                };
                let gone = gone.get_or_insert_with(|| self.gone(looks, same_file));
                let is_it = |from: &From, generation: &Generation| {
                    let is_own = matches!(from, From::Log(log, _) if *log == n);
                    !is_own
                        && !taken.contains_key(from)
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
            gone.add(From::Orphan(n), orphan);
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

fn give_each_file_to_one_log(looks: &mut [Look<'_>]) {
    let mut owners: BTreeMap<File, (Claim, Place)> = BTreeMap::new();
    let mut lost: Vec<Place> = Vec::new();
    for (n, look) in looks.iter().enumerate() {
        for (at, candidate) in look.places() {
            let (claim, place) = (look.claim_to(at, candidate), (n, at));
            match owners.entry(candidate.inode) {
                Entry::Vacant(free) => drop(free.insert((claim, place))),
                Entry::Occupied(mut owner) => {
                    let (former, (of, there)) = owner.get();
                    let is_more = match claim.cmp(former) {
                        Ordering::Less => true,
                        // Where the file itself stands its generations stand, too.
                        Ordering::Equal => looks[*of].is_link(*there) && !look.is_link(at),
                        Ordering::Greater => false,
                    };
                    lost.push(if is_more {
                        owner.insert((claim, place)).1
                    } else {
                        place
                    });
                }
            }
        }
    }
    for (n, at) in lost {
        if let Some(candidate) = looks[n].at_place(at) {
            candidate.is = Is::Elsewhere;
        }
    }
}

/// Finds copies of a file that has left its log, and stands under a name of
/// another: compressed, say, while a hard link keeps what it was made of. The
/// file is read on, and not the copy, too.
fn find_copies(looks: &mut [Look<'_>]) {
    for (known, copies) in copies(looks) {
        // Nothing of this file was read yet, so there is no position to go on from.
        if looks[known.0].known[known.1].cursor.offset == 0 {
            looks[known.0].found.insert(known.1);
        }
        for copy in copies {
            if let Some(candidate) = looks[known.0].at_place(Some(copy)) {
                candidate.is = Is::Copy;
            }
        }
    }
}

/// Which files have left which generation, and its copies there.
fn copies(looks: &[Look<'_>]) -> Vec<((usize, usize), Vec<usize>)> {
    let mut of_file: HashMap<File, Vec<(usize, usize)>> = HashMap::new();
    for (log, look) in looks.iter().enumerate() {
        for (known, generation) in look.known.iter().enumerate() {
            let file = (generation.stat.device, generation.stat.inode);
            of_file.entry(file).or_default().push((log, known));
        }
    }
    let mut copies = Vec::new();
    for (n, look) in looks.iter().enumerate() {
        for (_, candidate) in look.places() {
            let (Is::New | Is::Known(_), Some(original)) = (&candidate.is, &candidate.opened)
            else {
                continue;
            };
            for &(log, known) in of_file.get(&candidate.inode).into_iter().flatten() {
                let generation = &looks[log].known[known];
                let was_it = generation.cursor.offset == 0
                    || is_of(&generation.cursor, &*original.file).unwrap_or(false);
                if log == n || !is_same(generation, original) || !was_it {
                    continue;
                }
                let is_copy = |candidate: &Candidate| {
                    let may_be = match candidate.is {
                        Is::New => true,
                        Is::Known(of) => of == known,
                        _ => false,
                    };
                    let opened = candidate.opened.as_ref().filter(|_| may_be);
                    opened.is_some_and(|copy| is_copy(copy, original).unwrap_or(false))
                };
                let rotated = looks[log].rotated.iter().enumerate();
                let of_it = rotated.filter(|(_, candidate)| is_copy(candidate));
                copies.push(((log, known), of_it.map(|(copy, _)| copy).collect()));
            }
        }
    }
    copies
}

/// Finds copies of a file that took over a generation, among the rotated files of the
/// other logs. An example: `names/0` is a symbolic link to `log`, and a run met the file
/// under this name alone. Then `log` was packed to `log.1.gz`, and a hard link `names/1`
/// keeps the file itself: `names/1` goes on with it, and `log.1.gz`, which belongs to
/// a log that never read the file, is its copy.
fn find_copies_of_taken(looks: &mut [Look<'_>], taken: &Taken) {
    let mut gone = Gone::default();
    for (from, (_, generation)) in taken {
        gone.add(*from, generation);
    }
    let mut copies = Vec::new();
    for (n, look) in looks.iter().enumerate() {
        for (at, candidate) in look.places() {
            let (Some(copy), Is::New, Some(opened)) = (at, &candidate.is, &candidate.opened) else {
                continue;
            };
            // That a file can not be read is told where it is read.
            let Ok(Some((from, _))) = gone.held(opened, |_, _| true) else {
                continue;
            };
            let (log, at) = taken[&from].0;
            let original = looks[log].place(at).and_then(|file| file.opened.as_ref());
            if original.is_some_and(|original| is_copy(opened, original).unwrap_or(false)) {
                copies.push((n, copy));
            }
        }
    }
    for (log, copy) in copies {
        looks[log].rotated[copy].is = Is::Copy;
    }
}

/// The generations that files of other logs took over, and which files.
type Taken = BTreeMap<From, (Place, Generation)>;

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
    /// The live file, then those that were rotated away.
    fn places(&self) -> impl Iterator<Item = (Option<usize>, &Candidate)> {
        let rotated = self.rotated.iter().enumerate();
        let rotated = rotated.map(|(n, candidate)| (Some(n), candidate));
        self.live.iter().map(|live| (None, live)).chain(rotated)
    }

    fn place(&self, at: Option<usize>) -> Option<&Candidate> {
        match at {
            None => self.live.as_ref(),
            Some(n) => self.rotated.get(n),
        }
    }

    fn at_place(&mut self, at: Option<usize>) -> Option<&mut Candidate> {
        match at {
            None => self.live.as_mut(),
            Some(n) => self.rotated.get_mut(n),
        }
    }

    /// Whether its name leads to a file of another name.
    fn is_link(&self, at: Option<usize>) -> bool {
        let path = match at {
            None => &self.log.name,
            Some(n) => &self.rotated[n].path,
        };
        path.canonicalize().is_ok_and(|file| file != *path)
    }

    fn claim_to(&self, at: Option<usize>, candidate: &Candidate) -> Claim {
        match candidate.is {
            Is::Same(_) | Is::Known(_) if at.is_none() => Claim::KnownAndLive,
            Is::Same(_) | Is::Known(_) | Is::Copy | Is::BeingMade | Is::OutOfReach => Claim::Known,
            Is::New | Is::Elsewhere => {
                let is_named = self.log.named.contains(&candidate.path);
                match (at, is_named, self.first_contact) {
                    (None, _, false) => Claim::Live,
                    (Some(_), true, false) => Claim::Named,
                    (Some(_), false, false) => Claim::Called,
                    (None, _, true) => Claim::FirstLive,
                    (Some(_), true, true) => Claim::FirstNamed,
                    (Some(_), false, true) => Claim::PassedOver,
                }
            }
        }
    }

    /// From now on a file is this generation, which was another log's.
    fn take_over(&mut self, at: Option<usize>, generation: Generation) {
        let known = self.known.len();
        let kind = match generation.state {
            // It may be written to here.
            GenerationState::Resting | GenerationState::Cut => GenerationState::Followed,
            other => other,
        };
        self.known.to_mut().push(Generation {
            live: false,
            state: kind,
            ..generation
        });
        self.found.insert(known);
        if let Some(candidate) = self.at_place(at) {
            candidate.is = Is::Known(known);
        }
    }
}
