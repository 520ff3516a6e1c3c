use std::collections::{BTreeMap, HashMap};
use std::net::Ipv6Addr;

use super::*;
use crate::model::Address;
use proptest::prelude::*;

fn subjects(texts: &[&str]) -> BTreeSet<Subject> {
    texts
        .iter()
        .map(|text| Subject::parse(text).expect(text))
        .collect()
}

fn v4(bits: u32) -> Subject {
    Subject::from(Address::from(Ipv4Addr::from_bits(bits)))
}

fn v6(bits: u128) -> Subject {
    Subject::from(Address::from(Ipv6Addr::from_bits(bits)))
}

fn text(rule: &TreeRule, deny: Deny) -> String {
    let mut text = String::new();
    rule.push_to(&mut text, deny);
    text
}

/// Pseudo-random numbers, always the same.
fn random(n: u32) -> u32 {
    let hashed = siphasher::sip::SipHasher13::new().hash(&n.to_le_bytes());
    u32::try_from(hashed >> 32).unwrap()
}

/// Addresses all over the place.
fn scattered(bans: u32) -> BTreeSet<Subject> {
    (0..bans).map(|n| v4(random(n))).collect()
}

/// A hundred addresses in each of many networks of 256.
fn clustered(bans: u32) -> BTreeSet<Subject> {
    let address = |n: u32| random(n / 100) << 8 | (n % 100 * 2);
    (0..bans).map(|n| v4(address(n))).collect()
}

/// What a packet of `address` meets: whether a ban, and how many rules it passes.
fn passes(tree: &ChainTree, address: Subject) -> (bool, usize) {
    let chains: BTreeMap<&str, &[TreeRule]> = (tree.chains.iter())
        .map(|chain| (chain.name.as_str(), &*chain.rules))
        .collect();
    let (mut chain, mut passed) = (Some(&*tree.chains[0].name), 0);
    while let Some(name) = chain.take() {
        for rule in chains[name] {
            passed += 1;
            match rule {
                TreeRule::Deny(ban) if ban.holds(address) => return (true, passed),
                TreeRule::Goto { way, chain: next } if way.holds(address) => {
                    chain = Some(next);
                    break;
                }
                _ => {}
            }
        }
    }
    (false, passed)
}

/// The most rules that a packet passes: one from nowhere, and neighbours of bans.
fn most_passed(bans: &BTreeSet<Subject>) -> (usize, usize) {
    let tree = ChainTree::of("PYFILTER", Family::V4, bans);
    let strangers = (0..500).map(|n| v4(random(1 << 30 | n)));
    let step = bans.len() / 500;
    let neighbours = bans.iter().step_by(step.max(1)).map(|ban| {
        let IpAddr::V4(v4) = ban.first().ip() else {
            unreachable!()
        };
        Subject::from(Address::from(Ipv4Addr::from_bits(v4.to_bits() ^ 1)))
    });
    let all = strangers
        .chain(neighbours)
        .filter(|address| !bans.contains(address));
    let most = all.map(|address| passes(&tree, address).1).max();
    (most.unwrap(), tree.chains.len())
}

#[test]
fn few_bans_are_one_chain() {
    let bans = subjects(&["192.0.2.9", "192.0.2.0/24", "2001:db8::1", "10.0.0.1"]);
    let tree = ChainTree::of("PYFILTER", Family::V4, &bans);
    let [TreeChain { name, rules }] = &*tree.chains else {
        panic!("{tree:?}");
    };
    assert_eq!(name, "PYFILTER");
    let texts: Vec<String> = rules.iter().map(|rule| text(rule, Deny::Drop)).collect();
    assert_eq!(
        texts,
        [
            "-s 10.0.0.1/32 -j DROP",
            "-s 192.0.2.0/24 -j DROP",
            "-s 192.0.2.9/32 -j DROP",
        ]
    );
    let none = ChainTree::of("PYFILTER", Family::V6, &BTreeSet::new());
    assert_eq!(none.chains.len(), 1);
}

#[test]
fn a_network_stands_before_the_ways_on() {
    let mut bans: BTreeSet<Subject> = (0..60).map(|n| v4(0x0a01_0000 + n * 7)).collect();
    bans.extend(subjects(&["10.1.0.0/16", "10.200.0.1"]));
    let tree = ChainTree::of("PYFILTER", Family::V4, &bans);
    let rules = tree.chains[0].rules.iter();
    let texts: Vec<String> = rules.map(|rule| text(rule, Deny::Reject)).collect();
    assert_eq!(
        texts,
        [
            "-s 10.1.0.0/16 -j REJECT",
            "-s 10.1.0.0/23 -g PYFILTER/10.1-23",
            "-s 10.200.0.1/32 -j REJECT"
        ]
    );
}

#[test]
fn a_packet_passes_at_most_a_hundred_rules_at_a_hundred_thousand_bans() {
    for bans in [scattered(100_000), clustered(100_000)] {
        let (most, chains) = most_passed(&bans);
        assert!(most <= 100, "{most} rules");
        assert!(chains < 9_000, "{chains} chains");
    }
    for bans in [scattered(1_000_000), clustered(1_000_000)] {
        let (most, chains) = most_passed(&bans);
        assert!(most <= 400, "{most} rules");
        assert!(chains < 9_000, "{chains} chains");
    }
}

#[test]
fn a_new_ban_touches_one_leaf_or_divides_it() {
    let mut bans = scattered(5_000);
    for n in 0..300 {
        let before = ChainTree::of("PYFILTER", Family::V4, &bans);
        bans.insert(v4(random(1 << 31 | n)));
        let after = ChainTree::of("PYFILTER", Family::V4, &bans);
        let changed = after
            .chains
            .iter()
            .filter(|chain| !before.chains.contains(chain));
        // The leaf with its two halves at most, or the chain whose single ban became a leaf.
        assert!(changed.count() <= 3);
    }
}

/// Leaves grow with the number of bans. No single ban changes them all.
#[test]
fn a_ban_with_which_leaves_grow_changes_few_of_them() {
    // From 40 to 41, and from 61 to 62 bans a leaf.
    for most in [134_348, 203_161] {
        let mut bans = scattered(most + 100);
        while bans.len() > most as usize {
            bans.pop_last();
        }
        let before = ChainTree::of("PYFILTER", Family::V4, &bans);
        let grown = leaf(bans.len());
        bans.insert(v4(1));
        assert_eq!(leaf(bans.len()), grown + 1);
        let after = ChainTree::of("PYFILTER", Family::V4, &bans);
        let there: HashMap<&str, &[TreeRule]> = (before.chains.iter())
            .map(|chain| (&*chain.name, &*chain.rules))
            .collect();
        let is_new = |chain: &&TreeChain| there.get(&*chain.name) != Some(&&*chain.rules);
        let changed = after.chains.iter().filter(is_new).count();
        assert!(
            changed * 20 < after.chains.len(),
            "{changed} of {}",
            after.chains.len()
        );
    }
}

#[test]
fn bans_within_one_network_of_ipv6_are_divided() {
    let bans: BTreeSet<Subject> = (0..20_000)
        .map(|n| v6(0x2001_0db8 << 96 | u128::from(random(n))))
        .collect();
    let tree = ChainTree::of("PYFILTER", Family::V6, &bans);
    assert!(tree.chains.iter().all(|chain| chain.rules.len() <= 40));
    let names: HashSet<&str> = tree.chains.iter().map(|chain| &*chain.name).collect();
    assert_eq!(names.len(), tree.chains.len());
}

/// How many chains a packet goes through at most.
fn depth(tree: &ChainTree) -> usize {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for chain in &tree.chains {
        let own = depths.get(&*chain.name).copied().unwrap_or(1);
        for rule in &chain.rules {
            if let TreeRule::Goto { chain, .. } = rule {
                depths.insert(chain, own + 1);
            }
        }
        depths.insert(&chain.name, own);
    }
    depths.into_values().max().unwrap()
}

/// The kernel takes no rule that makes a path of more than 16 chains. So somebody with a
/// /64 must not be able to make one: by addresses of which one parts from the others at
/// each bit, or at each fourth.
#[test]
fn chosen_addresses_make_no_deep_tree() {
    for step in [1, 2, 3, 4, 5, 8] {
        let base: u128 = 0x2001_0db8 << 96;
        let near = (0..41).map(|n| v6(base | n));
        let parting = (6..120).step_by(step).map(|bit| v6(base ^ 1 << bit));
        let bans: BTreeSet<Subject> = near.chain(parting).collect();
        let tree = ChainTree::of("PYFILTER", Family::V6, &bans);
        assert!(depth(&tree) <= 10, "{step}: {}", depth(&tree));
        assert!(tree.chains.len() <= 40, "{step}: {}", tree.chains.len());
        let full: BTreeSet<Subject> = (6..120)
            .step_by(step)
            .flat_map(|bit| (0..41).map(move |n| v6(base ^ 1 << bit | n)))
            .collect();
        let tree = ChainTree::of("PYFILTER", Family::V6, &full);
        assert!(depth(&tree) <= 10, "{step}: {}", depth(&tree));
    }
    for bans in [scattered(100_000), clustered(100_000)] {
        let tree = ChainTree::of("PYFILTER", Family::V4, &bans);
        assert!(depth(&tree) <= 6, "{}", depth(&tree));
    }
}

#[test]
fn names_tell_the_prefix_and_fit_whatever_the_chain_is_called() {
    let way = |text| Subject::parse(text).unwrap();
    let name = |chain: &str, text| child_name(&stem(chain), way(text));
    assert_eq!(name("PYFILTER", "10.32.0.0/12"), "PYFILTER/10.32-12");
    assert_eq!(name("PYFILTER", "0.0.0.0/4"), "PYFILTER/0-4");
    assert_eq!(
        name("PYFILTER", "203.0.113.128/26"),
        "PYFILTER/203.0.113.128-26"
    );
    assert_eq!(name("PYFILTER", "2001:db8::/32"), "PYFILTER/20010db8-32");
    assert_eq!(
        name("PYFILTER-TWO", "203.0.113.128/26"),
        "PYFILTER-TWO/cb00718-26"
    );
    let long = "X".repeat(28);
    for chain in ["P", "PYFILTER", "PYFILTER-TWO", "PYFILTER-THREE", &long] {
        for text in [
            "255.255.255.252/31",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
        ] {
            let name = name(chain, text);
            assert!(name.len() <= 28 && is_child(chain, &name), "{name}");
            assert!(
                !is_child("PYFILTE", &name) && !is_child("OTHER", &name),
                "{name}"
            );
        }
    }
    // A second configuration whose chain is named after the first one's.
    assert!(!is_child("PYFILTER", "PYFILTER-TWO/0-4") && !is_child("PYFILTER", "PYFILTER"));
    assert!(!is_child(
        "XXXXXXXXXXXXXXXXXXXXXXXXXXXA",
        &name(&long, "10.0.0.0/8")
    ));
}

fn bans() -> impl Strategy<Value = BTreeSet<Subject>> {
    // Few leading bytes, so that many bans are alike, and all lengths.
    let v4 =
        (0_u32..4, any::<u32>(), 0_u8..=32, any::<bool>()).prop_map(|(top, low, length, one)| {
            let bits = top << 30 | low >> 8 & 0x3fff_ffff;
            let address = Address::from(Ipv4Addr::from_bits(bits));
            Subject::network(address, if one { 32 } else { length })
        });
    let v6 = (any::<u64>(), 0_u8..=128, any::<bool>()).prop_map(|(low, length, one)| {
        let address = Address::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low)));
        Subject::network(address, if one { 128 } else { length })
    });
    prop::collection::btree_set(prop_oneof![v4, v6], 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_blocks_exactly_what_is_banned(
        bans in bans(),
        others in prop::collection::vec(any::<u32>(), 50),
        lows in prop::collection::vec(any::<u64>(), 50),
    ) {
        let trees = Family::BOTH.map(|family| ChainTree::of("PYFILTER", family, &bans));
        let near = bans.iter().flat_map(|ban| match ban.first().ip() {
            IpAddr::V4(ip) => [v4(ip.to_bits()), v4(ip.to_bits() ^ 1), v4(ip.to_bits() ^ 1 << 20)],
            IpAddr::V6(ip) => [v6(ip.to_bits()), v6(ip.to_bits() ^ 1), v6(ip.to_bits() ^ 1 << 90)],
        });
        let others = others.into_iter().map(v4);
        let lows = lows.into_iter().map(|low| v6(0x2001_0db8 << 96 | u128::from(low)));
        for packet in near.chain(others).chain(lows) {
            let tree = &trees[usize::from(packet.family() == Family::V6)];
            let is_banned = bans.iter().any(|ban| ban.holds(packet));
            prop_assert_eq!(passes(tree, packet).0, is_banned, "{}", packet);
        }
        for (tree, family) in trees.iter().zip(Family::BOTH) {
            let banned = tree.chains.iter().flat_map(|chain| &chain.rules);
            let banned = banned.filter_map(|rule| match rule {
                TreeRule::Deny(ban) => Some(*ban),
                TreeRule::Goto { .. } => None,
            });
            let all: Vec<Subject> = banned.collect();
            let of_family = bans.iter().filter(|ban| ban.family() == family);
            prop_assert_eq!(all.len(), of_family.count(), "each ban is one rule");
        }
    }
}
