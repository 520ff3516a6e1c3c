//! Which year, and which second, a stamp is of: logs that cross New Year, are
//! years old, or were written while clocks were set.

use serde_json::Value;

use crate::faults::packed::{gzip_of, written};
use crate::kit::{Sandbox, failure};

const ATTACKER: &str = "203.0.113.9";

/// A failed login as syslog has it, without a year.
fn classic(stamp: &str) -> String {
    format!("{stamp} web1 sshd[7]: Failed password for root from {ATTACKER} port 4711 ssh2\n")
}

fn classics(stamps: &[&str]) -> String {
    stamps.iter().map(|stamp| classic(stamp)).collect()
}

/// The times of the bans of a run.
fn times(run: &Value) -> Vec<String> {
    let bans = run["bans"].as_array().unwrap().iter();
    bans.map(|ban| ban["time"].as_str().unwrap().to_owned())
        .collect()
}

/// A rule over a log and its generations.
fn generations() -> Sandbox {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("auth.log*").to_str().unwrap().to_owned();
    sandbox.set("/settings/rules/ssh/log_files", glob)
}

#[test]
fn a_window_crosses_new_year_between_two_generations() {
    let sandbox = generations();
    sandbox.file(
        "auth.log.1",
        classics(&["Dec 31 23:59:57", "Dec 31 23:59:58", "Dec 31 23:59:59"]),
    );
    written(&sandbox, "auth.log.1", "2024-12-31 23:59:59");
    sandbox.file(
        "auth.log",
        classics(&["Jan  1 00:00:00", "Jan  1 00:00:01"]),
    );
    written(&sandbox, "auth.log", "2025-01-01 00:00:01");
    assert_eq!(times(&sandbox.scan_json()), ["2025-01-01T00:00:01Z"]);
}

#[test]
fn a_window_crosses_new_year_between_two_runs() {
    let sandbox = Sandbox::new().log(
        "auth.log",
        classics(&["Dec 31 23:59:57", "Dec 31 23:59:58"]),
    );
    written(&sandbox, "auth.log", "2024-12-31 23:59:58");
    sandbox.scan().exits(0).prints("");
    sandbox.append("auth.log", classic("Dec 31 23:59:59"));
    std::fs::rename(sandbox.path("auth.log"), sandbox.path("auth.log.1")).unwrap();
    written(&sandbox, "auth.log.1", "2024-12-31 23:59:59");
    sandbox.file(
        "auth.log",
        classics(&["Jan  1 00:00:01", "Jan  1 00:00:02"]),
    );
    written(&sandbox, "auth.log", "2025-01-01 00:00:02");
    assert_eq!(times(&sandbox.scan_json()), ["2025-01-01T00:00:02Z"]);
}

#[test]
fn one_log_that_crosses_new_year_is_of_both_years() {
    let text = classics(&[
        "Dec 31 23:59:58",
        "Dec 31 23:59:59",
        "Jan  1 00:00:00",
        "Jan  1 00:00:01",
        "Jan  1 00:00:02",
    ]);
    let sandbox = Sandbox::new().log("auth.log", text);
    written(&sandbox, "auth.log", "2025-01-01 00:00:02");
    assert_eq!(times(&sandbox.scan_json()), ["2025-01-01T00:00:02Z"]);
}

#[test]
fn a_log_that_is_years_old_is_of_its_own_year() {
    let stamps = [
        "Mar 22 14:18:14",
        "Mar 22 14:18:15",
        "Mar 22 14:18:16",
        "Mar 22 14:18:17",
        "Mar 22 14:18:18",
    ];
    let sandbox = generations();
    // The header of a gzip file speaks before the file system.
    sandbox.file("auth.log.3.gz", gzip_of(&classics(&stamps), 1_521_728_298));
    written(&sandbox, "auth.log.3.gz", "2021-05-05 05:05:05");
    let run = sandbox.scan_json();
    assert_eq!(times(&run), ["2018-03-22T14:18:18Z"]);
    // Without a time in its header it is the file's own.
    let sandbox = generations();
    sandbox.file("auth.log.3.gz", gzip_of(&classics(&stamps), 0));
    written(&sandbox, "auth.log.3.gz", "2021-05-05 05:05:05");
    assert_eq!(times(&sandbox.scan_json()), ["2021-03-22T14:18:18Z"]);
    let sandbox = Sandbox::new().log("auth.log", classics(&stamps));
    written(&sandbox, "auth.log", "2019-03-22 14:18:18");
    assert_eq!(times(&sandbox.scan_json()), ["2019-03-22T14:18:18Z"]);
    // A file by its name, too.
    let sandbox = Sandbox::new().log("old.log", classics(&stamps));
    written(&sandbox, "old.log", "2017-03-22 14:18:18");
    let run = sandbox
        .run(["scan", "--json", "--dry-run", "old.log"])
        .exits(0)
        .json();
    assert_eq!(times(&run), ["2017-03-22T14:18:18Z"]);
}

#[test]
fn a_stamp_may_be_a_day_ahead_of_the_last_write_and_no_more() {
    let of = |stamp: &str| {
        let sandbox = Sandbox::new().set("/settings/failed_attempts", 1);
        sandbox.file("auth.log", classic(stamp));
        written(&sandbox, "auth.log", "2025-03-21 12:00:00");
        times(&sandbox.scan_json())
    };
    assert_eq!(of("Mar 22 12:00:00"), ["2025-03-22T12:00:00Z"]);
    assert_eq!(of("Mar 22 12:00:01"), ["2024-03-22T12:00:01Z"]);
}

#[test]
fn the_29th_of_february_is_of_the_last_leap_year() {
    let of = |last_write: &str| {
        let sandbox = Sandbox::new().log(
            "auth.log",
            classics(&[
                "Feb 28 23:59:58",
                "Feb 28 23:59:59",
                "Feb 29 00:00:00",
                "Feb 29 00:00:01",
                "Feb 29 00:00:02",
            ]),
        );
        written(&sandbox, "auth.log", last_write);
        times(&sandbox.scan_json())
    };
    assert_eq!(of("2024-02-29 00:00:02"), ["2024-02-29T00:00:02Z"]);
    assert_eq!(of("2024-03-01 10:00:00"), ["2024-02-29T00:00:02Z"]);
    // In a year without it the days before are of another year: the windows
    // are apart, and three failures fill none.
    assert_eq!(of("2026-03-01 10:00:00"), [""; 0]);
    let sandbox = Sandbox::new().log("auth.log", classic("Feb 29 00:00:02"));
    let sandbox = sandbox.set("/settings/failed_attempts", 1);
    written(&sandbox, "auth.log", "2026-03-01 10:00:00");
    assert_eq!(times(&sandbox.scan_json()), ["2024-02-29T00:00:02Z"]);
}

/// In Berlin the clock goes from 02:00 to 03:00 on 30 March 2025, and from
/// 03:00 back to 02:00 on 26 October.
fn berlin(stamps: &[&str], last_write: &str) -> Sandbox {
    let sandbox = Sandbox::new().env("TZ", "Europe/Berlin");
    sandbox.file("auth.log", classics(stamps));
    written(&sandbox, "auth.log", last_write);
    sandbox
}

#[test]
fn an_hour_that_does_not_exist_is_an_hour_later() {
    let sandbox = berlin(
        &[
            "Mar 30 01:59:58",
            "Mar 30 01:59:59",
            "Mar 30 03:00:00",
            "Mar 30 03:00:01",
            "Mar 30 03:00:02",
        ],
        "2025-03-30 01:00:02",
    );
    assert_eq!(times(&sandbox.scan_json()), ["2025-03-30T01:00:02Z"]);
    let sandbox =
        berlin(&["Mar 30 02:30:00"], "2025-03-30 01:30:00").set("/settings/failed_attempts", 1);
    assert_eq!(times(&sandbox.scan_json()), ["2025-03-30T01:30:00Z"]);
    sandbox
        .run(["explain", ATTACKER])
        .exits(0)
        .says("2025-03-30 03:30:00");
}

#[test]
fn an_hour_that_comes_twice_is_the_first_and_nothing_is_lost() {
    let stamps = [
        "Oct 26 02:59:58",
        "Oct 26 02:59:59",
        "Oct 26 02:00:00",
        "Oct 26 02:00:01",
        "Oct 26 02:00:02",
        "Oct 26 02:00:03",
        "Oct 26 02:00:04",
    ];
    // The second 02:00:00 is long before the last of its window: those behind it
    // have one of their own.
    let sandbox = berlin(&stamps, "2025-10-26 01:00:04");
    assert_eq!(times(&sandbox.scan_json()), ["2025-10-26T00:00:04Z"]);
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

#[test]
fn five_failures_spread_over_the_repeated_hour_in_autumn_ban_nobody() {
    let stamps = [
        "Oct 26 02:58:00",
        "Oct 26 02:05:00",
        "Oct 26 02:17:00",
        "Oct 26 02:29:00",
        "Oct 26 02:41:00",
        "Oct 26 02:53:00",
    ];
    for window in ["gap", "sliding"] {
        let sandbox = berlin(&stamps, "2025-10-26 01:53:00").set("/settings/window", window);
        assert_eq!(times(&sandbox.scan_json()), [""; 0], "{window}");
        // A run after each line.
        let sandbox = berlin(&[], "2025-10-26 01:53:00").set("/settings/window", window);
        for stamp in stamps {
            sandbox.append("auth.log", classic(stamp));
            written(&sandbox, "auth.log", "2025-10-26 01:53:00");
            assert_eq!(times(&sandbox.scan_json()), [""; 0], "{window}");
        }
    }
}

/// One host's clock is half an hour behind, and both write to one log.
fn half_an_hour_apart(ahead: &[u32], behind: &[u32]) -> String {
    let ahead = ahead.iter().map(|second| failure(ATTACKER, 7200 + second));
    let behind = behind.iter().map(|second| failure(ATTACKER, 5400 + second));
    // The logger takes from both in turn.
    let (mut ahead, mut behind) = (ahead.fuse(), behind.fuse());
    let mut log = String::new();
    loop {
        let lines = [ahead.next(), behind.next()];
        if lines == [None, None] {
            return log;
        }
        log.extend(lines.into_iter().flatten());
    }
}

#[test]
fn two_hosts_in_one_log_30_minutes_apart_do_not_make_one_attack() {
    // Five failures of one host within twenty minutes, and two of the other.
    let log = half_an_hour_apart(&[0, 600], &[0, 300, 600, 900, 1200]);
    let sandbox = Sandbox::new().log("auth.log", log);
    assert_eq!(times(&sandbox.scan_json()), [""; 0]);
}

#[test]
fn two_hosts_in_one_log_30_minutes_apart_hide_no_attack() {
    // Each is attacked: whichever host's failures are five, they ban, and the
    // other host's in between begin nothing anew.
    for (ahead, behind, at) in [
        (
            &[0, 60, 120, 180][..],
            &[0, 1, 2, 3, 4][..],
            "2026-03-22T01:30:04Z",
        ),
        (
            &[0, 1, 2, 3, 4][..],
            &[0, 60, 120, 180][..],
            "2026-03-22T02:00:04Z",
        ),
    ] {
        let log = half_an_hour_apart(ahead, behind);
        let sandbox = Sandbox::new().log("auth.log", &log);
        assert_eq!(times(&sandbox.scan_json()), [at]);
        let sandbox = Sandbox::new().log("auth.log", "");
        let mut apart = Vec::new();
        for line in log.split_inclusive('\n') {
            sandbox.append("auth.log", line);
            apart.extend(times(&sandbox.scan_json()));
        }
        assert_eq!(apart, [at]);
        sandbox.run(["explain", ATTACKER]).exits(0).says("5/5");
    }
}

#[test]
fn a_clock_that_steps_back_by_more_than_is_out_of_order_begins_another_window() {
    let stepped = |back: u32, further: u32| {
        let seconds = [7200, 7201].into_iter();
        let text: String = seconds
            .chain((0..further).map(|n| 7202 + n - back))
            .map(|second| failure(ATTACKER, second))
            .collect();
        let at_once = Sandbox::new().log("auth.log", &text);
        let at_once = times(&at_once.scan_json());
        // However it is cut into runs.
        let sandbox = Sandbox::new().log("auth.log", "");
        let mut apart = Vec::new();
        for line in text.split_inclusive('\n') {
            sandbox.append("auth.log", line);
            apart.extend(times(&sandbox.scan_json()));
        }
        assert_eq!(at_once, apart, "{back} seconds");
        at_once.len()
    };
    assert_eq!(stepped(3, 3), 1);
    assert_eq!(stepped(6, 3), 1);
    assert_eq!(stepped(7, 3), 0);
    assert_eq!(stepped(3600, 3), 0);
    assert_eq!(stepped(3600, 5), 1);
    assert_eq!(stepped(3602, 5), 1);
}

#[test]
fn whoever_set_the_hosts_clock_back_is_banned_by_the_logs_time() {
    // The log is of the future: years after what this host's clock says.
    let text: String = (0..5)
        .map(|n| failure(ATTACKER, n).replace("2026-", "2044-"))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", text);
    assert_eq!(times(&sandbox.scan_json()), ["2044-03-22T00:00:04Z"]);
    sandbox.append("auth.log", failure("198.51.100.1", 9).repeat(5));
    assert_eq!(times(&sandbox.scan_json()), ["2026-03-22T00:00:09Z"]);
}
