//! Why an address is banned, or is not: all that is known, with its evidence.

mod networks;

use serde_json::{Value, json};

use crate::kit::{Ran, Sandbox, failure, failures, fixture, needs};
use crate::redis::Redis;
use crate::rotation::gzip;

const ATTACKER: &str = "203.0.113.9";
const OTHER: &str = "198.51.100.7";

impl Sandbox {
    fn explain(&self, address: &str) -> Ran<'_> {
        self.run(["explain", address])
    }

    fn explained(&self, address: &str) -> Value {
        self.run(["explain", "--json", address]).exits(0).json()
    }

    /// What `explain` prints, with the sandbox's path left out.
    fn told(&self, address: &str) -> String {
        let said = self.explain(address).exits(0).stdout();
        said.replace(
            &format!("{}/", self.path("").display()).replace("//", "/"),
            "",
        )
    }
}

/// The attacker is banned, the other one has three of five.
fn banned() -> Sandbox {
    let noise = "2026-03-22T00:00:00+00:00 web1 CRON[1]: nothing\n";
    let log = noise.to_owned() + &failures(ATTACKER, 5) + &failures(OTHER, 3);
    let database = fixture("geo/GeoLite2-Country.mmdb");
    let sandbox = Sandbox::new()
        .log("auth.log", log)
        .set("/geoip/database", database.to_str().unwrap());
    sandbox.scan().exits(0).bans([ATTACKER]);
    sandbox
}

#[test]
fn a_ban_is_told_with_the_lines_that_filled_its_window() {
    let said = banned().told(ATTACKER);
    let expected = "\
203.0.113.9 is banned.
Country: United Kingdom (GB)

Banned 2026-03-22 00:00:04 by rule ssh
  Server   web1 (this one)
  Origin   log (failures in a log of this host)
  Reason   IP: 203.0.113.9 has been blacklisted and the firewall rules have been updated. Acquired 5 bad connections via ssh.
  Ends     Never ends. Lift it with: pyfilter unban 203.0.113.9
  Window   5 failures in 4 s filled it
    1/5  2026-03-22 00:00:00
         auth.log line 2, byte 48
         2026-03-22T00:00:00+00:00 web1 sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2
    2/5  2026-03-22 00:00:01, 1 s later
         auth.log line 3, byte 145
";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("    5/5  2026-03-22 00:00:04, 1 s later\n         auth.log line 6,"));
}

#[test]
fn an_open_window_is_told_with_what_it_lacks() {
    let said = banned().told(OTHER);
    let begins = "\
198.51.100.7 is not banned, and no ban of it is remembered.
Country: United States (US)

Open window of rule ssh: 3 failures of the 5 that ban, each within 5 s of the one before.
    1/5  2026-03-22 00:00:00
         auth.log line 7, byte 533
";
    assert!(said.starts_with(begins), "{said}");
    let ends = "
  A failure stamped later than 2026-03-22 00:00:07 begins a new window.

3 failures under rule ssh, from 2026-03-22 00:00:00 to 2026-03-22 00:00:02:
  auth.log: 3
  At most 3 came together, and 5 ban, each within 5 s of the one before.
";
    assert!(said.ends_with(ends), "{said}");
}

#[test]
fn failures_too_far_from_each_other_are_counted() {
    let log: String = (0..40)
        .map(|n| failure(OTHER, n / 2 * 60 + n % 2))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    sandbox.scan().exits(0).prints("");
    sandbox
        .explain(OTHER)
        .exits(0)
        .says("40 failures under rule ssh, from 2026-03-22 00:00:00 to 2026-03-22 00:19:01:")
        .says("At most 2 came together, and 5 ban, each within 5 s of the one before.");
    let sandbox = sandbox
        .set("/settings/window", "sliding")
        .set("/settings/request_time", 61);
    sandbox
        .explain(OTHER)
        .exits(0)
        .says("At most 4 came together, and 5 ban, all within 61 s.");
}

#[test]
fn what_no_run_has_read_yet_is_seen() {
    let sandbox = Sandbox::new().log("auth.log", failures(OTHER, 5));
    sandbox
        .explain(OTHER)
        .exits(0)
        .says("5 of them came together, and 5 ban, each within 5 s of the one before: the run that reads them bans it.");
    assert!(!sandbox.path("state").exists(), "looking makes nothing");
}

#[test]
fn who_was_never_seen_is_told_where_was_looked() {
    let sandbox = Sandbox::new().log("auth.log", "");
    let logs = json!([sandbox.path("auth.log"), sandbox.path("gone.log")]);
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", logs)
        .set("/settings/rules/mysql/log_files", "");
    let expected = "\
203.0.113.9 is not banned, and no ban of it is remembered.

No failure of it in what rule ssh reads:
  auth.log
  gone.log is not there: is the path right, and does the service log to it?

No file to check within rule: Mysql.
";
    assert_eq!(sandbox.told(ATTACKER), expected);
}

#[test]
fn the_line_is_found_in_whatever_its_log_has_become() {
    let sandbox = banned();
    let shell = |line: &str| {
        let mut shell = std::process::Command::new("sh");
        let done = shell
            .args(["-c", line])
            .current_dir(sandbox.path(""))
            .status();
        assert!(done.unwrap().success());
    };
    shell("mv auth.log auth.log.1; touch auth.log");
    sandbox.scan().exits(0);
    let line = |now: &str| format!("auth.log at byte 145, now {now} line 3\n");
    assert!(sandbox.told(ATTACKER).contains(&line("auth.log.1")));
    shell("gzip auth.log.1; mv auth.log.1.gz auth.log.2.gz");
    sandbox.scan().exits(0);
    assert!(sandbox.told(ATTACKER).contains(&line("auth.log.2.gz")));
    // The text was kept.
    shell("rm auth.log.2.gz");
    sandbox.append("auth.log", failures("192.0.2.1", 40));
    let said = sandbox.told(ATTACKER);
    assert!(
        said.contains(
            "auth.log at byte 145, no longer there\n         2026-03-22T00:00:01+00:00 web1"
        ),
        "{said}"
    );
}

#[test]
fn who_is_never_banned_is_told_by_what() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures("192.0.2.5", 9))
        .set(
            "/settings/ignored_ips",
            json!(["192.0.2.0/24", "192.0.0.0/8"]),
        );
    sandbox
        .explain("192.0.2.5")
        .exits(0)
        .prints("192.0.2.5 is in ignored_ips (192.0.2.0/24), so it is never banned.\n");
    let json = sandbox.explained("192.0.2.5");
    assert_eq!(json["ignored_by"], "192.0.2.0/24");
    assert_eq!(json["never_banned"], "is in ignored_ips");
}

#[test]
fn an_unban_is_told_with_who_did_it_and_what_it_cleared() {
    let sandbox = banned();
    sandbox.run(["unban", ATTACKER]).exits(0);
    sandbox
        .explain(ATTACKER)
        .exits(0)
        .says("203.0.113.9 is not banned, but was.\n")
        .says("(manual)\n")
        .says(" by hand: failures up to then never count again.\n")
        .says("5 of them are of before the un-ban, or of the time of a ban, and do not count.\n");
    assert_eq!(sandbox.explained(ATTACKER)["looked"][0]["cleared"], 5);
}

#[test]
fn a_ban_with_an_end_and_an_earlier_one_are_told() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let sandbox = sandbox.set("/settings/ban_time", "1h");
    sandbox.scan().exits(0);
    sandbox
        .run(["ban", "--for", "2h", "--reason", "again\x1b", ATTACKER])
        .exits(0);
    sandbox
        .explain(ATTACKER)
        .exits(0)
        .says("203.0.113.9 is banned.\n")
        .says("Banned 2026-03-22 00:00:04 by rule ssh\n")
        .says("  Lifted   2026-03-22 01:00:04 (expired)\n")
        .says("  Origin   manual (pyfilter ban)\n")
        .says("  Reason   again\\x1b\n")
        .says("  Ends     20");
}

#[test]
fn a_ban_of_another_server_names_it() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.attacked("Lon").scan().exits(0);
    let other = redis.server("Par");
    other.scan().exits(0);
    other
        .explain(ATTACKER)
        .exits(0)
        .says("  Server   Lon\n")
        .says("  Origin   redis (another server, through Redis)\n");
}

#[test]
fn lines_that_repeat_or_go_back_say_so() {
    let line = "2026-03-22T00:00:{s}+00:00 web1 sshd[7]: message repeated 3 times: [ Failed password for root from 203.0.113.9 port 4711 ssh2]\n";
    let log = failure(ATTACKER, 9) + &line.replace("{s}", "07") + &failure(ATTACKER, 9);
    let sandbox = Sandbox::new().log("auth.log", log);
    sandbox.scan().exits(0).bans([ATTACKER]);
    sandbox
        .explain(ATTACKER)
        .exits(0)
        .says("    4/5  2026-03-22 00:00:07, 0 s later (its stamp is earlier than the one before), 3 times\n")
        .says("    5/5  2026-03-22 00:00:09, 0 s later\n");
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    needs!("script");
    let sandbox = banned();
    for columns in [40, 80] {
        for address in [ATTACKER, OTHER] {
            let line = format!("pyfilter explain {address}");
            let said = sandbox.on_terminal(columns, &line).stdout();
            let widest = said.lines().map(str::len).max().unwrap();
            assert!(widest <= columns as usize, "{widest}: {said}");
            assert!(
                said.contains("  Reason   IP: 203.0.113.9") || address == OTHER,
                "{said}"
            );
        }
    }
}

#[test]
fn the_document_has_the_same_facts() {
    let sandbox = banned();
    let json = sandbox.explained(ATTACKER);
    assert_eq!(
        (&json["banned"], &json["country"]),
        (&json!(true), &json!("GB"))
    );
    let witness = &json["bans"][0]["witnesses"][1];
    assert_eq!(
        (&witness["sum"], &witness["line"], &witness["offset"]),
        (&json!(2), &json!(3), &json!(145))
    );
    assert_eq!(
        witness["stands_in"],
        sandbox.path("auth.log").to_str().unwrap()
    );
    assert_eq!(json["looked"], json!([]));
    let json = sandbox.explained(OTHER);
    assert_eq!(
        (&json["banned"], &json["windows"][0]["failed_attempts"]),
        (&json!(false), &json!(5))
    );
    let looked = &json["looked"][0];
    assert_eq!(
        (&looked["failures"], &looked["most_together"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(looked["sources"][0]["failures"], 3);
}

#[test]
fn what_may_not_be_read_is_told() {
    needs!("root");
    let sandbox = banned();
    let nobody = sandbox.by_nobody();
    nobody.explain(ATTACKER).exits(1).warns("run with sudo");
    let sandbox = Sandbox::new().set("/settings/rules/ssh/log_files", "/etc/shadow");
    sandbox
        .by_nobody()
        .explain(ATTACKER)
        .exits(1)
        .says("  /etc/shadow can not be read: permission denied")
        .warns("/etc/shadow: can not be read: permission denied; run with sudo");
}

/// Half of it is there: a disk that was full, or a copy that was broken off.
#[test]
fn a_log_that_can_not_be_read_further_is_told_as_scan_and_audit_tell_it() {
    let text: String = (0..2000)
        .map(|second| failure(OTHER, second * 30))
        .collect();
    let packed = gzip(text.as_bytes());
    let sandbox = Sandbox::new();
    let glob = sandbox.path("auth.log*").to_str().unwrap().to_owned();
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", glob)
        .log("auth.log", failure(OTHER, 80_000));
    sandbox.file("auth.log.2.gz", &packed[..packed.len() / 2]);
    let told = "auth.log.2.gz: could not be read beyond byte";
    for command in [
        &["scan"][..],
        &["audit"],
        &["explain", OTHER],
        &["explain", "--json", OTHER],
    ] {
        sandbox.run(command).exits(1).warns(told);
    }
}
