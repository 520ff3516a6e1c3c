//! The bans that a run has decided → bans of networks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::Config;
use crate::judge::{Aggregator, AllowList, NetworkDecision, NetworkState};
use crate::model::{Ban, Evidence, Origin, Rule, Subject, span_text};
use crate::store::{Commit, Store, StoreError};

/// The bans that count from now on, by rule.
#[derive(Debug, Default)]
pub(super) struct ChangedCandidates(Vec<OfRule>);

/// Those of one rule.
#[derive(Debug)]
struct OfRule {
    rule: Arc<str>,
    /// Of these networks: the subjects, and the second of the last ban of each.
    networks: Vec<(Subject, BTreeMap<Subject, i64>)>,
    /// What was before this second counts no more.
    earliest: i64,
}

impl ChangedCandidates {
    pub(super) fn write(&self, commit: &Commit<'_>) -> Result<(), StoreError> {
        for of_rule in &self.0 {
            for (network, candidates) in &of_rule.networks {
                commit.set_candidates(&of_rule.rule, *network, candidates)?;
            }
            commit.forget_candidates(&of_rule.rule, of_rule.earliest)?;
        }
        Ok(())
    }
}

/// Adds the bans of networks to the bans that were decided, each behind the ban that filled
/// it. Without a `store` nothing is known of earlier bans.
pub(super) fn aggregate(
    config: &Config,
    allow_list: &AllowList,
    store: Option<&Store>,
    bans: &mut Vec<(Ban, Evidence)>,
) -> Result<ChangedCandidates, StoreError> {
    let mut rules: HashMap<Arc<str>, Option<Rule>> = HashMap::new();
    let is_decided = |ban: &Ban| ban.origin == Origin::Log && ban.aggregates == 0;
    for (ban, _) in bans.iter().filter(|(ban, _)| is_decided(ban)) {
        if let Some(name) = ban
            .rule
            .as_ref()
            .filter(|name| !rules.contains_key(&***name))
        {
            let rule = config.rule_named(name);
            rules.insert(name.clone(), rule.filter(|rule| rule.aggregate.is_some()));
        }
    }
    if rules.values().all(Option::is_none) {
        return Ok(ChangedCandidates::default());
    }
    let mut aggregators: HashMap<Arc<str>, Aggregator<'_>> = HashMap::new();
    for rule in rules.values().flatten() {
        if let Some(aggregate) = rule.aggregate {
            let aggregator = Aggregator::new(aggregate, &rule.thresholds, allow_list);
            aggregators.insert(rule.name.clone(), aggregator);
        }
    }
    let mut newest: HashMap<Arc<str>, i64> = HashMap::new();
    let mut all = Vec::with_capacity(bans.len());
    for (ban, evidence) in std::mem::take(bans) {
        let name = ban.rule.clone().filter(|_| is_decided(&ban));
        let mut network_ban = None;
        if let Some(name) = name
            && let Some(aggregator) = aggregators.get_mut(&name)
        {
            let latest = newest.entry(name.clone()).or_insert(ban.at.secs);
            *latest = (*latest).max(ban.at.secs);
            if let Some(network) = aggregator.network(ban.subject)
                && !aggregator.knows(network)
            {
                aggregator.introduce(network, state(store, &name, network)?);
            }
            let decision = aggregator.on_ban(ban.subject, ban.at);
            let within = rules[&name].as_ref().and_then(|rule| rule.aggregate);
            network_ban = decision
                .zip(within)
                .map(|(decision, aggregate)| ban_of(&ban, decision, aggregate.within));
        }
        all.push((ban, evidence));
        all.extend(network_ban.map(|ban| (ban, Evidence::default())));
    }
    *bans = all;
    let changed = aggregators.into_iter().map(|(rule, aggregator)| OfRule {
        earliest: newest.get(&rule).map_or(i64::MIN, |newest| {
            let within = rules[&rule].as_ref().and_then(|rule| rule.aggregate);
            newest.saturating_sub(within.map_or(0, |aggregate| aggregate.within.into()))
        }),
        networks: aggregator.into_changed().collect(),
        rule,
    });
    Ok(ChangedCandidates(changed.collect()))
}

/// What the store knows of a network.
fn state(store: Option<&Store>, rule: &str, network: Subject) -> Result<NetworkState, StoreError> {
    let past = store.map(|store| store.network_past(rule, network));
    let past = past.transpose()?.unwrap_or_default();
    Ok(NetworkState::of(past.banned, past.candidates, past.bans))
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
    let what = if last.subject.is_address() {
        "addresses"
    } else {
        "networks"
    };
    let reason = format!(
        "IP: {network} has been blacklisted and the firewall rules have been updated. {subjects} {what} of {network} were banned within {} via {}.",
        span_text(within),
        crate::model::Escaped::text(rule)
    );
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
