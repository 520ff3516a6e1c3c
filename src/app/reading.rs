//! Discover, plan, read, match, count, decide: from a rule's logs to what is
//! to be changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config;
use crate::logs::{
    self, Budget, Discovered, Followed, JournalError, Left, LogChanged, OpenError, Reading,
    Segment, Status, Task, Unread,
};
use crate::model::{
    Address, Ban, Escaped, Evidence, Generation, Problem, Rule, SourceSpec, plural,
};
use crate::report::SourceRow;
use crate::store::{Store, StoreError};

use super::changes::{Cleared, RuleReading};
use super::context::Context;
use super::evaluator::{Evaluator, KnownPast, SourcePlace};
use super::journals::Journaled;
use super::told::{note, row, told};

/// What reading a rule's logs came to.
#[derive(Debug, Default)]
pub(super) struct RuleOutcome {
    pub(super) bans: Vec<(Ban, Evidence)>,
    pub(super) read: Option<RuleReading>,
    pub(super) sources: Vec<SourceRow>,
    pub(super) problems: Vec<Problem>,
    /// What a person should know, while nothing is wrong.
    pub(super) warnings: Vec<String>,
    /// The logs that failures were found in.
    pub(super) paths: Vec<Arc<Path>>,
}

/// How often a rule's logs are read again when they change meanwhile.
const TRIES: u32 = 3;

/// The order in which rules are read: first those that have little to be read, so
/// that what they leave of their time is there for the others.
pub(super) fn order(
    store: Option<&Store>,
    rules: &[Rule],
    found: &[Discovered],
) -> Result<Vec<usize>, StoreError> {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    if order.len() > 1 {
        let unread = rules.iter().zip(found);
        let unread = unread.map(|(rule, found)| unread_bytes(store, rule, found));
        let unread = unread.collect::<Result<Vec<u64>, StoreError>>()?;
        order.sort_by_key(|&n| unread[n]);
    }
    Ok(order)
}

/// About how many bytes of a rule's logs are to be read: of the live files alone.
fn unread_bytes(store: Option<&Store>, rule: &Rule, found: &Discovered) -> Result<u64, StoreError> {
    let known = store
        .map(|store| store.generations(&rule.name))
        .transpose()?
        .unwrap_or_default();
    let unread = |log: &logs::Log| {
        let size = std::fs::metadata(&log.name).map_or(0, |metadata| metadata.len());
        let live = known.get(&log.name);
        let live = live.and_then(|known| known.iter().find(|known| known.live));
        size.saturating_sub(live.map_or(0, |known| known.cursor.offset))
    };
    Ok(found.logs.iter().map(unread).fold(0, u64::saturating_add))
}

/// Reads the logs of a rule on from where the last run left them, as far as the
/// budget goes. `cleared` says who is being un-banned in this run.
///
/// Logs may be rotated while they are read. What was heard of one that turns
/// out to be another is forgotten, and all is done again.
pub(super) fn read_rule(
    context: &Context,
    mut store: Option<&mut Store>,
    rule: &Rule,
    found: &Discovered,
    cleared: &HashMap<Address, Cleared>,
    budget: &mut Budget,
) -> Result<RuleOutcome, StoreError> {
    for _ in 0..TRIES {
        let mut plan = Plan::new(context, store.as_deref(), rule, found)?;
        let mut evaluator = Evaluator::new(
            context,
            rule,
            store.as_deref_mut(),
            KnownPast::Stored(cleared),
        );
        let unread = std::mem::take(&mut plan.unread);
        let problems = &mut plan.outcome.problems;
        let readings = evaluator.evaluate(&plan.places, unread, budget, problems)?;
        let has_room = budget.room() > 0;
        if let Ok((mut outcome, mut read)) = plan.settle(context, rule, &readings, has_room) {
            read.most_windows = context.config.most_windows;
            (read.opened, read.forgotten) = (evaluator.opened(), evaluator.forgotten());
            read.changed = evaluator.changed();
            read.cleared = std::mem::take(&mut evaluator.cleared);
            outcome.paths = evaluator.paths;
            (outcome.bans, outcome.read) = (evaluator.bans, Some(read));
            return Ok(outcome);
        }
    }
    let name = Escaped::text(&rule.name);
    let message = format!(
        "the logs of rule {name} change faster than they can be read; the next run reads them"
    );
    Ok(RuleOutcome {
        problems: vec![Problem::new(message)],
        ..RuleOutcome::default()
    })
}

/// What is to be read of a rule's logs and journals: the logs come first.
#[derive(Default)]
struct Plan {
    outcome: RuleOutcome,
    logs: Vec<Planned>,
    journals: Vec<Journaled>,
    /// Of each source, what is to be read.
    unread: Vec<Unread>,
    /// Of each piece, where it stands.
    places: Vec<Vec<SourcePlace>>,
}

/// A log, what is known of it, and what is to be read of it.
struct Planned {
    name: PathBuf,
    known: Vec<Generation>,
    now: Vec<Generation>,
    tasks: Vec<Task>,
}

impl Plan {
    fn new(
        context: &Context,
        store: Option<&Store>,
        rule: &Rule,
        found: &Discovered,
    ) -> Result<Self, StoreError> {
        let mut plan = Plan::default();
        let mut known = store
            .map(|store| store.generations(&rule.name))
            .transpose()?
            .unwrap_or_default();
        let of_logs = found.logs.iter().map(|log| known.remove(&log.name));
        let of_logs: Vec<Vec<Generation>> = of_logs.map(Option::unwrap_or_default).collect();
        let orphans: Vec<Generation> = known.into_values().flatten().collect();
        let known = of_logs;
        let wanted: Vec<_> = (found.logs.iter())
            .zip(known.iter().map(Vec::as_slice))
            .collect();
        let followed = logs::follow(&wanted, &orphans, &rule.olddir, context.now);
        let new_source = NewSource::of(context, store, rule)?;
        for ((log, known), mut followed) in found.logs.iter().zip(known).zip(followed) {
            if known.is_empty() {
                followed.count_from(new_source.since(logs::is_auto(&log.name)));
            }
            plan.add_log(rule, &log.name, known, followed);
        }
        for journal in &found.journals {
            let known = store
                .map(|store| store.journal_cursor(&rule.name, &journal.name))
                .transpose()?
                .flatten();
            let place = context.config.journal.as_deref();
            let since = new_source.since(*journal == logs::ssh_journal());
            let begun = Journaled::begin(journal, place, known, since, context.now);
            plan.add_journal(rule, &journal.name, begun);
        }
        Ok(plan)
    }

    fn add_log(
        &mut self,
        rule: &Rule,
        name: &Path,
        known: Vec<Generation>,
        mut followed: Followed,
    ) {
        self.outcome.problems.append(&mut followed.problems);
        if let Some((path, status, at)) = followed.idle {
            self.outcome.sources.push(row(rule, &path, status, at));
        }
        let (mut tasks, mut pieces, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (task, piece) in followed.tasks {
            places.push(self.place(rule, &task.path, task.status, task.from));
            pieces.push(piece);
            tasks.push(task);
        }
        self.unread.push(Unread {
            pieces,
            is_behind: is_behind(&known),
        });
        self.places.push(places);
        self.logs.push(Planned {
            name: name.to_owned(),
            known,
            now: followed.generations,
            tasks,
        });
    }

    fn add_journal(
        &mut self,
        rule: &Rule,
        name: &str,
        begun: Result<(Journaled, Segment), JournalError>,
    ) {
        let path = Path::new(name);
        match begun {
            Ok((journal, piece)) => {
                let place = self.place(rule, path, Status::Read, 0);
                self.places.push(vec![place]);
                self.unread.push(Unread {
                    pieces: vec![piece],
                    is_behind: journal.is_behind(),
                });
                self.journals.push(journal);
            }
            Err(error) => {
                self.outcome.problems.push(Problem::at(
                    path,
                    format!("{}: {error}", Escaped::path(path)),
                ));
                self.outcome
                    .sources
                    .push(row(rule, path, Status::Unreadable, 0));
            }
        }
    }

    fn place(&mut self, rule: &Rule, path: &Path, status: Status, from: u64) -> SourcePlace {
        self.outcome.sources.push(row(rule, path, status, from));
        SourcePlace {
            path: Arc::from(path),
            row: self.outcome.sources.len() - 1,
        }
    }

    /// What the readings came to; the error says that a log has changed
    /// while it was read.
    fn settle(
        mut self,
        context: &Context,
        rule: &Rule,
        readings: &[Vec<Reading>],
        has_room: bool,
    ) -> Result<(RuleOutcome, RuleReading), LogChanged> {
        let bound = if has_room {
            let seconds = context.config.run_time.as_secs();
            format!("in its part of the {seconds} s that a run has (settings.run_time)")
        } else {
            "in the memory that a run may take, for so many addresses failed".to_owned()
        };
        let outcome = &mut self.outcome;
        let mut read = RuleReading::new(rule);
        let mut sources = self.places.iter().zip(readings);
        for (log, (places, readings)) in self.logs.iter_mut().zip(sources.by_ref()) {
            for ((task, place), reading) in log.tasks.iter().zip(places).zip(readings) {
                note(rule, place, reading, outcome);
                let generation = &mut log.now[task.generation];
                *generation = logs::checkpoint(task, generation, reading)?;
            }
            let was_behind = is_behind(&log.known);
            let left: u64 = log.now.iter().map(|generation| generation.left).sum();
            outcome.warnings.extend(told(
                &bound,
                &log.name,
                was_behind,
                (left > 0).then(|| plural(left, "byte", "bytes")),
            ));
        }
        for (journal, (places, readings)) in self.journals.into_iter().zip(sources) {
            for (place, reading) in places.iter().zip(readings) {
                note(rule, place, reading, outcome);
                outcome.sources[place.row].to = journal.entries();
                outcome.problems.extend(journal.problems());
            }
            let was_behind = journal.is_behind();
            let is_behind = readings.iter().any(|reading| reading.left != Left::Nothing);
            let left = is_behind.then(|| "entries".to_owned());
            outcome
                .warnings
                .extend(told(&bound, Path::new(journal.name()), was_behind, left));
            let end = readings.iter().map(|reading| reading.end).sum();
            read.journals.extend(journal.new_cursor(end, is_behind));
        }
        let changed = self.logs.into_iter().filter(|log| log.now != log.known);
        read.logs = changed.map(|log| (log.name, log.now)).collect();
        let newest = readings
            .iter()
            .flatten()
            .filter_map(|reading| reading.newest);
        read.newest = newest.map(|stamp| stamp.secs).max();
        Ok((self.outcome, read))
    }
}

/// How far back a log counts at most that is new to its rule: runs that find nothing
/// new leave no time behind.
const LOOKS_BACK: i64 = 86_400;

/// From which stamp on a source counts that is new to a rule.
struct NewSource {
    /// None: all of it does.
    of_any: Option<i64>,
    /// Of a source that `auto` takes in place of another.
    of_auto: Option<i64>,
}

impl NewSource {
    fn of(context: &Context, store: Option<&Store>, rule: &Rule) -> Result<Self, StoreError> {
        let of_any = match context.config.first_contact {
            config::FirstContact::Whole => None,
            config::FirstContact::End => {
                let recent = context.now - i64::from(rule.thresholds.request_time);
                let last_run = store.map(Store::last_run).transpose()?.flatten();
                // What a log holds that came to be since the last run was logged since then.
                let since = last_run.map_or(recent, |last_run| last_run.min(recent));
                Some(since.max(context.now - LOOKS_BACK))
            }
        };
        let newest = match store.filter(|_| rule.sources.contains(&SourceSpec::Auto)) {
            Some(store) => store.newest(&rule.name)?,
            None => None,
        };
        // What was stamped like the last failure has been read from the other source.
        let of_auto = newest.map(|newest| newest.min(context.now) + 1).or(of_any);
        Ok(NewSource { of_any, of_auto })
    }

    fn since(&self, is_auto: bool) -> Option<i64> {
        if is_auto { self.of_auto } else { self.of_any }
    }
}

/// Whether the last run left something of a log.
fn is_behind(known: &[Generation]) -> bool {
    known.iter().any(|generation| generation.left > 0)
}

/// Reads files that were named on the command line from their start, with
/// windows of their own. What an un-ban has cleared, or is banned already, is
/// no ban again.
pub(super) fn read_files(
    context: &Context,
    store: Option<&mut Store>,
    rule: &Rule,
    files: &[PathBuf],
    budget: &mut Budget,
) -> Result<RuleOutcome, StoreError> {
    let mut outcome = RuleOutcome::default();
    let (mut sources, mut places) = (Vec::new(), Vec::new());
    for path in &logs::each_once(files.to_vec()) {
        let status = match logs::named(path, context.now) {
            Ok(piece) => {
                sources.push(vec![piece].into());
                places.push(vec![SourcePlace {
                    path: Arc::from(path.as_path()),
                    row: outcome.sources.len(),
                }]);
                Status::Read
            }
            Err(error) => {
                outcome.problems.push(Problem::at(
                    path,
                    format!("{}: {error}", Escaped::path(path)),
                ));
                if matches!(error, OpenError::Missing) {
                    Status::Missing
                } else {
                    Status::Unreadable
                }
            }
        };
        outcome.sources.push(row(rule, path, status, 0));
    }
    let mut evaluator = Evaluator::new(context, rule, store, KnownPast::Apart);
    let readings = evaluator.evaluate(&places, sources, budget, &mut outcome.problems)?;
    for (place, reading) in places.iter().flatten().zip(readings.iter().flatten()) {
        note(rule, place, reading, &mut outcome);
    }
    (outcome.bans, outcome.paths) = (evaluator.bans, evaluator.paths);
    Ok(outcome)
}
