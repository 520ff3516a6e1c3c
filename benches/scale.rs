//! What runs cost where there is much to remember: whole processes with their
//! firewall, in a network namespace of their own, so as root:
//! `cargo build --release && cargo run --release --example scale`.
//!
//! Prints a Markdown table: wall clock, processor time and peak memory.
#![expect(
    clippy::print_stderr,
    reason = "a tool for people at a terminal, not the program"
)]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// The argument of the process that is in the namespace.
const INSIDE: &str = "--inside";

fn main() -> ExitCode {
    let inside = std::env::args().nth(1).as_deref() == Some(INSIDE);
    let done = if inside { measure() } else { enter() };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Begins anew in a network namespace of its own.
fn enter() -> io::Result<ExitCode> {
    let own = std::env::current_exe()?;
    let status = Command::new("unshare")
        .arg("--net")
        .arg(own)
        .arg(INSIDE)
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure() -> io::Result<ExitCode> {
    println!("| run | seconds | CPU seconds | MiB | store MB |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let host = Host::new(1)?;
    host.append(0, &failures(0..3, 2))?;
    host.run()?;
    host.repeat("nothing new, 1 source")?;
    drop(host);

    let many = Host::new(500)?;
    for source in 0..500 {
        many.append(source, &failures(source..source + 1, 1))?;
    }
    many.run()?;
    many.repeat("nothing new, 500 sources")?;
    drop(many);

    let banned = Host::new(1)?;
    banned.append(0, &failures(0..100_000, 5))?;
    banned.once("100,000 bans decided, committed and applied")?;
    banned.append(0, &failures(200_000..200_010, 5))?;
    banned.once("ten more")?;
    banned.repeat("nothing new, 100,010 bans in force and the firewall checked")?;
    drop(banned);

    let watched = Host::new(1)?;
    watched.append(0, &failures(0..1_000_000, 1))?;
    watched.once("1,000,000 windows opened")?;
    watched.append(0, &failures(2_000_000..2_000_010, 1))?;
    watched.once("ten more beside them")?;
    watched.append(0, &failures(0..10, 1))?;
    watched.once("ten of them going on")?;
    watched.append(0, &failures(0..100_000, 1))?;
    watched.once("100,000 of them going on")?;
    watched.repeat("nothing new beside them")?;
    drop(watched);

    let sprayed = Host::without_firewall()?;
    sprayed.append(0, &spray(900_000))?;
    sprayed.once("900,000 IPv6 addresses, one failure each in a line of 900 bytes")?;
    drop(sprayed);

    let all = Host::without_firewall()?;
    all.append(0, &failures(0..1_000_000, 5))?;
    all.once("1,000,000 bans decided, committed and told, without a firewall")?;
    Ok(ExitCode::SUCCESS)
}

/// Each address failing `times` times, in the same second.
fn failures(addresses: std::ops::Range<u32>, times: u32) -> String {
    let mut log = String::new();
    for number in addresses {
        // An odd factor: each number is another address of 11.0.0.0/8, in no order.
        let address =
            std::net::Ipv4Addr::from(0x0b00_0000 | (number.wrapping_mul(0x9e_37b1) & 0xff_ffff));
        for _ in 0..times {
            let _ = writeln!(
                log,
                "Mar 22 14:18:18 web1 sshd[4711]: Failed password for root from {address} port 40022 ssh2"
            );
        }
    }
    log
}

/// Addresses of one IPv6 network that fail once each, with the longest user name
/// that sshd logs.
fn spray(addresses: u32) -> String {
    let (mut log, user) = (String::new(), "x".repeat(800));
    for number in 0..addresses {
        let _ = writeln!(
            log,
            "Mar 22 14:18:18 web1 sshd[4711]: Failed password for {user} from 2001:db8:0:7::{:x}:{:x} port 40022 ssh2",
            (number >> 16) + 1,
            number & 0xffff
        );
    }
    log
}

/// A directory with a configuration, logs and a state.
struct Host {
    directory: tempfile::TempDir,
    pyfilter: PathBuf,
}

/// What `time` says of a process, and the clock.
struct Cost {
    wall: f64,
    cpu: f64,
    mebibytes: f64,
    /// How many bytes the store has by then.
    store: u64,
}

impl Host {
    fn without_firewall() -> io::Result<Self> {
        let host = Host::new(1)?;
        let config = host.directory.path().join("config.json");
        let text = fs::read_to_string(&config)?;
        let none = "\"settings\":{\"firewall\":{\"backend\":\"none\"},";
        fs::write(config, text.replace("\"settings\":{", none))?;
        Ok(host)
    }

    fn new(sources: u32) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let logs: Vec<PathBuf> = (0..sources).map(|n| log(directory.path(), n)).collect();
        let config = serde_json::json!({ "settings": {
            "server_name": "web1",
            "rules": { "ssh": { "log_files": logs } },
        } });
        fs::write(directory.path().join("config.json"), config.to_string())?;
        let examples = std::env::current_exe()?;
        let target = examples
            .ancestors()
            .nth(2)
            .unwrap_or(Path::new("target/release"));
        Ok(Host {
            pyfilter: target.join("pyfilter"),
            directory,
        })
    }

    fn append(&self, source: u32, text: &str) -> io::Result<()> {
        let path = log(self.directory.path(), source);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())
    }

    fn run(&self) -> io::Result<Cost> {
        self.time(1)
    }

    /// The mean of `times` runs.
    fn time(&self, times: u32) -> io::Result<Cost> {
        let directory = self.directory.path();
        let said = directory.join("time");
        let begun = Instant::now();
        let status = Command::new("/usr/bin/time")
            .args(["-f", "%U %S %M", "-o"])
            .arg(&said)
            .args(["sh", "-c", "times=$1; shift; while [ $times -gt 0 ]; do \"$@\" || exit; times=$((times - 1)); done", "sh"])
            .arg(times.to_string())
            .arg(&self.pyfilter)
            .arg("-c")
            .arg(directory.join("config.json"))
            .arg("--state-dir")
            .arg(directory.join("state"))
            .arg("scan")
            .stdout(Stdio::null())
            .status()?;
        let wall = begun.elapsed().as_secs_f64();
        if !status.success() {
            return Err(io::Error::other(format!(
                "{} failed",
                self.pyfilter.display()
            )));
        }
        let said = fs::read_to_string(said)?;
        let numbers: Vec<f64> = said
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let [user, system, kibibytes] = numbers[..] else {
            return Err(io::Error::other(format!("`time` said {said}")));
        };
        let times = f64::from(times);
        Ok(Cost {
            wall: wall / times,
            cpu: (user + system) / times,
            mebibytes: kibibytes / 1024.0,
            store: fs::metadata(directory.join("state/PyFilter.db"))?.len(),
        })
    }

    /// What happens once: one run.
    fn once(&self, what: &str) -> io::Result<()> {
        self.run().map(|cost| show(what, &cost))
    }

    /// What happens each minute: the median of five means of twenty, after two
    /// runs that find out that nobody has changed anything.
    fn repeat(&self, what: &str) -> io::Result<()> {
        self.time(2)?;
        let mut costs = (0..5)
            .map(|_| self.time(20))
            .collect::<io::Result<Vec<Cost>>>()?;
        costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
        show(what, &costs[2]);
        Ok(())
    }
}

/// The next host begins without this one's chain: a chain of another store is told, and
/// the run ends with 1.
impl Drop for Host {
    fn drop(&mut self) {
        let directory = self.directory.path();
        let off = Command::new(&self.pyfilter)
            .arg("-c")
            .arg(directory.join("config.json"))
            .arg("--state-dir")
            .arg(directory.join("state"))
            .args(["restore", "--off"])
            .status();
        if !off.is_ok_and(|status| status.success()) {
            eprintln!("scale: the chain could not be taken away");
        }
    }
}

fn log(directory: &Path, source: u32) -> PathBuf {
    directory.join(format!("{source}.log"))
}

fn show(what: &str, cost: &Cost) {
    let Cost {
        wall,
        cpu,
        mebibytes,
        store,
    } = cost;
    let megabytes = *store / 1_000_000;
    println!("| {what} | {wall:.4} | {cpu:.4} | {mebibytes:.0} | {megabytes} |");
}
