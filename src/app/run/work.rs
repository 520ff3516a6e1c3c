//! What a run is for, done: what it comes to is gathered, and committed later.

use std::collections::BTreeSet;

use crate::logs::{Budget, Discovered, Inputs};
use crate::model::{Cause, Evidence, Problem, Rule, Subject, Unban};
use crate::report::SourceRow;
use crate::store::{Store, StoreError};
use crate::system;

use crate::app::changes::{Changes, RuleReading};
use crate::app::cleared::ClearedSubjects;
use crate::app::clock;
use crate::app::console::Console;
use crate::app::context::Context;
use crate::app::evaluator::SharedStore;
use crate::app::reading::{self, FoundRule, RuleOutcome};

use super::job::Job;

/// Does the job: what it comes to is put into `changes`.
pub(super) fn work(
    context: &mut Context,
    store: Option<&mut Store>,
    job: &Job,
    changes: &mut Changes,
    console: Console,
) -> Result<Vec<SourceRow>, StoreError> {
    let mut sources = Vec::new();
    let mut take = |context: &mut Context, outcome: RuleOutcome, changes: &mut Changes| {
        changes.bans.extend(outcome.bans);
        changes.paths.extend(outcome.paths);
        changes.read.extend(outcome.read.map(|read| RuleReading {
            failures: outcome.sources.iter().map(|row| row.failures).sum(),
            ..read
        }));
        sources.extend(outcome.sources);
        context.notices.problems.extend(outcome.problems);
        context.notices.warnings.extend(outcome.warnings);
    };
    match job {
        Job::Scan(rules) | Job::FirstScan(rules) => {
            let outcomes = read_rules(context, store, rules, &changes.cleared(), console)?;
            for outcome in outcomes {
                take(context, outcome, changes);
            }
        }
        Job::Files(rule, files) => {
            console.begin(&rule.name, true);
            let mut budget = Budget::unlimited();
            let inputs = Inputs::files(files, context.now, |_| "");
            let outcome = reading::read_apart(context, store, rule, inputs, &mut budget)?;
            take(context, outcome, changes);
        }
        Job::Ban(bans) => changes.bans.extend(
            bans.iter()
                .map(|ban| (clock::made_now(ban, context.now), Evidence::default())),
        ),
        Job::Restore => {}
        Job::Unban(subjects, only_here) => {
            changes.shared.only_here = *only_here;
            let mut lifted = Vec::new();
            for subject in subjects {
                match wider_ban(store.as_deref(), changes, *subject)? {
                    Some(network) => context.notices.problems.push(Problem::new(format!(
                        "{subject} is within {network}, which is banned: un-ban that, or wait until its ban ends"
                    ))),
                    None => lifted.push(*subject),
                }
            }
            lift(context.now, &lifted, changes);
        }
        Job::UnbanAll(only_here) => {
            changes.shared.only_here = *only_here;
            let banned = store.map_or(Ok(BTreeSet::new()), |store| store.in_force())?;
            let added = changes.bans.iter().map(|(ban, _)| ban.subject);
            let all: BTreeSet<Subject> = banned.into_iter().chain(added).collect();
            lift(context.now, &all, changes);
        }
    }
    Ok(sources)
}

/// Reads the logs of the rules within the time and the memory of a run.
fn read_rules(
    context: &mut Context,
    store: Option<&mut Store>,
    rules: &[Rule],
    cleared: &ClearedSubjects,
    console: Console,
) -> Result<Vec<RuleOutcome>, StoreError> {
    let found: Vec<Discovered> = rules
        .iter()
        .map(|rule| crate::logs::discover(&rule.sources))
        .collect();
    for (rule, found) in rules.iter().zip(&found) {
        context.notices.problems.extend_from_slice(&found.problems);
        console.begin(&rule.name, found.sources() > 0);
    }
    let sources = found.iter().map(Discovered::sources).sum();
    let mut budget = Budget::new(context.config.run_time, sources).with_room(system::memory_room());
    let mut outcomes: Vec<RuleOutcome> = rules.iter().map(|_| RuleOutcome::default()).collect();
    let order = reading::order(store.as_deref(), rules, &found)?;
    let store = store.map(SharedStore::new);
    for together in order {
        let read: Vec<FoundRule> = together.iter().map(|&n| (&rules[n], &found[n])).collect();
        let read = reading::read_group(context, store.as_ref(), &read, cleared, &mut budget)?;
        for (n, outcome) in together.into_iter().zip(read) {
            outcomes[n] = outcome;
        }
    }
    Ok(outcomes)
}

/// The wider subject that holds `subject` and is banned, also if that was only just heard.
fn wider_ban(
    store: Option<&Store>,
    changes: &Changes,
    subject: Subject,
) -> Result<Option<Subject>, StoreError> {
    let mut received = changes.bans.iter().map(|(ban, _)| ban.subject);
    let received = received.find(|wider| *wider != subject && wider.holds(subject));
    let in_force = store.map(|store| store.wider_in_force(subject));
    let is_lifted = |wider: &Subject| changes.unbans.iter().any(|unban| unban.subject == *wider);
    let in_force = in_force.transpose()?.flatten();
    Ok(received.or(in_force.filter(|wider| !is_lifted(wider))))
}

/// Un-bans by hand. It is the last word, also about what somebody has just
/// added to the blacklist.
fn lift<'a>(now: i64, subjects: impl IntoIterator<Item = &'a Subject>, changes: &mut Changes) {
    for &subject in subjects {
        // One that was only just heard of may be of a clock ahead of this one.
        let received = changes.bans.iter().map(|(ban, _)| ban);
        let received = received.filter(|ban| subject.holds(ban.subject));
        let received: Vec<(Subject, i64)> =
            received.map(|ban| (ban.subject, ban.at.secs)).collect();
        let at = received.iter().map(|(_, at)| *at).fold(now, i64::max);
        changes.bans.retain(|(ban, _)| !subject.holds(ban.subject));
        // What was only just heard of within a network stands in Redis, too.
        let parts: BTreeSet<Subject> = received.into_iter().map(|(part, _)| part).collect();
        let parts = parts.into_iter().filter(|part| *part != subject);
        changes
            .unbans
            .extend(parts.chain([subject]).map(|subject| Unban {
                subject,
                cause: Cause::Manual,
                at,
            }));
    }
}
