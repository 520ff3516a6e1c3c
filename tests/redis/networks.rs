//! Bans and un-bans of networks, and that older servers meet none of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::fleet::in_force;
use super::{ATTACKER, Redis, errors};
use crate::kit::{Chance, Sandbox, failures, needs};

/// It holds the attacker.
const NETWORK: &str = "203.0.113.0/24";
const V6: &str = "2001:db8:7::/48";
const OTHER: &str = "198.51.100.7";
const HELD: &str = "pyfilter:networks:held";

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

fn store(server: &Sandbox) -> rusqlite::Connection {
    rusqlite::Connection::open(server.state("PyFilter.db")).unwrap()
}

fn three(redis: &Redis) -> [Sandbox; 3] {
    let servers = ["one", "web 2", "three"].map(|name| redis.server(name));
    for server in &servers {
        server.scan().exits(0).prints("");
    }
    servers
}

/// A value of the hash of networks in force.
fn value(at: i64, ends: Option<i64>) -> String {
    let mut fields = json!({
        "store": "3f9c2a", "number": "7", "server": "Lon", "time": at.to_string(),
        "text": "2026-03-22 14:16:40", "reason": "by hand",
    });
    if let Some(ends) = ends {
        fields["ends"] = ends.to_string().into();
    }
    fields.to_string()
}

#[test]
fn a_network_banned_on_one_is_blocked_on_all_and_open_on_all_when_one_lifts_it() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, third] = three(&redis);
    first
        .run(["ban", NETWORK, V6, "--reason", "Botnet"])
        .exits(0);
    let said = second.scan().exits(0).bans([NETWORK, V6]).stdout();
    assert!(
        said.contains("Found IP: 203.0.113.0/24 from server: one."),
        "{said}"
    );
    let ban = &third.scan_json()["bans"][0];
    let told = [&ban["ip"], &ban["origin"], &ban["server"], &ban["reason"]];
    assert_eq!(told, [NETWORK, "redis", "one", "Botnet"]);
    let joins = redis.server("joins");
    joins.scan().exits(0).bans([NETWORK, V6]);
    for server in [&second, &third, &joins] {
        server.scan().exits(0).prints("");
    }
    third.run(["unban", NETWORK]).exits(0);
    for server in [&first, &second, &joins] {
        let told = "Un-banned IP: 203.0.113.0/24, by another server.";
        server.scan().exits(0).says(told);
        server.scan().exits(0).prints("");
        assert_eq!(server.banned(), [V6]);
    }
    assert_eq!(redis.cli(&["HKEYS", HELD]), V6);
    redis.server("late").scan().exits(0).bans([V6]);
    // What was there up to then does not count any more.
    first.append("auth.log", failures(ATTACKER, 5));
    first.scan().exits(0);
    assert_eq!(first.banned(), [V6]);
}

/// The run that hears of the ban, or of its end, is the one that un-bans.
#[test]
fn an_address_is_not_un_banned_within_a_network_that_is_only_just_heard_of() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    second.run(["ban", ATTACKER]).exits(0);
    first.run(["ban", NETWORK]).exits(0);
    second
        .run(["unban", ATTACKER])
        .exits(1)
        .warns("is within 203.0.113.0/24, which is banned: un-ban that");
    assert_eq!(second.banned(), [NETWORK]);
    first.run(["unban", NETWORK]).exits(0);
    second.run(["unban", ATTACKER]).succeeds();
    assert_eq!(second.banned(), [""; 0]);
}

/// One that was away gets them, too, and one that joins.
#[test]
fn networks_are_found_when_their_stream_is_trimmed_or_gone() {
    needs!("redis-server", "redis-cli");
    for lose in [
        &["XTRIM", "pyfilter:networks", "MAXLEN", "0"][..],
        &["XTRIM", "pyfilter:networks", "MAXLEN", "1"],
        &["DEL", "pyfilter:networks"],
    ] {
        let redis = Redis::new();
        let [first, second, _] = three(&redis);
        first.run(["ban", V6]).exits(0);
        second.scan().exits(0).bans([V6]);
        first.run(["ban", NETWORK]).exits(0);
        first.run(["ban", "--for", "1h", "11.8.0.0/25"]).exits(0);
        first.run(["ban", "198.18.0.0/15"]).exits(0);
        redis.cli(lose);
        let joins = redis.server("joins");
        joins.scan().exits(0);
        second.scan().exits(0);
        let all = ["11.8.0.0/25", "198.18.0.0/15", NETWORK, V6];
        for server in [&second, &joins] {
            assert_eq!(server.banned(), all, "{lose:?}");
            server.scan().exits(0).prints("");
        }
        let ends = |server: &Sandbox| {
            let list = server.run(["list", "--json"]).exits(0).json();
            let bans = list["bans"].as_array().unwrap().iter();
            let mut ends = bans.filter_map(|ban| ban["expires"].as_str().map(str::to_owned));
            ends.next().unwrap()
        };
        assert_eq!(ends(&first)[..19], ends(&joins)[..19]);
        // Its un-ban is told through the stream again.
        joins.run(["unban", NETWORK]).exits(0);
        for server in [&first, &second] {
            server.scan().exits(0).says("by another server");
        }
    }
}

/// PyFilter 2 and PyFilter-Admin read the keys that are addresses, the list and the
/// channel; 3.0.0 also `pyfilter:events`.
#[test]
fn nothing_of_networks_is_written_where_older_servers_look() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", ATTACKER]).exits(0);
    let stand = || {
        let latest = redis.cli(&["LRANGE", "latest_10_keys", "0", "-1"]);
        let events = redis.cli(&["XRANGE", "pyfilter:events", "-", "+"]);
        (latest, events, redis.cli(&["HGETALL", ATTACKER]))
    };
    let before = stand();
    let commands = redis.monitored(|| {
        second.run(["ban", V6, "198.51.100.0/24"]).exits(0);
        second.run(["ban", "--for", "1h", V6]).exits(0);
        second.run(["unban", V6]).exits(0);
        first.scan().exits(0);
    });
    assert_eq!(stand(), before);
    for word in [
        "PUBLISH", "LPUSH", "LTRIM", "LRANGE", "EXPIREAT", "PERSIST", "DEL",
    ] {
        let quoted = format!("\"{word}\"");
        let any = commands.iter().any(|line| line.contains(&quoted));
        assert!(!any, "{commands:?}");
    }
    let mut keys: Vec<String> = redis
        .cli(&["KEYS", "*"])
        .lines()
        .map(str::to_owned)
        .collect();
    keys.sort();
    let ours = ["events", "networks", "networks:held", "servers"];
    let mut expected = vec![ATTACKER.to_owned(), "latest_10_keys".to_owned()];
    expected.extend(ours.map(|name| format!("pyfilter:{name}")));
    assert_eq!(keys, expected);
    assert_eq!(redis.cli(&["HKEYS", HELD]), "198.51.100.0/24");
}

#[test]
fn an_unban_of_a_network_lifts_what_it_holds_and_what_waits_to_be_sent() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, third] = three(&redis);
    first.run(["ban", ATTACKER, OTHER]).exits(0);
    second.run(["ban", "203.0.113.64/26"]).exits(0);
    third.scan().exits(0);
    // It bans while it is cut off, and tells nobody.
    let away = second.set("/redis/host", "/nowhere.sock");
    away.run(["ban", "203.0.113.77", "203.0.113.128/25"])
        .exits(1);
    third.run(["ban", NETWORK]).exits(0);
    third.run(["unban", NETWORK]).exits(0);
    assert_eq!(third.banned(), [OTHER]);
    let second = away.set("/redis/host", redis.socket().to_str().unwrap());
    for server in [&first, &second, &third] {
        server.scan().exits(0);
        server.scan().exits(0).prints("");
        assert_eq!(server.banned(), [OTHER]);
    }
    assert_eq!(redis.cli(&["EXISTS", ATTACKER, "203.0.113.77", HELD]), "0");
    // Two bans of addresses and one un-ban; two bans of networks, and their un-bans. What
    // waited there is told as lifted, and nothing twice.
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "4");
    assert_eq!(redis.cli(&["XLEN", "pyfilter:networks"]), "5");
    assert_eq!(redis.cli(&["EXISTS", OTHER]), "1");
    redis.server("joins").scan().exits(0).bans([OTHER]);
    // A later ban of an address within it is one like any other.
    first.run(["ban", ATTACKER]).exits(0);
    second.scan().exits(0).bans([ATTACKER]);
}

/// A ban within the network that was not even taken over yet.
#[test]
fn an_unban_of_a_network_lifts_what_is_only_just_heard_of() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, third] = three(&redis);
    first.run(["ban", ATTACKER, "203.0.113.128/25"]).exits(0);
    second.run(["unban", NETWORK]).exits(0);
    assert_eq!(
        redis.cli(&["EXISTS", ATTACKER, HELD, "latest_10_keys"]),
        "0"
    );
    for server in [&first, &second, &third, &redis.server("joins")] {
        server.scan().exits(0);
        assert_eq!(server.banned(), [""; 0]);
    }
}

/// It un-bans the network before it has heard of a ban within it.
#[test]
fn the_entry_of_a_ban_that_nobody_told_of_when_its_network_was_lifted_is_taken_away() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", ATTACKER, "203.0.113.128/25"]).exits(0);
    let away = second.set("/redis/host", "/nowhere.sock");
    away.run(["unban", NETWORK]).exits(1);
    let second = away.set("/redis/host", redis.socket().to_str().unwrap());
    for server in [&second, &first, &second] {
        server.scan().exits(0);
        assert_eq!(server.banned(), [""; 0]);
    }
    assert_eq!(
        redis.cli(&["EXISTS", ATTACKER, HELD, "latest_10_keys"]),
        "0"
    );
    redis.server("joins").scan().exits(0).prints("");
}

#[test]
fn an_unban_of_an_address_by_another_server_lifts_that_ban_alone() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    second.run(["ban", ATTACKER]).exits(0);
    first.scan().exits(0).bans([ATTACKER]);
    second.run(["unban", "--local", ATTACKER]).exits(0);
    first.run(["ban", NETWORK]).exits(0);
    // The second one, which has not heard of the network, tells of its un-ban late.
    let id: String = store(&second)
        .query_row(
            "SELECT value FROM meta WHERE key = 'stream_id'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let at = now().to_string();
    let mut unban = vec![
        "XADD",
        "pyfilter:events",
        "*",
        "event",
        "unban",
        "store",
        &id,
    ];
    unban.extend(["number", "4000", "ip", ATTACKER, "time", &at, "by", "web 2"]);
    redis.cli(&unban);
    first.scan().exits(0);
    assert_eq!(first.banned(), [NETWORK]);
    first.run(["unban", NETWORK]).exits(0);
    assert_eq!(
        first.banned(),
        [""; 0],
        "the address is not banned any more"
    );
}

/// A ban of a log whose stamps are ahead is sent as of five minutes ahead: the un-ban of
/// a network around it is as late.
#[test]
fn an_unban_of_a_network_is_as_late_as_the_bans_within_it() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", OTHER, ATTACKER]).exits(0);
    let ahead = "UPDATE ban SET at = at + 200 WHERE ip = ?";
    for server in [&first, &second] {
        server.scan().exits(0);
        store(server).execute(ahead, [ATTACKER]).unwrap();
    }
    first.run(["unban", NETWORK]).exits(0);
    second.scan().exits(0).says("Un-banned IP: 203.0.113.9");
    assert_eq!(second.banned(), [OTHER]);
}

#[test]
fn a_server_that_takes_a_network_over_writes_nothing() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", NETWORK]).exits(0);
    let stand = || redis.cli(&["HGETALL", HELD]) + &redis.cli(&["XLEN", "pyfilter:networks"]);
    let before = stand();
    let commands = redis.monitored(|| drop(second.scan().exits(0).bans([NETWORK])));
    assert!(commands.len() <= 8, "{commands:?}");
    let joins = redis.server("joins");
    joins.scan().exits(0).bans([NETWORK]);
    assert_eq!(stand(), before);
    // Banned there already, it is not sent again.
    second.run(["ban", NETWORK]).exits(0);
    joins.run(["ban", "--for", "1h", NETWORK]).exits(0);
    assert_eq!(stand(), before);
}

#[test]
fn a_server_that_begins_to_share_tells_its_networks_and_learns_what_was_lifted() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [other, ..] = three(&redis);
    let alone = redis.server("alone").set("/settings/database", "sqlite");
    alone.run(["ban", NETWORK, V6]).exits(0);
    other.run(["ban", V6]).exits(0);
    other.run(["unban", V6]).exits(0);
    let shares = alone.set("/settings/database", "redis");
    shares
        .scan()
        .exits(0)
        .says("Un-banned IP: 2001:db8:7::/48, by another server.");
    other.scan().exits(0).bans([NETWORK]);
    assert_eq!(redis.cli(&["HKEYS", HELD]), NETWORK);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:networks"]), "3");
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "0");
}

/// A store of 3.0.0 knows a position in one stream alone.
#[test]
fn a_server_that_knew_no_networks_finds_those_in_force() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", NETWORK]).exits(0);
    let forget = "DELETE FROM meta WHERE key IN ('stream of networks', 'scan of networks')";
    store(&second).execute(forget, []).unwrap();
    second.scan().exits(0).bans([NETWORK]);
    second.scan().exits(0).prints("");
}

/// One sequence of numbers for both streams: neither tells of the other.
#[test]
fn the_numbers_of_one_stream_hide_nothing_in_the_other() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, third] = three(&redis);
    for subject in [NETWORK, OTHER, V6, "198.51.100.8", "11.7.0.0/24"] {
        first.run(["ban", subject]).exits(0);
        second.scan().exits(0).bans([subject]);
    }
    first.run(["unban", NETWORK]).exits(0);
    first.run(["unban", OTHER, V6]).exits(0);
    for server in [&second, &third] {
        server.scan().exits(0);
        assert_eq!(server.banned(), ["11.7.0.0/24", "198.51.100.8"]);
    }
    // Each is remembered until this server's own event was read in its stream.
    let waits = || -> i64 {
        let count = "SELECT count(*) FROM meta WHERE key LIKE 'sent unban %'";
        store(&first)
            .query_row(count, [], |row| row.get(0))
            .unwrap()
    };
    assert!(waits() > 0);
    first.scan().exits(0).prints("");
    assert_eq!(waits(), 0);
}

#[test]
fn a_forged_number_in_either_stream_mutes_a_server_in_none() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    let id = || -> String {
        let id = "SELECT value FROM meta WHERE key = 'stream_id'";
        store(&first).query_row(id, [], |row| row.get(0)).unwrap()
    };
    first.run(["ban", NETWORK]).exits(0);
    for (round, stream) in ["pyfilter:networks", "pyfilter:events"]
        .into_iter()
        .enumerate()
    {
        let (before, at) = (id(), now().to_string());
        let ip = ["11.7.0.0/24", "192.0.2.1"][round];
        let mut forged = vec!["XADD", stream, "*", "event", "unban", "store", &before];
        forged.extend(["number", "4611686018427387904", "ip", ip, "time", &at]);
        redis.cli(&forged);
        second.scan().exits(0);
        let (network, address) = (format!("10.{round}.0.0/16"), format!("198.51.100.{round}"));
        let told = "has the number 4611686018427387904, which it never gave";
        first.run(["ban", &network, &address]).exits(1).warns(told);
        assert_ne!(id(), before);
        second.scan().exits(0).bans([&network, &address]);
        first.run(["unban", &network, &address]).exits(0);
        second.scan().exits(0);
        first.scan().exits(0).prints("");
        assert_eq!(second.banned(), [NETWORK]);
    }
}

/// What was told behind a forged number, by a run that had read before it.
#[test]
fn the_unban_of_a_network_behind_a_forged_number_is_told_again() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second, _] = three(&redis);
    first.run(["ban", NETWORK]).exits(0);
    second.scan().exits(0).bans([NETWORK]);
    first.scan().exits(0);
    let meta = |key: &str| -> String {
        let select = "SELECT value FROM meta WHERE key = ?";
        store(&first)
            .query_row(select, [key], |row| row.get(0))
            .unwrap()
    };
    let (read, id, at) = (
        meta("stream of networks"),
        meta("stream_id"),
        now().to_string(),
    );
    let mut forged = vec![
        "XADD",
        "pyfilter:networks",
        "*",
        "event",
        "unban",
        "store",
        &id,
    ];
    forged.extend([
        "number",
        "4611686018427387904",
        "ip",
        "11.7.0.0/24",
        "time",
        &at,
    ]);
    let forged = redis.cli(&forged);
    let set = "UPDATE meta SET value = ? WHERE key = 'stream of networks'";
    store(&first).execute(set, [&forged]).unwrap();
    first.run(["unban", NETWORK]).exits(0);
    second.scan().exits(0);
    assert_eq!(second.banned(), [NETWORK], "it passed it over");
    store(&first).execute(set, [&read]).unwrap();
    first.scan().exits(1).warns("never gave");
    second.scan().exits(0).says("by another server");
    assert_eq!(second.banned(), [""; 0]);
    for server in [&first, &second] {
        server.scan().exits(0).prints("");
    }
}

/// An entry of either stream that is skipped.
fn event(redis: &Redis, stream: &str, number: usize, ip: &str, more: &[&str]) {
    let (number, at) = (number.to_string(), now().to_string());
    let mut add = vec!["XADD", stream, "*", "event", "ban", "store", "evil"];
    add.extend(["number", &number, "ip", ip, "server", "evil"]);
    add.extend([
        "text",
        "2018-03-22 14:18:18",
        "reason",
        "\x1b]52;c;AAAA\x07",
    ]);
    add.extend_from_slice(more);
    if !more.contains(&"time") {
        add.extend(["time", &at]);
    }
    redis.cli(&add);
}

#[test]
fn hostile_events_of_networks() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    server.scan().exits(0);
    let wrong = [
        (
            "0.0.0.0/0",
            "wider than any ban may be (0.0.0.0/0; /8 at most)",
        ),
        ("::/0", "wider than any ban may be (::/0; /19 at most)"),
        ("11.0.0.0/7", "names a network with host bits (11.0.0.0/7)"),
        ("203.0.113.7/24", "names a network with host bits"),
        ("203.0.113.9", "names no network (203.0.113.9)"),
        ("203.0.113.9/32", "names no network"),
        ("203.0.113.0/+24", "names no network"),
        ("\x1b[2J/24", "names no network (\\x1b[2J/24)"),
        (
            "2001:DB8::/32",
            "in another spelling (2001:DB8::/32 for 2001:db8::/32)",
        ),
        ("::ffff:192.0.2.0/120", "in another spelling"),
        (
            "127.0.0.0/16",
            "which is a loopback address, so it is never banned",
        ),
        ("fe80::/64", "holds fe80::, which is a link-local address"),
    ];
    for (number, (ip, _)) in wrong.iter().enumerate() {
        event(&redis, "pyfilter:networks", number + 1, ip, &[]);
    }
    // A name of 70 bytes, times that can not be, a missing field.
    let long = format!("{}/24", "1".repeat(67));
    event(&redis, "pyfilter:networks", 50, &long, &[]);
    event(&redis, "pyfilter:networks", 51, NETWORK, &["time", "-1"]);
    event(
        &redis,
        "pyfilter:networks",
        52,
        NETWORK,
        &["ends", "253402300800"],
    );
    redis.cli(&["XADD", "pyfilter:networks", "*", "evil", "\x1b[2J"]);
    event(&redis, "pyfilter:events", 60, NETWORK, &[]);
    event(&redis, "pyfilter:networks", 61, V6, &[]);
    // Five by name, and how many more.
    let said = errors(&server.run(["scan", "--json"]).exits(1).json());
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(
        said[5].contains("12 more such entries are skipped"),
        "{said:?}"
    );
    assert!(said[0].contains("event ") && said[0].contains("names no single address"));
    assert!(said[1].contains("network event "), "{said:?}");
    assert_eq!(server.banned(), [V6]);
    server.scan().exits(0).prints("");
    // One by one, each by its name.
    for (ip, why) in wrong {
        event(&redis, "pyfilter:networks", 100, ip, &[]);
        let said = errors(&server.run(["scan", "--json"]).exits(1).json());
        assert!(said.len() == 1 && said[0].contains(why), "{ip}: {said:?}");
        assert!(!said[0].contains('\x1b'), "{said:?}");
    }
}

#[test]
fn a_network_around_an_address_that_is_ignored_here_is_a_note_and_no_problem() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.server("web1").run(["ban", NETWORK]).exits(0);
    let never = json!([ATTACKER]);
    let ignores = redis.server("web2").set("/settings/ignored_ips", never);
    let ran = ignores.run(["scan", "--json"]).succeeds();
    ran.warns("holds 203.0.113.9, which is in ignored_ips, so it is never banned; it is skipped");
    assert_eq!(ignores.banned(), [""; 0]);
    ignores
        .set("/redis/sync_bans/check_time", 0)
        .scan()
        .exits(0)
        .prints("");
}

/// What somebody wrote into the hash of networks in force.
#[test]
fn hostile_networks_in_force() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    let now = now();
    let whole = value(now - 10, None);
    let long = whole.replace("by hand", &"x".repeat(9000));
    let digits = "9".repeat(500);
    let longest = "7".repeat(90);
    let control = whole.replace("\"Lon\"", "\"e\\u001b[2Jvil\"");
    let number = whole.replace("\"7\"", "7");
    let wrong = [
        ("0.0.0.0/0", whole.as_str(), "wider than any ban may be"),
        ("203.0.113.7/24", &whole, "host bits"),
        (OTHER, &whole, "names no network (198.51.100.7)"),
        ("127.0.0.0/24", &whole, "so it is never banned"),
        ("11.7.0.0/24", "", "is not understood"),
        ("11.8.0.0/25", "[1,2]", "is not understood"),
        ("11.8.0.0/26", &number, "is not understood"),
        ("11.8.0.0/27", "{}", "has no field time"),
        ("11.8.0.0/28", &control, "e\\x1b[2Jvil"),
        ("11.8.0.0/29", &long, "has a field of its name of 9"),
        ("11.8.0.0/30", &digits, "is not understood"),
        ("\x1b[2J", &whole, "names no network (\\x1b[2J)"),
        (&longest, &whole, "of 90 bytes"),
    ];
    for (field, value, why) in wrong {
        redis.cli(&["HSET", HELD, field, value]);
        let said = errors(&server.run(["scan", "--json"]).exits(1).json());
        assert!(said.len() == 1 && said[0].contains(why), "{why}: {said:?}");
        assert!(said[0].len() < 500 && !said[0].contains('\x1b'), "{said:?}");
        server.scan().exits(0).prints("");
    }
    assert_eq!(server.banned(), [""; 0]);
    // Beside all that, one that is whole, and one of the future.
    redis.cli(&["HSET", HELD, NETWORK, &whole]);
    let ahead = value(now + 400_000, Some(now + 400_000 + 3600));
    redis.cli(&["HSET", HELD, V6, &ahead]);
    server.scan().exits(0).bans([NETWORK, V6]);
    let list = server.run(["list", "--json"]).exits(0).json();
    let ends = list["bans"].as_array().unwrap().iter();
    let ends: Vec<&str> = ends.filter_map(|ban| ban["expires"].as_str()).collect();
    assert_eq!(ends.len(), 1, "{list}");
    let begins = list["bans"].as_array().unwrap().iter();
    let latest = begins.map(|ban| ban["time"].as_str().unwrap()).max();
    assert!(latest < Some(ends[0]), "{list}");
    server.scan().exits(0).prints("");
}

#[test]
fn a_key_of_networks_that_is_of_another_type_is_told() {
    needs!("redis-server", "redis-cli");
    for key in [HELD, "pyfilter:networks"] {
        let redis = Redis::new();
        redis.cli(&["SET", key, "evil"]);
        let server = redis.server("web1");
        let told = "a key that pyfilter uses there is of another type";
        server.run(["ban", NETWORK]).exits(1).warns(told);
        assert_eq!(server.banned(), [NETWORK]);
        redis.cli(&["DEL", key]);
        server.scan().exits(0).prints("");
        redis.server("web2").scan().exits(0).bans([NETWORK]);
    }
}

/// A ban of a network has no expiry in Redis: the first server that meets one that is over
/// removes it, unless somebody writes there meanwhile.
#[test]
fn a_ban_of_a_network_that_is_over_is_passed_over_and_removed() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    server.scan().exits(0);
    let now = now();
    redis.cli(&["HSET", HELD, NETWORK, &value(now - 9000, Some(now - 5000))]);
    redis.cli(&["HSET", HELD, V6, &value(now - 10, Some(now + 5000))]);
    // The clock of a server that was never there before may be wrong.
    redis.server("joins").scan().exits(0).bans([V6]);
    assert_eq!(redis.cli(&["HLEN", HELD]), "2");
    server.scan().exits(0).bans([V6]);
    assert_eq!(redis.cli(&["HKEYS", HELD]), V6);
    server.run(["ban", NETWORK]).exits(0);
    assert_eq!(redis.cli(&["HLEN", HELD]), "2");
}

/// Very many of them are looked through by several runs.
#[test]
fn very_many_networks_in_force() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let count: u32 = 25_000;
    let value = value(now() - 10, None);
    let mut fill = String::new();
    for n in 0..count {
        let [_, a, b, c] = (n * 16).to_be_bytes();
        let field = format!("20.{a}.{b}.{c}/28");
        let words = ["HSET", HELD, &field, &value];
        let _ = write!(fill, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(fill, "${}\r\n{word}\r\n", word.len());
        }
    }
    let mut client = redis.command(&["--pipe"]);
    let client = client
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut client = client.spawn().unwrap();
    client
        .stdin
        .take()
        .unwrap()
        .write_all(fill.as_bytes())
        .unwrap();
    assert!(client.wait().unwrap().success());
    let server = redis.server("web1");
    let mut runs = 0;
    while server.banned().len() < count as usize {
        server.scan().exits(0);
        runs += 1;
        assert!(runs < 10, "it comes to an end");
    }
    assert!(runs > 1, "not more than is read in a run");
    server.scan().exits(0).prints("");
}

/// Two people ban and un-ban a network and an address in it, faster than the clock counts:
/// in the end both servers enforce the same, and one that joins as well.
#[test]
fn two_servers_agree_on_networks_whatever_people_do_within_a_second() {
    needs!("redis-server", "redis-cli");
    let mut chance = Chance::new("two_servers_agree_on_networks");
    for _ in 0..6 {
        let redis = Redis::new();
        let mut servers = ["one", "two"].map(|name| redis.server(name));
        let here = redis.socket().to_str().unwrap().to_owned();
        for server in &servers {
            server.scan().exits(0);
        }
        for _ in 0..14 {
            let at = usize::try_from(chance.below(2)).unwrap();
            let host = if chance.below(4) == 0 {
                "/nowhere.sock"
            } else {
                here.as_str()
            };
            servers[at] =
                std::mem::replace(&mut servers[at], Sandbox::new()).set("/redis/host", host);
            let whom = [ATTACKER, NETWORK, "203.0.113.0/28"];
            let whom = whom[usize::try_from(chance.below(3)).unwrap()];
            let words: &[&str] = match chance.below(5) {
                0 | 1 => &["unban", whom],
                2 => &["ban", "--for", "1h", whom],
                3 => &["scan"],
                _ => &["ban", whom],
            };
            println!("{at} {host} {words:?}");
            // One within a banned network is not un-banned.
            let status = servers[at].run(words).status();
            assert!(matches!(status, Some(0 | 1)), "{status:?}");
        }
        let servers = servers.map(|server| server.set("/redis/host", here.as_str()));
        for _ in 0..3 {
            for server in &servers {
                server.scan().exits(0);
            }
        }
        let [one, two] = servers.each_ref().map(in_force);
        assert_eq!(one, two);
        let joins = redis.server("joins");
        joins.scan().exits(0);
        let joined = in_force(&joins);
        assert!(joined.keys().eq(one.keys()), "{joined:?} {one:?}");
    }
}
