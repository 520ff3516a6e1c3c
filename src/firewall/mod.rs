//! Bans -> the kernel's filter table, and the snapshot that shows them.
//!
//! | file | does |
//! |---|---|
//! | `listing` | what iptables-save prints -> chains and rules (pure) |
//! | `rule` | one rule: is it a ban, is it a hook? (pure) |
//! | `ruleset` | what should be + what is -> restore text (pure) |
//! | `obstacles` | what makes a ban or its lifting idle, for `check` (pure) |
//! | `apply`, `report` | brings both families; what came of it, in sentences |
//! | `iptables`, `child` | finds and runs the programs |
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
mod iptables;
pub mod listing;
mod mark;
mod nftables;
pub mod obstacles;
mod report;
mod rule;
pub mod ruleset;
pub mod snapshot;
pub mod snapshot_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use error::FirewallError;
pub use listing::Listing;
pub use mark::Mark;
pub use rule::Rule;

use crate::model::{Address, Backend, Family, Firewall, Made, Problem};
use iptables::Iptables;
use ruleset::Wanted;

/// One family's filter table; none if the host has no such family.
pub type Seen = Result<Option<Listing>, FirewallError>;

/// What the firewall holds now.
#[derive(Debug)]
pub struct Look {
    /// iptables.
    pub v4: Seen,
    /// ip6tables.
    pub v6: Seen,
}

impl Look {
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
}

/// What [`bring`] or [`remove`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
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
    /// What is ours in the firewall from now on, for the store to remember.
    pub made: Vec<Made>,
}

/// Lists both families. Changes nothing.
#[must_use]
pub fn look(firewall: &Firewall) -> Look {
    let programs = firewall.programs.as_deref();
    let [v4, v6] = Family::BOTH.map(|family| match firewall.backend {
        Backend::Iptables => Iptables::new(family, programs).save(),
        Backend::None => Ok(None),
    });
    Look { v4, v6 }
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
/// hook, and takes away what of `former` the configuration no longer names.
///
/// `seen` is what this run has listed already; with none it lists now. Total:
/// whatever is found is repaired, and nothing is written where all is as it
/// should be. A family that fails does not keep the other from being brought.
///
/// Without `compare` the whole chain is written, so it is called only when bans
/// have changed; the listing then only says which hooks are there.
#[must_use]
pub fn bring(
    firewall: &Firewall,
    wanted: &BTreeSet<Address>,
    former: &[Made],
    seen: Option<Look>,
) -> Outcome {
    if firewall.backend == Backend::None {
        return leave(firewall, former);
    }
    if let Err(error) = check_names(firewall) {
        return Outcome {
            problems: vec![Problem::new(error.to_string())],
            made: former.to_vec(),
            ..Outcome::default()
        };
    }
    let seen = seen.unwrap_or_else(|| look(firewall));
    let target = Wanted::of(firewall, wanted);
    let plan = |listing: &Listing| ruleset::plan(&target, former, listing);
    let sides = apply::both(firewall, seen, plan);
    let mut outcome = report::outcome(&sides);
    outcome.v4 = sides[0].blocked(firewall, wanted);
    outcome.v6 = sides[1].blocked(firewall, wanted);
    outcome.warnings.extend(report::missing_hooks(&sides));
    outcome.warnings.extend(report::idle_v6(&sides, wanted));
    if !outcome.problems.is_empty() {
        outcome.made = former.to_vec();
    }
    let ours = Made::of(firewall);
    if !outcome.made.contains(&ours) {
        outcome.made.push(ours);
    }
    outcome
}

/// What [`amend`] did.
#[derive(Debug)]
pub struct Amended {
    /// Whether anything was written.
    pub changed: bool,
    /// The state that this made; none if it is not certain that the chain is as
    /// it should be, so that it is to be listed.
    pub mark: Option<Mark>,
}

/// Takes the addresses `gone` out of our chain and puts `new` into it, without
/// listing it: `mark` says that nobody has changed it since it held the former
/// and not the latter. What somebody writes at the same moment is found out.
#[must_use]
pub fn amend(firewall: &Firewall, mark: &Mark, gone: &[Address], new: &[Address]) -> Amended {
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
            return Amended {
                changed: false,
                mark: None,
            };
        };
        *growth = i64::try_from(new.len()).unwrap_or(0) - i64::try_from(gone.len()).unwrap_or(0);
        texts.push((family, text));
    }
    let given = apply::give(firewall, &texts);
    let after = Mark::take(firewall).filter(|after| {
        given == texts.len() && after.follows(mark, commits(given)) && after.has_grown(mark, growth)
    });
    Amended {
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
fn leave(firewall: &Firewall, former: &[Made]) -> Outcome {
    if former.is_empty() {
        return Outcome::default();
    }
    let iptables = Firewall {
        backend: Backend::Iptables,
        ..firewall.clone()
    };
    remove(&iptables, former)
}

/// Takes `made` out of the firewall: jumps, rules, chains; nothing else is
/// touched. For `uninstall`.
#[must_use]
pub fn remove(firewall: &Firewall, made: &[Made]) -> Outcome {
    if firewall.backend == Backend::None {
        return Outcome::default();
    }
    let plan = |listing: &Listing| ruleset::removal(made, listing);
    let mut outcome = report::outcome(&apply::both(firewall, look(firewall), plan));
    if !outcome.problems.is_empty() {
        outcome.made = made.to_vec();
    }
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
