//! What of each generation is to be read, and what was lost.
//!
//! Rotated files come first, oldest first, then the live one. Of each file a generation
//! is remembered; what is new in it becomes a part that is read, from the generation's
//! cursor (or byte 0) to the last newline. A known generation that no file holds is
//! remembered for 30 days, for a file system may come back. If it was live, may have
//! been written to, or had unread bytes, the loss is told once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::{
    CountsFrom, Cursor, Escaped, FileStat, Generation, GenerationState, Problem, plural,
};

use super::super::blocks::end_of_lines;
use super::super::budget::WAY_BACK;
use super::super::identity::{cursor, unread};
use super::super::open::{OpenError, Opened};
use super::super::part::{InputPart, PartKind};
use super::super::status::Status;
use super::look::{Candidate, Followed, Is, KEPT, LINGERS, Look, is_plain, unreadable};

impl Look<'_> {
    pub(super) fn plan(mut self) -> Followed {
        let mut followed = Followed::default();
        let first_contact = self.first_contact;
        let lost = self.lost_live().or_else(|| self.lost_unread());
        let gone: BTreeSet<usize> = self.gone_early().collect();
        let unread: BTreeSet<usize> = self.gone_unread().collect();
        for candidate in std::mem::take(&mut self.rotated) {
            let named = self.log.named.contains(&candidate.path);
            self.take_rotated(candidate, first_contact && !named, &mut followed);
        }
        match self.live.take() {
            Some(live) => self.take_live(live, lost, &mut followed),
            None => self.without_live(lost, &mut followed),
        }
        self.remember(&gone, &unread, &mut followed);
        self.problems.append(&mut followed.problems);
        followed.problems = self.problems;
        followed
    }

    /// Keeps what was not found: it may come back. Where the log itself is
    /// missing it still is the live one.
    fn remember(&self, gone: &BTreeSet<usize>, unread: &BTreeSet<usize>, followed: &mut Followed) {
        let missing = self.live_error.is_some();
        for (n, known) in self.known.iter().enumerate() {
            let live = known.live && missing;
            let told = known.cursor.offset == 0 && !live;
            let mut kind = known.state;
            let is_unread = unread.contains(&n);
            if is_unread {
                followed.problems.push(self.lost_bytes(known));
            } else if gone.contains(&n) {
                followed.problems.push(self.gone(known));
            }
            // It is told once; of the live one it was, as a gap.
            if kind == GenerationState::Followed && (gone.contains(&n) || known.live && !live) {
                kind = GenerationState::Resting;
            }
            // Of the live one it was told as a gap.
            let is_told = is_unread || known.live && !live;
            if !self.found.contains(&n) && !told && known.seen + KEPT > self.today {
                followed.generations.push(Generation {
                    live,
                    state: kind,
                    left: if is_told { 0 } else { known.left },
                    ..known.clone()
                });
            }
        }
        // All that was known may have gone to other logs. This one was met all the same:
        // what comes to stand there is read from its start.
        let met = self.known.first().filter(|_| !self.first_contact);
        if let Some(met) = met.filter(|met| met.seen + KEPT > self.today)
            && followed.generations.is_empty()
        {
            followed.generations.push(Generation {
                live: false,
                state: GenerationState::Resting,
                ..met.clone()
            });
        }
    }

    fn lost_bytes(&self, known: &Generation) -> Problem {
        let name = Escaped::path(&known.path);
        Problem::at(
            &self.log.name,
            format!(
                "{name}: is gone, and {} of it had not been read yet: let logrotate keep more generations, or give runs more time (settings.run_time)",
                plural(known.left, "byte", "bytes")
            ),
        )
    }

    fn gone(&self, known: &Generation) -> Problem {
        let name = Escaped::path(&known.path);
        Problem::at(
            &self.log.name,
            format!(
                "{name}: had just been rotated away when it was read, and is nowhere to be found: what was still written to it behind byte {}, if anything, could not be read; let logrotate keep a generation more (rotate 2)",
                known.cursor.offset
            ),
        )
    }

    fn take_rotated(&mut self, candidate: Candidate, skip: bool, followed: &mut Followed) {
        let Candidate {
            path, opened, is, ..
        } = candidate;
        let shown = Escaped::path(&path).to_string();
        match (is, opened) {
            (Is::BeingMade | Is::Elsewhere, _) => {}
            (Is::OutOfReach, Some(opened)) => self.pass_over(path, &opened, false, followed),
            (Is::Same(known), _) => {
                let mut generation = Generation {
                    live: false,
                    seen: self.today,
                    ..self.known[known].clone()
                };
                let rest = generation
                    .stat
                    .size
                    .saturating_sub(generation.cursor.offset);
                let is_read = matches!(
                    generation.state,
                    GenerationState::Followed | GenerationState::Resting
                );
                if is_read && rest > 0 && is_plain(&path) {
                    generation.state = GenerationState::Cut;
                    followed.problems.push(Problem::at(
                        &path,
                        format!(
                            "{shown}: its last line was cut when it was rotated: {} lost",
                            plural(rest, "byte is", "bytes are")
                        ),
                    ));
                } else if is_read && self.rests(generation.stat) {
                    generation.state = GenerationState::Resting;
                }
                followed.generations.push(generation);
            }
            (Is::Copy, Some(opened)) => {
                if let Ok(Some(cursor)) = cursor(&*opened.file, opened.stat.size) {
                    let kind = skipped(&opened);
                    let met = self.met(path, &opened, cursor, false, kind);
                    followed.generations.push(met);
                }
            }
            (Is::New, Some(opened)) if skip => match cursor(&*opened.file, opened.stat.size) {
                Ok(Some(cursor)) => {
                    let kind = skipped(&opened);
                    let met = self.met(path, &opened, cursor, false, kind);
                    followed.generations.push(met);
                }
                Ok(None) => {}
                Err(error) => followed.problems.push(unreadable(&path, &error.into())),
            },
            (is, Some(opened)) => {
                self.read_on(&path, opened, &is, false, Status::Rotated, followed);
            }
            (_, None) => {}
        }
    }

    fn take_live(&mut self, live: Candidate, lost: Option<usize>, followed: &mut Followed) {
        let Candidate {
            path, opened, is, ..
        } = live;
        let status = match (&is, &opened, self.former_live()) {
            (Is::New, Some(opened), Some(former)) if opened.stat.inode == former.stat.inode => {
                Status::Truncated
            }
            (Is::New, _, Some(_)) => Status::Rotated,
            _ => Status::Read,
        };
        if let Some(known) = lost {
            followed.problems.push(self.gap(known));
        }
        match (is, opened) {
            (Is::Elsewhere, _) => {}
            (Is::Same(known), _) => {
                let generation = self.known[known].clone();
                let at = generation.cursor.offset;
                followed
                    .parts
                    .push(InputPart::idle(&path, Status::Unchanged, at));
                followed.generations.push(Generation {
                    live: true,
                    seen: self.today,
                    ..generation
                });
            }
            (Is::OutOfReach, Some(opened)) => self.pass_over(path, &opened, true, followed),
            (is, Some(opened)) => self.read_on(&path, opened, &is, true, status, followed),
            (_, None) => {}
        }
    }

    /// Takes a compressed file for read, since it takes too long to find out what of it
    /// was read.
    fn pass_over(&self, path: PathBuf, opened: &Opened, live: bool, followed: &mut Followed) {
        let shown = Escaped::path(&path).to_string();
        let told = format!(
            "{shown}: so much is packed in it that what was read of it can not be found again within {} s, so it is passed over; read it with: pyfilter scan --rule RULE {shown}",
            WAY_BACK.as_secs()
        );
        followed.problems.push(Problem::at(&path, told));
        if let Ok(Some(cursor)) = cursor(&*opened.file, opened.stat.size) {
            let kind = GenerationState::SkippedPacked;
            let generation = self.met(path, opened, cursor, live, kind);
            followed.generations.push(generation);
        }
    }

    /// The generation that stood in the live file's place when it was last met.
    fn former_live(&self) -> Option<&Generation> {
        self.known
            .iter()
            .find(|known| known.live && known.cursor.offset > 0)
    }

    /// The log is not there: it is being rotated, or it is gone.
    fn without_live(&mut self, lost: Option<usize>, followed: &mut Followed) {
        let rotating = lost.is_none() && self.known.iter().any(|known| known.live)
            || !followed.parts.is_empty();
        let Some(error) = self.live_error.take().filter(|_| self.log.live) else {
            return;
        };
        let missing = matches!(error, OpenError::Missing);
        if missing && rotating && lost.is_none() {
            return;
        }
        let status = if missing {
            Status::Missing
        } else {
            Status::Unreadable
        };
        followed.problems.push(unreadable(&self.log.name, &error));
        followed
            .parts
            .push(InputPart::idle(&self.log.name, status, 0));
    }

    /// Puts what is to be read of a file among the parts.
    fn read_on(
        &self,
        path: &Path,
        opened: Opened,
        is: &Is,
        live: bool,
        status: Status,
        followed: &mut Followed,
    ) {
        let known = match is {
            Is::Known(known) => Some(&self.known[*known]),
            _ => None,
        };
        let state = self.state_of(known, &opened, live);
        let cursor = known.map_or_else(unread, |known| known.cursor.clone());
        let from = cursor.offset;
        let to = match (state, opened.packing) {
            (GenerationState::Skipped | GenerationState::SkippedPacked, _) => Ok(from),
            (_, None) => {
                let size = opened.stat.size;
                end_of_lines(&*opened.file, from.min(size), size)
            }
            (_, Some(_)) => Ok(u64::MAX),
        };
        let mut generation = self.met(path.to_owned(), &opened, cursor, live, state);
        generation.counts = self.counts(known, live);
        let counts = generation.counts;
        let planned = to.and_then(|to| Ok((to, opened.segment(from, to, false)?)));
        if planned.is_err() {
            // Else the next run would take it for read.
            generation.left = opened.stat.size.max(1);
        }
        let number = followed.generations.len();
        followed.generations.push(generation);
        match planned {
            Err(error) => followed.problems.push(unreadable(path, &error.into())),
            Ok((to, _)) if to <= from && (known.is_some() || to == 0) => {
                if live {
                    let status = match status {
                        Status::Read => Status::Unchanged,
                        other => other,
                    };
                    followed.parts.push(InputPart::idle(path, status, from));
                }
            }
            Ok((_, mut segment)) => {
                segment.counts = counts;
                let kind = PartKind::Generation(number, opened);
                let part = InputPart::new(path, status, kind, segment);
                followed.parts.push(part);
            }
        }
    }

    /// What is to be made of a generation that is there.
    fn state_of(&self, known: Option<&Generation>, opened: &Opened, live: bool) -> GenerationState {
        match known.map_or(GenerationState::Followed, |known| known.state) {
            GenerationState::Followed | GenerationState::Resting
                if !live && (opened.packing.is_some() || self.rests(opened.stat)) =>
            {
                GenerationState::Resting
            }
            GenerationState::Followed | GenerationState::Resting => GenerationState::Followed,
            other => other,
        }
    }

    /// What counts of a generation. One of which nothing was read yet can not be
    /// recognised; what was there when the log was met stays what it was.
    fn counts(&self, known: Option<&Generation>, live: bool) -> CountsFrom {
        let unread = |known: &&Generation| known.live && known.cursor.offset == 0;
        let known = known.or_else(|| self.known.iter().find(unread).filter(|_| live));
        known.map_or_else(CountsFrom::default, |known| known.counts)
    }

    /// Whether a generation that was rotated away is not written to any more.
    fn rests(&self, stat: FileStat) -> bool {
        stat.modified.div_euclid(1_000_000_000) < self.now - LINGERS
    }

    fn met(
        &self,
        path: PathBuf,
        opened: &Opened,
        cursor: Cursor,
        live: bool,
        kind: GenerationState,
    ) -> Generation {
        Generation {
            path,
            stat: opened.stat,
            cursor,
            live,
            state: kind,
            left: 0,
            seen: self.today,
            counts: CountsFrom::default(),
        }
    }

    /// What was written to the live file we knew, and is nowhere now.
    fn gap(&self, known: usize) -> Problem {
        let Generation {
            cursor, stat, left, ..
        } = &self.known[known];
        let name = Escaped::path(&self.log.name);
        // With `rotate 0` and `ifempty` this may be an empty log that was deleted.
        // Nothing is left that tells it from one that was written to meanwhile, so
        // it is told all the same, with what keeps it from coming again.
        if cursor.offset == 0 && stat.size == 0 && *left == 0 {
            return Problem::at(
                &self.log.name,
                format!(
                    "{name}: had nothing in it at the last run, is another file now, and the old one is nowhere to be found: what was written to it, if anything, could not be read; let logrotate keep a generation (rotate 1) or leave empty logs alone (notifempty)"
                ),
            );
        }
        let unread = stat.size.saturating_sub(cursor.offset);
        let least = match if *left > 0 { *left } else { unread } {
            0 => String::from("how much is not known"),
            bytes => format!("at least {}", plural(bytes, "byte", "bytes")),
        };
        Problem::at(
            &self.log.name,
            format!(
                "{name}: was cut or rotated away, and what was written behind byte {} is nowhere to be found: {least} could not be read",
                cursor.offset
            ),
        )
    }
}

/// The state of a generation that is known and not read. Of a compressed one the bytes
/// that are known are those of the file.
fn skipped(opened: &Opened) -> GenerationState {
    match opened.packing {
        Some(_) => GenerationState::SkippedPacked,
        None => GenerationState::Skipped,
    }
}
