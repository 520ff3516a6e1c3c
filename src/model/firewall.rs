use std::path::PathBuf;

use super::Family;

/// The chain and its hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// What applies the bans.
    pub backend: Backend,
    /// Our chain.
    pub chain: String,
    /// The chains that jump to ours.
    pub hooks: Vec<String>,
    /// What happens to a packet of a banned address.
    pub deny: Deny,
    /// `reload_iptables`: whether each run compares what is there with what
    /// should be, and repairs it.
    pub compare: bool,
    /// The directory of `iptables`, `iptables-save`, … ; the usual ones if none.
    pub programs: Option<PathBuf>,
}

/// What applies the bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// iptables and ip6tables, of either variant.
    Iptables,
    /// Nothing: decide and record only.
    None,
}

/// What happens to a packet of a banned address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deny {
    /// It vanishes.
    Drop,
    /// Its sender is told.
    Reject,
}

impl Deny {
    /// The target's name in iptables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Deny::Drop => "DROP",
            Deny::Reject => "REJECT",
        }
    }
}

/// The two programs that iptables can be. Each has rules of its own in the
/// kernel, and a packet passes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IptablesVariant {
    /// `iptables-nft`: its rules are `nf_tables`' tables `ip filter` and `ip6 filter`.
    Nft,
    /// `iptables-legacy`: its rules are `ip_tables`' own.
    Legacy,
}

impl IptablesVariant {
    /// The word in the names of its programs: `iptables-nft`, `iptables-legacy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            IptablesVariant::Nft => "nft",
            IptablesVariant::Legacy => "legacy",
        }
    }

    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            IptablesVariant::Nft => IptablesVariant::Legacy,
            IptablesVariant::Legacy => IptablesVariant::Nft,
        }
    }
}

/// Where in the kernel a chain of ours stands, and so which program can take it
/// away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainLocation {
    /// In a family's filter table of iptables.
    Iptables {
        /// Whose table.
        family: Family,
        /// Which of the two tables of that name.
        variant: IptablesVariant,
    },
}

/// A chain that we made, where, and from where it was hooked. The store
/// remembers it, from before it is made, until it is known to be gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledChain {
    /// Where it stands; none if a version remembered it that did not note that:
    /// then it may be in any filter table.
    pub place: Option<ChainLocation>,
    /// The chain.
    pub chain: String,
    /// The chains that jump to it, sorted: their order means nothing.
    pub hooks: Vec<String>,
}

impl InstalledChain {
    /// What this configuration makes there.
    #[must_use]
    pub fn of(firewall: &Firewall, place: Option<ChainLocation>) -> Self {
        let mut hooks = firewall.hooks.clone();
        hooks.sort_unstable();
        InstalledChain {
            place,
            chain: firewall.chain.clone(),
            hooks,
        }
    }

    /// Whether it is, or may be, in that table.
    #[must_use]
    pub fn may_stand_in(&self, place: ChainLocation) -> bool {
        self.place.is_none_or(|own| own == place)
    }
}
