//! iptables is one of two programs, and which one may change: the chain of the
//! other would go on blocking who is un-banned.

use std::fs;

use super::{attacked, blocked, pyfilter};
use crate::kit::Sandbox;
use crate::netns::{Netns, PROGRAMS, Programs, VARIANTS, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];

fn other(variant: Variant) -> Variant {
    match variant {
        Variant::Nft => Variant::Legacy,
        Variant::Legacy => Variant::Nft,
    }
}

/// As update-alternatives does it: the same names, in the same place.
fn switch(programs: &Programs<'_>, to: &Programs<'_>) {
    for name in PROGRAMS {
        programs.script(name, &to.enter("", name));
    }
}

/// What of ours is in the tables of these programs.
fn ours(programs: &Programs<'_>) -> Vec<String> {
    let mut lines = programs.everything();
    lines.retain(|line| line.to_lowercase().contains("pyfilter"));
    lines
}

/// The same pyfilter, where these programs are not to be found in the usual places.
fn without(pyfilter: Sandbox, programs: &Programs<'_>, hidden: &[&str]) -> Sandbox {
    let script = "for name in $HIDDEN; do mount --bind /dev/null /usr/sbin/$name || exit; done
        exec \"$@\"";
    let namespace = ["ip", "netns", "exec", programs.namespace()];
    let hide = ["unshare", "-m", "sh", "-c", script, "sh"];
    pyfilter
        .behind(&[&namespace[..], &hide].concat())
        .env("HIDDEN", &hidden.join(" "))
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_after_iptables_is_switched_an_unbanned_address_is_blocked_by_neither_variant() {
    for first in VARIANTS {
        let host = Netns::new();
        let before = host.programs(first);
        let pyfilter = attacked(&before, &ATTACKERS);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        let after = host.programs(other(first));
        switch(&before, &after);
        // Nothing in between: `unban` is the first that meets the other variant.
        pyfilter.run(["unban", ATTACKERS[0]]).exits(0);
        assert_eq!(blocked(&after), [ATTACKERS[1]], "{first:?}");
        assert_eq!(ours(&before), [""; 0], "{first:?}");
        pyfilter.scan().exits(0).prints("");
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], false);

        // And back.
        before.repair();
        pyfilter.scan().exits(0).prints("");
        assert_eq!(blocked(&before), [ATTACKERS[1]], "{first:?}");
        assert_eq!(ours(&after), [""; 0], "{first:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_new_variant_blocks_before_the_old_one_is_taken_away() {
    for first in VARIANTS {
        let host = Netns::new();
        let before = host.programs(first);
        let pyfilter = attacked(&before, &ATTACKERS);
        pyfilter.scan().exits(0);
        let after = host.programs(other(first));
        // Another directory of programs is the same as another alternative.
        let directory = after.directory().to_owned();
        let pyfilter = pyfilter.set("/settings/firewall/programs", directory.to_str());
        after.script("iptables-restore", "echo 'no luck today' >&2; exit 4");
        pyfilter.scan().exits(1).warns("no luck today");
        assert!(
            blocked(&before).contains(&ATTACKERS[0].to_owned()),
            "{first:?}"
        );
        after.repair();
        pyfilter.scan().exits(0);
        assert_eq!(blocked(&after), ATTACKERS, "{first:?}");
        assert_eq!(ours(&before), [""; 0], "{first:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nft_takes_away_what_iptables_nft_made_and_is_no_longer_there_to() {
    let host = Netns::new();
    let nft = host.programs(Variant::Nft);
    let pyfilter = attacked(&nft, &ATTACKERS);
    nft.run("iptables -A INPUT -p tcp --dport 80 -j ACCEPT");
    let others = nft.everything();
    pyfilter.scan().exits(0);
    let legacy = host.programs(Variant::Legacy);
    switch(&nft, &legacy);
    let pyfilter = without(pyfilter, &nft, &["xtables-nft-multi"]);
    pyfilter.run(["unban", ATTACKERS[0]]).exits(0);
    assert_eq!(blocked(&legacy), [ATTACKERS[1]]);
    assert_eq!(nft.everything(), others);
    pyfilter.scan().exits(0).prints("");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nft_leaves_a_chain_that_another_store_has_taken_over() {
    let host = Netns::new();
    let nft = host.programs(Variant::Nft);
    let one = attacked(&nft, &ATTACKERS);
    one.scan().exits(0);
    let two = attacked(&nft, &["203.0.113.14"]);
    two.scan().exits(1).warns("the id of another store");
    let of_two = nft.everything();
    let legacy = host.programs(Variant::Legacy);
    switch(&nft, &legacy);
    let one = without(one, &nft, &["xtables-nft-multi"]);
    one.scan()
        .succeeds()
        .warns("chain PYFILTER is left as it is: it carries the id of another store");
    assert_eq!(nft.everything(), of_two);
    assert_eq!(blocked(&legacy), ATTACKERS);
    one.scan().exits(0).prints("");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_nothing_can_take_away_is_told_by_each_run_with_the_command() {
    for first in VARIANTS {
        let host = Netns::new();
        let before = host.programs(first);
        let pyfilter = attacked(&before, &ATTACKERS);
        pyfilter.scan().exits(0);
        let after = host.programs(other(first));
        switch(&before, &after);
        let (hidden, command): (&[&str], _) = match first {
            Variant::Nft => (
                &["xtables-nft-multi", "nft"],
                "iptables-nft -D INPUT -j PYFILTER; iptables-nft -F PYFILTER; iptables-nft -X PYFILTER",
            ),
            Variant::Legacy => (
                &["xtables-legacy-multi"],
                "iptables-legacy -D INPUT -j PYFILTER; iptables-legacy -F PYFILTER; iptables-legacy -X PYFILTER",
            ),
        };
        let pyfilter = without(pyfilter, &after, hidden);
        pyfilter
            .run(["unban", ATTACKERS[0]])
            .exits(1)
            .warns(command);
        for _ in 0..2 {
            pyfilter
                .scan()
                .exits(1)
                .warns(command)
                .warns("go on blocking who is un-banned");
        }
        pyfilter.run(["check"]).says(command);
        assert_eq!(blocked(&after), [ATTACKERS[1]], "{first:?}");

        // The command does it.
        for program in ["iptables", "ip6tables"] {
            for step in ["-D INPUT -j PYFILTER", "-F PYFILTER", "-X PYFILTER"] {
                before.run(&format!("{program} {step}"));
            }
        }
        let ran = pyfilter.scan();
        match first {
            Variant::Nft => ran.exits(0).prints(""),
            // Legacy's table is still there, and nothing can look into it.
            Variant::Legacy => ran.exits(1).warns(command),
        };
    }
}

/// The store as the version that noted no variant left it.
fn forget_where(pyfilter: &Sandbox) {
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
fn kernel_a_store_that_noted_no_variant_has_both_looked_at() {
    for first in VARIANTS {
        let host = Netns::new();
        let before = host.programs(first);
        let pyfilter = attacked(&before, &ATTACKERS);
        pyfilter.scan().exits(0);
        forget_where(&pyfilter);
        let after = host.programs(other(first));
        switch(&before, &after);
        pyfilter.scan().exits(0).prints("");
        assert_eq!(blocked(&after), ATTACKERS, "{first:?}");
        assert_eq!(ours(&before), [""; 0], "{first:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_legacy_table_is_not_made_only_to_look_into_it() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    forget_where(&pyfilter);
    pyfilter.scan().exits(0).prints("");
    for names in ["ip_tables_names", "ip6_tables_names"] {
        let names = host.exec(&format!("cat /proc/self/net/{names} 2>/dev/null || true"));
        assert_eq!(names, "");
    }
    assert_eq!(blocked(&programs), ATTACKERS);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_a_backend_both_variants_are_cleared() {
    for first in VARIANTS {
        let host = Netns::new();
        let before = host.programs(first);
        let pyfilter = attacked(&before, &ATTACKERS);
        pyfilter.scan().exits(0);
        let after = host.programs(other(first));
        switch(&before, &after);
        pyfilter.run(["restore", "--off"]).exits(0);
        assert_eq!(ours(&before), [""; 0], "{first:?}");
        assert_eq!(ours(&after), [""; 0], "{first:?}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_iptables_that_was_removed_leaves_nft_to_take_ours_away() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0);
    for name in PROGRAMS {
        fs::remove_file(programs.directory().join(name)).unwrap();
    }
    let hidden = ["xtables-nft-multi", "xtables-legacy-multi"];
    let pyfilter = without(pyfilter, &programs, &hidden);
    // Its bans go on protecting, as long as they are wanted.
    pyfilter.scan().exits(1).warns("apt install iptables");
    assert_eq!(blocked(&programs), ATTACKERS);
    let pyfilter = pyfilter.set("/settings/firewall/backend", "none");
    pyfilter.scan().exits(0).prints("");
    assert_eq!(ours(&programs), [""; 0]);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_each_family_may_be_of_another_variant() {
    let host = Netns::new();
    let nft = host.programs(Variant::Nft);
    let pyfilter = attacked(&nft, &ATTACKERS);
    pyfilter.scan().exits(0);
    let legacy = host.programs(Variant::Legacy);
    for turn in [
        ["iptables-save", "iptables-restore"],
        ["ip6tables-save", "ip6tables-restore"],
    ] {
        nft.repair();
        for name in turn {
            nft.script(name, &legacy.enter("", name));
        }
        pyfilter.scan().exits(0).prints("");
        let all = [ours(&nft), ours(&legacy)].concat();
        for address in ATTACKERS {
            let rules = all
                .iter()
                .filter(|line| line.contains(&format!("-s {address}/")));
            assert_eq!(rules.count(), 1, "{all:#?}");
        }
        assert_eq!(
            all.iter()
                .filter(|line| line.contains("-j PYFILTER"))
                .count(),
            2
        );
        assert_eq!(pyfilter.scan_json()["firewall"]["changed"], false);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_check_tells_what_the_other_variant_still_blocks() {
    let host = Netns::new();
    let nft = host.programs(Variant::Nft);
    let pyfilter = pyfilter(&nft);
    pyfilter.scan().exits(0);
    pyfilter
        .run(["check"])
        .says_nothing_of("variant of iptables may still block");
    switch(&nft, &host.programs(Variant::Legacy));
    pyfilter
        .run(["check"])
        .says(
            "warning  firewall: IPv4: what was made with the nft variant of iptables may still block",
        )
        .says("iptables-nft -D INPUT -j PYFILTER");
    pyfilter.scan().exits(0);
    pyfilter
        .run(["check"])
        .says_nothing_of("variant of iptables may still block");
}
