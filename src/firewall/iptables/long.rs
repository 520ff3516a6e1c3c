//! Lists a filter table of `nf_tables` that holds many rules, in time by its length:
//! `iptables-save` of the nft variant takes time by the square of it, over a minute for a
//! million rules. Our own chains are short and many, and each is asked for over netlink;
//! other people's chains are listed by `iptables -S CHAIN`, and so is a chain of ours that
//! holds anything but bans and ways on.

use super::listing::Listing;
use super::programs::{IptablesPrograms, TableCommand};
use super::rule::ListedRule;
use super::tree::is_child;
use crate::firewall::netlink::{KernelChain, NetlinkSocket, SourceVerdict, TablePath, source_rule};
use crate::model::Family;

/// From this many rules on, the table is listed chain by chain. That takes some
/// milliseconds for each of other people's chains, where to save 10,000 rules takes 30.
const LONG: u32 = 10_000;

/// With more chains that only `iptables` can list, all is saved at once.
const MOST_CHAINS: usize = 300;

/// What is to be listed of our chain and its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OurChains {
    Listed,
    LeftOut,
}

/// The filter table of `family`. None where it is short, where it is not one of
/// `nf_tables`, or where somebody changed it meanwhile: then all has to be saved.
pub(super) fn list(
    iptables: IptablesPrograms<'_>,
    family: Family,
    ours_are: &[&str],
    ours: OurChains,
) -> Option<Listing> {
    let mut socket = NetlinkSocket::open().ok()?;
    let generation = socket.generation().ok()?;
    let chains = socket.chains_in(TablePath::filter(family)).ok()?;
    let rules: u32 = chains.iter().map(|chain| chain.state.uses).sum();
    if rules < LONG {
        return None;
    }
    let version = iptables.version(TableCommand::List).ok()?;
    if !version.ends_with("(nf_tables)") {
        return None;
    }
    let mut listing = Listing::empty(family, version);
    let is_ours = |known: &&KernelChain| {
        let mut ours = ours_are.iter();
        ours.any(|chain| known.name == *chain || is_child(chain, &known.name))
    };
    let (own, mut by_program): (Vec<_>, Vec<_>) = chains.iter().partition(is_ours);
    for known in own.into_iter().filter(|_| ours == OurChains::Listed) {
        match rules_of(&mut socket, family, &known.name) {
            Some(rules) => listing.add(&known.name, rules),
            None => by_program.push(known),
        }
    }
    if by_program.len() > MOST_CHAINS {
        return None;
    }
    for known in by_program {
        listing = listing.with(iptables.list_chain(&known.name)?)?;
    }
    (socket.generation().ok()? == generation).then_some(listing)
}

/// The rules of a chain that holds nothing but bans and ways on.
fn rules_of(socket: &mut NetlinkSocket, family: Family, chain: &str) -> Option<Vec<ListedRule>> {
    let rules = socket.rules(TablePath::filter(family), chain).ok()?;
    let listed = rules.iter().map(|rule| {
        let (subject, verdict) = source_rule(rule, family)?;
        Some(match verdict {
            SourceVerdict::Deny(deny) => ListedRule::Ban { subject, deny },
            SourceVerdict::Goto(chain) => ListedRule::Goto {
                way: subject,
                chain: chain.into(),
            },
        })
    });
    listed.collect()
}
