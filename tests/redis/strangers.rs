//! Entries that others wrote, or damaged: none of them harms, each is reported
//! once and skipped.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::{ATTACKER, Redis, errors};
use crate::kit::needs;

const REASON: &str = "by hand";

/// A scan that skips `why`, and one after it that does not speak of it again.
#[track_caller]
fn is_skipped(write: &[&str], why: &str) {
    let redis = Redis::new();
    redis.cli(write);
    // Beside it stands one that is whole.
    redis.cli(&[
        "HSET",
        ATTACKER,
        "Lon",
        "2018-03-22 14:18:18",
        "reason",
        REASON,
        "banned_server",
        "Lon",
    ]);
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    let document = server.run(["scan", "--json"]).exits(1).json();
    let said = errors(&document);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(why), "{why}: {said:?}");
    assert!(said[0].len() < 500 && !said[0].contains('\x1b'), "{said:?}");
    assert_eq!(server.banned(), [ATTACKER]);
    server.scan().exits(0).prints("");
}

#[test]
fn hostile_hashes() {
    needs!("redis-server", "redis-cli");
    let hash = |key: &str, server: &str, time: &str, why: &str| {
        is_skipped(
            &[
                "HSET",
                key,
                server,
                time,
                "reason",
                REASON,
                "banned_server",
                server,
            ],
            why,
        );
    };
    let time = "2018-03-22 14:18:18";
    hash("::/0", "evil", time, "hash ::/0 is no single address");
    hash(
        "127.0.0.1",
        "evil",
        time,
        "127.0.0.1 is a loopback address, so it is never banned",
    );
    hash("fe80::1", "evil", time, "is a link-local address");
    hash("::ffff:127.0.0.1", "evil", time, "is a loopback address");
    hash(
        "192.0.2.1",
        "evil",
        "2999-01-01 00:00:00",
        "has a time far in the future",
    );
    hash(
        "192.0.2.1",
        "evil",
        "soon",
        "has a time that can not be read (soon)",
    );
    hash("192.0.2.1", "e\x1b[2Jvil", time, "e\\x1b[2Jvil");
    hash("192.0.2.1", "two  blanks", time, "two in a row");
}

#[test]
fn damaged_and_older_entries() {
    needs!("redis-server", "redis-cli");
    is_skipped(
        &["SET", "192.0.2.1", "IP DENIED"],
        "is no hash (PyFilter 1 wrote such keys)",
    );
    is_skipped(
        &["HSET", "192.0.2.1", "Lon", "1"],
        "has no field banned_server (PyFilter 2.0",
    );
    is_skipped(
        &["HSET", "192.0.2.1", "banned_server", "Lon"],
        "has no field of its banned_server",
    );
    is_skipped(&["RPUSH", "192.0.2.1", "Lon"], "is no hash");
    is_skipped(&["XADD", "192.0.2.1", "*", "a", "b"], "is no hash");
}

#[test]
fn a_reason_of_ten_megabytes() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.cli(&[
        "HSET",
        "192.0.2.1",
        "Lon",
        "2018-03-22 14:18:18",
        "banned_server",
        "Lon",
    ]);
    last_word(
        &redis,
        &["-x", "HSET", "192.0.2.1", "reason"],
        &vec![b'x'; 10 << 20],
    );
    let server = redis.server("web1").within(200);
    server
        .scan()
        .exits(1)
        .warns("has a field reason of 10485760 bytes");
}

#[test]
fn hostile_events() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    server.scan().exits(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = now.as_secs().to_string();
    let event = |number: &str, ip: &str, time: &str| {
        redis.cli(&[
            "XADD",
            "pyfilter:events",
            "*",
            "event",
            "ban",
            "store",
            "evil",
            "number",
            number,
            "ip",
            ip,
            "time",
            time,
            "server",
            "evil",
            "text",
            "2018-03-22 14:18:18",
            "reason",
            "\x1b]52;c;AAAA\x07",
        ]);
    };
    event("1", "::/0", &now);
    event("2", "127.0.0.1", &now);
    event("3", "192.0.2.1", "99999999999");
    event("4", "192.0.2.1", "soon");
    redis.cli(&["XADD", "pyfilter:events", "*", "event", "unban"]);
    redis.cli(&["XADD", "pyfilter:events", "*", "evil", "\x1b[2J"]);
    event("5", ATTACKER, &now);
    let document = server.run(["scan", "--json"]).exits(1).json();
    let said = errors(&document);
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(said[5].contains("it is taken as of now"), "{said:?}");
    assert_eq!(server.banned(), ["192.0.2.1", ATTACKER]);
    let list = server.run(["explain", ATTACKER]).exits(0).stdout();
    assert!(!list.contains('\x1b') && !list.contains('\x07'), "{list}");
    server.scan().exits(0).prints("");
}

#[test]
fn events_with_a_reason_that_is_too_long() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").within(200);
    server.scan().exits(0);
    let lengths = [5000, 10 << 20];
    for (number, length) in lengths.into_iter().enumerate() {
        let number = (number + 1).to_string();
        let mut add = vec!["-x", "XADD", "pyfilter:events", "*", "event", "ban"];
        add.extend(["store", "evil", "number", &number, "ip", "192.0.2.1"]);
        add.extend(["time", "1774189000", "server", "evil"]);
        add.extend(["text", "2026-03-22 14:16:40", "reason"]);
        last_word(&redis, &add, &vec![b'x'; length]);
    }
    redis.attacked("web2").scan().exits(0);
    let said = errors(&server.run(["scan", "--json"]).exits(1).json());
    assert_eq!(said.len(), lengths.len(), "{said:?}");
    for (said, length) in said.iter().zip(lengths) {
        let why = format!(" has a field reason of {length} bytes; it is skipped");
        assert!(said.ends_with(&why), "{said}");
    }
    assert_eq!(server.banned(), [ATTACKER]);
    server.scan().exits(0).prints("");
}

/// What was reported, and whom one has heard of, is remembered for a year.
#[test]
fn what_is_remembered_of_strangers_is_forgotten_after_a_year() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    let damage = |key: &str| redis.cli(&["SET", key, "IP DENIED"]);
    let store = || rusqlite::Connection::open(server.state("PyFilter.db")).unwrap();
    let counted = |table: &str| -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        store().query_row(&count, [], |row| row.get(0)).unwrap()
    };
    server.scan().exits(0);
    redis.attacked("web2").scan().exits(0);
    damage("192.0.2.1");
    server.scan().exits(1).warns("hash 192.0.2.1 ");
    assert_eq!((counted("odd"), counted("heard")), (1, 1));
    let age = "UPDATE odd SET at = at - 370 * 86400; UPDATE heard SET at = at - 370 * 86400";
    store().execute_batch(age).unwrap();
    damage("192.0.2.2");
    redis.server("web3").run(["ban", "198.51.100.7"]).exits(1);
    let said = server.scan().exits(1).stderr();
    assert!(
        said.contains("hash 192.0.2.2 ") && !said.contains("hash 192.0.2.1 "),
        "{said}"
    );
    assert_eq!((counted("odd"), counted("heard")), (1, 1));
    server.scan().exits(1).warns("hash 192.0.2.1 ");
}

/// Ends that no calendar has, and numbers behind which there are none.
#[test]
fn numbers_that_can_not_be() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    server.scan().exits(0);
    let store = rusqlite::Connection::open(server.state("PyFilter.db")).unwrap();
    let id = "SELECT value FROM meta WHERE key = 'stream_id'";
    let id: String = store.query_row(id, [], |row| row.get(0)).unwrap();
    drop(store);
    let last = i64::MAX.to_string();
    let event = |store: &str, number: &str, ends: &str| {
        let mut add = vec!["XADD", "pyfilter:events", "*", "event", "ban"];
        add.extend(["store", store, "number", number, "ip", "192.0.2.1"]);
        add.extend(["time", "1774189000", "server", "evil", "ends", ends]);
        add.extend(["text", "2026-03-22 14:16:40", "reason", "x"]);
        redis.cli(&add);
    };
    for number in [&last, "-1", "4611686018427387904"] {
        event(&id, number, "2999999999");
    }
    event("evil", "1", &last);
    let time = "2018-03-22 14:18:18";
    redis.cli(&[
        "HSET",
        "198.51.100.8",
        "evil",
        time,
        "banned_server",
        "evil",
    ]);
    redis.cli(&["PEXPIREAT", "198.51.100.8", "9223372036854775000"]);
    let said = errors(&server.run(["scan", "--json"]).exits(1).json());
    let told = |why: &str| said.iter().filter(|said| said.contains(why)).count();
    assert_eq!(told("has a number that no server gives"), 2, "{said:?}");
    assert_eq!(told("has an end far in the future"), 2, "{said:?}");
    // Somebody else's, so it counts as theirs.
    assert_eq!(told("4611686018427387904, which it never gave"), 1);
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(server.banned(), ["192.0.2.1"]);
    redis.cli(&["DEL", "198.51.100.8"]);
    // Its own numbers go on.
    let other = redis.server("web2");
    other.scan().exits(0);
    server.scan().exits(0);
    for address in [ATTACKER, "198.51.100.7"] {
        server.run(["ban", address]).exits(0);
        other.scan().exits(0).bans([address]);
    }
}

/// Nobody fills a server's disk by what it remembers of them.
#[test]
fn what_is_remembered_of_strangers_is_bounded() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/sync_bans/check_time", 0);
    server.scan().exits(0);
    let store = || rusqlite::Connection::open(server.state("PyFilter.db")).unwrap();
    let (entries, stores) = (1 << 20, 10_000);
    // Each a second older than the one before.
    let numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n <";
    let now = "unixepoch() - n % 10000000";
    let fill = format!(
        "BEGIN; {numbers} {entries}) INSERT INTO odd SELECT n, {now} FROM n;
        {numbers} {stores}) INSERT INTO heard SELECT 'store ' || n, n, {now} FROM n; COMMIT"
    );
    store().execute_batch(&fill).unwrap();
    redis.attacked("web2").scan().exits(0);
    redis.cli(&["SET", "192.0.2.1", "IP DENIED"]);
    server.scan().exits(1).warns("hash 192.0.2.1 ");
    let counted = |what: &str| -> i64 {
        let count = format!("SELECT count(*) FROM {what}");
        store().query_row(&count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((counted("odd"), counted("heard")), (entries, stores));
    // The oldest made room.
    assert_eq!(counted(&format!("odd WHERE hash = {entries}")), 0);
    assert_eq!(counted(&format!("heard WHERE store = 'store {stores}'")), 0);
    server.scan().exits(0).prints("");
}

/// What a reply may come to is bounded for all of it, too.
#[test]
fn an_event_of_very_many_fields() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").within(250);
    server.scan().exits(0);
    let pairs = 17_000;
    let mut event = format!("*{}\r\n", 3 + 2 * pairs);
    for word in ["XADD", "pyfilter:events", "*"] {
        let _ = write!(event, "${}\r\n{word}\r\n", word.len());
    }
    event += &"$1\r\na\r\n$1\r\nb\r\n".repeat(pairs);
    pipe(&redis, &event.repeat(3));
    redis.attacked("web2").scan().exits(0);
    pipe(&redis, &event);
    // As many at once as there is time for.
    let mut said = Vec::new();
    while said.len() < 4 {
        let more = errors(&server.run(["scan", "--json"]).exits(1).json());
        assert!(!more.is_empty(), "{said:?}");
        said.extend(more);
    }
    let skipped = |said: &String| said.contains(" is too long; it is skipped");
    assert!(said.len() == 4 && said.iter().all(skipped), "{said:?}");
    assert_eq!(server.banned(), [ATTACKER]);
    server.scan().exits(0).prints("");
}

/// Commands, by one redis-cli.
fn pipe(redis: &Redis, commands: &str) {
    last_word(redis, &["--pipe"], commands.as_bytes());
}

/// A redis-cli that is given so much on its standard input; with `-x` as the
/// last word of its command.
fn last_word(redis: &Redis, words: &[&str], given: &[u8]) {
    let mut client = redis.command(words);
    let client = client.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut client = client.spawn().unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(given).unwrap();
    drop(stdin);
    assert!(client.wait().unwrap().success());
}

/// `count` hashes, by one redis-cli.
fn fill(redis: &Redis, count: u32, hash: impl Fn(u32) -> String) {
    let mut lines = String::new();
    for n in 0..count {
        let _ = writeln!(lines, "{}", hash(n));
    }
    pipe(redis, &lines);
}

#[test]
fn very_many_entries_at_once() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    fill(&redis, 150_000, |n| {
        let [a, b, c, d] = (0x0b00_0000 + n).to_be_bytes();
        format!("HSET {a}.{b}.{c}.{d} evil 1")
    });
    let server = redis.server("web1").within(250);
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 60, "it comes to an end");
        let document = server.run(["scan", "--json"]).json();
        let said = errors(&document);
        // Five by name, how many more, and perhaps that time was over.
        assert!(said.len() <= 7, "{said:?}");
        if said.is_empty() {
            break;
        }
    }
    assert_eq!(server.banned(), [""; 0]);
}

/// The administrator of another server does not know which addresses this one ignores.
#[test]
fn a_ban_of_an_address_that_is_ignored_here_alone_is_a_note_and_no_problem() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.attacked("web1").scan().exits(0).bans([ATTACKER]);
    let ignores = redis
        .server("web2")
        .set("/settings/ignored_ips", serde_json::json!([ATTACKER]));
    let ran = ignores.run(["scan", "--json"]).succeeds();
    let ran = ran.warns("is in ignored_ips, so it is never banned; it is skipped");
    assert_eq!(ran.json()["errors"], serde_json::json!([]));
    assert_eq!(ran.json()["bans"], serde_json::json!([]));
    ignores.scan().exits(0).prints("");
    // The hashes are looked through again, and it is not told again.
    ignores
        .set("/redis/sync_bans/check_time", 1)
        .scan()
        .exits(0);
}
