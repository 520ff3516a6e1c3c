//! What is remembered has bounds that are said: however many addresses fail,
//! and of what version the store is.

use std::process::Stdio;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::kit::{Chance, Sandbox, failure, failures, fixture};

const ATTACKER: &str = "203.0.113.9";

/// A line of an attacker who has chosen the longest user name that sshd logs.
fn long(address: &str, second: u32) -> String {
    failure(address, second).replace("root", &"x".repeat(800))
}

fn v6(n: u32) -> String {
    format!("2001:db8:0:7::{:x}", n + 1)
}

fn v4(n: u32) -> String {
    std::net::Ipv4Addr::from_bits(0x0b00_0000 | n).to_string()
}

/// How many bytes the store takes.
fn size(sandbox: &Sandbox) -> u64 {
    std::fs::metadata(sandbox.state("PyFilter.db"))
        .unwrap()
        .len()
}

fn number(sandbox: &Sandbox, select: &str) -> i64 {
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    database.query_row(select, [], |row| row.get(0)).unwrap()
}

fn explained(sandbox: &Sandbox, address: &str) -> Value {
    sandbox.run(["explain", "--json", address]).exits(0).json()
}

#[test]
fn a_spray_from_one_ipv6_network_does_not_fill_the_disk() {
    let log: String = (0..30_000).map(|n| long(&v6(n), n / 10)).collect();
    let sandbox = Sandbox::new().log("auth.log", &log);
    sandbox.scan().exits(0).prints("");
    assert_eq!(number(&sandbox, "SELECT count(*) FROM open_window"), 30_000);
    assert_eq!(number(&sandbox, "SELECT open FROM rule"), 30_000);
    // Of the first ten thousand the text is kept, for which each has a page more.
    let texts = 10_000 * 4600;
    assert!(
        size(&sandbox) < texts + 30_000 * 100,
        "{} bytes",
        size(&sandbox)
    );
    // Each goes on from where it was.
    sandbox.append("auth.log", long(&v6(29_999), 2999).repeat(4));
    sandbox.scan().exits(0).bans([&v6(29_999)]);
}

#[test]
fn what_is_not_kept_of_a_line_is_read_where_it_stands() {
    let log: String = (0..10_500).map(|n| long(&v6(n), n / 10)).collect();
    let sandbox = Sandbox::new().log("auth.log", &log);
    sandbox.scan().exits(0);
    let text = |n: u32| {
        let window = &explained(&sandbox, &v6(n))["windows"][0]["failures"][0];
        (window["text"].clone(), window["line"].clone())
    };
    let line = |n: u32| json!(long(&v6(n), n / 10).trim_end());
    assert_eq!(text(0), (line(0), json!(1)));
    assert_eq!(text(10_400), (line(10_400), json!(10_401)));
    // It was rotated, and something else stands at its place.
    std::fs::rename(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
    sandbox.file("auth.log", long(&v6(77), 9999).repeat(10_500));
    sandbox.scan().exits(0);
    assert_eq!(text(10_400), (line(10_400), json!(10_401)));
    sandbox
        .run(["explain", &v6(10_400)])
        .exits(0)
        .says("now ")
        .says(&"x".repeat(800));
    // It is gone: of what was kept the text is shown, of the others the place.
    std::fs::remove_file(sandbox.path("auth.log.1")).unwrap();
    assert_eq!(text(0), (line(0), json!(null)));
    assert_eq!(text(10_400), (json!(null), json!(null)));
    sandbox
        .run(["explain", &v6(10_400)])
        .exits(0)
        .says("2026-03-22 00:17:20")
        .says("no longer there")
        .says("(a line of which only the place was kept)");
}

#[test]
fn the_evidence_of_bans_does_not_fill_the_disk() {
    let sandbox = Sandbox::new().log("auth.log", "");
    let bans = |from: u32, to: u32| -> String {
        (from..to)
            .map(|n| {
                failure(&v4(n), 7)
                    .replace("root", &"x".repeat(200))
                    .repeat(5)
            })
            .collect()
    };
    for run in 1..=3u32 {
        sandbox.append("auth.log", bans((run - 1) * 11_000, run * 11_000));
        sandbox.scan().exits(0);
        let bans = 11_000 * u64::from(run);
        assert_eq!(
            number(&sandbox, "SELECT count(*) FROM ban"),
            11_000 * i64::from(run)
        );
        // Of the newest ten thousand the texts are kept, for which a row takes a page at most; the
        // room of those before them is given back when it is half of the file.
        let texts = 11_000 * 4096;
        let bytes = size(&sandbox);
        assert!(bytes < 2 * (texts + bans * 700), "{bytes} bytes");
    }
    let text = |n: u32| explained(&sandbox, &v4(n))["bans"][0]["witnesses"][4]["text"].clone();
    assert!(text(0).is_string() && text(32_999).is_string());
    std::fs::remove_file(sandbox.path("auth.log")).unwrap();
    let text = |n: u32| {
        let ran = sandbox.run(["explain", "--json", &v4(n)]);
        ran.json()["bans"][0]["witnesses"][4]["text"].clone()
    };
    assert!(text(0).is_null());
    assert!(text(31_000).is_string());
}

#[test]
fn of_more_windows_than_the_configuration_allows_the_oldest_are_forgotten_and_that_is_told() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .set("/settings/most_windows", 1000);
    let lines =
        |from: u32, to: u32| -> String { (from..to).map(|n| failure(&v6(n), n / 4)).collect() };
    sandbox.append("auth.log", lines(0, 1000));
    sandbox.scan().exits(0).prints("");
    let told = |count| {
        format!(
            "rule ssh: more than 1000 addresses have open failures (settings.most_windows): those of the {count} that failed longest ago were forgotten"
        )
    };
    // In the store, and in one run.
    sandbox.append("auth.log", lines(1000, 1100));
    sandbox.scan().succeeds().prints("").complains(&told(100));
    sandbox.append("auth.log", lines(2000, 4000));
    let ran = sandbox.scan().succeeds();
    assert!(
        ran.stderr().contains("(settings.most_windows)"),
        "{}",
        ran.stderr()
    );
    let open = number(&sandbox, "SELECT count(*) FROM open_window");
    assert!((1000..=1062).contains(&open), "{open}");
    assert_eq!(number(&sandbox, "SELECT open FROM rule"), open);
    let second = |n: u32| i64::from(n / 4) + 1_774_137_600;
    assert_eq!(
        number(&sandbox, "SELECT min(newest) FROM open_window") / 60,
        second(3000) / 60
    );
    sandbox.append("auth.log", failure(&v6(3999), 999).repeat(4));
    sandbox.scan().succeeds().bans([&v6(3999)]);
}

// --- Stores of version 3.0.0.

/// A failure as version 3.0.0 wrote it, behind others.
fn old_failure(bytes: &mut Vec<u8>, at: i64, offset: u64, path: &str, text: &str) {
    let mut number = |mut number: u64| {
        while number > 0x7f {
            bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).unwrap());
    };
    let zigzag = u64::try_from(at).unwrap() << 1;
    for field in [zigzag, 0, 0, zigzag, 1, 0, offset] {
        number(field);
    }
    number(path.len() as u64 + 1);
    bytes.extend(path.as_bytes());
    let mut number = text.len();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes.extend(text.as_bytes());
}

/// 2026-03-22 00:00:00, at which the fixture ends.
const FIXED: i64 = 1_774_137_600;

/// A store of version 3.0.0 with so many open windows of three failures and so
/// many bans, whose lines are long, and that of the fixture.
pub(crate) fn old_store(windows: u32, bans: u32) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    std::fs::copy(fixture("db/1.sqlite"), &path).unwrap();
    let mut database = Connection::open(&path).unwrap();
    database.pragma_update(None, "synchronous", "OFF").unwrap();
    let transaction = database.transaction().unwrap();
    let failures = |address: &str, count: u32| {
        let mut failures = vec![1];
        for second in 0..count {
            let (at, line) = (FIXED + i64::from(second), long(address, second));
            old_failure(
                &mut failures,
                at,
                second.into(),
                "/var/log/old.log",
                line.trim_end(),
            );
        }
        failures
    };
    for n in 0..windows {
        let address: std::net::Ipv6Addr = v6(n).parse().unwrap();
        let values = params![address.octets(), FIXED + 2, failures(&v6(n), 3)];
        let insert = "INSERT INTO open_window VALUES (?, 'ssh', ?, ?)";
        transaction
            .prepare_cached(insert)
            .unwrap()
            .execute(values)
            .unwrap();
    }
    for n in 0..bans {
        let insert = "INSERT INTO ban(ip, rule, server, at, nanos, digits, failures, instant, origin, reason, country, country_code, witnesses) \
                      VALUES (?1, 'ssh', 'web1', ?2, 0, 0, 5, 0, 'log', 'as it was', '', '', ?3)";
        let values = params![v4(n), FIXED + 4, failures(&v4(n), 5)];
        transaction
            .prepare_cached(insert)
            .unwrap()
            .execute(values)
            .unwrap();
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) VALUES (?, ?, 'web1', 'as it was', '')";
        let values = params![v4(n), FIXED + 4];
        transaction
            .prepare_cached(insert)
            .unwrap()
            .execute(values)
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    std::fs::read(path).unwrap()
}

fn with_old_store(bytes: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new()
        .set("/settings/firewall/backend", "none")
        .log("auth.log", "");
    sandbox.file("state/PyFilter.db", bytes);
    sandbox
}

/// What a store of version 3.0.0 with this many windows is by now.
fn is_small(sandbox: &Sandbox, windows: u32) {
    assert_eq!(number(sandbox, "PRAGMA user_version"), 2);
    let pending = "SELECT count(*) FROM meta WHERE key = 'upgrade'";
    assert_eq!(number(sandbox, pending), 0);
    assert_eq!(number(sandbox, "SELECT open FROM rule"), i64::from(windows));
    let old = "SELECT count(*) FROM open_window WHERE substr(failures, 1, 1) = x'01'";
    assert_eq!(number(sandbox, old), 0);
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let said: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
}

/// A machine that has much else to do needs more than one run for it, which
/// each of them says.
fn until_it_is_small(sandbox: &Sandbox, said: &str) {
    let mut said = said.to_owned();
    for _ in 0..20 {
        if said.is_empty() {
            return;
        }
        assert!(
            said.contains("it is used as it is, and the next run goes on"),
            "{said}"
        );
        said = sandbox.scan().succeeds().prints("").stderr();
    }
    panic!("{said}");
}

#[test]
fn a_large_store_of_3_0_0_is_looked_at_as_it_is_and_made_small_by_the_next_run() {
    let bytes = old_store(11_000, 500);
    assert!(bytes.len() > 30 << 20, "{}", bytes.len());
    let sandbox = with_old_store(&bytes);
    let banned = sandbox.banned();
    assert_eq!(banned.len(), 502);
    let window = |address: &str| explained(&sandbox, address)["windows"][0]["failures"].clone();
    assert_eq!(window(&v6(7))[1]["path"], "/var/log/old.log");
    assert_eq!(window(&v6(7))[1]["text"], long(&v6(7), 1).trim_end());
    let ban = |n: u32| explained(&sandbox, &v4(n))["bans"][0].clone();
    let before = ban(3);
    assert_eq!(before["reason"], "as it was");
    sandbox.run(["check"]);
    let two: String = (3..5).map(|second| long(&v6(7), second)).collect();
    sandbox.append("auth.log", two);
    sandbox.run(["scan", "--dry-run"]).exits(0).bans([&v6(7)]);
    let after = std::fs::read(sandbox.state("PyFilter.db")).unwrap();
    assert!(after == bytes, "looking changes nothing");
    let ran = sandbox.scan().succeeds().bans([&v6(7)]);
    until_it_is_small(&sandbox, &ran.stderr());
    is_small(&sandbox, 11_000);
    // The window of the fixture, too; of the ten thousand newest bans the texts stay.
    assert!(
        size(&sandbox) < 11_000 * 120 + 600 * 5 * 1100,
        "{}",
        size(&sandbox)
    );
    assert_eq!(ban(3), before);
    assert_eq!(window(&v6(9))[2]["time"], "2026-03-22T00:00:02Z");
    assert_eq!(window(&v6(9))[2]["path"], "/var/log/old.log");
    let filled = explained(&sandbox, &v6(7))["bans"][0]["witnesses"].clone();
    assert_eq!(filled[4]["sum"], 5);
    sandbox.append("auth.log", failures(ATTACKER, 1));
    sandbox.scan().exits(0).prints("");
    assert_eq!(sandbox.banned().len(), banned.len() + 1);
}

#[test]
fn a_small_store_of_3_0_0_keeps_its_texts() {
    let sandbox = with_old_store(&old_store(20, 20));
    sandbox.scan().exits(0).prints("");
    is_small(&sandbox, 21);
    let window = &explained(&sandbox, &v6(7))["windows"][0]["failures"];
    assert_eq!(window[1]["text"], long(&v6(7), 1).trim_end());
    let filled = &explained(&sandbox, &v4(7))["bans"][0]["witnesses"];
    assert_eq!(filled[1]["text"], long(&v4(7), 1).trim_end());
}

#[test]
fn a_run_that_is_killed_while_it_makes_a_store_small_is_gone_on_with_by_the_next() {
    let bytes = old_store(11_000, 500);
    let sandbox = with_old_store(&bytes);
    let mut chance = Chance::new("killed while a store is made small");
    let mut kills = 0;
    for run in 0u32.. {
        let mut scan = sandbox.command(["scan"]);
        scan.stdout(Stdio::null()).stderr(Stdio::null());
        let mut scan = scan.spawn().unwrap();
        chance.wait(Duration::from_millis(u64::from(run) * 5));
        scan.kill().unwrap();
        if scan.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        // What is half done can be looked at.
        if run % 4 == 3 {
            assert_eq!(sandbox.banned().len(), 502);
            let window = explained(&sandbox, &v6(7))["windows"][0]["failures"].clone();
            assert_eq!(window[1]["path"], "/var/log/old.log");
        }
    }
    assert!(kills > 3, "{kills}");
    let ran = sandbox.scan().succeeds().prints("");
    until_it_is_small(&sandbox, &ran.stderr());
    is_small(&sandbox, 11_001);
    assert!(size(&sandbox) < bytes.len() as u64 / 4);
    assert_eq!(sandbox.banned().len(), 502);
    sandbox.append("auth.log", long(&v6(10_999), 3) + &long(&v6(10_999), 4));
    sandbox.scan().exits(0).bans([&v6(10_999)]);
}

/// Rules that read one log in one pass share the memory of the run, and each goes on
/// where that was used up.
#[test]
fn rules_that_read_one_log_share_the_memory_of_a_run() {
    let log: String = (0..200_000).map(|n| failure(&v4(n), 18)).collect();
    let sandbox = Sandbox::new().log("a.log", log).within(256);
    let rule = json!({
        "log_files": sandbox.path("a.log"),
        "regex_patterns": [r"^(\S+) web1 sshd\[7\]: Failed password for root from (\S+) port"],
    });
    let sandbox = sandbox.set("/settings/rules", json!({"a": rule, "b": rule, "c": rule}));
    let mut said = sandbox.scan().succeeds().stderr();
    assert!(said.contains("in the memory that a run may take"), "{said}");
    for _ in 0..20 {
        if said.contains("is read to its end again") {
            break;
        }
        said = sandbox.scan().succeeds().stderr();
    }
    assert!(said.contains("is read to its end again"), "{said}");
    for rule in ["a", "b", "c"] {
        let select = format!("SELECT count(*) FROM open_window WHERE rule = '{rule}'");
        assert_eq!(number(&sandbox, &select), 200_000, "{rule}");
    }
}
