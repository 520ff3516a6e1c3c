//! Whose chain it is: each store's id stands in the chain that it made.

use super::backends::{FirewallKind, HostFirewall, KINDS};
use super::{attacked, blocked, pyfilter};
use crate::kit::{Sandbox, failures};
use crate::netns::{Netns, Pair, Programs, VARIANTS, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

fn id(pyfilter: &Sandbox) -> String {
    let id = "SELECT value FROM meta WHERE key = 'id'";
    let store = rusqlite::Connection::open(pyfilter.state("PyFilter.db")).unwrap();
    store.query_row(id, [], |row| row.get(0)).unwrap()
}

/// The rules of both families that carry an id.
fn carried(programs: &Programs<'_>) -> Vec<String> {
    let mut lines = programs.everything();
    lines.retain(|line| line.contains("pyfilter store ") || line.contains("-j pyfilter-"));
    lines
}

/// The lines of a firewall that carry an id: in a table it is the name of a chain.
fn ids(firewall: &HostFirewall<'_>) -> Vec<String> {
    let mut lines = firewall.everything();
    match firewall.kind {
        FirewallKind::Nftables => lines.retain(|line| line.contains("chain store_")),
        _ => return carried(firewall),
    }
    lines
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_two_stores_with_one_chain_say_so_at_every_run() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let one = firewall.attacked(&["203.0.113.13"]);
        let two = firewall.attacked(&["203.0.113.14"]);
        one.scan().exits(0).bans(["203.0.113.13"]);
        let (a, b) = (id(&one), {
            two.scan().exits(1).bans(["203.0.113.14"]);
            id(&two)
        });
        assert_eq!(firewall.blocked(), ["203.0.113.14"], "{kind:?}");
        for _ in 0..2 {
            for (pyfilter, own, other, address) in [
                (&one, &a, &b, "203.0.113.13"),
                (&two, &b, &a, "203.0.113.14"),
            ] {
                pyfilter
                    .run(["check"])
                    .says(&format!("the id of another store, {other};"));
                let said = pyfilter.scan().exits(1).stderr();
                let place = match kind {
                    FirewallKind::Nftables => "table inet pyfilter",
                    _ => "chain PYFILTER",
                };
                let names = format!(
                    "{place} carried the id of another store, {other}; it now holds the bans of this one, {own}."
                );
                assert_eq!(said.matches(&names).count(), 1, "{kind:?}: {said}");
                assert_eq!(firewall.blocked(), [address], "{kind:?}");
                let ids = ids(&firewall);
                assert!(!ids.is_empty() && ids.iter().all(|rule| rule.contains(own)));
            }
        }

        // One of them gets a chain of its own, and leaves the other's alone.
        let one = one.set("/settings/firewall/chain", "MINE");
        one.scan()
            .succeeds()
            .warns("carries the id of another store, ");
        assert_eq!(firewall.blocked(), ["203.0.113.14"], "{kind:?}");
        two.scan().exits(0).prints("");
        one.scan().exits(0).prints("");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_lost_state_directory_goes_on_protecting() {
    for kind in KINDS {
        let pair = Pair::new();
        let firewall = kind.on(&pair.host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        let lost = id(&pyfilter);
        std::fs::remove_dir_all(pyfilter.path("state")).unwrap();
        pyfilter
            .scan()
            .exits(1)
            .warns(&format!("carried the id of another store, {lost}"))
            .bans(ATTACKERS);
        for source in ATTACKERS {
            assert!(!pair.connects(source), "{kind:?} {source}");
        }
        pyfilter.scan().exits(0).prints("");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_a_lost_store_banned_is_blocked_until_the_logs_are_read() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    std::fs::remove_dir_all(pyfilter.path("state")).unwrap();
    // Each text that is given is kept.
    let texts = programs.directory().join("texts");
    let keep = format!("tee -a {} | ", texts.display());
    let enter = programs.enter("", "iptables-restore");
    programs.script(
        "iptables-restore",
        &(keep + enter.trim_start_matches("exec ")),
    );
    pyfilter.scan().exits(1).bans(ATTACKERS);
    let texts = std::fs::read_to_string(texts).unwrap();
    assert_eq!(texts.matches("*filter").count(), 1, "{texts}");
    assert!(texts.contains(ATTACKERS[0]), "{texts}");
}

/// Chain, store and mark as the version left them that wrote no id.
fn before_ids(pyfilter: &Sandbox, programs: &Programs<'_>) {
    for program in ["iptables", "ip6tables"] {
        programs.run(&format!("{program} -D PYFILTER 1"));
    }
    let store = rusqlite::Connection::open(pyfilter.state("PyFilter.db")).unwrap();
    store
        .execute_batch(
            "DELETE FROM meta WHERE key = 'made';
             INSERT OR REPLACE INTO made VALUES ('PYFILTER', 'INPUT');",
        )
        .unwrap();
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_chain_without_an_id_gets_it_in_one_restore_that_takes_nobody_out() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let pyfilter = attacked(&programs, &ATTACKERS);
        pyfilter.scan().exits(0);
        let right = programs.everything();
        before_ids(&pyfilter, &programs);
        assert_eq!(carried(&programs), [""; 0]);
        let texts = programs.directory().join("texts");
        for name in ["iptables-restore", "ip6tables-restore"] {
            let keep = format!("tee -a {} | ", texts.display());
            let enter = programs.enter("", name);
            programs.script(name, &(keep + enter.trim_start_matches("exec ")));
        }
        pyfilter.scan().exits(0).prints("");
        assert_eq!(programs.everything(), right, "{variant:?}");
        let texts = std::fs::read_to_string(texts).unwrap();
        assert_eq!(texts.matches("*filter").count(), 2, "{texts}");
        assert!(!texts.contains("-D "), "{texts}");
        assert_eq!(texts.matches(":PYFILTER - [0:0]").count(), 2, "{texts}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_mark_of_the_layout_without_an_id_is_not_trusted() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    before_ids(&pyfilter, &programs);
    pyfilter.scan().exits(0);
    pyfilter.scan().exits(0);
    before_ids(&pyfilter, &programs);
    // The mark as it would be, of this very state, by the layout before.
    pyfilter.scan().exits(0);
    let store = rusqlite::Connection::open(pyfilter.state("PyFilter.db")).unwrap();
    let mark: String = store
        .query_row("SELECT value FROM meta WHERE key = 'standing'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let old = mark.strip_prefix("layout 3, ").unwrap();
    store
        .execute("UPDATE meta SET value = ? WHERE key = 'standing'", [old])
        .unwrap();
    drop(store);
    super::watch(&programs);
    pyfilter.scan().exits(0);
    assert_eq!(super::calls(&programs), ["iptables-save", "ip6tables-save"]);
    assert_eq!(carried(&programs).len(), 2);
}

/// The real programs with all their extensions but the comment.
fn without_comments(programs: &Programs<'_>) {
    let libraries = programs.directory().join("xtables");
    std::fs::create_dir_all(&libraries).unwrap();
    programs.exec(&format!(
        "ln -sf $(dirname $(find / -xdev -name libxt_comment.so 2>/dev/null | head -1))/*.so {0}; rm {0}/libxt_comment.so",
        libraries.display()
    ));
    for name in crate::netns::PROGRAMS {
        let env = format!("env XTABLES_LIBDIR={}", libraries.display());
        programs.script(name, &programs.enter(&env, name));
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_a_comment_match_an_empty_chain_is_named_after_the_store() {
    for variant in VARIANTS {
        let host = Netns::new();
        let programs = host.programs(variant);
        let before = programs.everything();
        without_comments(&programs);
        let one = attacked(&programs, &ATTACKERS);
        one.scan().exits(0).bans(ATTACKERS);
        let named = format!("-A PYFILTER -j pyfilter-{}", id(&one));
        assert_eq!(carried(&programs).len(), 2);
        assert!(carried(&programs).iter().all(|rule| rule.ends_with(&named)));
        assert_eq!(blocked(&programs), ATTACKERS, "{variant:?}");
        one.append("auth.log", failures("203.0.113.14", 5));
        one.scan().exits(0).bans(["203.0.113.14"]);
        one.run(["unban", "203.0.113.14"]).exits(0);
        assert_eq!(blocked(&programs), ATTACKERS, "{variant:?}");
        assert_eq!(one.scan_json()["firewall"]["changed"], false, "{variant:?}");

        let two = pyfilter(&programs);
        two.scan()
            .exits(1)
            .warns(&format!("another store, {};", id(&one)));
        let rules = programs.everything().join("\n");
        assert!(!rules.contains(&id(&one)), "{variant:?}: {rules}");
        two.run(["restore", "--off"]).exits(0);
        assert_eq!(programs.everything(), before, "{variant:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_store_with_a_damaged_id_writes_no_rule() {
    for kind in KINDS {
        let host = Netns::new();
        let firewall = kind.on(&host);
        let pyfilter = firewall.attacked(&ATTACKERS);
        pyfilter.scan().exits(0);
        let right = firewall.everything();
        let store = rusqlite::Connection::open(pyfilter.state("PyFilter.db")).unwrap();
        store
            .execute(
                "UPDATE meta SET value = ? WHERE key = 'id'",
                ["x\n-F INPUT"],
            )
            .unwrap();
        drop(store);
        pyfilter.append("auth.log", failures("203.0.113.14", 5));
        firewall.flush();
        let changed = firewall.everything();
        assert_ne!(changed, right);
        pyfilter
            .scan()
            .exits(1)
            .warns("id \"x\\n-F INPUT\" is damaged");
        assert_eq!(firewall.everything(), changed);
    }
}
