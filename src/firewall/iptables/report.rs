//! What came of both families -> sentences. Pure but for one look at the host's
//! addresses.

use std::collections::BTreeSet;

use super::apply::{AppliedFamily, FamilyResult};
use super::error::FirewallError;
use super::ruleset::RulesetPlan;
use crate::firewall::ReconcileOutcome;
use crate::firewall::store_id;
use crate::model::{Family, Problem, Subject, plural};
use crate::system;

/// Changes, warnings and problems; a cause of both families is said once.
pub(super) fn outcome(families: &[AppliedFamily]) -> ReconcileOutcome {
    let mut outcome = ReconcileOutcome::default();
    let mut said: Vec<&FirewallError> = Vec::new();
    for family in families {
        match &family.result {
            FamilyResult::None => {}
            FamilyResult::Done { changed, plan, .. } => {
                outcome.changed |= changed;
                outcome.commits += u32::from(*changed);
                let of_family = |warning| format!("firewall ({}): {warning}", family.family);
                outcome.warnings.extend(plan.warnings.iter().map(of_family));
            }
            FamilyResult::Failed { error, .. } => {
                if !said.iter().any(|before| error.same_cause(before)) {
                    let message = format!("firewall ({}): {error}", family.family);
                    outcome.problems.push(Problem::new(message));
                }
                said.push(error);
            }
        }
    }
    outcome
}

/// Our chain was another store's: one sentence for each such store.
pub(super) fn taken_over(families: &[AppliedFamily], chain: &str, store: &str) -> Vec<Problem> {
    let plans = families.iter().filter_map(AppliedFamily::plan);
    let others: BTreeSet<&String> = plans
        .filter_map(|(_, plan)| plan.taken_from.as_ref())
        .collect();
    let place = format!("chain {chain}");
    let others = others.into_iter();
    others
        .map(|other| store_id::taken_over(&place, other, store))
        .collect()
}

/// The hooks that do not exist. A hook that is in IPv4 and not in IPv6 is that of a
/// Docker without IPv6: nothing passes there, so nothing is said.
pub(super) fn missing_hooks(families: &[AppliedFamily]) -> Vec<String> {
    let plans: Vec<(Family, &RulesetPlan)> =
        families.iter().filter_map(AppliedFamily::plan).collect();
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

/// IPv6 bans that are not applied although the host can be reached by IPv6.
pub(super) fn idle_v6(families: &[AppliedFamily], wanted: &BTreeSet<Subject>) -> Option<String> {
    let none = |family: &AppliedFamily| {
        family.family == Family::V6 && matches!(family.result, FamilyResult::None)
    };
    let bans = wanted
        .iter()
        .filter(|address| address.family() == Family::V6)
        .count();
    (bans > 0 && families.iter().any(none) && system::has_ipv6_address()).then(|| {
        format!(
            "firewall (IPv6): {} kept but not applied: this host has IPv6 addresses and \
             its kernel no ip6tables (`modprobe ip6table_filter` may help)",
            plural(bans, "ban is", "bans are")
        )
    })
}

impl AppliedFamily {
    fn plan(&self) -> Option<(Family, &RulesetPlan)> {
        match &self.result {
            FamilyResult::Done { plan, .. } => Some((self.family, plan)),
            _ => None,
        }
    }
}
