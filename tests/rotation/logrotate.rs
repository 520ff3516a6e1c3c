//! logrotate itself, at any instant between and during runs, against a
//! service that writes all the time.
//!
//! Every line has an address of its own, which the rule `each` bans, so that
//! the bans say which lines were counted and the failures how often; of five
//! lines one has an address that the rule `fives` bans, so that a line in the
//! wrong order shows.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Chance, Sandbox, needs};

/// How logrotate is told to work, and what may become of lines then.
#[derive(Clone, Copy)]
struct Mode {
    name: &'static str,
    log: &'static str,
    directives: &'static str,
    /// Whether the service holds on to its file, for `copytruncate`.
    holds_on: bool,
    /// Whether logrotate deletes what nobody may have read.
    deletes: bool,
    rounds: u64,
}

impl Mode {
    fn new(name: &'static str, directives: &'static str) -> Self {
        Mode {
            name,
            log: "logs/service.log",
            directives,
            holds_on: false,
            deletes: false,
            rounds: 14,
        }
    }

    /// Runs until the dust has settled, and compares.
    fn hold(self) {
        World::new(&self).run();
    }
}

fn path_of(program: &str) -> PathBuf {
    Path::new("/usr/bin").join(program)
}

#[test]
fn logrotate_renames_and_creates() {
    needs!("logrotate");
    Mode::new("create", "rotate 99\ncreate 0640").hold();
}

#[test]
fn logrotate_creates_nothing() {
    needs!("logrotate");
    Mode::new("nocreate", "rotate 99\nnocreate").hold();
}

#[test]
fn logrotate_compresses() {
    needs!("logrotate");
    Mode::new("compress", "rotate 99\ncreate\ncompress").hold();
}

#[test]
fn logrotate_compresses_later() {
    needs!("logrotate");
    Mode::new(
        "delaycompress",
        "rotate 99\ncreate\ncompress\ndelaycompress",
    )
    .hold();
}

#[test]
fn logrotate_compresses_with_other_programs() {
    needs!("logrotate", "xz", "zstd", "bzip2");
    for (program, ending) in [("xz", ".xz"), ("bzip2", ".bz2"), ("zstd", ".zst")] {
        let options = match program {
            "zstd" => "\ncompressoptions --rm -q",
            _ => "",
        };
        let directives = format!(
            "rotate 99\ncreate\ncompress\ncompresscmd {}\ncompressext {ending}\nuncompresscmd /bin/true{options}",
            path_of(program).display(),
        );
        let mode = Mode::new(program, directives.leak());
        Mode { rounds: 6, ..mode }.hold();
    }
}

#[test]
fn logrotate_names_by_date() {
    needs!("logrotate");
    let mode = Mode::new(
        "dateext",
        "rotate 99\ncreate\ncompress\ndelaycompress\ndateext\ndateformat -%Y%m%d-%s",
    );
    Mode { rounds: 40, ..mode }.hold();
}

#[test]
fn logrotate_names_by_day() {
    needs!("logrotate");
    Mode::new("by day", "rotate 99\ncreate\ndateext").hold();
}

#[test]
fn logrotate_moves_to_another_directory() {
    needs!("logrotate");
    Mode::new(
        "olddir",
        "rotate 99\ncreate\ncompress\ndelaycompress\nolddir old",
    )
    .hold();
}

#[test]
fn logrotate_keeps_the_extension() {
    needs!("logrotate");
    Mode::new(
        "extension",
        "rotate 99\ncreate\nextension .log\ncompress\ndelaycompress",
    )
    .hold();
}

#[test]
fn logrotate_copies_and_truncates() {
    needs!("logrotate");
    let mode = Mode::new("copytruncate", "rotate 99\ncopytruncate");
    Mode {
        holds_on: true,
        rounds: 20,
        ..mode
    }
    .hold();
}

#[test]
fn logrotate_copies_and_cuts_nothing() {
    needs!("logrotate");
    let mode = Mode::new("copy", "rotate 99\ncopy\ncompress");
    Mode {
        holds_on: true,
        ..mode
    }
    .hold();
}

#[test]
fn logrotate_copies_truncates_and_compresses() {
    needs!("logrotate");
    for directives in [
        "rotate 99\ncopytruncate\ncompress",
        "rotate 99\ncopytruncate\ncompress\ndelaycompress",
    ] {
        let mode = Mode::new("copytruncate, compress", directives);
        Mode {
            holds_on: true,
            ..mode
        }
        .hold();
    }
}

#[test]
fn logrotate_deletes_what_nobody_has_read() {
    needs!("logrotate");
    for directives in [
        "rotate 1\ncreate",
        "rotate 1\ncreate\ncompress",
        "rotate 0\ncreate",
    ] {
        let mode = Mode::new("rotate 0 or 1", directives);
        Mode {
            deletes: true,
            rounds: 10,
            ..mode
        }
        .hold();
    }
}

/// The addresses of line `n`: its own, and that of its five.
fn addresses(n: u32) -> (String, String) {
    let (n, five) = (n + 1, n / 5 + 1);
    (format!("2001:db8::{n:x}"), format!("2001:db8:5::{five:x}"))
}

fn line(n: u32) -> String {
    let (each, five) = addresses(n);
    let (h, m, s) = (n / 3600, n / 60 % 60, n % 60);
    format!("2026-03-22T{h:02}:{m:02}:{s:02}+00:00 each={each} five={five}\n")
}

struct World<'a> {
    mode: &'a Mode,
    sandbox: Arc<Sandbox>,
    chance: Chance,
    /// Failures that runs have told of the rule `each`.
    counted: u64,
    /// What runs have complained of.
    complaints: Vec<String>,
}

/// A sandbox with both rules over the mode's log.
fn sandbox(log: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.path(log);
    let rule = |name: &str, attempts: u32| {
        json!({
            "log_files": path,
            "olddir": "old",
            "regex_patterns": [format!(r"^(?P<time>\S+) .*{name}=(?P<ip>[0-9a-f:]+)")],
            "time_format": "%Y-%m-%dT%H:%M:%S%z",
            "failed_attempts": attempts,
            "request_time": 1000,
        })
    };
    let rules = json!({ "each": rule("each", 1), "fives": rule("five", 5) });
    let sandbox = sandbox.set("/settings/rules", rules);
    sandbox.file("logs/old/keep", "").file(log, "");
    sandbox
}

impl<'a> World<'a> {
    fn new(mode: &'a Mode) -> Self {
        let sandbox = sandbox(mode.log);
        let (log, reopen) = (sandbox.path(mode.log), sandbox.path("reopen"));
        let (log, reopen) = (log.display(), reopen.display());
        let conf = format!(
            "\"{log}\" {{\nmissingok\nifempty\n{}\npostrotate\n\
             touch {reopen}; n=0; while [ -e {reopen} ] && [ $n -lt 400 ]; do sleep 0.005; n=$((n+1)); done\nendscript\n}}\n",
            mode.directives,
        );
        sandbox.file("logrotate.conf", conf);
        World {
            mode,
            sandbox: Arc::new(sandbox),
            chance: Chance::new(mode.name),
            counted: 0,
            complaints: Vec::new(),
        }
    }

    fn run(mut self) {
        // The log is known before anything is rotated.
        self.sandbox.append(self.mode.log, line(0));
        self.scan();
        let over = Over(Arc::new(AtomicBool::new(false)));
        let (sandbox, mode, done) = (self.sandbox.clone(), *self.mode, over.0.clone());
        let service = std::thread::spawn(move || write(&sandbox, mode, &done));
        (0..self.mode.rounds).for_each(|_| self.round());
        drop(over);
        let written = service.join().unwrap();
        // Twice: what was a copy in the making is one no more.
        self.scan();
        self.scan();
        self.compare(written);
    }

    /// A run and a rotation, one in the other or one behind the other.
    fn round(&mut self) {
        self.chance.wait(Duration::from_millis(60));
        match self.chance.below(5) {
            0 => self.scan(),
            1 => self.rotate(),
            _ => {
                let sandbox = &self.sandbox;
                let mut scan = sandbox.command(["scan", "--json"]);
                scan.stdout(Stdio::piped()).stderr(Stdio::piped());
                let scan = scan.spawn().unwrap();
                self.chance.wait(Duration::from_millis(60));
                self.rotate();
                self.take(&scan.wait_with_output().unwrap());
            }
        }
    }

    /// `logrotate -f`. It fails where a name by the time is taken already.
    fn rotate(&self) {
        let mut command = Command::new("/usr/sbin/logrotate");
        command
            .arg("-f")
            .arg("--state")
            .arg(self.sandbox.path("logrotate.state"));
        let output = command
            .arg(self.sandbox.path("logrotate.conf"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || said.contains("already exists"),
            "{said}"
        );
    }

    fn scan(&mut self) {
        let output = self.sandbox.command(["scan", "--json"]).output().unwrap();
        self.take(&output);
    }

    /// Adds up what a run has told.
    fn take(&mut self, output: &Output) {
        let said = String::from_utf8_lossy(&output.stderr);
        self.complaints.extend(said.lines().map(str::to_owned));
        assert_eq!(
            output.status.code(),
            Some(i32::from(!said.is_empty())),
            "{said}"
        );
        let run: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = run["sources"].as_array().unwrap();
        let each = rows.iter().filter(|row| row["rule"] == "each");
        self.counted += each
            .map(|row| row["failures"].as_u64().unwrap())
            .sum::<u64>();
    }

    /// What is still to be had of the log.
    fn on_disk(&self) -> BTreeSet<String> {
        let dirs = [self.sandbox.path("logs"), self.sandbox.path("logs/old")];
        let files = dirs.iter().flat_map(|dir| dir.read_dir().unwrap());
        let texts = files.map(|entry| unpacked(&entry.unwrap().path()));
        texts
            .flat_map(|text| text.lines().map(own_address).collect::<Vec<_>>())
            .collect()
    }

    fn compare(&self, written: u32) {
        let all: BTreeSet<String> = (0..written).map(|n| addresses(n).0).collect();
        let banned: BTreeSet<String> = self.sandbox.banned().into_iter().collect();
        let counted: BTreeSet<String> = banned.intersection(&all).cloned().collect();
        let on_disk = self.on_disk();
        println!(
            "{}: {written} lines, {} counted, {} still there",
            self.mode.name,
            counted.len(),
            on_disk.len()
        );
        println!("{}", self.complaints.join("\n"));
        let missed: Vec<_> = on_disk.difference(&counted).collect();
        assert!(missed.is_empty(), "not counted: {missed:?}");
        assert_eq!(
            self.counted,
            counted.len() as u64,
            "a line was counted twice"
        );
        if counted.len() < all.len() {
            assert!(self.mode.holds_on || self.mode.deletes, "lines were lost");
        }
        if self.mode.deletes && counted.len() < all.len() {
            let told = |text: &String| text.contains("nowhere to be found");
            assert!(self.complaints.iter().any(told), "lost and not told");
        }
        if !self.mode.deletes {
            assert_eq!(self.complaints, [""; 0], "a false alarm");
        }
        // Each rule follows the log for itself, and may lose what the other has read.
        let is_whole = counted.len() == all.len();
        if is_whole && (!self.mode.deletes || self.complaints.is_empty()) {
            self.compare_with_one_run(written);
        }
    }

    /// The bans, with their times, are those of one run over the lines in order.
    fn compare_with_one_run(&self, written: u32) {
        let whole = sandbox(self.mode.log);
        whole.file(self.mode.log, (0..written).map(line).collect::<String>());
        whole.run(["scan", "--json"]).exits(0);
        let bans = |sandbox: &Sandbox| {
            let list = sandbox.run(["list", "--json"]).exits(0).json();
            let bans = list["bans"].as_array().unwrap().clone();
            let bans = bans
                .iter()
                .map(|ban| json!([ban["ip"], ban["rule"], ban["time"]]).to_string());
            bans.collect::<BTreeSet<_>>()
        };
        assert_eq!(bans(&self.sandbox), bans(&whole));
    }
}

/// Ends the service, also when the test fails.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A service: writes whole lines all the time, and opens its file anew when
/// it is told to. Returns how many.
fn write(sandbox: &Sandbox, mode: Mode, over: &AtomicBool) -> u32 {
    let (path, reopen) = (sandbox.path(mode.log), sandbox.path("reopen"));
    let open = || {
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true).mode(0o640);
        options.open(&path).unwrap()
    };
    let (mut file, mut n) = (open(), 1);
    while !over.load(Ordering::Relaxed) {
        if reopen.exists() {
            if !mode.holds_on {
                file = open();
            }
            std::fs::remove_file(&reopen).unwrap();
        }
        file.write_all(line(n).as_bytes()).unwrap();
        n += 1;
        // On a busy machine runs grow slow, and the log must not grow long by that.
        let pause = if n < 1500 { 3 } else { 100 };
        std::thread::sleep(Duration::from_millis(pause));
    }
    n
}

fn own_address(line: &str) -> String {
    let rest = line.split_once("each=").unwrap().1;
    rest.split(' ').next().unwrap().to_owned()
}

/// The text of a file, however it is compressed.
fn unpacked(path: &Path) -> String {
    let program = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => "gzip",
        Some("xz") => "xz",
        Some("bz2") => "bzip2",
        Some("zst") => "zstd",
        _ if path.is_dir() => return String::new(),
        _ => return std::fs::read_to_string(path).unwrap(),
    };
    let output = Command::new(program).arg("-dc").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
