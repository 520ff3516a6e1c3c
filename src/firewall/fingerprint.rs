//! How a run knows, without listing anything, that our chain still is what the last
//! run left.
//!
//! `nf_tables` counts the generation of its rule set up at each commit, whoever makes
//! it. So the same generation in the same network namespace is the same rule set.
//!
//! A fingerprint is a text in the store. An example, in four parts:
//!
//! ```text
//! layout 3, boot 9f0c…, first process 31, namespace 4:4026531840, IPv6 true,
//!   (2049, 1311) 99392 (1700000000, 5), …      which kernel, and which programs
//! chain "PYFILTER", hooks ["INPUT"], DROP;     what the configuration wants
//! generation 1042,                             commits so far, of anybody
//! v4 7/18, v6 9/3                              our chains: handle/uses
//! ```
//!
//! `v4 7/18` is a chain with the handle 7 that is used 18 times: by sixteen ways on, the
//! rule with the store's id, and one jump to it.
//!
//! - The next run takes the same text: nothing has changed, nothing is listed.
//! - The run has one address more to ban, and writes it with one commit. Afterwards it
//!   must find generation 1043 ([`RulesetFingerprint::follows`]). With generation 1044
//!   somebody else has written at the same moment: the chains are listed.
//! - Somebody adds a rule to any table: generation 1043, so the chains are listed.
//!
//! A generation and an inode are used again, so the first part proves the namespace: by
//! the boot, by the start of process 1 (a container has another one after each start),
//! by the namespace's inode, and by the handles of our chains. The programs belong to
//! it because the chain is in another place with the other variant of iptables. The
//! layout keeps the fingerprint of an earlier version from being trusted. Where any
//! part can not be had there is no fingerprint, and the chain is listed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::firewall::netlink::{ChainState, NetlinkSocket};
use crate::model::Family;

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
    /// The state now, with our chains as `chains` finds them. `place` says what the
    /// backend depends on.
    pub(super) fn take(
        place: impl FnOnce() -> io::Result<String>,
        chains: impl FnOnce(&mut NetlinkSocket) -> io::Result<[Option<ChainState>; 2]>,
    ) -> io::Result<Self> {
        let mut socket = NetlinkSocket::open()?;
        let chains = chains(&mut socket)?;
        Ok(RulesetFingerprint {
            place: place()?,
            // Last: what is changed while the rest is being read counts as later.
            generation: socket.generation()?,
            chains,
        })
    }

    /// All of it, for the store: firewalls with the same text are the same.
    #[must_use]
    pub fn text(&self) -> String {
        let chain = |chain: Option<ChainState>| {
            chain.map_or_else(
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

    /// Whether there were exactly `commits` commits since `before`: those that we have
    /// made ourselves.
    #[must_use]
    pub fn follows(&self, before: &RulesetFingerprint, commits: u32) -> bool {
        self.place == before.place
            && before.generation.checked_add(commits) == Some(self.generation)
    }

    /// Whether there is a chain of ours for `family`.
    #[must_use]
    pub fn has_chain(&self, family: Family) -> bool {
        let [v4, v6] = self.chains;
        match family {
            Family::V4 => v4.is_some(),
            Family::V6 => v6.is_some(),
        }
    }
}

/// The network namespace, as text: it is another after a reboot and in each container.
pub(super) fn namespace() -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let first = started(&fs::read_to_string("/proc/1/stat")?)?;
    let namespace = fs::metadata("/proc/self/ns/net")?;
    Ok(format!(
        "boot {}, first process {first}, namespace {}:{}",
        boot.trim(),
        namespace.dev(),
        namespace.ino()
    ))
}

/// When a process began, in ticks since boot: the 22nd field of its `stat`. Fields are
/// counted after the name, which may hold anything.
fn started(stat: &str) -> io::Result<u64> {
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields);
    fields
        .and_then(|fields| fields.split(' ').nth(19)?.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/1/stat is not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(generation: u32, uses: u32) -> RulesetFingerprint {
        let chain = ChainState { handle: 1, uses };
        RulesetFingerprint {
            place: "here".to_owned(),
            generation,
            chains: [Some(chain), None],
        }
    }

    #[test]
    fn a_fingerprint_is_another_after_any_change() {
        let before = fingerprint(5, 10);
        let elsewhere = RulesetFingerprint {
            place: "there".to_owned(),
            ..before.clone()
        };
        let bare = RulesetFingerprint {
            chains: [None, None],
            ..before.clone()
        };
        for after in [&fingerprint(6, 10), &fingerprint(5, 11), &elsewhere, &bare] {
            assert_ne!(after.text(), before.text());
        }
        assert_eq!(fingerprint(5, 10).text(), before.text());
    }

    #[test]
    fn only_our_own_commits_may_lie_between() {
        let before = fingerprint(5, 10);
        assert!(fingerprint(5, 10).follows(&before, 0));
        assert!(fingerprint(7, 10).follows(&before, 2));
        assert!(!fingerprint(6, 10).follows(&before, 0), "somebody else's");
        assert!(
            !fingerprint(5, 10).follows(&before, 1),
            "ours changed nothing"
        );
        assert!(
            !fingerprint(0, 10).follows(&fingerprint(u32::MAX, 10), 1),
            "it begins anew"
        );
        let elsewhere = RulesetFingerprint {
            place: "there".to_owned(),
            ..fingerprint(6, 10)
        };
        assert!(!elsewhere.follows(&before, 1));
    }

    #[test]
    fn a_process_may_call_itself_what_it_likes() {
        let stat = "1 (a) b (c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 31 172 3";
        assert_eq!(started(stat).unwrap(), 31);
        assert!(started("1 (init").is_err());
    }
}
