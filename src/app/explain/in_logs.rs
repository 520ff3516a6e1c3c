//! What stands in the logs of an address that is not banned: how near it came.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::context::Context;
use crate::app::progress::ReadingProgress;
use crate::app::reading::places;
use crate::judge::{Connections, TrialFailure, Window};
use crate::logs::{self, Budget, Counted, FailureSink, Inputs, LogReader, MatchedFailure};
use crate::model::{Address, Generation, LinePlace, Problem, Rule};
use crate::report::{FailuresInLogs, SearchedSource};
use crate::rules::{Clock, Matcher};
use crate::store::{Store, StoreError};

/// Reads all that the enabled rules read, and that runs have read, from the
/// start. `cleared` says until when the failures do not count. What may not be
/// read is a problem, too.
pub(super) fn look(
    context: &Context,
    store: Option<&Store>,
    address: Address,
    cleared: impl Fn(&Rule) -> Option<i64>,
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
        let mut search = Search {
            address,
            cleared: before.max(cleared(rule)),
            connections: Connections::default(),
            window: Window::default(),
            looked: FailuresInLogs {
                rule: rule.clone(),
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

/// Up to when failures do not count because the rule met its logs later.
fn not_counted(known: &BTreeMap<PathBuf, Vec<Generation>>) -> Option<i64> {
    let from = known.values().flatten().map(|known| known.counts);
    let from = from
        .filter(|counts| counts.byte > 0)
        .map(|counts| counts.secs - 1);
    from.max()
}

/// Looks for the failures of an address while logs are read.
struct Search {
    address: Address,
    /// Until when failures do not count.
    cleared: Option<i64>,
    /// What is open of the address.
    connections: Connections,
    window: Window<Vec<TrialFailure>>,
    looked: FailuresInLogs,
}

impl FailureSink for Search {
    fn take(&mut self, matched: MatchedFailure<'_>) -> Counted {
        Counted::as_failures(if matched.failure.address == self.address {
            self.count(&matched)
        } else {
            0
        })
    }
}

impl Search {
    /// Takes a failure of the address; says how many new ones it is.
    fn count(&mut self, matched: &MatchedFailure<'_>) -> u32 {
        let (failure, looked) = (matched.failure, &mut self.looked);
        let place = LinePlace::of(matched.path, failure.offset);
        let counts = self.connections.count_line(failure, place);
        if counts.is_nothing() {
            return 0;
        }
        looked.failures += u64::from(counts.new);
        let (first, last) = looked.span.unwrap_or((failure.at, failure.at));
        looked.span = Some((first.min(failure.at), last.max(failure.at)));
        if self.cleared.is_some_and(|until| failure.at.secs <= until) {
            looked.cleared += u64::from(counts.new);
            return counts.new;
        }
        let (thresholds, window) = (&looked.rule.thresholds, &mut self.window);
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
