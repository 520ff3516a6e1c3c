//! The same program with `"backend": "nftables"`: what it decides is what packets meet.

use super::{attacked, backends, blocked, column, pyfilter};
use crate::kit::Sandbox;
use crate::netns::{Netns, PROGRAMS, Pair, Programs, VARIANTS, Variant};

const ATTACKERS: [&str; 2] = ["203.0.113.13", "2001:db8::13"];
const OTHERS: [&str; 2] = ["203.0.113.20", "2001:db8::20"];

/// The programs of a host, with `nft` among them.
fn programs(host: &Netns) -> Programs<'_> {
    let programs = host.programs(Variant::Nft);
    put_nft(&programs, "");
    programs
}

/// Puts `nft` among the programs; `before` is what is done first.
fn put_nft(programs: &Programs<'_>, before: &str) {
    let namespace = programs.namespace();
    let enter = format!("exec ip netns exec {namespace} nft \"$@\"");
    programs.script("nft", &format!("{before}\n{enter}"));
}

/// A pyfilter with this backend.
fn with_nftables(pyfilter: Sandbox) -> Sandbox {
    pyfilter.set("/settings/firewall/backend", "nftables")
}

fn hit(programs: &Programs<'_>) -> Sandbox {
    with_nftables(attacked(programs, &ATTACKERS))
}

/// Runs `nft` in the namespace.
fn nft(programs: &Programs<'_>, command: &str) -> String {
    programs.exec(&format!("nft '{command}'"))
}

/// Our table without its counters, which count the packets of the test.
fn table(programs: &Programs<'_>) -> String {
    let listed = programs.exec("nft -s list table inet pyfilter 2>&1 || true");
    listed.replace('\t', " ")
}

/// The elements of a set of our table.
fn elements(programs: &Programs<'_>, set: &str) -> Vec<String> {
    backends::elements(programs, "pyfilter", set)
}

/// Expects exactly these in force: in the store, and in the kernel.
#[track_caller]
fn in_force(pyfilter: &Sandbox, programs: &Programs<'_>, addresses: &[&str]) {
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let expected = sorted(addresses.iter().map(|&text| text.to_owned()).collect());
    assert_eq!(sorted(pyfilter.banned()), expected, "in the store");
    let held = [elements(programs, "v4"), elements(programs, "v6")].concat();
    assert_eq!(sorted(held), expected, "in the kernel");
}

#[track_caller]
fn quiet(pyfilter: &Sandbox) {
    let json = pyfilter.scan_json();
    assert_eq!(json["firewall"]["changed"], false, "{json:#}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nftables_blocks_what_is_passed_on_to_containers() {
    let pair = Pair::new();
    let container = pair.container();
    let programs = programs(&pair.host);
    let pyfilter = hit(&programs);
    for source in ATTACKERS {
        assert!(pair.reaches(&container, source), "{source}");
    }
    pyfilter.scan().exits(0).bans(ATTACKERS);
    for (blocked, passes) in ATTACKERS.into_iter().zip(OTHERS) {
        assert!(!pair.reaches(&container, blocked), "{blocked}");
        assert!(pair.reaches(&container, passes), "{passes}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_somebody_adds_to_our_table_is_told_and_removed() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    let right = table(&programs);
    nft(&programs, "add rule inet pyfilter input accept");
    pyfilter
        .scan()
        .succeeds()
        .warns("not pyfilter's; they are removed");
    assert_eq!(table(&programs), right);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nftables_keeps_its_counters_when_bans_change() {
    let pair = Pair::new();
    let programs = programs(&pair.host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    assert!(!pair.connects(ATTACKERS[0]));
    let counted = |programs: &Programs<'_>| {
        let listed = nft(programs, "list chain inet pyfilter bans");
        let rule = listed.lines().find(|line| line.contains("@v4 ")).unwrap();
        let packets = rule.split("packets ").nth(1).unwrap();
        packets.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let before = counted(&programs);
    assert!(before > 0);
    pyfilter.run(["ban", OTHERS[0]]).exits(0);
    nft(&programs, "add element inet pyfilter v4 { 192.0.2.1 }");
    pyfilter.scan().exits(0).prints("");
    assert!(counted(&programs) >= before);
    in_force(
        &pyfilter,
        &programs,
        &[ATTACKERS[0], ATTACKERS[1], OTHERS[0]],
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_table_of_another_is_left_alone_and_told() {
    let host = Netns::new();
    let programs = programs(&host);
    nft(&programs, "add table inet pyfilter");
    nft(&programs, "add chain inet pyfilter bans");
    nft(&programs, "add rule inet pyfilter bans counter accept");
    let before = table(&programs);
    let pyfilter = hit(&programs);
    for _ in 0..2 {
        pyfilter
            .scan()
            .exits(1)
            .warns("the table inet pyfilter is not pyfilter's");
        assert_eq!(table(&programs), before);
    }
    pyfilter.run(["check"]).exits(1).says("is not pyfilter's");
    pyfilter.run(["uninstall"]);
    assert_eq!(table(&programs), before);
    let pyfilter = pyfilter.set("/settings/firewall/chain", "MINE");
    pyfilter.scan().exits(0);
    let mine = nft(&programs, "list table inet mine");
    assert!(mine.contains("203.0.113.13"), "{mine}");
    assert_eq!(table(&programs), before);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_nft_that_is_missing_or_fails_keeps_the_bans_for_the_next_run() {
    let host = Netns::new();
    let programs = programs(&host);
    let missing = programs.directory().join("nft");
    for (break_it, sentence) in [
        ("gone", "`nft` is not in "),
        (
            "exec setpriv --reuid 65534 --regid 65534 --clear-groups nft -f -",
            "run with sudo",
        ),
        ("echo 'Error: no luck today' >&2; exit 1", "no luck today"),
        ("kill -9 $$", "was killed by signal 9"),
        (
            "test $1 = --version && echo 'nftables v0.8 (x)' && exit
            echo '/dev/stdin:3:1-3: Error: syntax error, unexpected string' >&2; exit 1",
            "`nft` (v0.8 (x)) does not understand the rule set",
        ),
        (
            "echo 'Error: Could not process rule: Operation not supported' >&2; exit 1",
            "the kernel has not tables of nf_tables for inet",
        ),
    ] {
        let pyfilter = hit(&programs);
        put_nft(&programs, break_it);
        if break_it == "gone" {
            std::fs::remove_file(&missing).unwrap();
        }
        for bans in [&ATTACKERS[..], &[]] {
            let ran = pyfilter.run(["scan", "--json"]).exits(1);
            let json = ran.json();
            assert_eq!(column(&json["bans"], "ip"), bans, "{break_it}");
            let errors = column(&json["errors"], "message");
            assert_eq!(errors.len(), 1, "{errors:#?}");
            assert!(errors[0].contains(sentence), "{errors:#?}");
            assert_eq!(json["firewall"]["v4"], 0);
        }
        put_nft(&programs, "");
        pyfilter.scan().exits(0).prints("");
        in_force(&pyfilter, &programs, &ATTACKERS);
        nft(&programs, "delete table inet pyfilter");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_another_chain_is_another_table_and_the_old_one_goes() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    let right = table(&programs);
    let mut pyfilter = pyfilter;
    // Two chains whose names differ only in what a table's name can not have.
    for (chain, name) in [
        ("BANNED", "banned"),
        ("A+B", "a_b_2f43bead"),
        ("A_B", "a_b"),
    ] {
        pyfilter = pyfilter.set("/settings/firewall/chain", chain);
        let json = pyfilter.run(["scan", "--json"]).exits(0).json();
        assert_eq!(json["firewall"]["changed"], true, "{json:#}");
        let tables = programs.exec("nft list tables");
        assert_eq!(tables, format!("table inet {name}\n"));
        let made = programs.exec(&format!("nft -s list table inet {name}"));
        let expected = right.replace("inet pyfilter", &format!("inet {name}"));
        assert_eq!(made.replace('\t', " "), expected);
        quiet(&pyfilter);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_people_do_to_the_elements_is_repaired_whatever_the_run() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    let foreign = || {
        nft(&programs, "add element inet pyfilter v4 { 192.0.2.1 }");
        nft(&programs, "add element inet pyfilter v6 { 2001:db8::99 }");
        nft(
            &programs,
            "add element inet pyfilter v6_networks { 2001:db8:5::/48 }",
        );
    };
    nft(
        &programs,
        "delete element inet pyfilter v4 { 203.0.113.13 }",
    );
    foreign();
    let json = pyfilter.run(["scan", "--json"]).exits(0).json();
    assert_eq!(json["firewall"]["changed"], true, "{json:#}");
    in_force(&pyfilter, &programs, &ATTACKERS);
    assert_eq!(elements(&programs, "v6_networks"), [""; 0]);
    quiet(&pyfilter);
    // What is un-banned is gone already, and what is banned is there already.
    nft(
        &programs,
        "delete element inet pyfilter v4 { 203.0.113.13 }",
    );
    foreign();
    pyfilter.run(["unban", ATTACKERS[0]]).exits(0);
    in_force(&pyfilter, &programs, &[ATTACKERS[1]]);
    nft(&programs, "add element inet pyfilter v4 { 203.0.113.20 }");
    nft(
        &programs,
        "delete element inet pyfilter v6 { 2001:db8::13 }",
    );
    pyfilter.run(["ban", OTHERS[0]]).exits(0);
    in_force(&pyfilter, &programs, &[ATTACKERS[1], OTHERS[0]]);
    assert_eq!(elements(&programs, "v6_networks"), [""; 0]);
    quiet(&pyfilter);
}

/// Lets the next call of `nft` be refused by the kernel, behind all that it was given.
fn refuses_once(programs: &Programs<'_>) {
    let refused = programs.directory().join("refused");
    let _ = std::fs::remove_file(&refused);
    let (refused, namespace) = (refused.display(), programs.namespace());
    put_nft(
        programs,
        &format!(
            "if [ ! -e {refused} ]; then
            touch {refused}
            (cat; echo 'create table inet pyfilter') | ip netns exec {namespace} nft \"$@\"
            exit
            fi"
        ),
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_restore_that_is_refused_leaves_nothing_half_done() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    let right = table(&programs);
    for damage in [
        "flush ruleset",
        "flush chain inet pyfilter bans",
        "add table inet pyfilter { flags dormant; }",
    ] {
        nft(&programs, damage);
        let damaged = table(&programs);
        refuses_once(&programs);
        pyfilter
            .run(["restore"])
            .exits(1)
            .warns("`nft` refused the rule set, so nothing was changed; it said: ")
            .warns("File exists");
        assert_eq!(table(&programs), damaged, "{damage}");
        pyfilter.scan().exits(0).prints("");
        assert_eq!(table(&programs), right, "{damage}");
        in_force(&pyfilter, &programs, &ATTACKERS);
        quiet(&pyfilter);
    }
    // For a difference that is refused the whole table is written in the same run.
    nft(
        &programs,
        "delete element inet pyfilter v4 { 203.0.113.13 }",
    );
    refuses_once(&programs);
    pyfilter.run(["restore"]).exits(0);
    assert_eq!(table(&programs), right);
    quiet(&pyfilter);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_table_of_the_host_is_left_alone_although_we_had_made_one_of_its_name() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs).set("/settings/firewall/chain", "FILTER");
    pyfilter.scan().exits(0).bans(ATTACKERS);
    // Like a reload of /etc/nftables.conf.
    nft(&programs, "flush ruleset");
    nft(&programs, "add table inet filter");
    nft(
        &programs,
        "add chain inet filter input { type filter hook input priority 0; policy drop; }",
    );
    let before = programs.exec("nft list ruleset");
    for _ in 0..2 {
        pyfilter
            .scan()
            .exits(1)
            .warns("the table inet filter is not pyfilter's");
        assert_eq!(programs.exec("nft list ruleset"), before);
    }
    pyfilter.run(["check"]).exits(1).says("is not pyfilter's");
    let pyfilter = pyfilter.set("/settings/firewall/chain", "MINE");
    pyfilter.scan();
    assert_eq!(programs.exec("nft list table inet filter"), before);
    let mine = nft(&programs, "list table inet mine");
    assert!(mine.contains("203.0.113.13"), "{mine}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_name_that_nft_does_not_take_is_told_before_the_first_run() {
    let host = Netns::new();
    let programs = programs(&host);
    for word in ["counter", "limit", "log", "set", "table", "ip", "drop"] {
        let pyfilter = hit(&programs).set("/settings/firewall/chain", word);
        let advice = format!(
            "nft does not take {word} as the name of a table: give settings.firewall.chain another name"
        );
        pyfilter
            .run(["check"])
            .exits(1)
            .says(&advice)
            .says_nothing_of("the next run makes table");
        pyfilter.scan().exits(1).warns(&advice);
        assert_eq!(programs.exec("nft list tables"), "");
    }
    let pyfilter = hit(&programs);
    pyfilter
        .run(["check"])
        .says("the next run makes table inet pyfilter")
        .says_nothing_of("does not take");
    assert_eq!(programs.exec("nft list tables"), "");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_backends_change_over_in_one_run_and_leave_nothing() {
    let host = Netns::new();
    let nft_variant = programs(&host);
    let legacy = host.programs(Variant::Legacy);
    put_nft(&legacy, "");
    let before = VARIANTS.map(|variant| host.programs(variant).everything());
    put_nft(&nft_variant, "");
    put_nft(&legacy, "");
    let ours = |programs: &Programs<'_>| {
        let mut lines = programs.everything();
        lines.retain(|line| line.to_lowercase().contains("pyfilter"));
        lines
    };
    let is_without_table = || table(&nft_variant).contains("No such file");

    let pyfilter = attacked(&nft_variant, &ATTACKERS).set("/settings/firewall/backend", "iptables");
    pyfilter.scan().exits(0).bans(ATTACKERS);
    assert_eq!(blocked(&nft_variant), ATTACKERS);

    let pyfilter = with_nftables(pyfilter);
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &nft_variant, &ATTACKERS);
    assert_eq!(ours(&nft_variant), [""; 0]);
    quiet(&pyfilter);

    let pyfilter = pyfilter
        .set("/settings/firewall/backend", "iptables")
        .set("/settings/firewall/programs", legacy.directory().to_str());
    pyfilter.scan().exits(0).prints("");
    assert_eq!(blocked(&legacy), ATTACKERS);
    assert!(is_without_table());
    assert_eq!(ours(&nft_variant), [""; 0]);
    pyfilter.scan().exits(0).prints("");

    let pyfilter = with_nftables(pyfilter);
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &nft_variant, &ATTACKERS);
    assert_eq!(ours(&legacy), [""; 0]);

    let pyfilter = pyfilter.set("/settings/firewall/backend", "none");
    pyfilter.scan().exits(0).prints("");
    assert!(is_without_table());
    let after = VARIANTS.map(|variant| host.programs(variant).everything());
    let lines = |all: &[Vec<String>; 2]| {
        let rules = all.iter().flatten().filter(|line| line.contains(": -A"));
        rules.cloned().collect::<Vec<_>>()
    };
    assert_eq!(lines(&after), lines(&before));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_table_that_nothing_can_take_away_is_told_with_the_command() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    put_nft(&programs, "echo 'Error: no luck today' >&2; exit 1");
    let pyfilter = pyfilter.set("/settings/firewall/backend", "iptables");
    for _ in 0..2 {
        pyfilter
            .scan()
            .exits(1)
            .warns("remove it with: nft delete table inet pyfilter");
        assert_eq!(blocked(&programs), ATTACKERS);
    }
    put_nft(&programs, "");
    pyfilter.scan().exits(0).prints("");
    assert!(table(&programs).contains("No such file"));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_table_is_taken_away_by_the_hosts_own_nft_too() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    std::fs::remove_file(programs.directory().join("nft")).unwrap();
    let pyfilter = pyfilter.set("/settings/firewall/backend", "iptables");
    pyfilter.scan().exits(0).prints("");
    assert_eq!(blocked(&programs), ATTACKERS);
    assert!(table(&programs).contains("No such file"));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_auto_takes_nftables_where_there_is_no_iptables_and_keeps_it() {
    let host = Netns::new();
    let programs = programs(&host);
    for name in PROGRAMS {
        std::fs::remove_file(programs.directory().join(name)).unwrap();
    }
    let pyfilter = attacked(&programs, &ATTACKERS);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    in_force(&pyfilter, &programs, &ATTACKERS);
    programs.repair();
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &programs, &ATTACKERS);
    pyfilter
        .run(["check"])
        .says("2 addresses and 0 networks in table inet pyfilter");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_others_that_block_an_unbanned_address_come_with_the_command() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    // As PyFilter 2 and fail2ban leave it.
    programs.run("iptables -A INPUT -s 203.0.113.13 -j DROP");
    nft(&programs, "add table inet f2b-table");
    nft(
        &programs,
        "add chain inet f2b-table f2b-chain { type filter hook input priority -1; }",
    );
    nft(
        &programs,
        "add set inet f2b-table addr-set-sshd { type ipv4_addr; }",
    );
    nft(
        &programs,
        "add rule inet f2b-table f2b-chain tcp dport 22 ip saddr @addr-set-sshd reject",
    );
    nft(
        &programs,
        "add element inet f2b-table addr-set-sshd { 203.0.113.13, 203.0.113.99 }",
    );
    nft(
        &programs,
        "add set inet f2b-table wide { type ipv4_addr; flags interval; }",
    );
    nft(
        &programs,
        "add rule inet f2b-table f2b-chain ip saddr @wide drop",
    );
    nft(
        &programs,
        "add element inet f2b-table wide { 203.0.113.0/24 }",
    );
    let said = pyfilter.run(["unban", ATTACKERS[0]]);
    let said = said.stdout() + &said.stderr();
    assert!(
        said.contains("nft delete rule ip filter INPUT handle "),
        "{said}"
    );
    let command = "nft delete element inet f2b-table addr-set-sshd { 203.0.113.13 }";
    assert!(said.contains(command), "{said}");
    assert!(!said.contains(" wide "), "{said}");
    pyfilter.run(["check"]).says(command);
    nft(&programs, command.trim_start_matches("nft "));
    pyfilter.run(["check"]).says_nothing_of("f2b-table");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_check_tells_that_our_table_is_not_as_it_was_left() {
    let host = Netns::new();
    let programs = programs(&host);
    // The longest name that a chain may have, with what nft does not take in one.
    let pyfilter = hit(&programs).set("/settings/firewall/chain", "1A+B:C@D.E_F-GHIJKLMNOPQRSTU");
    let table = "inet _1a_b_c_d.e_f-ghijklmnopqrstu_cb242ad6";
    pyfilter.scan().exits(0);
    pyfilter
        .run(["check"])
        .says(&format!("2 addresses and 0 networks in table {table}"))
        .says_nothing_of("not as the last run left it");
    nft(
        &programs,
        &format!("delete element {table} v4 {{ 203.0.113.13 }}"),
    );
    pyfilter.run(["check"]).exits(1).says(&format!(
        "the table {table} is not as the last run left it, which may let 2 banned addresses through"
    ));
    nft(&programs, "flush ruleset");
    pyfilter.run(["check"]).exits(1).says(&format!(
        "the table {table} is gone, which lets 2 banned addresses through; the next run"
    ));
    pyfilter.scan().exits(0).prints("");
    pyfilter.run(["check"]).says_nothing_of("is gone");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_uninstall_takes_our_table_and_no_other() {
    let host = Netns::new();
    let programs = programs(&host);
    nft(&programs, "add table inet filter");
    let before = programs.exec("nft list ruleset");
    let pyfilter = with_nftables(pyfilter(&programs));
    pyfilter.run(["ban", ATTACKERS[0]]).exits(0);
    in_force(&pyfilter, &programs, &[ATTACKERS[0]]);
    let pyfilter = pyfilter.set("/settings/firewall/chain", "OTHER");
    pyfilter.scan().exits(0);
    assert!(table(&programs).contains("No such file"));
    let pyfilter = pyfilter.set("/settings/firewall/backend", "none");
    pyfilter.scan().exits(0);
    assert_eq!(programs.exec("nft list ruleset"), before);
}
