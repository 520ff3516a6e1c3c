//! Three servers in three network namespaces, and one Redis.

use super::Redis;
use crate::kit::{Sandbox, failures};
use crate::netns::{PATH, Pair, Programs, Variant};

const ATTACKER: &str = "203.0.113.13";

fn server(redis: &Redis, programs: &Programs<'_>, name: &str) -> Sandbox {
    redis
        .server(name)
        .behind(&["ip", "netns", "exec", programs.namespace()])
        .env("PATH", PATH)
        .set(
            "/settings/firewall",
            serde_json::json!({ "programs": programs.directory() }),
        )
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_ban_of_one_server_blocks_on_all_and_an_unban_opens_all() {
    let redis = Redis::new();
    let pairs = [Pair::new(), Pair::new(), Pair::new()];
    let programs = pairs
        .each_ref()
        .map(|pair| pair.host.programs(Variant::Nft));
    let servers: Vec<Sandbox> = programs
        .iter()
        .zip(["one", "web 2", "three"])
        .map(|(programs, name)| server(&redis, programs, name))
        .collect();
    let connect = |expected: [bool; 3], when: &str| {
        let found = pairs.each_ref().map(|pair| pair.connects(ATTACKER));
        assert_eq!(found, expected, "{when}");
    };
    for server in &servers {
        server.scan().exits(0);
    }
    connect([true; 3], "before");
    servers[0].append("auth.log", failures(ATTACKER, 5));
    servers[0].scan().exits(0).bans([ATTACKER]);
    connect([false, true, true], "before their next runs");
    for server in &servers {
        server.scan().exits(0);
    }
    connect([false; 3], "after their next runs");
    servers[2].run(["unban", ATTACKER]).exits(0);
    for server in &servers {
        server.scan().exits(0);
    }
    connect([true; 3], "after the un-ban");
}
