//! What is written, and that a run with nothing new is cheap.

use super::{ATTACKER, Redis};
use crate::kit::{golden, needs};

/// The value of a network in force, likewise: it is JSON, escaped by MONITOR.
fn pinned_value(value: &str) -> String {
    let mut text = value.to_owned();
    for name in ["store", "text", "time"] {
        let begins = format!(r#"\"{name}\":\""#);
        let Some(at) = text.find(&begins).map(|at| at + begins.len()) else {
            continue;
        };
        let end = text[at..].find('\\').map_or(text.len(), |end| at + end);
        text.replace_range(at..end, "…");
    }
    text
}

/// The commands with the store's id and the time of day taken out.
fn pinned(commands: &[String]) -> String {
    let mut text = String::new();
    for command in commands {
        let mut words: Vec<String> = command.split("\" \"").map(str::to_owned).collect();
        for at in 1..words.len() {
            let is_unban = command.contains("\"unban\"");
            let is_network = command.contains("pyfilter:networks");
            let is_value = words[at - 2.min(at)] == "pyfilter:networks:held";
            if words[at - 1] == "store" || words[at - 1] == "text" && is_network {
                let is_last = words[at].ends_with('"');
                if is_last { "…\"" } else { "…" }.clone_into(&mut words[at]);
            }
            if (is_unban || is_network) && words[at - 1] == "time" {
                "…".clone_into(&mut words[at]);
            }
            if is_value {
                words[at] = pinned_value(&words[at]);
            }
            if words[at - 1] == "pyfilter:servers" || words[at - 1] == "STREAMS" {
                words.truncate(at);
                break;
            }
        }
        text += &words.join("\" \"");
        text.push('\n');
    }
    text
}

#[test]
fn a_ban_and_an_unban_are_the_bytes_of_pyfilter_2_and_an_event() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.attacked("web 2");
    let commands = redis.monitored(|| {
        server.scan().exits(0).bans([ATTACKER]);
        server
            .run(["ban", "--for", "5200w", "2001:db8::9"])
            .exits(0);
        server.run(["unban", ATTACKER]).exits(0);
        server.run(["ban", "198.51.100.0/24"]).exits(0);
        server.run(["unban", "198.51.100.0/24"]).exits(0);
    });
    let writes: Vec<String> = commands
        .into_iter()
        .filter(|line| !line.contains("2001:db8::9"))
        .collect();
    golden("redis.txt", &pinned(&writes));
    let ttl: i64 = redis.cli(&["TTL", "2001:db8::9"]).parse().unwrap();
    assert!((3_144_000_000..=3_144_960_000).contains(&ttl), "{ttl}");
}

#[test]
fn what_admin_reads_is_there() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.attacked("web 2").scan().exits(0);
    let entry = redis.cli(&["LRANGE", "latest_10_keys", "0", "9"]);
    assert_eq!(entry, "203.0.113.9 web 2");
    let server = redis.cli(&["HGET", ATTACKER, "banned_server"]);
    let at = redis.cli(&["HGET", ATTACKER, &server]);
    assert_eq!((&*server, &*at), ("web 2", "2026-03-22 00:00:04"));
    let reason = redis.cli(&["HGET", ATTACKER, "reason"]);
    assert!(reason.ends_with("Acquired 5 bad connections via ssh."));
    assert_eq!(redis.cli(&["TTL", ATTACKER]), "-1");
}

#[test]
fn a_run_with_nothing_new_is_a_handful_of_commands() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    redis.attacked("web2").scan().exits(0);
    server.scan().exits(0);
    let commands = redis.monitored(|| drop(server.scan().exits(0).prints("")));
    assert!(commands.len() <= 8, "{commands:?}");
    for word in ["SCAN", "KEYS", "HGET", "MULTI", "HSET"] {
        let quoted = format!("\"{word}\"");
        assert!(
            !commands.iter().any(|line| line.contains(&quoted)),
            "{commands:?}"
        );
    }
    let server = server.set("/redis/sync_bans/check_time", 0);
    let commands = redis.monitored(|| drop(server.scan().exits(0)));
    assert!(commands.iter().any(|line| line.contains("\"SCAN\"")));
    assert!(
        !commands.iter().any(|line| line.contains("\"HMGET\"")),
        "only what is unknown is fetched: {commands:?}"
    );
}

#[test]
fn a_server_that_takes_over_writes_nothing() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1");
    server.scan().exits(0);
    redis.attacked("web2").scan().exits(0);
    let before = redis.cli(&["HGETALL", ATTACKER]);
    let commands = redis.monitored(|| drop(server.scan().exits(0).bans([ATTACKER])));
    assert!(commands.len() <= 8, "{commands:?}");
    assert_eq!(redis.cli(&["HGETALL", ATTACKER]), before);
}

#[test]
fn the_stream_is_trimmed_at_the_configured_length() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.server("web1").set("/redis/stream_length", 1000);
    let addresses: Vec<String> = (0..2500)
        .map(|n| format!("198.18.{}.{}", n / 250, n % 250 + 1))
        .collect();
    let words = ["ban"]
        .into_iter()
        .chain(addresses.iter().map(String::as_str));
    server.run(words).exits(0);
    let length: u32 = redis.cli(&["XLEN", "pyfilter:events"]).parse().unwrap();
    assert!((1000..1300).contains(&length), "{length}");
}
