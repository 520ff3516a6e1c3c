//! What stands in the logs of what is not banned: how near it came.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::app::context::Context;
use crate::app::progress::ReadingProgress;
use crate::app::reading::places;
use crate::judge::{AllowList, Connections, TrialFailure, Window};
use crate::logs::{self, Budget, Counted, FailureSink, Inputs, LogReader, MatchedFailure};
use crate::model::{Address, Generation, LinePlace, Problem, Rule, Subject, Thresholds};
use crate::report::{FailuresInLogs, SearchedSource};
use crate::rules::{Clock, Matcher};
use crate::store::{Store, StoreError};

/// As whom a rule counts `subject`: as the network that holds it, or as itself.
pub(super) fn counted_as(thresholds: &Thresholds, subject: Subject, never: &AllowList) -> Subject {
    let is_formed = |network| !never.covers(network);
    let counted = thresholds.prefixes.counted_as(subject.first(), is_formed);
    if counted.holds(subject) {
        counted
    } else {
        subject
    }
}

/// Reads all that the enabled rules read, and that runs have read, from the
/// start. `ended` says of a rule until when failures of subjects do not count since a ban
/// of it ran. What may not be read is a problem, too.
pub(super) fn look(
    context: &Context,
    store: Option<&Store>,
    subject: Subject,
    ended: impl Fn(&Rule) -> HashMap<Subject, i64>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<FailuresInLogs>, StoreError> {
    let rules = context.config.rules.iter().filter(|rule| rule.enabled);
    let mut all = Vec::new();
    for rule in rules {
        let known = store.map(|store| store.generations(&rule.name));
        let known = known.transpose()?.unwrap_or_default();
        let before = not_counted(&known);
        let found = logs::discover(&rule.sources);
        problems.extend_from_slice(&found.problems);
        let inputs = Inputs::kept(&found, known, &places(&context.config, context.now, rule));
        let scope = counted_as(&rule.thresholds, subject, &context.allow_list);
        let mut search = Search {
            never: &context.allow_list,
            cleared: before.max(cleared_until(store, scope)?),
            parts: store.map_or(Ok(Vec::new()), |store| store.cleared_within(scope))?,
            ended: ended(rule),
            subjects: HashMap::new(),
            looked: FailuresInLogs {
                rule: rule.clone(),
                scope,
                sources: Vec::new(),
                failures: 0,
                span: None,
                cleared: 0,
                met_later: before.is_some(),
                most: 0,
            },
        };
        let progress = ReadingProgress::over(context.shows_progress, &inputs);
        let reader = LogReader {
            rule: &rule.name,
            matcher: || Matcher::new(rule, Clock::new(context.now)),
            sink: &mut search,
        };
        let report = inputs.read(reader, &mut Budget::unlimited());
        drop(progress);
        let mut looked = search.looked;
        looked
            .sources
            .extend(report.parts().map(|part| SearchedSource {
                path: part.path.to_path_buf(),
                failures: part.error.clone().map_or(Ok(part.counted), Err),
            }));
        problems.extend(report.problems);
        all.push(looked);
    }
    Ok(all)
}

/// Up to when failures of `scope` do not count because it was un-banned.
fn cleared_until(store: Option<&Store>, scope: Subject) -> Result<Option<i64>, StoreError> {
    store.map_or(Ok(None), |store| store.cleared_until(scope))
}

/// Up to when failures do not count because the rule met its logs later.
fn not_counted(known: &BTreeMap<PathBuf, Vec<Generation>>) -> Option<i64> {
    let from = known.values().flatten().map(|known| known.counts);
    let from = from
        .filter(|counts| counts.byte > 0)
        .map(|counts| counts.secs - 1);
    from.max()
}

/// Looks for the failures of a subject while logs are read.
struct Search<'a> {
    never: &'a AllowList,
    /// Until when failures do not count.
    cleared: Option<i64>,
    /// The same of parts of a network.
    parts: Vec<(Subject, i64)>,
    /// Until when bans of the rule ran, by their subjects.
    ended: HashMap<Subject, i64>,
    /// What is open, by the subjects that failures are counted in.
    subjects: HashMap<Subject, OpenSubject>,
    looked: FailuresInLogs,
}

/// What is open of one subject.
#[derive(Default)]
struct OpenSubject {
    connections: Connections,
    window: Window<Vec<TrialFailure>>,
}

impl FailureSink for Search<'_> {
    fn take(&mut self, matched: MatchedFailure<'_>) -> Counted {
        let address = Subject::from(matched.failure.address);
        Counted::as_failures(if self.looked.scope.holds(address) {
            self.count(&matched)
        } else {
            0
        })
    }
}

impl Search<'_> {
    /// As whom a failure of `address` is counted.
    fn counted_as(&self, address: Address) -> Subject {
        let is_formed =
            |network| self.subjects.contains_key(&network) || !self.never.covers(network);
        let prefixes = self.looked.rule.thresholds.prefixes;
        prefixes.counted_as(address, is_formed)
    }

    /// Whether a failure of `address` that is counted in `subject` does not count at `at`.
    fn has_cleared(&self, subject: Subject, address: Address, at: i64) -> bool {
        let ended = self.ended.get(&subject).copied();
        let is_cleared = self.cleared.max(ended).is_some_and(|until| at <= until);
        let mut parts = self.parts.iter();
        is_cleared || parts.any(|(part, until)| at <= *until && part.holds(address.into()))
    }

    /// Takes a failure; says how many new ones it is.
    fn count(&mut self, matched: &MatchedFailure<'_>) -> u32 {
        let failure = matched.failure;
        let subject = self.counted_as(failure.address);
        let is_cleared = self.has_cleared(subject, failure.address, failure.at.secs);
        let looked = &mut self.looked;
        let place = LinePlace::of(matched.path, failure.offset);
        let OpenSubject {
            connections,
            window,
        } = self.subjects.entry(subject).or_default();
        let counts = connections.count_line(failure, place);
        if counts.is_nothing() {
            return 0;
        }
        looked.failures += u64::from(counts.new);
        let (first, last) = looked.span.unwrap_or((failure.at, failure.at));
        looked.span = Some((first.min(failure.at), last.max(failure.at)));
        if is_cleared {
            looked.cleared += u64::from(counts.new);
            return counts.new;
        }
        let thresholds = &looked.rule.thresholds;
        let limit = thresholds.failed_attempts.get();
        let moved = counts.moves.is_some_and(|from| window.take_out(from));
        let count = counts.new.saturating_add(u32::from(moved));
        if count == 0 {
            return counts.new;
        }
        let pushed = window.push(thresholds, failure.at, |failures, counted| {
            failures.push(TrialFailure {
                counted,
                count,
                place,
            });
        });
        let together = if failure.instant {
            pushed.failures.max(limit)
        } else {
            pushed.failures
        };
        looked.most = looked.most.max(together);
        if pushed.failures >= limit {
            window.take(pushed, i64::MIN);
        }
        counts.new
    }
}
