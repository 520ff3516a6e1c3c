//! What was made with the variant of iptables that the host no longer uses. It is found
//! without starting a program or loading a module, and removed by that variant's own
//! programs, or by `nft`.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::apply::{self, FamilyResult};
use super::error::FirewallError;
use super::long::OurChains;
use super::nft::{self, Removed};
use super::programs::IptablesPrograms;
use super::ruleset;
use super::tables::{FilterTables, listed};
use super::tree::is_child;
use crate::firewall::ReconcileOutcome;
use crate::firewall::netlink::{NetlinkSocket, TablePath};
use crate::model::{ChainLocation, Family, Firewall, InstalledChain, IptablesVariant, Problem};

/// One filter table, and what was made there and elsewhere.
#[derive(Clone, Copy)]
struct Leftover<'a> {
    family: Family,
    variant: IptablesVariant,
    made: &'a [InstalledChain],
    /// The store whose chains are removed; any store's, if none.
    store: Option<&'a str>,
    programs: Option<&'a Path>,
}

impl Leftover<'_> {
    /// Removes it; does nothing where there is nothing.
    ///
    /// # Errors
    /// A sentence: what may still be there, why, and the command that removes it.
    fn remove(self) -> Result<Removed, String> {
        let there = self.there();
        if there.is_empty() {
            return Ok(Removed::default());
        }
        let error = match self.by_iptables() {
            Ok(removed) => return Ok(removed),
            Err(error) => error,
        };
        let missing = matches!(error, FirewallError::VariantMissing { .. });
        if missing && there.iter().all(|made| made.place.is_none()) {
            // 3.0.0, which noted no place, used the programs that the host had. Without
            // programs for this table it made nothing in it.
            return Ok(Removed::default());
        }
        match self.variant {
            IptablesVariant::Legacy => Err(self.stays(&there, &error.to_string())),
            IptablesVariant::Nft => {
                let chains = self.chains().unwrap_or_default();
                nft::remove(self.family, &there, self.store, &chains, self.programs)
                    .map_err(|by_nft| self.stays(&there, &format!("{error}; {by_nft}")))
            }
        }
    }

    /// What of it is in the kernel, or may be, as far as the kernel tells without a
    /// program.
    fn there(self) -> Vec<InstalledChain> {
        let place = ChainLocation::Iptables {
            family: self.family,
            variant: self.variant,
        };
        let made = self.made.iter().filter(|made| made.may_be_in(place));
        match self.variant {
            IptablesVariant::Legacy if !has_legacy_filter(self.family) => Vec::new(),
            IptablesVariant::Legacy => made.cloned().collect(),
            IptablesVariant::Nft => {
                let is_there = |made: &&InstalledChain, chains: &[String]| {
                    let mut chains = chains.iter();
                    chains.any(|name| *name == made.chain || is_child(&made.chain, name))
                };
                match self.chains() {
                    Ok(chains) => made
                        .filter(|made| is_there(made, &chains))
                        .cloned()
                        .collect(),
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                        made.cloned().collect()
                    }
                    // Any other error is that of a kernel without nf_tables.
                    Err(_) => Vec::new(),
                }
            }
        }
    }

    /// The chains of the nft variant's table.
    fn chains(self) -> io::Result<Vec<String>> {
        let table = TablePath::filter(self.family);
        let chains = NetlinkSocket::open()?.chains_in(table)?;
        Ok(chains.into_iter().map(|chain| chain.name).collect())
    }

    fn by_iptables(self) -> Result<Removed, FirewallError> {
        let iptables = IptablesPrograms::of_variant(self.family, self.variant, self.programs);
        let plan = |listing: &_| ruleset::removal(self.made, self.store, listing);
        let chains: Vec<&str> = self.made.iter().map(|made| &*made.chain).collect();
        let list = || listed(iptables, self.family, &chains, OurChains::Listed);
        match apply::one(iptables, list(), list, &plan) {
            FamilyResult::None => Ok(Removed::default()),
            FamilyResult::Done { changed, plan, .. } => Ok(Removed {
                commits: u32::from(changed),
                warnings: plan.warnings,
            }),
            FamilyResult::Failed { error, .. } => Err(error),
        }
    }

    /// What a person should do about what could not be removed.
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

    /// The command that removes what is there.
    fn command(self, there: &[InstalledChain]) -> String {
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

/// Whether legacy's filter table is there. Its own programs would load its module and
/// make the table only to look into it.
pub(super) fn has_legacy_filter(family: Family) -> bool {
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

/// Takes `made` out of these filter tables, which the host's own programs do not show.
pub(super) fn remove_leftovers(
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
        match leftover.remove() {
            Ok(removed) => {
                outcome.changed |= removed.commits > 0;
                outcome.commits += removed.commits;
                let warnings = removed.warnings.iter();
                let of_family = warnings.map(|warning| format!("firewall ({family}): {warning}"));
                outcome.warnings.extend(of_family);
            }
            Err(sentence) => {
                let message = format!("firewall ({family}): {sentence}");
                outcome.leftovers.push(Problem::new(message));
                let place = Some(ChainLocation::Iptables { family, variant });
                let there = leftover.there().into_iter();
                outcome
                    .installed
                    .extend(there.map(|made| InstalledChain { place, ..made }));
            }
        }
    }
}

/// What the other variant of iptables still has of `made`, or may have where nothing can
/// look into it: a sentence a family, with the command that removes it. Loads no module.
pub(super) fn leftovers(seen: &FilterTables, made: &[InstalledChain]) -> Vec<String> {
    let mut found = Vec::new();
    for listing in seen.listings() {
        let leftover = Leftover {
            family: listing.family,
            variant: listing.variant().other(),
            made,
            store: None,
            programs: seen.firewall.programs.as_deref(),
        };
        let mut there = leftover.there();
        let Leftover {
            family, variant, ..
        } = leftover;
        if variant == IptablesVariant::Legacy && !there.is_empty() {
            // Without a program only the name of the table is known.
            let save = IptablesPrograms::of_variant(family, variant, leftover.programs).save();
            there.retain(|made| match &save {
                Ok(Some(listing)) => listing.chain(&made.chain).is_some(),
                Ok(None) => false,
                Err(_) => made.place.is_some(),
            });
        }
        if !there.is_empty() {
            let (variant, command) = (variant.as_str(), leftover.command(&there));
            found.push(format!("firewall: {family}: what was made with the {variant} variant of iptables may still block; the next run takes it away, or say: {command}"));
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
