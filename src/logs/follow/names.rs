//! Files that several logs of a rule meet, each under another name: one file is
//! one log's, and what is gone from one log is looked for in the others.

use std::cmp::Ordering;
use std::collections::btree_map::{BTreeMap, Entry};
use std::os::unix::fs::MetadataExt as _;

use crate::model::{Generation, GenerationState};

use super::super::open::Opened;
use super::gone::{File, From, Gone, Place, Taken, is_same};
use super::look::{Candidate, Is, Look};
use super::shared_copies::{find_copies, find_copies_of_taken};

/// What is known of the logs of a rule besides each other's looks.
pub(super) struct RuleLogNames<'a> {
    logs: usize,
    /// Generations of logs that are not looked at.
    orphans: &'a [Generation],
}

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

/// Whether a generation of a log that is not looked at stands no longer where it
/// stood, or stands there as the same file.
fn has_left(generation: &Generation, opened: &Opened) -> bool {
    let stat = &generation.stat;
    let stands = std::fs::metadata(&generation.path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (stat.device, stat.inode));
    !stands || is_same(generation, opened)
}

impl Look<'_> {
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
