//! Many bans: the tree of chains in real kernels.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

/// Bans in so many places of both families that each has a tree, and the attackers.
fn many_bans() -> BTreeSet<Subject> {
    let v4 = (0..300_u32).map(|n| Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1)));
    let base: u128 = 0x2001_0db8 << 96;
    let v6 = (0..300_u128).map(|n| Ipv6Addr::from_bits(base | n.wrapping_mul(0x9e37_79b1) << 40));
    let all = v4.map(Address::from).chain(v6.map(Address::from));
    let mut bans: BTreeSet<Subject> = all.map(Subject::from).collect();
    bans.remove(&Subject::parse("0.0.0.0").unwrap());
    bans.extend(set(&["203.0.113.13", "2001:db8::13"]));
    bans
}

/// All tables, without how many packets their chains have seen.
fn uncounted(programs: &Programs<'_>) -> Vec<String> {
    let lines = programs.everything().into_iter();
    let cut = |line: String| line.split(" [").next().unwrap_or_default().to_owned();
    lines.map(cut).collect()
}

fn children(programs: &Programs<'_>) -> Vec<String> {
    let everything = programs.everything();
    let declared = everything
        .iter()
        .filter_map(|line| line.split_once(":PYFILTER/"));
    let names = declared.map(|(_, rest)| rest.split(' ').next().unwrap());
    names.map(|name| format!("PYFILTER/{name}")).collect()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_tree_blocks_whom_it_should_and_goes_without_a_trace() {
    for variant in VARIANTS {
        let pair = Pair::new();
        let programs = pair.host.programs(variant);
        let firewall = firewall(&programs);
        furnish(&programs);
        let others = uncounted(&programs);
        let mut bans = many_bans();
        assert_eq!(brought(&firewall, &bans, &[]).commits, 2, "{variant:?}");
        assert!(children(&programs).len() > 8, "{variant:?}");
        for (source, passes) in [
            ("203.0.113.13", false),
            ("203.0.113.20", true),
            ("2001:db8::13", false),
            ("2001:db8::20", true),
        ] {
            assert_eq!(pair.connects(source), passes, "{variant:?} {source}");
        }
        assert!(!brought(&firewall, &bans, &[]).changed, "{variant:?}");

        // A network is blocked, and the address within it that was.
        bans.extend([Subject::parse("203.0.113.16/28").unwrap()]);
        bans.remove(&Subject::parse("203.0.113.13").unwrap());
        assert_eq!(brought(&firewall, &bans, &[]).commits, 1, "{variant:?}");
        assert!(pair.connects("203.0.113.13"), "{variant:?}");
        assert!(!pair.connects("203.0.113.20"), "{variant:?}");
        assert!(!brought(&firewall, &bans, &[]).changed, "{variant:?}");

        let made = made(&firewall, variant);
        let outcome = remove(&firewall, Some(STORE), &made);
        assert_eq!((outcome.problems, outcome.warnings), (vec![], vec![]));
        assert_eq!(uncounted(&programs), others, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_whatever_happened_to_a_branch_is_repaired() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        let bans = many_bans();
        brought(&firewall, &bans, &[]);
        let right = programs.everything();
        let leaf = children(&programs).pop().unwrap();
        let program = |leaf: &str| {
            let v6 = leaf.contains("20010db8");
            if v6 { "ip6tables" } else { "iptables" }
        };
        let program = program(&leaf);
        for damage in [
            format!("-F {leaf}"),
            format!("-I {leaf} -j ACCEPT"),
            format!("-D {leaf} 1"),
            "-F".to_owned(),
        ] {
            programs.run(&format!("{program} {damage}"));
            assert!(
                brought(&firewall, &bans, &[]).changed,
                "{variant:?} {damage}"
            );
            assert_eq!(programs.everything(), right, "{variant:?} {damage}");
        }

        // Somebody's jump into a branch keeps that from being deleted, and nothing else.
        programs.run(&format!("{program} -A FORWARD -j {leaf}"));
        let outcome = brought(&firewall, &set(&["203.0.113.13", "2001:db8::13"]), &[]);
        assert!(
            outcome
                .warnings
                .iter()
                .any(|warning| warning.contains("is emptied but can not be deleted")),
            "{outcome:?}"
        );
        assert_eq!(
            children(&programs),
            std::slice::from_ref(&leaf),
            "{variant:?}"
        );
        programs.run(&format!("{program} -D FORWARD -j {leaf}"));
        brought(&firewall, &set(&["203.0.113.13", "2001:db8::13"]), &[]);
        assert_eq!(children(&programs), [""; 0], "{variant:?}");
    }
}

/// Addresses of one network of which each parts from the others at another bit: the
/// kernel takes no rule that makes a way of more than 16 chains.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_chosen_addresses_do_not_keep_others_from_being_banned() {
    for variant in VARIANTS {
        for step in [1, 4] {
            let netns = Netns::new();
            let programs = netns.programs(variant);
            let firewall = firewall(&programs);
            let base: u128 = 0x2001_0db8 << 96;
            let near = (0..41).map(|n| base | n);
            let parting = (6..120)
                .step_by(step)
                .flat_map(|bit| (0..41).map(move |n| base ^ 1 << bit | n));
            let addresses = near
                .chain(parting)
                .map(|bits| Address::from(Ipv6Addr::from_bits(bits)));
            let bans: BTreeSet<Subject> = addresses.map(Subject::from).collect();
            brought(&firewall, &bans, &[]);
            assert!(
                !brought(&firewall, &bans, &[]).changed,
                "{variant:?} {step}"
            );
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_chain_with_the_longest_name_has_children_of_its_own() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let named = |chain: &str| Firewall {
            chain: chain.to_owned(),
            ..firewall(&programs)
        };
        // Alike in all that fits into the name of a child.
        let (one, two) = (
            named(&"LONG".repeat(7)),
            named("LONGLONGLONGLONGLONGLONGLON2"),
        );
        let bans = many_bans();
        brought(&one, &bans, &[]);
        let alone = programs.everything();
        brought(&two, &bans, &[]);
        assert!(!brought(&one, &bans, &[]).changed, "{variant:?}");
        assert!(!brought(&two, &bans, &[]).changed, "{variant:?}");
        let outcome = remove(&two, Some(STORE), &made(&two, variant));
        assert_eq!(outcome.problems, []);
        assert_eq!(programs.everything(), alone, "{variant:?}");
    }
}

/// What 3.0.0 left: one list, without an id.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_one_long_list_becomes_a_tree_in_one_restore() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        let bans = many_bans();
        for (family, program) in [(Family::V4, "iptables"), (Family::V6, "ip6tables")] {
            let of_family = bans.iter().filter(|ban| ban.family() == family);
            let rules = of_family.map(|ban| format!("-A PYFILTER -s {ban} -j DROP\n"));
            let rules: String = rules.collect();
            let text = format!("*filter\n:PYFILTER - [0:0]\n-A INPUT -j PYFILTER\n{rules}COMMIT\n");
            programs.run_with(&format!("{program}-restore --noflush"), &text);
        }
        let outcome = brought(&firewall, &bans, &made(&firewall, variant));
        assert_eq!(
            (outcome.commits, outcome.warnings),
            (2, vec![]),
            "{variant:?}"
        );
        assert!(children(&programs).len() > 8, "{variant:?}");
        let denied = programs
            .everything()
            .iter()
            .filter(|line| line.ends_with("-j DROP"))
            .count();
        assert_eq!(denied, bans.len(), "{variant:?}");
    }
}
