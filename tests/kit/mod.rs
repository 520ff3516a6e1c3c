//! The test kit: a scratch directory that is the whole world of one pyfilter.
//!
//! ```ignore
//! Sandbox::new().log("auth.log", &failures("203.0.113.9", 5)).scan().exits(0).bans(["203.0.113.9"]);
//! ```
//!
//! The environment is emptied and the time zone is UTC; nothing of the machine
//! is seen or touched: the firewall's backend is `none` unless a test says
//! otherwise. A run that is not as expected prints the command, the directory
//! and both streams.

mod chance;
mod needs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use chance::Chance;
pub(crate) use needs::{is_left_out, needs};

/// The binary under test.
pub(crate) const PYFILTER: &str = env!("CARGO_BIN_EXE_pyfilter");

/// A world with one pyfilter in it.
pub(crate) struct Sandbox {
    dir: TempDir,
    config: Value,
    /// What stands in the configuration instead, right or wrong.
    config_text: Option<Vec<u8>>,
    environment: Vec<(String, String)>,
    /// What stands before the command, such as `ip netns exec NAME`.
    prefix: Vec<String>,
}

impl Sandbox {
    /// A rule `ssh` over `auth.log`, no firewall, state in `state`.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("auth.log");
        let config = json!({
            "settings": {
                "server_name": "web1",
                "rules": { "ssh": { "log_files": log } },
                "firewall": { "backend": "none" },
            }
        });
        Sandbox {
            dir,
            config,
            config_text: None,
            environment: Vec::new(),
            prefix: Vec::new(),
        }
    }

    /// The path of `name` in here.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path of `name` in the state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    /// Writes a file, with the directories it stands in.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// Writes a log.
    #[must_use]
    pub(crate) fn log(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.file(name, text);
        self
    }

    /// Appends to a log.
    pub(crate) fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    /// The text of a file.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Does to a file of the state directory what a person does in an editor.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let name = format!("state/{name}");
        self.file(&name, edit(self.read(&name)));
    }

    /// Sets a key of the configuration, `/settings/request_time`; what is not
    /// there is made.
    #[must_use]
    pub(crate) fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let place = pointer
            .split('/')
            .skip(1)
            .fold(&mut self.config, |place, key| &mut place[key]);
        *place = value.into();
        self
    }

    /// The configuration is this text, right or wrong.
    #[must_use]
    pub(crate) fn config(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.config_text = Some(text.into());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs every command behind `prefix`.
    #[must_use]
    pub(crate) fn behind(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs every command with at most `mib` MiB of memory.
    #[must_use]
    pub(crate) fn within(self, mib: u32) -> Self {
        let limit = format!("ulimit -v {}; exec \"$@\"", mib * 1024);
        self.behind(&["sh", "-c", &limit, "sh"])
    }

    /// Runs every command as somebody who may do nothing.
    #[must_use]
    pub(crate) fn by_nobody(self) -> Self {
        self.behind(&[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ])
    }

    /// Writes the configuration if it is not there as it is.
    fn write_config(&self) {
        let path = self.path("config.json");
        let wanted = self.config_text.clone();
        let wanted = wanted.unwrap_or_else(|| self.config.to_string().into_bytes());
        if std::fs::read(&path).ok().as_ref() != Some(&wanted) {
            std::fs::write(path, wanted).unwrap();
        }
    }

    /// Every file and directory in here, with its bytes and the time it was
    /// last written.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
        self.write_config();
        let mut tree = BTreeMap::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(path) = open.pop() {
            let metadata = path.symlink_metadata().unwrap();
            let bytes = if metadata.is_dir() {
                open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            } else {
                std::fs::read(&path).unwrap()
            };
            tree.insert(path, (metadata.modified().unwrap(), bytes));
        }
        tree
    }

    /// The command, ready to be started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.plain_command();
        command
            .arg("-c")
            .arg(self.path("config.json"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(args);
        command
    }

    /// The program without arguments, in this world.
    pub(crate) fn plain_command(&self) -> Command {
        self.write_config();
        let mut words = self.prefix.iter().map(String::as_str).chain([PYFILTER]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .current_dir(self.dir.path())
            .env_clear()
            .env("TZ", "UTC");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran<'_> {
        self.run_with(args, b"")
    }

    /// Runs a command to its end with something on its standard input.
    pub(crate) fn run_with<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Ran<'_> {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.end(command, input)
    }

    /// Runs a command of one's own making to its end.
    pub(crate) fn end_of(&self, mut command: Command) -> Ran<'_> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.end(command, b"")
    }

    /// Runs a command to its end whose standard output and standard error are
    /// these files, and so are not seen here.
    pub(crate) fn run_into<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Ran<'_> {
        let mut command = self.command(args);
        command.stdout(stdout).stderr(stderr);
        self.end(command, b"")
    }

    fn end(&self, mut command: Command, input: &[u8]) -> Ran<'_> {
        let shown = format!("{command:?}");
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            // Who does not read it all has closed it.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        });
        let ran = Ran {
            sandbox: self,
            command: shown,
            output,
        };
        let panicked = ran.status() == Some(101) || ran.stderr().contains("panicked");
        ran.expect(!panicked, || {
            "expected no panic, whatever the input".to_owned()
        });
        ran
    }

    /// `pyfilter scan`.
    pub(crate) fn scan(&self) -> Ran<'_> {
        self.run(["scan"])
    }

    /// `pyfilter scan --json`: the document, of a run that ended well.
    pub(crate) fn scan_json(&self) -> Value {
        self.run(["scan", "--json"]).exits(0).json()
    }

    /// The addresses in force, as `pyfilter list` has them.
    pub(crate) fn banned(&self) -> Vec<String> {
        let list = self.run(["list", "--json"]).exits(0).json();
        list["bans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ban| ban["ip"].as_str().unwrap().to_owned())
            .collect()
    }

    fn listing(&self) -> String {
        let listed = Command::new("ls")
            .args(["-lAR"])
            .arg(self.dir.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&listed.stdout).into_owned()
    }
}

/// A command that has ended.
pub(crate) struct Ran<'a> {
    sandbox: &'a Sandbox,
    command: String,
    output: Output,
}

impl Ran<'_> {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("standard output is UTF-8")
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).expect("standard error is UTF-8")
    }

    /// Its exit status, none if a signal ended it.
    pub(crate) fn status(&self) -> Option<i32> {
        self.output.status.code()
    }

    #[track_caller]
    fn expect(&self, right: bool, what: impl FnOnce() -> String) {
        assert!(right, "{}\n{}", what(), self.told());
    }

    fn told(&self) -> String {
        let mut told = format!(
            "command: {}\nstatus: {}\n",
            self.command, self.output.status
        );
        for (name, stream) in [
            ("stdout", &self.output.stdout),
            ("stderr", &self.output.stderr),
        ] {
            let _ = write!(told, "--- {name}\n{}", String::from_utf8_lossy(stream));
        }
        told + "--- directory\n" + &self.sandbox.listing()
    }

    /// Expects this exit status; that of 0 also expects nothing on stderr.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        self.expect(self.status() == Some(status), || {
            format!("expected exit status {status}")
        });
        if status == 0 {
            self.expect(self.output.stderr.is_empty(), || {
                "expected nothing on standard error".to_owned()
            });
        }
        self
    }

    /// Expects exit status 0, whatever is on stderr.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.expect(self.status() == Some(0), || {
            "expected exit status 0".to_owned()
        });
        self
    }

    /// Expects this on stderr.
    #[track_caller]
    pub(crate) fn warns(self, text: &str) -> Self {
        self.expect(self.stderr().contains(text), || {
            format!("expected on standard error: {text}")
        });
        self
    }

    /// Expects that stderr is exactly this, but for the program's name and the
    /// sandbox's path, which are left out.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        let dir = format!("{}/", self.sandbox.dir.path().display());
        let said = self.stderr().replace(&dir, "").replace("pyfilter: ", "");
        self.expect(said.trim_end() == text, || {
            format!("expected on standard error, and nothing else: {text}")
        });
        self
    }

    /// Expects exactly this on stdout.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        self.expect(self.stdout() == text, || {
            format!("expected on standard output: {text}")
        });
        self
    }

    /// Expects this somewhere on stdout.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        self.expect(self.stdout().contains(text), || {
            format!("expected on standard output: {text}")
        });
        self
    }

    /// Expects this nowhere on stdout.
    #[track_caller]
    pub(crate) fn says_nothing_of(self, text: &str) -> Self {
        self.expect(!self.stdout().contains(text), || {
            format!("expected nowhere on standard output: {text}")
        });
        self
    }

    /// Expects that stdout has ban lines for exactly these addresses, in this order.
    #[track_caller]
    pub(crate) fn bans<const N: usize>(self, addresses: [&str; N]) -> Self {
        let stdout = self.stdout();
        let found = stdout
            .lines()
            .filter_map(|line| line.split_once("Found IP: ")?.1.split(' ').next());
        self.expect(found.eq(addresses), || {
            format!("expected bans of {addresses:?}")
        });
        self
    }

    /// The document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.output.stdout)
            .unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.told()))
    }
}

/// A failed ssh login, `second` seconds into 22 March 2026.
pub(crate) fn failure(address: &str, second: u32) -> String {
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "2026-03-22T{h:02}:{m:02}:{s:02}+00:00 web1 sshd[7]: Failed password for root from {address} port 4711 ssh2\n"
    )
}

/// `count` of them, a second apart, from 00:00:00 on.
pub(crate) fn failures(address: &str, count: u32) -> String {
    (0..count).map(|second| failure(address, second)).collect()
}

/// `count` lines of an attacker, a second apart, with `{s}` for the second, and each of
/// another process of sshd.
pub(crate) fn repeated(line: &str, count: u32) -> String {
    let lines = (0..count).map(|second| {
        let line = line.replace("{s}", &format!("{second:02}"));
        line.replace("sshd[", &format!("sshd[9{second:02}")) + "\n"
    });
    lines.collect()
}

/// Makes a named pipe.
pub(crate) fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// The file to which nothing can be written, for its disk is full.
pub(crate) fn full() -> std::fs::File {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    full.unwrap()
}

/// A fixture's path.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// Compares with a file of `fixtures/golden`, or writes it if the environment
/// has `GOLDEN=write`.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let path = fixture("golden").join(name);
    if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path);
    let expected = expected.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, expected, "{}", path.display());
}
