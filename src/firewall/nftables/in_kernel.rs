//! Our table in a real kernel, and what it costs.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::Nftables;
use crate::firewall::in_netns::{is_inside, run};
use crate::firewall::{CommittedBans, FirewallBackend as _, ReconcileOutcome};
use crate::model::{Address, Backend, Deny, Family, Firewall, Subject};

const STORE: &str = "3f9c2a0011223344";

fn firewall() -> Firewall {
    Firewall {
        backend: Backend::Nftables,
        chain: "PYFILTER".to_owned(),
        hooks: vec!["INPUT".to_owned()],
        deny: Deny::Drop,
        compare: true,
        programs: None,
    }
}

fn committed(bans: BTreeSet<Subject>, outcome: &ReconcileOutcome) -> CommittedBans {
    CommittedBans {
        store: STORE.to_owned(),
        bans,
        made: outcome.installed.clone(),
    }
}

/// So many addresses, far from each other.
fn addresses(count: u32) -> BTreeSet<Subject> {
    let spread = (1..=count).map(|n| n.wrapping_mul(2_654_435_761));
    let v4 = spread.map(|bits| Address::from(Ipv4Addr::from_bits(bits)));
    v4.map(Subject::from).collect()
}

fn networks(texts: &[&str]) -> BTreeSet<Subject> {
    let networks = texts.iter().map(|text| Subject::parse(text).expect(text));
    networks.collect()
}

/// Brings the firewall to these bans.
fn brought(firewall: &Firewall, wanted: &CommittedBans) -> ReconcileOutcome {
    let outcome = Nftables { firewall }.inspect().reconcile(wanted);
    assert_eq!((&outcome.problems, &outcome.warnings), (&vec![], &vec![]));
    outcome
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_networks_of_every_length_are_held_as_they_are_wanted() {
    if !is_inside(
        module_path!(),
        "kernel_networks_of_every_length_are_held_as_they_are_wanted",
    ) {
        return;
    }
    let firewall = firewall();
    let backend = Nftables {
        firewall: &firewall,
    };
    let none = ReconcileOutcome::default();
    let v4 = Ipv4Addr::new(203, 0, 113, 253);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xff);
    let v4 = (0..32).map(|length| Subject::network(Address::from(v4), length));
    let v6 = (0..128).map(|length| Subject::network(Address::from(v6), length));
    for network in v4.chain(v6) {
        let wanted = committed(BTreeSet::from([network]), &none);
        assert!(brought(&firewall, &wanted).changed, "{network}");
        assert!(!brought(&firewall, &wanted).changed, "{network}");
    }
    // One after the other, and back: each by its difference.
    let all = networks(&[
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "11.0.0.0/8",
        "255.255.255.0/24",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "2001:db9::/32",
        "10.1.2.3",
    ]);
    let mut bans = BTreeSet::new();
    let outcome = brought(&firewall, &committed(bans.clone(), &none));
    let mut before = backend.fingerprint().unwrap();
    let grow: Vec<_> = all.iter().rev().chain(&all).copied().collect();
    for subject in grow {
        let is_new = bans.insert(subject);
        let (gone, new) = if is_new {
            (vec![], vec![subject])
        } else {
            bans.remove(&subject);
            (vec![subject], vec![])
        };
        let wanted = committed(bans.clone(), &outcome);
        let delta = backend.apply_delta(&before, &|| Some(wanted.clone()), &gone, &new);
        before = delta.fingerprint.unwrap_or_else(|| panic!("{subject}"));
        assert!(!brought(&firewall, &wanted).changed, "{subject}");
    }
    assert!(bans.is_empty());
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_delta_beside_somebody_elses_change_is_not_trusted() {
    if !is_inside(
        module_path!(),
        "kernel_a_delta_beside_somebody_elses_change_is_not_trusted",
    ) {
        return;
    }
    let firewall = firewall();
    let backend = Nftables {
        firewall: &firewall,
    };
    let outcome = brought(
        &firewall,
        &committed(addresses(10), &ReconcileOutcome::default()),
    );
    let before = backend.fingerprint().unwrap();
    run(
        "nft",
        &["delete element inet pyfilter v4 { 158.55.121.177 }"],
        "",
    );
    let wanted = committed(addresses(11), &outcome);
    let new: Vec<Subject> = addresses(11).difference(&addresses(10)).copied().collect();
    let delta = backend.apply_delta(&before, &|| Some(wanted.clone()), &[], &new);
    assert!(delta.changed && delta.fingerprint.is_none());
    assert!(brought(&firewall, &wanted).changed);
    // What is not there can not go: refused, and nothing is changed.
    let before = backend.fingerprint().unwrap();
    let absent = [Subject::parse("192.0.2.1").unwrap()];
    let delta = backend.apply_delta(&before, &|| Some(wanted.clone()), &absent, &[]);
    assert!(!delta.changed && delta.fingerprint.is_none());
    assert_eq!(backend.fingerprint(), Some(before));
    assert_eq!(backend.stopped(), Some([0, 0]));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_set_that_is_full_is_made_anew() {
    if !is_inside(module_path!(), "kernel_a_set_that_is_full_is_made_anew") {
        return;
    }
    let firewall = firewall();
    let outcome = brought(
        &firewall,
        &committed(addresses(16_380), &ReconcileOutcome::default()),
    );
    let before = Nftables {
        firewall: &firewall,
    }
    .fingerprint()
    .unwrap();
    let wanted = committed(addresses(40_000), &outcome);
    let new: Vec<Subject> = (addresses(40_000).difference(&addresses(16_380)).copied()).collect();
    let backend = Nftables {
        firewall: &firewall,
    };
    let delta = backend.apply_delta(&before, &|| Some(wanted.clone()), &[], &new);
    assert!(!delta.changed && delta.fingerprint.is_none());
    assert!(brought(&firewall, &wanted).changed);
    assert!(!brought(&firewall, &wanted).changed);
}

/// Prints what each thing takes.
fn costs(count: u32, limits: [u64; 3]) {
    let firewall = firewall();
    let backend = Nftables {
        firewall: &firewall,
    };
    let bans = addresses(count);
    let timed = |what: &str, limit: u64, work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        let took = begun.elapsed();
        println!("{count} bans: {what}: {took:?}");
        assert!(took.as_secs() < limit, "{what}: {took:?}");
    };
    let [whole, listed, ten] = limits;
    let first = committed(bans.clone(), &ReconcileOutcome::default());
    let mut outcome = ReconcileOutcome::default();
    timed("from empty", whole, &mut || {
        outcome = brought(&firewall, &first);
    });
    assert_eq!(outcome.v4, bans.len());
    timed("listed and found right", listed, &mut || {
        assert!(!brought(&firewall, &first).changed);
    });
    let before = backend.fingerprint().unwrap();
    let more: BTreeSet<Subject> = (1..=10_u8)
        .map(|n| Address::from(Ipv4Addr::new(192, 0, 2, n)).into())
        .collect();
    let wanted = committed(&bans | &more, &outcome);
    let new: Vec<Subject> = more.iter().copied().collect();
    timed("ten more", ten, &mut || {
        let delta = backend.apply_delta(&before, &|| Some(wanted.clone()), &[], &new);
        assert!(delta.fingerprint.is_some());
    });
    timed("nothing changed", 1, &mut || {
        assert_eq!(
            backend.fingerprint().unwrap().has_chain(Family::V4),
            before.has_chain(Family::V4)
        );
    });
    run("nft", &["flush set inet pyfilter v4"], "");
    timed("flushed, and repaired", whole, &mut || {
        assert!(brought(&firewall, &wanted).changed);
    });
    timed("removed", whole, &mut || {
        assert!(backend.remove(Some(STORE), &outcome.installed).changed);
    });
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_hundred_thousand_bans() {
    if is_inside(module_path!(), "kernel_a_hundred_thousand_bans") {
        costs(100_000, [20, 20, 5]);
    }
}

/// With `kernel_` before its name it would take a minute of each run.
#[test]
#[ignore = "takes a minute: run by hand"]
fn a_million_bans() {
    if is_inside(module_path!(), "a_million_bans") {
        costs(1_000_000, [90, 90, 10]);
    }
}
