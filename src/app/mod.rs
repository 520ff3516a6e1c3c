//! The order of things: what a run does, and each command.
//!
//! | file | command |
//! |---|---|
//! | `scan` | `scan`: the timer's run, or files by hand |
//! | `bans` | `list`, `ban`, `unban`, `restore` |
//! | `explain` | `explain`: why an address is banned, or is not |
//! | `match_lines` | `match`: every line that a rule's patterns match |
//! | `audit` | `audit`: what happened in whole logs |
//! | `check` | `check`: what is wrong, and what to do about it |
//! | `library` | `rules`: the built-in rules |
//! | `init`, `init.template.json` | `init`: a configuration that fits the host |
//! | `install`, `uninstall` | `install`, `uninstall` |
//! | `generate` | `completions`, `man` |
//!
//! | file | step of a run |
//! |---|---|
//! | `run` | ONE run, readable as a list of steps |
//! | `context` | what every step may need: configuration, clock, problems |
//! | `clock`, `conf_d` | the time of the run; what `conf.d` keeps from being banned |
//! | `reading` | discover, plan, read: a rule's logs and journals |
//! | `evaluator` | match, count, decide: the failures of one rule |
//! | `locate` | the countries of those that are banned |
//! | `networks` | bans within a network become a ban of the network |
//! | `cleared` | un-bans, as they bear on what is read |
//! | `changes` | what the run is about to change, committed at once |
//! | `firewall_step` | the firewall in the course of a run |
//! | `snapshots` | `blacklist.v4` and `blacklist.v6` |
//! | `sharing`, `shared` | the other servers: what is told and taken over, and what of it is committed |
//! | `console`, `told`, `posts`, `progress` | what is shown: lines, the sentence on how a source was read, why nothing counts, the bar |
//! | `output`, `exit`, `notices` | what every command prints, how it ends, and what it warns of |
//! | `services` | which built-in rules fit a host |
//! | `metrics` | the figures for Prometheus |

mod audit;
mod bans;
mod changes;
mod check;
mod cleared;
mod clock;
mod conf_d;
mod console;
mod context;
mod evaluator;
mod exit;
mod explain;
mod firewall_step;
pub mod generate;
pub mod init;
mod install;
mod library;
mod locate;
mod match_lines;
mod metrics;
mod networks;
mod notices;
mod output;
mod posts;
mod progress;
mod reading;
mod run;
mod scan;
mod services;
mod shared;
mod sharing;
mod snapshots;
mod told;
mod uninstall;

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::cli::{self, Cli, Color, Command, GlobalArgs};
use crate::config::{self, Config};
use crate::model::Escaped;

use console::Console;
use context::Context;
use output::{complain, written};

pub use exit::Exit;

/// Does what the command line asks for.
#[must_use]
pub fn main(cli: &Cli) -> Exit {
    let global = &cli.global;
    // For whatever is printed in colors: on a terminal, and without NO_COLOR, if nobody says otherwise.
    match global.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    match &cli.command {
        Command::Completions(args) => {
            return written(generate::completions(args.shell, &mut io::stdout()));
        }
        Command::Man(args) => return man(args),
        Command::Rules(args) => return rules(global, args),
        Command::Init(args) => return init(global, args),
        Command::Install(args) => {
            return install::install(global, args, plain(global));
        }
        Command::Uninstall(args) => {
            return uninstall::uninstall(global, args, plain(global));
        }
        _ => {}
    }
    crate::system::allow_open_files();
    let environment = std::env::var_os("STATE_DIRECTORY");
    let state_dir = absolute(global.state_dir(environment.as_deref()));
    let config = match Config::load(
        global.config.as_deref(),
        std::env::var_os("PYFILTER_CONFIG").as_deref(),
        global.conf_d.as_deref(),
        &state_dir,
    ) {
        Ok(config) => config,
        Err(faults) => {
            Console::complain(&faults);
            return Exit::Usage;
        }
    };
    let console = |json| Console::new(global.quiet, global.verbose, json);
    let mut context = Context::new(config, state_dir);
    context.shows_progress = progress::is_welcome(global.quiet);
    match &cli.command {
        Command::Scan(args) => scan::scan(context, args, console(args.json)),
        Command::Audit(args) => audit::audit(context, args),
        Command::Match(args) => match_lines::match_lines(&context, args),
        Command::List(args) => bans::list(&context, args),
        Command::Explain(args) => explain::explain(context, args),
        Command::Ban(args) => bans::ban(context, args, console(false)),
        Command::Unban(args) => bans::unban(context, args, console(false)),
        Command::Restore(args) => bans::restore(context, args, console(false)),
        Command::Check(args) => check::check(context, args),
        Command::Completions(_)
        | Command::Man(_)
        | Command::Rules(_)
        | Command::Init(_)
        | Command::Install(_)
        | Command::Uninstall(_) => Exit::Done,
    }
}

/// The console of a command that prints no JSON.
fn plain(global: &GlobalArgs) -> Console {
    Console::new(global.quiet, global.verbose, false)
}

/// A path that stays the same wherever it is used from; one that can not be
/// had so is used as it is.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn man(args: &cli::ManArgs) -> Exit {
    if let Some(dir) = &args.dir {
        return match generate::write_pages(dir) {
            Ok(()) => Exit::Done,
            Err(error) => complain(&error),
        };
    }
    let wanted = args.page.as_deref().unwrap_or("pyfilter");
    let pages = generate::pages().unwrap_or_default();
    let is_it = |name: &str| name == wanted || name.strip_prefix("pyfilter-") == Some(wanted);
    if let Some(page) = pages.iter().find(|page| is_it(&page.name)) {
        return written(io::stdout().write_all(&page.text));
    }
    let names: Vec<&str> = pages.iter().map(|page| &*page.name).collect();
    Console::warn(&format_args!(
        "there is no page `{}`: the pages are {}",
        Escaped::text(wanted),
        names.join(", ")
    ));
    Exit::Usage
}

fn rules(global: &GlobalArgs, args: &cli::RulesArgs) -> Exit {
    let environment = std::env::var_os("PYFILTER_CONFIG");
    match config::check_named(global.config.as_deref(), environment.as_deref()) {
        Ok(()) => library::rules(args),
        Err(faults) => {
            Console::complain(&faults);
            Exit::Usage
        }
    }
}

fn init(global: &GlobalArgs, args: &cli::InitArgs) -> Exit {
    let path = config::chosen(
        global.config.as_deref(),
        std::env::var_os("PYFILTER_CONFIG").as_deref(),
    );
    match init::init(&path, args.force, &init::Host::probe(), args.preset) {
        Ok(sentence) => written(writeln!(io::stdout(), "{sentence}")),
        Err(error) => complain(&error),
    }
}
