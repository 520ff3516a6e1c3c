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

/// The state of the firewall at one moment, as far as it is told without
/// looking into our chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetFingerprint {
    /// Whose firewall it is, and what is wanted of it.
    place: String,
    state: RulesetState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RulesetState {
    /// That of `nf_tables`.
    Counted {
        generation: u32,
        /// Our chain in IPv4 and IPv6.
        chains: [Option<ChainState>; 2],
    },
    /// That of tables without a generation: the filter tables of IPv4 and IPv6.
    Text([Option<TableText>; 2]),
}

/// What a fingerprint keeps of a table's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableText {
    /// Tables with the same digest are the same.
    pub(super) digest: u128,
    /// Whether our chain is there.
    pub(super) has_chain: bool,
    /// The chains that are named after stores.
    pub(super) named_after_stores: Vec<String>,
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
            state: RulesetState::Counted {
                // Last: what is changed while the rest is being read counts as later.
                generation: socket.generation()?,
                chains,
            },
        })
    }

    /// The state of tables that are told by their text.
    pub(super) fn of_text(place: String, tables: [Option<TableText>; 2]) -> Self {
        let state = RulesetState::Text(tables);
        RulesetFingerprint { place, state }
    }

    /// The filter tables of IPv4 and IPv6, if they are told by their text.
    pub(super) fn tables(&self) -> Option<&[Option<TableText>; 2]> {
        match &self.state {
            RulesetState::Text(tables) => Some(tables),
            RulesetState::Counted { .. } => None,
        }
    }

    /// The state of other tables in the same place.
    pub(super) fn with_tables(&self, tables: [Option<TableText>; 2]) -> Self {
        Self::of_text(self.place.clone(), tables)
    }

    /// All of it, for the store: firewalls with the same text are the same.
    #[must_use]
    pub fn text(&self) -> String {
        let place = &self.place;
        let told = |told: Option<String>| told.unwrap_or_else(|| "none".to_owned());
        match &self.state {
            RulesetState::Counted { generation, chains } => {
                let chain = |ChainState { handle, uses }| format!("{handle}/{uses}");
                let [v4, v6] = chains.map(|state| told(state.map(chain)));
                format!("{place}; generation {generation}, v4 {v4}, v6 {v6}")
            }
            RulesetState::Text(tables) => {
                let digest = |table: &TableText| format!("{:032x}", table.digest);
                let [v4, v6] = tables
                    .each_ref()
                    .map(|table| told(table.as_ref().map(digest)));
                format!("{place}; text v4 {v4}, v6 {v6}")
            }
        }
    }

    /// The state after `commits` commits of our own, if nobody else has made one: `now`
    /// is asked for the state now where something counts them. A text that we have
    /// written ourselves has to be listed first.
    #[must_use]
    pub fn after(&self, commits: u32, now: impl FnOnce() -> Option<Self>) -> Option<Self> {
        match self.state {
            RulesetState::Counted { .. } => now().filter(|now| now.follows(self, commits)),
            RulesetState::Text(_) => (commits == 0).then(|| self.clone()),
        }
    }

    /// Whether there were exactly `commits` commits since `before`: those that we have
    /// made ourselves.
    #[must_use]
    pub fn follows(&self, before: &RulesetFingerprint, commits: u32) -> bool {
        let generation = |of: &RulesetFingerprint| match of.state {
            RulesetState::Counted { generation, .. } => Some(generation),
            RulesetState::Text(_) => None,
        };
        let expected = generation(before).and_then(|before| before.checked_add(commits));
        self.place == before.place && expected.is_some() && expected == generation(self)
    }

    /// Whether there is a chain of ours for `family`.
    #[must_use]
    pub fn has_chain(&self, family: Family) -> bool {
        let number = usize::from(family == Family::V6);
        match &self.state {
            RulesetState::Counted { chains, .. } => chains[number].is_some(),
            RulesetState::Text(tables) => tables[number].as_ref().is_some_and(|of| of.has_chain),
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
            state: RulesetState::Counted {
                generation,
                chains: [Some(chain), None],
            },
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
            state: RulesetState::Counted {
                generation: 5,
                chains: [None, None],
            },
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
    fn a_text_is_known_again_until_something_is_written() {
        let table = |digest| TableText {
            digest,
            has_chain: true,
            named_after_stores: Vec::new(),
        };
        let of = |v4| RulesetFingerprint::of_text("here".to_owned(), [Some(table(v4)), None]);
        assert_eq!(of(1).text(), of(1).text());
        assert_ne!(of(1).text(), of(2).text());
        assert!(of(1).text().ends_with("v6 none"), "{}", of(1).text());
        assert!(of(1).has_chain(Family::V4) && !of(1).has_chain(Family::V6));
        let unasked = || unreachable!("nothing counts the commits");
        assert_eq!(of(1).after(0, unasked), Some(of(1)));
        assert_eq!(of(1).after(1, unasked), None);
        assert!(!of(1).follows(&of(1), 0) && !of(1).follows(&fingerprint(5, 10), 0));
    }

    #[test]
    fn a_process_may_call_itself_what_it_likes() {
        let stat = "1 (a) b (c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 31 172 3";
        assert_eq!(started(stat).unwrap(), 31);
        assert!(started("1 (init").is_err());
    }
}
