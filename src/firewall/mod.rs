//! Bans -> the kernel's filter table, and the snapshot that shows them.
//!
//! | file | does |
//! |---|---|
//! | `listing` | what iptables-save prints -> chains and rules (pure) |
//! | `rule` | one rule: is it a ban, is it a hook? (pure) |
//! | `ruleset` | what should be + what is -> restore text (pure) |
//! | `owner` | whose chain it is: the store's id in it (pure) |
//! | `obstacles` | what makes a ban or its lifting idle, for `check` (pure) |
//! | `apply`, `report` | brings both families; what came of it, in sentences |
//! | `iptables`, `child` | finds and runs the programs |
//! | `leftover`, `nft` | takes away what the other variant of iptables made |
//! | `mark`, `nftables` | whether anybody has changed anything since, without listing it |
//! | `error` | what went wrong, from what they say |
//! | `snapshot` | `blacklist.v4`, `blacklist.v6`: render, parse, compare (pure) |
//! | `snapshot_file` | reads and replaces those files |
//!
//! The entry is [`look`], once a run, and [`bring`], which writes at most once
//! a family. The chain is made by the first `bring`, also for no bans at all: so
//! that what `check` shows is true before the first attack, and the first ban
//! is a line and not a new hook.

mod apply;
mod child;
mod error;
mod fingerprint;
mod iptables;
mod leftover;
pub mod listing;
mod nft;
mod nftables;
pub mod obstacles;
pub mod owner;
mod report;
mod rule;
pub mod ruleset;
pub mod snapshot;
pub mod snapshot_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use error::FirewallError;
pub use fingerprint::RulesetFingerprint;
pub use leftover::leftovers;
pub use listing::Listing;
pub use rule::ListedRule;

use crate::model::{
    Address, Backend, ChainLocation, Family, Firewall, InstalledChain, IptablesVariant, Problem,
};
use apply::{Fate, Side};
use iptables::Iptables;
use leftover::take_away;
use ruleset::Wanted;

/// One family's filter table; none if the host has no such family.
pub type FamilyListing = Result<Option<Listing>, FirewallError>;

/// What the firewall holds now.
#[derive(Debug)]
pub struct FirewallListing {
    /// iptables.
    pub v4: FamilyListing,
    /// ip6tables.
    pub v6: FamilyListing,
}

impl FirewallListing {
    /// Whether our chain is known to be gone from a family: rebooted, or
    /// removed by somebody. Then the firewall comes before the reading.
    #[must_use]
    pub fn is_missing(&self, chain: &str) -> bool {
        self.listings().any(|seen| seen.chain(chain).is_none())
    }

    /// The families that could be read.
    pub fn listings(&self) -> impl Iterator<Item = &Listing> {
        [&self.v4, &self.v6]
            .into_iter()
            .filter_map(|seen| seen.as_ref().ok()?.as_ref())
    }

    /// What [`bring`] makes there by this configuration, for the store to remember
    /// before it is made.
    #[must_use]
    pub fn to_make(&self, firewall: &Firewall) -> Vec<InstalledChain> {
        let places = self.listings().map(Listing::place);
        places
            .map(|place| InstalledChain::of(firewall, Some(place)))
            .collect()
    }
}

/// What [`bring`] or [`remove`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileOutcome {
    /// Whether anything was written.
    pub changed: bool,
    /// How many commits to the kernel's tables that took.
    pub commits: u32,
    /// How many IPv4 addresses our chain blocks now, as far as is known.
    pub v4: usize,
    /// How many IPv6 addresses our chain blocks now, as far as is known.
    pub v6: usize,
    /// What a person should know; the run is complete all the same.
    pub warnings: Vec<String>,
    /// What could not be done.
    pub problems: Vec<Problem>,
    /// What was done, and must be told as if it could not be: our chain was another
    /// store's.
    pub taken_over: Vec<Problem>,
    /// What the other variant of iptables made, and could not be taken away.
    pub leftovers: Vec<Problem>,
    /// What is ours in the firewall from now on, for the store to remember.
    pub installed: Vec<InstalledChain>,
}

/// Lists both families. Changes nothing.
#[must_use]
pub fn list(firewall: &Firewall) -> FirewallListing {
    let programs = firewall.programs.as_deref();
    let [v4, v6] = Family::BOTH.map(|family| match firewall.backend {
        Backend::Iptables => Iptables::new(family, programs).save(),
        Backend::None => Ok(None),
    });
    FirewallListing { v4, v6 }
}

/// The same, for what stands in other chains than ours: that one may be left out.
#[must_use]
pub fn list_other_variant(firewall: &Firewall) -> FirewallListing {
    let programs = firewall.programs.as_deref();
    let [v4, v6] = Family::BOTH.map(|family| match firewall.backend {
        Backend::Iptables => {
            let iptables = Iptables::new(family, programs);
            let beside = iptables.save_beside(&firewall.chain);
            beside.map_or_else(|| iptables.save(), |listing| Ok(Some(listing)))
        }
        Backend::None => Ok(None),
    });
    FirewallListing { v4, v6 }
}

/// Whether the host's iptables is the legacy variant, which needs more of the
/// service than the other.
///
/// # Errors
/// There is none, or it does not run.
pub fn is_legacy(firewall: &Firewall) -> Result<bool, FirewallError> {
    match firewall.backend {
        Backend::Iptables => Iptables::new(Family::V4, firewall.programs.as_deref()).is_legacy(),
        Backend::None => Ok(false),
    }
}

/// Makes our chain hold exactly the addresses `wanted`, with one jump from each
/// hook, and takes away what of `former` the configuration no longer names, and
/// what the variant of iptables that is no longer the host's made. `store` is the
/// id of the store whose bans they are.
///
/// `seen` is what this run has listed already; with none it lists now. Total:
/// whatever is found is repaired, and nothing is written where all is as it
/// should be. A family that fails does not keep the other from being brought.
///
/// Without `compare` the whole chain is written, so it is called only when bans
/// have changed; the listing then only says which hooks are there.
#[must_use]
pub fn reconcile(
    firewall: &Firewall,
    store: &str,
    wanted: &BTreeSet<Address>,
    former: &[InstalledChain],
    seen: Option<FirewallListing>,
) -> ReconcileOutcome {
    if firewall.backend == Backend::None {
        return leave(firewall, store, former);
    }
    let checked = check_names(firewall).and_then(|()| {
        let bad = || FirewallError::BadId(store.to_owned());
        owner::is_id(store).then_some(()).ok_or_else(bad)
    });
    if let Err(error) = checked {
        return ReconcileOutcome {
            problems: vec![Problem::new(error.to_string())],
            installed: former.to_vec(),
            ..ReconcileOutcome::default()
        };
    }
    let seen = seen.unwrap_or_else(|| list(firewall));
    let ours = seen.to_make(firewall);
    let target = Wanted::of(firewall, store, wanted);
    let plan = |listing: &Listing| ruleset::plan(&target, former, listing);
    let sides = apply::both(firewall, seen, plan);
    let mut outcome = report::outcome(&sides);
    outcome.v4 = sides[0].blocked(firewall, wanted);
    outcome.v6 = sides[1].blocked(firewall, wanted);
    outcome.warnings.extend(report::missing_hooks(&sides));
    outcome.warnings.extend(report::idle_v6(&sides, wanted));
    outcome.taken_over = report::taken_over(&sides, &firewall.chain, store);
    outcome.installed = kept(&sides, former);
    for side in &sides {
        if let Fate::Done { variant, .. } = side.fate {
            let other = [(side.family, variant.other())];
            take_away(firewall, Some(store), former, &other, &mut outcome);
        }
    }
    outcome.installed.extend(ours);
    outcome.installed.sort();
    outcome.installed.dedup();
    outcome
}

/// The families in which [`bring`] would write something: the chain is gone, or it and
/// its hooks are not as they should be. Nothing is written.
#[must_use]
pub fn needs_change(
    firewall: &Firewall,
    store: &str,
    wanted: &BTreeSet<Address>,
    former: &[InstalledChain],
    seen: &FirewallListing,
) -> Vec<Family> {
    let compared = Firewall {
        compare: true,
        ..firewall.clone()
    };
    let target = Wanted::of(&compared, store, wanted);
    let differs = |listing: &&Listing| ruleset::plan(&target, former, listing).text.is_some();
    let listings = seen.listings().filter(differs);
    listings.map(|listing| listing.family).collect()
}

/// What of `former` may still stand in the tables that could not be brought.
fn kept(sides: &[Side], former: &[InstalledChain]) -> Vec<InstalledChain> {
    let failed = |family| {
        let mut sides = sides.iter().filter(|side| side.family == family);
        sides.any(|side| matches!(side.fate, Fate::Failed { .. }))
    };
    let any_failed = Family::BOTH.into_iter().any(failed);
    let stays = |made: &&InstalledChain| match made.place {
        Some(ChainLocation::Iptables { family, .. }) => failed(family),
        None => any_failed,
    };
    former.iter().filter(stays).cloned().collect()
}

/// What [`amend`] did.
#[derive(Debug)]
pub struct DeltaOutcome {
    /// Whether anything was written.
    pub changed: bool,
    /// The state that this made; none if it is not certain that the chain is as
    /// it should be, so that it is to be listed.
    pub mark: Option<RulesetFingerprint>,
}

/// Takes the addresses `gone` out of our chain and puts `new` into it, without
/// listing it: `mark` says that nobody has changed it since it held the former
/// and not the latter. What somebody writes at the same moment is found out.
#[must_use]
pub fn apply_delta(
    firewall: &Firewall,
    mark: &RulesetFingerprint,
    gone: &[Address],
    new: &[Address],
) -> DeltaOutcome {
    let mut texts = Vec::new();
    let mut growth = [0; 2];
    for (family, growth) in Family::BOTH.into_iter().zip(&mut growth) {
        let of_family = |addresses: &[Address]| {
            let addresses = addresses.iter().copied();
            addresses
                .filter(|address| address.family() == family)
                .collect::<Vec<_>>()
        };
        let (gone, new) = (of_family(gone), of_family(new));
        if gone.is_empty() && new.is_empty() {
            continue;
        }
        let text = mark.rules(family).and_then(|there| {
            ruleset::amendment(&firewall.chain, firewall.deny, there, &gone, &new)
        });
        let Some(text) = text else {
            return DeltaOutcome {
                changed: false,
                mark: None,
            };
        };
        *growth = i64::try_from(new.len()).unwrap_or(0) - i64::try_from(gone.len()).unwrap_or(0);
        texts.push((family, text));
    }
    let given = apply::give(firewall, &texts);
    let after = RulesetFingerprint::take(firewall).filter(|after| {
        given == texts.len() && after.follows(mark, commits(given)) && after.has_grown(mark, growth)
    });
    DeltaOutcome {
        changed: given > 0,
        mark: after,
    }
}

/// Each restore is one commit.
fn commits(restores: usize) -> u32 {
    u32::try_from(restores).unwrap_or(u32::MAX)
}

/// Without a backend nothing of ours stays in the firewall: it would go on
/// blocking, whatever is un-banned.
fn leave(firewall: &Firewall, store: &str, former: &[InstalledChain]) -> ReconcileOutcome {
    if former.is_empty() {
        return ReconcileOutcome::default();
    }
    let iptables = Firewall {
        backend: Backend::Iptables,
        ..firewall.clone()
    };
    remove(&iptables, Some(store), former)
}

/// Takes `made` out of the firewall: jumps, rules, chains; nothing else is
/// touched. What carries the id of another store than `store`, if that is known,
/// is left to that one. Where the host has no iptables, whatever else can takes it
/// away. For `uninstall`.
#[must_use]
pub fn remove(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
) -> ReconcileOutcome {
    if firewall.backend == Backend::None {
        return ReconcileOutcome::default();
    }
    let plan = |listing: &Listing| ruleset::removal(made, store, listing);
    let sides = apply::both(firewall, list(firewall), plan);
    let missing = |side: &Side| match &side.fate {
        Fate::Failed { error, .. } => matches!(error, FirewallError::Missing { .. }),
        _ => false,
    };
    let (programless, sides): (Vec<Side>, Vec<Side>) = sides.into_iter().partition(missing);
    let mut outcome = report::outcome(&sides);
    outcome.installed = kept(&sides, made);
    let mut tables = Vec::new();
    for Side { family, .. } in &programless {
        tables.extend([IptablesVariant::Nft, IptablesVariant::Legacy].map(|of| (*family, of)));
    }
    for side in &sides {
        if let Fate::Done { variant, .. } = side.fate {
            tables.push((side.family, variant.other()));
        }
    }
    take_away(firewall, store, made, &tables, &mut outcome);
    outcome.installed.sort();
    outcome.installed.dedup();
    outcome
}

/// Says which name of the configuration can not be what it is used for.
///
/// # Errors
/// [`FirewallError::BadName`].
pub fn check_names(firewall: &Firewall) -> Result<(), FirewallError> {
    let bad = |name: &String, why| FirewallError::BadName {
        name: name.clone(),
        why,
    };
    let Firewall { chain, hooks, .. } = firewall;
    for name in hooks.iter().chain([chain]) {
        ruleset::check_name(name).map_err(|why| bad(name, why))?;
    }
    if ruleset::NOT_FOR_US.contains(&chain.as_str()) {
        return Err(bad(
            chain,
            "belongs to the kernel: name one for pyfilter alone",
        ));
    }
    if hooks.contains(chain) {
        return Err(bad(chain, "is pyfilter's own chain and can not be a hook"));
    }
    Ok(())
}
