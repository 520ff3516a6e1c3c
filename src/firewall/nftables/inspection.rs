//! What follows from what was listed of our table.

use std::cell::OnceCell;

use super::error::NftablesError;
use super::layout::{BANS, table_name};
use super::others::OtherRules;
use super::seen::{self, SeenTable};
use super::{check, reconcile};
use crate::firewall::{
    CommittedBans, FirewallFinding, FirewallInspection, ReconcileOutcome, RulesetFingerprint,
};
use crate::model::{Address, Family, Firewall, InstalledChain};

/// Our table, listed for these settings.
#[derive(Debug)]
pub(super) struct TableInspection {
    pub(super) firewall: Firewall,
    pub(super) table: String,
    /// None if it is not there.
    pub(super) seen: Result<Option<SeenTable>, NftablesError>,
    /// The rules of others, listed when they are asked for.
    others: OnceCell<OtherRules>,
}

impl TableInspection {
    /// Lists our table.
    pub(super) fn list(firewall: &Firewall) -> Self {
        TableInspection {
            firewall: firewall.clone(),
            table: table_name(&firewall.chain),
            seen: seen::list(&table_name(&firewall.chain)),
            others: OnceCell::new(),
        }
    }

    /// Lists nothing yet.
    pub(super) fn of_others(firewall: &Firewall) -> Self {
        TableInspection {
            firewall: firewall.clone(),
            table: table_name(&firewall.chain),
            seen: Ok(None),
            others: OnceCell::new(),
        }
    }

    /// Our table, if it is there and could be listed.
    pub(super) fn table(&self) -> Option<&SeenTable> {
        self.seen.as_ref().ok()?.as_ref()
    }
}

impl FirewallInspection for TableInspection {
    fn failure(&self, _family: Family) -> Option<String> {
        self.seen.as_ref().err().map(ToString::to_string)
    }

    fn missing(&self) -> Vec<Family> {
        let is_gone = match &self.seen {
            Ok(Some(table)) => table.chain(BANS).is_none(),
            Ok(None) => true,
            Err(_) => false,
        };
        if is_gone {
            Family::BOTH.to_vec()
        } else {
            Vec::new()
        }
    }

    fn is_of_another_store(&self, store: &str) -> bool {
        let owner = self.table().and_then(SeenTable::store);
        owner.is_some_and(|owner| owner != store)
    }

    fn to_make(&self) -> Vec<InstalledChain> {
        reconcile::to_make(self)
    }

    /// Whatever changes a table of `nf_tables` counts its generation up.
    fn is_covered_by(&self, _fingerprint: &RulesetFingerprint) -> bool {
        self.seen.is_ok()
    }

    fn reconcile(self: Box<Self>, committed: &CommittedBans) -> ReconcileOutcome {
        reconcile::reconcile(*self, committed)
    }

    fn other_rules_blocking(&self, address: Address) -> Vec<String> {
        let others = self
            .others
            .get_or_init(|| OtherRules::list(&self.table, &self.firewall.chain));
        others.blocking(address)
    }

    fn check(
        &self,
        store: Option<&str>,
        committed: Option<&CommittedBans>,
    ) -> Vec<FirewallFinding> {
        check::check(self, store, committed)
    }

    fn leftovers(&self, made: &[InstalledChain]) -> Vec<String> {
        check::leftovers(self, made)
    }
}
