//! Bans and un-bans of several servers, in adverse orders.

use std::collections::BTreeMap;

use super::{ATTACKER, Redis, errors};
use crate::kit::{Chance, Sandbox, failures, needs};

#[test]
fn a_ban_and_an_unban_reach_every_server() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, third] = ["one", "web 2", "three"].map(|name| redis.server(name));
    for server in [&first, &second, &third] {
        server.scan().exits(0).prints("");
    }
    first.append("auth.log", failures(ATTACKER, 5));
    first.scan().exits(0).bans([ATTACKER]);
    let line = "2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: one.\n";
    second.scan().exits(0).prints(line);
    second.scan().exits(0).prints("");
    let ban = &third.scan_json()["bans"][0];
    assert_eq!(
        (&ban["origin"], &ban["server"]),
        (&"redis".into(), &"one".into())
    );
    third.run(["unban", ATTACKER]).exits(0);
    first
        .scan()
        .exits(0)
        .says("Un-banned IP: 203.0.113.9, by another server.");
    second.scan().exits(0).says("by another server");
    for server in [&first, &second, &third] {
        server.scan().exits(0).prints("");
        assert_eq!(server.banned(), [""; 0]);
    }
    assert_eq!(redis.cli(&["EXISTS", ATTACKER, "latest_10_keys"]), "0");
}

#[test]
fn a_local_unban_stays_and_is_here_only() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] =
        ["one", "two"].map(|name| redis.server(name).set("/redis/sync_bans/check_time", 0));
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    second.run(["unban", "--local", ATTACKER]).exits(0);
    for _ in 0..3 {
        second.scan().exits(0).prints("");
        first.scan().exits(0).prints("");
    }
    assert_eq!(first.banned(), [ATTACKER]);
    assert_eq!(second.banned(), [""; 0]);
    // A different one is taken over.
    redis.cli(&[
        "HSET",
        ATTACKER,
        "Admin",
        "2999-01-01 00:00:00",
        "banned_server",
        "Admin",
    ]);
    second.scan().exits(1);
    redis.cli(&[
        "HSET",
        ATTACKER,
        "Admin",
        "2026-03-23 00:00:00",
        "banned_server",
        "Admin",
    ]);
    second.scan().exits(0).prints("");
}

#[test]
fn an_outage_delays_and_loses_nothing() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    first.scan().exits(0);
    second.scan().exits(0);
    redis.stop();
    first.append("auth.log", failures(ATTACKER, 5));
    for _ in 0..2 {
        first.scan().exits(1).warns("can not be reached");
    }
    assert_eq!(first.banned(), [ATTACKER]);
    redis.again();
    first.scan().exits(0).prints("");
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "1");
    first.scan().exits(0);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "1", "once");
    second.scan().exits(0).bans([ATTACKER]);
    second.scan().exits(0).prints("");
}

/// Two ban one address, for different times, and one of them can not tell it yet.
#[test]
fn a_ban_that_waits_to_be_sent_shortens_none_and_is_not_told_twice() {
    needs!("redis-server", "redis-cli");
    for (waits, told, events) in [
        (
            &["ban", "--for", "1h", ATTACKER][..],
            &["ban", ATTACKER][..],
            "1",
        ),
        (&["ban", ATTACKER], &["ban", "--for", "1h", ATTACKER], "2"),
    ] {
        let redis = Redis::new();
        let [early, late] = ["early", "late"].map(|name| redis.server(name));
        early.scan().exits(0);
        late.scan().exits(0);
        let away = late.set("/redis/host", "/nowhere.sock");
        away.run(waits).exits(1);
        early.run(told).exits(0);
        let back = away.set("/redis/host", redis.socket().to_str().unwrap());
        for server in [&back, &early, &back] {
            server.scan().exits(0);
        }
        let for_ever = BTreeMap::from([(ATTACKER.to_owned(), None)]);
        for server in [&back, &early, &redis.server("joins")] {
            server.scan().exits(0);
            assert_eq!(in_force(server), for_ever, "{waits:?}");
        }
        assert_eq!(redis.cli(&["TTL", ATTACKER]), "-1", "{waits:?}");
        assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), events);
        assert_eq!(redis.cli(&["LLEN", "latest_10_keys"]), "1", "{waits:?}");
    }
}

/// A server that bans while Redis is away, and one that un-bans meanwhile.
#[test]
fn an_outbox_that_arrives_late_revives_nothing() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [early, late] = ["early", "late"].map(|name| redis.server(name));
    early.scan().exits(0);
    late.scan().exits(0);
    let away = late.set("/redis/host", "/nowhere.sock");
    away.append("auth.log", failures(ATTACKER, 5));
    away.scan().exits(1);
    early
        .run(["unban", ATTACKER])
        .exits(0)
        .says("is not banned");
    let back = away.set("/redis/host", redis.socket().to_str().unwrap());
    back.scan().exits(0).says("by another server");
    assert_eq!(back.banned(), [""; 0]);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER]), "0");
    early.scan().exits(0).prints("");
}

#[test]
fn who_earns_a_new_ban_after_an_unban_is_banned_everywhere() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    second.run(["unban", ATTACKER]).exits(0);
    // In the same second, as like as not.
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    assert_eq!(redis.cli(&["HGET", ATTACKER, "banned_server"]), "one");
}

#[test]
fn a_ban_that_several_made_and_one_lifted_is_gone() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let servers = ["one", "two", "three"].map(|name| redis.attacked(name));
    for server in &servers {
        server.scan().exits(0);
    }
    assert_eq!(
        redis.cli(&["XLEN", "pyfilter:events"]),
        "1",
        "banned elsewhere, it is not sent again"
    );
    servers[1].run(["unban", ATTACKER]).exits(0);
    for server in &servers {
        server.scan().exits(0);
        server.scan().exits(0).prints("");
        assert_eq!(server.banned(), [""; 0]);
    }
}

#[test]
fn an_emptied_redis_lifts_nothing() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
    redis.cli(&["FLUSHALL"]);
    for server in [&first, &second] {
        server.scan().exits(0).prints("");
        assert_eq!(server.banned(), [ATTACKER]);
    }
    first.run(["ban", "198.51.100.7"]).exits(0);
    second.scan().exits(0).bans(["198.51.100.7"]);
}

#[test]
fn a_stream_that_is_trimmed_too_far_is_made_up_for_by_the_hashes() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    first.run(["ban", "198.51.100.7"]).exits(0);
    second.scan().exits(0);
    first.run(["ban", ATTACKER]).exits(0);
    redis.cli(&["XTRIM", "pyfilter:events", "MAXLEN", "0"]);
    first.run(["ban", "198.51.100.8"]).exits(0);
    second.scan().exits(0);
    assert_eq!(second.banned(), ["198.51.100.7", "198.51.100.8", ATTACKER]);
}

#[test]
fn a_ban_with_an_end_ends_everywhere() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, joins] = ["one", "two", "three"].map(|name| redis.server(name));
    second.scan().exits(0);
    first.run(["ban", "--for", "1h", ATTACKER]).exits(0);
    let of_stream = second.scan_json()["bans"][0]["expires"].clone();
    let of_hash = joins.scan_json()["bans"][0]["expires"].clone();
    assert!(
        of_stream.is_string() && of_hash.is_string(),
        "{of_stream} {of_hash}"
    );
    assert_eq!(
        of_stream.as_str().unwrap()[..15],
        of_hash.as_str().unwrap()[..15]
    );
    // For longer: the others hear of it, Redis keeps it.
    second.run(["ban", ATTACKER]).exits(0);
    assert_eq!(redis.cli(&["TTL", ATTACKER]), "-1");
    first.scan().exits(0);
    assert_eq!(
        first.run(["list", "--json"]).json()["bans"][1]["expires"],
        serde_json::Value::Null
    );
}

#[test]
fn an_inactive_server_writes_and_takes_nothing_over() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let quiet = redis.server("quiet").set("/redis/sync_bans/active", false);
    let other = redis.server("other");
    quiet.scan().exits(0);
    other.scan().exits(0);
    other.run(["ban", ATTACKER]).exits(0);
    quiet.scan().exits(0).prints("");
    quiet.run(["ban", "198.51.100.7"]).exits(0);
    other.scan().exits(0).bans(["198.51.100.7"]);
}

#[test]
fn bans_of_pyfilter_2_and_of_admin_are_taken_over() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    server.scan().exits(0);
    let reason = "IP: x. Acquired 5 bad connections via ssh. The IP was from France.\n";
    redis.cli(&[
        "HSET",
        "2001:DB8::9",
        "Lon 1",
        "2018-03-22 14:18:18",
        "reason",
        reason,
        "banned_server",
        "Lon 1",
        "country",
        "France",
    ]);
    let admin = "PyFilter-Admin manual ban";
    redis.cli(&[
        "HSET",
        ATTACKER,
        admin,
        "2018-03-22 14:18:19",
        "reason",
        "by hand",
        "banned_server",
        admin,
    ]);
    let said = server.scan().exits(0).stdout();
    assert!(said.contains("2018-03-22 14:18:18 Found IP: 2001:db8::9 from server: Lon 1. The IP was from France.\n"), "{said}");
    assert!(
        said.contains("Found IP: 203.0.113.9 from server: PyFilter-Admin manual ban.\n"),
        "{said}"
    );
    server.scan().exits(0).prints("");
    server.run(["unban", "2001:db8::9"]).exits(0);
    assert_eq!(
        redis.cli(&["EXISTS", "2001:DB8::9"]),
        "0",
        "whatever its spelling"
    );
}

#[test]
fn two_servers_with_one_name_are_told() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["same", "same"].map(|name| redis.server(name));
    first.scan().exits(0);
    first
        .run(["check"])
        .succeeds()
        .says_nothing_of("names must differ");
    second.scan().exits(0);
    for server in [&first, &second] {
        server
            .run(["check"])
            .exits(1)
            .says("another server was called same, too");
    }
}

#[test]
fn a_dry_run_asks_nobody() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.attacked("web1");
    let commands =
        redis.monitored(|| drop(server.run(["scan", "--dry-run"]).exits(0).bans([ATTACKER])));
    assert_eq!(commands, [""; 0]);
}

#[test]
fn a_store_from_a_backup_is_not_taken_for_known() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    second.scan().exits(0);
    first.run(["ban", "198.51.100.1"]).exits(0);
    let copy = std::fs::read(first.state("PyFilter.db")).unwrap();
    first.run(["ban", "198.51.100.2", "198.51.100.3"]).exits(0);
    second
        .scan()
        .exits(0)
        .bans(["198.51.100.1", "198.51.100.2", "198.51.100.3"]);
    std::fs::write(first.state("PyFilter.db"), copy).unwrap();
    // What it has forgotten comes back from Redis.
    let ran = first.run(["ban", "198.51.100.4"]).exits(1);
    ran.warns("the store is an older copy");
    second.scan().exits(0);
    let all = [1, 2, 3, 4].map(|n| format!("198.51.100.{n}"));
    assert_eq!(in_force(&first).into_keys().collect::<Vec<_>>(), all);
    assert_eq!(in_force(&second).into_keys().collect::<Vec<_>>(), all);
    assert!(errors(&second.scan_json()).is_empty());
    let _: &Sandbox = &second;
}

const OTHER: &str = "198.51.100.7";

/// Who is banned there, and until when.
pub(super) fn in_force(server: &Sandbox) -> BTreeMap<String, Option<String>> {
    let list = server.run(["list", "--json"]).exits(0).json();
    let mut ends: BTreeMap<String, Option<String>> = BTreeMap::new();
    for ban in list["bans"].as_array().unwrap() {
        let end = ban["expires"].as_str().map(str::to_owned);
        let known = ends
            .entry(ban["ip"].as_str().unwrap().to_owned())
            .or_insert_with(|| end.clone());
        *known = known.take().zip(end).map(|(one, other)| one.max(other));
    }
    ends
}

/// Two people, faster than the clock counts: after everything was exchanged
/// both servers enforce the same, and where nobody was away, the last word.
#[test]
fn two_servers_agree_whatever_people_do_within_a_second() {
    needs!("redis-server", "redis-cli");
    let mut chance = Chance::new("two_servers_agree");
    for _ in 0..6 {
        let redis = Redis::new();
        let mut servers = ["one", "two"].map(|name| redis.server(name));
        let here = redis.socket().to_str().unwrap().to_owned();
        let goes_away = chance.below(2) == 0;
        // Who joins knows no un-ban from before, so both are there.
        for server in &servers {
            server.scan().exits(0);
        }
        let mut last: BTreeMap<&str, bool> = BTreeMap::new();
        for _ in 0..12 {
            let at = usize::try_from(chance.below(2)).unwrap();
            let is_away = goes_away && chance.below(3) == 0;
            let host = if is_away {
                "/nowhere.sock"
            } else {
                here.as_str()
            };
            servers[at] =
                std::mem::replace(&mut servers[at], Sandbox::new()).set("/redis/host", host);
            let ip = if chance.below(2) == 0 {
                ATTACKER
            } else {
                OTHER
            };
            let words: &[&str] = match chance.below(5) {
                0 | 1 => &["unban", ip],
                2 => &["ban", "--for", "1h", ip],
                3 => &["scan"],
                _ => &["ban", ip],
            };
            println!("{at} {is_away} {words:?}");
            servers[at].run(words).exits(i32::from(is_away));
            if words[0] != "scan" {
                last.insert(ip, words[0] == "ban");
            }
        }
        let servers = servers.map(|server| server.set("/redis/host", here.as_str()));
        for _ in 0..3 {
            for server in &servers {
                server.scan().exits(0);
            }
        }
        let [one, two] = servers.each_ref().map(in_force);
        assert_eq!(one, two);
        if !goes_away {
            let banned = last.iter().filter(|(_, banned)| **banned);
            assert!(one.keys().eq(banned.map(|(ip, _)| *ip)), "{one:?} {last:?}");
        }
    }
}
