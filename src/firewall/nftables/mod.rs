//! The backend for a table of our own in `nf_tables`: bans -> sets of addresses and of
//! networks. A packet pays for a look into four sets, however many bans there are.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | the contract's entry: [`Nftables`] |
//! | `inspection` | the contract's other half: what was listed, and the questions about it |
//! | `listed` | our table as it was listed, and the rules of others |
//! | `layout` | what our table is made of, with a drawing (pure) |
//! | `seen` | lists our table, over netlink |
//! | `elements` | bans <-> elements of the sets (pure) |
//! | `plan` | what should be + what is there -> the text for `nft` (pure) |
//! | `reconcile` | plans and writes; removes what was made |
//! | `delta` | writes a difference without listing |
//! | `fingerprint` | what a fingerprint depends on here |
//! | `check` | what `check` tells |
//! | `others` | rules of others that block one address |
//! | `program` | what is asked of `nft` |
//! | `error` | what went wrong, from what `nft` and the kernel say |
//!
//! `nft` only writes. Its listings take much longer than the kernel's own, and their text
//! differs between its versions.

mod check;
mod delta;
mod elements;
mod error;
mod fingerprint;
#[cfg(test)]
mod in_kernel;
mod inspection;
mod layout;
mod listed;
mod others;
mod plan;
mod program;
mod reconcile;
mod seen;

use std::collections::BTreeSet;

use crate::firewall::netlink::NetlinkSocket;
use crate::firewall::{
    CommittedBans, DeltaOutcome, FirewallBackend, FirewallInspection, ReconcileOutcome,
    RulesetFingerprint,
};
use crate::model::{Family, Firewall, InstalledChain, Subject};
use crate::system;
use layout::{BANS, SETS, set_of, table_name};
use listed::ListedTable;

/// A sentence about a table that a pyfilter made and that is there, though nftables is not
/// the backend now. One that the store does not remember has to carry an id.
pub(super) fn leftover(made: &InstalledChain, is_remembered: bool) -> Option<String> {
    let name = &made.chain;
    let (id, _) = seen::owner(name).ok()??;
    (is_remembered || id.is_some()).then(|| check::left_table(name, is_remembered))
}

/// The backend with these settings.
pub(super) struct Nftables<'a> {
    pub(super) firewall: &'a Firewall,
}

impl Nftables<'_> {
    /// Whether `nft` is there.
    pub(super) fn is_installed(&self) -> bool {
        program::find(self.firewall.programs.as_deref()).is_ok()
    }

    /// What this configuration makes.
    pub(super) fn made(&self) -> InstalledChain {
        reconcile::made_by(self.firewall)
    }
}

impl FirewallBackend for Nftables<'_> {
    fn inspect(&self) -> Box<dyn FirewallInspection> {
        Box::new(ListedTable::list(self.firewall))
    }

    fn inspect_others(&self) -> Box<dyn FirewallInspection> {
        Box::new(ListedTable::of_others(self.firewall))
    }

    fn fingerprint(&self) -> Option<RulesetFingerprint> {
        fingerprint::take(self.firewall)
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
        *made == [self.made()]
    }

    fn stopped(&self) -> Option<[u64; 2]> {
        let table = table_name(&self.firewall.chain);
        let mut socket = NetlinkSocket::open().ok()?;
        let rules = socket.rules(seen::path(&table), BANS).ok()?;
        let of_family = |family: Family| {
            let sets = SETS.iter().filter(|set| set.family == family);
            let counted = sets.flat_map(|set| {
                let rules = rules.iter();
                rules.filter_map(|rule| set.stopped_by(rule, self.firewall.deny))
            });
            counted.sum()
        };
        (!rules.is_empty()).then(|| Family::BOTH.map(of_family))
    }

    fn place_of(&self, subject: Subject, bans: &BTreeSet<Subject>) -> Option<String> {
        let set = set_of(subject, system::kernel_has_ipv6())?;
        bans.get(&subject)?;
        let table = table_name(&self.firewall.chain);
        Some(format!("set {} of table inet {table}", set.name))
    }

    fn needs_more_rights(&self) -> Result<bool, String> {
        Ok(false)
    }
}
