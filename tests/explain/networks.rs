//! Networks that are banned, and what lies in them.

use serde_json::{Value, json};

use super::{ATTACKER, banned};
use crate::kit::{Sandbox, failure, failures};

/// So many addresses of a /64, with a failure each, a second after the other.
fn one_each(from: u32, to: u32) -> String {
    (from..to)
        .map(|n| failure(&format!("2001:db8:0:7::{n:x}"), n))
        .collect()
}

/// Counts IPv6 by /64. The first ban of a subject has ended long ago, the second never
/// ends.
fn by_network(log: String) -> Sandbox {
    Sandbox::new()
        .log("auth.log", log)
        .set("/settings/ipv6_prefix", 64)
        .set("/settings/ban_time", json!(["10m", null]))
}

#[test]
fn an_address_in_a_banned_network_is_told_which_and_whose_failures_did_it() {
    let later: String = (0..5)
        .map(|n| failure(&format!("2001:db8:0:7::{n:x}"), 1000 + n))
        .collect();
    let sandbox = by_network(one_each(0, 5) + &later);
    sandbox.scan().exits(0).bans(["2001:db8:0:7::/64"; 2]);
    let expected = "\
2001:db8:0:7::abcd is banned: it is in 2001:db8:0:7::/64.

2001:db8:0:7::/64 banned 2026-03-22 00:00:04 by rule ssh
  Server   web1 (this one)
  Origin   log (failures in a log of this host)
  Reason   IP: 2001:db8:0:7::/64 has been blacklisted and the firewall rules have been updated. Acquired 5 bad connections via ssh.
  Lifted   2026-03-22 00:10:04 (expired)
  Window   5 failures from 5 addresses in 4 s filled it
    1/5  2026-03-22 00:00:00 from 2001:db8:0:7::
         auth.log line 1, byte 0
";
    let said = sandbox.told("2001:db8:0:7::abcd");
    assert!(said.starts_with(expected), "{said}");
    let second = "
2001:db8:0:7::/64 banned 2026-03-22 00:16:44 by rule ssh (2nd ban)
";
    assert!(said.contains(second), "{said}");
    assert!(said.contains("    2/5  2026-03-22 00:16:41 from 2001:db8:0:7::1, 1 s later\n"));
    assert!(
        said.contains("  Ends     Never ends. Lift it with: pyfilter unban 2001:db8:0:7::/64\n")
    );
    let json = sandbox.explained("2001:db8:0:7::abcd");
    assert_eq!(json["banned_as"], "2001:db8:0:7::/64");
    assert_eq!((&json["banned"], &json["bans"]), (&json!(true), &json!([])));
    let around = &json["bans_around"][1];
    assert_eq!(
        (&around["count"], &around["covered_by"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(around["witnesses"][4]["ip"], "2001:db8:0:7::4");
    sandbox
        .run(["list"])
        .exits(0)
        .says(" for ever (2nd ban)  web1");
    let listed = sandbox.run(["list", "--json"]).exits(0).json();
    assert_eq!(listed["bans"][0]["count"], 2);
    // The network itself tells the same of its own.
    let said = sandbox.told("2001:db8:0:7::/64");
    assert!(
        said.starts_with(
            "2001:db8:0:7::/64 is banned.\n\nBanned 2026-03-22 00:00:04 by rule ssh\n"
        )
    );
    // Its neighbour knows nothing of it.
    sandbox
        .explain("2001:db8:0:8::1")
        .exits(0)
        .says("2001:db8:0:8::1 is not banned, and no ban of it is remembered.\n");
}

#[test]
fn the_window_of_the_network_is_told_of_an_address_that_is_counted_in_it() {
    let sandbox = by_network(one_each(0, 3));
    sandbox.scan().exits(0);
    let said = sandbox.told("2001:db8:0:7::ffff");
    let window = "
Open window of rule ssh for 2001:db8:0:7::/64: 3 failures of the 5 that ban, each within 5 s of the one before.
    1/5  2026-03-22 00:00:00 from 2001:db8:0:7::
";
    assert!(said.contains(window), "{said}");
    let logs = "
3 failures of 2001:db8:0:7::/64 under rule ssh, from 2026-03-22 00:00:00 to 2026-03-22 00:00:02:
  auth.log: 3
  At most 3 came together, and 5 ban, each within 5 s of the one before.
";
    assert!(said.ends_with(logs), "{said}");
    let json = sandbox.explained("2001:db8:0:7::ffff");
    assert_eq!(json["windows"][0]["ip"], "2001:db8:0:7::/64");
    assert_eq!(json["windows"][0]["failures"][1]["ip"], "2001:db8:0:7::1");
    assert_eq!(json["looked"][0]["ip"], "2001:db8:0:7::/64");
    // An address that was un-banned takes its own failures out.
    sandbox.run(["ban", "2001:db8:0:7::1"]).exits(0);
    sandbox.run(["unban", "2001:db8:0:7::1"]).exits(0);
    let json = sandbox.explained("2001:db8:0:7::/64");
    assert_eq!(json["windows"][0]["failures"].as_array().unwrap().len(), 2);
    assert_eq!(json["looked"][0]["cleared"], 1);
    assert_eq!(json["looked"][0]["most_together"], 2);
}

#[test]
fn an_allowed_neighbour_keeps_each_address_counted_alone() {
    let sandbox =
        by_network(one_each(0, 5)).set("/settings/ignored_ips", json!(["2001:db8:0:7::9"]));
    sandbox.scan().exits(0).prints("");
    let said = sandbox.told("2001:db8:0:7::1");
    assert!(
        said.contains("Open window of rule ssh: 1 failure of the 5 that ban"),
        "{said}"
    );
    assert!(said.contains("\n1 failure under rule ssh, from "), "{said}");
    sandbox.explain("2001:db8:0:7::/64").exits(0).says(
        "2001:db8:0:7::/64 holds 2001:db8:0:7::9, which is in ignored_ips (2001:db8:0:7::9), so it is never banned.\n",
    );
}

#[test]
fn a_ban_that_a_wider_one_covers_is_told_so() {
    let sandbox = banned();
    sandbox
        .run(["ban", "--for", "2h", "203.0.113.0/24"])
        .exits(0);
    let said = sandbox.told(ATTACKER);
    assert!(
        said.starts_with("203.0.113.9 is banned: it is in 203.0.113.0/24.\n"),
        "{said}"
    );
    let covered = "  Covered  recorded, and covered by 203.0.113.0/24 until 20";
    assert_eq!(said.matches(covered).count(), 1, "{said}");
    let json = sandbox.explained(ATTACKER);
    assert_eq!(json["bans"][0]["covered_by"], "203.0.113.0/24");
    // The network tells of what lies in it; host bits are cut.
    sandbox
        .explain("203.0.113.77/24")
        .succeeds()
        .warns("203.0.113.77/24 is taken for the network 203.0.113.0/24")
        .says("203.0.113.0/24 is banned.\n")
        .says("\nWithin it 1 ban is remembered; 1 still runs:\n  203.0.113.9 ")
        .says("  for ever  web1");
    sandbox.run(["unban", "203.0.113.0/24"]).exits(0);
    sandbox
        .explain("203.0.113.5")
        .exits(0)
        .says("203.0.113.5 is not banned, but 203.0.113.0/24 was, which it is in.\n")
        .says(" by hand, with 203.0.113.0/24: failures up to then never count again.\n");
    let json = sandbox.explained("203.0.113.0/24");
    assert_eq!(json["bans_within"][0]["cause"], "manual");
    assert_eq!(json["cleared_with"], "203.0.113.0/24");
}

#[test]
fn a_ban_by_aggregation_lists_the_bans_that_led_to_it() {
    let log: String = (1..=3)
        .map(|n| failures(&format!("203.0.113.{n}"), 5))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log).set(
        "/settings/aggregate",
        json!({ "subjects": 2, "within": "1h" }),
    );
    sandbox.scan().exits(0);
    sandbox
        .explain("203.0.113.200")
        .exits(0)
        .says("203.0.113.200 is banned: it is in 203.0.113.0/24.\n")
        .says("2 addresses of 203.0.113.0/24 were banned within 1h via ssh.\n")
        .says("  After    203.0.113.1 banned 2026-03-22 00:00:04\n")
        .says("  After    203.0.113.2 banned 2026-03-22 00:00:04\n");
    let json = sandbox.explained("203.0.113.0/24");
    let led = json["bans"][0]["led_to_by"].as_array().unwrap();
    let led: Vec<&Value> = led.iter().map(|ban| &ban["ip"]).collect();
    assert_eq!(led, ["203.0.113.1", "203.0.113.2"]);
    assert_eq!(json["bans_within"].as_array().unwrap().len(), 3);
}
