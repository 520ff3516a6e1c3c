//! Who is never banned, and for how long the others are.

use chrono::{Duration, Utc};

use super::{attacked, blocked, column, in_force, pyfilter};
use crate::kit::{Sandbox, failures};
use crate::netns::{HOST, Netns, Pair, Variant};

/// Five failed logins, the last of them `seconds` ago.
fn failures_ending(address: &str, seconds: i64) -> String {
    let last = Utc::now() - Duration::seconds(seconds);
    let line = |back| {
        let at = (last - Duration::seconds(back)).format("%Y-%m-%dT%H:%M:%S+00:00");
        format!("{at} web1 sshd[7]: Failed password for root from {address} port 4711 ssh2\n")
    };
    (0..5).rev().map(line).collect()
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_hosts_own_addresses_and_ignored_ones_are_never_banned() {
    let pair = Pair::new();
    let programs = pair.host.programs(Variant::Nft);
    let never = [
        HOST[0],
        HOST[1],
        "127.0.0.1",
        "::1",
        "203.0.113.20",
        "2001:db8::20",
    ];
    let pyfilter = attacked(&programs, &never).set(
        "/settings/ignored_ips",
        vec!["203.0.113.16/28", "2001:db8::20"],
    );
    pyfilter.append("auth.log", failures("203.0.113.13", 5));
    pyfilter.scan().exits(0).bans(["203.0.113.13"]);
    assert_eq!(blocked(&programs), ["203.0.113.13"]);
    for address in never {
        pyfilter
            .run(["ban", address])
            .exits(2)
            .warns("so it is never banned; nothing was done");
    }
    assert_eq!(blocked(&programs), ["203.0.113.13"]);
    assert!(pair.connects("203.0.113.20") && pair.connects("2001:db8::20"));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_banned_address_that_is_put_into_ignored_ips_gets_in() {
    let pair = Pair::new();
    let programs = pair.host.programs(Variant::Legacy);
    let pyfilter = attacked(&programs, &["203.0.113.13", "2001:db8::13"]);
    pyfilter.scan().exits(0);
    let pyfilter = pyfilter.set("/settings/ignored_ips", vec!["203.0.113.0/24"]);
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["unbans"], "ip"), ["203.0.113.13"]);
    assert_eq!(column(&json["unbans"], "cause"), ["ignored"]);
    assert_eq!(blocked(&programs), ["2001:db8::13"]);
    assert!(pair.connects("203.0.113.13"));
    assert_eq!(pyfilter.scan_json()["unbans"], serde_json::json!([]));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_banned_address_that_the_host_takes_for_its_own_is_unbanned() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let pyfilter = attacked(&programs, &["203.0.113.13"]);
    pyfilter.scan().exits(0);
    assert_eq!(blocked(&programs), ["203.0.113.13"]);
    programs.exec("ip addr add 203.0.113.13/32 dev lo");
    let json = pyfilter.scan_json();
    assert_eq!(column(&json["unbans"], "cause"), ["ignored"]);
    assert_eq!(blocked(&programs), [""; 0]);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_ban_with_an_end_is_lifted_by_the_first_run_after_it() {
    let pair = Pair::new();
    let programs = pair.host.programs(Variant::Nft);
    let pyfilter = pyfilter(&programs);
    pyfilter
        .run(["ban", "203.0.113.13", "2001:db8::13", "--for", "1"])
        .exits(0);
    // Whatever time has come: only a run lifts it.
    assert_eq!(blocked(&programs), ["203.0.113.13", "2001:db8::13"]);
    assert!(!pair.connects("203.0.113.13"));
    let unbans = first_unbans(&pyfilter);
    assert_eq!(column(&unbans, "ip"), ["203.0.113.13", "2001:db8::13"]);
    assert_eq!(column(&unbans, "cause"), ["expired", "expired"]);
    in_force(&pyfilter, &programs, &[]);
    assert!(pair.connects("203.0.113.13"));
    assert!(!pyfilter.read("state/blacklist.v4").contains("203.0.113.13"));
}

/// Scans until something is un-banned, a second or so, and says what.
fn first_unbans(pyfilter: &Sandbox) -> serde_json::Value {
    let begun = std::time::Instant::now();
    loop {
        let unbans = pyfilter.scan_json()["unbans"].take();
        if unbans != serde_json::json!([]) {
            return unbans;
        }
        assert!(begun.elapsed().as_secs() < 30, "nobody was un-banned");
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_ban_runs_from_its_failure_on_and_never_again_when_it_is_over() {
    let host = Netns::new();
    let programs = host.programs(Variant::Nft);
    let log = failures_ending("203.0.113.14", 3600) + &failures_ending("203.0.113.13", 600);
    let pyfilter = pyfilter(&programs)
        .log("auth.log", log)
        .set("/settings/ban_time", "30m");
    let json = pyfilter.scan_json();
    assert_eq!(
        column(&json["bans"], "ip"),
        ["203.0.113.14", "203.0.113.13"]
    );
    for ban in json["bans"].as_array().unwrap() {
        let time = |key: &str| chrono::DateTime::parse_from_rfc3339(ban[key].as_str().unwrap());
        let runs = time("expires").unwrap() - time("time").unwrap();
        assert_eq!(runs, Duration::minutes(30), "{ban:#}");
    }
    assert_eq!(json["firewall"]["v4"], 1);
    in_force(&pyfilter, &programs, &["203.0.113.13"]);
    assert!(!pyfilter.read("state/blacklist.v4").contains("203.0.113.14"));
    let again = pyfilter.scan_json();
    assert_eq!(again["bans"], serde_json::json!([]));
    assert_eq!(again["firewall"]["changed"], false);
}
