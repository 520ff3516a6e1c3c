//! Logs that rotate: every line counts once, whatever happens between two runs.

mod logrotate;
mod names;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{Sandbox, failure, failures};

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// How many failures a run has read, of all its sources.
fn failures_of(run: &Value) -> u64 {
    run["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["failures"].as_u64().unwrap())
        .sum()
}

/// Status and file name of each source of a run.
fn sources_of(run: &Value) -> Vec<(String, String)> {
    let name = |path: &Value| {
        Path::new(path.as_str().unwrap())
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let sources = run["sources"].as_array().unwrap();
    sources
        .iter()
        .map(|source| {
            (
                name(&source["path"]),
                source["status"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn is(sources: &[(String, String)], expected: &[(&str, &str)]) -> bool {
    sources
        .iter()
        .map(|(name, status)| (name.as_str(), status.as_str()))
        .eq(expected.iter().copied())
}

impl Sandbox {
    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Makes a file one that nobody has written to for an hour.
    fn rest(&self, name: &str) {
        let hour = std::time::Duration::from_secs(3600);
        let file = fs::File::open(self.path(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - hour)
            .unwrap();
    }

    fn pack(&self, name: &str, to: &str) {
        let packed = gzip(&fs::read(self.path(name)).unwrap());
        self.file(to, packed);
        fs::remove_file(self.path(name)).unwrap();
    }
}

#[test]
fn a_log_that_was_renamed_is_read_to_its_end_and_then_the_new_one() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 2));
    assert_eq!(failures_of(&sandbox.scan_json()), 2);
    sandbox.append("auth.log", failure("203.0.113.9", 2));
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file(
        "auth.log",
        failure("203.0.113.9", 3) + &failure("203.0.113.9", 4),
    );
    let run = sandbox.scan_json();
    assert!(
        is(
            &sources_of(&run),
            &[("auth.log.1", "rotated"), ("auth.log", "rotated")]
        ),
        "{run}"
    );
    assert_eq!(failures_of(&run), 3);
    assert_eq!(run["bans"][0]["time"], "2026-03-22T00:00:04Z");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
}

#[test]
fn a_partly_read_generation_that_comes_back_compressed_is_read_on() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 2));
    sandbox.scan_json();
    sandbox.append("auth.log", failure("203.0.113.9", 2));
    sandbox.pack("auth.log", "auth.log.2.gz");
    sandbox.file("auth.log.1", failure("203.0.113.9", 3));
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    let run = sandbox.scan_json();
    assert!(
        is(
            &sources_of(&run),
            &[
                ("auth.log.2.gz", "rotated"),
                ("auth.log.1", "rotated"),
                ("auth.log", "rotated")
            ]
        ),
        "{run}"
    );
    assert_eq!(failures_of(&run), 3);
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
    sandbox.rename("auth.log.2.gz", "auth.log.3.gz");
    sandbox.pack("auth.log.1", "auth.log.2.gz");
    assert_eq!(
        failures_of(&sandbox.scan_json()),
        0,
        "what was read is never read again"
    );
}

#[test]
fn a_copy_that_is_being_made_is_not_a_generation_yet() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    let text = fs::read(sandbox.path("auth.log")).unwrap();
    sandbox.file("auth.log.1", &text[..120]);
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    sandbox.file("auth.log.1", &text);
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    // What the copy does not have was read before the log was cut.
    sandbox.file("auth.log", "");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    sandbox.append("auth.log", failure("203.0.113.9", 4));
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
}

#[test]
fn generations_present_at_first_contact_are_known_and_not_read() {
    let sandbox = Sandbox::new().log("auth.log", failure("203.0.113.9", 9));
    sandbox.file("auth.log.1", failures("198.51.100.1", 9));
    sandbox.file(
        "auth.log.2.gz",
        gzip(failures("198.51.100.2", 9).as_bytes()),
    );
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    sandbox.rename("auth.log.2.gz", "auth.log.3.gz");
    sandbox.pack("auth.log.1", "auth.log.2.gz");
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", "");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    assert!(sandbox.banned().is_empty());
}

#[test]
fn a_glob_that_names_generations_is_one_log_read_oldest_first() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("auth.log*").to_str().unwrap().to_owned();
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", json!([glob, glob]))
        .log("auth.log", failure("203.0.113.9", 4));
    sandbox.file("auth.log.1", failure("203.0.113.9", 3));
    sandbox.file("auth.log.2.gz", gzip(failures("203.0.113.9", 3).as_bytes()));
    std::os::unix::fs::symlink(sandbox.path("auth.log.1"), sandbox.path("auth.log.9")).unwrap();
    let run = sandbox.scan_json();
    assert_eq!(failures_of(&run), 5, "{run}");
    assert_eq!(run["bans"][0]["time"], "2026-03-22T00:00:04Z");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
}

#[test]
fn what_was_cut_away_unread_is_told_as_a_gap() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    sandbox.file("auth.log", failure("203.0.113.9", 9));
    let run = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns("is nowhere to be found");
    assert_eq!(failures_of(&run.json()), 1);
    sandbox.scan().exits(0);
}

#[test]
fn a_log_that_is_being_rotated_is_not_missing() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    sandbox.rename("auth.log", "auth.log.1");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    sandbox.append("auth.log.1", failure("203.0.113.9", 3));
    assert_eq!(
        failures_of(&sandbox.scan_json()),
        1,
        "its writer has not let go of it"
    );
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
}

#[test]
fn a_log_that_comes_back_is_read_on() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    sandbox.rename("auth.log", "elsewhere");
    sandbox.scan().exits(1).warns("auth.log: is not there");
    sandbox.rename("elsewhere", "auth.log");
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
}

#[test]
fn a_line_that_a_rotation_cut_is_told_once_and_never_counted() {
    let sandbox = Sandbox::new().log(
        "auth.log",
        failures("203.0.113.9", 3) + "2026-03-22T00:00:0",
    );
    sandbox.scan_json();
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", "");
    sandbox.scan().exits(0);
    sandbox
        .scan()
        .exits(1)
        .warns("auth.log.1: its last line was cut when it was rotated: 18 bytes are lost");
    sandbox.scan().exits(0);
}

#[test]
fn a_compressed_file_that_is_cut_counts_as_far_as_it_goes() {
    let text: String = (0..2000)
        .map(|second| failure("203.0.113.9", second * 30))
        .collect();
    let packed = gzip(text.as_bytes());
    let sandbox = Sandbox::new();
    let glob = sandbox.path("auth.log*").to_str().unwrap().to_owned();
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", glob)
        .log("auth.log", failure("203.0.113.9", 80_000));
    sandbox.file("auth.log.1.gz", &packed[..packed.len() / 2]);
    let cut = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns("auth.log.1.gz: could not be read beyond byte")
        .json();
    let first = failures_of(&cut);
    assert!(first > 100 && first < 2000, "{first}");
    assert_eq!(
        failures_of(&sandbox.scan_json()),
        0,
        "a file that has not changed is not told again"
    );
    sandbox.file("auth.log.1.gz", &packed);
    assert_eq!(
        first + failures_of(&sandbox.scan_json()),
        2001,
        "nothing is counted twice"
    );
}

#[test]
fn a_file_is_told_to_be_compressed_by_its_bytes_and_all_members_are_read() {
    let sandbox = Sandbox::new().log("auth.log", "");
    let members = [
        gzip(failures("203.0.113.9", 3).as_bytes()),
        gzip(failure("203.0.113.9", 3).as_bytes()),
    ]
    .concat();
    sandbox.scan_json();
    sandbox.file("auth.log.1", members);
    assert_eq!(failures_of(&sandbox.scan_json()), 4);
}

#[test]
fn logrotates_olddir_is_looked_through() {
    let sandbox = Sandbox::new()
        .set("/settings/rules/ssh/olddir", "old")
        .log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    sandbox.file("old/keep", "");
    sandbox.rename("auth.log", "old/auth.log-20260322");
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    assert_eq!(failures_of(&sandbox.scan_json()), 2);
}

#[test]
fn a_copy_that_was_compressed_before_it_was_met_is_not_read_again() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    fs::copy(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    // The log is cut, and the copy that lacks its last line compressed, at once.
    sandbox.file("auth.log", "");
    sandbox.pack("auth.log.1", "auth.log.1.gz");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
    sandbox.append("auth.log", failure("203.0.113.9", 4));
    let run = sandbox.scan_json();
    assert_eq!(failures_of(&run), 1);
    assert_eq!(run["bans"][0]["time"], "2026-03-22T00:00:04Z");
}

#[test]
fn several_generations_that_come_at_once_are_read_in_their_order() {
    let sandbox = Sandbox::new().log("auth.log", failure("203.0.113.9", 0));
    sandbox.scan_json();
    sandbox.pack("auth.log", "auth.log.4.gz");
    sandbox.file("auth.log.3.gz", gzip(failure("203.0.113.9", 1).as_bytes()));
    sandbox.file("auth.log.2.gz", gzip(failure("203.0.113.9", 2).as_bytes()));
    sandbox.file("auth.log.1", failure("203.0.113.9", 3));
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    let run = sandbox.scan_json();
    let read = |name| (name, "rotated");
    let expected = [
        "auth.log.4.gz",
        "auth.log.3.gz",
        "auth.log.2.gz",
        "auth.log.1",
        "auth.log",
    ]
    .map(read);
    assert!(is(&sources_of(&run), &expected), "{run}");
    assert_eq!(run["bans"][0]["time"], "2026-03-22T00:00:04Z");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
}

#[test]
fn a_generation_that_was_deleted_unread_is_told_with_what_is_known_of_it() {
    let sandbox = Sandbox::new().log(
        "auth.log",
        failures("203.0.113.9", 2) + "2026-03-22T00:00:0",
    );
    let read = failures("203.0.113.9", 2).len();
    sandbox.scan_json();
    fs::remove_file(sandbox.path("auth.log")).unwrap();
    sandbox.file("auth.log.1", failure("203.0.113.9", 3));
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    let ran = sandbox.run(["scan", "--json"]).exits(1).complains(&format!(
        "auth.log: was cut or rotated away, and what was written behind byte {read} is nowhere to be found: at least 18 bytes could not be read"
    ));
    assert_eq!(failures_of(&ran.json()), 2);
    sandbox.scan().exits(0);
}

#[test]
fn a_generation_that_is_gone_before_its_service_let_go_of_it_is_told_once() {
    let told = |read: usize| {
        format!(
            "auth.log.1: had just been rotated away when it was read, and is nowhere to be found: what was still written to it behind byte {read}, if anything, could not be read; let logrotate keep a generation more (rotate 2)"
        )
    };
    for text in [failures("203.0.113.9", 2), String::new()] {
        let sandbox = Sandbox::new().log("auth.log", &text);
        sandbox.scan_json();
        sandbox.rename("auth.log", "auth.log.1");
        sandbox.file("auth.log", "");
        sandbox.scan().exits(0);
        sandbox.scan().exits(0);
        sandbox.append("auth.log.1", failure("203.0.113.9", 3));
        fs::remove_file(sandbox.path("auth.log.1")).unwrap();
        sandbox.append("auth.log", failure("203.0.113.9", 4));
        let ran = sandbox.run(["scan", "--json"]).exits(1);
        assert_eq!(failures_of(&ran.complains(&told(text.len())).json()), 1);
        sandbox.scan().exits(0);
    }
}

#[test]
fn a_generation_that_nobody_writes_to_may_be_deleted() {
    for packs in [false, true] {
        let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 2));
        sandbox.scan_json();
        sandbox.rename("auth.log", "auth.log.1");
        sandbox.file("auth.log", "");
        sandbox.scan().exits(0);
        let name = if packs {
            sandbox.pack("auth.log.1", "auth.log.1.gz");
            "auth.log.1.gz"
        } else {
            sandbox.rest("auth.log.1");
            "auth.log.1"
        };
        sandbox.scan().exits(0);
        fs::remove_file(sandbox.path(name)).unwrap();
        sandbox.append("auth.log", failure("203.0.113.9", 3));
        assert_eq!(failures_of(&sandbox.scan_json()), 1);
        // Its bytes are known all the same.
        sandbox.file("auth.log.1", failures("203.0.113.9", 2));
        assert_eq!(failures_of(&sandbox.scan_json()), 0);
    }
}

#[test]
fn a_log_that_was_empty_and_was_deleted_unread_is_told() {
    let gap = "auth.log: had nothing in it at the last run, is another file now, and the old one is nowhere to be found: what was written to it, if anything, could not be read; let logrotate keep a generation (rotate 1) or leave empty logs alone (notifempty)";
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox.scan().exits(0);
    sandbox.append("auth.log", failure("203.0.113.9", 1));
    fs::remove_file(sandbox.path("auth.log")).unwrap();
    sandbox.file("auth.log", failure("203.0.113.9", 2));
    let ran = sandbox.run(["scan", "--json"]).exits(1).complains(gap);
    assert_eq!(failures_of(&ran.json()), 1);
    sandbox.scan().exits(0);
}

#[test]
fn a_copy_that_was_seen_before_it_held_a_byte_is_no_loss() {
    let text = failures("203.0.113.9", 3);
    let sandbox = Sandbox::new().log("auth.log", text.clone());
    sandbox.scan_json();
    sandbox.file("auth.log.1", "");
    sandbox.scan().exits(0);
    fs::remove_file(sandbox.path("auth.log.1")).unwrap();
    sandbox.file("auth.log.1.gz", gzip(text.as_bytes()));
    sandbox.append("auth.log", failure("203.0.113.9", 4));
    // All is read but for what is new, and no loss is told.
    assert_eq!(failures_of(&sandbox.scan_json()), 1);
    sandbox.scan().exits(0);
}

#[test]
fn an_empty_log_that_is_rotated_is_no_loss() {
    for packs in [false, true] {
        let sandbox = Sandbox::new().log("auth.log", "");
        sandbox.scan().exits(0);
        for n in 1..4 {
            if sandbox.path("auth.log.1").exists() {
                sandbox.rename("auth.log.1", "auth.log.2");
            }
            sandbox.rename("auth.log", "auth.log.1");
            sandbox.scan().exits(0);
            sandbox.file("auth.log", "");
            if packs {
                sandbox.pack("auth.log.1", "auth.log.1.gz");
            }
            sandbox.scan().exits(0);
            sandbox.append("auth.log", failure("203.0.113.9", n));
            assert_eq!(failures_of(&sandbox.scan_json()), 1);
            sandbox.file("auth.log.3", fs::read(sandbox.path("auth.log")).unwrap());
            sandbox.rest("auth.log.3");
            fs::remove_file(sandbox.path("auth.log")).unwrap();
            sandbox.file("auth.log", "");
            sandbox.scan().exits(0);
            fs::remove_file(sandbox.path("auth.log.3")).unwrap();
        }
        // It is filled, and only what was cut is rotated away.
        sandbox.append("auth.log", failure("203.0.113.9", 5));
        sandbox.rename("auth.log", "auth.log.9");
        sandbox.file("auth.log", "");
        assert_eq!(failures_of(&sandbox.scan_json()), 1);
        sandbox.scan().exits(0);
    }
}

#[test]
fn a_copy_that_a_power_failure_cut_is_not_read_again() {
    let text = failures("203.0.113.9", 3);
    let sandbox = Sandbox::new().log("auth.log", &text);
    sandbox.scan_json();
    // The first rotation ends in the middle of its copy; the next one is whole.
    sandbox.file("auth.log.2", &text[..120]);
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    fs::copy(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    assert_eq!(failures_of(&sandbox.scan_json()), 2);
    sandbox.pack("auth.log.2", "auth.log.3.gz");
    sandbox.pack("auth.log.1", "auth.log.2.gz");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
}

#[test]
fn two_rules_read_one_log_each_at_its_own_pace() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 3));
    sandbox.scan_json();
    let sandbox = sandbox.set(
        "/settings/rules/again",
        json!({
            "log_files": "auth.log*",
            "regex_patterns": [r"^(?P<time>\S+) .* from (?P<ip>\S+) port"],
            "time_format": "%Y-%m-%dT%H:%M:%S%z",
            "failed_attempts": 3,
        }),
    );
    let log = sandbox.path("auth.log*");
    let sandbox = sandbox.set(
        "/settings/rules/again/log_files",
        log.to_str().unwrap().to_owned(),
    );
    sandbox.append("auth.log", failure("203.0.113.9", 3));
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", failure("203.0.113.9", 4));
    let run = sandbox.scan_json();
    let of = |rule: &str| -> u64 {
        let rows = run["sources"].as_array().unwrap();
        let rows = rows.iter().filter(|row| row["rule"] == rule);
        rows.map(|row| row["failures"].as_u64().unwrap()).sum()
    };
    assert_eq!((of("ssh"), of("again")), (2, 5), "{run}");
    let bans: Vec<_> = run["bans"].as_array().unwrap().iter().collect();
    assert_eq!(bans.len(), 2, "{run}");
    sandbox.pack("auth.log.1", "auth.log.2.gz");
    assert_eq!(failures_of(&sandbox.scan_json()), 0);
}

#[test]
fn a_window_lies_across_two_logs_of_which_one_is_rotated() {
    let sandbox = Sandbox::new();
    let logs = json!([sandbox.path("a.log"), sandbox.path("b.log")]);
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", logs)
        .log("a.log", failure("203.0.113.9", 0))
        .log("b.log", failure("203.0.113.9", 1));
    sandbox.scan_json();
    sandbox.append("a.log", failure("203.0.113.9", 2));
    sandbox.pack("a.log", "a.log.1.gz");
    sandbox.append("b.log", failure("203.0.113.9", 3));
    sandbox.file(
        "a.log",
        failure("203.0.113.9", 4) + &failure("203.0.113.9", 6),
    );
    sandbox.append("b.log", failure("203.0.113.9", 5));
    let run = sandbox.scan_json();
    assert_eq!(failures_of(&run), 5, "{run}");
    assert_eq!(run["bans"][0]["time"], "2026-03-22T00:00:04Z");
    assert_eq!(run["bans"].as_array().unwrap().len(), 1);
}

#[test]
fn a_generation_that_vanishes_while_it_is_looked_for_stops_nothing() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("logs/*.log").to_str().unwrap().to_owned();
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", glob);
    sandbox.file("logs/auth.log", failures("203.0.113.9", 5));
    let (dir, over) = (
        sandbox.path("logs"),
        std::sync::atomic::AtomicBool::new(false),
    );
    let told: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            // In and out of the listing, as a log and as its generation.
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                for name in ["gone.log", "auth.log.1"] {
                    fs::write(dir.join(name), "nothing\n").unwrap();
                    fs::remove_file(dir.join(name)).unwrap();
                }
            }
        });
        let scan = |_| sandbox.run(["scan"]).stderr();
        let told = (0..25).map(scan).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        told
    });
    for line in told.iter().flat_map(|said| said.lines()) {
        let gone = ["logs/gone.log: ", "logs/auth.log.1: had just been rotated"];
        assert!(gone.iter().any(|gone| line.contains(gone)), "{line}");
    }
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
}

/// What may happen to a log between two runs.
#[derive(Debug, Clone)]
enum Action {
    Write(u32),
    HalfLine,
    Rename,
    RenameAndPack,
    PackOlder,
    CopyTruncate,
    Touch,
    Run,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1u32..6).prop_map(Action::Write),
        1 => Just(Action::HalfLine),
        2 => Just(Action::Rename),
        1 => Just(Action::RenameAndPack),
        1 => Just(Action::PackOlder),
        2 => Just(Action::CopyTruncate),
        1 => Just(Action::Touch),
        4 => Just(Action::Run),
    ]
}

/// A log and what happens to it.
struct World {
    sandbox: Sandbox,
    /// All that was ever written.
    written: String,
    second: u32,
    /// The rest of a line whose first half was written.
    owed: String,
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new()
            .set("/settings/request_time", 1000)
            .set("/settings/ban_time", "5s")
            .log("auth.log", "");
        sandbox.scan_json();
        World {
            sandbox,
            written: String::new(),
            second: 0,
            owed: String::new(),
        }
    }

    fn write(&mut self, text: &str) {
        self.sandbox.append("auth.log", text);
        self.written += text;
    }

    fn next_line(&mut self) -> String {
        self.second += 1;
        failure(
            ["203.0.113.9", "2001:db8::9", "203.0.113.10"][self.second as usize % 3],
            self.second,
        )
    }

    fn finish_line(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        self.write(&owed);
    }

    fn rotated(&self) -> Vec<PathBuf> {
        let found = |n: &usize| {
            ["", ".gz"]
                .map(|end| self.sandbox.path(&format!("auth.log.{n}{end}")))
                .into_iter()
                .find(|path| path.exists())
        };
        (1..).map_while(|n| found(&n)).collect()
    }

    /// Gives every generation the next higher number.
    fn shift(&self) {
        for (n, path) in self.rotated().iter().enumerate().rev() {
            let end = if path.extension().is_some_and(|end| end == "gz") {
                ".gz"
            } else {
                ""
            };
            fs::rename(path, self.sandbox.path(&format!("auth.log.{}{end}", n + 2))).unwrap();
        }
    }

    fn act(&mut self, action: &Action) -> u64 {
        match action {
            Action::Write(lines) => {
                self.finish_line();
                for _ in 0..*lines {
                    let line = self.next_line();
                    self.write(&line);
                }
            }
            Action::HalfLine => {
                self.finish_line();
                let line = self.next_line();
                let (half, rest) = line.split_at(40);
                self.write(half);
                rest.clone_into(&mut self.owed);
            }
            Action::Rename | Action::RenameAndPack => {
                // A service finishes its line before it lets go of the file.
                self.finish_line();
                self.shift();
                self.sandbox.rename("auth.log", "auth.log.1");
                self.sandbox.file("auth.log", "");
                if matches!(action, Action::RenameAndPack) {
                    self.sandbox.pack("auth.log.1", "auth.log.1.gz");
                }
            }
            Action::PackOlder => {
                if self.sandbox.path("auth.log.2").exists() {
                    self.sandbox.pack("auth.log.2", "auth.log.2.gz");
                }
            }
            Action::CopyTruncate => {
                self.finish_line();
                self.shift();
                fs::copy(
                    self.sandbox.path("auth.log"),
                    self.sandbox.path("auth.log.1"),
                )
                .unwrap();
                fs::OpenOptions::new()
                    .write(true)
                    .truncate(true)
                    .open(self.sandbox.path("auth.log"))
                    .unwrap();
            }
            Action::Touch => fs::File::open(self.sandbox.path("auth.log"))
                .unwrap()
                .set_modified(std::time::SystemTime::now())
                .unwrap(),
            Action::Run => return failures_of(&self.sandbox.scan_json()),
        }
        0
    }

    /// Rule, address and time of all bans that were ever decided.
    fn bans(&self) -> Vec<(String, String)> {
        let known = |address: &str| {
            let explained = self
                .sandbox
                .run(["explain", "--json", address])
                .exits(0)
                .json();
            let times = explained["bans"]
                .as_array()
                .unwrap()
                .iter()
                .map(|ban| ban["time"].as_str().unwrap().to_owned());
            times
                .map(|time| (address.to_owned(), time))
                .collect::<Vec<_>>()
        };
        ["203.0.113.9", "2001:db8::9", "203.0.113.10"]
            .into_iter()
            .flat_map(known)
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// However a log is cut into generations and runs, every line counts once,
    /// and the bans are those of one run over all that was written.
    #[test]
    fn every_line_counts_once(actions in prop::collection::vec(action(), 1..24)) {
        let mut world = World::new();
        let mut counted: u64 = actions.iter().map(|action| world.act(action)).sum();
        world.finish_line();
        counted += world.act(&Action::Run);
        prop_assert_eq!(counted, u64::from(world.second), "lines counted");
        let mut whole = World::new();
        let text = world.written.clone();
        whole.write(&text);
        whole.act(&Action::Run);
        prop_assert_eq!(world.bans(), whole.bans());
    }
}
