//! A plan for each family, made and given to the kernel.

use std::collections::BTreeSet;

use super::error::FirewallError;
use super::listing::Listing;
use super::long::OurChains;
use super::programs::IptablesPrograms;
use super::ruleset::RulesetPlan;
use super::tables::{FamilyListing, FilterTables, listed};
use crate::model::{Family, Firewall, IptablesVariant, Subject};

/// What came of one family.
pub(super) struct AppliedFamily {
    pub(super) family: Family,
    pub(super) result: FamilyResult,
}

pub(super) enum FamilyResult {
    /// The host has no such family.
    None,
    /// All is as planned, by writing or without.
    Done {
        changed: bool,
        plan: RulesetPlan,
        /// The variant whose table it is.
        variant: IptablesVariant,
    },
    /// Nothing was changed; what was listed before, if it could be.
    Failed {
        error: FirewallError,
        before: Option<Listing>,
    },
}

impl AppliedFamily {
    /// How many addresses our chain blocks now, as far as is known.
    pub(super) fn blocked(&self, firewall: &Firewall, wanted: &BTreeSet<Subject>) -> usize {
        match &self.result {
            FamilyResult::None => 0,
            FamilyResult::Done { .. } => {
                let of_family = |address: &&Subject| address.family() == self.family;
                wanted.iter().filter(of_family).count()
            }
            FamilyResult::Failed { before, .. } => {
                let before = before.as_ref();
                before.map_or(0, |seen| seen.bans_below(&firewall.chain))
            }
        }
    }
}

/// Applies the plan to IPv4, then to IPv6, whether or not IPv4 failed.
pub(super) fn both(
    seen: FilterTables,
    plan: impl Fn(&Listing) -> RulesetPlan,
) -> [AppliedFamily; 2] {
    let Firewall {
        programs, chain, ..
    } = &seen.firewall;
    [(Family::V4, seen.v4), (Family::V6, seen.v6)].map(|(family, listing)| {
        let iptables = IptablesPrograms::new(family, programs.as_deref());
        let list = || listed(iptables, family, &[chain], OurChains::Listed);
        let result = one(iptables, listing, list, &plan);
        AppliedFamily { family, result }
    })
}

/// Applies the plan to one family with these programs, by what was seen or, where that
/// is refused, by what `list` gives.
pub(super) fn one(
    iptables: IptablesPrograms<'_>,
    seen: FamilyListing,
    list: impl Fn() -> FamilyListing,
    plan: &impl Fn(&Listing) -> RulesetPlan,
) -> FamilyResult {
    let before = match seen {
        Ok(Some(listing)) => listing,
        Ok(None) => return FamilyResult::None,
        Err(error) => return failed(error, None),
    };
    let variant = before.variant();
    let (error, before) = match write(iptables, plan(&before), variant) {
        Ok(done) => return done,
        Err(error) => (error, before),
    };
    // Somebody may have removed a rule of ours between listing and writing. Then the
    // whole text is refused, and one more try with a new listing may succeed.
    if let FirewallError::Refused { .. } | FirewallError::Failed { .. } = error
        && let Ok(Some(now)) = list()
        && now != before
    {
        let written = write(iptables, plan(&now), variant);
        return written.unwrap_or_else(|error| failed(error, Some(now)));
    }
    failed(error, Some(before))
}

fn failed(error: FirewallError, before: Option<Listing>) -> FamilyResult {
    FamilyResult::Failed { error, before }
}

fn write(
    iptables: IptablesPrograms<'_>,
    plan: RulesetPlan,
    variant: IptablesVariant,
) -> Result<FamilyResult, FirewallError> {
    let done = |changed, plan| FamilyResult::Done {
        changed,
        plan,
        variant,
    };
    let Some(text) = &plan.text else {
        return Ok(done(false, plan));
    };
    let given = iptables.restore(text).or_else(|error| match error {
        // Perhaps the kernel or the program has no comment match.
        FirewallError::Refused { .. } | FirewallError::Failed { .. } => {
            let without = plan.without_comment();
            let given = without.is_some_and(|text| iptables.restore(&text).is_ok());
            if given { Ok(()) } else { Err(error) }
        }
        error => Err(error),
    });
    given.map(|()| done(true, plan))
}
