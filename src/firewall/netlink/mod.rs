//! What the kernel's `nf_tables` tells of itself over netlink. To ask for the generation
//! of its rule set or for one chain is a question of a hundred bytes; a listing by a
//! program reads each rule of each table.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | whose table: [`TableFamily`], [`TablePath`] |
//! | `socket` | asks, and receives the answers whole: [`NetlinkSocket`] |
//! | `questions` | the questions that there are, each with its answer's type |
//! | `message` | bytes -> messages, and back (pure) |
//! | `attribute` | bytes -> attributes, and back (pure) |
//! | `objects` | attributes -> tables, chains, sets, elements (pure) |
//! | `rules` | attributes -> rules (pure) |
//! | `source_rule` | what a rule does to a source, if that is all it does (pure) |
//!
//! The messages are those of the kernel's `linux/netlink.h` and
//! `linux/netfilter/nf_tables.h`: a header of 16 bytes, a family of 4, attributes.
//! The question for the chain PYFILTER of IPv4, on a little-endian machine:
//!
//! ```text
//! 30000000 040a 0100 01000000 00000000   length 48, kind GET_CHAIN, REQUEST, number 1
//! 02 00 0000                             family IPv4
//! 0b00 0100 "filter" 00 00               length 11, kind TABLE, padded to 12
//! 0d00 0300 "PYFILTER" 00 000000         length 13, kind NAME, padded to 16
//! ```
//!
//! The answer is such a message of the kind `NEW_CHAIN` with the same number. All methods
//! fail where the kernel has no netlink or no `nf_tables`, or does not let us.
//!
//! What a listing costs: the kernel gives 32 KiB at a time, and goes through all that it
//! has given before to find where to go on. So a list takes time by the square of its
//! length, with a small factor. 100,000 elements of a set take 0.1 s. Rules are much
//! longer than elements, so they are asked for by chain.

mod attribute;
#[cfg(test)]
mod kernel_tests;
mod message;
mod objects;
mod questions;
mod rules;
mod socket;
mod source_rule;

pub(super) use objects::{
    BaseHook, ChainState, KernelChain, KernelSet, KernelTable, SET_OF_INTERVALS, SetElement,
};
pub(super) use rules::{Expression, KernelRule, RuleVerdict};
pub(super) use socket::NetlinkSocket;
pub(super) use source_rule::{SourceVerdict, source_in_header, source_rule, source_subject};

use crate::model::Family;

/// What packets a table sees: `NFPROTO_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TableFamily {
    /// IPv4 and IPv6.
    Inet = 1,
    /// IPv4.
    Ip = 2,
    /// ARP.
    Arp = 3,
    /// All that a device receives.
    Netdev = 5,
    /// What a bridge passes on.
    Bridge = 7,
    /// IPv6.
    Ip6 = 10,
}

impl TableFamily {
    const ALL: [TableFamily; 6] = [
        TableFamily::Inet,
        TableFamily::Ip,
        TableFamily::Arp,
        TableFamily::Netdev,
        TableFamily::Bridge,
        TableFamily::Ip6,
    ];

    fn numbered(number: u8) -> Option<Self> {
        let mut all = TableFamily::ALL.into_iter();
        all.find(|family| *family as u8 == number)
    }

    /// The word of `nft` for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            TableFamily::Inet => "inet",
            TableFamily::Ip => "ip",
            TableFamily::Arp => "arp",
            TableFamily::Netdev => "netdev",
            TableFamily::Bridge => "bridge",
            TableFamily::Ip6 => "ip6",
        }
    }
}

impl From<Family> for TableFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => TableFamily::Ip,
            Family::V6 => TableFamily::Ip6,
        }
    }
}

/// The name of a table: two families may have tables of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TablePath<'a> {
    pub(super) family: TableFamily,
    pub(super) name: &'a str,
}

impl TablePath<'static> {
    /// The table of iptables' nft variant that filters.
    pub(super) fn filter(family: Family) -> Self {
        TablePath {
            family: family.into(),
            name: "filter",
        }
    }
}
