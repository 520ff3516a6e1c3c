//! The result of an audit, the worst first.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{Address, Aggregate, Country, Family, Stamp, Subject, SubjectSet, Variant};

use super::addresses::Row;
use super::fold::{Decided, Fold, RuleFold};
use super::names::FailedUser;
use super::timeline::{Buckets, Gap, Timeline, Week, timeline};
use super::trials::Tried;

/// A country that addresses are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountryTotals {
    /// The country; none if it is not known.
    pub country: Option<Country>,
    /// What came from there.
    pub totals: Totals,
}

/// Sums over several addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many addresses failed.
    pub addresses: u64,
    /// How many failures.
    pub failures: u64,
    /// How many of the addresses would have been banned.
    pub banned: u64,
}

impl Totals {
    pub(super) fn add(&mut self, seen: &FailedAddress) {
        self.addresses += 1;
        self.failures += seen.failures;
        self.banned += u64::from(seen.banned);
    }
}

/// An address that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAddress {
    /// The address.
    pub address: Address,
    /// How often.
    pub failures: u64,
    /// The earliest stamp of its failures.
    pub first: Stamp,
    /// The latest.
    pub last: Stamp,
    /// How often it logged in.
    pub logins: u32,
    /// Whether it is never banned.
    pub never: bool,
    /// Whether it, or a network that holds it, would have been banned.
    pub banned: bool,
    /// Its country, as a place in [`Findings::places`]; none before countries were
    /// looked up.
    pub place: Option<u32>,
    /// Its number in the counts of the rules.
    number: u32,
}

/// A rule that was read.
#[derive(Debug, Clone)]
pub struct RuleSeen {
    /// Its name.
    pub name: Arc<str>,
    /// How many failures.
    pub failures: u64,
    /// From how many addresses.
    pub addresses: u64,
    /// How many bans.
    pub bans: u64,
    /// When bans within a network become a ban of the network: as the rule says, else by
    /// default.
    pub aggregate: Aggregate,
    /// Whether the rule asks for that.
    pub is_aggregating: bool,
    /// How many logins went well; none if its logs do not tell.
    pub logins: Option<u64>,
    /// The longest gaps without a line that counts, the longest first.
    pub gaps: Vec<Gap>,
    /// Failures, by the number of an address.
    counts: Vec<u64>,
}

impl RuleSeen {
    /// How many failures of `seen` this rule has.
    #[must_use]
    pub fn failures_of(&self, seen: &FailedAddress) -> u64 {
        self.counts
            .get(seen.number as usize)
            .copied()
            .unwrap_or_default()
    }
}

/// A /24 or a /48 from which several addresses failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The network.
    pub network: Subject,
    /// What came from there.
    pub totals: Totals,
}

/// Failures that are stamped later than now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Future {
    /// How many.
    pub failures: u64,
    /// The latest.
    pub newest: Stamp,
}

/// What other thresholds would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRow {
    /// The thresholds. A field that is none is as the rules have it.
    pub variant: Variant,
    /// How many addresses would have been banned, each by itself or in a network.
    pub banned: u64,
    /// How many bans there would have been.
    pub bans: u64,
    /// How many failures would have come while a ban of their rule ran.
    pub stopped: u64,
    /// How many of the banned addresses also logged in; none if no log has logins.
    pub logged_in: Option<u64>,
}

/// The result of an audit.
#[derive(Debug, Clone)]
pub struct Findings {
    /// How many failures within the period.
    pub failures: u64,
    /// How many failures and logins outside of it.
    pub outside: u64,
    /// How many failures would have come while a ban of their rule ran.
    pub stopped: u64,
    /// The addresses that failed, the worst first.
    pub addresses: Vec<FailedAddress>,
    /// The rules, in the order in which they were read.
    pub rules: Vec<RuleSeen>,
    /// The bans, in the order in which they were decided, rule by rule; a ban by
    /// aggregation stands behind the one that filled it.
    pub bans: Vec<Decided>,
    /// The bans by aggregation, also those of rules that do not ask for it, which are not
    /// among the bans.
    pub aggregated: Vec<Decided>,
    /// The countries, the worst first; empty before countries were looked up.
    pub places: Vec<CountryTotals>,
    /// Networks with more than one address that failed, the worst first.
    pub networks: Vec<Network>,
    /// The user names, the most often tried first.
    pub users: Vec<FailedUser>,
    /// How many failures name a user.
    pub named: u64,
    /// Whether the counts of names are exact.
    pub users_exact: bool,
    /// Failures and bans over time.
    pub timeline: Timeline,
    /// Failures by hour of the week; none if the logs span too much to tell.
    pub week: Option<Week>,
    /// Failures that are stamped later than now.
    pub future: Option<Future>,
    /// How many of the addresses that would have been banned also logged in; none if no
    /// log has logins.
    pub logged_in: Option<u64>,
    /// What other thresholds would have done.
    pub trials: Vec<TrialRow>,
}

impl Fold<'_> {
    /// Ends the audit; its result. `zone` says how many seconds east of Greenwich local
    /// clocks are at a moment.
    #[must_use]
    pub fn finish(self, zone: impl Fn(i64) -> i32) -> Findings {
        let tells = self.rules.iter().any(RuleFold::tells_logins);
        let mut rows = self.addresses.into_rows();
        let held = held_by(&rows, self.bans.iter().map(|ban| ban.subject));
        for (row, held) in rows.iter_mut().zip(held) {
            row.banned |= held;
        }
        let logged_in = |banned: &dyn Fn(usize) -> bool| {
            tells.then(|| count(&rows, |number, row| row.logins > 0 && banned(number)))
        };
        let failed = |number: usize| {
            let mut rules = self.rules.iter();
            rules.any(|rule| rule.counts.get(number).is_some_and(|count| *count > 0))
        };
        let trials = (self.trials.tried.iter())
            .map(|tried| trial(tried, &rows, &failed, &logged_in))
            .collect();
        let in_all = logged_in(&|number| rows[number].banned);
        let (rules, buckets) = parted(self.rules, &self.bans);
        let mut week = Week::default();
        let mut known = true;
        for buckets in &buckets {
            known &= buckets.add_to_week(&mut week, &zone);
        }
        let first = buckets.iter().filter_map(Buckets::span).map(|span| span.0);
        let east = first.min().map_or(0, |first| i64::from(zone(first)));
        let addresses = ranked(&rows, &rules);
        let (users, users_exact) = self.users.into_ranking();
        let (future, newest) = self.future;
        Findings {
            failures: rules.iter().map(|rule| rule.failures).sum(),
            outside: self.outside,
            stopped: self.stopped,
            networks: networks(&addresses),
            bans: self.bans,
            aggregated: self.aggregated,
            addresses,
            rules,
            places: Vec::new(),
            users,
            named: self.named,
            users_exact,
            timeline: timeline(&buckets, east),
            week: known.then_some(week),
            future: newest.map(|newest| Future {
                failures: future,
                newest,
            }),
            logged_in: in_all,
            trials,
        }
    }
}

/// The rules, and when their failures were.
fn parted(rules: Vec<RuleFold>, bans: &[Decided]) -> (Vec<RuleSeen>, Vec<Buckets>) {
    let part = |(place, rule): (usize, RuleFold)| {
        let logins = rule.tells_logins().then_some(rule.logins);
        let buckets = Buckets::from(rule.histogram);
        let seen = RuleSeen {
            logins,
            name: rule.name,
            failures: rule.failures,
            addresses: rule.counts.iter().filter(|count| **count > 0).count() as u64,
            bans: bans.iter().filter(|ban| ban.rule == place).count() as u64,
            aggregate: rule.aggregate.unwrap_or_default(),
            is_aggregating: rule.aggregate.is_some(),
            gaps: buckets.gaps(),
            counts: rule.counts,
        };
        (seen, buckets)
    };
    rules.into_iter().enumerate().map(part).unzip()
}

fn count(rows: &[Row], counts: impl Fn(usize, &Row) -> bool) -> u64 {
    rows.iter()
        .enumerate()
        .filter(|(number, row)| counts(*number, row))
        .count() as u64
}

/// By the number of an address, whether one of the networks among `banned` holds it: also
/// of those that only logged in, from which nobody could any more. Nothing if there are no
/// networks.
fn held_by(rows: &[Row], banned: impl Iterator<Item = Subject>) -> Vec<bool> {
    let networks: SubjectSet = banned.filter(|subject| !subject.is_address()).collect();
    if networks.is_empty() {
        return Vec::new();
    }
    let held = |row: &Row| networks.holder(row.address).is_some();
    rows.iter().map(held).collect()
}

fn trial(
    tried: &Tried,
    rows: &[Row],
    failed: &impl Fn(usize) -> bool,
    logged_in: &impl Fn(&dyn Fn(usize) -> bool) -> Option<u64>,
) -> TrialRow {
    let held = held_by(rows, tried.networks.iter().copied());
    let has = |all: &[bool], number: usize| all.get(number).copied().unwrap_or_default();
    let banned = |number| has(&tried.banned, number) || has(&held, number);
    TrialRow {
        variant: tried.variant.clone(),
        banned: count(rows, |number, _| banned(number) && failed(number)),
        bans: tried.bans,
        stopped: tried.stopped,
        logged_in: logged_in(&banned),
    }
}

/// The addresses that failed, the worst first.
fn ranked(rows: &[Row], rules: &[RuleSeen]) -> Vec<FailedAddress> {
    let failures = |number: usize| -> u64 {
        let of = |rule: &RuleSeen| rule.counts.get(number).copied().unwrap_or_default();
        rules.iter().map(of).sum()
    };
    let mut seen: Vec<FailedAddress> = (rows.iter().enumerate())
        .map(|(number, row)| FailedAddress {
            address: row.address,
            failures: failures(number),
            first: row.first,
            last: row.last,
            logins: row.logins,
            never: row.never,
            banned: row.banned,
            place: None,
            number: u32::try_from(number).unwrap_or(u32::MAX),
        })
        .filter(|seen| seen.failures > 0)
        .collect();
    seen.sort_unstable_by_key(|seen| (std::cmp::Reverse(seen.failures), seen.address));
    seen
}

/// The network that an address is shown in: as large as one customer usually has.
fn network_of(address: Address) -> Subject {
    let length = match address.family() {
        Family::V4 => 24,
        Family::V6 => 48,
    };
    Subject::network(address, length)
}

fn networks(seen: &[FailedAddress]) -> Vec<Network> {
    let mut order: Vec<(Address, u32)> =
        (0..).zip(seen).map(|(n, seen)| (seen.address, n)).collect();
    order.sort_unstable();
    let mut all: Vec<Network> = Vec::new();
    for group in order.chunk_by(|(a, _), (b, _)| network_of(*a) == network_of(*b)) {
        let mut totals = Totals::default();
        for (_, place) in group {
            totals.add(&seen[*place as usize]);
        }
        if totals.addresses > 1 {
            all.push(Network {
                network: network_of(group[0].0),
                totals,
            });
        }
    }
    all.sort_by_key(|network| std::cmp::Reverse(network.totals.failures));
    all
}

impl Findings {
    /// How many addresses would have been banned.
    #[must_use]
    pub fn banned(&self) -> u64 {
        self.addresses.iter().filter(|seen| seen.banned).count() as u64
    }

    /// The networks that would have been banned.
    #[must_use]
    pub fn banned_networks(&self) -> BTreeSet<Subject> {
        let banned = self.bans.iter().map(|ban| ban.subject);
        banned.filter(|subject| !subject.is_address()).collect()
    }

    /// Whether there is anything to tell of aggregation: a rule asks for it, or it would
    /// have banned something.
    #[must_use]
    pub fn tells_of_aggregation(&self) -> bool {
        let is_aggregating = self.rules.iter().any(|rule| rule.is_aggregating);
        is_aggregating || !self.aggregated.is_empty()
    }

    /// The earliest and the latest stamp of all failures.
    #[must_use]
    pub fn span(&self) -> Option<(Stamp, Stamp)> {
        let first = self.addresses.iter().map(|seen| seen.first).min()?;
        let last = self.addresses.iter().map(|seen| seen.last).max()?;
        Some((first, last))
    }
}
