//! What the usual thresholds of fail2ban would have made of a log or journal.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::context::Context;
use crate::app::reading;
use crate::logs::{Budget, Discovered, Inputs, Journal, Status};
use crate::model::{Escaped, Rule, Subject, Thresholds, WindowKind, plural};
use crate::report::SourceRow;

use crate::report::CheckFindings;

/// How long a log is read with each of the thresholds.
const LIMIT: Duration = Duration::from_secs(3);

/// How much of a journal is read, in seconds: a week.
const WEEK: i64 = 7 * 86_400;

/// The addresses that would have been banned, and whether the log was read to its end.
type Banned = (BTreeSet<Subject>, bool);

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
        let files = [file.to_owned()];
        compare(rule, &shown, findings, |rule| {
            of(context, rule, Inputs::files(&files, context.now, |_| ""))
        });
    }
    for journal in journals {
        let shown = format!("the last 7 days of {}", Escaped::text(&journal.name));
        let found = Discovered {
            journals: vec![journal.clone()],
            ..Discovered::default()
        };
        let since = Some(context.now - WEEK);
        compare(rule, &shown, findings, |rule| {
            let places = reading::places(&context.config, context.now, rule);
            of(context, rule, Inputs::whole(&found, since, &places))
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
        ..rule.thresholds.clone()
    };
    let (Some((now, all_now)), Some((then, all_then))) =
        (with(rule.thresholds.clone()), with(usual))
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

/// The addresses that a rule bans in what is read for once.
fn of(context: &Context, rule: &Rule, inputs: Inputs) -> Option<Banned> {
    let mut budget = Budget::new(LIMIT, 1);
    // What is wrong with them has been told.
    let outcome = reading::read_apart(context, None, rule, inputs, &mut budget).ok()?;
    let is_read = |row: &SourceRow| row.status == Status::Read.as_str();
    if !outcome.sources.iter().all(is_read) {
        return None;
    }
    let banned = outcome.bans.iter().map(|(ban, _)| ban.subject);
    let is_whole = outcome.sources.iter().all(|row| row.left == Some(0));
    Some((banned.collect(), is_whole))
}
