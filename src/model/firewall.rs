//! The firewall as the configuration names it, and what is remembered of it.
//!
//! Two tables are here: [`Backend`] has the backends, [`ChainLocation`] the places in the
//! kernel. Everything else about a backend is in its folder of `firewall`.

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
    /// The directory of the backend's programs; the usual ones if none.
    pub programs: Option<PathBuf>,
}

/// What applies the bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The one whose programs are there: what made the bans' place last, else iptables,
    /// else nftables.
    Auto,
    /// iptables and ip6tables, of either variant.
    Iptables,
    /// A table of our own in `nf_tables`, written with `nft`.
    Nftables,
    /// Nothing: decide and record only.
    None,
}

impl Backend {
    /// All of them, each with its word in the configuration and in reports.
    pub const NAMED: [(&str, Backend); 4] = [
        ("auto", Backend::Auto),
        ("iptables", Backend::Iptables),
        ("nftables", Backend::Nftables),
        ("none", Backend::None),
    ];

    /// Its word in the configuration and in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = Backend::NAMED.iter().find(|(_, backend)| *backend == self);
        named.map_or("", |(name, _)| name)
    }
}

/// Why a text can not be the name of a chain, as a half sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainNameError {
    /// A rule set would need quotes for it, or iptables does not take it.
    #[error(
        "must be the name of a chain: 1 to 28 letters, digits, -, _, ., +, : or @, not - first"
    )]
    Shape,
    /// A rule that jumps to it would jump to a target.
    #[error("must be the name of a chain: {0} is a target")]
    Target(&'static str),
    /// It can be a hook, but not a chain that pyfilter may flush.
    #[error("must be a chain of our own: {0} is another's, name it in settings.firewall.hooks")]
    NotOurs(String),
    /// A chain can not jump to itself.
    #[error("must not be our own chain, {0}")]
    Itself(String),
}

/// Targets, which no chain can be named after.
const TARGETS: [&str; 7] = [
    "ACCEPT", "DROP", "REJECT", "RETURN", "QUEUE", "NFQUEUE", "LOG",
];

/// The chains that the kernel brings.
const BUILT_IN: [&str; 5] = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"];

/// Whether a rule set can hold `name` as the name of a chain. A name with a blank or
/// a line end would be a command there.
///
/// # Errors
/// It can not.
fn check_chain_name(name: &str) -> Result<(), ChainNameError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+:@".contains(&byte);
    if !(1..=28).contains(&name.len()) || !name.bytes().all(fits) || name.starts_with('-') {
        return Err(ChainNameError::Shape);
    }
    match TARGETS.into_iter().find(|target| *target == name) {
        Some(target) => Err(ChainNameError::Target(target)),
        None => Ok(()),
    }
}

/// Whether `name` can be a chain that pyfilter makes, flushes and deletes.
///
/// # Errors
/// It can not.
pub fn check_own_chain(name: &str) -> Result<(), ChainNameError> {
    check_chain_name(name)?;
    if BUILT_IN.contains(&name) || name.starts_with("DOCKER") {
        return Err(ChainNameError::NotOurs(name.to_owned()));
    }
    Ok(())
}

/// Whether a rule that jumps to `chain` can be put into the chain `hook`.
///
/// # Errors
/// It can not.
pub fn check_hook(hook: &str, chain: &str) -> Result<(), ChainNameError> {
    check_chain_name(hook)?;
    if hook == chain {
        return Err(ChainNameError::Itself(chain.to_owned()));
    }
    Ok(())
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
    /// The word of the configuration, which is the target of a rule of iptables, too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Deny::Drop => "DROP",
            Deny::Reject => "REJECT",
        }
    }
}

/// The two variants of iptables. Each has rules of its own in the kernel, and a packet
/// passes both.
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

    /// The other variant.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            IptablesVariant::Nft => IptablesVariant::Legacy,
            IptablesVariant::Legacy => IptablesVariant::Nft,
        }
    }
}

/// Where in the kernel a chain of ours is, and so which program can remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainLocation {
    /// In a family's filter table of iptables.
    Iptables {
        /// Whose table.
        family: Family,
        /// Whose table of that name.
        variant: IptablesVariant,
    },
    /// A table of our own in `nf_tables`, for both families.
    Nftables,
}

impl ChainLocation {
    /// The word for what made the chain, as the store writes it.
    #[must_use]
    pub fn made_by(self) -> &'static str {
        match self {
            ChainLocation::Iptables { variant, .. } => match variant {
                IptablesVariant::Nft => "iptables-nft",
                IptablesVariant::Legacy => "iptables-legacy",
            },
            ChainLocation::Nftables => "nftables",
        }
    }

    /// The backend whose place it is.
    #[must_use]
    pub fn backend(self) -> Backend {
        match self {
            ChainLocation::Iptables { .. } => Backend::Iptables,
            ChainLocation::Nftables => Backend::Nftables,
        }
    }

    /// The family of its table; none if it is one for both.
    #[must_use]
    pub fn family(self) -> Option<Family> {
        match self {
            ChainLocation::Iptables { family, .. } => Some(family),
            ChainLocation::Nftables => None,
        }
    }

    /// The location with this [`Self::made_by`] and [`Self::family`].
    #[must_use]
    pub fn named(made_by: &str, family: Option<Family>) -> Option<Self> {
        let variants = [IptablesVariant::Nft, IptablesVariant::Legacy];
        let all = Family::BOTH
            .into_iter()
            .flat_map(|family| variants.map(|variant| ChainLocation::Iptables { family, variant }));
        all.chain([ChainLocation::Nftables])
            .find(|location| location.made_by() == made_by && location.family() == family)
    }
}

/// A chain that we made, where, and which chains jump to it. The store remembers it
/// from before it is made until it is known to be gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledChain {
    /// Where it is; none if 3.0.0 remembered it, which did not note that: then
    /// it may be in any filter table.
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

    /// Whether it is, or may be, one that `backend` made: 3.0.0 had iptables alone.
    #[must_use]
    pub fn may_be_of(&self, backend: Backend) -> bool {
        self.place.map_or(Backend::Iptables, ChainLocation::backend) == backend
    }

    /// Whether it is, or may be, in that table.
    #[must_use]
    pub fn may_be_in(&self, place: ChainLocation) -> bool {
        self.place.is_none_or(|own| own == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_commands_are_refused() {
        for wrong in [
            "",
            "A B",
            "A\n-F INPUT",
            "-F",
            "!X",
            "\"",
            "zürich",
            &"x".repeat(29),
        ] {
            assert_eq!(check_chain_name(wrong), Err(ChainNameError::Shape));
        }
        for right in ["PYFILTER", "DOCKER-USER", "f2b-sshd", &"x".repeat(28)] {
            assert_eq!(check_chain_name(right), Ok(()), "{right:?}");
        }
        assert!(check_own_chain("INPUT").is_err() && check_own_chain("DOCKER-USER").is_err());
        assert!(check_hook("X", "X").is_err() && check_hook("INPUT", "X").is_ok());
    }
}
