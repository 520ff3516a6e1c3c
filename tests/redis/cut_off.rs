//! A Redis that is gone, or slow, in the middle of a run.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use super::{ATTACKER, Redis};
use crate::kit::{Sandbox, failures, needs};

/// A run that bans the attacker and is held where it sends the ban, until
/// something has `happened`. It ends with one line of Redis.
fn is_cut_off(redis: &mut Redis, happens: impl FnOnce(&mut Redis, &str)) -> Sandbox {
    let server = redis.server("web1");
    server.scan().exits(0);
    server.append("auth.log", failures(ATTACKER, 5));
    redis.cli(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let mut run = server.command(["scan"]);
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let held = redis.connection("web1", " cmd=hset ");
    happens(redis, &held);
    let ran = run.unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("closed the connection in the middle of an answer"),
        "{said}"
    );
    assert_eq!(server.banned(), [ATTACKER]);
    server
}

/// The next run sends what that one could not, once.
fn is_sent_once(redis: &Redis, server: &Sandbox) {
    for _ in 0..2 {
        server.scan().exits(0).prints("");
        assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "1");
        assert_eq!(redis.cli(&["HGET", ATTACKER, "banned_server"]), "web1");
    }
}

#[test]
fn redis_is_killed_and_restarted_in_the_middle_of_a_run() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::new();
    let server = is_cut_off(&mut redis, |redis, _| {
        redis.stop();
        redis.again();
    });
    is_sent_once(&redis, &server);
}

#[test]
fn the_connection_is_killed_in_the_middle_of_a_run() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::new();
    let server = is_cut_off(&mut redis, |redis, held| {
        let id = held.split(' ').find_map(|word| word.strip_prefix("id="));
        redis.cli(&["CLIENT", "KILL", "ID", id.unwrap()]);
    });
    redis.cli(&["CLIENT", "UNPAUSE"]);
    is_sent_once(&redis, &server);
}

/// Hands on what both sides say, but of Redis' answers only `bytes`; then it
/// says nothing more.
fn gives(socket: PathBuf, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let redis = UnixStream::connect(socket).unwrap();
        let (mut asks, mut asked) = (client.try_clone().unwrap(), redis.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
        hand_on(redis, client, bytes);
    });
    port
}

fn hand_on(mut from: UnixStream, mut to: TcpStream, mut left: usize) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let count = count.min(left);
        left -= count;
        let _ = to.write_all(&buffer[..count]);
    }
}

/// So many bans of PyFilter 2.
fn fill(redis: &Redis, count: usize) {
    let hashes = "for n = 1, ARGV[1] do \
        local ip = '198.18.' .. math.floor(n / 250) .. '.' .. (n % 250 + 1) \
        redis.call('HSET', ip, 'Lon', '2018-03-22 14:18:18', 'banned_server', 'Lon') end";
    redis.cli(&["EVAL", hashes, "0", &count.to_string()]);
}

#[test]
fn who_begins_to_share_and_is_cut_off_tells_that_its_ban_is_for_longer() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let other = redis.server("other");
    other.run(["ban", "--for", "1h", ATTACKER]).exits(0);
    fill(&redis, 6000);
    let alone = redis.attacked("alone").set("/settings/database", "sqlite");
    alone.scan().exits(0).bans([ATTACKER]);
    let server = alone.set("/settings/database", "redis");
    let server = server.set("/redis/host", "127.0.0.1");
    let server = server.set("/redis/port", gives(redis.socket(), 200_000));
    server.scan().exits(1).warns("did not answer within 2 s");
    let server = server.set("/redis/host", redis.socket().to_str().unwrap());
    for _ in 0..60 {
        server.scan().exits(0);
        if redis.cli(&["TTL", ATTACKER]) == "-1" {
            break;
        }
    }
    assert_eq!(redis.cli(&["TTL", ATTACKER]), "-1");
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "2");
    other.scan().exits(0);
    let listed = other.run(["list", "--json"]).exits(0).json();
    let bans = listed["bans"].as_array().unwrap().iter();
    let mut ends = bans.filter(|ban| ban["ip"] == ATTACKER);
    assert!(ends.any(|ban| ban["expires"].is_null()), "{listed}");
}

#[test]
fn a_look_that_is_cut_off_goes_on_where_it_was() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let count = 6000;
    fill(&redis, count);
    let server = redis.server("web1").set("/redis/host", "127.0.0.1");
    let server = server.set("/redis/port", gives(redis.socket(), 200_000));
    server.scan().exits(1).warns("did not answer within 2 s");
    let begun = server.banned().len();
    assert!((1..count).contains(&begun), "{begun}");
    let server = server.set("/redis/host", redis.socket().to_str().unwrap());
    let mut runs = 0;
    let commands = redis.monitored(|| {
        while server.banned().len() < count {
            runs += 1;
            assert!(runs < 60, "it comes to an end");
            server.scan().exits(0);
        }
    });
    let mut scans = commands.iter().filter(|line| line.starts_with("\"SCAN\""));
    assert!(
        scans.all(|scan| !scan.contains("\"SCAN\" \"0\"")),
        "{commands:?}"
    );
}

#[test]
fn a_stream_that_is_cut_off_is_read_on() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let [first, second] = ["one", "two"].map(|name| redis.server(name));
    second.scan().exits(0);
    let addresses: Vec<String> = (0..3000)
        .map(|n| format!("198.18.{}.{}", n / 250, n % 250 + 1))
        .collect();
    first
        .run(
            ["ban"]
                .into_iter()
                .chain(addresses.iter().map(String::as_str)),
        )
        .exits(0);
    while redis.cli(&["XLEN", "pyfilter:events"]) != "3000" {
        first.scan().exits(0);
    }
    let slow = second.set("/redis/host", "127.0.0.1");
    let slow = slow.set("/redis/port", gives(redis.socket(), 500_000));
    slow.scan().exits(1).warns("did not answer within 2 s");
    let begun = slow.banned().len();
    assert!((1000..3000).contains(&begun), "{begun}");
    let second = slow.set("/redis/host", redis.socket().to_str().unwrap());
    second.scan().exits(0);
    assert_eq!(second.banned().len(), 3000);
}
