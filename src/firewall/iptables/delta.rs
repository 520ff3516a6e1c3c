//! Writes a difference into our chains without listing them. The fingerprint says that
//! they are as they were left, and afterwards whether all went as planned.

use super::fingerprint;
use super::owner;
use super::programs::IptablesPrograms;
use super::ruleset::amendment;
use super::tree::ChainTree;
use crate::firewall::netlink::NetlinkSocket;
use crate::firewall::{CommittedBans, DeltaOutcome, RulesetFingerprint};
use crate::model::{Family, Firewall, Subject};

/// Takes `gone` out of our chains and puts `new` into them.
pub(super) fn apply(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    committed: &dyn Fn() -> Option<CommittedBans>,
    gone: &[Subject],
    new: &[Subject],
) -> DeltaOutcome {
    let Some(texts) = texts(firewall, before, committed, gone, new) else {
        return DeltaOutcome::NOTHING;
    };
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

/// The text of each family that is changed; none where it is not known what is there.
fn texts(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    committed: &dyn Fn() -> Option<CommittedBans>,
    gone: &[Subject],
    new: &[Subject],
) -> Option<Vec<(Family, String)>> {
    let CommittedBans { store, bans, .. } = committed()?;
    let mut texts = Vec::new();
    for family in Family::BOTH {
        let of_family = |bans: &[Subject]| -> Vec<Subject> {
            let bans = bans.iter().copied();
            bans.filter(|ban| ban.family() == family).collect()
        };
        let (gone, new) = (of_family(gone), of_family(new));
        if gone.is_empty() && new.is_empty() {
            continue;
        }
        if !before.has_chain(family) {
            return None;
        }
        let after = ChainTree::of(&firewall.chain, family, &bans);
        let mut then = bans.clone();
        for ban in &new {
            then.remove(ban);
        }
        then.extend(gone);
        let there = ChainTree::of(&firewall.chain, family, &then);
        let id = id_rule(&store, family);
        let text = amendment(&firewall.chain, &id, firewall.deny, &there, &after);
        texts.push((family, text));
    }
    Some(texts)
}

/// The rule that carries the store's id: by a chain, if an earlier run has made that.
fn id_rule(store: &str, family: Family) -> String {
    let named = owner::chain_of(store);
    let there = NetlinkSocket::open().and_then(|mut socket| socket.chain(family, &named));
    match there {
        Ok(Some(_)) => format!("-j {named}"),
        _ => owner::as_comment(store),
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
