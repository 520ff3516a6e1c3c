//! Networks in an audit: what is counted by prefixes, and what aggregation would ban.

use serde_json::{Value, json};

use super::{audit, login};
use crate::kit::{Chance, Sandbox, failure, failures};

/// What is the same in the bans of an audit and of a scan, in one order.
fn bans(found: &Value) -> Vec<String> {
    let keys = ["ip", "time", "count", "failures", "expires", "reason"];
    let bans = found["bans"].as_array().unwrap().iter();
    let mut bans: Vec<String> = bans
        .map(|ban| keys.map(|key| ban[key].to_string()).join(" "))
        .collect();
    bans.sort_unstable();
    bans
}

/// One failure each of some addresses of a /64, a second after the other.
fn one_each(network: &str, addresses: u32) -> String {
    (0..addresses)
        .map(|n| failure(&format!("2001:db8:0:{network}::{n:x}"), n))
        .collect()
}

#[test]
fn an_attacker_who_changes_addresses_within_his_network_is_found() {
    let log = one_each("7", 6) + &one_each("8", 4) + &login("2001:db8:0:7::ffff", 9);
    let sandbox = Sandbox::new().log("auth.log", log);
    assert_eq!(audit(&sandbox, &[])["bans"], json!([]));
    let sandbox = sandbox.set("/settings/ipv6_prefix", 64);
    let found = audit(&sandbox, &[]);
    let ban = &found["bans"][0];
    assert_eq!(
        (&ban["ip"], &ban["count"], &ban["failures"]),
        (&json!("2001:db8:0:7::/64"), &json!(1), &json!(5))
    );
    // All six are blocked, and so is the neighbour that never failed.
    assert_eq!(
        (&found["banned"], &found["stopped"]),
        (&json!(6), &json!(1))
    );
    assert_eq!(found["banned_logged_in"], 1);
    let told = found["addresses"].as_array().unwrap();
    let told = told.iter().filter(|address| address["banned"] == true);
    assert!(told.clone().count() == 6);
    for mut address in told.map(|address| address["ip"].to_string()) {
        address.truncate("\"2001:db8:0:7:".len());
        assert_eq!(address, "\"2001:db8:0:7:");
    }
    sandbox.run(["audit", "--html", "page.html"]).exits(0).says(
        "6 addresses would be banned, by themselves or within 1 network, and 10.0 % of all failures (1)",
    );
    assert!(
        sandbox
            .read("page.html")
            .contains("<th scope=\"row\">2001:db8:0:7::/64</th>")
    );
}

#[test]
fn a_network_with_an_allowed_address_is_counted_one_by_one() {
    let sandbox = Sandbox::new()
        .log("auth.log", one_each("7", 6) + &one_each("8", 6))
        .set("/settings/ipv6_prefix", 64)
        .set("/settings/ignored_ips", json!(["2001:db8:0:7::1"]));
    let found = audit(&sandbox, &["--what-if", "ipv6_prefix=64,48"]);
    assert_eq!(found["bans"].as_array().unwrap().len(), 1);
    assert_eq!(found["bans"][0]["ip"], "2001:db8:0:8::/64");
    // A /48 would hold the allowed address, too.
    let banned = |row: usize| found["what_if"][row]["banned"].clone();
    assert_eq!((banned(0), banned(1)), (json!(6), json!(0)));
}

#[test]
fn what_aggregation_would_ban_is_told_also_where_nobody_asks_for_it() {
    let log: String = (1..=4)
        .map(|n| failures(&format!("203.0.113.{n}"), 5))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let found = audit(&sandbox, &[]);
    let expected =
        json!({ "ipv4": 24, "ipv6": 48, "subjects": 4, "within": 86_400, "configured": false });
    assert_eq!(found["rules"][0]["aggregate"], expected);
    assert_eq!(found["bans"].as_array().unwrap().len(), 4);
    let network = &found["aggregated"][0];
    assert_eq!(
        (&network["ip"], &network["count"], &network["failures"]),
        (&json!("203.0.113.0/24"), &json!(1), &json!(0))
    );
    sandbox
        .run(["audit"])
        .exits(0)
        .says("  AGGREGATED      SUBJECTS  RULE  TIME                 ENDS\n  203.0.113.0/24         4  ssh   2026-03-22 00:00:04  never\n")
        .says("the usual values; the rule has no");
    let sandbox = sandbox.set("/settings/aggregate", json!({ "subjects": 5 }));
    let found = audit(&sandbox, &[]);
    assert_eq!(found["aggregated"], json!([]));
    sandbox
        .run(["audit"])
        .exits(0)
        .says("as it is configured) would have");
    let sandbox = sandbox.set(
        "/settings/aggregate",
        json!({ "subjects": 2, "within": "1h" }),
    );
    let found = audit(&sandbox, &[]);
    assert_eq!(
        found["bans"][2], found["aggregated"][0],
        "behind what filled it"
    );
    assert!(
        found["bans"][2]["reason"]
            .as_str()
            .unwrap()
            .ends_with("2 addresses of 203.0.113.0/24 were banned within 1h via ssh.")
    );
    sandbox.run(["audit", "--html", "page.html"]).exits(0);
    let page = sandbox.read("page.html");
    assert!(page.contains("Networks that aggregation would have banned"));
}

/// Random failures of two families, some addresses in one network, one of them allowed.
fn attacks(chance: &mut Chance) -> String {
    let (mut second, mut log) = (0, String::new());
    for _ in 0..300 {
        let address = match chance.below(4) {
            0 => format!("203.0.113.{}", chance.below(4)),
            1 => format!("198.51.100.{}", chance.below(9)),
            2 => format!("2001:db8:0:{}::{}", chance.below(3), chance.below(5)),
            _ => format!("64:ff9b::{}", 1 + chance.below(5)),
        };
        for _ in 0..chance.below(6) {
            log += &failure(&address, second);
            second += u32::try_from(chance.below(4)).unwrap();
        }
        second += u32::try_from(chance.below(90)).unwrap();
    }
    log
}

#[test]
fn an_audit_bans_what_a_scan_bans() {
    for (number, (prefixes, ban_time, aggregate)) in [
        ((32, 64), json!([60, 3600]), Value::Null),
        ((24, 48), json!(600), json!({ "ipv4": 16, "subjects": 2 })),
        (
            (32, 64),
            json!([60, 600]),
            json!({ "subjects": 2, "within": "1h" }),
        ),
        (
            (32, 128),
            json!(["2m", null]),
            json!({ "ipv4": 24, "ipv6": 64, "subjects": 3, "within": "1d" }),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let sandbox = Sandbox::new()
            .log(
                "auth.log",
                attacks(&mut Chance::new(&format!("networks {number}"))),
            )
            .set("/settings/ipv4_prefix", prefixes.0)
            .set("/settings/ipv6_prefix", prefixes.1)
            .set("/settings/ban_time", ban_time)
            .set("/settings/aggregate", aggregate)
            .set("/settings/ignored_ips", json!(["203.0.113.1"]));
        let found = audit(&sandbox, &[]);
        let scanned = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
        assert_eq!(bans(&found), bans(&scanned), "{number}");
        assert!(bans(&found).iter().any(|ban| ban.contains('/')), "{number}");
    }
}
