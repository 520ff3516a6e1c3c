//! Which machine, which programs and which commit the figures are of.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::analyzer::{Backend, find};
use crate::fail2ban;
use crate::namespace::run;

/// Lines of Markdown for the head of the tables. The commit is left out if the program was
/// not built here.
pub(crate) fn described(pyfilter: &Path, built_here: bool) -> String {
    let or_none = |said: Option<String>| said.unwrap_or_else(|| "not installed".to_owned());
    let version = |program: Option<&str>, arguments: &[&str]| {
        let path = find(program?).ok()?;
        Some(
            run(Command::new(path).args(arguments))
                .ok()?
                .trim()
                .to_owned(),
        )
    };
    let iptables = |backend: Backend| version(backend.multi(), &["iptables", "--version"]);
    let commit = if built_here {
        format!("commit {}", commit())
    } else {
        format!("as {}", pyfilter.display())
    };
    let lines = [
        format!("- machine: {}", machine()),
        format!("- kernel: {}", read("/proc/sys/kernel/osrelease")),
        format!("- load before: {}", read("/proc/loadavg")),
        format!("- {}", or_none(iptables(Backend::IptablesNft))),
        format!("- {}", or_none(iptables(Backend::IptablesLegacy))),
        format!("- {}", or_none(version(Some("nft"), &["--version"]))),
        format!("- fail2ban: {}", or_none(fail2ban::version())),
        format!("- {}, {}", version_of(pyfilter), commit),
    ];
    lines.join("\n")
}

fn machine() -> String {
    let cpus = read("/proc/cpuinfo");
    let mut models = cpus.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = models.next().unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read("/proc/meminfo");
    let total = memory
        .split_whitespace()
        .nth(1)
        .and_then(|kibibytes| kibibytes.parse::<u64>().ok());
    let gibibytes = total.unwrap_or(0) / (1 << 20);
    format!("{model}, {cores} cores, {gibibytes} GiB")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|error| error.to_string(), |text| text.trim().to_owned())
}

fn version_of(pyfilter: &Path) -> String {
    let said = run(Command::new(pyfilter).arg("--version"));
    said.map_or_else(|error| error.to_string(), |said| said.trim().to_owned())
}

/// The commit that is checked out, and whether files have been changed since.
fn commit() -> String {
    let directory = env!("CARGO_MANIFEST_DIR");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args([
            "-C",
            directory,
            "-c",
            &format!("safe.directory={directory}"),
        ]);
        run(git.args(arguments))
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    match (git(&["rev-parse", "--short", "HEAD"]), changed) {
        (Ok(commit), Ok(changed)) if changed.is_empty() => commit.trim().to_owned(),
        (Ok(commit), _) => format!("{} with changes", commit.trim()),
        (Err(_), _) => "unknown".to_owned(),
    }
}
