//! A Redis that can not be used: one clear line, exit 1, the local work done,
//! and never late.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::{ATTACKER, Redis, free_port};
use crate::kit::{Sandbox, needs};

/// Expects that a scan bans the attacker here, and says one line of Redis.
#[track_caller]
fn bans_all_the_same(server: &Sandbox, said: &str) {
    let begun = Instant::now();
    let ran = server.scan().exits(1).bans([ATTACKER]).warns(said);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let stderr = ran.stderr();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("this server's own work is done"),
        "{stderr}"
    );
    assert_eq!(server.banned(), [ATTACKER]);
}

/// Five failures, and a Redis at a port of loopback.
fn at_port(redis: &Redis, port: u16) -> Sandbox {
    redis
        .attacked("web1")
        .set("/redis/host", "127.0.0.1")
        .set("/redis/port", port)
}

/// A socket that listens and never accepts, and the connections that fill its
/// backlog: of one more the system says neither yes nor no.
struct FullBacklog {
    _listener: OwnedFd,
    _waiting: Vec<OwnedFd>,
}

impl FullBacklog {
    fn at(path: &Path) -> Self {
        let address = rustix::net::SocketAddrUnix::new(path).unwrap();
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, &address).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let client = || {
            let flags = SocketFlags::NONBLOCK;
            let client =
                rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
            let client = client.unwrap();
            rustix::net::connect(&client, &address).map(|()| client)
        };
        let waiting = std::iter::repeat_with(client).map_while(Result::ok);
        FullBacklog {
            _waiting: waiting.collect(),
            _listener: listener,
        }
    }
}

/// Ends what never ends by itself, so that a test of it fails.
fn at_most_10_s(server: Sandbox) -> Sandbox {
    server.behind(&["timeout", "--signal=KILL", "10"])
}

#[test]
fn a_socket_whose_backlog_is_full_holds_no_run() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::new();
    redis.stop();
    let full = FullBacklog::at(&redis.socket());
    let server = at_most_10_s(redis.attacked("web1"));
    bans_all_the_same(&server, "did not answer within 2 s");
    let begun = Instant::now();
    server.run(["unban", ATTACKER]).exits(1).says("Un-banned");
    assert!(begun.elapsed() < Duration::from_secs(4));
    server.run(["check"]).exits(1).says("did not answer within");
    drop(full);
    std::fs::remove_file(redis.socket()).unwrap();
    redis.again();
    server.scan().exits(0);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "1", "sent later");
}

/// The same of a port, where a connection is not even begun.
#[test]
fn a_port_whose_backlog_is_full_holds_no_run() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let loopback = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0);
    rustix::net::bind(&socket, &loopback).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let client = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let waiting: Vec<_> = std::iter::repeat_with(client)
        .map_while(Result::ok)
        .collect();
    assert!(!waiting.is_empty());
    let server = at_most_10_s(at_port(&redis, address.port()));
    bans_all_the_same(&server, "did not answer within 2 s");
}

/// Whoever answers the greeting of TLS as slowly as can be.
#[test]
fn a_handshake_that_never_ends_holds_no_run() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    certificates(&redis);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "rediss://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The head of a record of the handshake that is as long as can be.
        for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
            .iter()
            .chain(std::iter::repeat(&3))
        {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
        }
    });
    let ca = redis.path("ca.pem").to_str().unwrap().to_owned();
    let server = redis.attacked("web1").set("/redis/tls_ca", ca);
    let server = at_most_10_s(server.set("/redis/host", url));
    bans_all_the_same(&server, "no answer to the greeting");
}

/// Answers the first connection with these bytes, after it was asked something.
fn answers(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[test]
fn redis_is_down() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::new();
    redis.stop();
    bans_all_the_same(&redis.attacked("web1"), "can not be reached: No such file");
    let server = at_port(&redis, free_port());
    bans_all_the_same(&server, "can not be reached: Connection refused");
}

#[test]
fn redis_hangs() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.attacked("web1");
    redis.signal("-STOP");
    bans_all_the_same(&server, "did not answer within 2 s");
    redis.signal("-CONT");
    server.scan().exits(0);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER]), "1", "sent later");
}

#[test]
fn redis_sleeps() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::with(&["--enable-debug-command", "yes"]);
    let server = redis.attacked("web1");
    let mut client = UnixStream::connect(redis.socket()).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    client.read_exact(&mut [0; 7]).unwrap();
    // It reads this before it takes another connection.
    client.write_all(b"DEBUG SLEEP 600\r\n").unwrap();
    bans_all_the_same(&server, "did not answer within 2 s");
    redis.stop();
    redis.again();
    server.scan().exits(0);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER]), "1", "sent later");
}

#[test]
fn redis_answers_byte_by_byte() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = at_port(&redis, listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for byte in b"$100\r\n".iter().chain(std::iter::repeat(&b'x')) {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
        }
    });
    bans_all_the_same(&server, "did not answer within 2 s");
}

#[test]
fn redis_is_full() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::with(&["--maxmemory", "1"]);
    bans_all_the_same(&redis.attacked("web1"), "is full (maxmemory)");
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let server = redis.attacked("web2");
    server.scan().exits(0);
}

#[test]
fn redis_is_a_replica() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.cli(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    redis.cli(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    bans_all_the_same(&redis.attacked("web1"), "is a read-only replica");
}

#[test]
fn redis_is_loading() {
    needs!("redis-server", "redis-cli");
    let mut redis = Redis::with(&["--rdbcompression", "no"]);
    let keys = "for n = 1, 20000 do redis.call('SET', n, string.rep('x', 1100)) end";
    redis.cli(&["EVAL", keys, "0"]);
    redis.cli(&["SAVE"]);
    redis.stop();
    // A hundredth of a second for each key, and it answers after every one: it
    // loads for minutes, far longer than the busiest machine needs for a run.
    let slowly = ["--key-load-delay", "10000"];
    let answers = ["--loading-process-events-interval-bytes", "1024"];
    redis.again_with(&[slowly, answers].concat());
    let server = redis.attacked("web1");
    let first = server.scan().exits(1).bans([ATTACKER]).stderr();
    // Where others keep the machine from answering in time, a later run is told.
    let later = std::iter::repeat_with(|| server.scan().exits(1).stderr());
    let mut said = std::iter::once(first).chain(later).take(20);
    let said = said.find(|said| said.contains("is still loading its data"));
    let said = said.expect("none of twenty runs was told");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(server.banned(), [ATTACKER]);
    redis.stop();
    redis.again();
    while redis.cli(&["PING"]).contains("LOADING") {}
    server.scan().exits(0);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER]), "1", "sent later");
}

#[test]
fn redis_refuses() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    for (answer, said) in [
        (
            &b"-DENIED Redis is running in protected mode\r\n"[..],
            "is running in protected mode; it serves its own host alone while no password is set there",
        ),
        (
            b"-ERR max number of clients \x1b[2Jreached\r\n",
            "max number of clients \\x1b[2Jreached",
        ),
    ] {
        let server = at_port(&redis, answers(answer));
        bans_all_the_same(&server, said);
    }
}

#[test]
fn redis_wants_another_password() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::with(&["--requirepass", "right"]);
    let attacked = || redis.attacked("web1");
    bans_all_the_same(&attacked(), "wants a password");
    let wrong = attacked().set("/redis/password", "hunter2");
    bans_all_the_same(&wrong, "wrong user name or password");
    assert!(!wrong.scan().stderr().contains("hunter2"));
    attacked().set("/redis/password", "right").scan().exits(0);
    let open = Redis::new();
    let needless = open.attacked("web1").set("/redis/password", "hunter2");
    bans_all_the_same(&needless, "redis.password is set, and Redis has none");
}

#[test]
fn redis_gives_the_user_too_few_rights() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.cli(&[
        "ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@read", "+select",
    ]);
    redis.cli(&[
        "ACL",
        "SETUSER",
        "server",
        "on",
        ">secret",
        "~*",
        "&*",
        "+@all",
        "-@admin",
        "-@dangerous",
        "+info",
    ]);
    let user = |name: &str| {
        redis
            .attacked("web1")
            .set("/redis/username", name)
            .set("/redis/password", "secret")
    };
    let reader = user("reader");
    bans_all_the_same(&reader, "the user may not do this: NOPERM");
    reader
        .run(["check"])
        .exits(1)
        .says("the user may not do this");
    let server = user("server");
    server.scan().exits(0);
    server
        .run(["check"])
        .succeeds()
        .says("Redis at")
        .says("version ");
}

#[test]
fn redis_has_no_such_database() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.attacked("web1").set("/redis/database", 99);
    bans_all_the_same(&server, "has no database 99; see redis.database");
    redis
        .attacked("web1")
        .set("/redis/database", 3)
        .scan()
        .exits(0);
    assert_eq!(redis.cli(&["-n", "3", "EXISTS", ATTACKER]), "1");
}

#[test]
fn something_else_listens_there() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
    ] {
        let server = at_port(&redis, answers(bytes));
        bans_all_the_same(&server, "what answers there is not Redis");
    }
}

#[test]
fn redis_closes_in_the_middle_of_an_answer() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    for bytes in [
        &b""[..],
        b"+OK\r\n*1\r\n*2\r\n$3\r\n1-",
        b"$999999999\r\nabc",
    ] {
        let server = at_port(&redis, answers(bytes));
        bans_all_the_same(&server, "closed the connection in the middle of an answer");
    }
}

#[test]
fn a_key_of_ours_is_of_another_type() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    redis.cli(&["SET", "pyfilter:events", "mine"]);
    bans_all_the_same(
        &redis.attacked("web1"),
        "a key that pyfilter uses there is of another type",
    );
}

#[test]
fn the_host_has_no_such_name() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis
        .attacked("web1")
        .set("/redis/host", "no.such.host.invalid");
    let ran = server.scan().exits(1).bans([ATTACKER]);
    let said = ran.stderr();
    assert!(
        said.contains("can not be looked up") || said.contains("did not answer"),
        "{said}"
    );
}

/// A certificate authority, and a key that it signed for `localhost`.
fn certificates(redis: &Redis) {
    let script = "set -e; umask 022
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out request.pem
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out certificate.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem";
    let mut sh = Command::new("sh");
    let ran = sh.args(["-c", script]).current_dir(redis.path(""));
    let ran = ran.output().unwrap();
    assert!(
        ran.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn the_connection_is_encrypted_and_nobody_is_taken_for_redis() {
    needs!("redis-server", "redis-cli", "openssl");
    let redis = Redis::new();
    certificates(&redis);
    let port = free_port();
    let set = |name: &str, value: &str| redis.cli(&["CONFIG", "SET", name, value]);
    let path = |name: &str| redis.path(name).to_str().unwrap().to_owned();
    redis.cli(&[
        "CONFIG",
        "SET",
        "tls-cert-file",
        &path("certificate.pem"),
        "tls-key-file",
        &path("key.pem"),
        "tls-ca-cert-file",
        &path("ca.pem"),
        "tls-auth-clients",
        "no",
    ]);
    set("tls-port", &port.to_string());
    let tls = |host: &str, ca: &str| {
        let server = redis.attacked("web1").set("/redis/tls_ca", path(ca));
        server.set("/redis/host", host)
    };
    let url = format!("rediss://localhost:{port}");
    tls(&url, "ca.pem").scan().exits(0);
    assert_eq!(redis.cli(&["EXISTS", ATTACKER]), "1");
    bans_all_the_same(&tls(&url, "other.pem"), "the encrypted connection failed");
    bans_all_the_same(&tls(&url, "nothing.pem"), "nothing.pem can not be used");
    let wrong_name = format!("rediss://127.0.0.2:{port}");
    bans_all_the_same(
        &tls(&wrong_name, "ca.pem"),
        "the encrypted connection failed: invalid peer certificate",
    );
    // Not encrypted to an encrypted port, and the other way round.
    let plain = tls("127.0.0.1", "ca.pem").set("/redis/port", port);
    let said = plain.scan().exits(1).stderr();
    assert!(
        said.contains("not Redis") || said.contains("closed"),
        "{said}"
    );
    set("port", &free_port().to_string());
    let unencrypted = redis.cli(&["CONFIG", "GET", "port"]);
    let unencrypted = unencrypted.lines().last().unwrap();
    let url = format!("rediss://127.0.0.1:{unencrypted}");
    bans_all_the_same(&tls(&url, "ca.pem"), "the encrypted connection failed");
}

#[test]
fn redis_takes_no_writes_for_a_while() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let server = redis.attacked("web1");
    let mut client = redis.command(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    assert!(client.output().unwrap().status.success());
    bans_all_the_same(&server, "did not answer within 2 s");
    redis.cli(&["CLIENT", "UNPAUSE"]);
    server.scan().exits(0);
    assert_eq!(redis.cli(&["XLEN", "pyfilter:events"]), "1");
}
