//! Which backends there are.

use crate::firewall::iptables::Iptables;
use crate::firewall::{FirewallBackend, ReconcileOutcome};
use crate::model::{Backend, Firewall, InstalledChain};

/// The backend of the configuration; none if bans are decided and recorded only.
#[must_use]
pub fn backend(firewall: &Firewall) -> Option<Box<dyn FirewallBackend + '_>> {
    match firewall.backend {
        Backend::Iptables => Some(Box::new(Iptables { firewall })),
        Backend::None => None,
    }
}

/// Takes `made` out of the firewall, whichever backend is configured now: each backend
/// takes out what it has made, and so far there is one. Where no backend is configured it would go on blocking, whatever is
/// un-banned.
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
