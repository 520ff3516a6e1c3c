//! Which backends there are.

use crate::firewall::iptables::Iptables;
use crate::firewall::{
    CommittedBans, DeltaOutcome, FirewallBackend, FirewallFinding, FirewallInspection,
    ReconcileOutcome, RulesetFingerprint,
};
use crate::model::{Address, Backend, Family, Firewall, InstalledChain};

/// The backend of the configuration.
#[must_use]
pub fn backend(firewall: &Firewall) -> Box<dyn FirewallBackend + '_> {
    match firewall.backend {
        Backend::Iptables => Box::new(Iptables { firewall }),
        Backend::None => Box::new(NoBackend { firewall }),
    }
}

/// Takes `made` out of the firewall, whichever backend made it and whichever is
/// configured now.
#[must_use]
pub fn remove(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
) -> ReconcileOutcome {
    if made.is_empty() {
        return ReconcileOutcome::default();
    }
    Iptables { firewall }.remove(store, made)
}

/// The backend `none`. It applies nothing; but what another backend made would go on
/// blocking, whatever is un-banned, so it removes that.
struct NoBackend<'a> {
    firewall: &'a Firewall,
}

impl FirewallBackend for NoBackend<'_> {
    fn inspect(&self) -> Box<dyn FirewallInspection> {
        Box::new(NothingInspected(self.firewall.clone()))
    }

    fn inspect_others(&self) -> Box<dyn FirewallInspection> {
        self.inspect()
    }

    fn fingerprint(&self) -> Option<RulesetFingerprint> {
        None
    }

    fn apply_delta(&self, _: &RulesetFingerprint, _: &[Address], _: &[Address]) -> DeltaOutcome {
        DeltaOutcome {
            changed: false,
            fingerprint: None,
        }
    }

    fn remove(&self, _: Option<&str>, _: &[InstalledChain]) -> ReconcileOutcome {
        ReconcileOutcome::default()
    }

    fn is_made_as_configured(&self, made: &[InstalledChain]) -> bool {
        made.is_empty()
    }

    fn needs_more_rights(&self) -> Result<bool, String> {
        Ok(false)
    }
}

/// What the backend `none` lists.
#[derive(Debug)]
struct NothingInspected(Firewall);

impl FirewallInspection for NothingInspected {
    fn failure(&self, _: Family) -> Option<String> {
        None
    }

    fn missing(&self) -> Vec<Family> {
        Vec::new()
    }

    fn is_of_another_store(&self, _: &str) -> bool {
        false
    }

    fn to_make(&self) -> Vec<InstalledChain> {
        Vec::new()
    }

    fn is_covered_by(&self, _: &RulesetFingerprint) -> bool {
        false
    }

    fn reconcile(self: Box<Self>, committed: &CommittedBans) -> ReconcileOutcome {
        remove(&self.0, Some(&committed.store), &committed.made)
    }

    fn other_rules_blocking(&self, _: Address) -> Vec<String> {
        Vec::new()
    }

    fn check(&self, _: Option<&str>, _: Option<&CommittedBans>) -> Vec<FirewallFinding> {
        Vec::new()
    }

    fn leftovers(&self, _: &[InstalledChain]) -> Vec<String> {
        Vec::new()
    }
}
