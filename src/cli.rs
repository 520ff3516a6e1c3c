//! The command line: commands, flags, help. Values are checked here as far as
//! that needs no configuration; completions and the man page come from here too.
//!
//! | file | has |
//! |---|---|
//! | `host` | the commands that are for the host: `init`, `install`, `check` and others |
//! | `values` | values of arguments |

mod host;
mod values;

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::{Axis, BanTime, Moment};

pub use host::{
    CheckArgs, CompletionsArgs, InitArgs, InstallArgs, ManArgs, Preset, RulesArgs, UninstallArgs,
};
pub use values::{SubjectArgument, Top};
use values::{ban_time, subject, top};

/// Where the state is when nobody says otherwise.
pub const STATE_DIR: &str = "/var/lib/pyfilter";

/// Finds who fails too often in the logs, and bans them.
///
/// Every run reads what is new in the logs, decides, applies the bans at once,
/// and ends; a systemd timer or cron starts one each minute.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pyfilter scan --dry-run     what a run would do, changing nothing
  pyfilter list               who is banned

Exit status:
  0  done, also when addresses were banned
  1  something could not be done; stderr says what
  2  wrong usage or configuration; nothing was done

Environment:
  PYFILTER_CONFIG   the configuration, if there is no -c
  STATE_DIRECTORY   the state directory, if there is no --state-dir
  NO_COLOR          no colors, if set

Files:
  /etc/pyfilter/config.json   the configuration
  /etc/pyfilter/conf.d        files that add rules and ignored addresses to it
  /var/lib/pyfilter           bans and positions (PyFilter.db), blacklist.v4, blacklist.v6"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command knows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// The configuration file.
    #[arg(
        short,
        long,
        value_name = "FILE",
        global = true,
        help = "Configuration [default: $PYFILTER_CONFIG, else /etc/pyfilter/config.json if there]"
    )]
    pub config: Option<PathBuf>,
    /// The directory of the files that add to it.
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        help = "Files that add to it [default: conf.d beside it, within /etc/pyfilter]"
    )]
    pub conf_d: Option<PathBuf>,
    /// The directory of bans, positions and snapshots.
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        help = "State directory [default: $STATE_DIRECTORY, else /var/lib/pyfilter]"
    )]
    pub state_dir: Option<PathBuf>,
    /// When to print colors
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    pub color: Color,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print what is being done
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl GlobalArgs {
    /// The state directory: the flag's, else that of `environment` (the content
    /// of `$STATE_DIRECTORY`, of which systemd may list several), else the usual one.
    #[must_use]
    pub fn state_dir(&self, environment: Option<&OsStr>) -> PathBuf {
        if let Some(dir) = &self.state_dir {
            return dir.clone();
        }
        let bytes = environment.unwrap_or_default().as_encoded_bytes();
        let first = bytes.split(|&byte| byte == b':').next().unwrap_or_default();
        match std::str::from_utf8(first) {
            Ok("") => PathBuf::from(STATE_DIR),
            Ok(first) => PathBuf::from(first),
            // A name that is not UTF-8 is taken whole.
            Err(_) => PathBuf::from(environment.unwrap_or_default()),
        }
    }
}

/// When to print colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read what is new in the logs and ban who fails too often
    Scan(ScanArgs),
    /// Tell what happened in whole logs, from where, and who would be banned
    Audit(AuditArgs),
    /// Print the lines that a rule's patterns match
    Match(MatchArgs),
    /// Print the bans in force
    List(ListArgs),
    /// Say why an address or network is, was, or is not banned
    Explain(ExplainArgs),
    /// Ban addresses by hand, here and on every server
    Ban(BanArgs),
    /// Lift bans, here and on every server
    Unban(UnbanArgs),
    /// Bring the firewall back to the bans in force; reads no logs
    Restore(RestoreArgs),
    /// Say what is wrong with configuration and host, and what to do about it
    ///
    /// Looks at the configuration, the logs, the firewall, Redis, the disk and the metrics,
    /// at what starts the runs, and at how the last one ended; changes nothing. The last
    /// line says that all is well, or what to do first.
    Check(CheckArgs),
    /// Print the built-in rules: what they count, where they look, and which fit this host
    Rules(RulesArgs),
    /// Write a configuration that fits this host, with every key explained
    Init(InitArgs),
    /// Have a run started every minute, by a systemd timer or cron
    Install(InstallArgs),
    /// Take the timer and the firewall chain away
    Uninstall(UninstallArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print a manual page, or write them all
    Man(ManArgs),
}

/// `pyfilter scan`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter scan                                    the timer's run
  pyfilter scan --dry-run --rule ssh auth.log.1    who an old log would have banned")]
pub struct ScanArgs {
    /// Show what the run would do, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// The rule to read with [default: every enabled one; for FILE: ssh]
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Read these files from their start, in place of what is new in the rules' logs; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `pyfilter audit`.
///
/// Reads whole logs with all their generations and changes nothing: no lock, no
/// store, no firewall.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter audit --html report.html /var/log/auth.log*
  pyfilter audit --since 30d --what-if failed_attempts=3,5,10 --what-if request_time=5,60,600")]
pub struct AuditArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Write a report that any browser shows, in one file; - is standard output
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Look at failures from then on: 2026-03-22, '2026-03-22 14:18', RFC 3339, or 7d for ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Look at failures before then; what lies outside the period fills no window either
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// The rule to read with [default: every enabled one; for FILE: ssh]
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Other thresholds that are tried.
    #[arg(
        long = "what-if",
        value_name = "KEY=VALUES",
        help = "Try other thresholds, too: failed_attempts=3,5,10, request_time=5,1m, window=gap,sliding, ban_time=1h,-1 or ban_time=10m|1h|1d, ipv6_prefix=64,128, ipv4_prefix=24,32; every combination of several"
    )]
    pub what_if: Vec<Axis>,
    /// How many of each list to show, or all [default: 10; in HTML: 20; in JSON: all]
    #[arg(long, value_name = "N", value_parser = top)]
    pub top: Option<Top>,
    /// Read these files, plain or compressed, in place of the rules' logs; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `pyfilter match`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter match --rule ssh /var/log/auth.log
  zcat auth.log.2.gz | pyfilter match --rule ssh --unmatched -")]
pub struct MatchArgs {
    /// The rule whose patterns are tried
    #[arg(long, value_name = "RULE")]
    pub rule: String,
    /// Print the lines that do not match
    #[arg(long)]
    pub unmatched: bool,
    /// Print one JSON object a line, with how many failures it counted
    #[arg(long)]
    pub json: bool,
    /// Files to read; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// `pyfilter list`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter list
  pyfilter list --json | jq -r '.bans[].ip'")]
pub struct ListArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `pyfilter explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter explain 203.0.113.13
  pyfilter explain --json 2001:db8::13")]
pub struct ExplainArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// The address or network in question
    #[arg(value_name = "IP", value_parser = subject)]
    pub subject: SubjectArgument,
}

/// `pyfilter ban`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter ban 203.0.113.13
  pyfilter ban --for 7d --reason 'port scan' 203.0.113.13 2001:db8::13")]
pub struct BanArgs {
    /// Why; kept with the ban
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How long: seconds, or 10m, 2h, 7d, 1w; -1 is for ever [default: the configuration's]
    #[arg(
        long = "for",
        value_name = "TIME",
        value_parser = ban_time,
        allow_hyphen_values = true
    )]
    pub ban_time: Option<BanTime>,
    /// Ban even the address you are logged in from
    #[arg(long)]
    pub force: bool,
    /// Addresses, and networks such as 203.0.113.0/24
    #[arg(value_name = "IP", value_parser = subject, required = true)]
    pub subjects: Vec<SubjectArgument>,
}

/// `pyfilter unban`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  pyfilter unban 203.0.113.13
  pyfilter unban --all --local")]
pub struct UnbanArgs {
    /// Lift every ban
    #[arg(long, conflicts_with = "subjects")]
    pub all: bool,
    /// Here only, not on the other servers
    #[arg(long)]
    pub local: bool,
    /// Addresses, and networks such as 203.0.113.0/24: of a network, all bans within it
    #[arg(value_name = "IP", value_parser = subject, required_unless_present = "all")]
    pub subjects: Vec<SubjectArgument>,
}

/// `pyfilter restore`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sudo pyfilter restore          after somebody flushed the firewall; also done at boot
  sudo pyfilter restore --off    nobody is blocked until the next run; no ban is lost")]
pub struct RestoreArgs {
    /// Take the chain away instead, until the next run
    #[arg(long)]
    pub off: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::num::NonZeroU32;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn error(line: &str) -> String {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_behind_the_command() {
        for line in [
            "pyfilter -c a --state-dir b --color never -v list",
            "pyfilter list -c a --state-dir b --color never -v",
        ] {
            let global = parse(line).unwrap().global;
            assert_eq!(global.config, Some("a".into()));
            assert_eq!(global.state_dir, Some("b".into()));
            assert_eq!(global.color, Color::Never);
            assert!(global.verbose && !global.quiet);
        }
        assert!(error("pyfilter list -q -v").contains("cannot be used with"));
    }

    #[test]
    fn the_state_directory_is_the_flags_or_systemds_or_the_usual_one() {
        let of = |line: &str, environment: Option<&str>| {
            parse(line)
                .unwrap()
                .global
                .state_dir(environment.map(OsStr::new))
        };
        assert_eq!(
            of("pyfilter list", None),
            PathBuf::from("/var/lib/pyfilter")
        );
        assert_eq!(
            of("pyfilter list", Some("")),
            PathBuf::from("/var/lib/pyfilter")
        );
        assert_eq!(of("pyfilter list", Some("/a:/b")), PathBuf::from("/a"));
        assert_eq!(
            of("pyfilter list --state-dir c", Some("/a")),
            PathBuf::from("c")
        );
    }

    #[test]
    fn a_ban_lasts_as_long_as_said() {
        let of = |time: &str| match parse(&format!("pyfilter ban --for {time} 192.0.2.1 ::1")) {
            Ok(Cli {
                command: Command::Ban(ban),
                ..
            }) => ban,
            other => panic!("{other:?}"),
        };
        let ban = of("10m");
        assert_eq!(ban.ban_time, Some(NonZeroU32::new(600).into()));
        assert_eq!(ban.subjects.len(), 2);
        assert_eq!(of("-1").ban_time, Some(BanTime::FOR_EVER));
        assert_eq!(of("null").ban_time, Some(BanTime::FOR_EVER));
        assert_eq!(
            error("pyfilter ban --for 0 192.0.2.1"),
            "error: invalid value '0' for '--for <TIME>': `0` is no time at all: -1 is for ever, \
             1s the shortest"
        );
    }

    #[test]
    fn addresses_and_networks_are_banned_and_host_names_are_not() {
        assert!(parse("pyfilter ban 192.0.2.0/24 2001:db8::/32 192.0.2.1").is_ok());
        assert_eq!(
            error("pyfilter ban host.example"),
            "error: invalid value 'host.example' for '<IP>...': is neither an address nor a \
             network such as 192.0.2.0/24 (host names are not looked up)"
        );
        assert!(parse("pyfilter explain 192.0.2.0/24").is_ok());
        assert!(error("pyfilter explain localhost").contains("is neither an address nor a"));
        error("pyfilter ban");
        error("pyfilter unban");
        error("pyfilter unban --all 192.0.2.1");
        assert!(parse("pyfilter unban --all --local").is_ok());
    }

    #[test]
    fn wrong_usage_is_exit_status_2() {
        for line in [
            "pyfilter",
            "pyfilter scna",
            "pyfilter scan --jsno",
            "pyfilter match --rule ssh",
            "pyfilter match a.log",
            "pyfilter completions tcsh",
            "pyfilter list --color sometimes",
            "pyfilter install --corn",
        ] {
            error(line);
        }
        assert_eq!(parse("pyfilter --version").unwrap_err().exit_code(), 0);
        assert_eq!(parse("pyfilter match --help").unwrap_err().exit_code(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn file_names_are_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let odd = OsStr::from_bytes(b"a\xff");
        let line = ["pyfilter", "match", "--rule", "ssh"].map(OsStr::new);
        let cli = Cli::try_parse_from(line.into_iter().chain([odd, OsStr::new("-")])).unwrap();
        let Command::Match(found) = cli.command else {
            panic!("{cli:?}")
        };
        assert_eq!(found.files, [PathBuf::from(odd), PathBuf::from("-")]);
    }

    #[test]
    fn every_help_ends_with_two_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let (_, examples) = help.split_once("Examples:\n").unwrap_or_default();
            assert_eq!(examples.lines().count(), 2, "{}", command.get_name());
        }
    }
}
