//! `audit`: what happened in whole logs, from where, and who would be banned.

mod browser;
mod networks;
mod what_if;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};

use crate::kit::{PYFILTER, Sandbox, failure, failures, fixture, full, needs, repeated};

/// A successful login of ssh.
fn login(address: &str, second: u32) -> String {
    failure(address, second).replace("Failed", "Accepted")
}

/// The JSON of an audit that ended well.
fn audit(sandbox: &Sandbox, args: &[&str]) -> Value {
    let args = ["audit", "--json"].iter().chain(args);
    sandbox.run(args).exits(0).json()
}

/// How many failed logins the lines of a fixture tell of that match [`SSH`]: of a
/// connection as many as it has attempts, told by sshd or by PAM, and one at least.
fn failed_logins(log: &str) -> u64 {
    let text = std::fs::read_to_string(fixture("logs").join(log)).unwrap();
    let line = Regex::new(SSH).unwrap();
    let attempt = Regex::new(r"\]: Failed (password|keyboard-interactive/pam) for ").unwrap();
    let whose = Regex::new(r" sshd(?:-session|-auth)?(?:\[([0-9]+)\])?: ").unwrap();
    // The last address of the line: behind it no client has said anything.
    let address = Regex::new(r".* ([0-9]+\.[0-9.]+[0-9]|[0-9a-f]+:[0-9a-f:]+)\b").unwrap();
    let mut connections = BTreeMap::<(String, String), (u64, u64)>::new();
    for line in text.lines().filter(|text| line.is_match(text)) {
        let pid = whose.captures(line).unwrap()[1].to_owned();
        let Some(address) = address.captures(line) else {
            continue;
        };
        let (attempts, by_pam) = connections.entry((address[1].to_owned(), pid)).or_default();
        *attempts += u64::from(attempt.is_match(line));
        *by_pam += u64::from(line.contains(" PAM: "));
    }
    let counted = connections
        .values()
        .map(|(attempts, by_pam)| 1.max(*attempts).max(*by_pam));
    counted.sum()
}

/// How many lines of a fixture match an expression, as `grep -cE` counts them.
fn grep(log: &str, expression: &str) -> u64 {
    let counted = std::process::Command::new("grep")
        .args(["-cE", expression])
        .arg(fixture("logs").join(log))
        .output()
        .unwrap();
    String::from_utf8(counted.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// What counts in sshd's own words, as the contract lists it.
const SSH: &str = concat!(
    r"sshd(-session|-auth)?(\[[0-9]+\])?: (",
    r"Failed (password|keyboard-interactive/pam) for |",
    r"Failed (none|publickey) for invalid user |",
    r"Invalid user |",
    r"User .* from [^ ]+ not allowed because |",
    r"ROOT LOGIN REFUSED FROM |",
    r"error: PAM: [^f].* for [^ ]+ from |",
    r"error: maximum authentication attempts exceeded for |",
    r"(error: |fatal: )?banner exchange: Connection from |",
    r"(error: |fatal: )?Unable to negotiate with |",
    r"(error: |fatal: )?Timeout before authentication for |",
    r"(Connection (closed|reset) by|Disconnected from) authenticating user .* \[preauth\])"
);

#[test]
fn totals_of_the_captures_are_what_a_plain_count_says() {
    let nginx = r#"\] "POST /(login|admin)/(\?[^"]*)? HTTP/[0-9.]+" (401|405) "#;
    let apache = r#"\] "POST /login/(\?[^"]*)? HTTP/[0-9.]+" 200 "#;
    for (log, rule, expression) in [
        ("bookworm-auth.log", "ssh", SSH),
        ("bookworm-auth-classic.log", "ssh", SSH),
        ("trixie-auth.log", "ssh", SSH),
        ("trixie-auth-classic.log", "ssh", SSH),
        ("mariadb-error.log", "mysql", "Access denied for user '"),
        ("nginx-access.log", "nginx", nginx),
        ("apache-access.log", "apache", apache),
    ] {
        let path = fixture("logs").join(log);
        let found = audit(&Sandbox::new(), &["--rule", rule, path.to_str().unwrap()]);
        let counted = match rule {
            "ssh" => failed_logins(log),
            _ => grep(log, expression),
        };
        assert!(counted > 1, "{log}");
        let failures = &found["failures"];
        let left_out: u64 = found["sources"][0]["host_names"].as_u64().unwrap();
        assert_eq!(failures.as_u64().unwrap() + left_out, counted, "{log}");
        assert_eq!(&found["sources"][0]["failures"], failures, "{log}");
        assert_eq!(&found["rules"][0]["failures"], failures, "{log}");
        for list in ["addresses", "timeline"] {
            assert_eq!(&sum(&found[list]), failures, "{log} {list}");
        }
        if rule == "ssh" {
            let logins = grep(log, r"sshd(-session|-auth)?(\[[0-9]+\])?: Accepted ");
            assert_eq!(found["rules"][0]["logins"], logins, "{log}");
        }
        let scanned = Sandbox::new()
            .run([
                "scan",
                "--dry-run",
                "--json",
                "--rule",
                rule,
                path.to_str().unwrap(),
            ])
            .exits(0)
            .json();
        assert_eq!(found["bans"], scanned["bans"], "{log}");
    }
}

fn sum(list: &Value) -> Value {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|item| item["failures"].as_u64().unwrap())
        .sum::<u64>()
        .into()
}

#[test]
fn all_generations_are_read_whether_the_glob_names_them_or_not() {
    let sandbox = Sandbox::new().log("auth.log", failure("203.0.113.9", 300));
    let gzip = |name: &str, text: &str| {
        sandbox.file(name, text);
        let status = std::process::Command::new("gzip")
            .arg(sandbox.path(name))
            .status();
        assert!(status.unwrap().success());
    };
    gzip("auth.log.3", &failures("203.0.113.1", 5));
    gzip("auth.log.2", &failure("203.0.113.9", 100));
    sandbox.file("auth.log.1", failure("203.0.113.9", 200));
    let before = sandbox.tree();
    let found = audit(&sandbox, &[]);
    assert_eq!(sandbox.tree(), before, "an audit changes nothing");
    let paths: Vec<&str> = (found["sources"].as_array().unwrap().iter())
        .map(|source| source["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["auth.log.3.gz", "auth.log.2.gz", "auth.log.1", "auth.log"]
    );
    assert_eq!(found["failures"], 8);
    assert_eq!(found["bans"][0]["ip"], "203.0.113.1");
    let worst = &found["addresses"][0];
    assert_eq!(worst["ip"], "203.0.113.1");
    assert_eq!(worst["rules"], json!({ "ssh": 5 }));
    assert_eq!(worst["first"], "2026-03-22T00:00:00Z");
    assert_eq!(worst["last"], "2026-03-22T00:00:04Z");
    // After a run, too: what the store knows of the logs is of no concern.
    sandbox.scan().succeeds();
    assert_eq!(audit(&sandbox, &[])["failures"], 8);
}

#[test]
fn generations_are_found_wherever_the_log_has_gone() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .set("/settings/rules/ssh/olddir", "old");
    std::fs::remove_file(sandbox.path("auth.log")).unwrap();
    sandbox.file("old/auth.log-20260301", failures("203.0.113.1", 5));
    sandbox.file("auth.log.1", failures("203.0.113.9", 2));
    let names = |found: &Value| -> Vec<(String, String)> {
        let row = |row: &Value| {
            let path = row["path"].as_str().unwrap().to_owned();
            let root = sandbox.path("").display().to_string();
            let path = path.replace(&root, "").trim_matches('/').to_owned();
            (path, row["status"].as_str().unwrap().to_owned())
        };
        found["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(row)
            .collect()
    };
    let expected = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = |(path, status): &(&str, &str)| ((*path).to_owned(), (*status).to_owned());
        rows.iter().map(owned).collect()
    };
    let rotated = [("old/auth.log-20260301", "read"), ("auth.log.1", "read")];
    let audit = |status: i32| sandbox.run(["audit", "--json"]).exits(status).json();
    // The live file is not there: what there is is read, and it is told.
    let found = audit(0);
    assert_eq!(names(&found), expected(&rotated));
    assert_eq!(found["failures"], 7);
    // It is empty, as just after a rotation.
    sandbox.file("auth.log", "");
    let live = [&rotated[..], &[("auth.log", "read")]].concat();
    let found = audit(0);
    assert_eq!(
        (names(&found), &found["failures"]),
        (expected(&live), &json!(7))
    );
    // One of them is not to be read: it is named, and the others are read.
    sandbox.file("auth.log.2.gz", b"\x1f\x9d and so on");
    let ran = sandbox.run(["audit", "--json"]).exits(1);
    assert_eq!(ran.json()["failures"], 7);
    ran.warns("auth.log.2.gz: is compressed with compress (.Z)");
    // Nothing is there at all.
    for name in [
        "auth.log",
        "auth.log.1",
        "auth.log.2.gz",
        "old/auth.log-20260301",
    ] {
        std::fs::remove_file(sandbox.path(name)).unwrap();
    }
    let found = audit(1);
    assert_eq!(names(&found), expected(&[("auth.log", "missing")]));
    assert_eq!(found["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn standard_input_is_read_and_the_page_written_to_standard_output() {
    needs!("script");
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    let read = |line: &str| sandbox.on_terminal(80, line).stdout();
    assert!(read("cat auth.log | pyfilter audit -").contains("5 failures from 1 address"));
    let found = read("cat auth.log | pyfilter audit --json - auth.log | grep -c 'ssh'");
    assert_ne!(found.trim(), "0");
    let silent = read("echo nothing | pyfilter audit - | cat");
    assert_eq!(
        silent.replace('\r', ""),
        "No failures in 1 log (8 bytes).\nNo line matches rule ssh.\n"
    );
    let page = sandbox.run(["audit", "--html", "-", "auth.log"]).exits(0);
    assert!(
        page.stdout().starts_with("<!DOCTYPE html>"),
        "{}",
        page.stdout()
    );
    assert!(page.stdout().trim_end().ends_with("</html>"));
    assert!(!sandbox.path("-").exists());
    sandbox
        .run(["audit", "--json", "--html", "-", "auth.log"])
        .exits(2)
        .warns("both write to standard output");
    sandbox
        .on_terminal(80, "mkfifo pipe; pyfilter audit pipe 2>&1")
        .says("pipe: is a named pipe, not a file; pipe it into `pyfilter audit -`");
}

#[test]
fn a_log_among_others_that_another_rule_is_for_is_named() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures("203.0.113.9", 5))
        .log("daemon.log", "nothing\nof note\n");
    let nginx = fixture("logs/nginx-access.log");
    let nginx = nginx.to_str().unwrap();
    let found = audit(&sandbox, &["auth.log", "daemon.log", nginx]);
    let note =
        format!("{nginx}: no line matches rule ssh, but 24 match rule nginx: try `--rule nginx`.");
    assert_eq!(found["notes"], json!([note]));
}

#[test]
fn every_packing_is_read_and_a_broken_one_is_told() {
    let sandbox = Sandbox::new();
    let files = ["gz", "bz2", "xz", "zst"]
        .map(|ending| fixture("packed").join(format!("auth.log.{ending}")));
    let files: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let one = audit(&sandbox, &files[..1])["failures"].as_u64().unwrap();
    assert!(one > 0);
    assert_eq!(audit(&sandbox, &files)["failures"], one * 4);
    let whole = std::fs::read(files[0]).unwrap();
    sandbox.file("cut.gz", &whole[..whole.len() / 2]);
    sandbox
        .run(["audit", "cut.gz"])
        .exits(1)
        .warns("cut.gz: could not be read beyond byte ");
}

#[test]
fn more_files_are_read_than_a_shell_lets_open() {
    let sandbox = Sandbox::new().behind(&["sh", "-c", "ulimit -S -n 64; exec \"$@\"", "sh"]);
    let names: Vec<String> = (0..200).map(|n| format!("old/auth.log.{n}")).collect();
    for (second, name) in (0..).zip(&names) {
        sandbox.file(name, failure("203.0.113.9", second));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = audit(&sandbox, &names);
    assert_eq!(found["failures"], 200);
    assert_eq!(found["bans"][0]["time"], "2026-03-22T00:00:04Z");
}

#[test]
fn only_the_period_is_looked_at() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 60));
    let period = |since: &str, until: &str| {
        let found = audit(&sandbox, &["--since", since, "--until", until]);
        (
            found["failures"].as_u64().unwrap(),
            found["outside_period"].as_u64().unwrap(),
        )
    };
    assert_eq!(period("2026-03-22", "2026-03-23"), (60, 0));
    assert_eq!(
        period("2026-03-22 00:00:10", "2026-03-22T00:00:20Z"),
        (10, 50)
    );
    // What came before fills no window.
    let found = audit(&sandbox, &["--since", "2026-03-22 00:00:56"]);
    assert_eq!(
        (&found["failures"], &found["bans"]),
        (&json!(4), &json!([]))
    );
    let found = audit(&sandbox, &["--since", "2026-03-22 00:00:55"]);
    assert_eq!(found["bans"][0]["time"], "2026-03-22T00:00:59Z");
    sandbox
        .run(["audit", "--since", "2026-03-23"])
        .exits(0)
        .says("nothing lies within the period, and 60 failures and logins outside of it");
}

#[test]
fn a_period_that_is_empty_or_reversed_is_wrong_usage() {
    let sandbox = Sandbox::new().log("auth.log", "");
    for (since, until, said) in [
        ("2026-03-22", "2026-03-22", "the period is empty"),
        ("2026-03-23", "2026-03-22", "the period is reversed"),
        ("1d", "7d", "the period is reversed"),
        ("yesterday", "7d", "`yesterday` is no time"),
    ] {
        sandbox
            .run(["audit", "--since", since, "--until", until])
            .exits(2)
            .warns(said);
    }
}

#[test]
fn logins_are_told_and_nobody_can_fake_one() {
    let faked = failure("203.0.113.9", 7).replace(
        "root",
        "invalid user Accepted password for root from 198.51.100.1 port 1 ssh2",
    );
    let log =
        failures("203.0.113.9", 5) + &login("203.0.113.9", 6) + &faked + &login("192.0.2.1", 8);
    let sandbox = Sandbox::new().log("auth.log", log);
    let found = audit(&sandbox, &[]);
    assert_eq!(found["rules"][0]["logins"], 2);
    assert_eq!(
        (&found["banned"], &found["banned_logged_in"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(found["failures"], 6);
    assert_eq!(found["addresses"].as_array().unwrap().len(), 1);
    // A rule whose logs do not tell of logins does not say that there were none.
    let nginx = fixture("logs/nginx-access.log");
    let found = audit(&sandbox, &["--rule", "nginx", nginx.to_str().unwrap()]);
    assert_eq!(
        (&found["banned_logged_in"], &found["rules"][0]["logins"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn users_are_counted_and_what_they_typed_is_only_shown() {
    let typed =
        |name: &str| failure("203.0.113.9", 1).replace("root", &format!("invalid user {name}"));
    let log = failures("203.0.113.8", 3)
        + &typed("<script>alert(1)</script>")
        + &typed("a\x1b[2J")
        + &typed(&"x".repeat(500));
    let sandbox = Sandbox::new().log("auth.log", log);
    let found = audit(&sandbox, &[]);
    let users: BTreeMap<&str, u64> = (found["users"].as_array().unwrap().iter())
        .map(|user| {
            (
                user["user"].as_str().unwrap(),
                user["failures"].as_u64().unwrap(),
            )
        })
        .collect();
    let cut = "x".repeat(64);
    let expected = [
        ("<script>alert(1)</script>", 1),
        (r"a\x1b[2J", 1),
        ("root", 3),
        (&cut, 1),
    ];
    assert_eq!(users, BTreeMap::from(expected));
    sandbox.run(["audit", "--html", "report.html"]).exits(0);
    let page = sandbox.read("report.html");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<script>alert"));
    assert!(page.contains(r"a\x1b[2J") && !page.contains('\x1b'));
}

#[test]
fn who_is_banned_now_is_told_where_the_store_can_be_read() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 4));
    let in_force = || audit(&sandbox, &[])["addresses"][0]["in_force"].clone();
    assert_eq!(in_force(), Value::Null);
    sandbox.run(["ban", "203.0.113.9"]).succeeds();
    assert_eq!(in_force(), true);
    sandbox.run(["audit"]).exits(0).says("is banned");
    sandbox.run(["unban", "203.0.113.9"]).succeeds();
    assert_eq!(in_force(), false);
}

#[test]
fn countries_are_told() {
    let log =
        failures("203.0.113.9", 5) + &failures("2001:db8::1", 2) + &failures("192.88.99.1", 1);
    let geoip = fixture("geo/GeoLite2-Country.mmdb");
    let sandbox = Sandbox::new()
        .log("auth.log", log)
        .set("/geoip/database", geoip.to_str().unwrap());
    let found = audit(&sandbox, &[]);
    assert_eq!(found["addresses"][0]["country"], "GB");
    assert_eq!(found["bans"][0]["country"], "GB");
    assert_eq!(found["countries"][0]["failures"], 5);
    let unknown = &found["countries"][2];
    assert_eq!(
        (&unknown["country"], &unknown["addresses"]),
        (&Value::Null, &json!(1))
    );
    // Where no terminal says how wide it is, no column is left out.
    sandbox
        .run(["audit"])
        .exits(0)
        .says("GB United Kingdom")
        .says("FIRST SEEN           LAST SEEN            RULES  COUNTRY");
    let broken = sandbox.set("/geoip/database", fixture("auth.log").to_str().unwrap());
    broken
        .run(["audit"])
        .exits(1)
        .says("203.0.113.9")
        .warns("location database is damaged");
}

#[test]
fn networks_hold_those_who_came_together() {
    let log: String = (1..=3)
        .map(|n| failures(&format!("203.0.113.{n}"), n))
        .collect();
    let six: String = (1..=2)
        .map(|n| failures(&format!("2001:db8:1:{n}::1"), 1))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log + &six + &failures("192.0.2.1", 9));
    let networks = audit(&sandbox, &[])["networks"].clone();
    assert_eq!(
        networks,
        json!([
            { "network": "203.0.113.0/24", "addresses": 3, "failures": 6, "banned": 0 },
            { "network": "2001:db8:1::/48", "addresses": 2, "failures": 2, "banned": 0 },
        ])
    );
}

#[test]
fn a_year_without_a_line_is_told_and_so_is_the_future() {
    let later = |year: &str| failure("203.0.113.9", 3).replace("2026-", year);
    let log = failures("203.0.113.9", 3) + &later("2027-") + &later("2199-");
    let sandbox = Sandbox::new().log("auth.log", log);
    let found = audit(&sandbox, &[]);
    assert_eq!(found["gaps"][1]["seconds"], 365 * 86_400 + 1);
    assert_eq!(found["future"]["newest"], "2199-03-22T00:00:03Z");
    assert!(found["timeline"].as_array().unwrap().len() <= 60);
    let ran = sandbox.run(["audit"]).exits(0);
    ran.says("365 days")
        .says("stamped in the future, up to 2199-03-22");
}

#[test]
fn a_log_in_which_nothing_matches_names_the_rule_that_would() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .log("odd.log", "neither\nfish\x1b\nnor meat\n");
    let nginx = fixture("logs/nginx-access.log");
    sandbox
        .run(["audit", nginx.to_str().unwrap()])
        .exits(0)
        .says("No line matches rule ssh.")
        .says("The nearest is rule nginx, which 24 lines match: try `--rule nginx`.");
    // The two match the same lines: the log's name says which it is.
    let apache = fixture("logs/apache-access.log");
    sandbox
        .run(["audit", apache.to_str().unwrap()])
        .says("The nearest is rule apache, which 8 lines match: try `--rule apache`.");
    sandbox
        .run(["audit", "odd.log"])
        .exits(0)
        .says("No other rule matches either")
        .says("odd.log begins with: neither");
    sandbox
        .run(["audit"])
        .exits(0)
        .says("The logs of rule ssh are empty.");
}

#[test]
fn what_can_not_be_read_is_told_and_the_rest_is_read() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    std::fs::create_dir(sandbox.path("old")).unwrap();
    let ran = sandbox
        .run(["audit", "--json", "auth.log", "old", "missing.log"])
        .exits(1);
    let found = ran.json();
    assert_eq!(found["failures"], 5);
    assert_eq!(found["errors"].as_array().unwrap().len(), 2);
    ran.warns("old: is a directory, not a file; name the files in it, as the shell does for DIR/*")
        .warns("missing.log: is not there");
    let none = Sandbox::new().set("/settings/rules/ssh/log_files", "");
    none.run(["audit"])
        .exits(0)
        .says("No file to check within rule: Ssh")
        .says("No log was read: name some");
}

#[test]
fn a_report_that_can_not_be_written_is_told_before_anything_is_read() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    std::fs::create_dir(sandbox.path("there")).unwrap();
    for path in [
        "missing/report.html",
        "there",
        "/",
        "/dev/full",
        "/proc/report.html",
    ] {
        sandbox
            .run(["audit", "--html", path])
            .exits(1)
            .prints("")
            .warns("the report can not be written there")
            .warns("nothing was read");
    }
    sandbox.run(["audit", "--html", "report.html"]).exits(0);
    let left: Vec<_> = sandbox
        .tree()
        .into_keys()
        .filter(|path| path.ends_with(".pyfilter-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_output_that_is_full_is_told() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    for args in [&["audit"][..], &["audit", "--json"]] {
        let errors = std::fs::File::create(sandbox.path("errors")).unwrap();
        let ran = sandbox.run_into(args, full(), errors);
        assert_eq!(ran.status(), Some(1));
        assert!(
            sandbox
                .read("errors")
                .contains("standard output can not be written")
        );
    }
}

#[test]
fn forty_columns_are_enough() {
    needs!("script");
    let log: String = (1..30)
        .map(|n| failures(&format!("2001:db8:1234:5678:9abc:def0:1234:{n:x}"), n))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let script = format!(
        "stty rows 24 cols 40; exec {PYFILTER} -c {} --state-dir {} audit --what-if failed_attempts=3,5 --what-if request_time=5,600 --what-if window=gap,sliding --what-if ban_time=1h",
        sandbox.path("config.json").display(),
        sandbox.path("state").display(),
    );
    drop(sandbox.tree());
    let ran = std::process::Command::new("script")
        .args(["-qec", &script, "/dev/null"])
        .env("TZ", "UTC")
        // A build machine has none, or a dumb one, which shows no colors.
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let shown = String::from_utf8(ran.stdout).unwrap();
    let styles = Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert!(styles.is_match(&shown), "colors on a terminal: {shown}");
    let plain = styles.replace_all(&shown, "").replace('\r', "");
    assert!(
        plain.contains("2001:db8:1234:5678:9abc:def0:1234:1d"),
        "{plain}"
    );
    for line in plain.lines().filter(|line| !line.contains("--what-if")) {
        let wide = line.chars().count();
        assert!(
            wide <= 40 || line.contains("1234:") || line.contains("  ADDRESS  "),
            "{wide}: {line}\n{plain}"
        );
    }
}

#[test]
fn without_a_terminal_there_are_no_colors_and_top_says_how_much() {
    let log: String = (1..30)
        .map(|n| failures(&format!("203.0.113.{n}"), n))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let ran = sandbox
        .run(["audit", "--top", "3"])
        .exits(0)
        .says_nothing_of("\x1b");
    ran.says("Worst addresses (the first 3 of 29)")
        .says_nothing_of("203.0.113.26 ");
    assert_eq!(
        audit(&sandbox, &[])["addresses"].as_array().unwrap().len(),
        29
    );
    assert_eq!(
        audit(&sandbox, &["--top", "3"])["addresses"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    sandbox.run(["audit", "--top", "0"]).exits(2);
    let hint = "--top all shows all of them";
    sandbox.run(["audit"]).exits(0).says(hint);
    let ran = sandbox.run(["audit", "--top", "all"]).exits(0);
    ran.says("203.0.113.1 ").says_nothing_of(hint);
}

#[test]
fn the_page_shows_twenty_rows_of_a_list_and_says_how_many_there_are() {
    let log: String = (1..30)
        .map(|n| failures(&format!("203.0.113.{n}"), n))
        .collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    let page = |args: &[&str]| {
        let html = ["audit", "--html", "-", "--what-if", "failed_attempts=3"];
        sandbox.run([&html, args].concat()).exits(0).stdout()
    };
    let (short, whole) = (page(&[]), page(&["--top", "all"]));
    let cut = "Addresses by failures: the first 20 of 29; audit --top all shows all";
    assert!(short.contains(cut) && !whole.contains(cut), "{short}");
    let rows = |page: &str| {
        let (_, section) = page.split_once("<section id=\"worst\"").unwrap();
        let (section, _) = section.split_once("</section>").unwrap();
        section.matches("<th scope=\"row\">").count()
    };
    assert_eq!((rows(&short), rows(&whole)), (20, 29));
    let at = |section: &str| short.find(&format!("<section id=\"{section}\"")).unwrap();
    assert!(at("what-if") < at("worst"));
}

#[test]
fn a_repeated_line_is_as_many_failures() {
    let line = "Mar 22 00:00:{s} web1 sshd[7]: message repeated 3 times: [ Failed password for root from 203.0.113.9 port 4711 ssh2]";
    let sandbox = Sandbox::new().log("auth.log", repeated(line, 2));
    let found = audit(&sandbox, &[]);
    assert_eq!(found["failures"], 6);
    assert_eq!(found["users"], json!([{ "user": "root", "failures": 6 }]));
}
