use std::path::PathBuf;

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

/// A chain that we made, and from where it was hooked. The store remembers it,
/// from before it is made, until it is known to be gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// The chain.
    pub chain: String,
    /// The chains that jump to it, sorted: their order means nothing.
    pub hooks: Vec<String>,
}

impl Made {
    /// What this configuration makes.
    #[must_use]
    pub fn of(firewall: &Firewall) -> Self {
        let mut hooks = firewall.hooks.clone();
        hooks.sort_unstable();
        Made {
            chain: firewall.chain.clone(),
            hooks,
        }
    }
}
