//! The one reading of logs: what is to be read, opened; then read, and its failures
//! handed to a sink in order.
//!
//! ```text
//! discover -> follow | whole | kept | files -> Inputs -> read -> ReadReport -> checkpoints
//!                                                         |
//!                                          failures in order -> FailureSink
//! ```
//!
//! | inputs | are read | for |
//! |---|---|---|
//! | [`Inputs::follow`] | on from where the last run left them | `scan` |
//! | [`Inputs::whole`] | from their starts, with all their generations | `audit`, `check` |
//! | [`Inputs::kept`] | from their starts, as far as runs have read them | `explain` |
//! | [`Inputs::files`] | from their starts | files on the command line |
//!
//! Several rules that read the same bytes of the same logs read them in one pass
//! ([`Inputs::read_together`]): each block is read and unpacked once, and matched by the
//! matcher of each rule. Each rule keeps inputs of its own, and so its own cursors: a rule
//! that is at another place reads by itself, and joins the others when it has come as far.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::{Escaped, Generation, JournalCursor, JournalPosition, Problem};
use crate::rules::{Clock, Matcher};

use super::budget::Budget;
use super::checkpoint::{Checkpoint, ReadAgain};
use super::discover::{Discovered, Log, each_once};
use super::follow::follow;
use super::input::{Input, LastState};
use super::journal::{Journal, last_week, open_journal};
use super::open::{OpenError, whole};
use super::part::{InputPart, PartKind};
use super::scan::scan;
use super::sink::FailureSink;
use super::sizes::Sizes;
use super::standard::named;
use super::status::Status;
use super::whole::{generations, kept_files};

/// What is to be read for a rule.
#[derive(Debug, Default)]
pub struct Inputs {
    sources: Vec<Input>,
    problems: Vec<Problem>,
    sizes: Option<Sizes>,
}

/// Where logs and journals are looked for, and when.
#[derive(Debug, Clone, Copy)]
pub struct LogPlaces<'a> {
    /// Further directories in which generations may be.
    pub olddir: &'a [PathBuf],
    /// The directory or file of the journal, in place of the host's.
    pub journal: Option<&'a Path>,
    /// The time of the run, in Unix seconds.
    pub now: i64,
}

/// Where the last run of a rule left its logs and journals.
#[derive(Debug, Default)]
pub struct LastPositions {
    /// The generations of each log.
    pub logs: BTreeMap<PathBuf, Vec<Generation>>,
    /// The cursor of each journal.
    pub journals: BTreeMap<String, JournalCursor>,
}

/// From which stamp on a source counts that is new to a rule.
#[derive(Debug, Clone, Copy)]
pub struct NewSource {
    /// None: all of it does.
    pub of_any: Option<i64>,
    /// Of a source that `auto` takes in place of another.
    pub of_auto: Option<i64>,
}

impl NewSource {
    fn since(self, is_auto: bool) -> Option<i64> {
        if is_auto { self.of_auto } else { self.of_any }
    }
}

/// A rule that reads inputs.
#[derive(Debug)]
pub struct LogReader<'a, M, S> {
    /// Its name.
    pub rule: &'a str,
    /// Makes its matcher. Not called if there is nothing to read: compiling the patterns
    /// costs more than such a run.
    pub matcher: M,
    /// Takes its failures.
    pub sink: &'a mut S,
}

/// What came of a reading.
#[derive(Debug)]
pub struct ReadReport {
    inputs: Vec<Input>,
    /// Whether the rules have to read one after the other.
    gave_up: bool,
    /// What could not be read, and what was lost.
    pub problems: Vec<Problem>,
}

impl Inputs {
    /// The logs and journals of a rule, on from where the last run left them.
    #[must_use]
    pub fn follow(
        found: &Discovered,
        mut last: LastPositions,
        new: NewSource,
        places: &LogPlaces<'_>,
    ) -> Self {
        let known = |log: &Log| last.logs.remove(&log.name).unwrap_or_default();
        let known: Vec<Vec<Generation>> = found.logs.iter().map(known).collect();
        let orphans: Vec<Generation> = last.logs.into_values().flatten().collect();
        let wanted = found.logs.iter().zip(known.iter().map(Vec::as_slice));
        let wanted: Vec<(&Log, &[Generation])> = wanted.collect();
        // `auto` has changed its source if it has read none of those that it finds now.
        let is_read =
            |(log, known): &(&Log, &[Generation])| !known.is_empty() && found.is_usual(log);
        let changed = !wanted.iter().any(is_read);
        let followed = follow(&wanted, &orphans, places.olddir, places.now);
        let mut inputs = Inputs::default();
        for ((log, known), mut followed) in found.logs.iter().zip(known).zip(followed) {
            if known.is_empty() {
                followed.count_from(new.since(changed && found.is_usual(log)));
            }
            // In the report the log itself comes first if nothing of it is to be read.
            followed.parts.sort_by_key(|part| part.segment.is_some());
            let now = followed.generations;
            inputs.add(&log.name, followed.parts, LastState::Log { known, now });
            inputs.problems.extend(followed.problems);
        }
        for journal in &found.journals {
            let cursor = last.journals.remove(&journal.name);
            let from = cursor.as_ref().map(|cursor| cursor.position.clone());
            let since = new.since(found.is_usual_journal(journal));
            let from = from.or(since.map(JournalPosition::Since));
            let begin = from.clone().unwrap_or_else(|| last_week(places.now));
            let before = LastState::Journal { cursor, from };
            inputs.add_journal(journal, places, Some(&begin), before);
        }
        inputs
    }

    /// The logs of a rule with all their generations, and the journals from the second
    /// `since` on, if that is given.
    #[must_use]
    pub fn whole(found: &Discovered, since: Option<i64>, places: &LogPlaces<'_>) -> Self {
        let mut inputs = Inputs::default();
        let followed = generations(&found.logs, places.olddir);
        for (log, followed) in found.logs.iter().zip(followed) {
            inputs.problems.extend(followed.problems);
            inputs.add(&log.name, followed.parts, LastState::Unkept);
        }
        let since = since.map(JournalPosition::Since);
        for journal in &found.journals {
            inputs.add_journal(journal, places, since.as_ref(), LastState::Unkept);
        }
        inputs
    }

    /// The logs of a rule with the generations that runs have read, which are `known`,
    /// and the journals of the last week. A file that is not there is no problem.
    #[must_use]
    pub fn kept(
        found: &Discovered,
        mut known: BTreeMap<PathBuf, Vec<Generation>>,
        places: &LogPlaces<'_>,
    ) -> Self {
        let mut inputs = Inputs::default();
        let mut paths: Vec<Vec<PathBuf>> = Vec::new();
        for log in &found.logs {
            let known = known.remove(&log.name).unwrap_or_default();
            paths.push(kept_files(log, known));
        }
        // A file that two logs name is one.
        let mut once: BTreeSet<PathBuf> = each_once(paths.concat()).into_iter().collect();
        for (log, paths) in found.logs.iter().zip(paths) {
            let paths = paths.iter().filter(|path| once.remove(*path));
            let parts = paths.map(|path| InputPart::file(path, whole(path), |_| ""));
            let parts: Vec<InputPart> = parts.collect();
            let told = parts.iter().filter(|part| part.status != Status::Missing);
            inputs
                .problems
                .extend(told.filter_map(InputPart::unreadable));
            inputs.add(&log.name, parts, LastState::Unkept);
        }
        for journal in &found.journals {
            let begin = last_week(places.now);
            inputs.add_journal(journal, places, Some(&begin), LastState::Unkept);
        }
        inputs
    }

    /// Files that were named on the command line, each a source of its own. `hint` says
    /// what is to be done about one that can not be read.
    #[must_use]
    pub fn files(files: &[PathBuf], now: i64, hint: fn(&OpenError) -> &'static str) -> Self {
        let mut inputs = Inputs::default();
        for path in &each_once(files.to_vec()) {
            let part = InputPart::file(path, named(path, now), hint);
            inputs.problems.extend(part.unreadable());
            inputs.add(path, vec![part], LastState::Unkept);
        }
        inputs
    }

    /// The same read in steps of another size: what is found never depends on it.
    #[must_use]
    pub fn with_sizes(self, sizes: Sizes) -> Self {
        let sizes = Some(sizes);
        Inputs { sizes, ..self }
    }

    /// The same with this clock for stamps without a year, whenever the files were written.
    #[must_use]
    pub fn with_clock(mut self, clock: &Clock) -> Self {
        let parts = self.sources.iter_mut().flat_map(|input| &mut input.parts);
        for segment in parts.filter_map(|part| part.segment.as_mut()) {
            segment.clock = clock.clone();
        }
        self
    }

    fn add(&mut self, name: &Path, parts: Vec<InputPart>, before: LastState) {
        let name = name.to_owned();
        self.sources.push(Input {
            name,
            parts,
            before,
        });
    }

    fn add_journal(
        &mut self,
        journal: &Journal,
        places: &LogPlaces<'_>,
        from: Option<&JournalPosition>,
        before: LastState,
    ) {
        let path = Path::new(&journal.name);
        let part = match open_journal(journal, places.journal, from, places.now) {
            Ok((segment, progress)) => {
                InputPart::new(path, Status::Read, PartKind::Journal(progress), segment)
            }
            Err(error) => InputPart {
                error: Some(error.to_string()),
                ..InputPart::idle(path, Status::Unreadable, 0)
            },
        };
        self.problems.extend(part.unreadable());
        self.add(path, vec![part], before);
    }

    /// How many bytes are to be read, as they stand on the disk, of how many files and
    /// journals.
    #[must_use]
    pub fn unread(&self) -> (u64, usize) {
        let parts = self.sources.iter().flat_map(|input| &input.parts);
        let parts = parts.filter(|part| part.segment.is_some());
        parts.fold((0, 0), |(bytes, files), part| {
            (bytes + part.size(), files + 1)
        })
    }

    /// Whether nothing is to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.sources.iter().any(Input::is_unread)
    }

    /// Whether these are the same bytes of the same logs, in the same order, as those of
    /// `other`, which another rule reads: then both may be read in one pass.
    #[must_use]
    pub fn are_like(&self, other: &Inputs) -> bool {
        let mut sources = self.sources.iter().zip(&other.sources);
        self.sources.len() == other.sources.len()
            && sources.all(|(one, another)| one.is_like(another))
    }

    /// Reads them within a budget, and hands the failures to the reader's sink: of each
    /// input in the order of its parts and lines, of several merged by stamp, then by
    /// the order of the inputs. Memory does not grow with what is read.
    pub fn read<M, S>(self, reader: LogReader<'_, M, S>, budget: &mut Budget) -> ReadReport
    where
        M: FnOnce() -> Result<Matcher, String>,
        S: FailureSink,
    {
        Inputs::read_together(vec![(self, reader)], budget).remove(0)
    }

    /// Reads the inputs of several rules in one pass, each as [`Inputs::read`] does, and
    /// returns their reports in the same order. If there are several, each
    /// [`are_like`](Inputs::are_like) the first.
    pub fn read_together<M, S>(
        rules: Vec<(Inputs, LogReader<'_, M, S>)>,
        budget: &mut Budget,
    ) -> Vec<ReadReport>
    where
        M: FnOnce() -> Result<Matcher, String>,
        S: FailureSink,
    {
        let (mut names, mut all) = (Vec::new(), Vec::new());
        let (mut matchers, mut sinks) = (Vec::new(), Vec::new());
        let mut reads = Vec::new();
        for (mut inputs, reader) in rules {
            let matcher = (!inputs.is_empty()).then(reader.matcher).transpose();
            reads.push(matches!(matcher, Ok(Some(_))));
            match matcher {
                Ok(Some(matcher)) => {
                    // One pass takes the time of one rule.
                    let is_first = matchers.is_empty();
                    budget.leave_over(if is_first { 0 } else { inputs.sources.len() });
                    matchers.push(matcher);
                    sinks.push(reader.sink);
                }
                nothing => {
                    budget.leave_over(inputs.sources.len());
                    if let Err(error) = nothing {
                        let rule = Escaped::text(reader.rule);
                        let told = format!("rule {rule} can not be used: {error}");
                        inputs.problems.push(Problem::new(told));
                    }
                }
            }
            names.push(reader.rule);
            all.push(inputs);
        }
        let reading = all.iter_mut().zip(&reads).filter(|(_, reads)| **reads);
        let mut reading: Vec<&mut Inputs> = reading.map(|(inputs, _)| inputs).collect();
        let mut gave_up = false;
        if let Some(first) = reading.first() {
            let busy = first.sources.iter().filter(|input| input.is_unread());
            let sizes = first.sizes.unwrap_or(Sizes::for_sources(busy.count()));
            let sources = reading.iter_mut().map(|inputs| &mut *inputs.sources);
            let sources = &mut sources.collect::<Vec<_>>();
            gave_up = !scan(budget, sources, &matchers, sizes, &mut sinks);
        }
        let report = |(mut inputs, rule): (Inputs, &str)| {
            let parts = inputs.sources.iter().flat_map(|input| &input.parts);
            let told = parts.flat_map(|part| part.problems(rule));
            inputs.problems.extend(told);
            ReadReport {
                inputs: inputs.sources,
                gave_up,
                problems: inputs.problems,
            }
        };
        all.into_iter().zip(names).map(report).collect()
    }
}

impl ReadReport {
    /// All files and journals, also those of which nothing was read, in the order of
    /// the inputs.
    pub fn parts(&self) -> impl Iterator<Item = &InputPart> {
        self.inputs.iter().flat_map(|input| &input.parts)
    }

    /// The newest stamp of the failures, in Unix seconds.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        let newest = self.parts().filter_map(|part| part.reading.totals.newest);
        newest.map(|stamp| stamp.secs).max()
    }

    /// How far each log and journal was read.
    ///
    /// # Errors
    /// A log has changed while it was read, or the rules have to read one after the other.
    pub fn checkpoints(self) -> Result<Vec<Checkpoint>, ReadAgain> {
        if self.gave_up {
            return Err(ReadAgain);
        }
        let checkpoints = self.inputs.into_iter().map(Input::checkpoint);
        checkpoints.filter_map(Result::transpose).collect()
    }
}
