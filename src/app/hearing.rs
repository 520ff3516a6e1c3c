//! Match, count, decide: the failures of one rule go through the judge.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::judge::{Decision, Judge, Standing, Window};
use crate::logs::{self, More, Piece, Reading, Sizes};
use crate::model::{Address, Ban, Escaped, Origin, Problem, Rule, Witnesses};
use crate::report::ban_reason;
use crate::rules::{Clock, Matcher};
use crate::store::{Store, StoreError};

use super::changes::Cleared;
use super::context::Context;
use super::progress::Progress;

/// What of which log stands in which row of the report.
pub(super) struct Place {
    pub(super) path: Arc<Path>,
    pub(super) row: usize,
}

/// Which past an address has.
pub(super) enum Past<'a> {
    /// What the store knows, and who is being un-banned in this run.
    Stored(&'a HashMap<Address, Cleared>),
    /// None but un-bans: windows of its own.
    Apart,
}

/// Follows the failures of one rule, and knows whom to ask about the past.
pub(super) struct Hearing<'a> {
    context: &'a Context,
    rule: &'a Rule,
    store: Option<&'a mut Store>,
    past: Past<'a>,
    judge: Judge<'a>,
    /// Whether the store remembers nothing of anybody, so that it need not be asked.
    first: bool,
    pub(super) bans: Vec<(Ban, Witnesses)>,
    failed: Option<StoreError>,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(
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
            first: false,
            bans: Vec::new(),
            failed: None,
        }
    }

    /// Reads the pieces of each source and takes their failures in order.
    pub(super) fn listen(
        &mut self,
        places: &[Vec<Place>],
        sources: Vec<Vec<Piece>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Vec<Reading>>, StoreError> {
        // Compiling the patterns costs more than a run that has nothing to read.
        if sources.iter().all(Vec::is_empty) {
            return Ok(sources.iter().map(|_| Vec::new()).collect());
        }
        let matcher = match Matcher::new(self.rule, Clock::new(self.context.now)) {
            Ok(matcher) => matcher,
            Err(error) => {
                let rule = Escaped::text(&self.rule.name);
                problems.push(Problem::new(format!(
                    "rule {rule} can not be used: {error}"
                )));
                let unread = |piece: &Piece| Reading {
                    end: piece.from(),
                    ..Reading::default()
                };
                return Ok(sources
                    .iter()
                    .map(|pieces| pieces.iter().map(unread).collect())
                    .collect());
            }
        };
        let _progress = self.progress(places, &sources);
        if let Some(store) = &self.store {
            store.hold()?;
        }
        self.first = self.store.as_deref().map_or(Ok(true), Store::is_blank)?;
        let busy = sources.iter().filter(|pieces| !pieces.is_empty()).count();
        let readings = logs::scan(sources, &matcher, Sizes::for_sources(busy), |heard| {
            let (source, piece) = heard.place;
            if self.failed.is_none()
                && let Err(error) = self.hear(&places[source][piece].path, &heard)
            {
                self.failed = Some(error);
            }
            if self.judge.is_done_with(heard.failure.address) {
                More::Unwanted
            } else {
                More::Wanted
            }
        });
        self.failed.take().map_or(Ok(readings), Err)
    }

    fn progress(&self, places: &[Vec<Place>], sources: &[Vec<Piece>]) -> Progress {
        let places = places.iter().flatten().map(|place| &*place.path);
        let pieces = places.zip(sources.iter().flatten());
        Progress::over(self.context.shows_progress, pieces)
    }

    fn hear(&mut self, path: &Arc<Path>, heard: &logs::Heard<'_>) -> Result<(), StoreError> {
        let failure = heard.failure;
        if !self.judge.knows(failure.address) {
            let standing = self.standing(failure.address)?;
            self.judge.introduce(failure.address, standing);
        }
        let decision = self.judge.hear(failure, |kept, counted| {
            kept.push(failure, counted, path, heard.line);
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
            Past::Apart => {
                let cleared = store.cleared_until(address)?;
                Ok(Standing::of(cleared, None, Witnesses::default()))
            }
            Past::Stored(cleared) => {
                let cleared = cleared.get(&address);
                if self.first && cleared.is_none() {
                    return Ok(Standing::default());
                }
                let since = cleared.map_or(i64::MIN, |cleared| cleared.until);
                let (before, banned_until, witnesses) =
                    store.past_since(&self.rule.name, address, since)?;
                Ok(match cleared {
                    Some(&Cleared { until, late: false }) => {
                        Standing::of(before.max(Some(until)), None, Witnesses::default())
                    }
                    late => {
                        let cleared = before.max(late.map(|late| late.until));
                        Standing::of(cleared, banned_until, witnesses)
                    }
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

    /// The windows that are to be stored. The judge is done with.
    pub(super) fn windows(&mut self) -> Vec<(Address, Window)> {
        let next = Judge::new(self.rule.thresholds, &self.context.never);
        std::mem::replace(&mut self.judge, next).into_changed_windows()
    }
}
