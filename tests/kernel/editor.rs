//! What people do to `blacklist.v4` and `blacklist.v6`: an edit is a command,
//! and what is no edit of ours lifts nothing.

use super::{attacked, column, pyfilter};
use crate::kit::{Sandbox, failures};
use crate::netns::{HOST, Netns, Programs, Variant};

const V4: &str = "blacklist.v4";

/// The line that a person would type.
fn line(address: &str) -> String {
    let mask = if address.contains(':') { 128 } else { 32 };
    format!("-A PYFILTER -s {address}/{mask} -j DROP\n")
}

/// A snapshot from which a person deleted the line of `address`.
pub(super) fn without(text: &str, address: &str) -> String {
    let line = line(address);
    assert!(text.contains(&line), "{address} does not stand in\n{text}");
    text.replace(&line, "")
}

/// A snapshot to which a person added a line for `address`.
pub(super) fn with(text: &str, address: &str) -> String {
    text.replace("COMMIT\n", &(line(address) + "COMMIT\n"))
}

/// Three banned addresses, and one of IPv6.
const BANNED: [&str; 4] = [
    "203.0.113.13",
    "203.0.113.14",
    "203.0.113.15",
    "2001:db8::13",
];

fn banned(programs: &Programs<'_>) -> Sandbox {
    let pyfilter = attacked(programs, &BANNED);
    pyfilter.scan().exits(0).bans(BANNED);
    pyfilter
}

/// Expects these in force: in the store, in the kernel, and in the snapshots.
#[track_caller]
fn in_force(pyfilter: &Sandbox, programs: &Programs<'_>, addresses: &[&str]) {
    super::in_force(pyfilter, programs, addresses);
    let shown = pyfilter.read("state/blacklist.v4") + &pyfilter.read("state/blacklist.v6");
    assert_eq!(shown.matches("-A ").count(), addresses.len(), "{shown}");
    for address in addresses {
        assert!(shown.contains(&line(address)), "{address} in\n{shown}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_editor_opened_an_hour_ago_lifts_only_the_line_taken_out() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    let opened = pyfilter.read("state/blacklist.v4");

    // An hour passes.
    pyfilter.run(["ban", "203.0.113.16"]).exits(0);
    pyfilter.run(["unban", "203.0.113.14"]).exits(0);
    pyfilter.file("state/blacklist.v4", without(&opened, "203.0.113.13"));

    let json = pyfilter.scan_json();
    assert_eq!(column(&json["unbans"], "ip"), ["203.0.113.13"]);
    assert_eq!(column(&json["unbans"], "cause"), ["snapshot"]);
    assert_eq!(column(&json["bans"], "ip"), [""; 0]);
    let left = ["203.0.113.15", "203.0.113.16", "2001:db8::13"];
    in_force(&pyfilter, &programs, &left);
    assert_eq!(pyfilter.scan_json()["firewall"]["changed"], false);
    in_force(&pyfilter, &programs, &left);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_line_added_to_an_old_copy_bans_and_lifts_nothing() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    let opened = pyfilter.read("state/blacklist.v4");
    pyfilter.run(["ban", "203.0.113.16"]).exits(0);
    pyfilter.file("state/blacklist.v4", with(&opened, "203.0.113.99"));
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["bans"], "ip"), ["203.0.113.99"]);
    assert_eq!(column(&json["bans"], "origin"), ["snapshot"]);
    assert_eq!(column(&json["unbans"], "ip"), [""; 0]);
    let all = [&BANNED[..], &["203.0.113.16", "203.0.113.99"]].concat();
    in_force(&pyfilter, &programs, &all);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_ban_and_unban_see_the_edits_too() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    pyfilter.edit(V4, |text| without(&text, "203.0.113.13"));
    pyfilter.run(["ban", "203.0.113.16"]).exits(0);
    pyfilter.edit(V4, |text| with(&text, "203.0.113.17"));
    pyfilter.run(["unban", "203.0.113.14"]).exits(0);
    let left = [
        "203.0.113.15",
        "203.0.113.16",
        "203.0.113.17",
        "2001:db8::13",
    ];
    in_force(&pyfilter, &programs, &left);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_file_cut_anywhere_lifts_nothing_and_is_kept_aside() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    let whole = pyfilter.read("state/blacklist.v4");
    let right = programs.everything();
    // The last byte is the newline behind COMMIT: without it nothing is missing.
    let cuts = (0..whole.len() - 1).step_by(13).chain(
        whole
            .match_indices('\n')
            .flat_map(|(at, _)| [at, at + 1])
            .filter(|&cut| cut < whole.len() - 1),
    );
    for (number, cut) in (1..).zip(cuts) {
        let half = &whole[..cut];
        pyfilter.file("state/blacklist.v4", half);
        let ran = pyfilter.run(["scan", "--json"]).exits(1);
        let json = ran.json();
        let said = json["errors"][0]["message"].as_str().unwrap();
        assert!(said.contains("blacklist.v4, line "), "cut at {cut}: {said}");
        assert_eq!(json["errors"].as_array().unwrap().len(), 1, "{json:#}");
        assert_eq!(column(&json["unbans"], "ip"), [""; 0], "cut at {cut}");
        assert_eq!(column(&json["bans"], "ip"), [""; 0], "cut at {cut}");
        let aside = format!("state/blacklist.v4.broken-{number}");
        assert!(said.contains(&aside), "cut at {cut}: {said}");
        assert_eq!(pyfilter.read(&aside), half);
        assert_eq!(pyfilter.read("state/blacklist.v4"), whole, "cut at {cut}");
    }
    assert_eq!(programs.everything(), right);
    in_force(&pyfilter, &programs, &BANNED);
    pyfilter.scan().exits(0).prints("");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_wide_network_or_a_name_makes_the_file_no_snapshot() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    for (typed, why) in [
        (
            "-A PYFILTER -s 198.0.0.0/7 -j DROP\n",
            "is wider than any ban may be",
        ),
        (
            "-A PYFILTER -s 0.0.0.0/0 -j DROP\n",
            "is wider than any ban may be",
        ),
        ("-A PYFILTER -j DROP\n", "is no ban"),
        (
            "-A PYFILTER -s example.com -j DROP\n",
            "is neither an address nor a network",
        ),
        ("-A PYFILTER -s 2001:db8::9/128 -j DROP\n", "blacklist.v6"),
        ("-A PYFILTER -s 198.51.100.9/32 -j ACCEPT\n", "is no ban"),
        ("-I INPUT -j ACCEPT\n", "is no ban"),
        ("-F INPUT\n", "is no ban"),
    ] {
        pyfilter.edit(V4, |text| {
            without(&text, "203.0.113.13").replace("COMMIT\n", &format!("{typed}COMMIT\n"))
        });
        pyfilter
            .scan()
            .exits(1)
            .warns("blacklist.v4, line 9: ")
            .warns(why)
            .bans([]);
        in_force(&pyfilter, &programs, &BANNED);
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_file_of_another_store_or_of_pyfilter_bans_and_lifts_nothing() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);

    let another = super::pyfilter(&programs).set("/settings/firewall/backend", "none");
    another.run(["ban", "198.51.100.7"]).exits(0);
    pyfilter.file("state/blacklist.v4", another.read("state/blacklist.v4"));
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["bans"], "ip"), ["198.51.100.7"]);
    assert_eq!(column(&json["unbans"], "ip"), [""; 0]);

    pyfilter.file(
        "state/blacklist.v4",
        "# Generated by iptables-save v1.6.0 on Thu Mar 22 19:53:04 2018
*filter
:INPUT ACCEPT [217:30580]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [249:30796]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -s 10.0.0.0/8 -j DROP
-A INPUT -s 203.0.113.13/32 -j DROP
-A INPUT -s 198.51.100.8/32 -j DROP
-A f2b-sshd -s 198.51.100.9/32 -j REJECT --reject-with icmp-port-unreachable
COMMIT
# Completed on Thu Mar 22 19:53:04 2018
",
    );
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["bans"], "ip"), ["198.51.100.8"]);
    assert_eq!(column(&json["unbans"], "ip"), [""; 0]);
    let all = [&BANNED[..], &["198.51.100.7", "198.51.100.8"]].concat();
    in_force(&pyfilter, &programs, &all);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_number_that_nobody_knows_lifts_nothing() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    pyfilter.edit(V4, |text| {
        without(&text, "203.0.113.13").replace(", bans 1\n", ", bans 4711\n")
    });
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["unbans"], "ip"), [""; 0]);
    in_force(&pyfilter, &programs, &BANNED);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_dry_run_tells_of_a_broken_file_and_leaves_it() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    pyfilter.file("state/blacklist.v4", "half");
    pyfilter
        .run(["scan", "--dry-run"])
        .exits(1)
        .warns("blacklist.v4, line 1: ");
    assert_eq!(pyfilter.read("state/blacklist.v4"), "half");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_line_added_by_hand_bans_for_as_long_as_the_command_does() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = pyfilter(&programs).set("/settings/ban_time", "1h");
    pyfilter.run(["ban", "203.0.113.16"]).exits(0);
    pyfilter.edit(V4, |text| with(&text, "203.0.113.17"));
    pyfilter.scan().exits(0).bans(["203.0.113.17"]);
    let list = pyfilter.run(["list", "--json"]).exits(0).json();
    for ban in list["bans"].as_array().unwrap() {
        let time = |key: &str| chrono::DateTime::parse_from_rfc3339(ban[key].as_str().unwrap());
        let runs = time("expires").unwrap() - time("time").unwrap();
        assert_eq!(runs.num_minutes(), 60, "{ban:#}");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_an_unban_is_the_last_word_about_a_line_just_added() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    pyfilter.edit(V4, |text| with(&text, "203.0.113.17"));
    pyfilter.run(["unban", "203.0.113.17"]).exits(0).bans([]);
    in_force(&pyfilter, &programs, &BANNED);
    pyfilter.edit(V4, |text| with(&text, "203.0.113.18"));
    pyfilter.run(["unban", "--all"]).exits(0).bans([]);
    in_force(&pyfilter, &programs, &[]);
    pyfilter.scan().exits(0).prints("");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_is_saved_while_a_run_is_at_work_is_for_the_next_one() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    pyfilter.append("auth.log", failures("203.0.113.16", 5));
    // Somebody saves between the reading of the file and its writing.
    let saves = format!("sed -i /203.0.113.13/d {}\n", pyfilter.state(V4).display());
    programs.script(
        "iptables-restore",
        &(saves + &programs.enter("", "iptables-restore")),
    );
    pyfilter.scan().exits(0).bans(["203.0.113.16"]);
    programs.repair();
    assert!(!pyfilter.read("state/blacklist.v4").contains("203.0.113.16"));

    let json = pyfilter.scan_json();
    assert_eq!(column(&json["unbans"], "ip"), ["203.0.113.13"]);
    assert_eq!(column(&json["bans"], "ip"), [""; 0]);
    let left = [
        "203.0.113.14",
        "203.0.113.15",
        "203.0.113.16",
        "2001:db8::13",
    ];
    in_force(&pyfilter, &programs, &left);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_file_that_is_gone_is_written_anew() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = banned(&programs);
    std::fs::remove_file(pyfilter.state(V4)).unwrap();
    pyfilter.scan().exits(0).prints("");
    in_force(&pyfilter, &programs, &BANNED);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_line_that_would_lock_the_host_out_is_refused() {
    let host = Netns::new();
    host.exec(&format!("ip addr add {}/24 dev lo", HOST[0]));
    let programs = host.programs(Variant::Nft);
    let pyfilter = pyfilter(&programs);
    pyfilter.scan().exits(0);
    for (address, why) in [
        ("127.0.0.1", "is a loopback address"),
        (HOST[0], "is an address of this host"),
        ("169.254.169.254", "is a link-local address"),
    ] {
        pyfilter.edit(V4, |text| with(&text, address));
        pyfilter
            .scan()
            .exits(1)
            .warns(&format!("blacklist.v4: {address} {why}"))
            .bans([]);
        in_force(&pyfilter, &programs, &[]);
        pyfilter.scan().exits(0).prints("");
    }
}
