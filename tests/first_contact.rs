//! `"first_contact": "end"`: what was logged before pyfilter came bans nobody.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rusqlite::Connection;

use crate::kit::{Sandbox, failures};

const ADMINISTRATOR: &str = "203.0.113.7";
const ATTACKER: &str = "203.0.113.9";

/// Failures of an address, the last of them so many seconds ago, one a second.
fn failed(address: &str, count: u32, last_ago: i64) -> String {
    let now: DateTime<Utc> = Utc::now();
    let line = |n: u32| {
        let at = now - TimeDelta::seconds(last_ago + i64::from(count - n));
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, false);
        format!("{at} vm sshd[{n}]: Failed password for root from {address} port 4242 ssh2\n")
    };
    (1..=count).map(line).collect()
}

/// A configuration as `init` writes it, but for the time between failures.
fn installed() -> Sandbox {
    Sandbox::new()
        .set("/settings/first_contact", "end")
        .set("/settings/request_time", 60)
}

#[test]
fn mistyped_passwords_of_an_hour_ago_ban_nobody_and_an_attack_that_goes_on_does() {
    let log = failed(ADMINISTRATOR, 20, 3600) + &failed(ATTACKER, 5, 2);
    let sandbox = installed().log("auth.log", &log);
    sandbox.run(["scan", "--dry-run"]).exits(0).bans([ATTACKER]);
    let scanned = sandbox.scan_json();
    assert_eq!(scanned["sources"][0]["failures"], 5);
    assert_eq!(sandbox.banned(), [ATTACKER]);
    sandbox
        .run(["explain", ADMINISTRATOR])
        .exits(0)
        .says("20 of them are of before ")
        .says(", or of before pyfilter met the log (settings.first_contact), and do not count.");

    // They count from then on, and are looked at where somebody wants them to be.
    sandbox.append("auth.log", failed(ADMINISTRATOR, 4, 0));
    sandbox.scan().exits(0).bans([]);
    sandbox.append("auth.log", failed(ADMINISTRATOR, 1, 0));
    sandbox.scan().exits(0).bans([ADMINISTRATOR]);

    let whole = Sandbox::new().log("auth.log", &log);
    let log = whole.path("auth.log");
    whole.scan().exits(0).bans([ADMINISTRATOR, ATTACKER]);
    let taken = installed().log("auth.log", std::fs::read(&log).unwrap());
    taken.scan().exits(0);
    let file = taken.path("auth.log");
    taken
        .run(["scan", file.to_str().unwrap()])
        .exits(0)
        .bans([ADMINISTRATOR]);
}

/// A wrong clock at the first contact must not keep later lines from counting, and
/// nor must their stamps.
#[test]
fn what_comes_after_the_first_contact_counts_whatever_its_stamp() {
    // The last line waits for its end.
    let log = failed(ATTACKER, 5, 3600);
    let sandbox = installed().log("auth.log", log.trim_end());
    sandbox.scan().exits(0).bans([]);
    sandbox.append("auth.log", "\n");
    sandbox.append("auth.log", failed(ATTACKER, 4, 1800));
    sandbox.scan().exits(0).bans([]);
    // Rotated and compressed: it is the same log.
    std::fs::rename(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
    sandbox.append("auth.log", failed(ATTACKER, 1, 1790));
    sandbox.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn a_log_that_is_not_read_to_its_end_at_once_counts_from_the_same_time() {
    let log = failed(ADMINISTRATOR, 20, 3600);
    let sandbox = installed().log("auth.log", &log);
    sandbox.scan().exits(0).bans([]);
    // As if the first run had been cut off within the old lines.
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let reset =
        "UPDATE generation SET offset = 0, head = x'', tail_length = 0, tail_hash = 0, left = 1";
    assert_eq!(database.execute(reset, []).unwrap(), 1);
    drop(database);
    sandbox.scan().succeeds().bans([]);
}

/// As `auth.log` of a new host, which is made by the first login.
#[test]
fn a_log_that_comes_to_be_after_the_installation_counts_from_its_start() {
    let sandbox = installed().set("/settings/request_time", 5);
    let missing = sandbox.scan().exits(1);
    assert!(
        missing.stderr().contains("auth.log"),
        "{}",
        missing.stderr()
    );
    // As if that had been two minutes ago.
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let clock: String = database
        .query_row("SELECT value FROM meta WHERE key = 'clock'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let first = clock.split(' ').next().unwrap().parse::<i64>().unwrap();
    let earlier = clock.replacen(&first.to_string(), &(first - 120).to_string(), 1);
    let set = "UPDATE meta SET value = ? WHERE key = 'clock'";
    database.execute(set, [&earlier]).unwrap();
    drop(database);
    let log = failed(ADMINISTRATOR, 20, 3600) + &failed(ATTACKER, 5, 60);
    let sandbox = sandbox.log("auth.log", log);
    sandbox.run(["scan", "--dry-run"]).exits(0).bans([ATTACKER]);
    sandbox.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn a_rule_that_meets_a_log_later_begins_there_too() {
    let sandbox = installed().log("auth.log", failed(ADMINISTRATOR, 20, 3600));
    sandbox.scan().exits(0).bans([]);
    let second = sandbox.path("other.log");
    std::fs::write(&second, failed(ADMINISTRATOR, 20, 1800)).unwrap();
    let logs = serde_json::json!([sandbox.path("auth.log"), second]);
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", logs);
    sandbox.scan().exits(0).bans([]);
    sandbox.append("other.log", failures(ATTACKER, 5));
    sandbox.scan().exits(0).bans([ATTACKER]);
}
