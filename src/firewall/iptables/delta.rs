//! Writes a difference into our chains without listing them. The fingerprint says that
//! they are as they were left, and afterwards whether all went as planned.

use std::collections::BTreeSet;

use super::fingerprint;
use super::programs::IptablesPrograms;
use super::ruleset::amendment;
use super::tree::ChainTree;
use crate::firewall::{CommittedBans, DeltaOutcome, RulesetFingerprint};
use crate::model::{Family, Firewall, Subject};

/// Takes `gone` out of our chains and puts `new` into them.
pub(super) fn apply(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    committed: &CommittedBans,
    gone: &[Subject],
    new: &[Subject],
) -> DeltaOutcome {
    let mut texts = Vec::new();
    for family in Family::BOTH {
        let is_changed = gone.iter().chain(new).any(|ban| ban.family() == family);
        if !is_changed {
            continue;
        }
        if before.rules(family).is_none() {
            return DeltaOutcome {
                changed: false,
                fingerprint: None,
            };
        }
        let of_family = |bans: &[Subject]| -> BTreeSet<Subject> {
            let bans = bans.iter().copied();
            bans.filter(|ban| ban.family() == family).collect()
        };
        let now = committed.bans.iter().copied();
        let now: BTreeSet<Subject> = now.filter(|ban| ban.family() == family).collect();
        let after = ChainTree::of(&firewall.chain, family, &now);
        let mut then = now;
        of_family(new).iter().for_each(|ban| {
            then.remove(ban);
        });
        then.extend(of_family(gone));
        let there = ChainTree::of(&firewall.chain, family, &then);
        let CommittedBans { store, .. } = committed;
        let text = amendment(&firewall.chain, store, firewall.deny, &there, &after);
        texts.push((family, text));
    }
    // Each restore is one commit.
    let commits = restore(firewall, &texts);
    let after = fingerprint::take(firewall).filter(|after| {
        usize::try_from(commits) == Ok(texts.len()) && after.follows(before, commits)
    });
    DeltaOutcome {
        changed: commits > 0,
        fingerprint: after,
    }
}

/// Gives each family its text, IPv4 first, up to the first that is refused; says how
/// many were taken.
fn restore(firewall: &Firewall, texts: &[(Family, String)]) -> u32 {
    let programs = firewall.programs.as_deref();
    let taken = texts.iter().take_while(|(family, text)| {
        let iptables = IptablesPrograms::new(*family, programs);
        iptables.restore(text).is_ok()
    });
    taken.map(|_| 1).sum()
}
