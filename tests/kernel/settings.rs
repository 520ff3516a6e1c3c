//! Other chains, other hooks, nothing compared, no firewall at all.

use serde_json::json;

use super::backends::KINDS;
use super::{attacked, blocked, blocked_in, in_force, pyfilter};
use crate::kit::failures;
use crate::netns::{Netns, Pair, Programs, VARIANTS, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_another_chain_and_other_hooks_replace_the_former_ones() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter
            .set("/settings/firewall/chain", "BANNED")
            .set("/settings/firewall/hooks", vec!["INPUT", "FORWARD"]);
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], true);
        assert_eq!(blocked_in(&programs, "BANNED"), ATTACKERS, "{variant:?}");
        let rules = programs.everything().join("\n");
        assert!(!rules.contains("PYFILTER"), "{variant:?}: {rules}");

        let pyfilter = pyfilter.set("/settings/firewall/hooks", vec!["FORWARD"]);
        pyfilter.scan().exits(0);
        let rules = programs.everything().join("\n");
        assert!(
            !rules.contains("-A INPUT -j BANNED"),
            "{variant:?}: {rules}"
        );
        assert_eq!(
            rules.matches("-A FORWARD -j BANNED").count(),
            2,
            "{variant:?}: {rules}"
        );
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], false);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_hook_that_does_not_exist_is_a_warning_once_a_run() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS)
            .set("/settings/firewall/hooks", vec!["INPUT", "DOCKER-USER"]);
        // The first run writes twice: its chain is missing, then there are bans.
        for run in ["first", "second"] {
            let ran = pyfilter.scan().succeeds();
            let said = ran.stderr();
            assert_eq!(
                said.matches("DOCKER-USER of settings.firewall.hooks does not exist")
                    .count(),
                1,
                "{variant:?}, {run} run: {said}"
            );
            assert_eq!(said.lines().count(), 1, "{variant:?}, {run} run: {said}");
        }
        assert_eq!(blocked(&programs), ATTACKERS, "{variant:?}");

        for program in ["iptables", "ip6tables"] {
            programs.run(&format!("{program} -N DOCKER-USER"));
        }
        pyfilter.scan().exits(0);
        let rules = programs.everything().join("\n");
        assert_eq!(
            rules.matches("-A DOCKER-USER -j PYFILTER").count(),
            2,
            "{variant:?}: {rules}"
        );
        // What a run has written into legacy's tables the next one has to list once.
        pyfilter.scan().exits(0);
        let store = || std::fs::read(pyfilter.state("PyFilter.db")).unwrap();
        let before = store();
        pyfilter.scan().exits(0);
        assert!(
            store() == before,
            "nothing has changed, so nothing is written"
        );
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_reload_nothing_is_listed_until_bans_change() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall
            .attacked(&ATTACKERS)
            .set("/settings/reload_iptables", false);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        assert_eq!(firewall.blocked(), ATTACKERS, "{kind:?}");
        firewall.watch();
        let backend = kind.backend();
        let expected = json!({ "backend": backend, "changed": false, "v4": 1, "v6": 1 });
        assert_eq!(pyfilter.scan_json()["firewall"], expected, "{kind:?}");
        assert_eq!(firewall.calls(), [""; 0], "{kind:?}");

        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
        assert_ne!(firewall.calls(), [""; 0], "{kind:?}");
        let all = ["203.0.113.13", "203.0.113.14", "2001:db8::13"];
        assert_eq!(firewall.blocked(), all, "{kind:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_reload_another_chain_replaces_the_former_one_all_the_same() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall
            .attacked(&ATTACKERS)
            .set("/settings/reload_iptables", false);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
        pyfilter.scan().exits(0);
        assert_eq!(firewall.blocked_in("BANNED"), ATTACKERS);
        assert_eq!(firewall.traces("PYFILTER"), [""; 0], "{kind:?}");
        firewall.watch();
        pyfilter.scan().exits(0);
        assert_eq!(firewall.calls(), [""; 0]);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_a_backend_bans_are_recorded_and_applied_when_there_is_one() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let before = firewall.everything();
        firewall.watch();
        let pyfilter = firewall
            .attacked(&ATTACKERS)
            .set("/settings/firewall/backend", "none");
        let json = pyfilter.scan_json();
        assert_eq!(json["firewall"], json!(null));
        assert_eq!(pyfilter.banned().len(), ATTACKERS.len());
        assert_eq!(firewall.calls(), [""; 0]);
        assert_eq!(firewall.everything(), before);
        assert!(pyfilter.read("state/blacklist.v4").contains(ATTACKERS[0]));

        let pyfilter = pyfilter.set("/settings/firewall/backend", kind.backend());
        pyfilter.scan().exits(0).prints("");
        firewall.in_force(&pyfilter, &ATTACKERS);

        // What is un-banned without a backend must not stay blocked by what was made with one.
        let pyfilter = pyfilter.set("/settings/firewall/backend", "none");
        pyfilter.scan().exits(0).prints("");
        assert_eq!(firewall.everything(), before);
        pyfilter.scan().exits(0).prints("");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_bans_recorded_without_a_backend_are_applied_also_without_reload() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall
            .attacked(&ATTACKERS)
            .set("/settings/firewall/backend", "none")
            .set("/settings/reload_iptables", false);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter.set("/settings/firewall/backend", kind.backend());
        pyfilter.scan().exits(0);
        assert_eq!(firewall.blocked(), ATTACKERS);
    }
}

/// What ip6tables-save says where the kernel has no IPv6.
fn without_ipv6(programs: &Programs<'_>) {
    programs.script(
        "ip6tables-save",
        "echo \"ip6tables-save v1.8.9 (legacy): can't initialize ip6tables table \\`filter': \
         Address family not supported by protocol\" >&2; exit 3",
    );
    programs.script("ip6tables-restore", "echo called >&2; exit 1");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_host_without_ipv6_keeps_its_ipv6_bans() {
    let host = Netns::new();
    host.exec("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    let programs = host.programs(Variant::Nft);
    without_ipv6(&programs);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    pyfilter.scan().exits(0).prints("");
    assert_eq!(pyfilter.banned().len(), ATTACKERS.len());
    assert_eq!(blocked(&programs), ["203.0.113.13"]);

    programs.repair();
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &programs, &ATTACKERS);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_ipv6_bans_that_nothing_applies_are_a_warning_where_ipv6_gets_in() {
    let pair = Pair::new();
    let programs = pair.host.programs(Variant::Nft);
    without_ipv6(&programs);
    let pyfilter = pyfilter(&programs);
    pyfilter.scan().exits(0);
    pyfilter
        .run(["ban", "2001:db8::13"])
        .succeeds()
        .warns("1 ban is kept but not applied");
}
