//! The program itself: its directory, its runs, and what they cost.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::addresses::write_log;
use crate::namespace::{Namespace, run};
use crate::ruleset::{Ruleset, elements_of_nft_sets, rules_of_nft_table};

/// What applies the bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    None,
    IptablesNft,
    IptablesLegacy,
    Nftables,
}

impl Backend {
    pub(crate) const ALL: [Backend; 4] = [
        Backend::None,
        Backend::IptablesNft,
        Backend::IptablesLegacy,
        Backend::Nftables,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Backend::None => "none",
            Backend::IptablesNft => "iptables, nft",
            Backend::IptablesLegacy => "iptables, legacy",
            Backend::Nftables => "nftables",
        }
    }

    /// The word in the configuration.
    fn word(self) -> &'static str {
        match self {
            Backend::None => "none",
            Backend::IptablesNft | Backend::IptablesLegacy => "iptables",
            Backend::Nftables => "nftables",
        }
    }

    /// The program that is all of iptables' programs of this variant.
    pub(crate) fn multi(self) -> Option<&'static str> {
        match self {
            Backend::IptablesNft => Some("xtables-nft-multi"),
            Backend::IptablesLegacy => Some("xtables-legacy-multi"),
            Backend::None | Backend::Nftables => None,
        }
    }
}

/// The program, as `/proc` calls it.
const PROGRAM: &str = "pyfilter";

/// What the program asks for.
const PROGRAMS: [&str; 6] = [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

const PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// What one run costs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// The most memory of the program itself.
    pub(crate) mebibytes: f64,
    /// The most memory of a program that it starts.
    pub(crate) started: f64,
}

/// A directory with a configuration, a log and a state, for runs in `namespace`.
#[derive(Debug)]
pub(crate) struct Analyzer<'a> {
    program: PathBuf,
    backend: Backend,
    directory: tempfile::TempDir,
    namespace: &'a Namespace,
}

impl<'a> Analyzer<'a> {
    pub(crate) fn new(
        program: &Path,
        backend: Backend,
        scratch: &Path,
        namespace: &'a Namespace,
    ) -> Result<Self> {
        let analyzer = Analyzer {
            program: program.to_owned(),
            backend,
            directory: tempfile::tempdir_in(scratch)?,
            namespace,
        };
        let mut firewall = serde_json::json!({ "backend": backend.word() });
        if let Some(multi) = backend.multi() {
            let programs = analyzer.path("programs");
            fs::create_dir(&programs)?;
            for name in PROGRAMS {
                symlink(find(multi)?, programs.join(name))?;
            }
            firewall["programs"] = programs.to_string_lossy().into();
        }
        let config = serde_json::json!({ "settings": {
            "server_name": "web1",
            "firewall": firewall,
            "rules": { "ssh": { "log_files": [analyzer.path("auth.log")] } },
        } });
        fs::write(analyzer.path("config.json"), config.to_string())?;
        Ok(analyzer)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes failures that ban each of `addresses`.
    pub(crate) fn fail(&self, addresses: &[Ipv4Addr]) -> Result<()> {
        let log = self.path("auth.log");
        let mut log = BufWriter::new(OpenOptions::new().create(true).append(true).open(log)?);
        write_log(addresses, &now(), &mut log)?;
        Ok(log.flush()?)
    }

    /// One run.
    ///
    /// # Errors
    /// With all it said, if it fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Cost> {
        let said = self.path("said");
        let mut command = self.namespace.command(&self.program);
        command
            .arg("-c")
            .arg(self.path("config.json"))
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?);
        let (success, cost) = cost_of(&mut command)?;
        let end = || -> String {
            let said = fs::read(&said).unwrap_or_default();
            let said = String::from_utf8_lossy(&said).into_owned();
            let skipped = said.lines().count().saturating_sub(8);
            said.lines().skip(skipped).collect::<Vec<_>>().join("\n")
        };
        let what = arguments.join(" ");
        ensure!(success, "pyfilter {what} failed:\n{}", end());
        Ok(cost)
    }

    /// What happens each minute: the mean of `times` runs with nothing new, after two that
    /// find out that nobody has changed anything.
    pub(crate) fn nothing_new(&self, times: u32) -> Result<Cost> {
        for _ in 0..2 {
            self.run(&["scan"])?;
        }
        let mut sum = Cost::default();
        for _ in 0..times {
            sum = sum.and(self.run(&["scan"])?);
        }
        sum.seconds /= f64::from(times);
        Ok(sum)
    }

    /// Takes all rules out of the firewall, as a person or another program may.
    pub(crate) fn flush(&self) -> Result<()> {
        let multi = self.backend.multi().map(find).transpose()?;
        let (program, arguments) = multi.map_or_else(
            || ("nft".into(), &["flush", "ruleset"] as &[&str]),
            |multi| (multi, &["iptables", "-w", "-F"]),
        );
        run(self.namespace.command(program).args(arguments)).map(drop)
    }

    /// The filter table of IPv4; none if the backend is not iptables.
    pub(crate) fn ruleset(&self) -> Result<Option<Ruleset>> {
        let Some(multi) = self.backend.multi() else {
            return Ok(None);
        };
        let mut save = self.namespace.command(find(multi)?);
        let saved = run(save.args(["iptables-save", "-t", "filter"]))?;
        Ruleset::parse(&saved).map(Some)
    }

    /// The most rules a packet can pass in our table of nftables.
    pub(crate) fn rules_of_nftables(&self) -> Result<u32> {
        // Without the elements of the sets.
        let list = "nft -j -t list table inet pyfilter";
        rules_of_nft_table(&self.namespace.run(list)?)
    }

    /// How many elements the sets of our table of nftables have.
    pub(crate) fn elements_of_nftables(&self) -> Result<usize> {
        let list = "nft -j list table inet pyfilter";
        elements_of_nft_sets(&self.namespace.run(list)?)
    }
}

/// The time for the log: that of now, with its zone.
pub(crate) fn now() -> String {
    chrono::Utc::now()
        .format("%Y-%m-%dT%H:%M:%S.000000+00:00")
        .to_string()
}

/// Where a program of the system is.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let mut paths = PLACES.iter().map(|place| Path::new(place).join(name));
    let found = paths.find(|path| path.exists());
    found.with_context(|| format!("{name} is not installed"))
}

impl Cost {
    /// Both runs together: their time, and the most memory of either.
    pub(crate) fn and(self, other: Cost) -> Cost {
        Cost {
            seconds: self.seconds + other.seconds,
            mebibytes: self.mebibytes.max(other.mebibytes),
            started: self.started.max(other.started),
        }
    }
}

/// Runs `command`, and says whether it succeeded. `nsenter` becomes the program, so its
/// number is that of the program.
fn cost_of(command: &mut Command) -> Result<(bool, Cost)> {
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let id = child.id();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let memory = scope.spawn(|| most_memory(id, &ended));
        let status = child.wait();
        let seconds = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Release);
        let (mebibytes, started) = memory.join().unwrap_or_default();
        let cost = Cost {
            seconds,
            mebibytes,
            started,
        };
        Ok((status?.success(), cost))
    })
}

/// The most memory of a process and of one that it has started, in MiB. The kernel keeps
/// the maximum of each process, so what is looked at last is all that counts.
fn most_memory(id: u32, ended: &AtomicBool) -> (f64, f64) {
    let (mut own, mut started) = (0.0_f64, 0.0_f64);
    while !ended.load(Ordering::Acquire) {
        // Before that, it is nsenter.
        if let Some((_, mebibytes)) = memory_of(id).filter(|(name, _)| name == PROGRAM) {
            own = own.max(mebibytes);
            // At its start a child still has the memory of its parent.
            let memory = children(id).into_iter().filter_map(memory_of);
            let others = memory.filter(|(name, _)| name != PROGRAM);
            started = others.fold(started, |most, (_, mebibytes)| most.max(mebibytes));
        }
        thread::sleep(Duration::from_millis(2));
    }
    (own, started)
}

/// The name of a process and the most memory it had, in MiB; none if it has ended.
pub(crate) fn memory_of(id: u32) -> Option<(String, f64)> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim())
    };
    let kibibytes: f64 = value("VmHWM:")?.strip_suffix(" kB")?.parse().ok()?;
    Some((value("Name:")?.to_owned(), kibibytes / 1024.0))
}

/// The processes that a process has started and that run now.
fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let ids = list.split_whitespace().map(str::parse);
            ids.filter_map(Result::ok).collect::<Vec<u32>>()
        })
        .collect()
}
