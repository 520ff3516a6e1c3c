//! Directories, links and names that are no ordinary ones: what can not be
//! read is named, everything else is read.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::json;

use crate::kit::{Sandbox, failure, failures};

const ATTACKER: &str = "203.0.113.9";

/// A rule over what a glob names.
fn over(glob: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let glob = sandbox.path(glob).to_str().unwrap().to_owned();
    sandbox.set("/settings/rules/ssh/log_files", glob)
}

#[test]
fn ten_thousand_files_under_a_glob_are_read_and_then_passed_over() {
    let sandbox = over("logs/*.log*").within(512);
    for n in 0..10_000 {
        let text = failure(&format!("198.51.100.{}", n % 200 + 1), n / 200);
        // Logs, and generations of one of them.
        let name = match n % 10 {
            9 => format!("logs/0.log.{n}"),
            _ => format!("logs/{n}.log"),
        };
        sandbox.file(&name, text);
    }
    let run = sandbox.scan_json();
    assert_eq!(run["sources"].as_array().unwrap().len(), 10_000);
    assert_eq!(run["bans"].as_array().unwrap().len(), 200);
    sandbox.scan().exits(0).prints("");
}

/// A service and a shell may have 1024 files open at once, unless they ask.
#[test]
fn more_files_than_may_be_open_at_once_are_read() {
    let script = "ulimit -Sn 64; exec \"$@\"";
    let sandbox = over("logs/*.log*").behind(&["sh", "-c", script, "sh"]);
    for n in 0..150 {
        sandbox.file(&format!("logs/{n}.log"), failure(ATTACKER, 2));
        sandbox.file(&format!("logs/{n}.log.1"), failure(ATTACKER, 1));
    }
    let run = sandbox.scan_json();
    assert_eq!(run["sources"].as_array().unwrap().len(), 300);
}

#[test]
fn loops_of_links_are_named_and_walked_once() {
    let sandbox = over("logs/**/*.log");
    sandbox.file("logs/a/auth.log", failures(ATTACKER, 5));
    let link = |to: &str, name: &str| symlink(to, sandbox.path(name)).unwrap();
    link("two.log", "logs/one.log");
    link("one.log", "logs/two.log");
    link("../..", "logs/a/up");
    link("../a", "logs/a/again.log");
    link("auth.log", "logs/a/same.log");
    fs::hard_link(
        sandbox.path("logs/a/auth.log"),
        sandbox.path("logs/hard.log"),
    )
    .unwrap();
    let ran = sandbox.run(["scan", "--json"]).exits(1);
    let said = ran.stderr();
    assert!(
        said.lines().count() == 2
            && said.contains("logs/one.log: can not be read: Too many levels")
            && said.contains("logs/two.log: can not be read: Too many levels"),
        "{said}"
    );
    let run = ran.json();
    assert_eq!(run["bans"][0]["failures"], 5, "each byte once: {run}");
    assert_eq!(run["bans"].as_array().unwrap().len(), 1);
}

#[test]
fn names_that_are_no_text_are_read_and_named_harmlessly() {
    let sandbox = over("logs/*.log");
    sandbox.file("logs/auth.log", failures(ATTACKER, 5));
    let dir = sandbox.path("logs");
    let put =
        |name: &[u8], bytes: &[u8]| fs::write(dir.join(OsStr::from_bytes(name)), bytes).unwrap();
    put(b"new\nline.log", failures("198.51.100.1", 5).as_bytes());
    put(b"\xff\xfe.log", failures("198.51.100.2", 5).as_bytes());
    // The same, and not to be read.
    put(b"bad\nline.log", b"\x1f\x9d");
    put(b"bad\xff\x1b[2J.log", b"PK\x03\x04");
    let ran = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns(r"logs/bad\x0aline.log: is compressed with compress (.Z)")
        .warns(r"logs/bad\xff\x1b[2J.log: is compressed with zip");
    assert_eq!(ran.stderr().lines().count(), 2, "{}", ran.stderr());
    let run = ran.json();
    assert_eq!(run["bans"].as_array().unwrap().len(), 3, "{run}");
    // Known again by the bytes of their names.
    sandbox.file("logs/other.log", "");
    assert!(
        sandbox.run(["scan", "--json"]).json()["sources"]
            .as_array()
            .unwrap()
            .iter()
            .all(|source| source["status"] == "unchanged" || source["status"] == "unreadable"),
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_may_be_listed_and_not_read_is_named() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let globs = json!([
        sandbox.path("auth.log"),
        sandbox.path("listed/*.log"),
        sandbox.path("closed/*.log"),
        sandbox.path("shut/*.log"),
        sandbox.path("only/me.log"),
    ]);
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", globs);
    for dir in ["listed", "closed", "shut", "only"] {
        sandbox.file(&format!("{dir}/me.log"), failures("198.51.100.1", 5));
    }
    fs::create_dir(sandbox.path("state")).unwrap();
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(sandbox.path(name), Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("state", 0o777);
    // May be listed and not entered; entered and the file not read; neither.
    mode("listed", 0o744);
    mode("closed/me.log", 0o600);
    mode("shut", 0o700);
    mode("only", 0o711);
    let sandbox = sandbox.by_nobody();
    let denied = "can not be read: permission denied";
    let ran = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns(&format!("listed/me.log: {denied}"))
        .warns(&format!("closed/me.log: {denied}"))
        .warns("shut: can not be looked through: Permission denied");
    assert_eq!(ran.stderr().lines().count(), 3, "{}", ran.stderr());
    let run = ran.json();
    assert_eq!(run["bans"].as_array().unwrap().len(), 2, "{run}");
    let unreadable = |name: &str| {
        let rows = run["sources"].as_array().unwrap();
        let path = sandbox.path(name);
        let row = rows
            .iter()
            .find(|row| row["path"] == path.to_str().unwrap());
        row.is_some_and(|row| row["status"] == "unreadable")
    };
    assert!(
        unreadable("listed/me.log") && unreadable("closed/me.log"),
        "{run}"
    );
}
