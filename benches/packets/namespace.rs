//! Network namespaces of our own, and the wire between two of them.
//!
//! ```text
//!   far                                      host
//!   any source address ── wire ── wire ── 192.0.2.1, which has the bans
//! ```
//! All is made inside a network, mount and process namespace that [`enter`] begins. The
//! kernel ends each process in there, and so removes each namespace, when the first
//! process in there ends, however it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// The address of the host with the bans.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// What a process says when it is ready for what comes.
pub(crate) const READY: &str = "ready";

/// The ends of the wire know each other's hardware address, so that nobody asks for it.
const HARDWARE: [&str; 2] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

/// Runs this program once more, in namespaces of its own, with `arguments`.
pub(crate) fn enter(arguments: &[String], scratch: &Path) -> Result<()> {
    let mut inside = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
        .arg("--mount-proc")
        .arg(std::env::current_exe()?)
        .arg("inside")
        .arg(scratch)
        .args(arguments)
        // It ends when this pipe is closed: when this process has ended.
        .stdin(Stdio::piped())
        .spawn()
        .context("unshare (of util-linux)")?;
    // Not `wait`, which closes that pipe first.
    let open = inside.stdin.take();
    let status = inside.wait()?;
    drop(open);
    ensure!(status.success(), "not everything was measured");
    Ok(())
}

/// What comes first in the new namespaces.
pub(crate) fn prepare_inside(scratch: &Path) -> Result<()> {
    // The lock of iptables-legacy is in /run, and shall not be the machine's.
    run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]))?;
    run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    let scratch = scratch.to_owned();
    std::thread::spawn(move || {
        wait_for_end_of_input();
        let _ = std::fs::remove_dir_all(scratch);
        std::process::exit(1);
    });
    Ok(())
}

/// The process that keeps a [`Namespace`].
pub(crate) fn hold() {
    println!("{READY}");
    wait_for_end_of_input();
}

/// Returns when whoever has started this process has ended.
pub(crate) fn wait_for_end_of_input() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A network namespace. It is gone when dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    holder: Process,
}

impl Namespace {
    pub(crate) fn new() -> Result<Self> {
        let mut holder = Command::new("unshare");
        holder
            .arg("--net")
            .arg(std::env::current_exe()?)
            .arg("hold");
        let namespace = Namespace {
            holder: Process::ready(&mut holder)?,
        };
        namespace.run("ip link set lo up")?;
        // Closed connections keep their port for a minute.
        let ports = "echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range";
        run(namespace.command("sh").args(["-c", ports]))?;
        Ok(namespace)
    }

    /// `program` of the machine, to be run in this namespace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.0.id()))
            .arg("--")
            .arg(program);
        command
    }

    /// This program with other arguments, to be run in this namespace.
    pub(crate) fn own(&self, arguments: &[String]) -> Result<Command> {
        let mut command = self.command(std::env::current_exe()?);
        command.args(arguments);
        Ok(command)
    }

    /// Runs a command without quotes and returns what it prints.
    pub(crate) fn run(&self, words: &str) -> Result<String> {
        let mut words = words.split(' ');
        let mut command = self.command(words.next().unwrap_or_default());
        run(command.args(words))
    }
}

/// Two namespaces and the wire between them.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) host: Namespace,
    pub(crate) far: Namespace,
    _server: Process,
}

impl Pair {
    pub(crate) fn new() -> Result<Self> {
        let (host, far) = (Namespace::new()?, Namespace::new()?);
        let peer = far.holder.0.id();
        host.run(&format!(
            "ip link add wire type veth peer name wire netns {peer}"
        ))?;
        for (end, hardware) in [&host, &far].into_iter().zip(HARDWARE) {
            end.run(&format!("ip link set wire address {hardware} up"))?;
        }
        host.run(&format!("ip addr add {HOST}/32 dev wire"))?;
        let [of_host, _] = HARDWARE;
        far.run(&format!(
            "ip neigh replace {HOST} lladdr {of_host} dev wire nud permanent"
        ))?;
        // Every other address is at the other end.
        host.run("ip route add default dev wire")?;
        let server = Process::ready(&mut host.own(&["serve".to_owned()])?)?;
        Ok(Pair {
            host,
            far,
            _server: server,
        })
    }

    /// From now on, the far end speaks as `source`.
    pub(crate) fn speak_as(&self, source: Ipv4Addr) -> Result<()> {
        let [_, of_far] = HARDWARE;
        self.host.run(&format!(
            "ip neigh replace {source} lladdr {of_far} dev wire nud permanent"
        ))?;
        self.far
            .run(&format!("ip addr replace {source}/32 dev wire"))?;
        self.far
            .run(&format!("ip route replace {HOST} dev wire src {source}"))?;
        Ok(())
    }
}

/// A process that lives until it is dropped.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts `command` and waits until it says that it is ready.
    fn ready(command: &mut Command) -> Result<Self> {
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let said = process.0.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(line.trim() == READY, "{command:?} did not begin");
        Ok(process)
    }

    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn();
        Ok(Process(child.with_context(|| format!("{command:?}"))?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `command` prints.
///
/// # Errors
/// With all it said, if it fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}
