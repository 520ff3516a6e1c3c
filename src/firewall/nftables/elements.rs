//! Bans <-> the elements of our sets. Pure.
//!
//! A network is an interval in its set: its first address, and, with a mark, the first
//! address behind it. 10.0.0.0/8 and 11.0.0.0/8:
//!
//! ```text
//! 0.0.0.0  end        nft writes it first of all
//! 10.0.0.0
//! 11.0.0.0 end        older versions leave it out here, since another begins
//! 11.0.0.0
//! 12.0.0.0 end
//! ```

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::layout::BanSet;
use crate::firewall::netlink::SetElement;
use crate::model::{Address, Family, Subject};

/// What `set` should hold, sorted. An interval can not lie in another one: so a network
/// within a banned network is left out. An address within one is not: it is in another
/// set.
pub(super) fn wanted(set: BanSet, bans: &BTreeSet<Subject>) -> Vec<Subject> {
    let of_set = bans.iter().copied().filter(|subject| set.is_for(*subject));
    if !set.is_of_networks {
        return of_set.collect();
    }
    let mut networks: Vec<Subject> = Vec::new();
    for network in of_set {
        // A network stands before all that it holds.
        if networks.last().is_none_or(|last| !last.holds(network)) {
            networks.push(network);
        }
    }
    networks
}

/// What `set` holds, sorted; none if anything of it is neither an address nor a network.
pub(super) fn held(set: BanSet, mut elements: Vec<SetElement>) -> Option<Vec<Subject>> {
    let mut held = Vec::with_capacity(elements.len());
    if set.is_of_networks {
        elements.sort_unstable_by(|one, other| {
            (&one.key, !one.is_interval_end).cmp(&(&other.key, !other.is_interval_end))
        });
        let mut first = None;
        for element in elements {
            let key = number(&element.key, set.family)?;
            if let Some(first) = first.take() {
                held.push(network(first, key.checked_sub(1)?, set.family)?);
            }
            if !element.is_interval_end {
                first = Some(key);
            }
        }
        if let Some(first) = first {
            held.push(network(first, last_of(set.family), set.family)?);
        }
    } else {
        for element in elements {
            let key = number(&element.key, set.family)?;
            held.push(network(key, key, set.family)?);
        }
    }
    held.sort_unstable();
    Some(held)
}

fn number(key: &[u8], family: Family) -> Option<u128> {
    match family {
        Family::V4 => Some(u32::from_be_bytes(key.try_into().ok()?).into()),
        Family::V6 => Some(u128::from_be_bytes(key.try_into().ok()?)),
    }
}

fn last_of(family: Family) -> u128 {
    match family {
        Family::V4 => u32::MAX.into(),
        Family::V6 => u128::MAX,
    }
}

/// The network from `first` to `last`; none if they are not the ends of one.
fn network(first: u128, last: u128, family: Family) -> Option<Subject> {
    let host = first ^ last;
    let is_network = host & host.wrapping_add(1) == 0 && first & host == 0;
    let host_bits = u8::try_from(host.count_ones()).ok()?;
    let length = family.bits().checked_sub(host_bits)?;
    let ip = match family {
        Family::V4 => IpAddr::from(Ipv4Addr::from_bits(u32::try_from(first).ok()?)),
        Family::V6 => IpAddr::from(Ipv6Addr::from_bits(first)),
    };
    let subject = Subject::network(Address::from(ip), length);
    // IPv4 within IPv6 is another subject, and so not one that we have written.
    (is_network && subject.family() == family).then_some(subject)
}

/// What of `wanted` is not in `held`, and what is there besides. Both are sorted.
pub(super) fn difference(held: &[Subject], wanted: &[Subject]) -> (Vec<Subject>, Vec<Subject>) {
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    let (mut held, mut wanted) = (held.iter().peekable(), wanted.iter().peekable());
    loop {
        match (held.peek(), wanted.peek()) {
            (Some(there), Some(want)) if there == want => {
                held.next();
                wanted.next();
            }
            (Some(there), want) if want.is_none_or(|want| there < want) => {
                gone.extend(held.next());
            }
            (_, Some(_)) => new.extend(wanted.next()),
            (_, None) => return (gone, new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::SETS;
    use super::*;
    use proptest::prelude::*;
    use smallvec::SmallVec;

    fn of(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    fn element(key: [u8; 4], is_interval_end: bool) -> SetElement {
        SetElement {
            key: SmallVec::from_slice(&key),
            is_interval_end,
        }
    }

    const NETWORKS: BanSet = SETS[1];

    #[test]
    fn networks_that_touch_are_two() {
        let whole = vec![
            element([12, 0, 0, 0], true),
            element([11, 0, 0, 0], false),
            element([11, 0, 0, 0], true),
            element([10, 0, 0, 0], false),
            element([0, 0, 0, 0], true),
        ];
        let mut short = whole.clone();
        short.remove(2);
        for elements in [whole, short] {
            let networks = vec![of("10.0.0.0/8"), of("11.0.0.0/8")];
            assert_eq!(held(NETWORKS, elements), Some(networks));
        }
        let last = vec![element([255, 0, 0, 0], false)];
        assert_eq!(held(NETWORKS, last), Some(vec![of("255.0.0.0/8")]));
        assert_eq!(
            held(NETWORKS, vec![element([0; 4], false)]),
            Some(vec![of("0.0.0.0/0")])
        );
    }

    #[test]
    fn an_interval_that_is_no_network_is_none() {
        let elements = vec![element([10, 0, 0, 1], false), element([10, 0, 0, 4], true)];
        assert_eq!(held(NETWORKS, elements), None);
        let elements = vec![element([10, 0, 0, 1], false), element([10, 0, 0, 3], true)];
        assert_eq!(held(NETWORKS, elements), None);
        let short = SetElement {
            key: SmallVec::from_slice(&[1, 2]),
            is_interval_end: false,
        };
        assert_eq!(held(NETWORKS, vec![short]), None);
    }

    #[test]
    fn a_network_within_another_is_left_out() {
        let bans = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.0/24",
            "11.0.0.0/16",
            "10.1.2.3",
        ];
        let bans: BTreeSet<Subject> = bans.into_iter().map(of).collect();
        let networks = vec![of("10.0.0.0/8"), of("11.0.0.0/16")];
        assert_eq!(wanted(NETWORKS, &bans), networks);
        assert_eq!(wanted(SETS[0], &bans), [of("10.1.2.3")]);
        assert_eq!(wanted(SETS[2], &bans), []);
    }

    proptest! {
        #[test]
        fn a_difference_makes_one_of_the_other(
            before: BTreeSet<u8>, after: BTreeSet<u8>,
        ) {
            let subjects = |of: &BTreeSet<u8>| -> Vec<Subject> {
                of.iter().map(|n| Subject::from(Address::from(Ipv4Addr::new(10, 0, 0, *n)))).collect()
            };
            let (gone, new) = difference(&subjects(&before), &subjects(&after));
            prop_assert_eq!(gone, subjects(&(&before - &after)));
            prop_assert_eq!(new, subjects(&(&after - &before)));
        }

        #[test]
        fn every_network_is_held_as_it_is_wanted(bits: u32, length in 0_u8..32) {
            let network = Subject::network(Address::from(Ipv4Addr::from_bits(bits)), length);
            let IpAddr::V4(first) = network.first().ip() else { unreachable!() };
            let behind = u64::from(first.to_bits()) + (1 << (32 - u32::from(length)));
            let mut elements = vec![element(first.octets(), false)];
            if let Ok(behind) = u32::try_from(behind) {
                elements.insert(0, element(behind.to_be_bytes(), true));
            }
            prop_assert_eq!(held(NETWORKS, elements), Some(vec![network]));
        }

        #[test]
        fn any_elements_are_subjects_or_none(keys: Vec<(Vec<u8>, bool)>) {
            let elements: Vec<SetElement> = keys
                .into_iter()
                .map(|(key, is_interval_end)| SetElement { key: SmallVec::from_vec(key), is_interval_end })
                .collect();
            for set in SETS {
                let _ = held(set, elements.clone());
            }
        }
    }
}
