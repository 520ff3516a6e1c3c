//! One failed login counts once: whatever lines of sshd tell of it, however many
//! connections a client opens at once, and however the runs are cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{Chance, Sandbox};

const ATTACKER: &str = "203.0.113.9";

/// A line of the process with that pid, which serves the attacker.
fn sshd(second: u32, pid: u32, message: &str) -> String {
    let (m, s) = (second / 60, second % 60);
    let message = message.replace("IP", ATTACKER);
    format!("2026-03-22T00:{m:02}:{s:02}+00:00 web1 sshd[{pid}]: {message}\n")
}

/// A mistyped password of an account.
fn mistyped(second: u32, pid: u32) -> String {
    let port = 40_000 + pid;
    [
        sshd(
            second,
            pid,
            &format!("Failed password for alice from IP port {port} ssh2"),
        ),
        sshd(
            second,
            pid,
            &format!("Connection closed by authenticating user alice IP port {port} [preauth]"),
        ),
    ]
    .concat()
}

/// A password tried for a name that is no user's.
fn guessed(second: u32, pid: u32) -> [String; 3] {
    let port = 40_000 + pid;
    [
        sshd(second, pid, &format!("Invalid user x from IP port {port}")),
        sshd(
            second + 1,
            pid,
            &format!("Failed password for invalid user x from IP port {port} ssh2"),
        ),
        sshd(
            second + 1,
            pid,
            &format!("Connection closed by invalid user x IP port {port} [preauth]"),
        ),
    ]
}

/// How many failures one run counts, and whether it bans the attacker.
#[track_caller]
fn counted(log: &str) -> (u64, bool) {
    let sandbox = Sandbox::new().log("auth.log", log);
    let scanned = sandbox.scan_json();
    let failures = scanned["sources"][0]["failures"].as_u64().unwrap();
    let file = sandbox.path("auth.log");
    let file = file.to_str().unwrap();
    for command in [
        ["scan", "--dry-run", "--json"],
        ["audit", "--json", "--rule=ssh"],
    ] {
        let found = sandbox.run(command.iter().chain([&file])).exits(0).json();
        assert_eq!(found["sources"][0]["failures"], failures, "{command:?}");
        assert_eq!(
            found["bans"].as_array().unwrap().len(),
            scanned["bans"].as_array().unwrap().len(),
            "{command:?}"
        );
    }
    let matched = sandbox
        .run(["match", "--json", "--rule", "ssh", file])
        .exits(0)
        .stdout();
    let lines = matched
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(
        lines
            .map(|line| line["counted"].as_u64().unwrap())
            .sum::<u64>(),
        failures
    );
    (failures, !scanned["bans"].as_array().unwrap().is_empty())
}

#[test]
fn three_mistyped_logins_ban_nobody_and_five_do() {
    let log = |logins: u32| (0..logins).map(|n| mistyped(n, n + 1)).collect::<String>();
    assert_eq!(counted(&log(3)), (3, false));
    assert_eq!(counted(&log(4)), (4, false));
    assert_eq!(counted(&log(5)), (5, true));
    let log = |logins: u32| {
        (0..logins)
            .flat_map(|n| guessed(n, n + 1))
            .collect::<String>()
    };
    assert_eq!(counted(&log(4)), (4, false));
    assert_eq!(counted(&log(5)), (5, true));
}

#[test]
fn eight_connections_at_once_are_eight_failed_logins() {
    let all: Vec<[String; 3]> = (1..=8).map(|pid| guessed(0, pid)).collect();
    let nth = |n: usize| {
        all.iter()
            .map(move |lines| lines[n].as_str())
            .collect::<String>()
    };
    assert_eq!(counted(&(nth(0) + &nth(1) + &nth(2))), (8, true));
    let all: String = (1..=8)
        .map(|pid| sshd(0, pid, "Failed password for root from IP port 7 ssh2"))
        .collect();
    let ends: String = (1..=8)
        .map(|pid| {
            sshd(
                1,
                pid,
                "Connection reset by authenticating user root IP port 7 [preauth]",
            )
        })
        .collect();
    assert_eq!(counted(&(all + &ends)), (8, true));
}

/// The port is the client's: it binds one and the same for connection after
/// connection, or many connections seem to be one behind a translator of addresses.
#[test]
fn a_port_that_is_used_again_hides_nothing() {
    let log = |at: fn(u32) -> u32| -> String {
        let line = |n| {
            sshd(
                n,
                at(n),
                "Connection closed by authenticating user root IP port 4242 [preauth]",
            )
        };
        (0..6).map(line).collect()
    };
    assert_eq!(counted(&log(|n| n + 1)), (6, true));
    assert_eq!(counted(&log(|_| 1)), (1, false));
}

#[test]
fn attempts_that_would_pass_for_signs_count_all_the_same() {
    let line = |n, message: &str| sshd(n, 7, message);
    let failed = |n| line(n, "Failed password for root from IP port 1 ssh2");
    let invalid = |n| {
        line(
            n,
            "Failed password for invalid user Failed none for x from IP port 1 ssh2",
        )
    };
    // One connection for six passwords.
    let six: String = (0..6).map(failed).collect();
    assert_eq!(counted(&six), (6, true));
    // The same of a name that is no user's, chosen so that its lines look like others.
    let named: String = (0..6).map(invalid).collect();
    let named = line(0, "Invalid user Failed none for x from IP port 1") + &named;
    assert_eq!(counted(&named), (6, true));
    // The lines of several passwords that syslog puts together.
    let repeated = line(
        1,
        "message repeated 5 times: [ Failed password for root from IP port 1 ssh2]",
    );
    assert_eq!(counted(&(failed(0) + &repeated)), (6, true));
    // PAM and sshd tell of the same attempts.
    let told_twice: String = (0..6)
        .map(|n| line(n, "error: PAM: Authentication failure for root from IP") + &failed(n))
        .collect();
    assert_eq!(counted(&told_twice), (6, true));
    // A client that asks, or offers keys, for a name that is no user's has guessed nothing.
    let asked: String = (0..6)
        .map(|n| {
            line(n, "Failed none for invalid user x from IP port 1 ssh2")
                + &line(
                    n,
                    "Failed publickey for invalid user x from IP port 1 ssh2: RSA SHA256:abc",
                )
        })
        .collect();
    assert_eq!(counted(&asked), (1, false));
    let repeated = line(
        0,
        "message repeated 9 times: [ Invalid user x from IP port 1]",
    );
    assert_eq!(counted(&repeated), (1, false));
}

#[test]
fn guessing_keys_counts_once_a_connection() {
    let ends = [
        "Connection closed by authenticating user root IP port 1 [preauth]",
        "Disconnecting authenticating user root IP port 1: Change of username or service not allowed: (root,x) -> (y,x) [preauth]",
        "error: maximum authentication attempts exceeded for root from IP port 1 ssh2 [preauth]",
        "Unable to negotiate with IP port 1: no matching host key type found. Their offer: ssh-rsa [preauth]",
        "Timeout before authentication for connection from IP to 203.0.113.1, pid = 7",
    ];
    let one: String = ends.iter().map(|end| sshd(0, 7, end)).collect();
    assert_eq!(counted(&one), (1, false));
    let five: String = (0..)
        .zip(ends)
        .map(|(n, end)| sshd(n, n + 1, end))
        .collect();
    assert_eq!(counted(&five), (5, true));
}

/// All of them are lines of the process that listens.
#[test]
fn connections_that_no_process_serves_count_each() {
    let message =
        "drop connection #10 from [IP]:1 on [203.0.113.1]:22 penalty: failed authentication";
    let log: String = (0..5).map(|n| sshd(n, 1, message)).collect();
    assert_eq!(counted(&log), (5, true));
    let late = |n: u32| {
        format!(
            "Timeout before authentication for connection from IP to 203.0.113.1, pid = {}",
            n + 100
        )
    };
    let log: String = (0..5).map(|n| sshd(n, 1, &late(n))).collect();
    assert_eq!(counted(&log), (5, true));
}

#[test]
fn a_pid_that_comes_again_hides_no_password_and_counts_anew_after_ten_minutes() {
    let both = [guessed(0, 7), guessed(300, 7)].concat().concat();
    assert_eq!(counted(&both), (2, false));
    let both = [guessed(0, 7), guessed(602, 7)].concat().concat();
    assert_eq!(counted(&both), (2, false));
    let signs = |second| {
        sshd(0, 7, "Invalid user x from IP port 1")
            + &sshd(second, 7, "Invalid user y from IP port 1")
    };
    assert_eq!(counted(&signs(600)), (1, false));
    assert_eq!(counted(&signs(601)), (2, false));
}

#[test]
fn lines_without_a_pid_and_of_other_hosts_count_each() {
    let log: String = (0..5)
        .map(|n| sshd(n, 1, "Invalid user x from IP port 1").replace("sshd[1]", "sshd"))
        .collect();
    assert_eq!(counted(&log), (5, true));
    let hosts = (0..5)
        .map(|n| sshd(n, 1, "Invalid user x from IP port 1").replace("web1", &format!("web{n}")));
    assert_eq!(counted(&hosts.collect::<String>()), (5, true));
}

#[test]
fn own_patterns_count_every_match() {
    let sandbox = Sandbox::new()
        .log("auth.log", (0..2).map(|n| mistyped(n, n)).collect::<String>())
        .set("/settings/rules/ssh/regex_patterns", json!([r"^(?P<time>\S+) web1 sshd\[\d+\]: (?:Failed password for|Connection closed by authenticating user) alice (?:from )?(?P<ip>\S+) port"]))
        .set("/settings/rules/ssh/failed_attempts", 4);
    assert_eq!(sandbox.scan_json()["sources"][0]["failures"], 4);
    assert_eq!(sandbox.banned(), [ATTACKER]);
    let file = sandbox.path("auth.log");
    let line = sandbox
        .run(["match", "--json", "--rule", "ssh", file.to_str().unwrap()])
        .exits(0)
        .stdout();
    let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["sign"], &line["counted"]),
        (&json!(false), &json!(1))
    );
}

#[test]
fn match_shows_every_line_with_what_it_counts() {
    let log = guessed(0, 7).concat()
        + &mistyped(5, 8)
        + &sshd(
            9,
            9,
            "message repeated 2 times: [ Failed password for root from IP port 1 ssh2]",
        );
    let sandbox = Sandbox::new().log("auth.log", &log);
    let shown = sandbox
        .run(["match", "--json", "--rule", "ssh", "auth.log"])
        .exits(0)
        .stdout();
    let shown: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |line: &Value| {
        (
            line["line"].as_u64().unwrap(),
            line["sign"].as_bool().unwrap(),
            line["count"].as_u64().unwrap(),
            line["counted"].as_u64().unwrap(),
        )
    };
    assert_eq!(
        shown.iter().map(of).collect::<Vec<_>>(),
        [
            (1, true, 1, 1),
            (2, false, 1, 0),
            (4, false, 1, 1),
            (5, true, 1, 0),
            (6, false, 2, 2)
        ]
    );
}

/// Names tell that somebody fails; the password comes seconds later, and is what counts.
#[test]
fn the_failure_of_a_sign_moves_to_the_password_and_explain_shows_that() {
    let signs: String = (1..=4)
        .map(|pid| sshd(0, pid, "Invalid user x from IP port 1"))
        .collect();
    let failed: String = (1..=4)
        .map(|pid| {
            sshd(
                4,
                pid,
                "Failed password for invalid user x from IP port 1 ssh2",
            )
        })
        .collect();
    let last = sshd(9, 5, "Failed password for root from IP port 1 ssh2");
    let sandbox = Sandbox::new().log("auth.log", &signs);
    sandbox.scan().exits(0);
    let open = sandbox
        .run(["explain", ATTACKER, "--json"])
        .exits(0)
        .stdout();
    assert_eq!(open.matches("Invalid user").count(), 4, "{open}");
    sandbox.append("auth.log", &failed);
    sandbox.scan().exits(0).prints("");
    let open = sandbox
        .run(["explain", ATTACKER, "--json"])
        .exits(0)
        .stdout();
    assert_eq!(
        (
            open.matches("Invalid user").count(),
            open.matches("Failed password").count()
        ),
        (0, 4),
        "{open}"
    );
    // Nine seconds behind the names, and five behind the passwords.
    sandbox.append("auth.log", &last);
    sandbox.scan().exits(0).bans([ATTACKER]);
    let file = Sandbox::new().log("auth.log", signs + &failed + &last);
    file.run([
        "audit",
        "--json",
        "--what-if",
        "failed_attempts=5,6",
        "auth.log",
    ])
    .exits(0)
    .json()["what_if"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(|row| assert_eq!(row["bans"], u64::from(row["failed_attempts"] == 5), "{row}"));
    file.scan().exits(0).bans([ATTACKER]);
}

/// What no run has read yet is looked at by the same count.
#[test]
fn explain_counts_failed_logins_in_what_no_run_has_read() {
    let log: String = (0..3).map(|n| mistyped(n, n)).collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let said = sandbox.run(["explain", ATTACKER]).exits(0).stdout();
    assert!(said.contains("3 failures"), "{said}");
}

/// While a ban runs its address's lines fill no window, and what they have told does
/// not count once more when it is over.
#[test]
fn a_ban_that_ends_makes_no_login_count_twice() {
    let ten_seconds = || {
        Sandbox::new()
            .set("/settings/ban_time", 10)
            .set("/settings/failed_attempts", 2)
    };
    let logins = |n: u32| {
        (0..n)
            .map(|pid| sshd(0, pid, "Invalid user x from IP port 1"))
            .collect::<String>()
    };
    let sign = sshd(5, 7, "Invalid user x from IP port 1");
    // The ban of the first two is over; this login began while it ran.
    let late = sshd(
        11,
        7,
        "Failed password for invalid user x from IP port 1 ssh2",
    );
    let more = sshd(
        12,
        7,
        "Failed password for invalid user x from IP port 1 ssh2",
    );
    let other = sshd(13, 8, "Failed password for root from IP port 1 ssh2");
    for cuts in [false, true] {
        let sandbox = ten_seconds().log("auth.log", "");
        let (mut failures, mut bans) = (0, 0);
        let parts = [
            logins(2),
            sign.clone(),
            late.clone(),
            more.clone(),
            other.clone(),
        ];
        let parts = if cuts {
            parts.to_vec()
        } else {
            vec![parts.concat()]
        };
        for part in parts {
            sandbox.append("auth.log", part);
            let scanned = sandbox.scan_json();
            failures += scanned["sources"][0]["failures"].as_u64().unwrap();
            bans += scanned["bans"].as_array().unwrap().len();
        }
        // Two, the one that began while the ban ran, its second password, and another.
        assert_eq!((failures, bans), (5, 2), "{cuts}");
    }
}

#[test]
fn a_login_that_began_before_an_unban_counts_before_it() {
    let sandbox = Sandbox::new()
        .set("/settings/failed_attempts", 2)
        .set("/settings/request_time", 600);
    let line = |after: i64, pid: u32, message: &str| {
        let at = chrono::Utc::now() + chrono::TimeDelta::seconds(after);
        let line = sshd(0, pid, message);
        line.replace("2026-03-22T00:00:00", &at.format("%FT%T").to_string())
    };
    let failed = "Failed password for invalid user x from IP port 1 ssh2";
    sandbox.append("auth.log", line(-10, 7, "Invalid user x from IP port 1"));
    sandbox.scan().exits(0);
    sandbox.run(["unban", ATTACKER]).exits(0);
    // The login began before the un-ban, and counted then.
    sandbox.append("auth.log", line(60, 7, failed) + &line(60, 8, failed));
    sandbox.scan().exits(0).prints("");
    sandbox.append("auth.log", line(60, 9, failed));
    sandbox.scan().exits(0).bans([ATTACKER]);
}

/// What a line says, of one of three addresses and six processes.
#[derive(Debug, Clone, Copy)]
enum Said {
    Name,
    Asked,
    Failed(u8),
    Pam,
    End,
}

/// How many seconds behind the line before, which address, which process, and what.
type Line = (u32, u8, u8, Said);

fn line() -> impl Strategy<Value = Line> {
    let said = prop_oneof![
        3 => Just(Said::Name),
        1 => Just(Said::Asked),
        4 => Just(Said::Failed(1)),
        1 => (2u8..4).prop_map(Said::Failed),
        1 => Just(Said::Pam),
        2 => Just(Said::End),
    ];
    (0u32..8, 0u8..3, 0u8..6, said)
}

const ADDRESSES: [&str; 3] = [ATTACKER, "203.0.113.10", "2001:db8::9"];

fn text(lines: &[Line]) -> String {
    let (mut at, mut log) = (0, String::new());
    for &(gap, who, pid, said) in lines {
        at += gap;
        let message = match said {
            Said::Name => "Invalid user x from IP port 7".to_owned(),
            Said::Asked => "Failed none for invalid user x from IP port 7 ssh2".to_owned(),
            Said::Failed(1) => "Failed password for root from IP port 7 ssh2".to_owned(),
            Said::Failed(n) => format!(
                "message repeated {n} times: [ Failed password for root from IP port 7 ssh2]"
            ),
            Said::Pam => "error: PAM: Authentication failure for root from IP".to_owned(),
            Said::End => {
                "Connection closed by authenticating user root IP port 7 [preauth]".to_owned()
            }
        };
        let message = message.replace("IP", ADDRESSES[usize::from(who)]);
        let _ = write!(log, "{}", sshd(at, pid.into(), &message));
    }
    log
}

/// How many failed logins those are: of each connection the largest of one, its lines
/// `Failed` with a password, and those of PAM. It has no more than six connections of an
/// address, and none of them is older than ten minutes.
fn failed_logins(lines: &[Line]) -> u64 {
    let mut connections = BTreeMap::<(u8, u8), (u64, u64)>::new();
    for &(_, who, pid, said) in lines {
        let (failed, pam) = connections.entry((who, pid)).or_default();
        match said {
            Said::Failed(n) => *failed += u64::from(n),
            Said::Pam => *pam += 1,
            Said::Name | Said::Asked | Said::End => {}
        }
    }
    let of_each = connections.values();
    of_each.map(|(failed, pam)| 1.max(*failed).max(*pam)).sum()
}

fn world(attempts: u32, window: &str, ban_time: Option<u32>) -> Sandbox {
    let sandbox = Sandbox::new().log("auth.log", "");
    let metrics = sandbox.path("pyfilter.prom");
    sandbox
        .set("/settings/metrics", metrics.to_str().unwrap())
        .set("/settings/failed_attempts", attempts)
        .set("/settings/window", window)
        .set("/settings/ban_time", json!(ban_time))
}

fn total(sandbox: &Sandbox) -> u64 {
    let metrics = sandbox.read("pyfilter.prom");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pyfilter_failures_total{rule=\"ssh\"} "));
    line.map_or(0, |total| total.parse().unwrap())
}

/// Address and time of each ban of a run.
fn bans(scanned: &Value) -> Vec<(String, String)> {
    let text = |ban: &Value, key: &str| ban[key].as_str().unwrap().to_owned();
    let bans = scanned["bans"].as_array().unwrap().iter();
    bans.map(|ban| (text(ban, "ip"), text(ban, "time")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_counts_however_runs_are_cut(
        lines in prop::collection::vec(line(), 0..70),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1usize..=16), 1..5),
        attempts in 2u32..6, sliding: bool, ban_time in prop::option::of(1u32..60),
    ) {
        let window = if sliding { "sliding" } else { "gap" };
        let log = text(&lines);
        let whole = world(attempts, window, ban_time);
        whole.append("auth.log", &log);
        let mut expected = bans(&whole.scan_json());
        expected.sort();
        prop_assert_eq!(total(&whole), failed_logins(&lines));

        let mut cuts: Vec<(usize, usize)> = cuts.iter().map(|(cut, threads)| (cut.index(log.len() + 1), *threads)).collect();
        cuts.sort_unstable();
        cuts.push((log.len(), 2));
        let (mut sandbox, mut found, mut from) = (world(attempts, window, ban_time), Vec::new(), 0);
        for (cut, threads) in cuts {
            sandbox.append("auth.log", &log[from..cut]);
            sandbox = sandbox.env("RAYON_NUM_THREADS", &threads.to_string());
            let dry = bans(&sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json());
            let scanned = bans(&sandbox.scan_json());
            prop_assert_eq!(&dry, &scanned);
            found.extend(scanned);
            from = cut;
        }
        found.sort();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(total(&sandbox), failed_logins(&lines));
        let file = sandbox.path("auth.log");
        let args = ["scan", "--dry-run", "--json", file.to_str().unwrap()];
        let file = sandbox.run(args).exits(0).json();
        prop_assert_eq!(&file["sources"][0]["failures"], failed_logins(&lines));
    }
}

/// Connections are committed with the cursors: all of a run or nothing.
#[test]
fn runs_that_are_killed_count_no_login_twice_and_lose_none() {
    let mut chance = Chance::new("logins");
    let said = [
        Said::Name,
        Said::Failed(1),
        Said::End,
        Said::Asked,
        Said::Failed(3),
        Said::Pam,
    ];
    let lines: Vec<Line> = (0..70)
        .map(|_| {
            let mut below = |n| u8::try_from(chance.below(n)).unwrap();
            (
                below(8).into(),
                below(3),
                below(6),
                said[usize::from(below(6))],
            )
        })
        .collect();
    let sandbox = world(1000, "gap", None);
    let log = text(&lines);
    let log: Vec<&str> = log.split_inclusive('\n').collect();
    for part in log.chunks(7) {
        sandbox.append("auth.log", part.concat());
        for _ in 0..3 {
            let mut run = sandbox.command(["scan"]);
            run.stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            let mut run = run.spawn().unwrap();
            chance.wait(Duration::from_millis(60));
            run.kill().unwrap();
            run.wait().unwrap();
        }
    }
    sandbox.scan().succeeds();
    assert_eq!(total(&sandbox), failed_logins(&lines));
}
