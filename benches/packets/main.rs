//! What bans cost, and what a packet that is nobody's pays for them: as root,
//! `cargo run --release --example packets`.
//!
//! | file | what it does |
//! |---|---|
//! | `main` | the command line, and the order of things |
//! | `cases` | one backend with so many bans: measured, and as rows of the tables |
//! | `addresses` | who is banned, and who is not (pure) |
//! | `analyzer` | pyfilter: its directory, its runs, their time and memory |
//! | `ruleset` | the rules a packet passes, counted (pure) |
//! | `namespace` | network namespaces, and the wire between two |
//! | `traffic` | round trips, connections, a stream |
//! | `fail2ban` | the same bans by fail2ban |
//! | `figures` | medians, ratios, tables (pure) |
//! | `machine` | what the figures are of |
//!
//! It builds pyfilter first. Everything then happens in network namespaces of its own,
//! and the machine's firewall is neither read nor changed. What can not be measured is
//! told below the tables, and the status is 1.
#![expect(
    clippy::print_stderr,
    reason = "a tool for people at a terminal, not the program"
)]

mod addresses;
mod analyzer;
mod cases;
mod fail2ban;
mod figures;
mod machine;
mod namespace;
mod ruleset;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};

use addresses::{Addresses, Layout};
use analyzer::Backend;
use cases::{Case, Setup, Tables};
use traffic::Effort;

/// What bans cost, and what a packet pays for them, as tables in Markdown.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    worker: Option<Worker>,
}

#[derive(Debug, Clone, Args)]
struct Options {
    /// How many bans [default: 10000,100000; with --quick 1000]
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
    /// A million bans, too
    #[arg(long)]
    million: bool,
    /// Only what has this word in its name: none, nft, legacy, iptables, nftables, fail2ban
    #[arg(long)]
    only: Option<String>,
    /// Few rounds and short ones, to see whether all works
    #[arg(long)]
    quick: bool,
    /// Another pyfilter than the one that is built here
    #[arg(long)]
    program: Option<PathBuf>,
}

/// The processes that this program starts of itself.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Worker {
    /// Everything, in the namespaces that the first process has begun
    Inside {
        /// The directory for all files
        scratch: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// A network namespace is there as long as this is
    Hold,
    /// The end of the wire that is spoken to
    Serve,
    /// Opens and closes connections
    Connect { connections: u32, seconds: f64 },
    /// Sends one stream
    Stream { seconds: f64 },
}

fn main() -> ExitCode {
    let CommandLine { options, worker } = CommandLine::parse();
    let done = match worker {
        None => build_and_enter(&options),
        Some(Worker::Inside { scratch, options }) => measure(&options, &scratch),
        Some(Worker::Hold) => {
            namespace::hold();
            Ok(())
        }
        Some(Worker::Serve) => traffic::serve(),
        Some(Worker::Connect {
            connections,
            seconds,
        }) => traffic::connect(connections, seconds),
        Some(Worker::Stream { seconds }) => traffic::send_stream(seconds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packets: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The first process: it needs the compiler, and the others do not.
fn build_and_enter(options: &Options) -> Result<()> {
    options.cases()?;
    ensure!(rustix::process::geteuid().is_root(), "needs root");
    if options.program.is_none() {
        build()?;
    }
    let scratch = tempfile::tempdir()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    namespace::enter(&arguments, scratch.path())
}

/// Builds pyfilter, if cargo has started this program.
fn build() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return Ok(());
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--bin", "pyfilter"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo says of this program is not for the next cargo: some dependencies would be
    // built anew because of it, each time.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    ensure!(build.status()?.success(), "pyfilter can not be built");
    Ok(())
}

/// The first process inside.
fn measure(options: &Options, scratch: &Path) -> Result<()> {
    namespace::prepare_inside(scratch)?;
    let pyfilter = options.pyfilter()?;
    let described = machine::described(&pyfilter, options.program.is_none());
    let setup = |size: usize| Setup {
        pyfilter: &pyfilter,
        scratch,
        rounds: if options.quick || size > 100_000 {
            1
        } else {
            3
        },
        effort: options.effort(),
    };
    let mut tables = Tables::default();
    let mut faults = Vec::new();
    for case in options.cases()? {
        eprintln!("{case}");
        if let Err(error) = case.measure(setup(case.size), &mut tables) {
            eprintln!("  {error:#}");
            faults.push(format!("{case}: {error:#}"));
        }
    }
    println!("{described}\n{}", tables.render());
    if options.has("fail2ban") {
        match compare_with_fail2ban(options, scratch) {
            Ok(said) => println!("{said}"),
            Err(error) => faults.push(format!("fail2ban: {error:#}")),
        }
    }
    for fault in &faults {
        println!("\nNot measured: {fault}");
    }
    ensure!(
        faults.is_empty(),
        "{} measurements are missing",
        faults.len()
    );
    Ok(())
}

/// A sentence for below the tables.
fn compare_with_fail2ban(options: &Options, scratch: &Path) -> Result<String> {
    let Some(version) = fail2ban::version() else {
        return Ok("fail2ban is not installed.".to_owned());
    };
    let size = if options.quick { 200 } else { 10_000 };
    eprintln!("{version}, {size} bans");
    let addresses = Addresses::new(Layout::Random, size, 1);
    let cost = fail2ban::measure(&addresses, scratch)?;
    Ok(format!(
        "{version} takes {} s and {:.0} MiB for {} bans, from the start of its server with the same \
         log until all are in the set of `{}`.",
        figures::short(cost.seconds),
        cost.mebibytes,
        figures::grouped(&size.to_string()),
        fail2ban::ACTION,
    ))
}

impl Options {
    /// The program: as it is named, or as it was built beside this one.
    fn pyfilter(&self) -> Result<PathBuf> {
        if let Some(named) = &self.program {
            return named
                .canonicalize()
                .with_context(|| named.display().to_string());
        }
        let this = std::env::current_exe()?;
        let target = this.ancestors().nth(3).context("no target directory")?;
        let path = target.join("release/pyfilter");
        ensure!(path.exists(), "{} is not built", path.display());
        Ok(path)
    }

    fn has(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|word| name.contains(word))
    }

    /// What is measured, in the order of the tables.
    fn cases(&self) -> Result<Vec<Case>> {
        let mut sizes = self.sizes.clone();
        if sizes.is_empty() {
            let usual: &[usize] = if self.quick {
                &[1000]
            } else {
                &[10_000, 100_000]
            };
            sizes.extend(usual);
        }
        if self.million {
            sizes.push(1_000_000);
        }
        // Those that are looked at later need a few addresses to choose from.
        ensure!(
            sizes.iter().all(|size| (5..=10_000_000).contains(size)),
            "sizes are 5 to 10,000,000"
        );
        let backends: Vec<Backend> = (Backend::ALL
            .into_iter()
            .filter(|backend| self.has(backend.as_str())))
        .collect();
        ensure!(
            !backends.is_empty() || self.has("fail2ban"),
            "nothing has that word in its name"
        );
        let mut cases = Vec::new();
        for backend in backends {
            for &size in &sizes {
                cases.extend(Layout::BOTH.map(|layout| Case {
                    backend,
                    size,
                    layout,
                }));
            }
        }
        Ok(cases)
    }

    fn effort(&self) -> Effort {
        if self.quick {
            Effort {
                rounds: 2,
                pings: 2000,
                connections: 500,
                seconds: 0.5,
            }
        } else {
            Effort {
                rounds: 5,
                pings: 20_000,
                connections: 5000,
                seconds: 2.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn cases(arguments: &[&str]) -> Vec<String> {
        let words = ["packets"].iter().chain(arguments);
        let CommandLine { options, .. } = CommandLine::try_parse_from(words).unwrap();
        let cases = options.cases().unwrap_or_default();
        cases.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_backends_are_measured_with_two_sizes_and_both_layouts() {
        CommandLine::command().debug_assert();
        assert_eq!(cases(&[]).len(), 4 * 2 * 2);
        assert_eq!(cases(&["--million"]).len(), 4 * 3 * 2);
    }

    #[test]
    fn options_leave_out_what_is_not_asked_for() {
        let wanted = ["nftables: 7 random bans", "nftables: 7 clustered bans"];
        assert_eq!(cases(&["--only", "nftables", "--sizes", "7"]), wanted);
        let iptables = cases(&["--only", "iptables", "--sizes", "7,8"]);
        assert_eq!(iptables.len(), 2 * 2 * 2, "{iptables:?}");
        assert!(cases(&["--only", "fail2ban"]).is_empty());
        assert!(cases(&["--sizes", "1"]).is_empty());
    }
}
