//! What follows from what was listed of both filter tables.

use super::tables::FilterTables;
use super::{check, leftover, obstacles, owner, reconcile};
use crate::firewall::{
    CommittedBans, FirewallFinding, FirewallInspection, ReconcileOutcome, RulesetFingerprint,
};
use crate::model::{Address, Family, InstalledChain, IptablesVariant};
use crate::system;

impl FirewallInspection for FilterTables {
    fn failure(&self, family: Family) -> Option<String> {
        let table = match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        table.as_ref().err().map(ToString::to_string)
    }

    fn missing(&self) -> Vec<Family> {
        let listings = self.listings();
        let missing = listings.filter(|listing| listing.chain(&self.firewall.chain).is_none());
        missing.map(|listing| listing.family).collect()
    }

    fn place(&self) -> String {
        format!("chain {}", self.firewall.chain)
    }

    fn is_of_another_store(&self, store: &str) -> bool {
        let mut listings = self.listings();
        listings.any(|listing| owner::other_than(store, &self.firewall.chain, listing).is_some())
    }

    fn to_make(&self) -> Vec<InstalledChain> {
        reconcile::to_make(self)
    }

    /// Only the rules of `nf_tables` count its generation up, so each table has to be of
    /// the nft variant, with our chain in it. A text has to be the one that was read.
    fn is_covered_by(&self, fingerprint: &RulesetFingerprint) -> bool {
        if let Some(tables) = fingerprint.tables() {
            return self.text.as_ref() == Some(tables);
        }
        let tables = [&self.v4, &self.v6];
        Family::BOTH.into_iter().zip(tables).all(|(family, table)| {
            let has_chain = fingerprint.has_chain(family);
            match table {
                Ok(Some(listing)) => listing.variant() == IptablesVariant::Nft && has_chain,
                Ok(None) => !has_chain && !system::kernel_has_ipv6(),
                Err(_) => false,
            }
        })
    }

    fn reconcile(self: Box<Self>, committed: &CommittedBans) -> ReconcileOutcome {
        reconcile::reconcile(*self, committed)
    }

    fn other_rules_blocking(&self, address: Address) -> Vec<String> {
        let chain = &self.firewall.chain;
        let listings = self.listings();
        listings
            .flat_map(|listing| obstacles::still_blocking(listing, address, chain))
            .collect()
    }

    fn check(
        &self,
        store: Option<&str>,
        committed: Option<&CommittedBans>,
        is_known: bool,
    ) -> Vec<FirewallFinding> {
        check::check(self, store, committed, is_known)
    }

    fn leftovers(&self, made: &[InstalledChain]) -> Vec<String> {
        leftover::leftovers(self, made)
    }
}
