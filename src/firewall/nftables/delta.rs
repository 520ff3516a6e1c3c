//! Writes a difference into our sets without listing them. The fingerprint says
//! afterwards whether anybody else has written meanwhile.

use std::collections::BTreeSet;

use super::layout::table_name;
use super::{fingerprint, plan, program};
use crate::firewall::{CommittedBans, DeltaOutcome, RulesetFingerprint};
use crate::model::{Firewall, Subject};

/// Takes `gone` out of our sets and puts `new` into them.
pub(super) fn apply(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    committed: &dyn Fn() -> Option<CommittedBans>,
    gone: &[Subject],
    new: &[Subject],
) -> DeltaOutcome {
    let table = table_name(&firewall.chain);
    // Only which networks stand in a set depends on all the others.
    let has_networks = gone.iter().chain(new).any(|ban| !ban.is_address());
    let bans = match has_networks.then(committed) {
        None => BTreeSet::new(),
        Some(Some(committed)) => committed.bans,
        Some(None) => return DeltaOutcome::NOTHING,
    };
    let text = plan::delta(&table, &bans, gone, new);
    let commits = u32::from(!text.is_empty());
    // What is refused, is listed: a set may be full, or an element not there.
    let written = text.is_empty()
        || program::find(firewall.programs.as_deref())
            .is_ok_and(|nft| program::commit(&nft, &text, &table).is_ok());
    let after =
        fingerprint::take(firewall).filter(|after| written && after.follows(before, commits));
    DeltaOutcome {
        changed: written && commits > 0,
        fingerprint: after,
    }
}
