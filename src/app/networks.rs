//! The bans that a run has decided → bans of networks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::Config;
use crate::judge::{Aggregator, AllowList, NetworkDecision, NetworkState};
use crate::model::{Aggregate, Ban, Evidence, Origin, Rule, Subject};
use crate::store::{Commit, NetworkPasts, Store, StoreError};

/// The bans that count from now on, by rule.
#[derive(Debug, Default)]
pub(super) struct ChangedCandidates(Vec<OfRule>);

/// Those of one rule.
#[derive(Debug)]
struct OfRule {
    rule: Arc<str>,
    /// The subjects, and the second of the last ban of each; none if it counts no more.
    changed: BTreeMap<Subject, Option<i64>>,
    /// What was before this second counts no more.
    earliest: i64,
}

impl ChangedCandidates {
    pub(super) fn write(&self, commit: &Commit<'_>) -> Result<(), StoreError> {
        for of_rule in &self.0 {
            for (subject, at) in &of_rule.changed {
                commit.set_candidate(&of_rule.rule, *subject, *at)?;
            }
            commit.forget_candidates(&of_rule.rule, of_rule.earliest)?;
        }
        Ok(())
    }
}

/// Follows the networks of one rule in a run.
struct RuleNetworks<'a> {
    aggregate: Aggregate,
    aggregator: Aggregator<'a>,
    /// What the store knows of them.
    past: NetworkPasts,
    /// The newest stamp of a ban.
    newest: i64,
}

impl<'a> RuleNetworks<'a> {
    fn new(
        rule: &'a Rule,
        allow_list: &'a AllowList,
        store: Option<&Store>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(aggregate) = rule.aggregation() else {
            return Ok(None);
        };
        let past = store.map(|store| store.network_pasts(&rule.name));
        Ok(Some(RuleNetworks {
            aggregate,
            aggregator: Aggregator::new(aggregate, &rule.thresholds, allow_list),
            past: past.transpose()?.unwrap_or_default(),
            newest: i64::MIN,
        }))
    }

    /// Takes the next ban by the rule; the ban of the network that it fills.
    fn on_ban(&mut self, ban: &Ban) -> Option<Ban> {
        self.newest = self.newest.max(ban.at.secs);
        let network = self.aggregator.network(ban.subject)?;
        if !self.aggregator.knows(network) {
            let bans = self.past.bans.get(&network).map_or(&[][..], Vec::as_slice);
            let state = NetworkState::of(
                bans.iter().map(|ban| ban.ends).max(),
                within(&self.past.candidates, network).collect(),
                bans.iter().map(|ban| ban.at).collect(),
            );
            self.aggregator.introduce(network, state);
        }
        let decision = self.aggregator.on_ban(ban.subject, ban.at)?;
        Some(ban_of(ban, decision, self.aggregate.within))
    }

    /// What is to be stored.
    fn into_changed(self, rule: Arc<str>) -> OfRule {
        let mut changed = BTreeMap::new();
        for (network, candidates) in self.aggregator.into_changed() {
            let before = within(&self.past.candidates, network);
            let gone = before.filter(|(subject, _)| !candidates.contains_key(subject));
            changed.extend(gone.map(|(subject, _)| (subject, None)));
            let is_new =
                |(subject, at): &(&Subject, &i64)| self.past.candidates.get(*subject) != Some(*at);
            let new = candidates.iter().filter(is_new);
            changed.extend(new.map(|(subject, at)| (*subject, Some(*at))));
        }
        OfRule {
            rule,
            changed,
            earliest: self.newest.saturating_sub(self.aggregate.within.into()),
        }
    }
}

/// Those of the candidates that a network holds.
fn within(
    candidates: &BTreeMap<Subject, i64>,
    network: Subject,
) -> impl Iterator<Item = (Subject, i64)> {
    let within = candidates.range(network..=Subject::from(network.last()));
    within.map(|(subject, at)| (*subject, *at))
}

/// Adds the bans of networks to the bans that were decided, each behind the ban that filled
/// it. Without a `store` nothing is known of earlier bans.
pub(super) fn aggregate(
    config: &Config,
    allow_list: &AllowList,
    store: Option<&Store>,
    bans: &mut Vec<(Ban, Evidence)>,
) -> Result<ChangedCandidates, StoreError> {
    let of_rules = config.rules.iter().map(|rule| rule.aggregate);
    if of_rules.chain([config.aggregate]).all(|one| one.is_none()) {
        return Ok(ChangedCandidates::default());
    }
    let mut rules: HashMap<Arc<str>, Option<Rule>> = HashMap::new();
    for name in bans.iter().filter_map(|(ban, _)| deciding_rule(ban)) {
        if !rules.contains_key(name) {
            rules.insert(name.clone(), config.rule_named(name));
        }
    }
    let mut networks: HashMap<Arc<str>, RuleNetworks<'_>> = HashMap::new();
    for (name, rule) in &rules {
        if let Some(rule) = rule
            && let Some(of_rule) = RuleNetworks::new(rule, allow_list, store)?
        {
            networks.insert(name.clone(), of_rule);
        }
    }
    if networks.is_empty() {
        return Ok(ChangedCandidates::default());
    }
    let mut all = Vec::with_capacity(bans.len());
    for (ban, evidence) in std::mem::take(bans) {
        let of_rule = deciding_rule(&ban).and_then(|name| networks.get_mut(name));
        let of_network = of_rule.and_then(|networks| networks.on_ban(&ban));
        all.push((ban, evidence));
        all.extend(of_network.map(|ban| (ban, Evidence::default())));
    }
    *bans = all;
    let changed = networks.into_iter();
    let changed = changed.map(|(name, networks)| networks.into_changed(name));
    Ok(ChangedCandidates(changed.collect()))
}

/// The rule that has decided a ban from its logs.
fn deciding_rule(ban: &Ban) -> Option<&Arc<str>> {
    let is_decided = ban.origin == Origin::Log && ban.aggregates == 0;
    ban.rule.as_ref().filter(|_| is_decided)
}

/// The ban of a network; `last` is the ban that filled it.
fn ban_of(last: &Ban, decision: NetworkDecision, within: u32) -> Ban {
    let NetworkDecision {
        network,
        at,
        subjects,
        count,
        ends,
    } = decision;
    let rule = last.rule.as_deref().unwrap_or_default();
    let reason = Ban::aggregation_reason(network, subjects, last.subject, within, rule);
    Ban {
        subject: network,
        at,
        ends,
        failures: 0,
        instant: false,
        reason: Some(reason.into()),
        country: None,
        count: Some(count),
        aggregates: subjects,
        ..last.clone()
    }
}
