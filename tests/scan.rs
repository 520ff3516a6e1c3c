//! The main job: failures become bans, once, however the runs are cut.

use crate::kit::{Sandbox, failure, failures, fixture, repeated};

#[test]
fn five_failures_ban_and_the_second_run_is_silent() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    sandbox
        .scan()
        .exits(0)
        .prints("2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: web1.\n");
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
    sandbox.scan().exits(0).prints("");
    assert_eq!(sandbox.banned(), ["203.0.113.9"]);
}

#[test]
fn a_window_goes_on_in_the_next_run() {
    let sandbox = Sandbox::new().log("auth.log", "");
    for second in 0..4 {
        sandbox.append("auth.log", failure("203.0.113.9", second));
        sandbox.scan().exits(0).prints("");
    }
    sandbox.append("auth.log", failure("203.0.113.9", 4));
    sandbox.scan().exits(0).bans(["203.0.113.9"]);
}

/// Of somebody who is banned for good nothing more is handed on while the rest
/// of a large log is read.
#[test]
fn who_is_banned_is_counted_to_the_end_of_a_large_log() {
    let log = failure("203.0.113.9", 0).repeat(200_000) + &failures("203.0.113.10", 5);
    let lines = log.lines().count();
    let sandbox = Sandbox::new().log("auth.log", log);
    let json = sandbox.run(["scan", "--json"]).exits(0).json();
    assert_eq!(json["sources"][0]["failures"], lines);
    let bans = json["bans"].as_array().unwrap();
    let counts: Vec<_> = bans
        .iter()
        .map(|ban| (&ban["ip"], &ban["failures"]))
        .collect();
    assert_eq!(
        counts,
        [
            (&"203.0.113.9".into(), &5.into()),
            (&"203.0.113.10".into(), &5.into())
        ]
    );
}

#[test]
fn an_unfinished_line_waits_for_its_end() {
    let line = failure("203.0.113.9", 4);
    let (half, rest) = line.split_at(60);
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 4) + half);
    sandbox.scan().exits(0).prints("");
    sandbox.append("auth.log", rest);
    sandbox.scan().exits(0).bans(["203.0.113.9"]);
}

#[test]
fn a_file_that_shrank_is_read_from_its_start() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 4));
    sandbox.scan().exits(0);
    sandbox.file("auth.log", failure("198.51.100.1", 5));
    let json = sandbox.run(["scan", "--json"]).exits(1).json();
    assert_eq!(json["sources"][0]["status"], "truncated");
    assert_eq!(json["sources"][0]["failures"], 1);
}

#[test]
fn the_captures_name_the_attackers_and_nobody_else() {
    let sandbox = Sandbox::new();
    let bans = |name: &str| {
        let file = fixture("logs").join(name);
        let json = sandbox
            .run(["scan", "--dry-run", "--json", file.to_str().unwrap()])
            .exits(0)
            .json();
        let bans = json["bans"].as_array().unwrap().clone();
        let text = |ban: &serde_json::Value, key: &str| ban[key].as_str().unwrap().to_owned();
        bans.iter()
            .map(|ban| (text(ban, "ip"), text(ban, "time")[..19].to_owned()))
            .collect::<Vec<_>>()
    };
    for host in ["bookworm", "trixie"] {
        let modern = bans(&format!("{host}-auth.log"));
        assert_eq!(
            modern,
            bans(&format!("{host}-auth-classic.log")),
            "but for the fraction they are the same events"
        );
        let banned = |address: &str| modern.iter().any(|(ip, _)| ip == address);
        assert!(
            banned("203.0.113.13") && banned("2001:db8::13"),
            "{host}: {modern:?}"
        );
        assert!(!banned("203.0.113.20"), "{host}: {modern:?}");
        assert!(
            !modern.iter().any(|(ip, _)| ip.starts_with("198.51.100.")),
            "{host}: {modern:?}"
        );
    }
}

/// Thirty keys for root, and nothing in the log but this end of each connection.
#[test]
fn guessing_keys_and_asking_for_another_user_at_the_end_is_banned() {
    let line = "Mar 22 14:18:{s} vps sshd[1234]: Disconnecting authenticating user root 203.0.113.9 port 4242: \
        Change of username or service not allowed: (root,ssh-connection) -> (x from 198.51.100.7 port 1 ssh2,ssh-connection) [preauth]";
    Sandbox::new()
        .log("auth.log", repeated(line, 10))
        .scan()
        .exits(0)
        .bans(["203.0.113.9"]);
}

#[test]
fn standard_input_is_a_file_named_dash() {
    let sandbox = Sandbox::new();
    let lines = failures("203.0.113.9", 5);
    let expected = "2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: web1.\n";
    let dry = sandbox.run_with(["scan", "--dry-run", "-"], lines.as_bytes());
    dry.exits(0).prints(expected);
    assert!(!sandbox.state("PyFilter.db").exists());
    let ran = sandbox.run_with(["scan", "-"], lines.as_bytes());
    ran.exits(0).prints(expected);
    let told = sandbox.run(["explain", "203.0.113.9"]).exits(0).stdout();
    assert!(told.contains("standard input, byte 97"), "{told}");
}

#[test]
fn a_dry_run_over_files_says_that_nobody_would_be_banned() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 4));
    let file = sandbox.path("auth.log");
    let file = file.to_str().unwrap();
    sandbox
        .run(["scan", "--dry-run", file])
        .exits(0)
        .prints("Read 1 log, 4 failures: nobody would be banned.\n");
    sandbox
        .run(["scan", "--dry-run", "-q", file])
        .exits(0)
        .prints("");
    let json = sandbox.run(["scan", "--dry-run", "--json", file]);
    assert_eq!(json.exits(0).json()["bans"], serde_json::json!([]));
    sandbox.run(["scan", "--dry-run"]).exits(0).prints("");
    // A run for the timer stays silent, whatever it reads.
    sandbox.run(["scan", file]).exits(0).prints("");
    sandbox.append("auth.log", failure("203.0.113.9", 4));
    let ran = sandbox.run(["scan", "--dry-run", file]).exits(0);
    ran.bans(["203.0.113.9"]).says_nothing_of("nobody");
}
