//! What came of both families -> sentences.

use std::collections::BTreeSet;

use crate::firewall::ReconcileOutcome;
use crate::firewall::apply::{Fate, Side};
use crate::firewall::error::FirewallError;
use crate::firewall::iptables::Iptables;
use crate::firewall::ruleset::{RulesetPlan, count};
use crate::model::{Address, Family, Problem};

/// Changes, warnings and problems; a cause that both families share is said once.
pub(super) fn outcome(sides: &[Side]) -> ReconcileOutcome {
    let mut outcome = ReconcileOutcome::default();
    let mut said: Vec<&FirewallError> = Vec::new();
    for side in sides {
        match &side.fate {
            Fate::None => {}
            Fate::Done { changed, plan, .. } => {
                outcome.changed |= changed;
                outcome.commits += u32::from(*changed);
                let of_family = |warning| format!("firewall ({}): {warning}", side.family);
                outcome.warnings.extend(plan.warnings.iter().map(of_family));
            }
            Fate::Failed { error, .. } => {
                if !said.iter().any(|before| error.same_cause(before)) {
                    let message = format!("firewall ({}): {error}", side.family);
                    outcome.problems.push(Problem::new(message));
                }
                said.push(error);
            }
        }
    }
    outcome
}

/// Our chain was another store's: one sentence for each such store.
pub(super) fn taken_over(sides: &[Side], chain: &str, store: &str) -> Vec<Problem> {
    let plans = sides.iter().filter_map(Side::plan);
    let others: BTreeSet<&String> = plans
        .filter_map(|(_, plan)| plan.taken_from.as_ref())
        .collect();
    let sentence = |other| {
        format!(
            "firewall: chain {chain} carried the id of another store, {other}; it now holds the bans \
             of this one, {store}. If that store is in use, each of the two takes the other's bans \
             out of the firewall: give one of them another settings.firewall.chain"
        )
    };
    others
        .into_iter()
        .map(|other| Problem::new(sentence(other)))
        .collect()
}

/// A hook that is in IPv4 and not in IPv6 is Docker's without IPv6: nothing
/// passes there, so nothing is said.
pub(super) fn missing_hooks(sides: &[Side]) -> Vec<String> {
    let plans: Vec<(Family, &RulesetPlan)> = sides.iter().filter_map(Side::plan).collect();
    let lacks = |family, hook: &String| {
        plans
            .iter()
            .any(|(other, plan)| *other == family && plan.missing_hooks.contains(hook))
    };
    let has_v4 = plans.iter().any(|(family, _)| *family == Family::V4);
    let missing: BTreeSet<&String> = plans
        .iter()
        .flat_map(|(_, plan)| &plan.missing_hooks)
        .filter(|hook| !has_v4 || lacks(Family::V4, hook))
        .collect();
    missing
        .into_iter()
        .map(|hook| {
            format!(
                "firewall: the chain {hook} of settings.firewall.hooks does not exist, so it is \
                 not hooked (Docker makes DOCKER-USER when it starts); the next run looks again"
            )
        })
        .collect()
}

/// IPv6 bans that nothing applies on a host that is reached by IPv6.
pub(super) fn idle_v6(sides: &[Side], wanted: &BTreeSet<Address>) -> Option<String> {
    let none = |side: &Side| side.family == Family::V6 && matches!(side.fate, Fate::None);
    let bans = wanted
        .iter()
        .filter(|address| address.family() == Family::V6)
        .count();
    (bans > 0 && sides.iter().any(none) && Iptables::host_has_ipv6()).then(|| {
        format!(
            "firewall (IPv6): {} kept but not applied: this host has IPv6 addresses and \
             its kernel no ip6tables (`modprobe ip6table_filter` may help)",
            if bans == 1 {
                "1 ban is".to_owned()
            } else {
                format!("{} are", count(bans, "ban"))
            }
        )
    })
}

impl Side {
    fn plan(&self) -> Option<(Family, &RulesetPlan)> {
        match &self.fate {
            Fate::Done { plan, .. } => Some((self.family, plan)),
            _ => None,
        }
    }
}
