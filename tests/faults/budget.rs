//! Logs that never come to their end: whoever may write to one of them delays
//! its own bans, and nobody else's.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::kit::{Ran, Sandbox, failures, make_fifo};

const AT_SSH: &str = "203.0.113.9";

/// The size of a log that its owner has made with `truncate -s 15T`.
const ENDLESS: u64 = 15 << 40;

/// Requests for a login page, so many seconds apart from each other.
fn requests(address: &str, count: u32, year: u32) -> String {
    let request = |n| {
        format!(
            "{address} - - [22/Mar/{year}:14:18:{:02} +0000] \"POST /login/ HTTP/1.1\" 200 7 \"-\" \"-\"\n",
            n % 60
        )
    };
    (0..count).map(request).collect()
}

fn of_web(n: usize) -> String {
    format!("198.51.100.{n}")
}

/// A host with ssh and some web logs, in each of which somebody fails.
fn host(webs: usize) -> Sandbox {
    let sandbox = Sandbox::new().log("auth.log", failures(AT_SSH, 5));
    for n in 1..=webs {
        sandbox.file(&format!("web/{n}.log"), requests(&of_web(n), 5, 2026));
    }
    let logs = sandbox.path("web/*.log").to_str().unwrap().to_owned();
    let rule = json!({ "log_files": logs, "urls": ["/login/"], "http_status_blocks": [200] });
    sandbox.set("/settings/rules/nginx", rule)
}

fn grow(sandbox: &Sandbox, name: &str, size: u64) -> PathBuf {
    let path = sandbox.path(name);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.unwrap().set_len(size).unwrap();
    path
}

fn all_banned(webs: usize) -> Vec<String> {
    let mut all: Vec<String> = (1..=webs).map(of_web).collect();
    all.push(AT_SSH.to_owned());
    all.sort();
    all
}

fn banned(sandbox: &Sandbox) -> Vec<String> {
    let mut banned = sandbox.banned();
    banned.sort();
    banned
}

fn source<'a>(run: &'a Value, path: &Path) -> &'a Value {
    let sources = run["sources"].as_array().unwrap();
    sources
        .iter()
        .find(|source| source["path"] == path.to_str().unwrap())
        .unwrap()
}

/// A compressed log that takes minutes to unpack: some text, many times.
fn endless_gz(path: &Path, text: &str) {
    let mut member = GzEncoder::new(Vec::new(), Compression::fast());
    let once = text.repeat((16 << 20) / text.len());
    member.write_all(once.as_bytes()).unwrap();
    let member = member.finish().unwrap();
    let mut file = File::create(path).unwrap();
    for _ in 0..(8 << 30) / once.len() {
        file.write_all(&member).unwrap();
    }
}

#[test]
fn a_log_of_15_terabytes_with_nothing_in_it_delays_nobody() {
    let sandbox = host(3).set("/settings/run_time", 2);
    let huge = grow(&sandbox, "web/huge.log", ENDLESS);
    let run = sandbox.run(["scan", "--json"]).exits(0).json();
    assert_eq!(banned(&sandbox), all_banned(3));
    let row = source(&run, &huge);
    assert_eq!((&row["to"], &row["left"]), (&json!(ENDLESS), &json!(0)));
    sandbox.scan().exits(0).prints("");
    // What is written behind it counts, but for the line that it is a part of.
    let mut file = OpenOptions::new().append(true).open(&huge).unwrap();
    write!(file, "\n{}", requests("192.0.2.77", 5, 2026)).unwrap();
    sandbox.scan().exits(0);
    assert!(banned(&sandbox).contains(&"192.0.2.77".to_owned()));
}

#[test]
fn lines_before_and_behind_terabytes_of_hole_count() {
    let sandbox = host(1).set("/settings/run_time", 2);
    let huge = sandbox.path("web/huge.log");
    let before = requests("192.0.2.77", 5, 2026);
    fs::write(&huge, &before).unwrap();
    let file = OpenOptions::new().write(true).open(&huge).unwrap();
    let behind = format!("the end of a line\n{}", requests("192.0.2.78", 5, 2026));
    file.write_all_at(behind.as_bytes(), ENDLESS).unwrap();
    let run = sandbox.run(["scan", "--json"]).json();
    assert_eq!(source(&run, &huge)["failures"], 10);
    for address in ["192.0.2.77", "192.0.2.78", AT_SSH] {
        assert!(banned(&sandbox).contains(&address.to_owned()), "{address}");
    }
    sandbox.scan().exits(0).prints("");
}

#[test]
fn a_log_without_a_newline_is_passed_over_and_what_follows_counts() {
    let sandbox = host(2);
    let endless = sandbox.path("web/endless.log");
    fs::write(&endless, vec![b'x'; 20 << 20]).unwrap();
    let told = "1 line of more than 1048576 bytes was left out, at byte 0";
    sandbox.scan().exits(1).warns(told);
    assert_eq!(banned(&sandbox), all_banned(2));
    let mut file = OpenOptions::new().append(true).open(&endless).unwrap();
    for _ in 0..2 {
        file.write_all(&vec![b'x'; 3 << 20]).unwrap();
        sandbox.scan().exits(0).prints("");
    }
    // The end of that line is no line of its own, whatever it looks like.
    let forged = requests("192.0.2.79", 1, 2026).repeat(5).replace('\n', " ");
    write!(file, "{forged}\n{}", requests("192.0.2.77", 5, 2026)).unwrap();
    sandbox.scan();
    let mut expected = all_banned(2);
    expected.push("192.0.2.77".to_owned());
    expected.sort();
    assert_eq!(banned(&sandbox), expected);
}

#[test]
fn a_log_that_grows_faster_than_it_is_read_delays_nobody() {
    let sandbox = host(2).set("/settings/run_time", 1);
    let path = sandbox.path("web/growing.log");
    let (text, stop) = (requests("192.0.2.77", 2000, 2026), AtomicBool::new(false));
    fs::write(&path, &text).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) && written < 4 << 30 {
                file.write_all(text.as_bytes()).unwrap();
                written += text.len();
            }
        });
        let ran = sandbox.scan();
        stop.store(true, Ordering::Relaxed);
        ran.succeeds();
    });
    for address in all_banned(2) {
        assert!(banned(&sandbox).contains(&address), "{address}");
    }
}

#[test]
fn one_of_fifty_web_logs_with_stamps_of_1970_without_end_delays_nobody() {
    let sandbox = host(49).set("/settings/run_time", 2);
    let old = sandbox.path("web/old.log");
    endless_gz(&old, &requests("192.0.2.77", 600, 1970));
    let run = sandbox.run(["scan", "--json"]).succeeds();
    let banned = banned(&sandbox);
    for address in all_banned(49) {
        assert!(banned.contains(&address), "{address}");
    }
    ran_behind(&run, &old);
}

/// The run has left something of a log, and says so.
fn ran_behind(ran: &Ran<'_>, log: &Path) -> Value {
    let told = format!("pyfilter: {}: falls behind: ", log.display());
    assert!(ran.stderr().contains(&told), "{}", ran.stderr());
    let run = ran.json();
    assert!(source(&run, log)["left"].as_u64().unwrap() > 0, "{run:#}");
    run
}

#[test]
fn a_huge_gz_is_read_on_where_the_last_run_left_it() {
    let sandbox = host(1).set("/settings/run_time", 1);
    let huge = sandbox.path("web/huge.log");
    endless_gz(
        &huge,
        "198.51.100.200 - - [22/Mar/2026:14:18:00 +0000] \"GET / HTTP/1.1\" 200 7\n",
    );
    let first = ran_behind(&sandbox.run(["scan", "--json"]).succeeds(), &huge);
    assert_eq!(banned(&sandbox), all_banned(1));
    let second = sandbox.scan_json();
    let (first, second) = (source(&first, &huge), source(&second, &huge));
    assert_eq!(first["to"], second["from"]);
    assert!(second["to"].as_u64() > second["from"].as_u64());
    assert!(second["left"].as_u64() < first["left"].as_u64());
    let told = format!("{}: is behind: ", huge.display());
    sandbox.run(["check"]).says(&told);

    // Rotated away and deleted before it was read: its bytes are lost, and that is told once.
    let left = second["left"].as_u64().unwrap();
    fs::rename(&huge, sandbox.path("web/huge.log.1")).unwrap();
    fs::write(&huge, requests("192.0.2.77", 5, 2026)).unwrap();
    fs::remove_file(sandbox.path("web/huge.log.1")).unwrap();
    let lost = format!("at least {left} bytes could not be read");
    sandbox.scan().exits(1).warns(&lost);
    assert!(banned(&sandbox).contains(&"192.0.2.77".to_owned()));
    sandbox.scan().exits(0).prints("");
}

#[test]
fn what_is_no_file_in_place_of_a_log_is_refused_and_delays_nobody() {
    let sandbox = host(2);
    let fifo = sandbox.path("web/fifo.log");
    make_fifo(&fifo);
    std::os::unix::fs::symlink("/dev/zero", sandbox.path("web/zero.log")).unwrap();
    let mut ran = sandbox.scan().exits(1);
    for (name, what) in [("fifo.log", "a named pipe"), ("zero.log", "a device")] {
        let told = format!(
            "{}: is {what}, not a file",
            sandbox.path("web").join(name).display()
        );
        ran = ran.warns(&told);
    }
    assert_eq!(banned(&sandbox), all_banned(2));
}

/// A scan that is reading a log, and goes on for some seconds.
fn reading(sandbox: &Sandbox, log: &Path) -> Child {
    let mut command = sandbox.command(["scan"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let scan = command.spawn().unwrap();
    let opened = PathBuf::from(format!("/proc/{}/fd", scan.id()));
    let begun = Instant::now();
    let is_open = || {
        let files = fs::read_dir(&opened).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|file| file == log)
    };
    while !is_open() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never began to read"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    scan
}

#[test]
fn while_a_scan_reads_people_ban_and_unban_and_that_stands_after_it() {
    let sandbox = host(1).set("/settings/run_time", "1d");
    sandbox.run(["ban", "203.0.113.101"]).exits(0);
    let huge = sandbox.path("web/huge.log");
    endless_gz(&huge, &requests("192.0.2.77", 600, 2026));
    let mut scan = reading(&sandbox, &huge);
    sandbox.run(["ban", "203.0.113.102"]).exits(0);
    sandbox.run(["unban", "203.0.113.101"]).exits(0);
    // The scan bans it by what it reads; its failures are older than the un-ban.
    sandbox.run(["unban", AT_SSH]).exits(0);
    sandbox.edit("blacklist.v4", |text| {
        text.replace("COMMIT", "-A PYFILTER -s 203.0.113.103/32 -j DROP\nCOMMIT")
    });
    sandbox
        .scan()
        .exits(1)
        .warns("another run is at work since ");
    assert!(
        scan.try_wait().unwrap().is_none(),
        "the scan ended before the others did"
    );
    assert_eq!(banned(&sandbox), ["203.0.113.102"]);
    // It comes to its end when the log does.
    let cut = OpenOptions::new().write(true).open(&huge).unwrap();
    cut.set_len(1 << 20).unwrap();
    assert_eq!(scan.wait().unwrap().code(), Some(1));
    let expected = [
        "192.0.2.77",
        "198.51.100.1",
        "203.0.113.102",
        "203.0.113.103",
    ];
    assert_eq!(banned(&sandbox), expected);
    fs::remove_file(&huge).unwrap();
    sandbox.scan();
    assert_eq!(banned(&sandbox), expected);
}
