//! How a run knows, without listing it, that our chain still is what the last
//! one left.
//!
//! `nf_tables` counts its rule set up at each commit of anybody, so the same
//! number in the same network namespace is the same rule set. That it is the
//! same namespace is told by the boot, by what runs as process 1 (a container's
//! is another after each start), by the namespace's inode, and, since such
//! numbers are given again, by our chains: their handles, and how many rules and
//! jumps each has. A mark also names what was used and wanted: the layout, so that
//! an earlier version's mark is not trusted, the programs, for with the other
//! variant of iptables the chain is in another place, and the configuration. With
//! any doubt there is no mark, and the chain is listed.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::firewall::FirewallListing;
use crate::firewall::iptables::{Iptables, PROGRAMS};
use crate::firewall::nftables::{ChainState, Nftables};
use crate::model::{Backend, Family, Firewall, IptablesVariant};

/// Which layout of our chain a mark is for. With 2, the chain carries its store's
/// id; 1, which marks did not name, had the bans alone.
const LAYOUT: u32 = 2;

/// The state of the firewall at one moment, as far as the kernel tells it
/// without listing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetFingerprint {
    /// Whose firewall it is, and what is wanted of it.
    place: String,
    generation: u32,
    /// Our chain in IPv4 and IPv6.
    chains: [Option<ChainState>; 2],
}

impl RulesetFingerprint {
    /// The state now; none where the kernel does not tell.
    #[must_use]
    pub fn take(firewall: &Firewall) -> Option<Self> {
        if firewall.backend == Backend::None {
            return None;
        }
        let mut nftables = Nftables::open().ok()?;
        let mut chain = |family| nftables.chain(family, &firewall.chain).ok();
        let chains = [chain(Family::V4)?, chain(Family::V6)?];
        Some(RulesetFingerprint {
            place: place(firewall).ok()?,
            // Last: what is changed while the rest is being read counts as later.
            generation: nftables.generation().ok()?,
            chains,
        })
    }

    /// All of it, for the store: the firewalls are the same if their marks are.
    #[must_use]
    pub fn text(&self) -> String {
        let chain = |standing: Option<ChainState>| {
            standing.map_or_else(
                || "none".to_owned(),
                |ChainState { handle, uses }| format!("{handle}/{uses}"),
            )
        };
        let [v4, v6] = self.chains.map(chain);
        format!(
            "{}; generation {}, v4 {v4}, v6 {v6}",
            self.place, self.generation
        )
    }

    /// Whether between `before` and this moment there were `commits` commits and
    /// no other: those that we have made ourselves.
    #[must_use]
    pub fn follows(&self, before: &RulesetFingerprint, commits: u32) -> bool {
        self.place == before.place
            && before.generation.checked_add(commits) == Some(self.generation)
    }

    /// How many rules our chain of `family` holds, about: jumps to it count
    /// among them. None if there is no chain.
    #[must_use]
    pub fn rules(&self, family: Family) -> Option<usize> {
        let [v4, v6] = self.chains;
        let chain = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        usize::try_from(chain?.uses).ok()
    }

    /// Whether our chains have come to hold that many rules more, for IPv4 and
    /// IPv6, and are the same otherwise.
    #[must_use]
    pub fn has_grown(&self, before: &RulesetFingerprint, by: [i64; 2]) -> bool {
        let sides = self.chains.iter().zip(&before.chains).zip(by);
        sides
            .into_iter()
            .all(|((now, before), by)| match (now, before) {
                (Some(now), Some(before)) => {
                    now.handle == before.handle
                        && i64::from(now.uses) == i64::from(before.uses) + by
                }
                (None, None) => by == 0,
                _ => false,
            })
    }

    /// Whether the rules that `seen` lists are those of `nf_tables`, which alone count
    /// its number up, and our chain stands in every family that the host has.
    #[must_use]
    pub fn matches(&self, seen: &FirewallListing) -> bool {
        let sides = [&seen.v4, &seen.v6].into_iter().zip(&self.chains);
        sides.into_iter().all(|(seen, chain)| match seen {
            Ok(Some(listing)) => listing.variant() == IptablesVariant::Nft && chain.is_some(),
            Ok(None) => chain.is_none() && !Iptables::kernel_has_ipv6(),
            Err(_) => false,
        })
    }
}

/// Whose firewall it is, and what is wanted of it.
fn place(firewall: &Firewall) -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let first = started(&fs::read_to_string("/proc/1/stat")?)?;
    let namespace = fs::metadata("/proc/self/ns/net")?;
    let mut place = format!(
        "layout {LAYOUT}, boot {}, first process {first}, namespace {}:{}, IPv6 {}",
        boot.trim(),
        namespace.dev(),
        namespace.ino(),
        Iptables::kernel_has_ipv6(),
    );
    for family in Family::BOTH {
        let iptables = Iptables::new(family, firewall.programs.as_deref());
        for program in PROGRAMS {
            let found = iptables.find(program.of(family));
            let (path, _) = found.map_err(io::Error::other)?;
            let there = fs::metadata(path)?;
            let (file, changed) = (
                (there.dev(), there.ino()),
                (there.ctime(), there.ctime_nsec()),
            );
            let _ = write!(place, ", {file:?} {} {changed:?}", there.size());
        }
    }
    let Firewall {
        chain, hooks, deny, ..
    } = firewall;
    Ok(format!(
        "{place}, chain {chain:?}, hooks {hooks:?}, {}",
        deny.as_str()
    ))
}

/// When a process began, in ticks since boot: the 22nd field of its `stat`,
/// counted behind the name, which may hold anything.
fn started(stat: &str) -> io::Result<u64> {
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields);
    fields
        .and_then(|fields| fields.split(' ').nth(19)?.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/1/stat is not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(generation: u32, uses: u32) -> RulesetFingerprint {
        let standing = ChainState { handle: 1, uses };
        RulesetFingerprint {
            place: "here".to_owned(),
            generation,
            chains: [Some(standing), None],
        }
    }

    #[test]
    fn a_mark_is_another_after_any_change() {
        let before = mark(5, 10);
        let elsewhere = RulesetFingerprint {
            place: "there".to_owned(),
            ..before.clone()
        };
        let bare = RulesetFingerprint {
            chains: [None, None],
            ..before.clone()
        };
        for after in [&mark(6, 10), &mark(5, 11), &elsewhere, &bare] {
            assert_ne!(after.text(), before.text());
        }
        assert_eq!(mark(5, 10).text(), before.text());
    }

    #[test]
    fn only_our_own_commits_may_lie_between() {
        let before = mark(5, 10);
        assert!(mark(5, 10).follows(&before, 0));
        assert!(mark(7, 10).follows(&before, 2));
        assert!(!mark(6, 10).follows(&before, 0), "somebody else's");
        assert!(!mark(5, 10).follows(&before, 1), "ours changed nothing");
        assert!(
            !mark(0, 10).follows(&mark(u32::MAX, 10), 1),
            "it begins anew"
        );
        let elsewhere = RulesetFingerprint {
            place: "there".to_owned(),
            ..mark(6, 10)
        };
        assert!(!elsewhere.follows(&before, 1));
    }

    #[test]
    fn the_chain_must_have_grown_by_what_was_written() {
        let before = mark(5, 10);
        assert!(mark(6, 13).has_grown(&before, [3, 0]));
        assert!(mark(6, 8).has_grown(&before, [-2, 0]));
        assert!(!mark(6, 13).has_grown(&before, [2, 0]));
        assert!(!mark(6, 10).has_grown(&before, [0, 1]));
        let gone = RulesetFingerprint {
            chains: [None, None],
            ..mark(6, 10)
        };
        assert!(!gone.has_grown(&before, [0, 0]));
    }

    #[test]
    fn a_process_may_call_itself_what_it_likes() {
        let stat = "1 (a) b (c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 31 172 3";
        assert_eq!(started(stat).unwrap(), 31);
        assert!(started("1 (init").is_err());
    }
}
