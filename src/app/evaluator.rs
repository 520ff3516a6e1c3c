//! Match, count, decide: the failures of one rule go through the judge.
//!
//! | file | what |
//! |---|---|
//! | `past` | what is known of a subject before its first failure |

mod past;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::judge::{ChangedSubjects, Decision, Judge};
use crate::logs::{
    Budget, Counted, FailureSink, Inputs, LogReader, MatchedFailure, More, ReadReport,
};
use crate::model::{Ban, Evidence, Line, LinePlace, NetworkMap, Origin, Prefixes, Rule, Subject};
use crate::rules::{Clock, Matcher};
use crate::store::{Store, StoreError, TEXTS_KEPT};

use super::cleared::ClearedSubjects;
use super::context::Context;
use super::progress::ReadingProgress;

/// The store, of which several evaluators ask. They do so in turn; a reference to it alone
/// could not be handed to the thread that takes the failures.
pub(super) type SharedStore<'a> = Mutex<&'a mut Store>;

/// Which past a subject has.
pub(super) enum KnownPast<'a> {
    /// What the store knows, and who is being un-banned in this run.
    Stored(&'a ClearedSubjects),
    /// None but un-bans: windows of its own.
    Apart,
}

/// Follows the failures of one rule, and asks the store about the past of subjects.
pub(super) struct Evaluator<'a, 's> {
    pub(super) context: &'a Context,
    rule: &'a Rule,
    store: Option<&'a SharedStore<'s>>,
    past: KnownPast<'a>,
    judge: Judge<'a>,
    /// Whether the store remembers nothing of anybody, so that it need not be asked.
    first: bool,
    /// How many open windows the store has of the rule.
    stored: i64,
    /// Whether the store has connections of the rule.
    has_connections: bool,
    /// What the windows in the store are of; none if there are none.
    stored_prefixes: Option<Prefixes>,
    /// The networks that were un-banned.
    cleared_networks: NetworkMap<i64>,
    /// All subjects that were un-banned, if the rule counts by networks.
    all_cleared: BTreeMap<Subject, i64>,
    pub(super) bans: Vec<(Ban, Evidence)>,
    /// Until when the failures of subjects did not count when they were first met, of
    /// those that somebody has un-banned.
    pub(super) cleared: HashMap<Subject, i64>,
    /// Likewise of parts of networks, for networks of which a part was un-banned.
    pub(super) cleared_parts: HashMap<Subject, Vec<(Subject, i64)>>,
    /// How many bytes the failures of the bans take.
    evidence: usize,
    /// The memory that it may take, together with the rules that are read with it.
    room: Arc<SharedRoom>,
    /// How many bytes of that it has taken so far.
    weighed: usize,
    /// How many failures were taken.
    taken: u32,
    /// Since when the store is held, as it is while much is asked of it.
    held: Option<Instant>,
    failed: Option<StoreError>,
}

impl<'a, 's> Evaluator<'a, 's> {
    pub(super) fn new(
        context: &'a Context,
        rule: &'a Rule,
        store: Option<&'a SharedStore<'s>>,
        past: KnownPast<'a>,
    ) -> Self {
        let judge = Judge::new(rule.thresholds.clone(), &context.allow_list)
            .with_most_windows(context.config.most_windows);
        Evaluator {
            context,
            rule,
            store,
            past,
            judge,
            first: false,
            stored: 0,
            has_connections: false,
            stored_prefixes: None,
            cleared_networks: NetworkMap::default(),
            all_cleared: BTreeMap::new(),
            bans: Vec::new(),
            cleared: HashMap::new(),
            cleared_parts: HashMap::new(),
            evidence: 0,
            room: Arc::default(),
            weighed: 0,
            taken: 0,
            held: None,
            failed: None,
        }
    }

    /// The store, if there is one.
    fn store(&self) -> Option<MutexGuard<'a, &'s mut Store>> {
        let lock =
            |store: &'a SharedStore<'s>| store.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.map(lock)
    }

    /// How many bytes of memory the windows and the bans hold by now, as an
    /// estimate.
    pub(super) fn weight(&self) -> usize {
        let bans = self.bans.len() * size_of::<(Ban, Evidence)>();
        self.judge.weight() + bans + self.evidence
    }

    /// How many windows were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.judge.forgotten()
    }

    /// How many more open windows there are by it than the store has.
    pub(super) fn opened(&self) -> i64 {
        self.judge.opened()
    }

    /// Whether the texts of lines are kept: not of those that come when there
    /// are many windows, or many bans.
    fn keeps_texts(&self) -> bool {
        let bans = i64::try_from(self.bans.len()).unwrap_or(i64::MAX);
        self.stored + self.judge.opened() + bans < TEXTS_KEPT
    }

    /// Reads the inputs and takes their failures in order.
    pub(super) fn evaluate(
        &mut self,
        inputs: Inputs,
        budget: &mut Budget,
    ) -> Result<ReadReport, StoreError> {
        let one = std::slice::from_mut(self);
        let mut reports = Evaluator::evaluate_together(one, vec![inputs], budget)?;
        Ok(reports.remove(0))
    }

    /// The same for several rules, each with its inputs, which are read in one pass.
    pub(super) fn evaluate_together(
        evaluators: &mut [Self],
        inputs: Vec<Inputs>,
        budget: &mut Budget,
    ) -> Result<Vec<ReadReport>, StoreError> {
        let room = Arc::new(SharedRoom {
            bytes: budget.room(),
            used: AtomicUsize::new(0),
        });
        let _progress = inputs.first().map(|first| {
            let shows_progress = evaluators[0].context.shows_progress;
            ReadingProgress::over(shows_progress, first)
        });
        let mut readers = Vec::new();
        for (evaluator, inputs) in evaluators.iter_mut().zip(inputs) {
            if !inputs.is_empty() {
                evaluator.ask_the_store()?;
            }
            evaluator.room = room.clone();
            let (rule, now) = (evaluator.rule, evaluator.context.now);
            let reader = LogReader {
                rule: &rule.name,
                matcher: move || Matcher::new(rule, Clock::new(now)),
                sink: evaluator,
            };
            readers.push((inputs, reader));
        }
        let reports = Inputs::read_together(readers, budget);
        for evaluator in evaluators {
            evaluator.let_go();
            budget.use_room(evaluator.weight());
            if let Some(error) = evaluator.failed.take() {
                return Err(error);
            }
        }
        Ok(reports)
    }

    /// Asks what saves asking for each subject.
    fn ask_the_store(&mut self) -> Result<(), StoreError> {
        self.first = self.store().map_or(Ok(true), |store| store.is_blank())?;
        if let Some(store) = self.store().filter(|_| !self.first) {
            self.cleared_networks = store.cleared_networks()?;
            if self.rule.thresholds.prefixes != Prefixes::default() {
                self.all_cleared = store.cleared()?;
            }
        }
        if let (KnownPast::Stored(_), Some(store)) = (&self.past, self.store()) {
            self.stored = store.count_windows(&self.rule.name)?;
            self.has_connections = store.has_connections(&self.rule.name)?;
            self.stored_prefixes = store.prefixes(&self.rule.name)?;
        }
        Ok(())
    }

    /// Takes a failure; says how many new ones it is.
    fn on_failure(&mut self, matched: &MatchedFailure<'_>) -> Result<u32, StoreError> {
        self.hold()?;
        let (failure, path) = (matched.failure, matched.path);
        if let Some(subject) = self.judge.unknown(failure.address) {
            let (state, cleared) = self.state_of(subject)?;
            self.cleared.extend(cleared.map(|until| (subject, until)));
            let connections = self.connections(subject)?;
            self.judge.introduce(subject, state, connections);
        }
        let keeps_texts = self.keeps_texts();
        let place = LinePlace::of(path, failure.offset);
        let judged = self
            .judge
            .on_failure(failure, place, |kept, subject, failure, counted| {
                let line = Line::of(matched.line, keeps_texts);
                kept.push(failure, counted, subject, path, line);
            });
        if let Some(decision) = judged.decision {
            self.decide(decision)?;
        }
        Ok(judged.failures)
    }

    fn decide(&mut self, decision: Decision) -> Result<(), StoreError> {
        let Decision {
            subject,
            failure,
            failures,
            count,
            ends,
            evidence,
        } = decision;
        let rule = &self.rule.name;
        if let (KnownPast::Apart, Some(store)) = (&self.past, self.store())
            && store.is_covered(rule, subject, failure.at.secs)?
        {
            return Ok(());
        }
        let ban = Ban {
            subject,
            rule: Some(rule.clone()),
            server: self.context.server.clone(),
            at: failure.at,
            ends,
            failures,
            instant: failure.instant,
            origin: Origin::Log,
            reason: None,
            country: None,
            count: Some(count),
            aggregates: 0,
        };
        self.evidence += evidence.weight();
        self.bans.push((ban, evidence));
        Ok(())
    }

    /// What is to be stored. The judge is done with.
    pub(super) fn changed(&mut self) -> ChangedSubjects {
        let next = Judge::new(self.rule.thresholds.clone(), &self.context.allow_list);
        std::mem::replace(&mut self.judge, next).into_changed()
    }
}

/// How long the store may be held at a time: a program that commits meanwhile, as `ban`
/// does while a scan reads, waits for that.
const HELD: Duration = Duration::from_millis(20);

/// After how many failures what was found is weighed again: they take some kilobytes.
const WEIGHED: u32 = 256;

/// How much memory the windows and the bans of rules may take that are read together.
#[derive(Debug, Default)]
struct SharedRoom {
    bytes: usize,
    used: AtomicUsize,
}

impl Evaluator<'_, '_> {
    /// Whether there is room for further failures, once this rule was weighed again.
    fn has_room(&mut self) -> bool {
        let weight = self.weight();
        let before = std::mem::replace(&mut self.weighed, weight);
        // The bans that a window became may weigh less than it did: the sum wraps around.
        let change = weight.wrapping_sub(before);
        let used = self.room.used.fetch_add(change, Ordering::Relaxed);
        used.wrapping_add(change) <= self.room.bytes
    }

    fn hold(&mut self) -> Result<(), StoreError> {
        if self.held.is_none()
            && let Some(store) = self.store()
        {
            store.begin_read()?;
            self.held = Some(Instant::now());
        }
        Ok(())
    }

    fn let_go(&mut self) {
        if self.held.take().is_some()
            && let Some(store) = self.store()
            && let Err(error) = store.end_read()
        {
            self.failed.get_or_insert(error);
        }
    }
}

impl FailureSink for Evaluator<'_, '_> {
    /// Counts failures of connections only: how many those are depends on the lines
    /// before. The others are counted where they are read.
    fn take(&mut self, matched: MatchedFailure<'_>) -> Counted {
        let mut counted = Counted {
            failures: 0,
            more: More::NoRoom,
        };
        if self.failed.is_some() {
            return counted;
        }
        match self.on_failure(&matched) {
            Ok(failures) if matched.failure.login.is_some() => counted.failures = failures,
            Ok(_) => {}
            Err(error) => self.failed = Some(error),
        }
        self.taken = self.taken.wrapping_add(1);
        if !self.taken.is_multiple_of(WEIGHED) || self.has_room() {
            counted.more = if self.judge.is_done_with(matched.failure.address) {
                More::Unwanted
            } else {
                More::Wanted
            };
        }
        counted
    }

    fn pause(&mut self) {
        if self.held.is_some_and(|since| since.elapsed() > HELD) {
            self.let_go();
        }
    }
}
