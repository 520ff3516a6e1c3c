//! What follows from what was listed of our table.

use super::layout::BANS;
use super::listed::ListedTable;
use super::seen::SeenTable;
use super::{check, reconcile};
use crate::firewall::{
    CommittedBans, FirewallFinding, FirewallInspection, ReconcileOutcome, RulesetFingerprint,
};
use crate::model::{Address, Family, InstalledChain};

impl FirewallInspection for ListedTable {
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

    fn place(&self) -> String {
        format!("table inet {}", self.table)
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
        self.others().blocking(address)
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
        check::leftovers(self, made)
    }
}
