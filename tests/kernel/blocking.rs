//! Who gets through, and who does not.

use serde_json::json;

use super::attacked;
use super::backends::{FirewallKind, KINDS};
use crate::netns::{Pair, Variant};

/// The two that fail, and two that never do.
const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];
const OTHERS: [&str; 2] = ["203.0.113.20", "2001:db8::20"];

#[track_caller]
fn pass(pair: &Pair, sources: &[&str], when: &str) {
    for source in sources {
        assert!(pair.connects(source), "{source} should get through, {when}");
    }
}

#[track_caller]
fn are_blocked(pair: &Pair, sources: &[&str], when: &str) {
    for source in sources {
        assert!(!pair.connects(source), "{source} should be blocked, {when}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_five_failures_block_an_address_and_an_unban_lets_it_in() {
    for kind in KINDS {
        for deny in ["DROP", "REJECT"] {
            let pair = Pair::new();
            let firewall = kind.on(&pair.host);
            let pyfilter = firewall
                .attacked(&ATTACKERS)
                .set("/settings/deny_type", deny);
            let when = |moment| format!("{moment} ({kind:?}, {deny})");

            pass(&pair, &ATTACKERS, &when("before the scan"));
            pyfilter.scan().exits(0).bans(ATTACKERS);
            are_blocked(&pair, &ATTACKERS, &when("after the scan"));
            pass(&pair, &OTHERS, &when("after the scan"));

            pyfilter.run(["unban", ATTACKERS[0], ATTACKERS[1]]).exits(0);
            pass(&pair, &ATTACKERS, &when("after the un-ban"));
            pyfilter.scan().exits(0).prints("");
            pass(&pair, &ATTACKERS, &when("a scan after the un-ban"));

            pyfilter.run(["ban", OTHERS[0], OTHERS[1]]).exits(0);
            are_blocked(&pair, &OTHERS, &when("banned by hand"));
            pass(&pair, &ATTACKERS, &when("others banned by hand"));
            firewall.in_force(&pyfilter, &OTHERS);
            let backend = kind.backend();
            let row = json!({ "backend": backend, "changed": false, "v4": 1, "v6": 1 });
            assert_eq!(pyfilter.scan_json()["firewall"], row, "{kind:?}, {deny}");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_tutorials_step_six_lets_an_address_in() {
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);

        for (file, address) in ["blacklist.v4", "blacklist.v6"].into_iter().zip(ATTACKERS) {
            pyfilter.edit(file, |text| super::editor::without(&text, address));
        }
        are_blocked(&pair, &ATTACKERS, "until the next scan");
        let scanned = pyfilter.scan().exits(0);
        for address in ATTACKERS {
            let lifted = format!("Un-banned IP: {address}, its line was removed");
            assert!(scanned.stdout().contains(&lifted), "{}", scanned.stdout());
        }
        pass(&pair, &ATTACKERS, "their lines were deleted");
        pyfilter
            .run(["explain", ATTACKERS[0]])
            .exits(0)
            .says("is not banned, but was")
            .says("(snapshot)");

        for (file, address) in ["blacklist.v4", "blacklist.v6"].into_iter().zip(OTHERS) {
            pyfilter.edit(file, |text| super::editor::with(&text, address));
        }
        pyfilter.scan().exits(0);
        are_blocked(&pair, &OTHERS, "their lines were added");
        pass(&pair, &ATTACKERS, "others' lines were added");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_another_deny_type_replaces_the_rules_that_stand() {
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter.set("/settings/deny_type", "REJECT");
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], true);
        assert_eq!(firewall.blocked(), ATTACKERS);
        let rules = firewall.everything().join("\n");
        let (drops, rejects, rules_there) = match kind {
            // A rule for each of its four sets.
            FirewallKind::Nftables => (" drop", " reject", 4),
            _ => ("-j DROP", "-j REJECT", 2),
        };
        assert!(!rules.contains(drops), "{kind:?}: {rules}");
        let there = rules.matches(rejects).count();
        assert_eq!(there, rules_there, "{kind:?}: {rules}");
        are_blocked(&pair, &ATTACKERS, "rejected instead of dropped");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_dry_run_shows_the_bans_and_asks_no_firewall() {
    let pair = Pair::new();
    let programs = pair.host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    super::watch(&programs);
    let before = programs.everything();
    pyfilter.run(["scan", "--dry-run"]).exits(0).bans(ATTACKERS);
    assert_eq!(super::calls(&programs), [""; 0]);
    assert_eq!(programs.everything(), before);
    assert!(!pyfilter.path("state").exists());
    pass(&pair, &ATTACKERS, "after a dry run");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_address_is_told_in_which_network_it_is_blocked_and_where() {
    let (network, neighbour) = ("203.0.113.8/29", "203.0.113.9");
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS[..1]);
        let place = match kind.backend() {
            "nftables" => "set v4_networks of table inet pyfilter",
            _ => "chain PYFILTER",
        };
        pyfilter.scan().exits(0).bans([ATTACKERS[0]]);
        pyfilter.run(["ban", network]).exits(0);
        are_blocked(&pair, &ATTACKERS[..1], "its network is banned");
        pass(&pair, &OTHERS, "a network without them is banned");
        let said = pyfilter.run(["explain", ATTACKERS[0]]).exits(0).stdout();
        let blocked = format!("\n  Blocked  in {place}\n");
        assert_eq!(said.matches(&blocked).count(), 1, "{said}");
        let covered = "recorded, and covered by 203.0.113.8/29 for ever\n";
        assert_eq!(said.matches(covered).count(), 1, "{said}");
        for asked in [ATTACKERS[0], neighbour, network] {
            let json = pyfilter.run(["explain", "--json", asked]).exits(0).json();
            assert_eq!(json["banned_as"], network);
            assert_eq!(json["place"], place);
        }
    }
}
