//! Takes the failures one after the other, rule by rule.

use std::collections::HashMap;
use std::sync::Arc;

use crate::judge::{Aggregator, AllowList, Connections, Counts, TrialFailure};
use crate::model::{Aggregate, Failure, LinePlace, Rule, Stamp, Subject, Thresholds, Variant};

use super::addresses::{Addresses, Row, number};
use super::histogram::Histogram;
use super::names::NameCounts;
use super::subjects::{CountedAs, NetworkFolds, SubjectFold};
use super::trials::Trials;

/// In seconds: a clock that is a little fast does not write stamps so far in the
/// future.
const FUTURE: i64 = 86_400;

/// The period that is audited: from `since` on, up to but not including `until`, in
/// Unix seconds. A line outside counts as if it had never been logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// The first second; from the beginning if none.
    pub since: Option<i64>,
    /// The second behind the last; to the end if none.
    pub until: Option<i64>,
}

impl Period {
    /// Whether nothing can lie in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!((self.since, self.until), (Some(since), Some(until)) if since >= until)
    }

    fn has(self, at: i64) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// What holds for a whole audit.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// The period that is audited.
    pub period: Period,
    /// Which other thresholds are tried.
    pub variants: Vec<Variant>,
    /// The time of the audit, in Unix seconds.
    pub now: i64,
}

/// What a line is to the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// So many new failures within the period: 0 if the line is of a login that has
    /// already counted.
    Failures(u32),
    /// A successful login within the period.
    Login,
    /// Either of them outside the period.
    Outside,
}

/// A ban that would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The address or network.
    pub subject: Subject,
    /// What filled it: the address whose failure filled the window, or, of a ban by
    /// aggregation, the subject whose ban was the last that was needed.
    pub filled_by: Subject,
    /// Which of the rules.
    pub rule: usize,
    /// The failure or ban that filled it.
    pub at: Stamp,
    /// How many failures there were; 0 for a ban by aggregation.
    pub failures: u32,
    /// How many bans within the network led to it; 0 for any other ban.
    pub aggregates: u32,
    /// Which ban of the subject under the rule it is, counted from 1.
    pub count: u32,
    /// Whether that failure banned at once.
    pub instant: bool,
    /// When it ends, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// Its country, as a place in [`Findings::places`](super::Findings::places); none if
    /// it is not known.
    pub place: Option<u32>,
}

/// What is known of a rule.
#[derive(Debug)]
pub(super) struct RuleFold {
    pub(super) name: Arc<str>,
    pub(super) thresholds: Thresholds,
    pub(super) aggregate: Option<Aggregate>,
    /// How many bans were decided before.
    bans_before: usize,
    /// The number of the first pattern that is a login, if there is one.
    logins_from: Option<u16>,
    pub(super) histogram: Histogram,
    /// By the number of an address: its failures.
    pub(super) counts: Vec<u64>,
    pub(super) failures: u64,
    pub(super) logins: u64,
}

impl RuleFold {
    pub(super) fn tells_logins(&self) -> bool {
        self.logins_from.is_some()
    }
}

/// What is known of an address under the rule that is being read. Everything that a
/// failure changes stands here side by side, for the processor's cache.
#[derive(Debug)]
struct AddressFold {
    failures: u64,
    first: Stamp,
    last: Stamp,
    is_allowed: bool,
    counted: CountedAs,
    /// What is known of it as a subject, unless it is counted in a network.
    own: SubjectFold,
}

impl AddressFold {
    fn new(row: &Row) -> Self {
        AddressFold {
            failures: 0,
            first: Stamp::from_secs(i64::MAX),
            last: Stamp::from_secs(i64::MIN),
            is_allowed: row.never,
            counted: CountedAs::Unknown,
            own: SubjectFold::default(),
        }
    }
}

/// What is known of the address with that number; `rows` are all addresses.
fn seen<'s>(all: &'s mut Vec<AddressFold>, rows: &[Row], number: usize) -> &'s mut AddressFold {
    let known = all.len();
    if known <= number {
        all.extend(rows[known..=number].iter().map(AddressFold::new));
    }
    &mut all[number]
}

/// Collects what the logs say, rule by rule. Its memory grows with the number of
/// addresses and bans. It grows with the number of failures only if other thresholds
/// are to be tried.
#[derive(Debug)]
pub struct Fold<'a> {
    pub(super) settings: AuditSettings,
    never: &'a AllowList,
    pub(super) addresses: Addresses,
    pub(super) rules: Vec<RuleFold>,
    /// By the number of an address.
    seen: Vec<AddressFold>,
    networks: NetworkFolds,
    /// How many lines of the rule that is being read have counted something. A line's
    /// number is its place among them.
    lines: u64,
    pub(super) bans: Vec<Decided>,
    /// What aggregation would have banned, also where no rule asks for it.
    pub(super) aggregated: Vec<Decided>,
    pub(super) users: NameCounts,
    pub(super) named: u64,
    pub(super) stopped: u64,
    pub(super) outside: u64,
    /// The connections of each subject under the rule that is being read, outside of
    /// the period.
    connections_outside: HashMap<Subject, Connections>,
    pub(super) future: (u64, Option<Stamp>),
    pub(super) trials: Trials,
}

impl<'a> Fold<'a> {
    /// An audit that has read nothing.
    #[must_use]
    pub fn new(settings: AuditSettings, never: &'a AllowList) -> Self {
        Fold {
            trials: Trials::new(settings.variants.clone()),
            settings,
            never,
            addresses: Addresses::default(),
            rules: Vec::new(),
            seen: Vec::new(),
            networks: NetworkFolds::default(),
            lines: 0,
            bans: Vec::new(),
            aggregated: Vec::new(),
            users: NameCounts::default(),
            named: 0,
            stopped: 0,
            outside: 0,
            connections_outside: HashMap::new(),
            future: (0, None),
        }
    }

    /// The second from which on failures count; from the beginning if none.
    #[must_use]
    pub fn since(&self) -> Option<i64> {
        self.settings.period.since
    }

    /// Begins a rule. `logins_from` is the number of its first pattern that is a login,
    /// if its logs have logins.
    pub fn begin_rule(&mut self, rule: &Rule, logins_from: Option<u16>) {
        self.rules.push(RuleFold {
            name: rule.name.clone(),
            thresholds: rule.thresholds.clone(),
            aggregate: rule.aggregation(),
            bans_before: self.bans.len(),
            logins_from,
            histogram: Histogram::new(),
            counts: Vec::new(),
            failures: 0,
            logins: 0,
        });
        self.seen.clear();
        self.networks = NetworkFolds::default();
        self.lines = 0;
        self.connections_outside.clear();
    }

    /// Takes the next failure of the rule that was begun last, with the user
    /// it names.
    pub fn on_failure(&mut self, failure: &Failure, user: Option<&[u8]>) -> Was {
        let at = failure.at;
        let place = self.rules.len() - 1;
        let Some(rule) = self.rules.last_mut() else {
            return Was::Outside;
        };
        let (never, prefixes) = (self.never, rule.thresholds.prefixes);
        if !self.settings.period.has(at.secs) {
            let outside = &mut self.connections_outside;
            let is_formed = |network| outside.contains_key(&network) || !never.covers(network);
            let subject = prefixes.counted_as(failure.address, is_formed);
            let connections = outside.entry(subject);
            let counts = connections
                .or_default()
                .count_line(failure, LinePlace::nth(0));
            self.outside += u64::from(counts.new);
            return Was::Outside;
        }
        let address = failure.address;
        let Some(number) = number(&mut self.addresses, address, || {
            never.covers(address.into())
        }) else {
            return Was::Outside;
        };
        if rule.logins_from.is_some_and(|from| failure.pattern >= from) {
            let row = &mut self.addresses.rows_mut()[number];
            row.logins = row.logins.saturating_add(1);
            rule.logins += 1;
            rule.histogram.add(at.secs, 0, 0);
            return Was::Login;
        }
        let seen = seen(&mut self.seen, self.addresses.rows(), number);
        if seen.counted == CountedAs::Unknown {
            seen.counted = self.networks.counted_as(address, prefixes, never);
        }
        let line = LinePlace::nth(self.lines);
        let fold = self.networks.fold(seen.counted, &mut seen.own);
        let counts = fold.connections.count_line(failure, line);
        if counts.is_nothing() {
            return Was::Failures(0);
        }
        self.lines += 1;
        let count = u64::from(counts.new);
        rule.failures += count;
        if at.secs > self.settings.now + FUTURE {
            self.future = (self.future.0 + count, self.future.1.max(Some(at)));
        }
        if let Some(user) = user.filter(|_| count > 0) {
            self.users.add(user, count);
            self.named += count;
        }
        self.trials.keep(number, failure, counts);
        let banned = self.see(place, number, failure, line, counts);
        self.rules[place]
            .histogram
            .add(at.secs, count, u64::from(banned));
        Was::Failures(counts.new)
    }

    /// Counts a failure and decides as a run does. Whether it leads to a ban.
    fn see(
        &mut self,
        rule: usize,
        number: usize,
        failure: &Failure,
        place: LinePlace,
        counts: Counts,
    ) -> bool {
        let at = failure.at;
        let seen = &mut self.seen[number];
        seen.failures += u64::from(counts.new);
        seen.first = seen.first.min(at);
        seen.last = seen.last.max(at);
        if seen.is_allowed {
            return false;
        }
        let state = &mut self.networks.fold(seen.counted, &mut seen.own).state;
        if !state.counts(at.secs) {
            self.stopped += u64::from(counts.new);
            return false;
        }
        let keep = |failures: &mut Vec<TrialFailure>, counted, count| {
            failures.push(TrialFailure {
                counted,
                count,
                place,
            });
        };
        let thresholds = &self.rules[rule].thresholds;
        let Some(filled) = state.on_failure(thresholds, at, failure.instant, counts, keep) else {
            return false;
        };
        let subject = self.networks.subject(seen.counted, failure.address);
        if subject.is_address() {
            self.addresses.rows_mut()[number].banned = true;
        }
        self.bans.push(Decided {
            subject,
            filled_by: failure.address.into(),
            rule,
            at,
            failures: filled.failures,
            aggregates: 0,
            count: filled.count,
            instant: failure.instant,
            ends: filled.ends,
            place: None,
        });
        true
    }

    /// Ends the rule that was begun last.
    pub fn end_rule(&mut self) {
        if let Some(rule) = self.rules.last_mut() {
            let own = rule.thresholds.clone();
            let seen = std::mem::take(&mut self.seen);
            for (row, seen) in self.addresses.rows_mut().iter_mut().zip(&seen) {
                row.first = row.first.min(seen.first);
                row.last = row.last.max(seen.last);
            }
            rule.counts = seen.into_iter().map(|seen| seen.failures).collect();
            let rows = self.addresses.rows();
            self.trials.end_rule(&own, rows, self.never);
            self.aggregate();
        }
    }

    /// Adds what aggregation makes of the bans of the rule that was begun last: to the
    /// bans only if the rule asks for it.
    fn aggregate(&mut self) {
        let place = self.rules.len() - 1;
        let Some(rule) = self.rules.last_mut() else {
            return;
        };
        let aggregate = rule.aggregate.unwrap_or_default();
        let mut aggregator = Aggregator::new(aggregate, &rule.thresholds, self.never);
        for ban in self.bans.split_off(rule.bans_before) {
            self.bans.push(ban);
            let Some(decision) = aggregator.on_ban(ban.subject, ban.at) else {
                continue;
            };
            let of_network = Decided {
                subject: decision.network,
                filled_by: ban.subject,
                rule: place,
                at: decision.at,
                failures: 0,
                aggregates: decision.subjects,
                count: decision.count,
                instant: false,
                ends: decision.ends,
                place: None,
            };
            self.aggregated.push(of_network);
            if rule.aggregate.is_some() {
                rule.histogram.add(decision.at.secs, 0, 1);
                self.bans.push(of_network);
            }
        }
    }
}
