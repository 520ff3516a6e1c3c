//! Whole logs of a rule → the fold.

use std::path::PathBuf;

use crate::app::context::Context;
use crate::app::progress::ReadingProgress;
use crate::app::reading::places;
use crate::app::told::row;
use crate::audit::{Fold, Was};
use crate::logs::{self, Budget, Counted, Inputs, LogReader, MatchedFailure, OpenError};
use crate::model::{Pattern, Positions, Problem, Rule, Urls};
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

impl AuditReading {
    /// Reads the logs of a rule with all their generations, or `files` under it, into
    /// the fold.
    pub(super) fn rule(
        &mut self,
        context: &Context,
        rule: &Rule,
        files: &[PathBuf],
        fold: &mut Fold<'_>,
    ) {
        let inputs = if files.is_empty() {
            let found = logs::discover(&rule.sources);
            let inputs = Inputs::whole(
                &found,
                fold.since(),
                &places(&context.config, context.now, rule),
            );
            self.problems.extend(found.problems);
            inputs
        } else {
            Inputs::files(files, context.now, hint)
        };
        let (rule, logins_from) = with_logins(rule);
        fold.begin_rule(&rule, logins_from);
        let progress = ReadingProgress::over(context.shows_progress, &inputs);
        let reader = LogReader {
            rule: &rule.name,
            matcher: || Matcher::with_users(&rule, Clock::new(context.now)),
            sink: &mut |matched: MatchedFailure<'_>| {
                Counted::as_failures(match fold.on_failure(matched.failure, matched.user) {
                    Was::Failures(new) => new,
                    _ => 0,
                })
            },
        };
        let report = inputs.read(reader, &mut Budget::unlimited());
        drop(progress);
        fold.end_rule();
        for part in report.parts() {
            if part.matched == 0 && part.to() > part.from {
                self.silent.push(part.path.to_path_buf());
            }
            self.sources.push(row(&rule, part, part.counted));
        }
        self.problems.extend(report.problems);
    }
}

/// What is to be done about a file that can not be read.
fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::NotAFile("a directory") => "; name the files in it, as the shell does for DIR/*",
        OpenError::NotAFile("a named pipe") => {
            "; pipe it into `pyfilter audit -`, which reads standard input"
        }
        _ => "",
    }
}

/// The rule with patterns for logins that went well behind its own, and the
/// number of the first of them.
fn with_logins(rule: &Rule) -> (Rule, Option<u16>) {
    let mut rule = rule.clone();
    let logins = rules::builtin_of(&rule).map_or(&[][..], |builtin| builtin.logins);
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
