//! The logs of a rule → what is to be changed: which inputs are read, and what
//! came of that.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::config::{Config, FirstContact};
use crate::logs::{
    self, Budget, Discovered, Inputs, LastPositions, LogPlaces, NewSource, ReadAgain, ReadReport,
};
use crate::model::{Ban, Escaped, Evidence, Problem, Rule, SourceSpec};
use crate::report::SourceRow;
use crate::store::{Store, StoreError};

use super::changes::RuleReading;
use super::cleared::ClearedSubjects;
use super::context::Context;
use super::evaluator::{Evaluator, KnownPast, SharedStore};
use super::told::{row, told};

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
/// that what they leave of their time is there for the others. Rules that read the same logs,
/// and nothing but those, stand together.
pub(super) fn order(
    store: Option<&Store>,
    rules: &[Rule],
    found: &[Discovered],
) -> Result<Vec<Vec<usize>>, StoreError> {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    if order.len() > 1 {
        let unread = rules.iter().zip(found);
        let unread = unread.map(|(rule, found)| unread_bytes(store, rule, found));
        let unread = unread.collect::<Result<Vec<u64>, StoreError>>()?;
        order.sort_by_key(|&n| unread[n]);
    }
    let mut together: Vec<Vec<usize>> = Vec::new();
    for n in order {
        let mut groups = together.iter_mut();
        match groups.find(|group| read_the_same(&found[group[0]], &found[n])) {
            Some(group) => group.push(n),
            None => together.push(vec![n]),
        }
    }
    Ok(together)
}

/// Whether two rules read the same logs, and nothing but those.
fn read_the_same(one: &Discovered, other: &Discovered) -> bool {
    let logs_alone = |found: &Discovered| found.journals.is_empty() && !found.logs.is_empty();
    logs_alone(one) && logs_alone(other) && log_names(one).eq(log_names(other))
}

fn log_names(found: &Discovered) -> impl Iterator<Item = &Path> {
    found.logs.iter().map(|log| &*log.name)
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

impl RuleOutcome {
    /// What was read of the inputs, and the bans that came of it.
    fn of(rule: &Rule, report: &mut ReadReport, bans: Vec<(Ban, Evidence)>) -> Self {
        let mut outcome = RuleOutcome {
            bans,
            problems: std::mem::take(&mut report.problems),
            ..RuleOutcome::default()
        };
        for part in report.parts() {
            let failures = part.reading.totals.failures + part.counted;
            outcome.sources.push(row(rule, part, failures));
            outcome
                .paths
                .extend((failures > 0).then(|| part.path.clone()));
        }
        outcome
    }
}

/// Where the logs of a rule are looked for.
pub(super) fn places<'a>(config: &'a Config, now: i64, rule: &'a Rule) -> LogPlaces<'a> {
    LogPlaces {
        olddir: &rule.olddir,
        journal: config.journal.as_deref(),
        now,
    }
}

/// A rule, and the logs and journals that were found for it.
pub(super) type FoundRule<'a> = (&'a Rule, &'a Discovered);

/// Reads the logs of rules on from where the last run left them, as far as the budget
/// goes. `cleared` says who is being un-banned in this run.
///
/// Rules that read the same bytes of the same logs read them in one pass. If a rule is at
/// another place than the others, or a log changes meanwhile, each reads by itself.
pub(super) fn read_group(
    context: &Context,
    store: Option<&SharedStore<'_>>,
    rules: &[FoundRule<'_>],
    cleared: &ClearedSubjects,
    budget: &mut Budget,
) -> Result<Vec<RuleOutcome>, StoreError> {
    if rules.len() > 1 {
        let inputs = inputs_of(context, store, rules)?;
        if inputs.windows(2).all(|pair| pair[0].are_like(&pair[1]))
            && let Ok(outcomes) = read_once(context, store, rules, inputs, cleared, budget)?
        {
            return Ok(outcomes);
        }
    }
    let mut outcomes = Vec::new();
    for rule in rules.chunks(1) {
        outcomes.extend(read_rule(context, store, rule, cleared, budget)?);
    }
    Ok(outcomes)
}

/// Reads the logs of one rule.
///
/// Logs may be rotated while they are read. What was found in one that turns
/// out to be another is forgotten, and all is done again.
fn read_rule(
    context: &Context,
    store: Option<&SharedStore<'_>>,
    rule: &[FoundRule<'_>],
    cleared: &ClearedSubjects,
    budget: &mut Budget,
) -> Result<Vec<RuleOutcome>, StoreError> {
    for _ in 0..TRIES {
        let inputs = inputs_of(context, store, rule)?;
        if let Ok(outcomes) = read_once(context, store, rule, inputs, cleared, budget)? {
            return Ok(outcomes);
        }
    }
    Ok(rule.iter().map(|(rule, _)| changing(rule)).collect())
}

/// What each of the rules reads on from where the last run left it.
fn inputs_of(
    context: &Context,
    store: Option<&SharedStore<'_>>,
    rules: &[FoundRule<'_>],
) -> Result<Vec<Inputs>, StoreError> {
    let store = store.map(|store| store.lock().unwrap_or_else(PoisonError::into_inner));
    let store = store.as_deref().map(|store| &**store);
    let (config, now) = (&context.config, context.now);
    let inputs = rules.iter().map(|(rule, found)| {
        let last = last_positions(store, rule, found)?;
        let new = new_source(config, now, store, rule)?;
        Ok(Inputs::follow(found, last, new, &places(config, now, rule)))
    });
    inputs.collect()
}

/// Reads the inputs of rules in one pass.
fn read_once(
    context: &Context,
    store: Option<&SharedStore<'_>>,
    rules: &[FoundRule<'_>],
    inputs: Vec<Inputs>,
    cleared: &ClearedSubjects,
    budget: &mut Budget,
) -> Result<Result<Vec<RuleOutcome>, ReadAgain>, StoreError> {
    let past = || KnownPast::Stored(cleared);
    let evaluators = rules.iter();
    let evaluators = evaluators.map(|(rule, _)| Evaluator::new(context, rule, store, past()));
    let mut evaluators: Vec<Evaluator> = evaluators.collect();
    let reports = Evaluator::evaluate_together(&mut evaluators, inputs, budget)?;
    let read = evaluators.into_iter().zip(reports).zip(rules);
    let outcomes =
        read.map(|((evaluator, report), (rule, _))| outcome(rule, evaluator, report, budget));
    Ok(outcomes.collect())
}

/// What the reading of a rule came to.
fn outcome(
    rule: &Rule,
    mut evaluator: Evaluator<'_, '_>,
    mut report: ReadReport,
    budget: &Budget,
) -> Result<RuleOutcome, ReadAgain> {
    let context = evaluator.context;
    let bans = std::mem::take(&mut evaluator.bans);
    let mut outcome = RuleOutcome::of(rule, &mut report, bans);
    let newest = report.newest();
    let checkpoints = report.checkpoints()?;
    let bound = bound(context.config.run_time, budget);
    let told = checkpoints.iter().filter_map(|at| told(&bound, at));
    outcome.warnings.extend(told);
    let positions = checkpoints.into_iter();
    let positions = positions.filter_map(|at| Some((at.name, at.position?)));
    outcome.read = Some(RuleReading {
        positions: positions.collect(),
        opened: evaluator.opened(),
        forgotten: evaluator.forgotten(),
        changed: evaluator.changed(),
        cleared: evaluator.cleared,
        cleared_parts: evaluator.cleared_parts,
        most_windows: context.config.most_windows,
        newest,
        ..RuleReading::new(rule)
    });
    Ok(outcome)
}

/// Nothing came of it: the logs were others at each try.
fn changing(rule: &Rule) -> RuleOutcome {
    let name = Escaped::text(&rule.name);
    let message = format!(
        "the logs of rule {name} change faster than they can be read; the next run reads them"
    );
    RuleOutcome {
        problems: vec![Problem::new(message)],
        ..RuleOutcome::default()
    }
}

/// Where the last run left the logs and journals of a rule.
fn last_positions(
    store: Option<&Store>,
    rule: &Rule,
    found: &Discovered,
) -> Result<LastPositions, StoreError> {
    let mut last = LastPositions::default();
    let Some(store) = store else {
        return Ok(last);
    };
    last.logs = store.generations(&rule.name)?;
    for journal in &found.journals {
        let cursor = store.journal_cursor(&rule.name, &journal.name)?;
        let cursor = cursor.map(|cursor| (journal.name.clone(), cursor));
        last.journals.extend(cursor);
    }
    Ok(last)
}

/// What bounds a reading that does not come to its end, in words.
fn bound(run_time: Duration, budget: &Budget) -> String {
    if budget.room() > 0 {
        let seconds = run_time.as_secs();
        format!("in its part of the {seconds} s that a run has (settings.run_time)")
    } else {
        "in the memory that a run may take, for so many addresses failed".to_owned()
    }
}

/// How far back a log counts at most that is new to its rule: runs that find nothing
/// new leave no time behind.
const LOOKS_BACK: i64 = 86_400;

/// From which stamp on a source counts that is new to a rule.
fn new_source(
    config: &Config,
    now: i64,
    store: Option<&Store>,
    rule: &Rule,
) -> Result<NewSource, StoreError> {
    let of_any = match config.first_contact {
        FirstContact::Whole => None,
        FirstContact::End => {
            let recent = now - i64::from(rule.thresholds.request_time);
            let last_run = store.map(Store::last_run).transpose()?.flatten();
            // What a log holds that came to be since the last run was logged since then.
            let since = last_run.map_or(recent, |last_run| last_run.min(recent));
            Some(since.max(now - LOOKS_BACK))
        }
    };
    let newest = match store.filter(|_| rule.sources.iter().any(is_auto)) {
        Some(store) => store.newest(&rule.name)?,
        None => None,
    };
    // What was stamped like the last failure has been read from the other source.
    let of_auto = newest.map(|newest| newest.min(now) + 1).or(of_any);
    Ok(NewSource { of_any, of_auto })
}

fn is_auto(source: &SourceSpec) -> bool {
    matches!(source, SourceSpec::Auto(_))
}

/// Reads inputs for once, with windows of their own. What an un-ban has cleared, or is
/// banned already, is no ban again.
pub(super) fn read_apart(
    context: &Context,
    store: Option<&mut Store>,
    rule: &Rule,
    inputs: Inputs,
    budget: &mut Budget,
) -> Result<RuleOutcome, StoreError> {
    let store = store.map(SharedStore::new);
    let mut evaluator = Evaluator::new(context, rule, store.as_ref(), KnownPast::Apart);
    let mut report = evaluator.evaluate(inputs, budget)?;
    Ok(RuleOutcome::of(rule, &mut report, evaluator.bans))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However their sections list them.
    #[test]
    fn rules_that_read_the_same_logs_stand_together() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a.log"), "a\n").unwrap();
        std::fs::write(path("b.log"), "b\n".repeat(9)).unwrap();
        let spec = |name: &str| SourceSpec::Files(path(name));
        let sections = [
            vec![spec("a.log"), spec("b.log")],
            vec![spec("b.log")],
            vec![spec("*.log")],
            vec![spec("b.log"), spec("a.log")],
            vec![
                spec("a.log"),
                spec("b.log"),
                SourceSpec::Journal("x".to_owned()),
            ],
        ];
        let ssh = Config::defaults(dir.path()).rule_named("ssh").unwrap();
        let rules = sections.map(|sources| Rule {
            sources,
            ..ssh.clone()
        });
        let found = rules.iter().map(|rule| logs::discover(&rule.sources));
        let found: Vec<Discovered> = found.collect();
        let order = order(None, &rules, &found).unwrap();
        assert_eq!(order, [vec![1], vec![0, 2, 3], vec![4]]);
    }
}
