//! What reboots and other programs do to our chain, and that nobody else's
//! rules are touched.

use serde_json::json;

use super::{attacked, blocked, calls, watch};
use crate::kit::failures;
use crate::netns::{Netns, Pair, Programs, VARIANTS};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

/// Both families' `iptables`.
fn iptables(programs: &Programs<'_>, command: &str) {
    for program in ["iptables", "ip6tables"] {
        programs.run(&format!("{program} {command}"));
    }
}

/// What a reboot leaves: nothing.
fn reboot(programs: &Programs<'_>) {
    iptables(programs, "-F");
    iptables(programs, "-X");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_after_a_reboot_the_first_run_blocks_again() {
    for variant in VARIANTS {
        let pair = Pair::new();
        let programs = pair.host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        reboot(&programs);
        assert!(pair.connects(ATTACKERS[0]), "{variant:?}");

        let json = pyfilter.scan_json();
        assert_eq!(json["firewall"]["changed"], true, "{variant:?}");
        assert_eq!(json["bans"], serde_json::json!([]), "{variant:?}");
        for source in ATTACKERS {
            assert!(!pair.connects(source), "{variant:?} {source}");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_after_a_reboot_the_firewall_comes_before_the_reading() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        reboot(&programs);
        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        watch(&programs);
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
        let restores = calls(&programs);
        let place = |name| restores.iter().position(|call| call == name);
        assert_eq!(place("iptables-save"), Some(0), "{restores:?}");
        assert_eq!(
            restores.iter().filter(|c| *c == "iptables-restore").count(),
            2,
            "the old bans, then the new one: {restores:?}"
        );
        assert_eq!(
            restores
                .iter()
                .filter(|c| *c == "ip6tables-restore")
                .count(),
            1,
            "no new IPv6 ban: {restores:?}"
        );
        let all = ["203.0.113.13", "203.0.113.14", "2001:db8::13"];
        assert_eq!(blocked(&programs), all, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_restore_brings_the_bans_back_without_logs_and_without_redis() {
    for variant in VARIANTS {
        let pair = Pair::new();
        let programs = pair.host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        reboot(&programs);
        pyfilter.append("auth.log", failures("203.0.113.20", 5));

        // Nobody listens there; before the network is up nobody is to be asked.
        let lonely = json!({ "host": "127.0.0.1", "port": 1 });
        let pyfilter = pyfilter
            .set("/settings/database", json!("redis"))
            .set("/settings/reload_iptables", json!(false))
            .set("/redis", lonely);
        pyfilter.run(["restore"]).exits(0).prints("");
        for source in ATTACKERS {
            assert!(!pair.connects(source), "{variant:?} {source}");
        }
        assert!(pair.connects("203.0.113.20"), "{variant:?}: not read yet");
        watch(&programs);
        pyfilter.run(["restore"]).exits(0);
        let calls = calls(&programs);
        assert!(
            calls.iter().all(|call| call.ends_with("-save")),
            "nothing to repair: {calls:?}"
        );
        pyfilter.run(["restore", "--off"]).exits(0).prints("");
        let ours = |line: &String| line.contains("PYFILTER");
        assert!(!programs.everything().iter().any(ours), "{variant:?}");
        assert_eq!(pyfilter.banned(), ATTACKERS, "no ban is lost");
        pyfilter.run(["restore"]).exits(0);
        assert_eq!(blocked(&programs), ATTACKERS, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_whatever_became_of_our_rules_the_next_run_repairs_it() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        iptables(&programs, "-A INPUT -p tcp --dport 80 -j ACCEPT");
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        let right = programs.everything();
        for damage in [
            "-F PYFILTER",
            "-D INPUT -j PYFILTER",
            "-A INPUT -j PYFILTER",
            "-I PYFILTER -j ACCEPT",
        ] {
            iptables(&programs, damage);
            assert_ne!(programs.everything(), right, "{variant:?} {damage}");
            let changed = |json: serde_json::Value| json["firewall"]["changed"] == true;
            let ran = pyfilter.run(["scan", "--json"]).succeeds();
            assert!(changed(ran.json()), "{variant:?} {damage}");
            assert_eq!(programs.everything(), right, "{variant:?} {damage}");
            assert!(!changed(pyfilter.scan_json()), "{variant:?} {damage}");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_hook_counts_wherever_it_stands() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        iptables(&programs, "-I INPUT -p tcp --dport 80 -j ACCEPT");
        iptables(&programs, "-I INPUT -p icmp -j ACCEPT");
        let before = programs.everything();
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], false);
        assert_eq!(programs.everything(), before, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_other_peoples_rules_stay_byte_for_byte() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        for (program, network) in [("iptables", "10.0.0.0/8"), ("ip6tables", "fd00::/8")] {
            programs.run_with(
                &format!("{program}-restore"),
                &format!(
                    "*nat\n-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\n\
                     *filter\n:FORWARD DROP [0:0]\n:f2b-sshd - [0:0]\n\
                     -A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n\
                     -A INPUT -s {network} -m comment --comment \"not for PyFilter\" -j DROP\n\
                     -A f2b-sshd -j RETURN\nCOMMIT\n"
                ),
            );
        }
        let others = programs.everything();
        let unlike_ours = || programs.everything_but("PYFILTER");
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        assert_eq!(unlike_ours(), others, "{variant:?}: after bans");
        pyfilter.run(["unban", ATTACKERS[0]]).exits(0);
        assert_eq!(unlike_ours(), others, "{variant:?}: after an un-ban");
        iptables(&programs, "-F PYFILTER");
        pyfilter.scan().succeeds();
        assert_eq!(unlike_ours(), others, "{variant:?}: after a repair");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_summary_says_what_was_repaired() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        let summary = || {
            let told = pyfilter.run(["scan", "-v"]).exits(0).stdout();
            told.lines().last().unwrap_or_default().to_owned()
        };
        assert!(!summary().contains("repaired"), "the first run makes it");
        assert!(!summary().contains("repaired"), "nothing has changed");
        programs.run("iptables -F PYFILTER");
        let told = summary();
        let changed = "blocked 2; repaired in the firewall: chain PYFILTER or its hook was changed by somebody else.";
        assert!(told.ends_with(changed), "{variant:?}: {told}");
        reboot(&programs);
        let told = summary();
        let gone = "repaired in the firewall: chain PYFILTER was gone (IPv4, IPv6).";
        assert!(told.ends_with(gone), "{variant:?}: {told}");
        assert!(!summary().contains("repaired"), "all is right again");
    }
}
