//! Bans -> the kernel's firewall, and the blacklist files that show them.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | the contract that each backend keeps: [`FirewallBackend`], [`FirewallInspection`] |
//! | `backends` | the table: [`chosen`] says which one `auto` takes, [`backend`] gives it; [`reconcile`], [`remove`] change over |
//! | `iptables/` | the backend for iptables and ip6tables, of either variant |
//! | `nft_program` | finds and runs `nft` |
//! | `nftables/` | the backend for a table of our own in `nf_tables` |
//! | `changed` | what `check` tells where somebody has changed it |
//! | `fingerprint` | whether anybody has changed the firewall since, without listing it |
//! | `netlink/` | what the kernel's `nf_tables` tells of itself |
//! | `programs` | what the programs of the backends have in common |
//! | `rule_text` | one ban as a rule: `-s 203.0.113.13/32 -j DROP` (pure) |
//! | `store_id` | whose chain or table it is: what an id may be, and the sentence for another store's |
//! | `snapshot` | `blacklist.v4`, `blacklist.v6`: render, parse, compare (pure) |
//! | `snapshot_file` | reads and replaces those files |
//!
//! A run asks its backend like this:
//!
//! ```text
//! backend(firewall)
//!   .look()           the same as after the last run?  -> nothing to list
//!   .apply_delta()    only bans have changed since?    -> write the difference
//!   .inspect()        else: list what is there
//!     .reconcile()      and write what makes it right
//! ```
//!
//! A new backend is a folder here that implements both traits, a line in both functions
//! of `backends`, and its words in `Backend` and `ChainLocation` of `model/firewall.rs`.

mod backends;
mod changed;
mod fingerprint;
#[cfg(test)]
mod in_netns;
mod iptables;
mod netlink;
mod nft_program;
mod nftables;
mod programs;
mod rule_text;
pub mod snapshot;
pub mod snapshot_file;
mod store_id;

use std::collections::BTreeSet;
use std::fmt::Debug;

pub use backends::{backend, chosen, reconcile, remove, unused_places, wherever};
pub use fingerprint::RulesetFingerprint;

use crate::model::{Address, Family, Firewall, InstalledChain, Problem, Subject};

/// One way to apply bans, with the settings of the configuration.
pub trait FirewallBackend {
    /// Lists what is in the kernel. Changes nothing.
    fn inspect(&self) -> Box<dyn FirewallInspection>;

    /// The same, for questions about other people's rules: our own chain may be left
    /// out where it is long.
    fn inspect_others(&self) -> Box<dyn FirewallInspection>;

    /// The state of the firewall now; none where the kernel does not tell.
    fn fingerprint(&self) -> Option<RulesetFingerprint>;

    /// The same, and the text that had to be listed for it, if one had to.
    fn look(&self) -> (Option<RulesetFingerprint>, Option<RulesetText>) {
        (self.fingerprint(), None)
    }

    /// What [`Self::look`] has listed, or the part of it that is of others.
    fn inspect_text(&self, _text: &RulesetText) -> Box<dyn FirewallInspection> {
        self.inspect()
    }

    /// Takes `gone` out of what is blocked and puts `new` into it, so that it holds what
    /// `committed` gives, without listing it: `before` says that nobody has changed it
    /// since it held `gone` and not `new`. A change by somebody else at the same moment
    /// is noticed: at once, or by the next run where nothing counts the changes.
    fn apply_delta(
        &self,
        before: &RulesetFingerprint,
        committed: &dyn Fn() -> Option<CommittedBans>,
        gone: &[Subject],
        new: &[Subject],
    ) -> DeltaOutcome;

    /// Takes out of the firewall what of `made` this backend made. A chain with the
    /// id of another store than `store` is left alone, if `store` is known.
    fn remove(&self, store: Option<&str>, made: &[InstalledChain]) -> ReconcileOutcome;

    /// Whether `made` is what the configuration asks for: neither another chain, nor
    /// other hooks, nor a second place.
    fn is_made_as_configured(&self, made: &[InstalledChain]) -> bool;

    /// How many packets of IPv4 and of IPv6 the bans have stopped since what counts them
    /// was made; none where that is not cheap to know.
    fn stopped(&self) -> Option<[u64; 2]> {
        None
    }

    /// The place in the firewall where the ban of `subject` stands, of all `bans`, for the
    /// middle of a sentence: `set v4 of table inet pyfilter`, `chain PYFILTER/10.32-12`.
    /// None if it is not among them. The kernel is not asked.
    fn place_of(&self, subject: Subject, bans: &BTreeSet<Subject>) -> Option<String>;

    /// Whether the service needs more rights than its unit gives it.
    ///
    /// # Errors
    /// A sentence: the backend can not work on this host.
    fn needs_more_rights(&self) -> Result<bool, String>;
}

/// A ruleset that was listed for its fingerprint, and is not understood yet.
#[derive(Debug)]
pub struct RulesetText(iptables::SavedTables);

impl RulesetText {
    /// What of it is other people's, which is little.
    #[must_use]
    pub fn others(&self, firewall: &Firewall) -> Self {
        RulesetText(self.0.others(&firewall.chain))
    }
}

/// What a backend has listed, and what follows from it.
pub trait FirewallInspection: Debug {
    /// Why the family could not be listed, if so.
    fn failure(&self, family: Family) -> Option<String>;

    /// The families in which our chain is known to be gone: after a reboot, or because
    /// somebody removed it.
    fn missing(&self) -> Vec<Family>;

    /// What our bans stand in, for a sentence: `chain PYFILTER`.
    fn place(&self) -> String;

    /// Whether our chain carries the id of another store than `store`.
    fn is_of_another_store(&self, store: &str) -> bool;

    /// What [`Self::reconcile`] makes, for the store to remember before it is made.
    fn to_make(&self) -> Vec<InstalledChain>;

    /// Whether `fingerprint` covers all that was listed.
    fn is_covered_by(&self, fingerprint: &RulesetFingerprint) -> bool;

    /// Makes our chain hold exactly the committed bans, with one jump from each hook,
    /// and removes what was made and is no longer configured.
    ///
    /// Whatever is found is repaired, and nothing is written where all is right. A
    /// family that fails does not keep the other from being done.
    fn reconcile(self: Box<Self>, committed: &CommittedBans) -> ReconcileOutcome;

    /// The commands that remove the rules outside our chain by which `address` alone is
    /// still blocked. Such rules are of PyFilter or of people; we never remove them.
    fn other_rules_blocking(&self, address: Address) -> Vec<String>;

    /// What `check` tells. `store` is the id of the store, if there is one; `committed`
    /// is what the firewall should hold, if the last run has brought it to that.
    /// `is_known` says that it does hold that, so that our own part was not listed.
    fn check(
        &self,
        store: Option<&str>,
        committed: Option<&CommittedBans>,
        is_known: bool,
    ) -> Vec<FirewallFinding>;

    /// A sentence for each place that is not used any more, and in which something of
    /// `made` is or may be.
    fn leftovers(&self, made: &[InstalledChain]) -> Vec<String>;
}

/// What the store wants of the firewall.
#[derive(Debug, Clone)]
pub struct CommittedBans {
    /// The id of the store.
    pub store: String,
    /// What is banned, of both families.
    pub bans: BTreeSet<Subject>,
    /// What earlier runs made.
    pub made: Vec<InstalledChain>,
}

/// What [`FirewallInspection::reconcile`] or [`FirewallBackend::remove`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileOutcome {
    /// Whether anything was written.
    pub changed: bool,
    /// How many commits to the kernel's tables that took.
    pub commits: u32,
    /// How many IPv4 addresses our chain blocks now, as far as is known.
    pub v4: usize,
    /// How many IPv6 addresses our chain blocks now, as far as is known.
    pub v6: usize,
    /// What a person should know; the run is complete all the same.
    pub warnings: Vec<String>,
    /// What could not be done.
    pub problems: Vec<Problem>,
    /// Our chain was another store's. It was taken over, and that is told as a problem.
    pub taken_over: Vec<Problem>,
    /// What is left in a place that is not used any more, and could not be removed.
    pub leftovers: Vec<Problem>,
    /// What [`FirewallBackend::remove`] took away, for a sentence: `chain PYFILTER`.
    pub removed: BTreeSet<String>,
    /// What is ours in the firewall from now on, for the store to remember.
    pub installed: Vec<InstalledChain>,
}

/// What [`FirewallBackend::apply_delta`] did.
#[derive(Debug)]
pub struct DeltaOutcome {
    /// Whether anything was written.
    pub changed: bool,
    /// The state that this made; none if it is not certain that the chain is right,
    /// so that it has to be listed.
    pub fingerprint: Option<RulesetFingerprint>,
}

impl DeltaOutcome {
    /// Nothing was written, and what is there has to be listed.
    const NOTHING: DeltaOutcome = DeltaOutcome {
        changed: false,
        fingerprint: None,
    };
}

/// A sentence of `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirewallFinding {
    /// All is well.
    Fine(String),
    /// Something to know.
    Warning(String),
    /// Bans may not hold.
    Error(String),
}
