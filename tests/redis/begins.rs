//! A server that begins to share its bans tells the others those it has.

use super::{ATTACKER, Redis};
use crate::kit::{Sandbox, needs, repeated};

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

/// Anybody can ban anybody through such a log: not on other servers, too.
#[test]
fn bans_of_a_rule_whose_senders_can_be_forged_stay_here_unless_they_are_trusted() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let line = "Mar 22 00:00:{s} host scanlogd: 203.0.113.9:40022 to 192.0.2.1 ports 80, 81, ..., fSrpauxy, TOS 00 @00:00:00";
    let server = redis.server("here").log("syslog", repeated(line, 5));
    let path = server.path("syslog");
    let server = server.set(
        "/settings/rules",
        serde_json::json!({ "scanlogd": { "log_files": path } }),
    );
    server.scan().exits(0).bans([ATTACKER]);
    let events = || redis.cli(&["XLEN", "pyfilter:events"]);
    assert_eq!(events(), "0");
    server
        .run(["check"])
        .says("its bans are neither aggregated nor shared with the other servers");
    // Nor when sharing begins anew.
    let off = server.set("/settings/database", "sqlite");
    off.scan().exits(0);
    let on = off.set("/settings/database", "redis");
    on.scan().exits(0);
    assert_eq!(
        (events(), on.banned()),
        ("0".to_owned(), vec![ATTACKER.to_owned()])
    );

    let trusting = on.set("/settings/rules/scanlogd/trust_sender", true);
    let off = trusting.set("/settings/database", "sqlite");
    off.scan().exits(0);
    off.set("/settings/database", "redis").scan().exits(0);
    assert_eq!(events(), "1");
}
