//! Three servers in three network namespaces, and one Redis; a Redis that refuses
//! other hosts.

use super::Redis;
use crate::kit::{Sandbox, failures};
use crate::netns::{Netns, PATH, Pair, Programs, Variant};

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

/// Redis says why and closes; what it said is lost where the greeting meets the
/// closed connection, which is so now and then. So it is tried many times.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_redis_that_refuses_other_hosts_says_why() {
    let netns = Netns::new();
    netns.exec("ip addr add 192.0.2.1/32 dev lo");
    let settings = ["--port", "6379", "--bind", "0.0.0.0", "--maxclients", "4"];
    let redis = Redis::within(netns.name(), &settings);
    let server = || {
        redis
            .attacked("web1")
            .behind(&["ip", "netns", "exec", netns.name()])
            .env("PATH", PATH)
            .set("/redis/host", "192.0.2.1")
    };
    let told = "pyfilter: Redis at 192.0.2.1:6379: is running in protected mode because";
    let cure = "set one (`requirepass`, or a user of its ACL) and write it into redis.password";
    for _ in 0..20 {
        let server = server();
        let ran = server.scan().exits(1).bans([super::ATTACKER]);
        ran.warns(told).warns(cure);
    }
    let web2 = server();
    let checked = web2.run(["check"]).exits(1);
    checked.says("is running in protected mode because");

    redis.cli(&["CONFIG", "SET", "protected-mode", "no"]);
    web2.scan().exits(0);
    let port = ["netns", "exec", netns.name(), "redis-cli"];
    let mut waiting: Vec<_> = (0..4)
        .map(|_| {
            let mut client = std::process::Command::new("ip");
            client.args(port).args(["SUBSCRIBE", "a"]);
            client.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for client in &mut waiting {
        let output = client.stdout.as_mut().unwrap();
        std::io::Read::read_exact(output, &mut [0; 1]).unwrap();
    }
    let web3 = server();
    let ran = web3.scan().exits(1).bans([super::ATTACKER]);
    ran.warns("Redis at 192.0.2.1:6379: refused: max number of clients reached");
    for client in &mut waiting {
        let _ = client.kill();
        let _ = client.wait();
    }
}
