//! Whole logs of a rule → the fold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::context::Context;
use crate::app::evaluator::SourcePlace;
use crate::app::progress::ReadingProgress;
use crate::app::reading::RuleOutcome;
use crate::app::told::{note, row};
use crate::audit::{Fold, Was};
use crate::logs::{self, Followed, More, OpenError, Segment, Sizes, Status};
use crate::model::{Escaped, Pattern, Positions, Problem, Rule, Urls};
use crate::report::SourceRow;
use crate::rules::{self, Clock, Matcher};

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct AuditReading {
    pub(super) sources: Vec<SourceRow>,
    pub(super) problems: Vec<Problem>,
    /// Logs that hold something, but nothing that matches.
    pub(super) silent: Vec<PathBuf>,
}

/// What is to be read of a rule.
#[derive(Default)]
struct Plan {
    outcome: RuleOutcome,
    /// Of each source, what is read, and where each piece stands.
    pieces: Vec<Vec<Segment>>,
    places: Vec<Vec<SourcePlace>>,
    journals: Vec<(usize, logs::JournalProgress)>,
}

impl AuditReading {
    /// Reads the logs of a rule, or `files` under it, into the fold.
    pub(super) fn rule(
        &mut self,
        context: &Context,
        rule: &Rule,
        files: &[PathBuf],
        fold: &mut Fold<'_>,
    ) {
        let mut plan = Plan::default();
        if files.is_empty() {
            plan.configured(context, rule, fold.since());
        } else {
            for path in logs::each_once(files.to_vec()) {
                plan.file(context, rule, &path);
            }
        }
        let (outcome, silent) = plan.read(context, rule, fold);
        self.silent.extend(silent);
        self.sources.extend(outcome.sources);
        self.problems.extend(outcome.problems);
    }
}

impl Plan {
    fn place(&mut self, rule: &Rule, path: &Path) -> SourcePlace {
        let row = row(rule, path, Status::Read, 0);
        self.outcome.sources.push(row);
        SourcePlace {
            path: Arc::from(path),
            row: self.outcome.sources.len() - 1,
        }
    }

    fn unreadable(&mut self, rule: &Rule, path: &Path, error: &OpenError) {
        let status = match error {
            OpenError::Missing => Status::Missing,
            _ => Status::Unreadable,
        };
        let hint = match error {
            OpenError::NotAFile("a directory") => {
                "; name the files in it, as the shell does for DIR/*"
            }
            OpenError::NotAFile("a named pipe") => {
                "; pipe it into `pyfilter audit -`, which reads standard input"
            }
            _ => "",
        };
        let message = format!("{}: {error}{hint}", Escaped::path(path));
        self.outcome.problems.push(Problem::at(path, message));
        self.outcome.sources.push(row(rule, path, status, 0));
    }

    /// A file that was named on the command line: a source of its own, as in a scan.
    fn file(&mut self, context: &Context, rule: &Rule, path: &Path) {
        match logs::named(path, context.now) {
            Ok(piece) => {
                let place = self.place(rule, path);
                self.places.push(vec![place]);
                self.pieces.push(vec![piece]);
            }
            Err(error) => self.unreadable(rule, path, &error),
        }
    }

    /// The logs of the configuration with all their generations, and the journals.
    fn configured(&mut self, context: &Context, rule: &Rule, since: Option<i64>) {
        let found = logs::discover(&rule.sources);
        self.outcome.problems.extend(found.problems);
        for followed in logs::generations(&found.logs, &rule.olddir) {
            self.log(rule, followed);
        }
        for journal in &found.journals {
            let path = Path::new(&journal.name);
            let place = context.config.journal.as_deref();
            match logs::whole_journal(journal, place, since, context.now) {
                Ok((piece, progress)) => {
                    let place = self.place(rule, path);
                    self.journals.push((place.row, progress));
                    self.places.push(vec![place]);
                    self.pieces.push(vec![piece]);
                }
                Err(error) => {
                    let message = format!("{}: {error}", Escaped::path(path));
                    self.outcome.problems.push(Problem::at(path, message));
                    let unread = row(rule, path, Status::Unreadable, 0);
                    self.outcome.sources.push(unread);
                }
            }
        }
    }

    fn log(&mut self, rule: &Rule, followed: Followed) {
        self.outcome.problems.extend(followed.problems);
        let (mut pieces, mut places) = (Vec::new(), Vec::new());
        for (task, piece) in followed.tasks {
            places.push(self.place(rule, &task.path));
            pieces.push(piece);
        }
        self.pieces.push(pieces);
        self.places.push(places);
        if let Some((path, status, _)) = followed.idle {
            let status = match status {
                Status::Missing | Status::Unreadable => status,
                // Of an empty log all was read that there is.
                _ => Status::Read,
            };
            self.outcome.sources.push(row(rule, &path, status, 0));
        }
    }

    /// What came of it, and the files in which nothing matches.
    fn read(
        mut self,
        context: &Context,
        rule: &Rule,
        fold: &mut Fold<'_>,
    ) -> (RuleOutcome, Vec<PathBuf>) {
        let (rule, logins_from) = with_logins(rule);
        fold.begin_rule(rule.name.clone(), rule.thresholds, logins_from);
        let matcher = match Matcher::with_users(&rule, Clock::new(context.now)) {
            Ok(matcher) => matcher,
            Err(error) => {
                let name = Escaped::text(&rule.name);
                let message = format!("rule {name} can not be used: {error}");
                self.outcome.problems.push(Problem::new(message));
                return (self.outcome, Vec::new());
            }
        };
        let mut failures = vec![0; self.outcome.sources.len()];
        let busy = self.pieces.iter().filter(|pieces| !pieces.is_empty());
        let sizes = Sizes::for_sources(busy.count());
        let places = self.places.iter().flatten().map(|place| &*place.path);
        let pieces = places.zip(self.pieces.iter().flatten());
        let progress = ReadingProgress::over(context.shows_progress, pieces);
        let mut silent = vec![true; self.outcome.sources.len()];
        let readings = logs::scan(self.pieces, &matcher, sizes, |matched| {
            let (source, piece) = matched.place;
            let row = self.places[source][piece].row;
            silent[row] = false;
            if let Was::Failures(new) = fold.on_failure(matched.failure, matched.user) {
                failures[row] += u64::from(new);
            }
            More::Wanted
        });
        drop(progress);
        fold.end_rule();
        let read = self.places.iter().flatten().zip(readings.iter().flatten());
        for (place, reading) in read {
            note(&rule, place, reading, &mut self.outcome);
            self.outcome.sources[place.row].failures = failures[place.row];
        }
        for (row, progress) in self.journals {
            let row = &mut self.outcome.sources[row];
            row.to = progress.entries();
            let path = row.path.clone();
            let said = progress
                .problems()
                .into_iter()
                .map(|said| Problem::at(&path, format!("{}: {said}", Escaped::path(&path))));
            self.outcome.problems.extend(said);
        }
        let rows = self.outcome.sources.iter().zip(silent);
        let silent = rows.filter(|(row, silent)| *silent && row.to > row.from);
        let silent = silent.map(|(row, _)| row.path.clone()).collect();
        (self.outcome, silent)
    }
}

/// The rule with patterns for logins that went well behind its own, and the
/// number of the first of them.
fn with_logins(rule: &Rule) -> (Rule, Option<u16>) {
    let mut rule = rule.clone();
    let logins = rules::builtin(&rule.name).map_or(&[][..], |builtin| builtin.logins);
    let from = u16::try_from(rule.patterns.len()).ok();
    if logins.is_empty() || rule.statuses.is_some() {
        return (rule, None);
    }
    rule.patterns.extend(logins.iter().map(|text| Pattern {
        text: (*text).to_owned(),
        instant: false,
        positions: Positions::TimeAddress,
        urls: Urls::Unused,
        built_in: true,
    }));
    (rule, from)
}
