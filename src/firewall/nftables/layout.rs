//! What our table is made of. Pure.
//!
//! ```text
//! table inet pyfilter {
//!     set v4 { type ipv4_addr; size 16384; }
//!     set v6 { type ipv6_addr; size 16384; }
//!     set v4_networks { type ipv4_addr; flags interval; }
//!     set v6_networks { type ipv6_addr; flags interval; }
//!     chain store_3f9c2a0011223344 { }
//!     chain bans {
//!         ip saddr @v4 counter drop
//!         ip saddr @v4_networks counter drop
//!         ip6 saddr @v6 counter drop
//!         ip6 saddr @v6_networks counter drop
//!     }
//!     chain input { type filter hook input priority -10; policy accept; jump bans; }
//!     chain forward { type filter hook forward priority -10; policy accept; jump bans; }
//! }
//! ```
//!
//! - A packet passes the chains of all tables, whatever another table accepts: so ours
//!   stands in nobody's way, and nobody's in ours.
//! - `input` sees what is for this host, `forward` what is passed on to containers. Both
//!   lead to the same four rules, so that a counter counts both.
//! - The empty chain names the store whose bans these are. No rule leads to it.
//! - A set of a fixed size is a table of so many places in the kernel. It is filled and
//!   listed in half the time that one takes which grows by itself.

use std::fmt::Write as _;

use siphasher::sip::SipHasher13;

use crate::firewall::netlink::{
    BaseHook, Expression, KernelRule, KernelSet, RuleVerdict, SET_OF_INTERVALS, source_in_header,
};
use crate::firewall::store_id;
use crate::model::{Deny, Family, Subject};

/// The chain with the rules.
pub(super) const BANS: &str = "bans";

/// The chains where packets enter, each with the number of its hook.
pub(super) const ENTRIES: [(&str, u32); 2] = [("input", 1), ("forward", 2)];

/// Before `filter`, which is 0.
const PRIORITY: i32 = -10;

/// What the name of the store's chain begins with.
const STORE: &str = "store_";

/// How many bytes the name of a table has at most.
const LONGEST_NAME: usize = 63;

/// The least size of a set of addresses.
const SMALLEST: usize = 16_384;

/// One of our sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BanSet {
    pub(super) name: &'static str,
    pub(super) family: Family,
    /// Whether it holds networks; else single addresses.
    pub(super) is_of_networks: bool,
}

pub(super) const SETS: [BanSet; 4] = [
    BanSet::new("v4", Family::V4, false),
    BanSet::new("v4_networks", Family::V4, true),
    BanSet::new("v6", Family::V6, false),
    BanSet::new("v6_networks", Family::V6, true),
];

impl BanSet {
    const fn new(name: &'static str, family: Family, is_of_networks: bool) -> Self {
        BanSet {
            name,
            family,
            is_of_networks,
        }
    }

    /// Whether this is the set for `subject`.
    pub(super) fn is_for(self, subject: Subject) -> bool {
        subject.family() == self.family && subject.is_address() != self.is_of_networks
    }

    /// Whether the set in the kernel is as this one is made, and takes `count` elements.
    pub(super) fn is_made_as(self, set: &KernelSet, count: usize) -> bool {
        // The numbers of `nft`'s types: `ipv4_addr`, `ipv6_addr`.
        let key = match self.family {
            Family::V4 => (7, 4),
            Family::V6 => (8, 16),
        };
        let flags = if self.is_of_networks {
            SET_OF_INTERVALS
        } else {
            0
        };
        let size = set.size.and_then(|size| usize::try_from(size).ok());
        set.name == self.name
            && (set.key_type, set.key_length) == key
            && set.flags == flags
            && size.is_none_or(|size| count <= size)
    }

    /// `set v4 { type ipv4_addr; size 16384; }`, for so many elements.
    pub(super) fn definition(self, count: usize) -> String {
        let (name, of) = (self.name, self.nft_type());
        if self.is_of_networks {
            return format!("set {name} {{ type {of}; flags interval; }}");
        }
        // Twice as many as there are, so that it is long until it has to be made anew.
        let size = count.saturating_mul(2).next_power_of_two().max(SMALLEST);
        format!("set {name} {{ type {of}; size {size}; }}")
    }

    fn nft_type(self) -> &'static str {
        match self.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        }
    }

    /// `ip saddr @v4 counter drop`
    pub(super) fn rule(self, deny: Deny) -> String {
        let protocol = match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        };
        let verdict = match (deny, self.family) {
            (Deny::Drop, _) => "drop",
            (Deny::Reject, Family::V4) => "reject with icmp type port-unreachable",
            (Deny::Reject, Family::V6) => "reject with icmpv6 type port-unreachable",
        };
        format!("{protocol} saddr @{} counter {verdict}", self.name)
    }

    /// The packets that [`Self::rule`] has stopped; none if `rule` is another.
    pub(super) fn stopped_by(self, rule: &KernelRule, deny: Deny) -> Option<u64> {
        // `NFPROTO_IPV4`, `NFPROTO_IPV6`
        let protocol = match self.family {
            Family::V4 => 2,
            Family::V6 => 10,
        };
        let expected = [
            // `NFT_META_NFPROTO`
            Expression::Meta(15),
            Expression::Equal(vec![protocol]),
            source_in_header(self.family),
            Expression::InSet(self.name.to_owned()),
        ];
        let [source @ .., Expression::Counter { packets, .. }, verdict] =
            rule.expressions.as_slice()
        else {
            return None;
        };
        let denies = match (deny, self.family) {
            (Deny::Drop, _) => Expression::Verdict(RuleVerdict::Drop),
            (Deny::Reject, Family::V4) => port_unreachable(3),
            (Deny::Reject, Family::V6) => port_unreachable(4),
        };
        (*source == expected && *verdict == denies).then_some(*packets)
    }
}

/// The set for `subject`; none if the kernel has no such packets.
pub(super) fn set_of(subject: Subject, has_ipv6: bool) -> Option<BanSet> {
    let mut sets = SETS.into_iter();
    let set = sets.find(|set| set.is_for(subject))?;
    (has_ipv6 || set.family == Family::V4).then_some(set)
}

fn port_unreachable(code: u8) -> Expression {
    Expression::Reject {
        kind: 0,
        code: Some(code),
    }
}

/// How packets enter the chain of [`ENTRIES`] with this hook.
pub(super) fn entry_hook(hook: u32) -> BaseHook {
    BaseHook {
        kind: "filter".to_owned(),
        hook,
        priority: PRIORITY,
        policy: 1,
    }
}

/// The definition of a chain of [`ENTRIES`].
pub(super) fn entry_definition(name: &str) -> String {
    format!(
        "chain {name} {{ type filter hook {name} priority {PRIORITY}; policy accept; jump {BANS}; }}"
    )
}

/// Whether it is the one rule of a chain of [`ENTRIES`].
pub(super) fn is_entry_rule(rule: &KernelRule) -> bool {
    let jump = Expression::Verdict(RuleVerdict::Jump(BANS.to_owned()));
    rule.expressions == [jump]
}

/// The name of the table for a chain of the configuration: in lower case, with `_` for
/// what `nft` would not take for a part of a name. Where that changed it, a digest keeps
/// the tables of two chains apart.
pub(super) fn table_name(chain: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let lower = chain.to_ascii_lowercase();
    let mut name = lower.replace(|c| !fits(c), "_");
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    if name.len() > LONGEST_NAME || name != lower {
        let digest = SipHasher13::new().hash(chain.as_bytes()) >> 32;
        name.truncate(LONGEST_NAME - 9);
        let _ = write!(name, "_{digest:08x}");
    }
    name
}

/// The empty chain that is named after the store with this id.
pub(super) fn chain_of_store(id: &str) -> String {
    format!("{STORE}{id}")
}

/// The id of the store after which the chain is named.
pub(super) fn store_of_chain(name: &str) -> Option<&str> {
    name.strip_prefix(STORE).filter(|id| is_id(id))
}

/// Whether a chain can be named after `id`.
pub(super) fn is_id(id: &str) -> bool {
    store_id::is_id(id, 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_table_has_a_name_that_nft_takes() {
        let chains = ["PYFILTER", "f2b-SSHD.1", "_", "A+B", "1A", ".A"];
        let names = [
            "pyfilter",
            "f2b-sshd.1",
            "_",
            "a_b_2f43bead",
            "_1a_20670bae",
            "_.a_8d51e2b6",
        ];
        assert_eq!(chains.map(table_name), names);
    }

    #[test]
    fn two_chains_have_two_tables() {
        let chains = ["A+B", "A:B", "A@B", "A_B", "1A", "_1A", "+1A"];
        let names: BTreeSet<String> = chains.map(table_name).into();
        assert_eq!(names.len(), chains.len(), "{names:?}");
        let long = [
            "+".repeat(80),
            ":".repeat(80),
            "A".repeat(80),
            "A".repeat(81),
        ];
        let names: BTreeSet<String> = long.iter().map(|chain| table_name(chain)).collect();
        assert_eq!(names.len(), long.len(), "{names:?}");
        assert!(
            names.iter().all(|name| name.len() == LONGEST_NAME),
            "{names:?}"
        );
    }

    #[test]
    fn a_store_is_known_by_its_chain_alone() {
        assert_eq!(store_of_chain(&chain_of_store("3f9c2a")), Some("3f9c2a"));
        for other in ["store_", "store_x", "bans", "store_3f 9c"] {
            assert_eq!(store_of_chain(other), None, "{other}");
        }
        assert!(!is_id("a\nflush ruleset") && !is_id(""));
    }

    #[test]
    fn each_subject_has_one_set() {
        for (subject, set) in [
            ("203.0.113.9", "v4"),
            ("203.0.113.0/24", "v4_networks"),
            ("2001:db8::9", "v6"),
            ("2001:db8::/64", "v6_networks"),
        ] {
            let subject = Subject::parse(subject).unwrap();
            let sets: Vec<_> = SETS.iter().filter(|of| of.is_for(subject)).collect();
            assert_eq!(sets.len(), 1);
            assert_eq!(sets[0].name, set);
            assert_eq!(set_of(subject, true).unwrap().name, set);
            let is_v4 = subject.family() == Family::V4;
            assert_eq!(set_of(subject, false).is_some(), is_v4);
        }
    }

    #[test]
    fn a_set_has_room_for_as_many_again() {
        let [v4, v4_networks, ..] = SETS;
        assert_eq!(v4.definition(0), "set v4 { type ipv4_addr; size 16384; }");
        assert_eq!(
            v4.definition(100_000),
            "set v4 { type ipv4_addr; size 262144; }"
        );
        assert_eq!(
            v4_networks.definition(100_000),
            "set v4_networks { type ipv4_addr; flags interval; }"
        );
        let mut set = KernelSet {
            name: "v4".to_owned(),
            handle: 1,
            key_type: 7,
            key_length: 4,
            flags: 0,
            size: Some(10),
        };
        assert!(v4.is_made_as(&set, 10) && !v4.is_made_as(&set, 11));
        set.size = None;
        assert!(v4.is_made_as(&set, 11) && !v4_networks.is_made_as(&set, 0));
    }
}
