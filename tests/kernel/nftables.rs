//! The same program with `"backend": "nftables"`: what it decides is what packets meet.

use serde_json::{Value, json};

use super::{attacked, blocked, column, pyfilter};
use crate::kit::{Sandbox, failure, failures};
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

/// The elements of a set, as `nft` lists them.
fn elements(programs: &Programs<'_>, set: &str) -> Vec<String> {
    let listed = programs.exec(&format!("nft -j list set inet pyfilter {set}"));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let elements = listed["nftables"][1]["set"]["elem"].as_array().cloned();
    let mut elements: Vec<String> = elements
        .unwrap_or_default()
        .iter()
        .map(|element| match &element["prefix"] {
            Value::Null => element.as_str().unwrap().to_owned(),
            prefix => format!("{}/{}", prefix["addr"].as_str().unwrap(), prefix["len"]),
        })
        .collect();
    elements.sort();
    elements
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
fn kernel_nftables_blocks_the_banned_and_lets_the_unbanned_in() {
    for deny in ["DROP", "REJECT"] {
        let pair = Pair::new();
        let programs = programs(&pair.host);
        let pyfilter = hit(&programs).set("/settings/deny_type", deny);
        pyfilter.scan().exits(0).bans(ATTACKERS);
        for (blocked, passes) in ATTACKERS.into_iter().zip(OTHERS) {
            assert!(!pair.connects(blocked), "{deny} {blocked}");
            assert!(pair.connects(passes), "{deny} {passes}");
        }
        let row = json!({ "backend": "nftables", "changed": false, "v4": 1, "v6": 1 });
        assert_eq!(pyfilter.scan_json()["firewall"], row, "{deny}");

        pyfilter.run(["unban", ATTACKERS[0], ATTACKERS[1]]).exits(0);
        pyfilter.run(["ban", OTHERS[0], OTHERS[1]]).exits(0);
        for (passes, blocked) in ATTACKERS.into_iter().zip(OTHERS) {
            assert!(!pair.connects(blocked), "{deny} {blocked}");
            assert!(pair.connects(passes), "{deny} {passes}");
        }
        in_force(&pyfilter, &programs, &OTHERS);
        pyfilter.scan().exits(0).prints("");
    }
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
fn kernel_whatever_happened_to_our_table_is_repaired() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    nft(&programs, "add table inet filter");
    nft(
        &programs,
        "add chain inet filter input { type filter hook input priority 0; policy drop; }",
    );
    pyfilter.scan().exits(0).bans(ATTACKERS);
    let right = table(&programs);
    let others = programs.exec("nft list table inet filter");
    quiet(&pyfilter);
    for damage in [
        "flush ruleset",
        "delete table inet pyfilter",
        "flush chain inet pyfilter bans",
        "flush chain inet pyfilter input",
        "flush table inet pyfilter",
        "flush set inet pyfilter v4",
        "delete element inet pyfilter v4 { 203.0.113.13 }",
        "add element inet pyfilter v6 { 2001:db8::99 }",
        "add element inet pyfilter v4_networks { 198.51.100.0/24, 192.0.2.1-192.0.2.9 }",
        "insert rule inet pyfilter bans accept",
        "add rule inet pyfilter bans drop",
        "add chain inet pyfilter other",
        "add set inet pyfilter other { type ipv4_addr; }",
        "flush chain inet pyfilter forward; delete chain inet pyfilter forward",
        "add table inet pyfilter { flags dormant; }",
    ] {
        nft(&programs, damage);
        assert_ne!(table(&programs), right, "{damage}");
        let json = pyfilter.run(["scan", "--json"]).succeeds().json();
        assert_eq!(json["firewall"]["changed"], true, "{damage}: {json:#}");
        assert_eq!(json["bans"], json!([]), "{damage}");
        assert_eq!(table(&programs), right, "{damage}");
        quiet(&pyfilter);
    }
    // `flush ruleset` took it away; it was never ours to touch.
    assert!(others.contains("policy drop"));
    let said = {
        nft(&programs, "add rule inet pyfilter input accept");
        pyfilter.scan().succeeds().stderr()
    };
    assert!(said.contains("not pyfilter's; they are removed"), "{said}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_summary_says_what_of_nftables_was_repaired() {
    let host = Netns::new();
    let programs = programs(&host);
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0);
    for (damage, told) in [
        ("flush ruleset", "table inet pyfilter was gone."),
        (
            "flush set inet pyfilter v4",
            "table inet pyfilter was changed by somebody else.",
        ),
    ] {
        nft(&programs, damage);
        let summary = pyfilter.run(["scan", "-v"]).exits(0).stdout();
        let told = format!("repaired in the firewall: {told}");
        assert!(summary.trim_end().ends_with(&told), "{damage}: {summary}");
    }
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
fn kernel_nothing_is_written_where_nobody_has_changed_anything() {
    let host = Netns::new();
    let programs = programs(&host);
    let calls = programs.directory().join("nft-calls");
    put_nft(&programs, &format!("echo \"$*\" >> {}", calls.display()));
    let called = || {
        let called = std::fs::read_to_string(&calls).unwrap_or_default();
        let _ = std::fs::remove_file(&calls);
        called
    };
    let pyfilter = hit(&programs);
    pyfilter.scan().exits(0).bans(ATTACKERS);
    let written = called();
    assert_eq!(
        written, "-f -\n-f -\n",
        "the empty table, then both families"
    );
    for _ in 0..2 {
        pyfilter.scan().exits(0).prints("");
        assert_eq!(called(), "");
    }
    nft(&programs, "add table ip other");
    pyfilter.scan().exits(0).prints("");
    assert_eq!(called(), "", "another's change");
    pyfilter.append("auth.log", failures("203.0.113.14", 5));
    pyfilter.scan().exits(0).bans(["203.0.113.14"]);
    assert_eq!(called(), "-f -\n");
    pyfilter.run(["unban", ATTACKERS[1]]).exits(0);
    assert_eq!(called(), "-f -\n");
    in_force(&pyfilter, &programs, &["203.0.113.13", "203.0.113.14"]);
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
fn kernel_two_stores_with_one_table_say_so() {
    let host = Netns::new();
    let programs = programs(&host);
    let one = with_nftables(attacked(&programs, &[ATTACKERS[0]]));
    let two = with_nftables(attacked(&programs, &["203.0.113.14"]));
    one.scan().exits(0).bans([ATTACKERS[0]]);
    two.scan()
        .exits(1)
        .warns("the table inet pyfilter carried the id of another store");
    in_force(&two, &programs, &["203.0.113.14"]);
    one.run(["check"]).says("carries the id of another store");
    // One of them gets a table of its own, and leaves the other's alone.
    let one = one.set("/settings/firewall/chain", "MINE");
    one.scan()
        .succeeds()
        .warns("the table inet pyfilter carries the id of another store");
    in_force(&two, &programs, &["203.0.113.14"]);
    two.scan().exits(0).prints("");
    one.scan().exits(0).prints("");
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

/// When `nft` kills the run that called it.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Before,
    After,
}

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// Lets the call of `nft` with this number kill the run, with its work undone or done.
/// The others do their work.
fn kills(programs: &Programs<'_>, call: usize, moment: Moment) {
    let calls = programs.directory().join("nft-calls");
    let _ = std::fs::remove_file(&calls);
    let calls = calls.display();
    let work = match moment {
        Moment::Before => String::new(),
        Moment::After => format!("ip netns exec {} nft \"$@\"\n", programs.namespace()),
    };
    put_nft(
        programs,
        &format!(
            "echo >> {calls}
            if [ $(wc -l < {calls}) = {call} ]; then
            {work}
            kill -9 $PPID
            exit
            fi"
        ),
    );
}

/// A run with these arguments that dies so; what it printed.
fn dies(pyfilter: &Sandbox, programs: &Programs<'_>, arguments: &[&str]) -> String {
    let ran = pyfilter.run(arguments);
    assert_eq!(ran.status(), None, "{}", ran.stderr());
    put_nft(programs, "");
    ran.stdout()
}

/// Expects the bans of these to be told. A run that dies may leave one to be told again.
#[track_caller]
fn told(printed: &str, addresses: &[&str]) {
    let lines = printed.lines();
    let mut told: Vec<&str> = lines
        .filter_map(|line| line.split_once("Found IP: ")?.1.split(' ').next())
        .collect();
    told.sort_unstable();
    told.dedup();
    let mut expected = addresses.to_vec();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_first_run_that_nft_kills_is_finished_by_the_next() {
    for (call, moment) in [1, 2]
        .into_iter()
        .flat_map(|call| MOMENTS.map(|of| (call, of)))
    {
        println!("call {call}, {moment:?}");
        let host = Netns::new();
        let programs = programs(&host);
        let pyfilter = hit(&programs);
        pyfilter.append("auth.log", failures("203.0.113.14", 4));
        kills(&programs, call, moment);
        let printed = dies(&pyfilter, &programs, &["scan"]);
        told(&(printed + &pyfilter.scan().exits(0).stdout()), &ATTACKERS);
        in_force(&pyfilter, &programs, &ATTACKERS);
        quiet(&pyfilter);
        pyfilter.append("auth.log", failure("203.0.113.14", 4));
        pyfilter.scan().exits(0).bans(["203.0.113.14"]);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_later_run_that_nft_kills_is_finished_by_the_next() {
    for (is_listed, moment) in [false, true]
        .into_iter()
        .flat_map(|of| MOMENTS.map(|at| (of, at)))
    {
        println!("listed {is_listed}, {moment:?}");
        let host = Netns::new();
        let programs = programs(&host);
        let pyfilter = with_nftables(attacked(&programs, &["203.0.113.12", "2001:db8::12"]));
        // The first run calls it twice. Another `nft` makes the next run list.
        kills(&programs, 3, moment);
        pyfilter.scan().exits(0);
        if is_listed {
            kills(&programs, 1, moment);
        }
        let more: String = ATTACKERS.map(|address| failures(address, 5)).concat();
        pyfilter.append("auth.log", more);
        let printed = dies(&pyfilter, &programs, &["scan"]);
        told(&(printed + &pyfilter.scan().exits(0).stdout()), &ATTACKERS);
        let all = ["203.0.113.12", ATTACKERS[0], "2001:db8::12", ATTACKERS[1]];
        in_force(&pyfilter, &programs, &all);
        quiet(&pyfilter);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unban_that_nft_kills_is_finished_by_the_next_run() {
    for (call, moment) in [1, 3]
        .into_iter()
        .flat_map(|call| MOMENTS.map(|of| (call, of)))
    {
        println!("call {call}, {moment:?}");
        let host = Netns::new();
        let programs = programs(&host);
        let pyfilter = hit(&programs);
        if call == 3 {
            kills(&programs, call, moment);
        }
        pyfilter.scan().exits(0);
        if call == 1 {
            kills(&programs, call, moment);
        }
        dies(&pyfilter, &programs, &["unban", ATTACKERS[0]]);
        pyfilter
            .scan()
            .exits(0)
            .says("Un-banned IP: 203.0.113.13, by hand.");
        in_force(&pyfilter, &programs, &[ATTACKERS[1]]);
        quiet(&pyfilter);
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
fn kernel_a_renaming_that_nft_kills_leaves_no_old_table() {
    // The new table is made, then the old one is removed.
    let calls = [1, 2]
        .into_iter()
        .flat_map(|call| MOMENTS.map(|of| (call, of)));
    for (call, moment) in calls {
        println!("call {call}, {moment:?}");
        let host = Netns::new();
        let programs = programs(&host);
        let pyfilter = hit(&programs);
        pyfilter.scan().exits(0);
        let pyfilter = pyfilter.set("/settings/firewall/chain", "BANNED");
        kills(&programs, call, moment);
        dies(&pyfilter, &programs, &["scan"]);
        pyfilter.scan().exits(0).prints("");
        let tables = programs.exec("nft list tables");
        assert_eq!(tables, "table inet banned\n");
        let made = programs.exec("nft list table inet banned");
        assert!(ATTACKERS.iter().all(|of| made.contains(of)), "{made}");
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
