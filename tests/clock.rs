//! Runs whose clock is wrong, and the runs after them: by libfaketime, for the
//! program sees no other clock than the host's.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::kit::{Ran, Sandbox, needs};
use crate::redis::Redis;

const ATTACKER: &str = "203.0.113.9";
const OTHER: &str = "198.51.100.7";
const IN_2099: &str = "@2099-01-01 00:00:00";
const IN_1970: &str = "@1970-01-01 00:00:30";

impl Sandbox {
    /// Runs a command that sees another time: `+10d`, `@2099-01-01 00:00:00`.
    fn at<'a>(&'a self, time: &str, args: &[&str]) -> Ran<'a> {
        let plain = self.command(args);
        let mut faked = Command::new("faketime");
        faked.args(["-f", time]).arg(plain.get_program());
        faked.args(plain.get_args());
        faked
            .current_dir(self.path(""))
            .env_clear()
            .env("TZ", "UTC");
        // Files were written when they were, and a second lasts a second.
        faked
            .env("NO_FAKE_STAT", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        faked.env("DONT_FAKE_MONOTONIC", "1");
        self.end_of(faked)
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// `count` failures within one second.
fn failures(address: &str, at: i64, count: usize) -> String {
    let mut date = Command::new("date");
    let date = date.args(["-u", "-d", &format!("@{at}"), "+%Y-%m-%dT%H:%M:%S+00:00"]);
    let at = String::from_utf8(date.output().unwrap().stdout).unwrap();
    let at = at.trim_end();
    let line =
        format!("{at} web1 sshd[7]: Failed password for root from {address} port 4711 ssh2\n");
    line.repeat(count)
}

fn wait_until(time: i64) {
    while now() < time {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The rows of a table, or of a part of it.
fn counted(server: &Sandbox, what: &str) -> i64 {
    let store = Connection::open(server.state("PyFilter.db")).unwrap();
    let count = format!("SELECT count(*) FROM {what}");
    store.query_row(&count, [], |row| row.get(0)).unwrap()
}

/// A world whose bans last for an hour, with an empty log.
fn world() -> Sandbox {
    let server = Sandbox::new().set("/settings/ban_time", "1h");
    server.log("auth.log", "")
}

/// The lines that a scan finds from here on are the first that it reads.
fn goes_on(server: &Sandbox) {
    let read = std::fs::metadata(server.path("auth.log")).unwrap().len();
    server.append("auth.log", failures("198.51.100.99", now(), 1));
    let document = server.run(["scan", "--json"]).succeeds().json();
    assert_eq!(document["sources"][0]["from"], read, "{document}");
}

#[test]
fn ten_days_ahead_and_back_ends_no_ban() {
    needs!("faketime");
    let server = world();
    server.append("auth.log", failures(ATTACKER, now(), 5));
    server.scan().exits(0).bans([ATTACKER]);
    server.run(["ban", "--for", "2h", OTHER]).exits(0);
    server
        .at("+10d", &["scan"])
        .exits(0)
        .says("Un-banned IP: 203.0.113.9");
    assert_eq!(server.banned(), [""; 0]);
    let back = server.scan().succeeds();
    let back = back.warns("2 bans that had not come to their end are in force again");
    back.bans([ATTACKER, OTHER]);
    assert_eq!(server.banned(), [OTHER, ATTACKER]);
    assert_eq!(counted(&server, "banned_ip"), 2);
    let snapshot = server.read("state/blacklist.v4");
    assert!(
        snapshot.contains(ATTACKER) && snapshot.contains(OTHER),
        "{snapshot}"
    );
    // Nothing of it is left to do, and nobody is immune.
    server.scan().exits(0).prints("");
    server.run(["unban", ATTACKER]).exits(0);
    let lifted = now();
    server.append("auth.log", failures(ATTACKER, lifted + 1, 5));
    server.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn what_a_run_ten_days_ahead_takes_for_over_is_a_ban() {
    needs!("faketime");
    let server = world();
    server.append("auth.log", failures(ATTACKER, now(), 5));
    server.at("+10d", &["scan"]).exits(0).bans([ATTACKER]);
    assert_eq!(server.banned(), [""; 0]);
    server.scan().succeeds().bans([ATTACKER]);
    assert_eq!(server.banned(), [ATTACKER]);
}

#[test]
fn whom_somebody_unbans_meanwhile_is_not_banned_again() {
    needs!("faketime");
    let server = world();
    let addresses = [ATTACKER, OTHER];
    server
        .run(["ban", "--for", "2h", addresses[0], addresses[1]])
        .exits(0);
    server.at("+10d", &["scan"]).exits(0);
    server
        .at("+10d", &["unban", ATTACKER])
        .exits(0)
        .says("is not banned");
    server.run(["unban", OTHER]).succeeds();
    assert_eq!(server.banned(), [""; 0]);
    server.scan().exits(0).prints("");
}

/// An address that came to be never banned while its ban seemed to be over.
#[test]
fn who_is_never_banned_by_now_is_not_banned_again() {
    needs!("faketime");
    let server = world();
    server.run(["ban", "--for", "2h", ATTACKER]).exits(0);
    server.at("+10d", &["scan"]).exits(0);
    let server = server.set("/settings/ignored_ips", serde_json::json!([ATTACKER]));
    server.at("+10d", &["scan"]).exits(0);
    server.scan().succeeds();
    assert_eq!(server.banned(), [""; 0]);
}

#[test]
fn an_unban_in_2099_makes_nobody_immune_and_forgets_nothing() {
    needs!("faketime");
    let server = world();
    server.append("auth.log", failures(ATTACKER, now(), 5));
    server.scan().exits(0).bans([ATTACKER]);
    server.run(["ban", OTHER]).exits(0);
    server.run(["unban", OTHER]).exits(0);
    server.at(IN_2099, &["unban", ATTACKER]).succeeds();
    assert_eq!(counted(&server, "ban WHERE ip = '198.51.100.7'"), 1);
    goes_on(&server);
    let lifted = now();
    server.append("auth.log", failures(ATTACKER, lifted - 600, 5));
    server.scan().exits(0).prints("");
    server.append("auth.log", failures(ATTACKER, lifted + 1, 5));
    server.scan().exits(0).bans([ATTACKER]);
}

/// It was a clock that went back, not one that had been ahead.
#[test]
fn a_month_back_and_ahead_again_keeps_who_was_unbanned() {
    needs!("faketime");
    let server = world();
    server.run(["ban", ATTACKER]).exits(0);
    server.run(["unban", ATTACKER]).exits(0);
    let lifted = now();
    server.at("-20d", &["scan"]).succeeds();
    server
        .at("-20d", &["ban", "--for", "90d", OTHER])
        .succeeds();
    server.scan().succeeds();
    server.append("auth.log", failures(ATTACKER, lifted - 60, 5));
    server.scan().exits(0).prints("");
    assert_eq!(server.banned(), [OTHER]);
}

#[test]
fn a_ban_by_hand_in_2099_can_be_lifted_by_others() {
    needs!("faketime", "redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    for server in [&first, &second] {
        server.scan().exits(0);
    }
    first
        .at(IN_2099, &["ban", "--for", "2h", ATTACKER])
        .succeeds();
    second.scan().exits(1).warns("ahead of this server's clock");
    let list = |server: &Sandbox| server.run(["list", "--json"]).exits(0).json();
    let year =
        |server: &Sandbox| list(server)["bans"][0]["expires"].as_str().unwrap()[..4].to_owned();
    assert!(*year(&second) < *"2099");
    first.scan().succeeds();
    assert!(*year(&first) < *"2099");
    second.run(["unban", ATTACKER]).exits(0);
    first.scan().exits(0).says("by another server");
    assert_eq!(first.banned(), [""; 0]);
}

#[test]
fn what_is_told_in_2099_is_of_now_for_the_others() {
    needs!("faketime", "redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    first.at(IN_2099, &["unban", ATTACKER]).succeeds();
    let told = second.scan().exits(1).warns("ahead of this server's clock");
    told.says("by another server");
    let lifted = now();
    first.scan().succeeds();
    wait_until(lifted + 2);
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
}

/// A ban that a run ten days ahead took for over was told nobody.
#[test]
fn a_ban_that_is_taken_back_is_told_the_others() {
    needs!("faketime", "redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    let first = first.set("/settings/ban_time", "1h");
    for server in [&first, &second] {
        server.scan().exits(0);
    }
    first.append("auth.log", failures(ATTACKER, now(), 5));
    first.at("+10d", &["scan"]).exits(0).bans([ATTACKER]);
    second.scan().exits(0).prints("");
    first.scan().succeeds().bans([ATTACKER]);
    second.scan().exits(0).bans([ATTACKER]);
    second.scan().exits(0).prints("");
}

#[test]
fn a_clock_that_is_not_set_yet_does_no_harm() {
    needs!("faketime", "redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    let first = first.set("/settings/ban_time", "1h");
    let over = "198.51.100.4";
    first.run(["ban", "--for", "1", over]).exits(0);
    let begun = now();
    wait_until(begun + 2);
    first.scan().exits(0);
    first.run(["ban", "--for", "2h", ATTACKER, OTHER]).exits(0);
    second.scan().exits(0).bans([OTHER, ATTACKER]);
    second.run(["unban", ATTACKER]).exits(0);
    let rows = counted(&first, "ban") + counted(&first, "generation");
    let warned = first.at(IN_1970, &["scan"]).succeeds();
    warned
        .warns("1970-01-01 00:00:30, so it is not set yet")
        .prints("");
    assert_eq!(first.banned(), [OTHER, ATTACKER], "what is over stays so");
    assert_eq!(counted(&first, "ban") + counted(&first, "generation"), rows);
    first
        .at(IN_1970, &["unban", OTHER])
        .succeeds()
        .says("Un-banned");
    first.scan().exits(0).says("by another server");
    assert_eq!(first.banned(), [""; 0]);
    second.scan().exits(0).says("by another server");
    let lifted = now();
    first.append("auth.log", failures(OTHER, begun - 60, 5));
    first.scan().exits(0).prints("");
    first.append("auth.log", failures(OTHER, lifted + 1, 5));
    first.scan().exits(0).bans([OTHER]);
    let by_hand = "198.51.100.5";
    let ban = ["ban", "--for", "2h", by_hand];
    first.at(IN_1970, &ban).succeeds().bans([by_hand]);
    assert_eq!(first.banned(), [by_hand, OTHER]);
    first.scan().exits(0).prints("");
    assert_eq!(first.banned(), [by_hand, OTHER]);
}

/// Windows are as old as the log says, which is written by the same clock.
#[test]
fn a_failure_that_is_stamped_2099_ends_no_window() {
    needs!("faketime");
    let server = Sandbox::new().set("/settings/request_time", 600);
    let server = server.log("auth.log", failures(ATTACKER, now(), 3));
    server.scan().exits(0).prints("");
    server.append("auth.log", failures(OTHER, 4_070_908_800, 1));
    server.at(IN_2099, &["scan"]).exits(0);
    server.append("auth.log", failures(ATTACKER, now(), 2));
    server.scan().succeeds().bans([ATTACKER]);
}

/// Nothing is old by a clock that a single run has seen.
#[test]
fn a_rule_that_rests_keeps_its_place_in_the_log() {
    needs!("faketime");
    let server = world();
    server.append("auth.log", failures(OTHER, now(), 1));
    server.scan().exits(0);
    let other = server.path("mysql.log");
    std::fs::write(&other, "").unwrap();
    let server = server.set(
        "/settings/rules/mysql",
        serde_json::json!({"log_files": other}),
    );
    server.at("+40d", &["scan", "--rule", "mysql"]).exits(0);
    server.at("+40d", &["ban", ATTACKER]).exits(0);
    assert_eq!(counted(&server, "generation WHERE rule = 'ssh'"), 1);
    goes_on(&server);
}

/// A ban of a network has no expiry in Redis. By such a clock it would be over.
#[test]
fn a_clock_that_is_ahead_takes_no_network_out_of_redis() {
    needs!("faketime", "redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    server.scan().exits(0);
    let other = redis.server("web2");
    other
        .run(["ban", "--for", "1h", "198.51.100.0/24"])
        .exits(0);
    server.at(IN_2099, &["scan"]);
    redis.server("new").at(IN_2099, &["scan"]);
    let held = redis.cli(&["HKEYS", "pyfilter:networks:held"]);
    assert_eq!(held, "198.51.100.0/24");
    redis
        .server("web3")
        .scan()
        .exits(0)
        .bans(["198.51.100.0/24"]);
}
