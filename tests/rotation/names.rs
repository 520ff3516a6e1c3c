//! Logs that have several names, in a rule whose globs meet them under each:
//! what is one file is one log, and what is two files is two.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use serde_json::json;

use super::{failures_of, gzip};
use crate::kit::{Sandbox, failure, failures};

const ATTACKER: &str = "203.0.113.9";

/// A rule that reads `auth.log`, and all logs in `more`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let logs = json!([sandbox.path("auth.log"), sandbox.path("more/*.log")]);
    sandbox.file("more/keep", "");
    sandbox.set("/settings/rules/ssh/log_files", logs)
}

impl Sandbox {
    fn hard_link(&self, from: &str, to: &str) {
        fs::hard_link(self.path(from), self.path(to)).unwrap();
    }

    fn symbolic_link(&self, from: &str, to: &str) {
        symlink(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The failures of a run that has nothing to complain of.
    fn counts(&self) -> u64 {
        failures_of(&self.run(["scan", "--json"]).exits(0).json())
    }
}

#[test]
fn three_failures_and_a_hard_link_of_a_log_that_is_rotated_ban_nobody() {
    let sandbox = sandbox().log("auth.log", failures(ATTACKER, 3));
    sandbox.hard_link("auth.log", "more/same.log");
    assert_eq!(sandbox.counts(), 3);
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", "");
    assert_eq!(sandbox.counts(), 0, "it is auth.log.1");
    sandbox.pack("auth.log.1", "auth.log.1.gz");
    assert_eq!(sandbox.counts(), 0, "it holds what was read");
    sandbox.remove("auth.log.1.gz");
    assert_eq!(sandbox.counts(), 0);
    assert!(sandbox.banned().is_empty());
    // It goes on under the name that is left, and under its own.
    sandbox.append("more/same.log", failure(ATTACKER, 3));
    sandbox.append("auth.log", failure(ATTACKER, 4));
    assert_eq!(sandbox.counts(), 2);
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

#[test]
fn three_failures_and_a_hard_link_of_a_log_that_is_compressed_at_once_ban_nobody() {
    let sandbox = sandbox().log("auth.log", failures(ATTACKER, 3));
    sandbox.hard_link("auth.log", "more/same.log");
    assert_eq!(sandbox.counts(), 3);
    sandbox.pack("auth.log", "auth.log.1.gz");
    sandbox.file("auth.log", "");
    assert_eq!(sandbox.counts(), 0);
    assert!(sandbox.banned().is_empty());
}

#[test]
fn what_is_written_before_a_log_of_two_names_is_compressed_counts_once() {
    for read in ["", &failures(ATTACKER, 2)] {
        let sandbox = sandbox().log("auth.log", read);
        sandbox.hard_link("auth.log", "more/same.log");
        sandbox.scan_json();
        sandbox.append("auth.log", failures(ATTACKER, 4));
        sandbox.pack("auth.log", "auth.log.1.gz");
        sandbox.file("auth.log", "");
        assert_eq!(sandbox.counts(), 4);
        assert_eq!(sandbox.counts(), 0);
    }
}

#[test]
fn three_failures_and_a_link_that_is_made_later_ban_nobody() {
    // Before its own name in the order of names, and behind it.
    for link in ["aaa.log", "more/zzz.log"] {
        for symbolic in [true, false] {
            let sandbox = Sandbox::new();
            let logs = json!([sandbox.path("*.log"), sandbox.path("more/*.log")]);
            let sandbox = sandbox
                .set("/settings/rules/ssh/log_files", logs)
                .log("auth.log", failures(ATTACKER, 3));
            sandbox.file("more/keep", "");
            assert_eq!(sandbox.counts(), 3);
            if symbolic {
                sandbox.symbolic_link("auth.log", link);
            } else {
                sandbox.hard_link("auth.log", link);
            }
            assert_eq!(sandbox.counts(), 0, "{link}");
            sandbox.append("auth.log", failure(ATTACKER, 3));
            assert_eq!(sandbox.counts(), 1, "{link}");
            // The link is gone again, and so is what was known under its name.
            sandbox.remove(link);
            assert_eq!(sandbox.counts(), 0, "{link}");
            assert!(sandbox.banned().is_empty(), "{link}");
        }
    }
}

#[test]
fn a_symbolic_link_to_a_log_that_is_rotated_counts_nothing_and_loses_nothing() {
    for link in ["aaa.log", "more/zzz.log"] {
        let sandbox = Sandbox::new();
        let logs = json!([sandbox.path("*.log"), sandbox.path("more/*.log")]);
        let sandbox = sandbox
            .set("/settings/rules/ssh/log_files", logs)
            .log("auth.log", failures(ATTACKER, 2));
        sandbox.file("more/keep", "");
        sandbox.symbolic_link("auth.log", link);
        assert_eq!(sandbox.counts(), 2, "{link}");
        // What was written before the rotation is read of the generation, which
        // stands beside the log and not beside the link.
        sandbox.append("auth.log", failure(ATTACKER, 2));
        sandbox.rename("auth.log", "auth.log.1");
        sandbox.file("auth.log", failure(ATTACKER, 3));
        assert_eq!(sandbox.counts(), 2, "{link}");
        assert!(sandbox.banned().is_empty(), "{link}");
    }
}

#[test]
fn a_link_to_todays_log_is_the_generation_of_that_day() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("logs/*.log").to_str().unwrap().to_owned();
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", glob);
    sandbox.file("logs/app-20260321.log", failures(ATTACKER, 2));
    sandbox.symbolic_link("logs/app-20260321.log", "logs/current.log");
    assert_eq!(sandbox.counts(), 2);
    sandbox.append("logs/app-20260321.log", failure(ATTACKER, 2));
    sandbox.file("logs/app-20260322.log", failure(ATTACKER, 3));
    sandbox.remove("logs/current.log");
    sandbox.symbolic_link("logs/app-20260322.log", "logs/current.log");
    assert_eq!(sandbox.counts(), 2);
    assert!(sandbox.banned().is_empty());
    let audited = sandbox.run(["audit", "--json"]).exits(0).json();
    assert_eq!(audited["failures"], 4, "{audited}");
}

#[test]
fn a_log_that_is_cut_under_two_names_counts_once() {
    for symbolic in [true, false] {
        let sandbox = sandbox().log("auth.log", failures(ATTACKER, 3));
        if symbolic {
            sandbox.symbolic_link("auth.log", "more/same.log");
        } else {
            sandbox.hard_link("auth.log", "more/same.log");
        }
        assert_eq!(sandbox.counts(), 3);
        fs::copy(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
        fs::write(sandbox.path("auth.log"), failure(ATTACKER, 3)).unwrap();
        assert_eq!(sandbox.counts(), 1);
        sandbox.pack("auth.log.1", "auth.log.2.gz");
        assert_eq!(sandbox.counts(), 0);
        assert!(sandbox.banned().is_empty());
    }
}

#[test]
fn a_log_that_is_moved_to_another_name_of_the_rule_is_read_on() {
    let sandbox = sandbox().log("auth.log", failures(ATTACKER, 3));
    sandbox.file("more/other.log", "nothing\n");
    assert_eq!(sandbox.counts(), 3);
    sandbox.append("auth.log", failure(ATTACKER, 3));
    sandbox.rename("auth.log", "more/moved.log");
    assert_eq!(sandbox.counts(), 1, "it may just be rotated");
    sandbox.append("more/moved.log", failure(ATTACKER, 4));
    let run = sandbox.run(["scan", "--json"]).exits(1);
    assert_eq!(failures_of(&run.warns("auth.log: is not there").json()), 1);
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

#[test]
fn logs_of_two_hosts_that_begin_with_the_same_bytes_both_count() {
    let sandbox = sandbox().log("auth.log", failures(ATTACKER, 3));
    assert_eq!(sandbox.counts(), 3);
    sandbox.file("more/host-b.log", failures(ATTACKER, 2));
    assert_eq!(sandbox.counts(), 2, "a shorter one");
    sandbox.file("more/host-c.log", failures(ATTACKER, 3));
    assert_eq!(sandbox.counts(), 3, "one as long");
    sandbox.file("more/host-d.log", failures(ATTACKER, 4));
    assert_eq!(sandbox.counts(), 4, "a longer one");
    // Also while the other one is a generation, plain or compressed.
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", "");
    sandbox.file("more/host-e.log", failures(ATTACKER, 3));
    assert_eq!(sandbox.counts(), 3);
    sandbox.pack("auth.log.1", "auth.log.1.gz");
    sandbox.file("more/host-f.log", failures(ATTACKER, 3));
    assert_eq!(sandbox.counts(), 3);
}

#[test]
fn an_empty_log_of_two_names_that_is_rotated_counts_once_and_is_no_loss() {
    let sandbox = sandbox().log("auth.log", "");
    sandbox.hard_link("auth.log", "more/same.log");
    assert_eq!(sandbox.counts(), 0);
    sandbox.append("auth.log", failures(ATTACKER, 3));
    sandbox.rename("auth.log", "auth.log.1");
    sandbox.file("auth.log", failure(ATTACKER, 3));
    assert_eq!(sandbox.counts(), 4);
    assert_eq!(sandbox.counts(), 0);
    assert!(sandbox.banned().is_empty());
}

/// What may happen to the names of two logs of one rule.
#[derive(Debug, Clone)]
enum Action {
    Write(usize, u32),
    Rename(usize),
    CopyTruncate(usize),
    Pack(usize),
    Link(usize, bool),
    Unlink,
    Run,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0usize..2, 1u32..4).prop_map(|(log, lines)| Action::Write(log, lines)),
        2 => (0usize..2).prop_map(Action::Rename),
        1 => (0usize..2).prop_map(Action::CopyTruncate),
        1 => (0usize..2).prop_map(Action::Pack),
        2 => (0usize..2, any::<bool>()).prop_map(|(log, symbolic)| Action::Link(log, symbolic)),
        1 => Just(Action::Unlink),
        4 => Just(Action::Run),
    ]
}

const LOGS: [&str; 2] = ["more/b.log", "more/d.log"];

/// Before, between and behind the logs in the order of names.
const LINKS: [&str; 3] = ["more/a.log", "more/c.log", "more/e.log"];

struct World {
    sandbox: Sandbox,
    written: u32,
    links: usize,
}

impl World {
    fn new() -> Self {
        let sandbox = sandbox().log("auth.log", "");
        for log in LOGS {
            sandbox.file(log, "");
        }
        let world = World {
            sandbox,
            written: 0,
            links: 0,
        };
        world.run();
        world
    }

    fn run(&self) -> u64 {
        failures_of(&self.sandbox.run(["scan", "--json"]).json())
    }

    fn shift(&self, log: &str) {
        for n in (1..30).rev() {
            for end in ["", ".gz"] {
                let from = format!("{log}.{n}{end}");
                if self.sandbox.path(&from).exists() {
                    self.sandbox.rename(&from, &format!("{log}.{}{end}", n + 1));
                }
            }
        }
    }

    fn act(&mut self, action: &Action) -> u64 {
        let sandbox = &self.sandbox;
        match *action {
            Action::Write(log, lines) => {
                for _ in 0..lines {
                    self.written += 1;
                    // Each address once: nobody is banned, and each line counts.
                    let address = format!("198.51.{}.{}", self.written / 200, self.written % 200);
                    sandbox.append(LOGS[log], failure(&address, self.written));
                }
            }
            Action::Rename(log) => {
                self.shift(LOGS[log]);
                sandbox.rename(LOGS[log], &format!("{}.1", LOGS[log]));
                sandbox.file(LOGS[log], "");
            }
            Action::CopyTruncate(log) => {
                // What a cut log had that was not read is not to be had.
                let counted = self.run();
                self.shift(LOGS[log]);
                let copy = sandbox.path(&format!("{}.1", LOGS[log]));
                fs::copy(sandbox.path(LOGS[log]), copy).unwrap();
                let file = fs::OpenOptions::new()
                    .write(true)
                    .open(sandbox.path(LOGS[log]));
                file.unwrap().set_len(0).unwrap();
                return counted;
            }
            Action::Pack(log) => {
                let name = format!("{}.1", LOGS[log]);
                if let Ok(text) = fs::read(sandbox.path(&name)) {
                    sandbox.file(&format!("{name}.gz"), gzip(&text));
                    sandbox.remove(&name);
                }
            }
            Action::Link(log, symbolic) => {
                let link = LINKS[self.links % LINKS.len()];
                if !sandbox.path(link).exists() {
                    if symbolic {
                        sandbox.symbolic_link(LOGS[log], link);
                    } else {
                        sandbox.hard_link(LOGS[log], link);
                    }
                }
                self.links += 1;
                // That two names are one file is known from a run that met both.
                return self.run();
            }
            Action::Unlink => {
                let link = sandbox.path(LINKS[self.links % LINKS.len()]);
                // A name that may be the last one of what was not read.
                let counted = self.run();
                let _ = fs::remove_file(link);
                return counted;
            }
            Action::Run => return self.run(),
        }
        0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// However many names a log has, and whatever becomes of each of them, every
    /// line counts once.
    #[test]
    fn every_line_counts_once_under_all_names(actions in prop::collection::vec(action(), 1..20)) {
        let mut world = World::new();
        let mut counted: u64 = actions.iter().map(|action| world.act(action)).sum();
        counted += world.run();
        prop_assert_eq!(counted, u64::from(world.written));
        prop_assert_eq!(world.run(), 0);
    }
}
