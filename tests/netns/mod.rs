//! A kernel of one's own for tests: network namespaces with their own firewall.
//!
//! ```text
//!   attacker                                 host
//!   203.0.113.13, 203.0.113.20 ── veth ── 203.0.113.1       port 2222 listens
//!   2001:db8::13, 2001:db8::20            2001:db8::1
//! ```
//! Nothing touches the namespace that the tests run in: the wires are made
//! inside the new ones, and [`Netns::programs`] gives the product a directory of
//! `iptables-save`, … that enter one before they do anything.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const HOST: [&str; 2] = ["203.0.113.1", "2001:db8::1"];

/// Behind the host, for [`Pair::container`].
const CONTAINER: [&str; 2] = ["198.51.100.2", "2001:db8:1::2"];

const ATTACKER: [&str; 4] = [
    "203.0.113.13",
    "203.0.113.20",
    "2001:db8::13",
    "2001:db8::20",
];

/// Where programs are found, whoever runs the tests.
pub(crate) const PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin";
const PORT: u16 = 2222;

/// The two programs that iptables can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Nft,
    Legacy,
}

pub(crate) const VARIANTS: [Variant; 2] = [Variant::Nft, Variant::Legacy];

impl Variant {
    fn program(self) -> &'static str {
        match self {
            Variant::Nft => "xtables-nft-multi",
            Variant::Legacy => "xtables-legacy-multi",
        }
    }
}

/// A network namespace with loopback up; it is gone when dropped.
pub(crate) struct Netns {
    name: String,
    directory: tempfile::TempDir,
}

impl Netns {
    /// # Panics
    /// Without root: a test of the kernel that can not run has failed.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let netns = Netns {
            name: format!("pyfilter-{}-{number}", std::process::id()),
            directory: tempfile::tempdir().unwrap(),
        };
        checked(ip().args(["netns", "add", &netns.name]), "");
        netns.exec("ip link set lo up");
        netns
    }

    /// Its name, as `ip netns exec` calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs a shell command inside and returns what it printed.
    ///
    /// # Panics
    /// With all it said, if it fails.
    pub(crate) fn exec(&self, command: &str) -> String {
        self.exec_with(command, "")
    }

    /// The same, with a text on standard input.
    pub(crate) fn exec_with(&self, command: &str, input: &str) -> String {
        checked(&mut self.command(&["sh", "-c", command]), input)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = ip();
        command.args(["netns", "exec", &self.name]).args(words);
        command
    }

    /// A directory of the four programs of this namespace and variant, for
    /// `Firewall.programs`.
    pub(crate) fn programs(&self, variant: Variant) -> Programs<'_> {
        let directory = self.directory.path().join(format!("{variant:?}"));
        fs::create_dir_all(&directory).unwrap();
        let programs = Programs {
            netns: self,
            variant,
            directory,
        };
        programs.repair();
        programs
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = ip().args(["netns", "del", &self.name]).status();
    }
}

/// What the product runs.
pub(crate) const PROGRAMS: [&str; 4] = [
    "iptables-save",
    "iptables-restore",
    "ip6tables-save",
    "ip6tables-restore",
];

/// iptables of one namespace, as scripts that can be replaced one by one.
pub(crate) struct Programs<'a> {
    netns: &'a Netns,
    variant: Variant,
    directory: PathBuf,
}

impl Programs<'_> {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The namespace, as `ip netns exec` calls it.
    pub(crate) fn namespace(&self) -> &str {
        &self.netns.name
    }

    /// Runs a shell command in the namespace and returns what it printed.
    pub(crate) fn exec(&self, command: &str) -> String {
        self.netns.exec(command)
    }

    /// Takes back every [`Programs::script`].
    pub(crate) fn repair(&self) {
        for name in PROGRAMS {
            self.script(name, &self.enter("", name));
        }
    }

    /// The file that the legacy variant locks here instead of the host's.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.directory.join("xtables.lock")
    }

    /// Puts a shell script in the place of a program.
    pub(crate) fn script(&self, name: &str, script: &str) {
        let path = self.directory.join(name);
        fs::write(&path, format!("#!/bin/sh\nPATH={PATH}\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The script that runs program `name` in the namespace, behind `prefix`
    /// (`setpriv …`).
    pub(crate) fn enter(&self, prefix: &str, name: &str) -> String {
        format!(
            "exec ip netns exec {} env XTABLES_LOCKFILE={} {prefix} {} {name} \"$@\"",
            self.netns.name,
            self.lock_file().display(),
            self.variant.program(),
        )
    }

    /// Runs `iptables …` or `ip6tables …` of this variant.
    pub(crate) fn run(&self, command: &str) -> String {
        self.run_with(command, "")
    }

    /// The same, with a text on standard input.
    pub(crate) fn run_with(&self, command: &str, input: &str) -> String {
        let lock = self.lock_file();
        let program = self.variant.program();
        let command = format!("XTABLES_LOCKFILE={} {program} {command}", lock.display());
        self.netns.exec_with(&command, input)
    }

    /// All tables of both families, without comments, which hold the time.
    pub(crate) fn everything(&self) -> Vec<String> {
        // Named one by one: a legacy listing of all tables leaves out those
        // that nobody has looked at yet.
        let mut lines = Vec::new();
        for program in ["iptables-save", "ip6tables-save"] {
            for table in ["filter", "nat", "mangle"] {
                let text = self.run(&format!("{program} -t {table}"));
                let rules = text.lines().filter(|line| !line.starts_with('#'));
                lines.extend(rules.map(|line| format!("{program}: {line}")));
            }
        }
        lines
    }

    /// [`Programs::everything`] but the lines that name `chain`.
    pub(crate) fn everything_but(&self, chain: &str) -> Vec<String> {
        let mut lines = self.everything();
        lines.retain(|line| !line.contains(chain));
        lines
    }
}

/// A host and an attacker, joined by a wire.
pub(crate) struct Pair {
    pub host: Netns,
    attacker: Netns,
    listener: Child,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let (host, attacker) = (Netns::new(), Netns::new());
        let peer = &attacker.name;
        host.exec(&format!(
            "ip link add wire type veth peer name wire netns {peer}"
        ));
        let [v4, v6] = HOST;
        host.exec(&format!("ip addr add {v4}/24 dev wire"));
        host.exec(&format!("ip addr add {v6}/64 dev wire nodad"));
        for address in ATTACKER {
            let option = if address.contains(':') {
                "/64 nodad"
            } else {
                "/24"
            };
            attacker.exec(&format!("ip addr add {address}{option} dev wire"));
        }
        // Neighbours for good: a banned address is not answered who has the
        // host's address either, and the next one would pay for that.
        connect_wire(&host, 1, 2, &ATTACKER);
        connect_wire(&attacker, 2, 1, &HOST);
        let listener = listen(&host);
        let pair = Pair {
            host,
            attacker,
            listener,
        };
        let begun = Instant::now();
        while !pair.connects("203.0.113.20") {
            assert!(begun.elapsed() < Duration::from_secs(20), "no listener");
        }
        pair
    }

    /// Whether a TCP connection from `source` to the host comes to be within a second.
    pub(crate) fn connects(&self, source: &str) -> bool {
        self.connects_by(source, HOST, "")
    }

    /// Whether one from `source` to the container does, which the host passes on.
    pub(crate) fn reaches(&self, _container: &Container, source: &str) -> bool {
        let hop = HOST[usize::from(source.contains(':'))];
        self.connects_by(source, CONTAINER, &format!("via {hop}"))
    }

    fn connects_by(&self, source: &str, [v4, v6]: [&str; 2], hop: &str) -> bool {
        let (option, target) = if source.contains(':') {
            ("-6", v6)
        } else {
            ("-4", v4)
        };
        self.attacker.exec(&format!(
            "ip {option} route replace {target} {hop} dev wire src {source}"
        ));
        let attempt = format!("exec 3<>/dev/tcp/{target}/{PORT}");
        let words = ["timeout", "1", "bash", "-c", &attempt];
        let output = self.attacker.command(&words).output().unwrap();
        output.status.success()
    }
}

impl Pair {
    /// A container behind the host, in which the same port listens.
    pub(crate) fn container(&self) -> Container {
        let netns = Netns::new();
        let peer = &netns.name;
        self.host.exec(&format!(
            "ip link add bridge type veth peer name wire netns {peer} && ip link set bridge up
            echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
        ));
        netns.exec("ip link set wire up");
        for (address, hop) in CONTAINER.into_iter().zip(["198.51.100.1", "2001:db8:1::1"]) {
            let (length, option) = if address.contains(':') {
                (64, "nodad")
            } else {
                (24, "")
            };
            let add =
                |address, device| format!("ip addr add {address}/{length} dev {device} {option}");
            self.host.exec(&add(hop, "bridge"));
            netns.exec(&add(address, "wire"));
            netns.exec(&format!("ip route add default via {hop}"));
        }
        let listener = listen(&netns);
        let container = Container {
            listener,
            _netns: netns,
        };
        let begun = Instant::now();
        // The IPv6 neighbours are not known from the start.
        while !ATTACKER
            .iter()
            .all(|source| self.reaches(&container, source))
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "no listener");
        }
        container
    }
}

/// A namespace to which a host passes on what comes for it.
pub(crate) struct Container {
    listener: Child,
    _netns: Netns,
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

fn connect_wire(netns: &Netns, ours: u8, theirs: u8, addresses: &[&str]) {
    netns.exec(&format!(
        "ip link set wire address 02:00:00:00:00:0{ours} up"
    ));
    for address in addresses {
        netns.exec(&format!(
            "ip neigh replace {address} lladdr 02:00:00:00:00:0{theirs} dev wire nud permanent"
        ));
    }
}

const LISTENS: &str = "PYFILTER_TEST_LISTENS";

/// Runs this test binary once more, inside the namespace, as the listener.
fn listen(netns: &Netns) -> Child {
    let this = std::env::current_exe().unwrap();
    netns
        .command(&[this.to_str().unwrap()])
        .args(["--exact", "netns::listener"])
        .env(LISTENS, "yes")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of anything: what [`listen`] starts. Without it, nothing is done.
#[test]
fn listener() {
    if std::env::var_os(LISTENS).is_some() {
        let listener = TcpListener::bind(("::", PORT)).unwrap();
        for connection in listener.incoming() {
            drop(connection);
        }
    }
}

fn ip() -> Command {
    let mut command = Command::new("ip");
    command.env("PATH", PATH).env("LC_ALL", "C");
    command
}

/// What `command` printed.
///
/// # Panics
/// With the command and all it said, if it fails.
fn checked(command: &mut Command, input: &str) -> String {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.success(),
        "{shown}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n\
         (kernel tests need root, iptables and network namespaces)"
    );
    stdout
}
