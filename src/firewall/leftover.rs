//! What was made with the variant of iptables that is no longer the host's: found
//! without starting a program or loading a module, and taken away by the
//! variant's own programs, or by `nft`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::firewall::apply::{self, Fate};
use crate::firewall::error::FirewallError;
use crate::firewall::iptables::Iptables;
use crate::firewall::nftables::Nftables;
use crate::firewall::{FirewallListing, ReconcileOutcome, nft, ruleset};
use crate::model::{ChainLocation, Family, Firewall, InstalledChain, IptablesVariant, Problem};

/// One filter table, and what was made there and elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Leftover<'a> {
    pub(super) family: Family,
    pub(super) variant: IptablesVariant,
    pub(super) made: &'a [InstalledChain],
    /// The store whose chains are taken away; any store's, if none.
    pub(super) store: Option<&'a str>,
    pub(super) programs: Option<&'a Path>,
}

/// What taking it away came to.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// How many commits to the kernel's tables that took.
    pub(super) commits: u32,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

impl Leftover<'_> {
    /// Takes it away; does nothing where there is nothing.
    ///
    /// # Errors
    /// A sentence: what may still stand, why, and the command that removes it.
    pub(super) fn take_away(self) -> Result<Taken, String> {
        let there = self.there();
        if there.is_empty() {
            return Ok(Taken::default());
        }
        let error = match self.by_iptables() {
            Ok(taken) => return Ok(taken),
            Err(error) => error,
        };
        let missing = matches!(error, FirewallError::VariantMissing { .. });
        if missing && there.iter().all(|made| made.place.is_none()) {
            // A version that noted no place used the programs that the host had: in a
            // table for which there are none it made nothing.
            return Ok(Taken::default());
        }
        match self.variant {
            IptablesVariant::Legacy => Err(self.stays(&there, &error.to_string())),
            IptablesVariant::Nft => nft::take_away(self.family, &there, self.programs)
                .map_err(|by_nft| self.stays(&there, &format!("{error}; {by_nft}"))),
        }
    }

    /// What of it stands in the kernel, or may stand, as far as that tells without
    /// a program.
    pub(super) fn there(self) -> Vec<InstalledChain> {
        let place = ChainLocation::Iptables {
            family: self.family,
            variant: self.variant,
        };
        let made = self.made.iter().filter(|made| made.may_stand_in(place));
        match self.variant {
            IptablesVariant::Legacy if !has_legacy_filter(self.family) => Vec::new(),
            IptablesVariant::Legacy => made.cloned().collect(),
            IptablesVariant::Nft => {
                let Ok(mut nftables) = Nftables::open() else {
                    return Vec::new();
                };
                let mut stands =
                    |made: &&InstalledChain| match nftables.chain(self.family, &made.chain) {
                        Ok(chain) => chain.is_some(),
                        // Any other error is that of a kernel without nf_tables.
                        Err(error) => error.kind() == ErrorKind::PermissionDenied,
                    };
                made.filter(|made| stands(made)).cloned().collect()
            }
        }
    }

    fn by_iptables(self) -> Result<Taken, FirewallError> {
        let iptables = Iptables::of_variant(self.family, self.variant, self.programs);
        let plan = |listing: &_| ruleset::removal(self.made, self.store, listing);
        match apply::one(iptables, iptables.save(), &plan) {
            Fate::None => Ok(Taken::default()),
            Fate::Done { changed, plan, .. } => Ok(Taken {
                commits: u32::from(changed),
                warnings: plan.warnings,
            }),
            Fate::Failed { error, .. } => Err(error),
        }
    }

    /// What a person should do about what could not be taken away.
    fn stays(self, there: &[InstalledChain], why: &str) -> String {
        let mut chains: Vec<&str> = there.iter().map(|made| made.chain.as_str()).collect();
        chains.dedup();
        let chains = chains.join(" and ");
        format!(
            "what pyfilter made with the {} variant of iptables (chain {chains}) could not be taken \
             away, so it may go on blocking who is un-banned: {why}; remove it with: {}",
            self.variant.as_str(),
            self.command(there)
        )
    }

    /// The command that takes away what is there.
    pub(super) fn command(self, there: &[InstalledChain]) -> String {
        let program = match self.family {
            Family::V4 => format!("iptables-{}", self.variant.as_str()),
            Family::V6 => format!("ip6tables-{}", self.variant.as_str()),
        };
        let mut commands = Vec::new();
        for InstalledChain { chain, hooks, .. } in there {
            commands.extend(hooks.iter().map(|hook| format!("-D {hook} -j {chain}")));
            commands.extend([format!("-F {chain}"), format!("-X {chain}")]);
        }
        let commands = commands.iter().map(|rest| format!("{program} {rest}"));
        commands.collect::<Vec<_>>().join("; ")
    }
}

/// Whether legacy's filter table is there. Its own programs would make it, and
/// load its module, only to look.
fn has_legacy_filter(family: Family) -> bool {
    // Not `/proc/net`, which a service with `ProcSubset=pid` has not.
    let names = match family {
        Family::V4 => "/proc/self/net/ip_tables_names",
        Family::V6 => "/proc/self/net/ip6_tables_names",
    };
    match fs::read_to_string(names) {
        Ok(names) => names.lines().any(|name| name == "filter"),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

/// Takes `made` out of these filter tables, which are not those of the host's own
/// programs.
pub(super) fn take_away(
    firewall: &Firewall,
    store: Option<&str>,
    made: &[InstalledChain],
    tables: &[(Family, IptablesVariant)],
    outcome: &mut ReconcileOutcome,
) {
    for &(family, variant) in tables {
        let leftover = Leftover {
            family,
            variant,
            made,
            store,
            programs: firewall.programs.as_deref(),
        };
        match leftover.take_away() {
            Ok(taken) => {
                outcome.changed |= taken.commits > 0;
                outcome.commits += taken.commits;
                let warnings = taken.warnings.iter();
                let of_family = warnings.map(|warning| format!("firewall ({family}): {warning}"));
                outcome.warnings.extend(of_family);
            }
            Err(sentence) => {
                let message = format!("firewall ({family}): {sentence}");
                outcome.leftovers.push(Problem::new(message));
                let place = Some(ChainLocation::Iptables { family, variant });
                let stay = leftover.there().into_iter();
                outcome
                    .installed
                    .extend(stay.map(|made| InstalledChain { place, ..made }));
            }
        }
    }
}

/// What the other variant of iptables still has of `made`, or may have where
/// nothing here can look into it: the family, that variant, and the command that
/// takes it away. Loads no module.
#[must_use]
pub fn leftovers(
    firewall: &Firewall,
    made: &[InstalledChain],
    seen: &FirewallListing,
) -> Vec<(Family, IptablesVariant, String)> {
    let mut found = Vec::new();
    for listing in seen.listings() {
        let leftover = Leftover {
            family: listing.family,
            variant: listing.variant().other(),
            made,
            store: None,
            programs: firewall.programs.as_deref(),
        };
        let mut there = leftover.there();
        let Leftover {
            family, variant, ..
        } = leftover;
        if variant == IptablesVariant::Legacy && !there.is_empty() {
            // Without a program only the name of the table is known.
            let save = Iptables::of_variant(family, variant, leftover.programs).save();
            there.retain(|made| match &save {
                Ok(Some(listing)) => listing.chain(&made.chain).is_some(),
                Ok(None) => false,
                Err(_) => made.place.is_some(),
            });
        }
        if !there.is_empty() {
            found.push((family, variant, leftover.command(&there)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_takes_hooks_before_the_chain() {
        let made = [InstalledChain {
            place: None,
            chain: "PYFILTER".to_owned(),
            hooks: vec!["FORWARD".to_owned(), "INPUT".to_owned()],
        }];
        let leftover = Leftover {
            family: Family::V6,
            variant: IptablesVariant::Legacy,
            made: &made,
            store: None,
            programs: None,
        };
        assert_eq!(
            leftover.command(&made),
            "ip6tables-legacy -D FORWARD -j PYFILTER; ip6tables-legacy -D INPUT -j PYFILTER; \
             ip6tables-legacy -F PYFILTER; ip6tables-legacy -X PYFILTER"
        );
    }
}
