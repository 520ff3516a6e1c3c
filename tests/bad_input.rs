//! What nobody should give us, and everybody does: each ends with the right
//! exit status and a sentence that a stranger understands. That nothing
//! panics is seen to by the kit, for every command of every test.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use serde_json::json;

use crate::kit::{Sandbox, failure, failures, full, make_fifo, repeated};

const ATTACKER: &str = "203.0.113.9";

/// A path that nobody would want to have in a terminal.
const HOSTILE: &[u8] = b"a\n\x1b[2J\xff.log";
const HOSTILE_SHOWN: &str = r"a\x0a\x1b[2J\xff.log";

fn five() -> Sandbox {
    Sandbox::new().log("auth.log", failures(ATTACKER, 5))
}

// --- Logs.

#[test]
fn nul_bytes_and_carriage_returns_are_bytes_like_others() {
    let log = failures(ATTACKER, 5);
    let dos = Sandbox::new().log("auth.log", log.replace('\n', "\r\n"));
    dos.scan().exits(0).bans([ATTACKER]);
    let noise = Sandbox::new().log(
        "auth.log",
        "\0\0\0\n\0".to_owned() + &log.replace('\n', "\n\0\r\x1b[2J\n"),
    );
    noise.scan().exits(0).bans([]);
    let hole = Sandbox::new().log("auth.log", "\0".repeat(100_000) + "\n" + &log);
    hole.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn a_line_of_100_mb_without_an_end_is_left_out_within_256_mib() {
    let sandbox = five().within(256);
    let mut junk = vec![b'x'; 100 << 20];
    sandbox.append("auth.log", &junk);
    let told = "auth.log: 1 line of more than 1048576 bytes was left out, at byte 485";
    sandbox.scan().exits(1).complains(told).bans([ATTACKER]);
    junk.truncate(1);
    junk.push(b'\n');
    sandbox.append("auth.log", &junk);
    sandbox.append("auth.log", failures("198.51.100.7", 5));
    sandbox.scan().exits(0).bans(["198.51.100.7"]);
    sandbox.scan().exits(0).prints("");
}

#[test]
fn a_file_that_only_pretends_to_be_compressed_is_told() {
    let sandbox = Sandbox::new().log("auth.log.2.gz", b"\x1f\x8b\x08\0rest");
    let told = "auth.log.2.gz: could not be read beyond byte 0: ";
    sandbox
        .run(["scan", "auth.log.2.gz"])
        .exits(1)
        .warns(told)
        .prints("");
    let matched = sandbox.run(["match", "--rule", "ssh", "auth.log.2.gz"]);
    matched
        .exits(1)
        .warns("auth.log.2.gz: can not be read: ")
        .prints("");
}

#[test]
fn what_is_compressed_in_a_way_that_is_not_read_is_told() {
    let sandbox = Sandbox::new().log("auth.log.2.Z", b"\x1f\x9drest");
    let told = "auth.log.2.Z: is compressed with compress (.Z), which is not read: unpack it first, or let \
                logrotate use gzip, bzip2, xz or zstd";
    for command in [&["scan"][..], &["match", "--rule", "ssh"]] {
        let ran = sandbox.run(command.iter().chain(&["auth.log.2.Z"]));
        ran.exits(1).complains(told).prints("");
    }
}

#[test]
fn an_empty_log_is_no_problem() {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox.scan().exits(0).prints("");
    sandbox.append("auth.log", failures(ATTACKER, 5));
    sandbox.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn what_is_no_file_is_named_and_the_rest_is_read() {
    let sandbox = five();
    make_fifo(&sandbox.path("fifo"));
    std::fs::create_dir(sandbox.path("dir")).unwrap();
    symlink("loop", sandbox.path("loop")).unwrap();
    symlink("nowhere", sandbox.path("dangling")).unwrap();
    sandbox
        .run([
            "scan",
            "fifo",
            "dir",
            "loop",
            "dangling",
            "missing",
            "/dev/null",
            "auth.log",
        ])
        .exits(1)
        .complains(
            "fifo: is a named pipe, not a file\n\
             dir: is a directory, not a file\n\
             loop: can not be read: Too many levels of symbolic links (os error 40)\n\
             dangling: is not there: is the path right, and does the service log to it?\n\
             missing: is not there: is the path right, and does the service log to it?\n\
             /dev/null: is a device, not a file",
        )
        .bans([ATTACKER]);
}

#[test]
fn a_fifo_a_directory_and_a_loop_under_a_glob_do_not_hang_a_run() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("logs/**/*.log");
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", glob.to_str().unwrap());
    sandbox.file("logs/auth.log", failures(ATTACKER, 5));
    sandbox.file("logs/deep/er/auth.log", failures("198.51.100.7", 5));
    make_fifo(&sandbox.path("logs/fifo.log"));
    symlink("loop.log", sandbox.path("logs/loop.log")).unwrap();
    for up in ["up.log", "back", "home"] {
        symlink("..", sandbox.path("logs/deep").join(up)).unwrap();
    }
    let ran = sandbox
        .scan()
        .exits(1)
        .warns("fifo.log: is a named pipe, not a file")
        .warns("loop.log: can not be read");
    assert_eq!(ran.stderr().lines().count(), 2, "{}", ran.stderr());
    ran.bans([ATTACKER, "198.51.100.7"]);
}

#[test]
fn a_missing_log_is_told_and_the_other_sources_are_read() {
    let sandbox = five();
    let logs = json!([sandbox.path("auth.log"), sandbox.path("missing.log")]);
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", logs);
    let ran = sandbox.run(["scan", "--json"]).exits(1);
    let json = ran
        .complains("missing.log: is not there: is the path right, and does the service log to it?")
        .json();
    assert_eq!(json["bans"][0]["ip"], ATTACKER);
    let status = |n: usize| json["sources"][n]["status"].as_str().unwrap();
    assert_eq!((status(0), status(1)), ("read", "missing"));
    assert_eq!(
        json["errors"][0]["path"],
        sandbox.path("missing.log").to_str().unwrap()
    );
}

#[test]
fn no_file_to_check_is_no_problem() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("none/*.log");
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", glob.to_str().unwrap());
    sandbox.scan().exits(0).prints("");
    sandbox
        .run(["scan", "-v"])
        .exits(0)
        .prints("No file to check within rule: Ssh\n");
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", "");
    sandbox
        .run(["scan", "-v"])
        .exits(0)
        .prints("No file to check within rule: Ssh\n");
}

#[test]
fn five_hundred_sources_are_read_with_few_files_open() {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("logs/*.log");
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", glob.to_str().unwrap())
        .within(256);
    for n in 0..500 {
        sandbox.file(
            &format!("logs/{n:03}.log"),
            failure(&format!("198.51.100.{}", n % 100 + 1), n / 100),
        );
    }
    let json = sandbox.scan_json();
    assert_eq!(json["sources"].as_array().unwrap().len(), 500);
    assert_eq!(json["bans"].as_array().unwrap().len(), 100);
    sandbox.scan().exits(0).prints("");
}

#[test]
fn an_impossible_date_is_told_with_its_place() {
    let line =
        "Mar 32 14:18:{s} vps sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2";
    Sandbox::new()
        .log("auth.log", failure(ATTACKER, 0) + &repeated(line, 9))
        .scan()
        .exits(1)
        .complains("auth.log: 9 lines match rule ssh and have no time that its time_format reads, the first at byte 97")
        .prints("");
}

#[test]
fn only_addresses_are_banned() {
    let from = |address: &str| {
        let line = format!(
            "Mar 22 14:18:{{s}} vps sshd[1]: Failed password for root from {address} port 1 ssh2"
        );
        Sandbox::new().log("auth.log", repeated(&line, 9))
    };
    for wrong in [
        "999.1.1.1",
        "1.2.3.4.5",
        "1.2.3",
        "01.2.3.4",
        "203.0.113.9/24",
        "::/0",
        "[2001:db8::1]",
        "2001:db8:::1",
        "%eth0",
        "1.2.3.4%eth0",
    ] {
        from(wrong).scan().exits(0).bans([]);
    }
}

#[test]
fn any_port_will_do() {
    for port in ["0", "1", "22", "65535", "65536", "99999"] {
        let line = format!(
            "Mar 22 14:18:{{s}} vps sshd[1]: Failed password for root from 203.0.113.9 port {port} ssh2"
        );
        Sandbox::new()
            .log("auth.log", repeated(&line, 5))
            .scan()
            .exits(0)
            .bans([ATTACKER]);
    }
}

#[test]
fn hostile_paths_are_printed_harmlessly() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("x").with_file_name(OsStr::from_bytes(HOSTILE));
    std::fs::write(&path, failures(ATTACKER, 5)).unwrap();
    let arg = path.as_os_str();
    let shown = path.parent().unwrap().join(HOSTILE_SHOWN);
    let words = |words: &[&'static str]| {
        words
            .iter()
            .map(OsStr::new)
            .chain([arg])
            .map(OsStr::to_owned)
            .collect::<Vec<_>>()
    };
    let json = sandbox.run(words(&["scan", "--json"])).exits(0).json();
    assert_eq!(json["sources"][0]["path"], shown.to_str().unwrap());
    sandbox
        .run(["explain", ATTACKER])
        .exits(0)
        .says(HOSTILE_SHOWN);
    sandbox
        .run(words(&["match", "--rule", "ssh"]))
        .exits(0)
        .says(HOSTILE_SHOWN);
    std::fs::remove_file(&path).unwrap();
    sandbox
        .run(words(&["scan"]))
        .exits(1)
        .warns(&format!("{HOSTILE_SHOWN}: is not there"));
    sandbox
        .run(words(&["match", "--rule", "ssh"]))
        .exits(1)
        .warns(&format!("{HOSTILE_SHOWN}: is not there"));
}

#[test]
fn a_hostile_state_directory_is_printed_harmlessly() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("x").with_file_name(OsStr::from_bytes(HOSTILE));
    std::fs::create_dir(&state).unwrap();
    std::fs::write(
        state.join("PyFilter.db"),
        "this is no database, whatever it is called",
    )
    .unwrap();
    let env = sandbox.env("PYFILTER_CONFIG", "config.json");
    for words in [&["scan"][..], &["list"], &["unban", ATTACKER]] {
        let mut command = env.plain_command();
        command.arg("--state-dir").arg(&state).args(words);
        env.end_of(command).exits(1).warns(&format!(
            "{HOSTILE_SHOWN}/PyFilter.db: the store is damaged"
        ));
    }
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    let mut command = env.plain_command();
    command.arg("--state-dir").arg(&state).arg("scan");
    env.end_of(command).exits(1).warns(&format!(
        "{HOSTILE_SHOWN}: the state directory can not be made"
    ));
}

// --- FILE.

#[test]
fn a_file_that_is_scanned_again_bans_nobody_again() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .log("old.log", failures(ATTACKER, 5));
    sandbox.run(["scan", "old.log"]).exits(0).bans([ATTACKER]);
    sandbox.run(["scan", "old.log"]).exits(0).prints("");
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let sandbox = Sandbox::new().log("old.log", failures(ATTACKER, 3));
    symlink("old.log", sandbox.path("link.log")).unwrap();
    let ran = sandbox.run([
        "scan",
        "--json",
        "old.log",
        "./old.log",
        "link.log",
        "old.log",
    ]);
    let json = ran.exits(0).json();
    assert_eq!(json["bans"], json!([]));
    assert_eq!(json["sources"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_may_be_the_rules_own_log() {
    let sandbox = five();
    sandbox.run(["scan", "auth.log"]).exits(0).bans([ATTACKER]);
    // Its own cursor stands where it stood: the timer's run reads it from its start.
    let json = sandbox.scan_json();
    assert_eq!(
        (&json["sources"][0]["from"], &json["bans"]),
        (&json!(0), &json!([]))
    );
    sandbox.run(["scan", "auth.log"]).exits(0).prints("");
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

// --- match.

#[test]
fn match_reads_standard_input_and_shows_the_rest_on_request() {
    let sandbox = Sandbox::new();
    let line = failure(ATTACKER, 0);
    let log = format!("{line}junk \x1b[2J\n{line}");
    let log = log.trim_end();
    sandbox
        .run_with(["match", "--rule", "ssh", "-"], log.as_bytes())
        .exits(0)
        .prints(&format!("-:1: {ATTACKER} {line}-:3: {ATTACKER} {line}"));
    sandbox
        .run_with(
            ["match", "--rule", "ssh", "--unmatched", "-"],
            log.as_bytes(),
        )
        .exits(0)
        .prints("-:2: junk \\x1b[2J\n");
    sandbox
        .run_with(["match", "--rule", "ssh", "-"], b"")
        .exits(0)
        .prints("");
    let row = sandbox
        .run_with(["match", "--rule", "ssh", "--json", "-"], line.as_bytes())
        .exits(0)
        .json();
    assert_eq!(
        row,
        json!({ "path": "-", "line": 1, "offset": 0, "ip": ATTACKER, "time": "2026-03-22T00:00:00Z", "pattern": row["pattern"], "instant": false, "count": 1, "sign": false, "counted": 1 })
    );
    assert!(!sandbox.path("state").exists());
}

#[test]
fn match_and_explain_say_what_they_know_of_the_never_banned() {
    let sandbox = Sandbox::new().log("auth.log", failures("127.0.0.1", 1));
    sandbox
        .run(["match", "--rule", "ssh", "auth.log"])
        .exits(0)
        .says("auth.log:1: 127.0.0.1 ");
    sandbox
        .run(["explain", "127.0.0.1"])
        .exits(0)
        .prints("127.0.0.1 is a loopback address, so it is never banned.\n");
}

// --- The command line.

#[test]
fn wrong_usage_is_told_and_nothing_is_done() {
    let sandbox = five();
    for (words, told) in [
        (&["scna"][..], "unrecognized subcommand 'scna'"),
        (&["scan", "--jsno"], "unexpected argument '--jsno' found"),
        (
            &["explain"],
            "the following required arguments were not provided",
        ),
        (
            &["explain", "localhost"],
            "is neither an address nor a network",
        ),
        (
            &["ban", "host.example"],
            "is neither an address nor a network such as 192.0.2.0/24 (host names are not looked up)",
        ),
        (
            &["ban", "0.0.0.0/0"],
            "0.0.0.0/0 holds 127.0.0.0, which is a loopback address",
        ),
        (
            &["ban", "202.0.0.0/7"],
            "202.0.0.0/7 is wider than any ban may be: /8 at most",
        ),
        (
            &["ban", "::ffff:192.0.2.0/90"],
            "is wider than the IPv4 addresses",
        ),
        (
            &["ban", "203.0.113.0/33"],
            "has a length that no network has: 0 to 32",
        ),
        (
            &["ban", "--for", "0", ATTACKER],
            "-1 is for ever, 1s the shortest",
        ),
        (
            &["ban", "--for", "soon", ATTACKER],
            "is not a time: seconds, or a number with s, m, h, d or w",
        ),
        (
            &["ban", "--for", "99999999999999999999w", ATTACKER],
            "invalid value",
        ),
        (&["unban", "--all", ATTACKER], "cannot be used with"),
        (
            &["scan", "--rule", "sssh"],
            "there is no rule `sssh`: did you mean ssh?",
        ),
        (
            &["match", "--rule", "web", "auth.log"],
            "there is no rule `web`: the rules are the built-in ones (`pyfilter rules`)",
        ),
    ] {
        sandbox.run(words).exits(2).prints("").warns(told);
    }
    assert!(!sandbox.path("state").exists(), "nothing was done");
}

#[test]
fn without_a_store_nobody_is_banned() {
    let sandbox = Sandbox::new();
    sandbox.run(["list"]).exits(0).prints("");
    assert!(sandbox.banned().is_empty());
    sandbox
        .run(["explain", ATTACKER])
        .exits(0)
        .says("203.0.113.9 is not banned, and no ban of it is remembered.\n");
    assert!(!sandbox.path("state").exists(), "looking makes nothing");
    sandbox
        .run(["unban", ATTACKER])
        .exits(0)
        .prints("203.0.113.9 is not banned.\n");
    sandbox.run(["unban", "--all"]).exits(0).prints("");
}

#[test]
fn a_ban_by_hand_is_for_whom_was_never_seen_too() {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox
        .run([
            "ban",
            "--reason",
            "port \x1b[2Jscan",
            ATTACKER,
            "2001:DB8::9",
        ])
        .exits(0)
        .bans([ATTACKER, "2001:db8::9"]);
    sandbox
        .run(["explain", ATTACKER])
        .exits(0)
        .says(r"port \x1b[2Jscan")
        .says("Never ends.");
    sandbox.run(["ban", "--for", "2h", "198.51.100.7"]).exits(0);
    let list = sandbox.run(["list", "--json"]).exits(0).json();
    let expires: Vec<bool> = list["bans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ban| ban["expires"].is_string())
        .collect();
    assert_eq!(expires, [true, false, false]);
    sandbox.run(["unban", "--all"]).exits(0);
    assert!(sandbox.banned().is_empty());
    sandbox
        .run(["unban", ATTACKER])
        .exits(0)
        .prints("203.0.113.9 is not banned.\n");
}

#[test]
fn banning_oneself_needs_force() {
    for connection in [
        "203.0.113.9 50000 203.0.113.1 22",
        "::ffff:203.0.113.9 50000 ::1 22",
    ] {
        let sandbox = Sandbox::new().env("SSH_CONNECTION", connection);
        sandbox
            .run(["ban", "198.51.100.7", ATTACKER])
            .exits(2)
            .complains("203.0.113.9 is where you are logged in from: --force bans it all the same; nothing was done");
        assert!(sandbox.banned().is_empty());
        sandbox
            .run(["ban", "--force", ATTACKER])
            .exits(0)
            .bans([ATTACKER]);
    }
    let junk = Sandbox::new().env("SSH_CONNECTION", "  nonsense");
    junk.run(["ban", ATTACKER]).exits(0).bans([ATTACKER]);
}

#[test]
fn the_address_one_is_logged_in_from_is_known_under_sudo_too() {
    let shell = ["sh", "-c", "env -u SSH_CONNECTION \"$@\"; exit $?", "sh"];
    let login = "203.0.113.9 50000 203.0.113.1 22";
    let sandbox = Sandbox::new().env("SSH_CONNECTION", login).behind(&shell);
    sandbox
        .run(["ban", ATTACKER])
        .exits(2)
        .complains("203.0.113.9 is where you are logged in from: --force bans it all the same; nothing was done");
}

// --- The configuration.

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let sandbox = Sandbox::new();
    for words in [&["scan"][..], &["list"], &["check"], &["unban", "--all"]] {
        let mut command = sandbox.plain_command();
        command.args(["-c", "a\x1b[2J.json"]).args(words);
        sandbox.end_of(command).exits(2).prints("").complains(
            r"a\x1b[2J.json: there is no such file: `pyfilter init` writes one that fits this host",
        );
    }
}

#[test]
fn a_wrong_configuration_is_told_with_key_and_line() {
    let patterns = r#"["(?=a)(b) (c)", "", "(?P<ip>)(?P<time>)", "(a) (b"]"#;
    let text = format!(
        "{{\"settings\": {{\n \"falied_attempts\": 3,\n \"request_time\": \"5\",\n \"rules\": {{\"web\": {{\n  \"log_files\": \"/x\",\n  \"regex_patterns\": {patterns}}}}}}},\n \"redis\": {{}},\n \"redis\": {{}}\n}}"
    );
    let sandbox = Sandbox::new().config(text);
    for words in [&["scan"][..], &["list"], &["match", "--rule", "ssh", "-"]] {
        let ran = sandbox.run(words).exits(2).prints("");
        let ran = ran.warns(
            "config.json:2:2: settings.falied_attempts: unknown key; did you mean failed_attempts?",
        );
        let ran = ran.warns("config.json:3:18: settings.request_time: must be a whole number, not the string \"5\": remove the quotes");
        let ran = ran.warns("config.json:6:22: settings.rules.web.regex_patterns[0]: is not a regular expression: look-ahead and look-behind");
        let ran = ran.warns("settings.rules.web.regex_patterns[1]: needs two groups");
        let ran = ran.warns(
            "settings.rules.web.regex_patterns[2]: matches the empty line, and so every line",
        );
        let ran = ran.warns("settings.rules.web.regex_patterns[3]: is not a regular expression");
        ran.warns("config.json:8:2: redis: is here twice, first in line 7: remove one");
    }
    assert!(!sandbox.path("state").exists(), "nothing was done");
}

#[test]
fn what_is_no_json_is_told_with_its_line() {
    for (text, told) in [
        (&b""[..], "config.json"),
        (b"{\n\"settings\": {,}}", "config.json:2:14"),
        (b"{\"settings\": {}} x", "config.json:1:18"),
        (b"\x80\x81", "config.json"),
        (b"\xff\xfe{\0}\0", "is UTF-16: save it as UTF-8"),
        (b"settings:\n  - yaml", "config.json:1:1"),
    ] {
        Sandbox::new()
            .config(text)
            .scan()
            .exits(2)
            .prints("")
            .warns(told);
    }
}

#[test]
fn ten_megabytes_of_json_are_read_within_256_mib() {
    let ignored = "\"192.0.2.1\", ".repeat(700_000);
    let text = format!(
        "{{\"settings\": {{\"ignored_ips\": [{ignored}\"192.0.2.2\"], \"firewall\": {{\"backend\": \"none\"}}}}}}"
    );
    Sandbox::new()
        .config(text)
        .within(256)
        .run(["list"])
        .exits(0)
        .prints("");
    Sandbox::new()
        .config("[".repeat(100_000) + &"]".repeat(100_000))
        .within(256)
        .run(["list"])
        .exits(2)
        .warns("is nested deeper than 64 levels");
    Sandbox::new()
        .config(" ".repeat(17 << 20))
        .within(256)
        .run(["list"])
        .exits(2)
        .warns("is larger than 16 MiB: this is no configuration");
}

// --- Streams and disks.

#[test]
fn a_full_disk_under_standard_output_is_told() {
    let sandbox = five();
    for words in [
        &["scan", "--dry-run"][..],
        &["scan", "--dry-run", "--json"],
        &["match", "--rule", "ssh", "auth.log"],
        &["check"],
        &["man"],
    ] {
        sandbox
            .run_into(words, full(), Stdio::piped())
            .exits(1)
            .warns("standard output can not be written: No space left on device");
    }
    sandbox.scan().exits(0).bans([ATTACKER]);
    for words in [&["list"][..], &["list", "--json"], &["explain", ATTACKER]] {
        sandbox
            .run_into(words, full(), Stdio::piped())
            .exits(1)
            .warns("standard output can not be written: No space left on device");
    }
}

#[test]
fn a_ban_that_could_not_be_printed_is_told_by_the_next_run() {
    for words in [&["scan"][..], &["scan", "--json"]] {
        let sandbox = five();
        sandbox
            .run_into(words, full(), Stdio::piped())
            .exits(1)
            .warns("standard output can not be written");
        assert_eq!(sandbox.banned(), [ATTACKER], "it is in force all the same");
        assert_eq!(sandbox.scan_json()["bans"][0]["ip"], ATTACKER);
        sandbox.scan().exits(0).prints("");
    }
}

#[test]
fn with_standard_error_on_a_full_disk_the_exit_status_says_it() {
    let sandbox = Sandbox::new();
    for (words, status) in [
        (&["scan"][..], 1),
        (&["scan", "--rule", "x"], 2),
        (&["scna"], 2),
        (&["ban", "::1"], 2),
        (&["match", "--rule", "ssh", "no"], 1),
    ] {
        sandbox
            .run_into(words, Stdio::piped(), full())
            .exits(status);
    }
    Sandbox::new()
        .config("{")
        .run_into(["scan"], Stdio::piped(), full())
        .exits(2);
}

#[test]
fn a_pipe_that_is_closed_is_no_problem() {
    let sandbox = five();
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for words in [
        &["scan"][..],
        &["list"],
        &["list", "--json"],
        &["explain", ATTACKER],
        &["check"],
        &["match", "--rule", "ssh", "auth.log"],
        &["man"],
        &["completions", "bash"],
    ] {
        sandbox.run_into(words, closed(), Stdio::piped()).exits(0);
    }
    sandbox
        .run_into(["scan", "missing"], closed(), closed())
        .exits(1);
}

#[test]
fn an_event_log_that_can_not_be_written_is_told_and_written_later() {
    let sandbox = five();
    sandbox.file("state/Logs", "in the way");
    sandbox
        .scan()
        .exits(1)
        .warns("the event log can not be written")
        .warns("the lines are written by a later run")
        .bans([ATTACKER]);
    std::fs::remove_file(sandbox.state("Logs")).unwrap();
    sandbox.scan().exits(0).bans([ATTACKER]);
    let line = sandbox.read("state/Logs/2026-Mar/2026-03-22/2026-03-22 00.log");
    assert_eq!(
        line,
        "2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: web1.\n"
    );
    sandbox.scan().exits(0).prints("");
}

#[test]
fn a_state_directory_that_can_not_be_made_is_told() {
    let sandbox = five();
    sandbox.file("state", "a file");
    for words in [&["scan"][..], &["ban", ATTACKER], &["unban", ATTACKER]] {
        sandbox.run(words).exits(1).prints("").complains(
            "state: the state directory can not be made: File exists (os error 17); run with sudo, or choose another --state-dir",
        );
    }
    let json = sandbox.run(["scan", "--json"]).exits(1).json();
    assert_eq!(
        json["errors"].as_array().unwrap().len(),
        1,
        "the document is printed all the same"
    );
}

#[test]
fn two_runs_at_once_follow_one_another() {
    let sandbox = five();
    let children: Vec<_> = (0..4)
        .map(|_| {
            sandbox
                .command(["scan"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let said: String = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0));
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert_eq!(said.matches("Found IP").count(), 1, "{said}");
}

#[test]
fn a_run_that_waits_in_vain_says_since_when_the_other_is_at_work() {
    let sandbox = five();
    sandbox.file("state/lock", "2026-03-22 14:18:18\n");
    let held = std::fs::File::open(sandbox.state("lock")).unwrap();
    held.lock().unwrap();
    let told = "another run is at work since 2026-03-22 14:18:18; nothing was done";
    let ran = sandbox.run(["scan", "--json"]).exits(1).complains(told);
    assert_eq!(
        ran.json()["errors"],
        json!([{ "message": told, "path": null }])
    );
    assert!(!sandbox.state("PyFilter.db").exists());
    // Who only looks does not wait.
    sandbox.run(["list"]).exits(0);
    sandbox.run(["scan", "--dry-run"]).exits(0).bans([ATTACKER]);
}

// --- As root.

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_rights_the_log_and_the_state_directory_say_sudo() {
    let sandbox = five();
    sandbox.scan().exits(0).bans([ATTACKER]);
    let dir = sandbox.path("");
    let open = |name: &str, mode: u32| {
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(".", 0o755);
    open("auth.log", 0o640);
    let sandbox = sandbox.by_nobody();
    let store = "state/PyFilter.db: the store can not be opened: permission denied; run with sudo";
    sandbox.run(["list"]).exits(1).complains(store);
    sandbox.run(["explain", ATTACKER]).exits(1).complains(store);
    sandbox.run(["scan"]).exits(1).complains("state/reading.lock: can not be locked: Permission denied (os error 13); run with sudo, or choose another --state-dir");
    sandbox.run(["match", "--rule", "ssh", "auth.log"]).exits(1).complains(
        "auth.log: can not be read: permission denied; run with sudo, or as a member of the group that owns it",
    );
    open("auth.log", 0o644);
    sandbox
        .run(["scan", "--dry-run"])
        .succeeds()
        .complains("bans in force and cursors unknown: run with sudo")
        .bans([ATTACKER]);
    sandbox
        .run(["scan", "--dry-run", "auth.log"])
        .exits(0)
        .bans([ATTACKER]);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_full_disk_keeps_what_was_committed_and_the_next_run_goes_on() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let state = sandbox.path("state");
    std::fs::create_dir(&state).unwrap();
    let script = "mount -t tmpfs -o size=2m tmpfs state && \"$@\" scan; echo \"first $?\"; \
                  head -c 3000000 /dev/zero > state/filler 2>/dev/null; cat more.log >> auth.log; \
                  \"$@\" scan; echo \"full $?\"; \"$@\" list; rm state/filler; \"$@\" scan; echo \"room $?\"";
    let more: String = (0..200)
        .flat_map(|n| vec![failure(&format!("198.51.{}.{}", n / 250, n % 250 + 1), 9); 5])
        .collect();
    sandbox.file("more.log", more);
    let sandbox = sandbox.behind(&["unshare", "-m", "sh", "-c", script, "sh"]);
    let ran = sandbox.run::<&str>([]).succeeds().warns(
        "PyFilter.db: the disk is full; nothing of this run was kept, the next one does it again",
    );
    let said = ran.stdout();
    let places: Vec<usize> = ["first 0", "full 1", "room 0"]
        .iter()
        .map(|word| said.find(word).expect(word))
        .collect();
    assert!(said[..places[0]].contains("Found IP: 203.0.113.9"));
    assert!(!said[places[0]..places[1]].contains("Found IP"), "{said}");
    assert!(
        said[places[1]..places[2]].contains(ATTACKER),
        "the ban of before is still there: {said}"
    );
}

#[test]
fn colors_are_for_terminals_and_for_who_asks() {
    let sandbox = Sandbox::new().log("auth.log", "");
    let plain = sandbox.run(["check"]).succeeds().stdout();
    assert!(!plain.contains('\x1b'), "{plain}");
    let colored = sandbox.run(["check", "--color", "always"]).succeeds();
    colored.says("\x1b[1m\x1b[32mok      \x1b[0m configuration: ");
    let never = sandbox
        .run(["check", "--color", "never"])
        .succeeds()
        .stdout();
    assert_eq!(never, plain);
}

/// The password of Redis stood in a file that every user could read, and `check`
/// said ok.
#[test]
fn check_tells_of_a_password_that_every_user_can_read() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .set("/redis/password", "secret");
    sandbox.run(["check"]).exits(0);
    let path = sandbox.path("config.json");
    let has_mode =
        |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for (mode, is_told) in [(0o644, true), (0o602, true), (0o640, false), (0o600, false)] {
        has_mode(mode);
        let checked = sandbox.run(["check"]).exits(0);
        let warning = format!(
            "warning  {0} holds the password of Redis, and every user of this host may read or write it (mode {mode:04o}); run `chmod o= {0}`, and change the password",
            path.display()
        );
        if is_told {
            checked.says(&warning).says_nothing_of("secret");
        } else {
            checked.says_nothing_of("password");
        }
    }
    let without = Sandbox::new().log("auth.log", "");
    without.run(["check"]).exits(0).says_nothing_of("password");
}
