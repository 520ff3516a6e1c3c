//! Writes a difference into our chain without listing it. The fingerprint says how
//! many rules it has, and afterwards whether all went as planned.

use super::fingerprint;
use super::programs::IptablesPrograms;
use super::ruleset::amendment;
use crate::firewall::{CommittedBans, DeltaOutcome, RulesetFingerprint};
use crate::model::{Family, Firewall, Subject};

/// Takes `gone` out of our chain and puts `new` into it.
pub(super) fn apply(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    _committed: &CommittedBans,
    gone: &[Subject],
    new: &[Subject],
) -> DeltaOutcome {
    let mut texts = Vec::new();
    let mut growth = [0; 2];
    for (family, growth) in Family::BOTH.into_iter().zip(&mut growth) {
        let (gone, new) = (of_family(gone, family), of_family(new, family));
        if gone.is_empty() && new.is_empty() {
            continue;
        }
        let text = before
            .rules(family)
            .and_then(|there| amendment(&firewall.chain, firewall.deny, there, &gone, &new));
        let Some(text) = text else {
            return DeltaOutcome {
                changed: false,
                fingerprint: None,
            };
        };
        *growth = i64::try_from(new.len()).unwrap_or(0) - i64::try_from(gone.len()).unwrap_or(0);
        texts.push((family, text));
    }
    // Each restore is one commit.
    let commits = restore(firewall, &texts);
    let after = fingerprint::take(firewall).filter(|after| {
        usize::try_from(commits) == Ok(texts.len())
            && after.follows(before, commits)
            && after.has_grown(before, growth)
    });
    DeltaOutcome {
        changed: commits > 0,
        fingerprint: after,
    }
}

fn of_family(addresses: &[Subject], family: Family) -> Vec<Subject> {
    let addresses = addresses.iter().copied();
    addresses
        .filter(|address| address.family() == family)
        .collect()
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
