//! Whoever may write to the stream, or has a wrong clock: under another
//! server's id, with numbers it never gave, and with times that are not yet.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::{ATTACKER, Redis};
use crate::kit::{Sandbox, failures, needs};

const OTHER: &str = "198.51.100.7";
const LAST_NUMBER: &str = "4611686018427387904";

fn store(server: &Sandbox) -> Connection {
    Connection::open(server.state("PyFilter.db")).unwrap()
}

/// The id under which a server sends.
fn stream_id(server: &Sandbox) -> String {
    let id = "SELECT value FROM meta WHERE key IN ('stream_id', 'id') ORDER BY key DESC LIMIT 1";
    store(server).query_row(id, [], |row| row.get(0)).unwrap()
}

/// How far a server has read.
fn position(server: &Sandbox) -> String {
    let position = "SELECT value FROM meta WHERE key = 'stream'";
    store(server)
        .query_row(position, [], |row| row.get(0))
        .unwrap()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

/// An event that somebody made up; its id.
fn forge(redis: &Redis, kind: &str, store: &str, number: &str, ip: &str, time: i64) -> String {
    let (time, ends) = (time.to_string(), (time + 3600).to_string());
    let mut add = vec!["XADD", "pyfilter:events", "*", "event", kind];
    add.extend(["store", store, "number", number, "ip", ip, "time", &time]);
    if kind == "ban" {
        add.extend(["server", "evil", "ends", &ends]);
        add.extend(["text", "2026-03-22 14:16:40", "reason", "x"]);
    }
    redis.cli(&add)
}

/// Two servers that know of each other.
fn two(redis: &Redis) -> [Sandbox; 2] {
    let servers = ["one", "two"].map(|name| redis.server(name));
    for server in [&servers[0], &servers[1], &servers[0]] {
        server.scan().exits(0);
    }
    servers
}

#[test]
fn a_number_that_a_server_never_gave_mutes_it_for_nobody() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    first.run(["ban", OTHER]).exits(0);
    let id = stream_id(&first);
    forge(&redis, "ban", &id, LAST_NUMBER, "192.0.2.1", now());
    second.scan().exits(0).bans(["192.0.2.1", OTHER]);
    let told =
        "an event under this server's id has the number 4611686018427387904, which it never gave";
    first.run(["ban", ATTACKER]).exits(1).warns(told);
    assert_ne!(stream_id(&first), id);
    second.scan().exits(0).bans([ATTACKER]);
    first.run(["unban", ATTACKER]).exits(0);
    second.scan().exits(0).says("by another server");
    first.scan().exits(0).prints("");
    second.scan().exits(0).prints("");
    // Under the old id nobody is called as it is.
    first.run(["check"]).succeeds();
    assert_eq!(redis.cli(&["HLEN", "pyfilter:servers"]), "2");
}

/// It skips what tells of its own address, and the others do not.
#[test]
fn a_forged_event_that_the_server_itself_skips_mutes_it_for_nobody() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    let first = first.set("/settings/ignored_ips", serde_json::json!(["192.0.2.1"]));
    forge(
        &redis,
        "ban",
        &stream_id(&first),
        LAST_NUMBER,
        "192.0.2.1",
        now(),
    );
    second.scan().exits(0).bans(["192.0.2.1"]);
    first.run(["ban", ATTACKER]).exits(1).warns("never gave");
    second.scan().exits(0).bans([ATTACKER]);
}

/// What was sent behind a forged number, by a run that had read before.
#[test]
fn what_was_told_behind_a_forged_number_is_told_again() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    first.scan().exits(0);
    let read = position(&first);
    let forged = forge(
        &redis,
        "unban",
        &stream_id(&first),
        LAST_NUMBER,
        "192.0.2.1",
        now(),
    );
    let set = "UPDATE meta SET value = ? WHERE key = 'stream'";
    store(&first).execute(set, [&forged]).unwrap();
    first.edit("blacklist.v4", |text| {
        let lines = text.lines().filter(|line| !line.contains(ATTACKER));
        lines.map(|line| line.to_owned() + "\n").collect()
    });
    first.append("auth.log", failures(OTHER, 5));
    first
        .scan()
        .exits(0)
        .says("Un-banned IP: 203.0.113.9")
        .bans([OTHER]);
    second.scan().exits(0).prints("");
    assert_eq!(second.banned(), [ATTACKER], "it passed them over");
    store(&first).execute(set, [&read]).unwrap();
    first.scan().exits(1).warns("never gave");
    second
        .scan()
        .exits(0)
        .says("by another server")
        .bans([OTHER]);
    assert_eq!(second.banned(), [OTHER]);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER, OTHER]), "1");
    for server in [&first, &second] {
        server.scan().exits(0).prints("");
    }
}

/// However often it is done: a new id each time, and little more.
#[test]
fn whoever_forges_at_every_run_makes_no_storm() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    let held: Vec<String> = (1..=40).map(|n| format!("198.18.0.{n}")).collect();
    let words = ["ban"].into_iter().chain(held.iter().map(String::as_str));
    first.run(words).exits(0);
    second.scan().exits(0);
    let rows = || -> i64 {
        let count = "SELECT count(*) FROM meta";
        store(&first)
            .query_row(count, [], |row| row.get(0))
            .unwrap()
    };
    let before = rows();
    let mut ids = std::collections::BTreeSet::new();
    let rounds: usize = 12;
    for round in 0..rounds {
        let id = stream_id(&first);
        forge(&redis, "unban", &id, LAST_NUMBER, "192.0.2.1", now());
        let words: &[&str] = match round {
            3 => &["unban", "198.18.0.1"],
            6 => &["ban", ATTACKER],
            _ => &["scan"],
        };
        first.run(words).exits(1).warns("never gave");
        ids.insert(id);
    }
    assert_eq!(ids.len(), rounds);
    let length: usize = redis.cli(&["XLEN", "pyfilter:events"]).parse().unwrap();
    // 40 bans, told twice; one un-ban and one ban, perhaps twice; what was forged.
    assert!(length <= 40 * 2 + 4 + rounds, "{length}");
    assert!(rows() <= before + 6, "{} {before}", rows());
    second.scan().exits(0);
    let mut expected = held[1..].to_vec();
    expected.push(ATTACKER.to_owned());
    expected.sort();
    let mut banned = second.banned();
    banned.sort();
    assert_eq!(banned, expected);
    first.scan().exits(0).prints("");
    let servers: usize = redis.cli(&["HLEN", "pyfilter:servers"]).parse().unwrap();
    assert_eq!(servers, 2);
}

/// A ban that waits for Redis to come back, whose number is guessed meanwhile.
#[test]
fn the_number_of_what_waits_is_not_taken_for_sent() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    first.run(["ban", OTHER]).exits(0);
    second.scan().exits(0).bans([OTHER]);
    first.scan().exits(0);
    let away = first.set("/redis/host", "/nowhere.sock");
    away.run(["ban", ATTACKER]).exits(1);
    forge(&redis, "unban", &stream_id(&away), "9", "192.0.2.1", now());
    let back = away.set("/redis/host", redis.socket().to_str().unwrap());
    back.scan()
        .exits(1)
        .warns("has the number 9, which it never gave");
    second.scan().exits(0).bans([ATTACKER]);
}

/// A machine that was copied with its store: two servers under one id.
#[test]
fn two_servers_with_a_copy_of_one_store_are_both_heard() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    first.run(["ban", OTHER]).exits(0);
    second.scan().exits(0).bans([OTHER]);
    let copy = redis.server("copy");
    copy.file(
        "state/PyFilter.db",
        std::fs::read(first.state("PyFilter.db")).unwrap(),
    );
    for file in ["blacklist.v4", "blacklist.v6"] {
        let bytes = std::fs::read(first.state(file)).unwrap();
        copy.file(&format!("state/{file}"), bytes);
    }
    copy.run(["ban", "198.51.100.8"]).exits(0);
    first
        .run(["ban", ATTACKER])
        .exits(1)
        .warns("a copy of another host's");
    for server in [&copy, &second] {
        server.scan();
        assert_eq!(server.banned(), [OTHER, "198.51.100.8", ATTACKER]);
    }
    for server in [&first, &copy, &second] {
        server.scan().exits(0).prints("");
    }
    assert_ne!(stream_id(&first), stream_id(&copy));
}

/// Five failures within a second.
fn attack(at: i64) -> String {
    let at = rfc3339(at);
    let line =
        format!("{at} web1 sshd[7]: Failed password for root from {ATTACKER} port 4711 ssh2\n");
    line.repeat(5)
}

/// By `date`, for there is no calendar in here.
fn rfc3339(at: i64) -> String {
    let mut date = std::process::Command::new("date");
    let date = date.args(["-u", "-d", &format!("@{at}"), "+%Y-%m-%dT%H:%M:%S+00:00"]);
    let text = String::from_utf8(date.output().unwrap().stdout).unwrap();
    text.trim_end().to_owned()
}

#[test]
fn an_unban_from_the_future_renewed_each_day_makes_nobody_immune() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    server.scan().exits(0);
    let ahead = "s ahead of this server's clock; it is taken as of now";
    for number in ["1", "2"] {
        forge(&redis, "unban", "evil", number, ATTACKER, now() + 86_000);
        server.scan().exits(1).warns(ahead);
        server.scan().exits(0).prints("");
        let lifted = now();
        server.append("auth.log", attack(lifted + 1));
        server.scan().exits(0).bans([ATTACKER]);
        while now() <= lifted + 1 {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    // Of years ahead, too.
    forge(&redis, "unban", "evil", "3", ATTACKER, now() + (1 << 33));
    server
        .scan()
        .exits(1)
        .warns(ahead)
        .says("by another server");
}

#[test]
fn a_ban_from_the_future_lasts_as_long_as_it_was_to_last_and_can_be_lifted() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    forge(&redis, "ban", "evil", "1", ATTACKER, now() + 80_000);
    first.scan().exits(1).warns("ahead of this server's clock");
    let list = first.run(["list", "--json"]).exits(0).json();
    let ends = list["bans"][0]["expires"].as_str().unwrap().to_owned();
    let latest = rfc3339(now() + 3600);
    assert!(ends[..19] <= latest[..19], "{ends} {latest}");
    second.scan().exits(1);
    second.run(["unban", ATTACKER]).exits(0);
    first.scan().exits(0).says("by another server");
    assert_eq!(first.banned(), [""; 0]);
}

#[test]
fn clocks_may_differ_by_a_few_minutes() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    server.scan().exits(0);
    forge(&redis, "ban", "evil", "1", ATTACKER, now() + 200);
    server.scan().exits(0).bans([ATTACKER]);
    forge(&redis, "unban", "evil", "2", ATTACKER, now() + 201);
    server.scan().exits(0).says("by another server");
}

/// A log whose stamps are a day ahead: nobody is told of the future, and what
/// others lift is lifted where it was banned, too.
#[test]
fn a_ban_of_a_log_that_is_ahead_is_told_as_of_now() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = two(&redis);
    first.append("auth.log", attack(now() + 80_000));
    first.scan().exits(0).bans([ATTACKER]);
    second.scan().exits(0).bans([ATTACKER]);
    second.run(["unban", ATTACKER]).exits(0);
    first.scan().exits(0).says("by another server");
    assert_eq!(first.banned(), [""; 0]);
    // By hand, on the server of that log.
    first.run(["ban", OTHER]).exits(0);
    let ahead = "UPDATE ban SET at = at + 80000 WHERE ip = ? AND lifted IS NULL";
    store(&first).execute(ahead, [OTHER]).unwrap();
    first.run(["unban", OTHER]).exits(0);
    second.scan().exits(0);
    assert_eq!(second.banned(), [""; 0]);
}
