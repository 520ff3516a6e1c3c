//! A server that begins to share its bans tells the others those it has.

use super::{ATTACKER, Redis};
use crate::kit::{Sandbox, needs};

const OTHER: &str = "198.51.100.7";

/// A server without Redis, with a ban of its own and one that has ended.
fn alone(redis: &Redis) -> Sandbox {
    let server = redis.attacked("alone").set("/settings/database", "sqlite");
    server.scan().exits(0).bans([ATTACKER]);
    server.run(["ban", OTHER]).exits(0);
    server.run(["unban", OTHER]).exits(0);
    server
}

#[test]
fn who_begins_to_share_tells_what_is_banned_there_once() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let other = redis.server("other");
    other.scan().exits(0);
    let server = alone(&redis).set("/settings/database", "redis");
    server.scan().exits(0).prints("");
    let line = "2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: alone.\n";
    other.scan().exits(0).prints(line);
    let events = || redis.cli(&["XLEN", "pyfilter:events"]);
    assert_eq!(events(), "1");
    server.scan().exits(0);
    // Not again when it is switched off and on, but what is new by then.
    let off = server.set("/settings/database", "sqlite");
    off.scan().exits(0);
    off.run(["ban", OTHER]).exits(0);
    let on = off.set("/settings/database", "redis");
    for _ in 0..2 {
        on.scan().exits(0).prints("");
        assert_eq!(events(), "2");
    }
    other.scan().exits(0).bans([OTHER]);
}

#[test]
fn what_was_taken_over_or_stands_there_is_not_told_by_who_begins_to_share() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let other = redis.attacked("other");
    other.scan().exits(0);
    other.run(["ban", "198.51.100.8"]).exits(0);
    let server = alone(&redis).set("/settings/database", "redis");
    server.scan().exits(0).bans(["198.51.100.8"]);
    let off = server.set("/settings/database", "sqlite");
    off.scan().exits(0);
    off.set("/settings/database", "redis").scan().exits(0);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "2");
    assert_eq!(redis.cli(&["HGET", ATTACKER, "banned_server"]), "other");
}

#[test]
fn what_others_have_unbanned_since_is_lifted_at_who_begins_to_share() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = alone(&redis);
    let other = redis.attacked("other");
    other.scan().exits(0);
    other.run(["unban", ATTACKER]).exits(0);
    let on = server.set("/settings/database", "redis");
    on.scan()
        .exits(0)
        .says("Un-banned IP: 203.0.113.9, by another server.");
    assert_eq!(on.banned(), [""; 0]);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "2");
    other.scan().exits(0).prints("");
}

#[test]
fn who_only_writes_tells_what_is_banned_there() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let other = redis.server("other");
    other.scan().exits(0);
    let server = alone(&redis).set("/settings/database", "redis");
    let quiet = server.set("/redis/sync_bans/active", false);
    quiet.scan().exits(0);
    other.scan().exits(0).bans([ATTACKER]);
}
