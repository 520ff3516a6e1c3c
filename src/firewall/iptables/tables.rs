//! Lists the filter tables of both families.

use super::error::FirewallError;
use super::listing::Listing;
use super::programs::IptablesPrograms;
use crate::model::{Family, Firewall};

/// One family's filter table; none if the host has no such family.
pub(super) type FamilyListing = Result<Option<Listing>, FirewallError>;

/// The filter tables of iptables and ip6tables, listed for these settings.
#[derive(Debug)]
pub(super) struct FilterTables {
    pub(super) firewall: Firewall,
    pub(super) v4: FamilyListing,
    pub(super) v6: FamilyListing,
}

impl FilterTables {
    /// Lists both tables.
    pub(super) fn list(firewall: &Firewall) -> Self {
        let programs = firewall.programs.as_deref();
        let [v4, v6] = Family::BOTH.map(|family| IptablesPrograms::new(family, programs).save());
        let firewall = firewall.clone();
        FilterTables { firewall, v4, v6 }
    }

    /// Lists both tables, our chain perhaps left out.
    pub(super) fn list_others(firewall: &Firewall) -> Self {
        let programs = firewall.programs.as_deref();
        let [v4, v6] = Family::BOTH.map(|family| {
            let iptables = IptablesPrograms::new(family, programs);
            let others = iptables.save_others(&firewall.chain);
            others.map_or_else(|| iptables.save(), |listing| Ok(Some(listing)))
        });
        let firewall = firewall.clone();
        FilterTables { firewall, v4, v6 }
    }

    /// The tables that could be read.
    pub(super) fn listings(&self) -> impl Iterator<Item = &Listing> {
        [&self.v4, &self.v6]
            .into_iter()
            .filter_map(|seen| seen.as_ref().ok()?.as_ref())
    }
}
