//! Attributes -> tables, chains, sets and their elements. Pure.

use smallvec::SmallVec;

use super::TableFamily;
use super::attribute::{Attributes, attribute};

/// `NFTA_GEN_ID`
const GENERATION: u16 = 1;

/// `NFTA_TABLE_…`
mod table {
    pub(super) const NAME: u16 = 1;
    pub(super) const FLAGS: u16 = 2;
    pub(super) const HANDLE: u16 = 4;
}

/// `NFTA_CHAIN_…` and, within a hook, `NFTA_HOOK_…`
mod chain {
    pub(super) const TABLE: u16 = 1;
    pub(super) const HANDLE: u16 = 2;
    pub(super) const NAME: u16 = 3;
    pub(super) const HOOK: u16 = 4;
    pub(super) const POLICY: u16 = 5;
    pub(super) const USE: u16 = 6;
    pub(super) const KIND: u16 = 7;
    pub(super) const HOOK_NUMBER: u16 = 1;
    pub(super) const HOOK_PRIORITY: u16 = 2;
}

/// `NFTA_SET_…`
mod set {
    pub(super) const NAME: u16 = 2;
    pub(super) const FLAGS: u16 = 3;
    pub(super) const KEY_TYPE: u16 = 4;
    pub(super) const KEY_LENGTH: u16 = 5;
    pub(super) const DESCRIPTION: u16 = 9;
    /// `NFTA_SET_DESC_SIZE`
    pub(super) const SIZE: u16 = 1;
    pub(super) const HANDLE: u16 = 16;
}

/// `NFTA_SET_ELEM_LIST_ELEMENTS`, then `NFTA_LIST_ELEM`, then `NFTA_SET_ELEM_…`
mod element {
    pub(super) const ELEMENTS: u16 = 3;
    pub(super) const ONE: u16 = 1;
    pub(super) const KEY: u16 = 1;
    pub(super) const FLAGS: u16 = 3;
    /// `NFT_SET_ELEM_INTERVAL_END`
    pub(super) const INTERVAL_END: u32 = 1;
    /// `NFTA_DATA_VALUE`
    pub(super) const VALUE: u16 = 1;
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) struct KernelTable {
    pub(in crate::firewall) family: TableFamily,
    pub(in crate::firewall) name: String,
    /// Its number, which is never used twice.
    pub(in crate::firewall) handle: u64,
    /// Whether none of its rules is in force.
    pub(in crate::firewall) is_dormant: bool,
}

/// How a chain is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) struct ChainState {
    /// Its number within its table, which is never used twice there.
    pub(in crate::firewall) handle: u64,
    /// How many rules it holds, and how many jump to it, together.
    pub(in crate::firewall) uses: u32,
}

/// A chain in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) struct KernelChain {
    pub(in crate::firewall) name: String,
    pub(in crate::firewall) state: ChainState,
    /// Where packets enter it; none if only other chains lead there.
    pub(in crate::firewall) base: Option<BaseHook>,
}

/// Where packets enter a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) struct BaseHook {
    /// `filter`, `nat`, `route`
    pub(in crate::firewall) kind: String,
    /// `NF_INET_…`: 1 is input, 2 forward.
    pub(in crate::firewall) hook: u32,
    /// The lower one sees a packet first.
    pub(in crate::firewall) priority: i32,
    /// What happens to a packet that no rule decides: 0 is drop, 1 accept.
    pub(in crate::firewall) policy: u32,
}

/// `NFT_SET_INTERVAL`: the set holds intervals, and not single keys.
pub(in crate::firewall) const SET_OF_INTERVALS: u32 = 4;

/// A set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall) struct KernelSet {
    pub(in crate::firewall) name: String,
    /// Its number within its table.
    pub(in crate::firewall) handle: u64,
    /// What `nft` takes its keys for: 7 is an IPv4 address, 8 one of IPv6.
    pub(in crate::firewall) key_type: u32,
    /// How many bytes its keys have.
    pub(in crate::firewall) key_length: u32,
    /// `NFT_SET_…`, such as [`SET_OF_INTERVALS`].
    pub(in crate::firewall) flags: u32,
    /// How many elements it takes; none if as many as there are.
    pub(in crate::firewall) size: Option<u32>,
}

/// An element of a set. In a set of intervals it is the first key of one, or the first
/// behind one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::firewall) struct SetElement {
    /// As in a packet.
    pub(in crate::firewall) key: SmallVec<[u8; 16]>,
    /// Whether an interval ends before it.
    pub(in crate::firewall) is_interval_end: bool,
}

pub(super) fn generation(object: Attributes<'_>) -> Option<u32> {
    object.u32(GENERATION)
}

pub(super) fn table(family: u8, object: Attributes<'_>) -> Option<KernelTable> {
    Some(KernelTable {
        family: TableFamily::numbered(family)?,
        name: object.name(table::NAME)?,
        handle: object.u64(table::HANDLE)?,
        // `NFT_TABLE_F_DORMANT`
        is_dormant: object.u32(table::FLAGS).unwrap_or(0) & 1 != 0,
    })
}

pub(super) fn chain_state(object: Attributes<'_>) -> Option<ChainState> {
    Some(ChainState {
        handle: object.u64(chain::HANDLE)?,
        uses: object.u32(chain::USE)?,
    })
}

/// The chain, if it is one of `table`.
pub(super) fn chain(object: Attributes<'_>, table: &str) -> Option<KernelChain> {
    if object.name(chain::TABLE)? != table {
        return None;
    }
    Some(KernelChain {
        name: object.name(chain::NAME)?,
        state: chain_state(object)?,
        base: base_hook(object),
    })
}

fn base_hook(object: Attributes<'_>) -> Option<BaseHook> {
    let hook = object.within(chain::HOOK)?;
    Some(BaseHook {
        kind: object.name(chain::KIND).unwrap_or_default(),
        hook: hook.u32(chain::HOOK_NUMBER)?,
        priority: hook.u32(chain::HOOK_PRIORITY)?.cast_signed(),
        policy: object.u32(chain::POLICY)?,
    })
}

pub(super) fn set(object: Attributes<'_>) -> Option<KernelSet> {
    Some(KernelSet {
        name: object.name(set::NAME)?,
        handle: object.u64(set::HANDLE)?,
        key_type: object.u32(set::KEY_TYPE)?,
        key_length: object.u32(set::KEY_LENGTH)?,
        flags: object.u32(set::FLAGS).unwrap_or(0),
        size: object
            .within(set::DESCRIPTION)
            .and_then(|description| description.u32(set::SIZE)),
    })
}

/// The elements of one message. One without a key, which stands for all keys, has an
/// empty one.
pub(super) fn elements(object: Attributes<'_>) -> impl Iterator<Item = SetElement> {
    let list = object.within(element::ELEMENTS).unwrap_or(Attributes(&[]));
    list.iter().map(|(_, value)| {
        let element = Attributes(value);
        let key = element.within(element::KEY);
        let key = key.and_then(|key| key.value(element::VALUE));
        SetElement {
            key: SmallVec::from_slice(key.unwrap_or_default()),
            is_interval_end: element.u32(element::FLAGS).unwrap_or(0) & element::INTERVAL_END != 0,
        }
    })
}

/// `NFTA_SET_ELEM_LIST_ELEMENTS` with one element.
pub(super) fn wanted_element(wanted: &SetElement) -> Vec<u8> {
    let key = attribute(element::KEY, &attribute(element::VALUE, &wanted.key));
    let flags = if wanted.is_interval_end {
        element::INTERVAL_END
    } else {
        0
    };
    let flags = attribute(element::FLAGS, &flags.to_be_bytes());
    let one = attribute(element::ONE, &[key, flags].concat());
    attribute(element::ELEMENTS, &one)
}

#[cfg(test)]
mod tests {
    use super::super::attribute::name_attribute;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_is_known_with_its_hook() {
        let hook = [
            attribute(chain::HOOK_NUMBER, &1_u32.to_be_bytes()),
            attribute(chain::HOOK_PRIORITY, &(-10_i32).to_be_bytes()),
        ];
        let bytes = [
            name_attribute(chain::TABLE, "pyfilter"),
            attribute(chain::HANDLE, &5_u64.to_be_bytes()),
            name_attribute(chain::NAME, "input"),
            attribute(chain::HOOK, &hook.concat()),
            attribute(chain::POLICY, &1_u32.to_be_bytes()),
            name_attribute(chain::KIND, "filter"),
            attribute(chain::USE, &100_001_u32.to_be_bytes()),
        ]
        .concat();
        let bytes = Attributes(&bytes);
        let expected = KernelChain {
            name: "input".to_owned(),
            state: ChainState {
                handle: 5,
                uses: 100_001,
            },
            base: Some(BaseHook {
                kind: "filter".to_owned(),
                hook: 1,
                priority: -10,
                policy: 1,
            }),
        };
        assert_eq!(chain(bytes, "pyfilter"), Some(expected));
        assert_eq!(chain(bytes, "filter"), None, "another table's");
    }

    #[test]
    fn elements_are_keys_and_ends() {
        let of = |key: &[u8], flags: u32| {
            let key = attribute(element::KEY, &attribute(element::VALUE, key));
            attribute(
                1,
                &[key, attribute(element::FLAGS, &flags.to_be_bytes())].concat(),
            )
        };
        let list = [
            of(&[1, 2, 3, 0], 0),
            of(&[1, 2, 4, 0], 1),
            attribute(1, &[]),
        ]
        .concat();
        let bytes = attribute(element::ELEMENTS, &list);
        let found: Vec<_> = elements(Attributes(&bytes))
            .map(|found| (found.key.to_vec(), found.is_interval_end))
            .collect();
        let expected = [
            (vec![1, 2, 3, 0], false),
            (vec![1, 2, 4, 0], true),
            (vec![], false),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_object_or_none(bytes: Vec<u8>, family: u8) {
            let object = Attributes(&bytes);
            let _ = (generation(object), table(family, object), set(object));
            let _ = (chain_state(object), chain(object, "filter"), base_hook(object));
            prop_assert!(elements(object).count() <= bytes.len());
        }
    }
}
