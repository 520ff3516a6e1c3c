//! What was listed of both filter tables, and what follows from it.

use super::tables::FilterTables;
use super::{check, leftover, obstacles, owner, reconcile};
use crate::firewall::{
    CommittedBans, FirewallFinding, FirewallInspection, ReconcileOutcome, RulesetFingerprint,
};
use crate::model::{Address, Family, Firewall, InstalledChain, IptablesVariant};
use crate::system;

#[derive(Debug)]
pub(super) struct IptablesInspection {
    firewall: Firewall,
    tables: FilterTables,
}

impl IptablesInspection {
    pub(super) fn new(firewall: &Firewall, tables: FilterTables) -> Self {
        IptablesInspection {
            firewall: firewall.clone(),
            tables,
        }
    }
}

impl FirewallInspection for IptablesInspection {
    fn failure(&self, family: Family) -> Option<String> {
        let table = match family {
            Family::V4 => &self.tables.v4,
            Family::V6 => &self.tables.v6,
        };
        table.as_ref().err().map(ToString::to_string)
    }

    fn missing(&self) -> Vec<Family> {
        let listings = self.tables.listings();
        let missing = listings.filter(|listing| listing.chain(&self.firewall.chain).is_none());
        missing.map(|listing| listing.family).collect()
    }

    fn is_of_another_store(&self, store: &str) -> bool {
        let mut listings = self.tables.listings();
        listings.any(|listing| owner::other_than(store, &self.firewall.chain, listing).is_some())
    }

    fn to_make(&self) -> Vec<InstalledChain> {
        reconcile::to_make(&self.firewall, &self.tables)
    }

    /// Only the rules of `nf_tables` count its generation up, so each table has to be of
    /// the nft variant, with our chain in it.
    fn is_covered_by(&self, fingerprint: &RulesetFingerprint) -> bool {
        let tables = [&self.tables.v4, &self.tables.v6];
        Family::BOTH.into_iter().zip(tables).all(|(family, table)| {
            let has_chain = fingerprint.rules(family).is_some();
            match table {
                Ok(Some(listing)) => listing.variant() == IptablesVariant::Nft && has_chain,
                Ok(None) => !has_chain && !system::kernel_has_ipv6(),
                Err(_) => false,
            }
        })
    }

    fn reconcile(self: Box<Self>, committed: &CommittedBans) -> ReconcileOutcome {
        reconcile::reconcile(&self.firewall, committed, self.tables)
    }

    fn other_rules_blocking(&self, address: Address) -> Vec<String> {
        let chain = &self.firewall.chain;
        let listings = self.tables.listings();
        listings
            .flat_map(|listing| obstacles::still_blocking(listing, address, chain))
            .collect()
    }

    fn check(
        &self,
        store: Option<&str>,
        committed: Option<&CommittedBans>,
    ) -> Vec<FirewallFinding> {
        check::check(&self.firewall, &self.tables, store, committed)
    }

    fn leftovers(&self, made: &[InstalledChain]) -> Vec<String> {
        leftover::leftovers(&self.firewall, made, &self.tables)
    }
}
