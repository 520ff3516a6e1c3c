//! Other thresholds: what they would have done is what a scan with them does.

use serde_json::{Value, json};

use super::{audit, login};
use crate::kit::{Chance, Sandbox, failure, failures};

/// A log of a few addresses whose failures come in bursts, and some log in. Of some
/// logins two lines tell, the second one later.
fn bursts(chance: &mut Chance) -> String {
    let (mut second, mut log) = (0, String::new());
    for _ in 0..200 {
        let address = match chance.below(9) {
            n @ 0..6 => format!("203.0.113.{n}"),
            n => format!("2001:db8::{n}"),
        };
        for _ in 0..chance.below(5) {
            let pid = format!("sshd[{}]", 7 + second * u32::from(chance.below(2) == 0));
            if chance.below(2) == 0 {
                let sign = failure(&address, second).replace(" ssh2", "");
                let sign = sign.replace("Failed password for", "Invalid user");
                log += &sign.replace("sshd[7]", &pid);
                second += u32::try_from(chance.below(8)).unwrap();
            }
            log += &failure(&address, second).replace("sshd[7]", &pid);
            second += u32::try_from(chance.below(8)).unwrap();
        }
        if chance.below(40) == 0 {
            log += &login(&address, second);
        }
        second += u32::try_from(chance.below(100)).unwrap();
    }
    log
}

#[test]
fn each_row_is_what_a_scan_with_those_thresholds_bans() {
    let log = bursts(&mut Chance::new("audit"));
    for (key, values) in [
        ("failed_attempts", vec![json!(1), json!(3), json!(9)]),
        ("request_time", vec![json!(2), json!(30), json!(600)]),
        ("window", vec![json!("gap"), json!("sliding")]),
        (
            "ban_time",
            vec![json!(60), json!(3600), json!(-1), json!([60, 3600, -1])],
        ),
        ("ipv4_prefix", vec![json!(32), json!(29), json!(24)]),
        ("ipv6_prefix", vec![json!(128), json!(64), json!(48)]),
    ] {
        let sandbox = Sandbox::new().log("auth.log", &log);
        let shown = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(times) => {
                let times: Vec<String> = times.iter().map(Value::to_string).collect();
                times.join("|")
            }
            other => other.to_string(),
        };
        let list: Vec<String> = values.iter().map(shown).collect();
        let axis = format!("{key}={}", list.join(","));
        let rows = audit(&sandbox, &["--what-if", &axis])["what_if"].clone();
        for (row, value) in rows.as_array().unwrap().iter().zip(&values) {
            let sandbox = Sandbox::new()
                .log("auth.log", &log)
                .set(&format!("/settings/{key}"), value.clone());
            let scanned = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
            let bans = scanned["bans"].as_array().unwrap();
            let mut banned: Vec<&str> =
                bans.iter().map(|ban| ban["ip"].as_str().unwrap()).collect();
            assert_eq!(row["bans"], banned.len(), "{key}={value}");
            banned.sort_unstable();
            banned.dedup();
            if !key.ends_with("prefix") {
                assert_eq!(row["banned"], banned.len(), "{key}={value}");
            }
            assert_eq!(&row[key], value);
            // What an audit with these thresholds says of itself.
            let own = audit(&sandbox, &[]);
            assert_eq!(row["banned"], own["banned"], "{key}={value}");
            assert_eq!(row["stopped"], own["stopped"], "{key}={value}");
            assert_eq!(
                row["banned_logged_in"], own["banned_logged_in"],
                "{key}={value}"
            );
        }
    }
}

#[test]
fn every_combination_has_its_row() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 6));
    let args = [
        "--what-if",
        "failed_attempts=3,5,10",
        "--what-if",
        "request_time=5,1m,10m",
    ];
    let rows = audit(&sandbox, &args)["what_if"].clone();
    let rows: Vec<(u64, u64, u64)> = (rows.as_array().unwrap().iter())
        .map(|row| {
            let number = |key: &str| row[key].as_u64().unwrap();
            (
                number("failed_attempts"),
                number("request_time"),
                number("stopped"),
            )
        })
        .collect();
    let expected = [
        (3, 5, 3),
        (3, 60, 3),
        (3, 600, 3),
        (5, 5, 1),
        (5, 60, 1),
        (5, 600, 1),
        (10, 5, 0),
        (10, 60, 0),
        (10, 600, 0),
    ];
    assert_eq!(rows, expected);
    sandbox
        .run([&["audit"][..], &args].concat())
        .exits(0)
        .says("FAILED   TIME  BANNED  STOPPED");
}

#[test]
fn prefixes_have_their_columns_only_where_they_are_varied() {
    let log: String = (0..6)
        .map(|n| failure(&format!("2001:db8::{n}"), n))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let args = ["audit", "--what-if", "ipv6_prefix=128,64"];
    sandbox
        .run(args)
        .exits(0)
        .says("  IPV6  BANNED  STOPPED   SHARE  LOGGED IN\n  /128       0        0   0.0 %          0\n   /64       6        1  16.6 %          0\n")
        .says("ipv4_prefix and ipv6_prefix");
    sandbox
        .run([&args[..], &["--html", "page.html"]].concat())
        .exits(0);
    let page = sandbox.read("page.html");
    assert!(page.contains(">IPv6 prefix<") && !page.contains(">IPv4 prefix<"));
    let grown = ["audit", "--what-if", "ban_time=10m|1h"];
    let said = sandbox.run(grown).exits(0).stdout();
    assert!(
        said.contains("  600 s, 3600 s ") && !said.contains("IPV6"),
        "{said}"
    );
}

#[test]
fn what_can_not_be_tried_is_wrong_usage() {
    let sandbox = Sandbox::new().log("auth.log", "");
    for (axis, said) in [
        ("attempts=3", "`attempts` is no threshold"),
        ("failed_attempts=", "must be KEY=VALUE"),
        ("failed_attempts=0", "`0` is no number of failures"),
        ("window=both", "`both` is no kind of window"),
    ] {
        sandbox
            .run(["audit", "--what-if", axis])
            .exits(2)
            .warns(said);
    }
    let many = |key: &str| {
        let values: Vec<String> = (1..40).map(|n| n.to_string()).collect();
        format!("{key}={}", values.join(","))
    };
    let (attempts, time) = (many("failed_attempts"), many("request_time"));
    sandbox
        .run(["audit", "--what-if", &attempts, "--what-if", &time])
        .exits(2)
        .warns("1521 combinations are too many");
}
