//! A plan of each family, made and given to the kernel.

use std::collections::BTreeSet;

use crate::firewall::error::FirewallError;
use crate::firewall::iptables::Iptables;
use crate::firewall::listing::Listing;
use crate::firewall::ruleset::RulesetPlan;
use crate::firewall::{FamilyListing, FirewallListing};
use crate::model::{Address, Family, Firewall, IptablesVariant};

/// What became of one family.
pub(super) struct Side {
    pub(super) family: Family,
    pub(super) fate: Fate,
}

pub(super) enum Fate {
    /// The host has no such family.
    None,
    /// All is as planned, by writing or without.
    Done {
        changed: bool,
        plan: RulesetPlan,
        /// Whose table it was.
        variant: IptablesVariant,
    },
    /// Nothing was changed; what was listed before, if it could be.
    Failed {
        error: FirewallError,
        before: Option<Listing>,
    },
}

impl Side {
    /// How many addresses our chain blocks now, as far as is known.
    pub(super) fn blocked(&self, firewall: &Firewall, wanted: &BTreeSet<Address>) -> usize {
        match &self.fate {
            Fate::None => 0,
            Fate::Done { .. } => {
                let of_family = |address: &&Address| address.family() == self.family;
                wanted.iter().filter(of_family).count()
            }
            Fate::Failed { before, .. } => {
                let chain = before.as_ref().and_then(|seen| seen.chain(&firewall.chain));
                let rules = chain.map_or(&[][..], |chain| &chain.rules);
                let bans = rules.iter().filter_map(|rule| rule.single(self.family));
                bans.map(|(address, _)| address)
                    .collect::<BTreeSet<_>>()
                    .len()
            }
        }
    }
}

/// Brings IPv4, then IPv6, each whatever became of the other.
pub(super) fn both(
    firewall: &Firewall,
    seen: FirewallListing,
    plan: impl Fn(&Listing) -> RulesetPlan,
) -> [Side; 2] {
    [(Family::V4, seen.v4), (Family::V6, seen.v6)].map(|(family, seen)| Side {
        family,
        fate: one(
            Iptables::new(family, firewall.programs.as_deref()),
            seen,
            &plan,
        ),
    })
}

/// Brings one family with these programs.
pub(super) fn one(
    iptables: Iptables<'_>,
    seen: FamilyListing,
    plan: &impl Fn(&Listing) -> RulesetPlan,
) -> Fate {
    let before = match seen {
        Ok(Some(listing)) => listing,
        Ok(None) => return Fate::None,
        Err(error) => return failed(error, None),
    };
    let variant = before.variant();
    let (error, before) = match write(iptables, plan(&before), variant) {
        Ok(done) => return done,
        Err(error) => (error, before),
    };
    // A rule of ours may have gone between listing and writing: then the whole
    // text was refused, and a new look is worth one more try.
    if let FirewallError::Refused { .. } | FirewallError::Failed { .. } = error
        && let Ok(Some(now)) = iptables.save()
        && now != before
    {
        let written = write(iptables, plan(&now), variant);
        return written.unwrap_or_else(|error| failed(error, Some(now)));
    }
    failed(error, Some(before))
}

/// Gives each family its text, IPv4 first, up to the first that is refused;
/// says how many were taken.
pub(super) fn give(firewall: &Firewall, texts: &[(Family, String)]) -> usize {
    let programs = firewall.programs.as_deref();
    let given =
        |(family, text): &&(Family, String)| Iptables::new(*family, programs).restore(text).is_ok();
    texts.iter().take_while(given).count()
}

fn failed(error: FirewallError, before: Option<Listing>) -> Fate {
    Fate::Failed { error, before }
}

fn write(
    iptables: Iptables<'_>,
    plan: RulesetPlan,
    variant: IptablesVariant,
) -> Result<Fate, FirewallError> {
    let done = |changed, plan| Fate::Done {
        changed,
        plan,
        variant,
    };
    let Some(text) = &plan.text else {
        return Ok(done(false, plan));
    };
    let given = iptables.restore(text).or_else(|error| match error {
        // The kernel, or the program, may have no comment match.
        FirewallError::Refused { .. } | FirewallError::Failed { .. } => {
            let without = plan.without_comment();
            let given = without.is_some_and(|text| iptables.restore(&text).is_ok());
            if given { Ok(()) } else { Err(error) }
        }
        error => Err(error),
    });
    given.map(|()| done(true, plan))
}
