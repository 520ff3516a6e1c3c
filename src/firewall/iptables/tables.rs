//! Lists the filter tables of both families.

use super::error::FirewallError;
use super::listing::Listing;
use super::long::{self, OurChains};
use super::programs::IptablesPrograms;
use crate::firewall::fingerprint::TableText;
use crate::model::{Family, Firewall};

/// One family's filter table; none if the host has no such family.
pub(super) type FamilyListing = Result<Option<Listing>, FirewallError>;

/// The filter tables of iptables and ip6tables, listed for these settings.
#[derive(Debug)]
pub(super) struct FilterTables {
    pub(super) firewall: Firewall,
    pub(super) v4: FamilyListing,
    pub(super) v6: FamilyListing,
    /// What a fingerprint keeps of them, where they were listed for one.
    pub(super) text: Option<[Option<TableText>; 2]>,
}

/// The table of `family` as its programs list it; our `chains` perhaps left out, where
/// all is long.
pub(super) fn listed(
    iptables: IptablesPrograms<'_>,
    family: Family,
    chains: &[&str],
    ours: OurChains,
) -> FamilyListing {
    match long::list(iptables, family, chains, ours) {
        Some(listing) => Ok(Some(listing)),
        None => iptables.save(),
    }
}

impl FilterTables {
    /// Lists both tables.
    pub(super) fn list(firewall: &Firewall, ours: OurChains) -> Self {
        let programs = firewall.programs.as_deref();
        let [v4, v6] = Family::BOTH.map(|family| {
            let iptables = IptablesPrograms::new(family, programs);
            listed(iptables, family, &[&firewall.chain], ours)
        });
        let firewall = firewall.clone();
        FilterTables {
            firewall,
            v4,
            v6,
            text: None,
        }
    }

    /// The tables that could be read.
    pub(super) fn listings(&self) -> impl Iterator<Item = &Listing> {
        [&self.v4, &self.v6]
            .into_iter()
            .filter_map(|seen| seen.as_ref().ok()?.as_ref())
    }
}
