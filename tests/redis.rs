//! Servers that share their bans, with a real Redis.
//!
//! | file | asks |
//! |---|---|
//! | `bytes` | what is written, and that a run with nothing new is cheap |
//! | `fleet` | bans and un-bans of several servers, in adverse orders |
//! | `networks` | bans and un-bans of networks, and that older servers meet none of it |
//! | `begins` | a server that begins to share its bans |
//! | `cut_off` | a Redis that is gone, or slow, in the middle of a run |
//! | `faults` | a Redis that is down, slow, full, … |
//! | `forged` | events under another id, and of the future |
//! | `strangers` | entries that others wrote, or damaged |
//! | `kernel` | three servers in three network namespaces, and a Redis that refuses other hosts |
//! | `cost` | that `benches/fleet.rs` still measures |

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::{Sandbox, failures};

mod begins;
mod bytes;
mod cost;
mod cut_off;
mod faults;
mod fleet;
mod forged;
mod kernel;
mod networks;
mod strangers;

pub(crate) const ATTACKER: &str = "203.0.113.9";

/// A redis-server of the test's own; it is gone when dropped.
pub(crate) struct Redis {
    dir: TempDir,
    child: Child,
}

impl Redis {
    pub(crate) fn new() -> Self {
        Redis::with(&[])
    }

    /// With more settings: `--maxmemory 1mb`.
    pub(crate) fn with(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = start(&dir, settings);
        let redis = Redis { dir, child };
        redis.wait();
        redis
    }

    /// In a network namespace, with more settings.
    pub(crate) fn within(namespace: &str, settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, "redis-server"]);
        let child = start_by(command, &dir, settings);
        let redis = Redis { dir, child };
        redis.wait();
        redis
    }

    fn wait(&self) {
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no redis-server");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Ends it, as a crash does.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again, with nothing in it but what it has saved.
    pub(crate) fn again(&mut self) {
        self.again_with(&[]);
    }

    /// The same, with more settings.
    pub(crate) fn again_with(&mut self, settings: &[&str]) {
        self.child = start(&self.dir, settings);
        self.wait();
    }

    /// Waits for a connection of this name that is in this state, as CLIENT
    /// LIST shows it; its line.
    pub(crate) fn connection(&self, name: &str, state: &str) -> String {
        let (name, begun) = (format!(" name={name} "), Instant::now());
        loop {
            let clients = self.cli(&["CLIENT", "LIST"]);
            let mut lines = clients.lines();
            if let Some(line) = lines.find(|line| line.contains(&name) && line.contains(state)) {
                return line.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{clients}");
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let mut signal = Command::new("kill");
        signal.args([name, &self.child.id().to_string()]);
        assert!(signal.status().unwrap().success());
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.socket()).args(words);
        command
    }

    /// What redis-cli prints.
    #[track_caller]
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// A server with this name.
    pub(crate) fn server(&self, name: &str) -> Sandbox {
        Sandbox::new()
            .log("auth.log", "")
            .set("/settings/server_name", name)
            .set("/settings/database", "redis")
            .set("/redis/host", self.socket().to_str().unwrap())
    }

    /// The same, in whose log five failures stand.
    pub(crate) fn attacked(&self, name: &str) -> Sandbox {
        self.server(name).log("auth.log", failures(ATTACKER, 5))
    }

    /// What of a run's commands Redis saw.
    pub(crate) fn monitored(&self, run: impl FnOnce()) -> Vec<String> {
        let mut monitor = self.command(&["MONITOR"]);
        let mut monitor = monitor.stdout(Stdio::piped()).spawn().unwrap();
        while !self.cli(&["CLIENT", "LIST"]).contains("cmd=monitor") {}
        run();
        self.cli(&["ECHO", "the end"]);
        let mut lines = Vec::new();
        let output = std::io::BufReader::new(monitor.stdout.take().unwrap());
        for line in std::io::BufRead::lines(output) {
            let line = line.unwrap();
            if line.ends_with("\"the end\"") {
                break;
            }
            if let Some((_, command)) = line.split_once("] ") {
                lines.push(command.to_owned());
            }
        }
        let _ = monitor.kill();
        let _ = monitor.wait();
        lines.retain(|line| !line.contains("\"CLIENT\" \"LIST\""));
        lines
    }
}

fn start(dir: &TempDir, settings: &[&str]) -> Child {
    start_by(Command::new("redis-server"), dir, settings)
}

fn start_by(mut command: Command, dir: &TempDir, settings: &[&str]) -> Child {
    command.args(["--port", "0", "--save", "", "--unixsocket"]);
    command.arg(dir.path().join("redis.sock"));
    command.arg("--dir").arg(dir.path()).args(settings);
    let child = command.stdout(Stdio::null()).spawn();
    child.expect("these tests need redis-server: run tests/run, or install Debian's redis-server")
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that is stopped would not hear of its end.
        self.signal_if_there("-CONT");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Redis {
    fn signal_if_there(&self, name: &str) {
        let mut signal = Command::new("kill");
        signal.args([name, &self.child.id().to_string()]);
        let _ = signal.stderr(Stdio::null()).status();
    }
}

/// A port of loopback that nobody listens at.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The messages of a document's errors.
pub(crate) fn errors(document: &Value) -> Vec<String> {
    let errors = document["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["message"].as_str().unwrap().to_owned())
        .collect()
}
