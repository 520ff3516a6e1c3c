//! What nobody has changed since it was right is not listed; what somebody has
//! is, whoever it was and however small it is.

use std::fmt::Write as _;

use super::backends::{FirewallKind, KINDS};
use super::{attacked, calls, in_force, watch};
use crate::kit::{Sandbox, failures};
use crate::netns::{Netns, PROGRAMS, VARIANTS, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];
const LISTED: [&str; 2] = ["iptables-save", "ip6tables-save"];

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_firewall_that_nobody_has_changed_is_not_listed() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], true);
        // Other programs are another firewall, for all that is known.
        firewall.watch();
        pyfilter.scan().exits(0);
        assert_eq!(firewall.calls(), kind.listed(), "{kind:?}");

        let backend = kind.backend();
        let expected =
            serde_json::json!({ "backend": backend, "changed": false, "v4": 1, "v6": 1 });
        assert_eq!(pyfilter.scan_json()["firewall"], expected, "{kind:?}");
        // Legacy's tables have no number that counts up: their text is compared.
        let listed = kind.compared();
        assert_eq!(firewall.calls(), listed, "{kind:?}");

        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
        let written = [listed, &kind.writers()[..1]].concat();
        assert_eq!(firewall.calls(), written, "{kind:?}: one family, one write");

        pyfilter.run(["unban", ATTACKERS[1]]).exits(0);
        let changed = ["203.0.113.13", "203.0.113.14"];
        firewall.in_force(&pyfilter, &changed);
        firewall.calls();
        pyfilter.scan().exits(0);
        assert_eq!(
            firewall.calls(),
            listed,
            "{kind:?}: our own change is no stranger's"
        );
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_smallest_change_of_anybody_has_it_listed() {
    let changes = [
        "iptables -D PYFILTER 1",
        "iptables -R PYFILTER 1 -s 198.51.100.1 -j DROP",
        "ip6tables -F INPUT",
        "iptables -I INPUT -j ACCEPT",
        "iptables -N DOCKER-USER",
        "ip6tables -P FORWARD DROP",
    ];
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        watch(&programs);
        for change in changes {
            pyfilter.scan().exits(0);
            pyfilter.scan().exits(0);
            calls(&programs);
            pyfilter.scan().exits(0);
            let listed = match variant {
                Variant::Nft => &[][..],
                Variant::Legacy => &LISTED,
            };
            assert_eq!(calls(&programs), listed, "{variant:?}: before `{change}`");

            programs.run(change);
            pyfilter.scan().succeeds();
            let called = calls(&programs);
            assert_eq!(called[..2], LISTED, "{variant:?}: after `{change}`");
            in_force(&pyfilter, &programs, &ATTACKERS);
        }
    }
}

/// What a run has noted of the firewall.
fn noted(pyfilter: &Sandbox) -> String {
    let store = rusqlite::Connection::open(pyfilter.state("PyFilter.db")).unwrap();
    let select = "SELECT value FROM meta WHERE key = 'standing'";
    store.query_row(select, [], |row| row.get(0)).unwrap()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_was_written_into_legacys_tables_is_known_before_it_is_listed() {
    for deny in ["DROP", "REJECT"] {
        let host = Netns::new();
        let programs = host.programs(Variant::Legacy);
        let pyfilter = attacked(&programs, &ATTACKERS).set("/settings/deny_type", deny);
        pyfilter.scan().exits(0);
        pyfilter.scan().exits(0);
        let mut before = noted(&pyfilter);
        // Enough for a tree, in both families, and then fewer again.
        let more: Vec<String> = (0..60)
            .flat_map(|n| [format!("10.{n}.0.1"), format!("2001:db8:{n:x}::1")])
            .collect();
        for (command, addresses) in [
            ("ban", &more[..]),
            ("unban", &more[..100]),
            ("ban", &more[..3]),
        ] {
            let words = std::iter::once(command).chain(addresses.iter().map(String::as_str));
            pyfilter.run(words).exits(0);
            let after = noted(&pyfilter);
            assert_ne!(after, before, "{deny} {command}");
            pyfilter.scan().exits(0).prints("");
            assert_eq!(noted(&pyfilter), after, "{deny} {command}");
            before = after;
        }
        programs.run("iptables -A INPUT -s 198.51.100.7 -j ACCEPT");
        pyfilter.scan().exits(0);
        assert_ne!(noted(&pyfilter), before, "{deny}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_who_flushes_our_bans_while_we_write_is_found_out() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        let flushed = firewall.directory().join("flushed");
        let [writer, _] = kind.writers();
        let flush = match kind {
            FirewallKind::Nftables => {
                let nft = firewall.work("", "nft");
                nft.replace("\"$@\"", "flush set inet pyfilter v4")
            }
            _ => firewall
                .work("", "iptables")
                .replace("\"$@\"", "-F PYFILTER"),
        };
        // The programs are others now, so all is listed, and what is right is known.
        firewall.script(
            writer,
            &format!(
                "({work}) || exit\ntest -e {marks}.now || exit 0\ntest -e {marks} && exit\ntouch {marks}\n{flush}",
                work = firewall.work("", writer),
                marks = flushed.display(),
            ),
        );
        pyfilter.scan().exits(0);
        std::fs::write(flushed.with_extension("now"), "").unwrap();
        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
        assert!(flushed.exists(), "{kind:?}");
        // Nothing counts what is changed in legacy's tables: the next run sees it.
        if kind == FirewallKind::IptablesLegacy {
            assert_eq!(firewall.blocked(), [ATTACKERS[1]]);
            let json = pyfilter.run(["scan", "--json"]).exits(0).json();
            assert_eq!(json["firewall"]["changed"], true);
        }
        let all = ["203.0.113.13", "203.0.113.14", "2001:db8::13"];
        firewall.in_force(&pyfilter, &all);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_other_variant_of_iptables_is_listed_and_blocks_too() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    pyfilter.scan().exits(0);
    // update-alternatives: the same names, in the same place.
    let legacy = host.programs(Variant::Legacy);
    for name in PROGRAMS {
        programs.script(name, &legacy.enter("", name));
    }
    pyfilter.scan().exits(0);
    in_force(&pyfilter, &legacy, &ATTACKERS);
}

/// Bans by hand, as many as it takes for our chain to be long.
fn long(pyfilter: &Sandbox) {
    pyfilter.scan().exits(0);
    pyfilter.edit("blacklist.v4", |text| {
        let mut lines = String::new();
        for n in 0..12_000 {
            let _ = writeln!(
                lines,
                "-A PYFILTER -s 10.0.{}.{}/32 -j DROP",
                n >> 8,
                n & 255
            );
        }
        text.replace("COMMIT\n", &(lines + "COMMIT\n"))
    });
    pyfilter.run(["scan", "-q"]).exits(0);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unban_among_many_bans_lists_none_of_them() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    for name in ["iptables", "ip6tables"] {
        programs.script(name, &programs.enter("", name));
    }
    let pyfilter = attacked(&programs, &ATTACKERS);
    long(&pyfilter);
    // As PyFilter 2 left it, and in a chain that is no hook.
    programs.run("iptables -A INPUT -s 10.0.0.7 -j DROP");
    programs.run("iptables -N MINE");
    programs.run("iptables -A MINE -m comment --comment 'a\n-N b' -s 10.0.0.7 -j DROP");
    pyfilter.scan().exits(0);
    watch(&programs);
    pyfilter.scan().exits(0);
    calls(&programs);
    pyfilter
        .run(["unban", "10.0.0.7"])
        .succeeds()
        .warns("remove it with: iptables -D INPUT -s 10.0.0.7/32 -j DROP")
        .warns("remove it with: iptables -D MINE -s 10.0.0.7/32 ");
    // IPv6 has one ban, and is listed whole.
    assert_eq!(calls(&programs), ["iptables-restore", "ip6tables-save"]);
    pyfilter
        .run(["explain", "10.0.0.7"])
        .exits(0)
        .says("iptables -D INPUT -s 10.0.0.7/32 -j DROP");
    assert_eq!(calls(&programs), ["ip6tables-save"]);
    in_force_but(&pyfilter, &programs, "10.0.0.7");
}

/// Expects all that is in force in the kernel, and this one not.
fn in_force_but(pyfilter: &Sandbox, programs: &crate::netns::Programs<'_>, address: &str) {
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let there = sorted(super::blocked(programs));
    assert_eq!(there.len(), 12_001);
    assert!(!there.iter().any(|blocked| blocked == address));
    assert_eq!(there, sorted(pyfilter.banned()));
}
