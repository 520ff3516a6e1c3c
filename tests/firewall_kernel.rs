//! The firewall room against real kernels: both variants, both families.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Instant;

use pyfilter::firewall::snapshot::{self, Shown};
use pyfilter::firewall::{
    CommittedBans, FirewallFinding, FirewallInspection, ReconcileOutcome, backend, remove,
};
use pyfilter::model::{
    Address, Backend, ChainLocation, Deny, Family, Firewall, InstalledChain, IptablesVariant,
    Subject,
};

use crate::netns::{Netns, Pair, Programs, VARIANTS, Variant};

mod tree;

fn firewall(programs: &Programs<'_>) -> Firewall {
    Firewall {
        backend: Backend::Iptables,
        chain: "PYFILTER".to_owned(),
        hooks: vec!["INPUT".to_owned()],
        deny: Deny::Drop,
        compare: true,
        programs: Some(programs.directory().to_owned()),
    }
}

fn set(addresses: &[&str]) -> BTreeSet<Subject> {
    addresses
        .iter()
        .map(|text| Subject::parse(text).expect(text))
        .collect()
}

/// Both families of `n` addresses.
fn many(n: u32) -> BTreeSet<Subject> {
    (0..n)
        .flat_map(|n| {
            let v4 = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
            let v6 = std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(n));
            [Address::from(v4), Address::from(v6)].map(Subject::from)
        })
        .collect()
}

/// The store whose bans they are.
const STORE: &str = "3f9c2a0011223344";

/// What the configuration makes in both families.
fn made(firewall: &Firewall, variant: Variant) -> Vec<InstalledChain> {
    let variant = match variant {
        Variant::Nft => IptablesVariant::Nft,
        Variant::Legacy => IptablesVariant::Legacy,
    };
    let of =
        |family| InstalledChain::of(firewall, Some(ChainLocation::Iptables { family, variant }));
    Family::BOTH.map(of).to_vec()
}

/// Brings the firewall to these bans, by `seen` or by what is listed now.
fn reconcile(
    firewall: &Firewall,
    store: &str,
    bans: &BTreeSet<Subject>,
    made: &[InstalledChain],
    seen: Option<Box<dyn FirewallInspection>>,
) -> ReconcileOutcome {
    let seen = seen.unwrap_or_else(|| backend(firewall).unwrap().inspect());
    seen.reconcile(&CommittedBans {
        store: store.to_owned(),
        bans: bans.clone(),
        made: made.to_vec(),
    })
}

/// Brings and expects success.
fn brought(
    firewall: &Firewall,
    wanted: &BTreeSet<Subject>,
    former: &[InstalledChain],
) -> ReconcileOutcome {
    let outcome = reconcile(firewall, STORE, wanted, former, None);
    assert_eq!(outcome.problems, []);
    outcome
}

/// Rules of other people in places where ours go too.
fn furnish(programs: &Programs<'_>) {
    let common = "*nat
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -m comment --comment \"it's \\\"ours\\\" -j PYFILT\" -j ACCEPT
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -j RETURN
";
    let v4 = "-A INPUT -s 198.51.100.7/32 -j DROP
-A f2b-sshd -s 203.0.113.13/32 -j REJECT --reject-with icmp-port-unreachable
COMMIT\n";
    let v6 = "-A INPUT -s 2001:db8::77/128 -j DROP
-A f2b-sshd -s 2001:db8::13/128 -j REJECT --reject-with icmp6-port-unreachable
COMMIT\n";
    programs.run_with("iptables-restore", &format!("{common}{v4}"));
    programs.run_with("ip6tables-restore", &format!("{common}{v6}"));
    for program in ["iptables", "ip6tables"] {
        let comment = "'a\nCOMMIT\n-A PYFILT -j DROP\n'";
        let rule = format!("{program} -A INPUT -m comment --comment {comment} -j RETURN");
        programs.run(&rule);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_banned_address_is_blocked_and_an_unbanned_one_passes() {
    for variant in VARIANTS {
        for deny in [Deny::Drop, Deny::Reject] {
            let pair = Pair::new();
            let programs = pair.host.programs(variant);
            let firewall = Firewall {
                deny,
                ..firewall(&programs)
            };
            let both = set(&["203.0.113.13", "2001:db8::13"]);
            assert!(brought(&firewall, &both, &[]).changed);
            for (source, passes) in [
                ("203.0.113.13", false),
                ("203.0.113.20", true),
                ("2001:db8::13", false),
                ("2001:db8::20", true),
            ] {
                assert_eq!(
                    pair.connects(source),
                    passes,
                    "{variant:?} {deny:?} {source}"
                );
            }
            assert!(
                !brought(&firewall, &both, &[]).changed,
                "{variant:?} {deny:?}"
            );

            assert!(brought(&firewall, &set(&["203.0.113.20"]), &[]).changed);
            assert!(pair.connects("203.0.113.13"), "{variant:?} {deny:?}");
            assert!(!pair.connects("203.0.113.20"), "{variant:?} {deny:?}");
            assert!(pair.connects("2001:db8::13"), "{variant:?} {deny:?}");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_whatever_happened_to_our_rules_is_repaired_and_others_stay_byte_for_byte() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        furnish(&programs);
        let others = programs.everything_but("PYFILTER");
        let bans = set(&["203.0.113.13", "203.0.113.14", "2001:db8::13"]);
        brought(&firewall, &bans, &[]);
        let right = programs.everything();
        for damage in [
            "-F PYFILTER",
            "-D INPUT -j PYFILTER",
            "-A INPUT -j PYFILTER",
            "-I INPUT 3 -m comment --comment \"again, it's\" -j PYFILTER",
            "-I PYFILTER -j ACCEPT",
            "-A PYFILTER -p tcp -j DROP",
        ] {
            for program in ["iptables", "ip6tables"] {
                programs.run(&format!("{program} {damage}"));
            }
            assert_ne!(programs.everything(), right, "{variant:?} {damage}");
            assert!(
                brought(&firewall, &bans, &[]).changed,
                "{variant:?} {damage}"
            );
            assert_eq!(programs.everything(), right, "{variant:?} {damage}");
            assert!(
                !brought(&firewall, &bans, &[]).changed,
                "{variant:?} {damage}"
            );
        }
        assert_eq!(programs.everything_but("PYFILTER"), others, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_reboot_is_repaired_by_the_next_run() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        let bans = set(&["203.0.113.13", "2001:db8::13"]);
        let seen = backend(&firewall).unwrap().inspect();
        assert_eq!(seen.missing(), Family::BOTH, "{variant:?}");
        assert!(reconcile(&firewall, STORE, &bans, &[], Some(seen)).changed);
        let seen = backend(&firewall).unwrap().inspect();
        assert_eq!(seen.missing(), [], "{variant:?}");
        assert!(!reconcile(&firewall, STORE, &bans, &[], Some(seen)).changed);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_another_chain_and_other_hooks_replace_the_former_ones() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        furnish(&programs);
        let bans = set(&["203.0.113.13", "2001:db8::13"]);
        let first = Firewall {
            chain: "OLD".to_owned(),
            hooks: vec!["INPUT".to_owned(), "FORWARD".to_owned()],
            ..firewall(&programs)
        };
        let former = brought(&first, &bans, &[]).installed;
        let second = Firewall {
            hooks: vec!["DOCKER-USER".to_owned(), "INPUT".to_owned()],
            ..firewall(&programs)
        };
        let outcome = brought(&second, &bans, &former);
        assert_eq!(outcome.installed, made(&second, variant), "{variant:?}");
        let text = programs.everything().join("\n");
        assert!(!text.contains("OLD"), "{variant:?}: {text}");
        assert_eq!(
            text.matches("-j PYFILTER").count(),
            4,
            "{variant:?}: {text}"
        );
        assert!(text.contains("ip6tables-save: -A DOCKER-USER -j PYFILTER"));
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_removal_leaves_no_trace() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        furnish(&programs);
        let before = programs.everything();
        let made = brought(&firewall, &many(10), &[]).installed;
        assert_ne!(programs.everything(), before, "{variant:?}");
        let outcome = remove(&firewall, Some(STORE), &made);
        assert_eq!(outcome.problems, []);
        assert!(outcome.changed && outcome.installed.is_empty());
        assert_eq!(programs.everything(), before, "{variant:?}");
        assert!(
            !remove(&firewall, Some(STORE), &made).changed,
            "{variant:?}"
        );
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_refused_text_leaves_all_as_it_was() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        furnish(&programs);
        brought(&firewall(&programs), &set(&["203.0.113.13"]), &[]);
        let before = programs.everything();
        // The listing shows a chain that the kernel has not.
        let lie = format!(
            "({}) | sed 's/^COMMIT/:NOWHERE - [0:0]\\n&/'",
            programs.enter("", "iptables-save")
        );
        programs.script("iptables-save", &lie);
        let hooked = Firewall {
            hooks: vec!["INPUT".to_owned(), "NOWHERE".to_owned()],
            ..firewall(&programs)
        };
        let outcome = reconcile(&hooked, STORE, &set(&["203.0.113.14"]), &[], None);
        let said = &outcome.problems[0].message;
        assert!(said.contains("refused line"), "{variant:?}: {said}");
        assert!(
            said.contains("`-I NOWHERE 1 -j PYFILTER`"),
            "{variant:?}: {said}"
        );
        assert_eq!(programs.everything(), before, "{variant:?}");
        assert_eq!(outcome.v4, 1, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_rule_lost_after_the_listing_does_not_lose_the_run() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        let mut bans = many(50);
        brought(&firewall, &bans, &[]);
        let seen = backend(&firewall).unwrap().inspect();
        bans.remove(&Subject::parse("10.0.0.7").unwrap());
        programs.run("iptables -F PYFILTER");
        let outcome = reconcile(&firewall, STORE, &bans, &[], Some(seen));
        assert_eq!(outcome.problems, [], "{variant:?}");
        // The chain that was flushed was none that had to be written.
        assert!(brought(&firewall, &bans, &[]).changed, "{variant:?}");
        assert!(!brought(&firewall, &bans, &[]).changed, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_held_lock_keeps_the_bans_for_the_next_run() {
    let netns = Netns::new();
    let programs = netns.programs(Variant::Legacy);
    let lock = File::create(programs.lock_file()).unwrap();
    lock.lock().unwrap();
    let outcome = reconcile(&firewall(&programs), STORE, &many(1), &[], None);
    assert_eq!(outcome.problems.len(), 1, "{outcome:?}");
    assert!(
        outcome.problems[0]
            .message
            .contains("applied by the next run")
    );
    assert!(!outcome.changed);
    drop(lock);
    assert!(brought(&firewall(&programs), &many(1), &[]).changed);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_rights_we_say_sudo() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        for name in ["iptables-save", "ip6tables-save"] {
            programs.script(name, &programs.enter(nobody, name));
        }
        let outcome = reconcile(&firewall(&programs), STORE, &many(1), &[], None);
        assert_eq!(outcome.problems.len(), 1, "{variant:?} {outcome:?}");
        let said = &outcome.problems[0].message;
        assert!(said.contains("run with sudo"), "{variant:?}: {said}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_ipv6_switched_off_by_sysctl_still_takes_its_bans() {
    for variant in VARIANTS {
        let netns = Netns::new();
        netns.exec("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
        let programs = netns.programs(variant);
        assert_eq!(brought(&firewall(&programs), &many(3), &[]).v6, 3);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_rules_of_the_other_variant_are_a_note_for_check() {
    let netns = Netns::new();
    brought(&firewall(&netns.programs(Variant::Legacy)), &many(1), &[]);
    let firewall = firewall(&netns.programs(Variant::Nft));
    let findings = backend(&firewall)
        .unwrap()
        .inspect()
        .check(None, None, false);
    assert!(matches!(&findings[0], FirewallFinding::Fine(said) if said.contains("nf_tables")));
    let FirewallFinding::Warning(note) = &findings[1] else {
        panic!("{findings:?}");
    };
    assert!(note.contains("iptables-legacy tables present"));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_snapshot_is_a_restore_text_as_it_is() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        furnish(&programs);
        let others = programs.everything();
        let shown = Shown {
            store: "3f9c2a".to_owned(),
            number: 7,
        };
        let bans: BTreeSet<Subject> = many(5).into_iter().collect();
        for (family, program) in [
            (Family::V4, "iptables-restore"),
            (Family::V6, "ip6tables-restore"),
        ] {
            for deny in [Deny::Drop, Deny::Reject] {
                let text = snapshot::render(family, &shown, "PYFILTER", deny, &bans);
                programs.run_with(&format!("{program} --noflush"), &text);
            }
        }
        let there = programs.everything();
        let rules = there
            .iter()
            .filter(|line| line.contains("-A PYFILTER"))
            .count();
        assert_eq!(rules, 10, "{variant:?}");
        assert_eq!(programs.everything_but("PYFILTER"), others, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_twenty_thousand_bans_of_each_family() {
    for variant in VARIANTS {
        let netns = Netns::new();
        let programs = netns.programs(variant);
        let firewall = firewall(&programs);
        let mut bans = many(20_000);
        let timed = |what: &str, bans: &BTreeSet<Subject>, changed: bool| {
            let begun = Instant::now();
            let outcome = brought(&firewall, bans, &[]);
            let took = begun.elapsed();
            println!("{variant:?}: {what}: {took:?}");
            assert_eq!(outcome.changed, changed, "{variant:?} {what}");
            assert!(took.as_secs() < 20, "{variant:?} {what}: {took:?}");
        };
        timed("20,000 + 20,000 anew", &bans, true);
        timed("nothing to do", &bans, false);
        bans.extend(set(&["203.0.113.13"]));
        timed("one more", &bans, true);
        bans.remove(&Subject::parse("10.0.0.7").unwrap());
        timed("one less", &bans, true);
        bans.retain(|address| address.to_string().ends_with('3'));
        timed("most of them gone", &bans, true);
    }
}
