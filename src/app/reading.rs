//! Discover, plan, read, match, count, decide: from a rule's logs to what is
//! to be changed.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::judge::{Decision, Judge, Standing, Window};
use crate::logs::{self, Input, Met, OpenError, Reading, Sizes, Status};
use crate::model::{Address, Ban, Cursor, Escaped, Origin, Problem, Rule, Witness};
use crate::report::{SourceRow, ban_reason};
use crate::rules::{Clock, Matcher};
use crate::store::{Store, StoreError};

use super::changes::Read;
use super::context::Context;

/// What reading a rule's logs came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) bans: Vec<(Ban, Vec<Witness>)>,
    pub(super) read: Option<Read>,
    pub(super) sources: Vec<SourceRow>,
    pub(super) problems: Vec<Problem>,
}

/// A log with something to read.
struct Task {
    path: Arc<Path>,
    file: Arc<File>,
    /// Its row in the report.
    row: usize,
}

/// Reads the logs of a rule from its cursors on. `cleared` says who is being
/// un-banned in this run.
pub(super) fn read_rule(
    context: &Context,
    store: Option<&mut Store>,
    rule: &Rule,
    logs: Vec<PathBuf>,
    cleared: &HashMap<Address, i64>,
) -> Result<Outcome, StoreError> {
    let cursors = store
        .as_deref()
        .map(|store| store.cursors(&rule.name))
        .transpose()?
        .unwrap_or_default();
    let unseen = store
        .as_deref()
        .map(|store| store.is_unseen(&rule.name, context.now))
        .transpose()?
        .unwrap_or_default();
    let mut outcome = Outcome::default();
    let (tasks, inputs) = plan(rule, &logs, |path| cursors.get(path), false, &mut outcome);
    let mut new_cursors = Vec::new();
    let mut hearing = Hearing::new(context, rule, store, Past::Stored(cleared));
    let readings = hearing.listen(&tasks, inputs, &mut outcome)?;
    for (task, reading) in tasks.iter().zip(&readings) {
        note(rule, task, reading, &mut outcome);
        match logs::cursor(&*task.file, reading.end) {
            Ok(cursor) => new_cursors.push((task.path.to_path_buf(), cursor)),
            Err(error) => outcome
                .problems
                .push(unreadable(&task.path, &OpenError::from(error))),
        }
    }
    new_cursors.retain(|(path, cursor): &(PathBuf, Cursor)| cursors.get(path) != Some(cursor));
    outcome.read = Some(Read {
        rule: rule.name.clone(),
        thresholds: rule.thresholds,
        windows: hearing.windows(),
        newest: readings
            .iter()
            .filter_map(|reading| reading.newest)
            .map(|stamp| stamp.secs)
            .max(),
        cursors: new_cursors,
        unseen,
        logs,
    });
    outcome.bans = hearing.bans;
    Ok(outcome)
}

/// Reads files that were named on the command line from their start, with
/// windows of their own. What an un-ban has cleared, or is banned already, is
/// no ban again.
pub(super) fn read_files(
    context: &Context,
    store: Option<&mut Store>,
    rule: &Rule,
    files: &[PathBuf],
) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let files = logs::each_once(files.to_vec());
    let (tasks, inputs) = plan(rule, &files, |_| None, true, &mut outcome);
    let mut hearing = Hearing::new(context, rule, store, Past::Apart);
    let readings = hearing.listen(&tasks, inputs, &mut outcome)?;
    for (task, reading) in tasks.iter().zip(&readings) {
        note(rule, task, reading, &mut outcome);
    }
    outcome.bans = hearing.bans;
    Ok(outcome)
}

/// Opens each log and finds where to go on.
fn plan<'a>(
    rule: &Rule,
    logs: &[PathBuf],
    cursor: impl Fn(&Path) -> Option<&'a Cursor>,
    ends: bool,
    outcome: &mut Outcome,
) -> (Vec<Task>, Vec<Input>) {
    let (mut tasks, mut inputs) = (Vec::new(), Vec::new());
    for path in logs {
        let mut row = SourceRow {
            path: path.clone(),
            rule: rule.name.to_string(),
            status: Status::Missing.as_str(),
            from: 0,
            to: 0,
            failures: 0,
            host_names: 0,
        };
        let known = cursor(path);
        match logs::meet(path, known, ends) {
            Ok(Met {
                file,
                resume,
                written,
            }) => {
                (row.status, row.from, row.to) = (resume.status.as_str(), resume.from, resume.to);
                // An empty log at first contact is known from then on.
                if resume.status != Status::Unchanged || known.is_none() {
                    let file = Arc::new(file);
                    tasks.push(Task {
                        path: Arc::from(path.as_path()),
                        file: file.clone(),
                        row: outcome.sources.len(),
                    });
                    inputs.push(Input {
                        file,
                        range: resume.from..resume.to,
                        clock: Clock::new(written),
                    });
                }
            }
            Err(error) => {
                if !matches!(error, OpenError::Missing) {
                    row.status = Status::Unreadable.as_str();
                }
                outcome.problems.push(unreadable(path, &error));
            }
        }
        outcome.sources.push(row);
    }
    (tasks, inputs)
}

fn unreadable(path: &Path, error: &OpenError) -> Problem {
    Problem::at(path, format!("{}: {error}", Escaped::path(path)))
}

/// Puts what came of a log into the report.
fn note(rule: &Rule, task: &Task, reading: &Reading, outcome: &mut Outcome) {
    let row = &mut outcome.sources[task.row];
    (row.to, row.failures, row.host_names) =
        (reading.end, reading.failures, reading.tally.host_names);
    let mut problem = |text: String| {
        outcome.problems.push(Problem::at(
            &*task.path,
            format!("{}: {text}", Escaped::path(&task.path)),
        ));
    };
    if let Some(offset) = reading.tally.first_bad_time {
        let (count, rule) = (reading.tally.bad_times, Escaped::text(&rule.name));
        problem(format!(
            "{count} lines match rule {rule} and have no time that its time_format reads, the first at byte {offset}"
        ));
    }
    if let (count, Some(offset)) = reading.long_lines {
        problem(format!(
            "{count} lines of more than {} bytes were left out, the first at byte {offset}",
            logs::LONGEST_LINE
        ));
    }
    if reading.cut_short {
        problem(
            "was cut while it was read; the next run goes on with what stands there then"
                .to_owned(),
        );
    }
    if let Some(error) = &reading.error {
        problem(format!(
            "could not be read beyond byte {}: {error}",
            reading.end
        ));
    }
}

/// Which past an address has.
enum Past<'a> {
    /// What the store knows, and who is being un-banned in this run.
    Stored(&'a HashMap<Address, i64>),
    /// None but un-bans: windows of its own.
    Apart,
}

/// Follows the failures of one rule, and knows whom to ask about the past.
struct Hearing<'a> {
    context: &'a Context,
    rule: &'a Rule,
    store: Option<&'a mut Store>,
    past: Past<'a>,
    judge: Judge<'a>,
    bans: Vec<(Ban, Vec<Witness>)>,
    failed: Option<StoreError>,
}

impl<'a> Hearing<'a> {
    fn new(
        context: &'a Context,
        rule: &'a Rule,
        store: Option<&'a mut Store>,
        past: Past<'a>,
    ) -> Self {
        let judge = Judge::new(rule.thresholds, &context.never);
        Hearing {
            context,
            rule,
            store,
            past,
            judge,
            bans: Vec::new(),
            failed: None,
        }
    }

    fn listen(
        &mut self,
        tasks: &[Task],
        inputs: Vec<Input>,
        outcome: &mut Outcome,
    ) -> Result<Vec<Reading>, StoreError> {
        // Compiling the patterns costs more than a run that has nothing to read.
        if inputs.iter().all(|input| input.range.is_empty()) {
            return Ok(inputs
                .iter()
                .map(|input| Reading {
                    end: input.range.start,
                    ..Reading::default()
                })
                .collect());
        }
        let matcher = match Matcher::new(self.rule, Clock::new(self.context.now)) {
            Ok(matcher) => matcher,
            Err(error) => {
                outcome.problems.push(Problem::new(format!(
                    "rule {} can not be used: {error}",
                    Escaped::text(&self.rule.name)
                )));
                return Ok(inputs
                    .iter()
                    .map(|input| Reading {
                        end: input.range.start,
                        ..Reading::default()
                    })
                    .collect());
            }
        };
        let sizes = Sizes::for_sources(inputs.len());
        let readings = logs::scan(inputs, &matcher, sizes, |heard| {
            if self.failed.is_none()
                && let Err(error) = self.hear(&tasks[heard.source].path, &heard)
            {
                self.failed = Some(error);
            }
        });
        self.failed.take().map_or(Ok(readings), Err)
    }

    fn hear(&mut self, path: &Arc<Path>, heard: &logs::Heard<'_>) -> Result<(), StoreError> {
        let failure = heard.failure;
        if !self.judge.knows(failure.address) {
            let standing = self.standing(failure.address)?;
            self.judge.introduce(failure.address, standing);
        }
        let decision = self.judge.hear(failure, |counted| Witness {
            at: failure.at,
            counted,
            count: failure.count,
            pattern: failure.pattern,
            path: path.clone(),
            offset: failure.offset,
            text: Witness::cut(heard.line),
        });
        if let Some(decision) = decision {
            self.decide(decision)?;
        }
        Ok(())
    }

    fn standing(&self, address: Address) -> Result<Standing, StoreError> {
        let Some(store) = self.store.as_deref() else {
            return Ok(Standing::default());
        };
        match self.past {
            Past::Apart => Ok(Standing {
                cleared_until: store.cleared_until(address)?,
                ..Standing::default()
            }),
            Past::Stored(cleared) => {
                let (before, banned_until, witnesses) = store.past(&self.rule.name, address)?;
                Ok(match cleared.get(&address) {
                    Some(&now) => Standing {
                        cleared_until: before.max(Some(now)),
                        ..Standing::default()
                    },
                    None => Standing {
                        cleared_until: before,
                        banned_until,
                        window: Window::stored(witnesses),
                    },
                })
            }
        }
    }

    fn decide(&mut self, decision: Decision) -> Result<(), StoreError> {
        let Decision {
            failure,
            failures,
            ends,
            witnesses,
        } = decision;
        let rule = &self.rule.name;
        if let (Past::Apart, Some(store)) = (&self.past, self.store.as_deref())
            && store.is_covered(rule, failure.address, failure.at.secs)?
        {
            return Ok(());
        }
        let ban = Ban {
            address: failure.address,
            rule: Some(rule.clone()),
            server: self.context.server.clone(),
            at: failure.at,
            ends,
            failures,
            instant: failure.instant,
            origin: Origin::Log,
            reason: ban_reason(failure.address, rule, failures, failure.instant),
            country: None,
        };
        self.bans.push((ban, witnesses));
        Ok(())
    }

    fn windows(&self) -> Vec<(Address, Vec<Witness>)> {
        let mut windows: Vec<_> = self
            .judge
            .changed_windows()
            .map(|(address, window)| (address, window.witnesses().to_vec()))
            .collect();
        // In the order of the table's key, which is how it is written fastest.
        windows.sort_by_key(|(address, _)| *address);
        windows
    }
}
