//! Which backends there are, and which one is taken.

use crate::firewall::iptables::Iptables;
use crate::firewall::nftables::{self, Nftables};
use crate::firewall::{CommittedBans, FirewallBackend, FirewallInspection, ReconcileOutcome};
use crate::model::{Backend, Firewall, InstalledChain};

/// Those that make something, in the order in which `auto` takes them.
const MAKING: [Backend; 2] = [Backend::Iptables, Backend::Nftables];

/// The settings with the backend that is taken, and why it is, as half a sentence: for
/// `auto` the one that made what is there, while its program is installed; else the first
/// whose program is. Where none is, iptables, which tells what to install.
#[must_use]
pub fn chosen(firewall: &Firewall, made: &[InstalledChain]) -> (Firewall, &'static str) {
    let installed = |backend: &&Backend| is_installed(**backend, firewall);
    let has_made = |backend: &&Backend| made.iter().any(|made| made.may_be_of(**backend));
    let (backend, why) = match firewall.backend {
        Backend::Auto => {
            let former = MAKING.iter().filter(has_made).find(installed);
            let first = MAKING.iter().find(installed);
            match (former, first) {
                (Some(former), _) => (*former, "\"auto\" keeps what made the bans' place"),
                (None, Some(Backend::Nftables)) => (
                    Backend::Nftables,
                    "\"auto\" finds nft, and no iptables-restore",
                ),
                (None, Some(first)) => (*first, "\"auto\" finds iptables-restore"),
                (None, None) => (
                    Backend::Iptables,
                    "\"auto\" finds neither iptables-restore nor nft",
                ),
            }
        }
        named => (named, "settings.firewall.backend names it"),
    };
    let settings = Firewall {
        backend,
        ..firewall.clone()
    };
    (settings, why)
}

/// The backend of the configuration; none if bans are decided and recorded only. `auto`
/// is what [`chosen`] takes where nothing was made yet.
#[must_use]
pub fn backend(firewall: &Firewall) -> Option<Box<dyn FirewallBackend + '_>> {
    match chosen(firewall, &[]).0.backend {
        Backend::Auto | Backend::Iptables => Some(Box::new(Iptables { firewall })),
        Backend::Nftables => Some(Box::new(Nftables { firewall })),
        Backend::None => None,
    }
}

fn is_installed(backend: Backend, firewall: &Firewall) -> bool {
    match backend {
        Backend::Iptables => Iptables { firewall }.is_installed(),
        Backend::Nftables => Nftables { firewall }.is_installed(),
        Backend::Auto | Backend::None => false,
    }
}

/// Makes the firewall hold the committed bans, by the backend that has listed it, and
/// then takes away what other backends made. In that order, so that no packet of a
/// banned address passes in between; and only if all went well, for something has to
/// block.
#[must_use]
pub fn reconcile(
    firewall: &Firewall,
    seen: Box<dyn FirewallInspection>,
    mut committed: CommittedBans,
) -> ReconcileOutcome {
    let made = std::mem::take(&mut committed.made).into_iter();
    let (own, others): (Vec<_>, Vec<_>) = made.partition(|made| made.may_be_of(firewall.backend));
    committed.made = own;
    let mut outcome = seen.reconcile(&committed);
    if others.is_empty() {
        return outcome;
    }
    if outcome.problems.is_empty() {
        let removed = remove(firewall, Some(&committed.store), &others);
        outcome.add_removed(removed);
    } else {
        outcome.installed.extend(others);
    }
    outcome
}

/// Takes `made` out of the firewall, whichever backend is configured now: each takes out
/// what it has made. Where no backend is configured it would go on blocking, whatever is
/// un-banned.
#[must_use]
pub fn remove(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
) -> ReconcileOutcome {
    let mut outcome = ReconcileOutcome::default();
    for by in MAKING {
        let own = made.iter().filter(|made| made.may_be_of(by));
        let own: Vec<InstalledChain> = own.cloned().collect();
        if own.is_empty() {
            continue;
        }
        let settings = Firewall {
            backend: by,
            ..firewall.clone()
        };
        if let Some(backend) = backend(&settings) {
            outcome.add(backend.remove(store, &own));
        }
    }
    outcome
}

/// A sentence for each place that is not used any more, and in which something of `made`
/// is or may be; and for a table of nftables that nobody remembers, since the store that
/// made it was lost. Loads no module.
#[must_use]
pub fn unused_places(
    firewall: &Firewall,
    seen: &dyn FirewallInspection,
    made: &[InstalledChain],
) -> Vec<String> {
    let mut told = seen.leftovers(made);
    if firewall.backend == Backend::Iptables {
        let tables = made.iter().filter(|made| made.may_be_of(Backend::Nftables));
        told.extend(tables.filter_map(|table| nftables::leftover(table, true)));
        let table = Nftables { firewall }.made();
        if !made.contains(&table) {
            told.extend(nftables::leftover(&table, false));
        }
    }
    told
}

/// What pyfilter with these settings may have made, wherever that is.
#[must_use]
pub fn wherever(firewall: &Firewall) -> Vec<InstalledChain> {
    vec![
        InstalledChain::of(firewall, None),
        Nftables { firewall }.made(),
    ]
}

impl ReconcileOutcome {
    /// Takes up what else was done.
    fn add(&mut self, other: ReconcileOutcome) {
        self.changed |= other.changed;
        self.commits += other.commits;
        self.warnings.extend(other.warnings);
        self.problems.extend(other.problems);
        self.taken_over.extend(other.taken_over);
        self.leftovers.extend(other.leftovers);
        self.removed.extend(other.removed);
        self.installed.extend(other.installed);
        self.installed.sort();
        self.installed.dedup();
    }

    /// Takes up what was removed in places that are not used any more: what stays there
    /// does not keep the bans from being in force.
    fn add_removed(&mut self, mut other: ReconcileOutcome) {
        other.leftovers.append(&mut other.problems);
        self.add(other);
    }
}
