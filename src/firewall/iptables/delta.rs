//! Writes a difference into our chains without listing them. The fingerprint says that
//! they are as they were left, and afterwards whether all went as planned.

use super::fingerprint;
use super::owner;
use super::programs::IptablesPrograms;
use super::ruleset::{Amendment, as_saved};
use super::saved;
use super::tree::ChainTree;
use crate::firewall::fingerprint::TableText;
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
    let all = usize::try_from(commits) == Ok(texts.len());
    let after = match before.tables() {
        None => fingerprint::counted(firewall).filter(|after| after.follows(before, commits)),
        // Legacy's tables are not listed again: if somebody else has written meanwhile,
        // the next run does not find them as they are expected here.
        Some(tables) => Some(before.with_tables(expected(tables, &texts))),
    };
    DeltaOutcome {
        changed: commits > 0,
        fingerprint: after.filter(|_| all),
    }
}

/// What a fingerprint keeps of the tables when the texts are written.
fn expected(tables: &[Option<TableText>; 2], texts: &[FamilyText]) -> [Option<TableText>; 2] {
    let mut expected = tables.clone();
    for FamilyText {
        family, gone, new, ..
    } in texts
    {
        if let Some(table) = &mut expected[usize::from(*family == Family::V6)] {
            let there = table.digest.wrapping_sub(*gone);
            table.digest = there.wrapping_add(*new);
        }
    }
    expected
}

/// What is written of a family.
struct FamilyText {
    family: Family,
    text: String,
    /// The digests of the chains that change: as they were, and as they become.
    gone: u128,
    new: u128,
}

/// The text of each family that is changed; none where it is not known what is there.
fn texts(
    firewall: &Firewall,
    before: &RulesetFingerprint,
    committed: &dyn Fn() -> Option<CommittedBans>,
    gone: &[Subject],
    new: &[Subject],
) -> Option<Vec<FamilyText>> {
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
        let [there, after] = ChainTree::differing(&firewall.chain, family, &bans, &gone, &new);
        let id = id_rule(&store, family, before);
        let change = Amendment::of(&there, &after);
        let (chain, deny) = (&*firewall.chain, firewall.deny);
        let digest = |chains| match before.tables() {
            Some(_) => saved::digest(as_saved(chains, chain, &id, deny, family).as_bytes()),
            None => 0,
        };
        texts.push(FamilyText {
            family,
            text: change.text(chain, &id, deny),
            gone: digest(&change.former),
            new: digest(&change.changed),
        });
    }
    Some(texts)
}

/// The rule that carries the store's id: by a chain, if an earlier run has made that.
fn id_rule(store: &str, family: Family, before: &RulesetFingerprint) -> String {
    let named = owner::chain_of(store);
    let is_there = match before.tables() {
        None => {
            let there = NetlinkSocket::open().and_then(|mut socket| socket.chain(family, &named));
            there.is_ok_and(|chain| chain.is_some())
        }
        Some(tables) => {
            let table = tables[usize::from(family == Family::V6)].as_ref();
            table.is_some_and(|table| table.named_after_stores.contains(&named))
        }
    };
    if is_there {
        format!("-j {named}")
    } else {
        owner::as_comment(store)
    }
}

/// Gives each family its text, IPv4 first, up to the first that is refused; says how
/// many were taken.
fn restore(firewall: &Firewall, texts: &[FamilyText]) -> u32 {
    let programs = firewall.programs.as_deref();
    let taken = texts.iter().take_while(|of_family| {
        let iptables = IptablesPrograms::new(of_family.family, programs);
        iptables.restore(&of_family.text).is_ok()
    });
    taken.map(|_| 1).sum()
}
