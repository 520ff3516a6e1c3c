//! The commands that are for the host: what it has, and what is put in place.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

/// `pyfilter check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter check
  pyfilter check -c new.json && sudo cp new.json /etc/pyfilter/config.json")]
pub struct CheckArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `pyfilter rules`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter rules
  pyfilter rules dovecot")]
pub struct RulesArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// The rule of which all is told
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `pyfilter init`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sudo pyfilter init
  pyfilter init -c ./config.json")]
pub struct InitArgs {
    /// Replace a configuration that is there
    #[arg(long)]
    pub force: bool,
    /// The thresholds that it has
    #[arg(long, value_enum, default_value_t)]
    pub preset: Preset,
}

/// Which thresholds a new configuration has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Those of `PyFilter`'s tutorial: 5 failures, each within 5 s of the one before, for ever
    #[default]
    Pyfilter,
    /// 5 failures in 600 s; 10 minutes, then an hour, a day, a week; IPv6 by networks of 64 bits
    Recommended,
}

impl Preset {
    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::Pyfilter => "pyfilter",
            Preset::Recommended => "recommended",
        }
    }
}

/// `pyfilter install`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sudo pyfilter install --dry-run    what would be done, and who would be banned; changes nothing
  sudo pyfilter install              a timer, a configuration that fits, and the first run")]
pub struct InstallArgs {
    /// A cron entry in place of the systemd timer
    #[arg(long)]
    pub cron: bool,
    /// Show what would be done and whom the first run would ban, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The thresholds of the configuration that it writes where there is none: pyfilter (the
    /// default) or recommended, see `pyfilter init --help`
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,
    /// Do not keep the addresses from which people are logged in from being banned
    #[arg(long)]
    pub no_allow_me: bool,
    /// Write that file and nothing else, as the package does
    #[arg(long, hide = true)]
    pub only_allow: bool,
}

/// `pyfilter uninstall`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sudo pyfilter uninstall            bans and configuration are kept
  sudo pyfilter uninstall --purge    nothing is kept")]
pub struct UninstallArgs {
    /// Remove bans, positions, event log and configuration, too
    #[arg(long)]
    pub purge: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `pyfilter completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter completions bash | sudo tee /etc/bash_completion.d/pyfilter
  pyfilter completions fish > ~/.config/fish/completions/pyfilter.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// `pyfilter man`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter man pyfilter.conf | man -l -            what each key of the configuration means
  sudo pyfilter man --dir /usr/local/share/man     for `man pyfilter-scan` and all the others")]
pub struct ManArgs {
    /// Write every page below this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The page: pyfilter, pyfilter.conf, or a command [default: pyfilter]
    #[arg(value_name = "PAGE", conflicts_with = "dir")]
    pub page: Option<String>,
}
