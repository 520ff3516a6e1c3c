//! The backend for iptables and ip6tables: bans -> the filter table of each family.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | the contract's entry: [`Iptables`] |
//! | `inspection` | the contract's other half: what was listed, and the questions about it |
//! | `tables`, `long` | lists both filter tables; a long one chain by chain |
//! | `tree` | bans -> chains (pure) |
//! | `listing`, `rule` | what iptables-save prints -> chains and rules (pure) |
//! | `owner` | whose chain it is: the store's id in it (pure) |
//! | `ruleset` | what should be + what is there -> restore text (pure); in `ruleset/`: `wanted` its input and output, `draft` what is written, `chains` its lines, `contents` our chains now |
//! | `reconcile` | lists, plans, writes both families; removes what was made |
//! | `apply`, `report` | gives the plans to the kernel; what came of it, in sentences |
//! | `delta` | writes a difference without listing |
//! | `fingerprint` | what a fingerprint depends on here |
//! | `saved` | legacy's tables as texts: a digest in place of a generation |
//! | `leftover`, `nft` | removes what the other variant of iptables made |
//! | `check`, `obstacles` | what makes a ban or its lifting idle, for `check`, `explain`, `unban` |
//! | `programs` | finds and runs the programs |
//! | `error` | what went wrong, from what the programs say |
//!
//! A run writes at most once a family. The first run makes the chain even without any
//! ban: so that what `check` shows is true before the first attack, and the first ban
//! is one line and not a new hook.

mod apply;
mod check;
mod delta;
mod error;
mod fingerprint;
mod inspection;
mod leftover;
mod listing;
mod long;
mod nft;
mod obstacles;
mod owner;
mod programs;
mod reconcile;
mod report;
mod rule;
mod ruleset;
mod saved;
mod tables;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeSet;

use crate::firewall::{
    CommittedBans, DeltaOutcome, FirewallBackend, FirewallInspection, ReconcileOutcome,
    RulesetFingerprint, RulesetText,
};
use crate::model::{Family, Firewall, InstalledChain, Subject};
use crate::system;
use long::OurChains;
use programs::{IptablesPrograms, TableCommand};
pub(super) use saved::SavedTables;
use tables::FilterTables;
use tree::ChainTree;

/// The backend with these settings.
pub(super) struct Iptables<'a> {
    pub(super) firewall: &'a Firewall,
}

impl Iptables<'_> {
    /// Whether `iptables-restore` is there.
    pub(super) fn is_installed(&self) -> bool {
        let programs = IptablesPrograms::new(Family::V4, self.firewall.programs.as_deref());
        let restore = TableCommand::Restore.of(Family::V4);
        programs.find(restore).is_ok()
    }
}

impl FirewallBackend for Iptables<'_> {
    fn inspect(&self) -> Box<dyn FirewallInspection> {
        Box::new(FilterTables::list(self.firewall, OurChains::Listed))
    }

    fn inspect_others(&self) -> Box<dyn FirewallInspection> {
        Box::new(FilterTables::list(self.firewall, OurChains::LeftOut))
    }

    fn fingerprint(&self) -> Option<RulesetFingerprint> {
        self.look().0
    }

    fn look(&self) -> (Option<RulesetFingerprint>, Option<RulesetText>) {
        let (fingerprint, saved) = fingerprint::look(self.firewall);
        (fingerprint, saved.map(RulesetText))
    }

    fn inspect_text(&self, text: &RulesetText) -> Box<dyn FirewallInspection> {
        Box::new(text.0.listed(self.firewall))
    }

    fn apply_delta(
        &self,
        before: &RulesetFingerprint,
        committed: &dyn Fn() -> Option<CommittedBans>,
        gone: &[Subject],
        new: &[Subject],
    ) -> DeltaOutcome {
        delta::apply(self.firewall, before, committed, gone, new)
    }

    fn remove(&self, store: Option<&str>, made: &[InstalledChain]) -> ReconcileOutcome {
        reconcile::remove(self.firewall, store, made)
    }

    fn is_made_as_configured(&self, made: &[InstalledChain]) -> bool {
        let is_wanted = |made: &InstalledChain| {
            made.place.is_some() && *made == InstalledChain::of(self.firewall, made.place)
        };
        let mut families: Vec<Family> = made
            .iter()
            .filter_map(|made| made.place?.family())
            .collect();
        let places = families.len();
        families.dedup();
        !made.is_empty() && made.iter().all(is_wanted) && families.len() == places
    }

    fn place_of(&self, subject: Subject, bans: &BTreeSet<Subject>) -> Option<String> {
        if subject.family() == Family::V6 && !system::kernel_has_ipv6() {
            return None;
        }
        let tree = ChainTree::of(&self.firewall.chain, subject.family(), bans);
        let chain = tree.chain_of(subject)?;
        Some(format!("chain {chain}"))
    }

    /// The legacy variant needs more than the nft variant.
    fn needs_more_rights(&self) -> Result<bool, String> {
        let programs = IptablesPrograms::new(Family::V4, self.firewall.programs.as_deref());
        programs.is_legacy().map_err(|error| error.to_string())
    }
}
