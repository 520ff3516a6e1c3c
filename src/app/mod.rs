//! The order of things, one file a command. `run` is one run.

mod audit;
mod bans;
mod changes;
mod check;
mod clock;
mod conf_d;
mod console;
mod context;
mod evaluator;
mod explain;
mod firewall_step;
pub mod generate;
pub mod init;
mod install;
mod locate;
mod match_lines;
mod metrics;
mod posts;
mod progress;
mod reading;
mod run;
mod scan;
mod shared;
mod sharing;
mod snapshots;
mod told;
mod uninstall;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{self, Cli, Color, Command, GlobalArgs};
use crate::config::{self, Config};
use crate::model::{Escaped, Problem};
use crate::report::{Summary, summary_json};

use console::Console;
use context::Context;
use run::{Done, RunError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, also when addresses were banned.
    Done,
    /// Something could not be done, in part or at all.
    Problems,
    /// Wrong usage or configuration; nothing was done.
    Usage,
}

impl Exit {
    /// The worse of the two, `self` first.
    fn or(self, other: Exit) -> Exit {
        if self == Exit::Done { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Problems => 1,
            Exit::Usage => 2,
        })
    }
}

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
        Command::Init(args) => return init(global, args.force),
        Command::Install(args) => {
            return install::install(
                global,
                args,
                Console::new(global.quiet, global.verbose, false),
            );
        }
        Command::Uninstall(args) => {
            let console = Console::new(global.quiet, global.verbose, false);
            return uninstall::uninstall(global, args, console);
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
        | Command::Init(_)
        | Command::Install(_)
        | Command::Uninstall(_) => Exit::Done,
    }
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

fn init(global: &GlobalArgs, force: bool) -> Exit {
    let path = config::chosen(
        global.config.as_deref(),
        std::env::var_os("PYFILTER_CONFIG").as_deref(),
    );
    match init::init(&path, force, &init::Host::probe()) {
        Ok(sentence) => written(writeln!(io::stdout(), "{sentence}")),
        Err(error) => complain(&error),
    }
}

/// Prints what a run did, as far as that has not been done, and how it ended.
fn finish(done: Result<Done, RunError>, console: Console, json: bool) -> Exit {
    let done = match done {
        Ok(done) => done,
        Err(stop) if json => {
            let _ = complain(&stop);
            let problems = vec![Problem::new(stop.to_string())];
            let _ = print_json(&summary_json(&Summary {
                problems,
                ..Summary::default()
            }));
            return Exit::Problems;
        }
        Err(stop) => return complain(&stop),
    };
    for problem in &done.summary.problems {
        Console::warn(&problem.message);
    }
    console.sum_up(&done.summary);
    let exit = if done.summary.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    };
    let printed = if json {
        print_json(&summary_json(&done.summary))
    } else {
        Exit::Done
    };
    if printed == Exit::Done
        && let Err(error) = done.settle()
    {
        return complain(&error);
    }
    printed.or(exit)
}

fn print_json(document: &impl serde::Serialize) -> Exit {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from);
    written(
        printed
            .and_then(|()| writeln!(out))
            .and_then(|()| out.flush()),
    )
}

/// Somebody who closes the pipe has seen enough.
fn written(result: io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Console::warn(&format_args!("standard output can not be written: {error}"));
            Exit::Problems
        }
        _ => Exit::Done,
    }
}

fn complain(error: &impl std::fmt::Display) -> Exit {
    Console::warn(error);
    Exit::Problems
}

fn unknown_rule(config: &Config, name: &str) -> Exit {
    Console::warn(&config.no_such_rule(name));
    Exit::Usage
}
