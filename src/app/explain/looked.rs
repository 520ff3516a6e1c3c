//! What stands in the logs of an address that is not banned: how near it came.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::app::context::Context;
use crate::app::journals::Journaled;
use crate::app::progress::ReadingProgress;
use crate::app::told::problems_of;
use crate::judge::{Connections, TrialFailure, Window};
use crate::logs::{
    self, Discovered, JournalError, Log, MatchedFailure, More, OpenError, Segment, Sizes,
};
use crate::model::{
    Address, Escaped, Generation, GenerationState, LinePlace, PathId, Problem, Rule,
};
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
        let mut looked = FailuresInLogs {
            rule: rule.clone(),
            sources: Vec::new(),
            failures: 0,
            span: None,
            cleared: 0,
            met_later: false,
            most: 0,
        };
        let before = not_counted(store, rule)?;
        looked.met_later = before.is_some();
        let found = logs::discover(&rule.sources);
        problems.extend_from_slice(&found.problems);
        let (pieces, journals) = looked.open(context, store, &found, problems)?;
        looked.read(
            context,
            pieces,
            address,
            before.max(cleared(rule)),
            problems,
        );
        for journal in journals {
            problems.extend(journal.problems());
        }
        all.push(looked);
    }
    Ok(all)
}

/// Up to when failures do not count because the rule met its logs later.
fn not_counted(store: Option<&Store>, rule: &Rule) -> Result<Option<i64>, StoreError> {
    let known = store.map(|store| store.generations(&rule.name));
    let known = known.transpose()?.unwrap_or_default();
    let from = known.values().flatten().map(|known| known.counts);
    let from = from
        .filter(|counts| counts.byte > 0)
        .map(|counts| counts.secs - 1);
    Ok(from.max())
}

/// The pieces of a log or journal, each with its row in `sources`.
type Pieces = Vec<(usize, Segment)>;

impl FailuresInLogs {
    fn open(
        &mut self,
        context: &Context,
        store: Option<&Store>,
        found: &Discovered,
        problems: &mut Vec<Problem>,
    ) -> Result<(Vec<Pieces>, Vec<Journaled>), StoreError> {
        let mut known = store
            .map(|store| store.generations(&self.rule.name))
            .transpose()?
            .unwrap_or_default();
        let mut opened = Vec::new();
        let paths: Vec<Vec<PathBuf>> = found
            .logs
            .iter()
            .map(|log| wanted(log, known.remove(&log.name).unwrap_or_default()))
            .collect();
        // A file that two logs name is one.
        let mut once: BTreeSet<PathBuf> = logs::each_once(paths.concat()).into_iter().collect();
        for of_log in paths {
            let pieces = of_log.into_iter().filter_map(|path| {
                if !once.remove(&path) {
                    return None;
                }
                let piece = logs::whole(&path).map_err(Unread::from);
                self.add(&path, piece, problems)
            });
            opened.push(pieces.collect());
        }
        let mut journals = Vec::new();
        for journal in &found.journals {
            let place = context.config.journal.as_deref();
            let begun = Journaled::begin(journal, place, None, None, context.now);
            let piece = begun.map(|(journal, piece)| {
                journals.push(journal);
                piece
            });
            let piece = piece.map_err(Unread::from);
            let path = Path::new(&journal.name);
            opened.push(self.add(path, piece, problems).into_iter().collect());
        }
        Ok((opened, journals))
    }

    /// Adds a row for what was opened, or could not be. What is not there is an
    /// answer, and anything else a problem.
    fn add(
        &mut self,
        path: &Path,
        piece: Result<Segment, Unread>,
        problems: &mut Vec<Problem>,
    ) -> Option<(usize, Segment)> {
        let (failures, piece) = match piece {
            Ok(piece) => (Ok(0), Some((self.sources.len(), piece))),
            Err(Unread { why, missing }) => {
                if !missing {
                    let told = format!("{}: {why}", Escaped::path(path));
                    problems.push(Problem::at(path, told));
                }
                (Err(why), None)
            }
        };
        let path = path.to_owned();
        self.sources.push(SearchedSource { path, failures });
        piece
    }

    fn read(
        &mut self,
        context: &Context,
        pieces: Vec<Pieces>,
        address: Address,
        cleared: Option<i64>,
        problems: &mut Vec<Problem>,
    ) {
        let Ok(matcher) = Matcher::new(&self.rule, Clock::new(context.now)) else {
            return;
        };
        let read = pieces.iter().flatten();
        let read = read.map(|(row, piece)| (&*self.sources[*row].path, piece));
        let _progress = ReadingProgress::over(context.shows_progress, read);
        let mut rows = Vec::new();
        let pieces: Vec<Vec<Segment>> = pieces
            .into_iter()
            .map(|pieces| {
                let (of_source, pieces): (Vec<usize>, _) = pieces.into_iter().unzip();
                rows.push(of_source);
                pieces
            })
            .collect();
        let sizes = Sizes::for_sources(pieces.len());
        let mut open = Open::default();
        let readings = logs::scan(pieces, &matcher, sizes, |matched| {
            if matched.failure.address == address {
                let (source, piece) = matched.place;
                self.hear(rows[source][piece], &matched, cleared, &mut open);
            }
            More::Wanted
        });
        for (row, reading) in rows.iter().flatten().zip(readings.iter().flatten()) {
            problems.extend(problems_of(&self.rule, &self.sources[*row].path, reading));
        }
    }

    fn hear(
        &mut self,
        row: usize,
        matched: &MatchedFailure<'_>,
        cleared: Option<i64>,
        open: &mut Open,
    ) {
        let failure = matched.failure;
        let path = PathId::of(&self.sources[row].path);
        let place = LinePlace::of(path, failure.offset);
        let counts = open.connections.count_line(failure, place);
        if counts.is_nothing() {
            return;
        }
        let count = u64::from(counts.new);
        self.failures += count;
        if let Ok(failures) = &mut self.sources[row].failures {
            *failures += count;
        }
        let (first, last) = self.span.unwrap_or((failure.at, failure.at));
        self.span = Some((first.min(failure.at), last.max(failure.at)));
        if cleared.is_some_and(|until| failure.at.secs <= until) {
            self.cleared += count;
            return;
        }
        let limit = self.rule.thresholds.failed_attempts.get();
        let window = &mut open.window;
        let moved = counts.moves.is_some_and(|from| window.take_out(from));
        let count = counts.new.saturating_add(u32::from(moved));
        if count == 0 {
            return;
        }
        let pushed = window.push(&self.rule.thresholds, failure.at, |failures, counted| {
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
        self.most = self.most.max(together);
        if pushed.failures >= limit {
            window.take(pushed, i64::MIN);
        }
    }
}

/// What is open of the address while its lines are read.
#[derive(Default)]
struct Open {
    connections: Connections,
    window: Window<Vec<TrialFailure>>,
}

/// The files of a log, oldest first: what runs have read of it, what the
/// configuration names, and the log itself.
fn wanted(log: &Log, known: Vec<Generation>) -> Vec<PathBuf> {
    let read = known.into_iter().filter(|generation| {
        let is_there = generation.live || generation.path.exists();
        is_there
            && matches!(
                generation.state,
                GenerationState::Followed | GenerationState::Resting | GenerationState::Cut
            )
    });
    let mut paths: Vec<PathBuf> = read.map(|generation| generation.path).collect();
    paths.extend(log.named.iter().cloned());
    if log.live {
        paths.retain(|path| *path != log.name);
        paths.push(log.name.clone());
    }
    paths
}

/// Why something could not be read, and whether it is simply not there.
struct Unread {
    why: String,
    missing: bool,
}

impl From<OpenError> for Unread {
    fn from(error: OpenError) -> Self {
        Unread {
            why: error.to_string(),
            missing: matches!(error, OpenError::Missing),
        }
    }
}

impl From<JournalError> for Unread {
    fn from(error: JournalError) -> Self {
        Unread {
            why: error.to_string(),
            missing: false,
        }
    }
}
