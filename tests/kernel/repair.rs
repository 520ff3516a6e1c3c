//! What reboots and other programs do to our chain, and that nobody else's
//! rules are touched.

use serde_json::json;

use super::attacked;
use super::backends::{FirewallKind, KINDS};
use crate::kit::failures;
use crate::netns::{Netns, Pair, Programs, VARIANTS};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

/// Both families' `iptables`.
fn iptables(programs: &Programs<'_>, command: &str) {
    for program in ["iptables", "ip6tables"] {
        programs.run(&format!("{program} {command}"));
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_after_a_reboot_the_first_run_blocks_again() {
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        firewall.reboot();
        assert!(pair.connects(ATTACKERS[0]), "{kind:?}");

        let json = pyfilter.scan_json();
        assert_eq!(json["firewall"]["changed"], true, "{kind:?}");
        assert_eq!(json["bans"], serde_json::json!([]), "{kind:?}");
        for source in ATTACKERS {
            assert!(!pair.connects(source), "{kind:?} {source}");
        }
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_after_a_reboot_the_firewall_comes_before_the_reading() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        firewall.reboot();
        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        firewall.watch();
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
        let calls = firewall.calls();
        let listed = kind.listed();
        assert_eq!(calls[..listed.len()], *listed, "{kind:?}");
        let [v4, v6] = kind.writers();
        let of = |name| calls.iter().filter(|call| *call == name).count();
        assert_eq!(of(v4), 2, "the old bans, then the new one: {calls:?}");
        if v4 != v6 {
            assert_eq!(of(v6), 1, "no new IPv6 ban: {calls:?}");
        }
        let all = ["203.0.113.13", "203.0.113.14", "2001:db8::13"];
        assert_eq!(firewall.blocked(), all, "{kind:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_restore_brings_the_bans_back_without_logs_and_without_redis() {
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        firewall.reboot();
        pyfilter.append("auth.log", failures("203.0.113.20", 5));

        // Nobody listens there; before the network is up nobody is to be asked.
        let lonely = json!({ "host": "127.0.0.1", "port": 1 });
        let pyfilter = pyfilter
            .set("/settings/database", json!("redis"))
            .set("/settings/reload_iptables", json!(false))
            .set("/redis", lonely);
        pyfilter.run(["restore"]).exits(0).prints("");
        for source in ATTACKERS {
            assert!(!pair.connects(source), "{kind:?} {source}");
        }
        assert!(pair.connects("203.0.113.20"), "{kind:?}: not read yet");
        firewall.watch();
        pyfilter.run(["restore"]).exits(0);
        assert_eq!(firewall.calls(), kind.listed(), "nothing to repair");
        pyfilter.run(["restore", "--off"]).exits(0).prints("");
        assert_eq!(firewall.traces("PYFILTER"), [""; 0], "{kind:?}");
        assert_eq!(pyfilter.banned(), ATTACKERS, "no ban is lost");
        pyfilter.run(["restore"]).exits(0);
        assert_eq!(firewall.blocked(), ATTACKERS, "{kind:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_whatever_became_of_our_rules_the_next_run_repairs_it() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        if kind != FirewallKind::Nftables {
            firewall.damage("-A INPUT -p tcp --dport 80 -j ACCEPT");
        }
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        let right = firewall.everything();
        for damage in kind.damages() {
            firewall.damage(damage);
            assert_ne!(firewall.everything(), right, "{kind:?} {damage}");
            let changed = |json: serde_json::Value| json["firewall"]["changed"] == true;
            let ran = pyfilter.run(["scan", "--json"]).succeeds();
            assert!(changed(ran.json()), "{kind:?} {damage}");
            assert_eq!(ran.json()["bans"], json!([]), "{kind:?} {damage}");
            assert_eq!(firewall.everything(), right, "{kind:?} {damage}");
            assert!(!changed(pyfilter.scan_json()), "{kind:?} {damage}");
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
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        for (program, network) in [("iptables", "10.0.0.0/8"), ("ip6tables", "fd00::/8")] {
            firewall.run_with(
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
        if kind == FirewallKind::Nftables {
            // As /etc/nftables.conf and fail2ban have it.
            for command in [
                "add table inet filter",
                "add chain inet filter input { type filter hook input priority 0; policy drop; }",
                "add table inet f2b-table",
                "add set inet f2b-table addr-set-sshd { type ipv4_addr; elements = { 10.1.2.3 }; }",
            ] {
                firewall.damage(command);
            }
        }
        let others = firewall.everything();
        let unlike_ours = || firewall.others();
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        assert_eq!(unlike_ours(), others, "{kind:?}: after bans");
        pyfilter.run(["unban", ATTACKERS[0]]).exits(0);
        assert_eq!(unlike_ours(), others, "{kind:?}: after an un-ban");
        firewall.flush();
        pyfilter.scan().succeeds();
        assert_eq!(unlike_ours(), others, "{kind:?}: after a repair");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_summary_says_what_was_repaired() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        let summary = || {
            let told = pyfilter.run(["scan", "-v"]).exits(0).stdout();
            told.lines().last().unwrap_or_default().to_owned()
        };
        assert!(!summary().contains("repaired"), "the first run makes it");
        assert!(!summary().contains("repaired"), "nothing has changed");
        firewall.flush();
        let told = summary();
        let (changed, gone) = match kind {
            FirewallKind::Nftables => (
                "table inet pyfilter was changed by somebody else.",
                "table inet pyfilter was gone.",
            ),
            _ => (
                "chain PYFILTER or its hook was changed by somebody else.",
                "chain PYFILTER was gone (IPv4, IPv6).",
            ),
        };
        let changed = format!("blocked 2; repaired in the firewall: {changed}");
        assert!(told.ends_with(&changed), "{kind:?}: {told}");
        firewall.reboot();
        let told = summary();
        let gone = &format!("repaired in the firewall: {gone}");
        assert!(told.ends_with(gone), "{kind:?}: {told}");
        assert!(!summary().contains("repaired"), "all is right again");
    }
}
