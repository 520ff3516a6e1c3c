//! Makes both families hold the bans, or removes what was made.

use super::apply::{self, AppliedFamily, FamilyResult};
use super::error::FirewallError;
use super::leftover::remove_leftovers;
use super::listing::Listing;
use super::long::OurChains;
use super::ruleset::{self, Wanted};
use super::tables::FilterTables;
use super::{owner, report};
use crate::firewall::{CommittedBans, ReconcileOutcome};
use crate::model::{
    ChainLocation, Family, Firewall, InstalledChain, IptablesVariant, Problem, check_hook,
    check_own_chain,
};

/// What [`reconcile`] makes where `tables` was listed.
pub(super) fn to_make(tables: &FilterTables) -> Vec<InstalledChain> {
    let places = tables.listings().map(Listing::place);
    places
        .map(|place| InstalledChain::of(&tables.firewall, Some(place)))
        .collect()
}

/// Makes our chain right in both families, then removes what the other variant of
/// iptables made.
///
/// Without `compare` the whole chain is written, so the caller does it only when bans
/// have changed; the listing then only says which hooks are there.
pub(super) fn reconcile(tables: FilterTables, committed: &CommittedBans) -> ReconcileOutcome {
    let CommittedBans { store, bans, made } = committed;
    let firewall = &tables.firewall.clone();
    if let Err(error) = check_words(firewall, store) {
        return ReconcileOutcome {
            problems: vec![Problem::new(error.to_string())],
            installed: made.clone(),
            ..ReconcileOutcome::default()
        };
    }
    let ours = to_make(&tables);
    let target = Wanted::of(firewall, store, bans);
    let plan = |listing: &Listing| ruleset::plan(&target, made, listing);
    let families = apply::both(tables, plan);
    let mut outcome = report::outcome(&families);
    outcome.v4 = families[0].blocked(firewall, bans);
    outcome.v6 = families[1].blocked(firewall, bans);
    outcome.warnings.extend(report::missing_hooks(&families));
    outcome.warnings.extend(report::idle_v6(&families, bans));
    outcome.taken_over = report::taken_over(&families, &firewall.chain, store);
    outcome.installed = kept(&families, made);
    for family in &families {
        if let FamilyResult::Done { variant, .. } = family.result {
            let other = [(family.family, variant.other())];
            remove_leftovers(firewall, Some(store), made, &other, &mut outcome);
        }
    }
    outcome.installed.extend(ours);
    outcome.installed.sort();
    outcome.installed.dedup();
    outcome
}

/// Takes `made` out of the firewall: jumps, rules, chains; nothing else is touched.
/// Where the host has no iptables, another program that can removes it.
pub(super) fn remove(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
) -> ReconcileOutcome {
    let plan = |listing: &Listing| ruleset::removal(made, store, listing);
    let families = apply::both(FilterTables::list(firewall, OurChains::Listed), plan);
    let missing = |family: &AppliedFamily| match &family.result {
        FamilyResult::Failed { error, .. } => matches!(error, FirewallError::Missing { .. }),
        _ => false,
    };
    let (without_program, families): (Vec<_>, Vec<_>) = families.into_iter().partition(missing);
    let mut outcome = report::outcome(&families);
    outcome.installed = kept(&families, made);
    let mut tables = Vec::new();
    for AppliedFamily { family, .. } in &without_program {
        tables.extend([IptablesVariant::Nft, IptablesVariant::Legacy].map(|of| (*family, of)));
    }
    for family in &families {
        if let FamilyResult::Done { variant, .. } = family.result {
            tables.push((family.family, variant.other()));
        }
    }
    remove_leftovers(firewall, store, made, &tables, &mut outcome);
    outcome.installed.sort();
    outcome.installed.dedup();
    if outcome.changed {
        let stays = |chain: &str| outcome.installed.iter().any(|made| made.chain == chain);
        let gone = made.iter().filter(|made| !stays(&made.chain));
        let gone = gone.map(|made| format!("chain {}", made.chain));
        outcome.removed = gone.collect();
    }
    outcome
}

/// The families in which [`reconcile`] would write something: the chain is gone, or it
/// or its hooks are not right. Nothing is written.
pub(super) fn needs_change(tables: &FilterTables, committed: &CommittedBans) -> Vec<Family> {
    let CommittedBans { store, bans, made } = committed;
    let target = Wanted {
        whole: false,
        ..Wanted::of(&tables.firewall, store, bans)
    };
    let differs = |listing: &&Listing| ruleset::plan(&target, made, listing).text.is_some();
    let listings = tables.listings().filter(differs);
    listings.map(|listing| listing.family).collect()
}

/// What of `made` may still be in the tables that could not be changed.
fn kept(families: &[AppliedFamily], made: &[InstalledChain]) -> Vec<InstalledChain> {
    let failed = |of: Option<Family>| {
        let mut families = families
            .iter()
            .filter(|family| of.is_none_or(|of| family.family == of));
        families.any(|family| matches!(family.result, FamilyResult::Failed { .. }))
    };
    let stays = |made: &&InstalledChain| failed(made.place.and_then(ChainLocation::family));
    made.iter().filter(stays).cloned().collect()
}

/// A rule set holds these words as they are, so each of them is checked once more.
fn check_words(firewall: &Firewall, store: &str) -> Result<(), FirewallError> {
    let bad = |name: &str| {
        let name = name.to_owned();
        |why| FirewallError::BadName { name, why }
    };
    let Firewall { chain, hooks, .. } = firewall;
    check_own_chain(chain).map_err(bad(chain))?;
    for hook in hooks {
        check_hook(hook, chain).map_err(bad(hook))?;
    }
    if owner::is_id(store) {
        Ok(())
    } else {
        Err(FirewallError::BadId(store.to_owned()))
    }
}
