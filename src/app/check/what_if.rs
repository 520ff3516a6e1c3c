//! What the usual thresholds of fail2ban would have made of a log or journal.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::context::Context;
use crate::app::evaluator::{Evaluator, KnownPast, SourcePlace};
use crate::app::reading;
use crate::logs::{self, Budget, Journal, Left};
use crate::model::{Address, Escaped, Rule, Thresholds, WindowKind, plural};

use crate::report::CheckFindings;

/// How long a log is read with each of the thresholds.
const LIMIT: Duration = Duration::from_secs(3);

/// How much of a journal is read, in seconds: a week.
const WEEK: i64 = 7 * 86_400;

/// The addresses that would have been banned, and whether the log was read to its end.
type Banned = (BTreeSet<Address>, bool);

/// Compares the thresholds of `rule` with 5 failures in 600 s: slow attackers are seen
/// by that alone. As far as a log can be read in a while.
pub(super) fn look(
    context: &Context,
    rule: &Rule,
    file: Option<&PathBuf>,
    journals: &[Journal],
    findings: &mut CheckFindings,
) {
    if let Some(file) = file {
        let shown = Escaped::path(file).to_string();
        compare(rule, &shown, findings, |rule| of_file(context, rule, file));
    }
    for journal in journals {
        let shown = format!("the last 7 days of {}", Escaped::text(&journal.name));
        compare(rule, &shown, findings, |rule| {
            of_journal(context, rule, journal)
        });
    }
}

fn compare(
    rule: &Rule,
    log: &str,
    findings: &mut CheckFindings,
    banned: impl Fn(&Rule) -> Option<Banned>,
) {
    let with = |thresholds: Thresholds| {
        banned(&Rule {
            thresholds,
            ..rule.clone()
        })
    };
    let usual = Thresholds {
        failed_attempts: NonZeroU32::new(5).unwrap_or(rule.thresholds.failed_attempts),
        request_time: 600,
        window: WindowKind::Sliding,
        ..rule.thresholds
    };
    let (Some((now, all_now)), Some((then, all_then))) = (with(rule.thresholds), with(usual))
    else {
        return;
    };
    let part = if all_now && all_then {
        ""
    } else {
        "the first part of "
    };
    let slow = match then.difference(&now).count() {
        0 => String::new(),
        slow => format!(
            "; {} too slowly for the thresholds as they are",
            plural(slow, "of those fails", "of those fail")
        ),
    };
    findings.fine(format!(
        "rule {}: {part}{log} would have {} banned as it is, and {} with 5 failures in 600 s (\"window\": \"sliding\", \"request_time\": 600){slow}",
        Escaped::text(&rule.name),
        plural(now.len(), "address", "addresses"),
        then.len()
    ));
}

fn of_file(context: &Context, rule: &Rule, file: &Path) -> Option<Banned> {
    let mut budget = Budget::new(LIMIT, 1);
    let files = [file.to_owned()];
    let outcome = reading::read_files(context, None, rule, &files, &mut budget).ok()?;
    let banned = outcome.bans.iter().map(|(ban, _)| ban.address);
    let is_whole = outcome.sources.iter().all(|row| row.left == Some(0));
    Some((banned.collect(), is_whole))
}

fn of_journal(context: &Context, rule: &Rule, journal: &Journal) -> Option<Banned> {
    let place = context.config.journal.as_deref();
    let since = Some(context.now - WEEK);
    let (piece, _) = logs::whole_journal(journal, place, since, context.now).ok()?;
    let places = vec![vec![SourcePlace {
        path: Arc::from(Path::new(&journal.name)),
        row: 0,
    }]];
    let mut budget = Budget::new(LIMIT, 1);
    let mut evaluator = Evaluator::new(context, rule, None, KnownPast::Apart);
    // What is wrong with the journal has been told.
    let mut problems = Vec::new();
    let readings = evaluator.evaluate(
        &places,
        vec![vec![piece].into()],
        &mut budget,
        &mut problems,
    );
    let readings = readings.ok()?;
    let is_whole = readings
        .iter()
        .flatten()
        .all(|reading| reading.left == Left::Nothing);
    let banned = evaluator.bans.iter().map(|(ban, _)| ban.address);
    Some((banned.collect(), is_whole))
}
