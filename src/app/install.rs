//! `pyfilter install`: from the binary alone to a run every minute.
//!
//! | file | does |
//! |---|---|
//! | `places` | where everything goes, and the units' text |
//! | `found` | what is there already |
//! | `plan` | what is there → the steps that are missing (pure) |
//! | `adopt` | a PyFilter's configuration → one for here (pure) |
//! | `allow` | who is logged in → the file that keeps them from being banned |
//! | `step` | does one step |
//!
//! What is in place is no step, so a second `install` finds nothing to do, and
//! one that failed in the middle is gone on with.

mod adopt;
mod allow;
pub(super) mod found;
pub(super) mod places;
mod plan;
pub(super) mod step;

use std::path::Path;
use std::time::Duration;

use crate::cli::{GlobalArgs, InstallArgs, STATE_DIR};
use crate::config::{Config, FirstContact};
use crate::model::Stamp;
use crate::system::{self, Exclusive, Lock, ProgramError};

use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::output::{complain, finish};
use super::run::{self, Job};
use super::services;
use found::InstallFindings;
use step::Step;

/// What a person should know of a configuration that `init` wrote.
const FROM_NOW_ON: &str = "What was logged before bans nobody (settings.first_contact): `sudo pyfilter audit` shows it, `sudo pyfilter scan FILE` takes it";

/// How long another run is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Puts everything in place that is not, and makes the first run.
pub(super) fn install(global: &GlobalArgs, args: &InstallArgs, console: Console) -> Exit {
    if let Some(exit) = refuses_elsewhere(global, "install") {
        return exit;
    }
    let (found, config) = match InstallFindings::look(args) {
        Ok(found) => found,
        Err(found::FindingsError::Faults(faults)) => {
            Console::complain(&faults);
            return Exit::Usage;
        }
        Err(found::FindingsError::Host(said)) => {
            return complain(&format_args!("{said}; nothing was done"));
        }
    };
    let steps = match plan::plan(&found, args.cron) {
        Ok(steps) => steps,
        Err(refusal) => return complain(&format_args!("{refusal}; nothing was done")),
    };
    let steps: Vec<Step> = if args.only_allow {
        let allows = |step: &Step| matches!(step, Step::Allow { .. });
        steps.into_iter().filter(allows).collect()
    } else {
        steps
    };
    if args.dry_run {
        for step in &steps {
            console.say(&format!("Would {}", step.will()));
        }
    } else if !system::is_root() {
        return complain(&"install needs root: run with sudo; nothing was done");
    } else if let Err(error) = step::rehearse(&steps) {
        return complain(&format_args!("{error}; nothing was done"));
    } else if let Err(error) = do_all(&steps, console) {
        return complain(&error);
    }
    if args.only_allow {
        return Exit::Done;
    }
    let ends = config.first_contact == FirstContact::End;
    let mut exit = Exit::Done;
    if args.dry_run && steps.iter().any(Step::starts) {
        exit = first_run_in_advance(config, &found, console);
    } else if !args.dry_run && steps.iter().any(Step::starts) {
        exit = first_run(console);
        if let Err(error) = start(args.cron) {
            return complain(&error).or(exit);
        }
    }
    if ends && steps.iter().any(Step::starts) {
        console.say(FROM_NOW_ON);
    }
    if configures(&steps) {
        also_here(console);
    }
    tell(&found, args, &steps, console);
    exit
}

/// These two set up the host's usual places, which others could not be.
pub(super) fn refuses_elsewhere(global: &GlobalArgs, command: &str) -> Option<Exit> {
    let elsewhere =
        global.config.is_some() || global.state_dir.is_some() || global.conf_d.is_some();
    elsewhere.then(|| {
        let config = crate::config::DEFAULT_FILE;
        Console::warn(&format_args!(
            "{command} is about {config} and {STATE_DIR}: it takes neither -c, --conf-d nor --state-dir; nothing was done"
        ));
        Exit::Usage
    })
}

/// All but the first run, while no other is at work.
fn do_all(steps: &[Step], console: Console) -> Result<(), String> {
    if steps.is_empty() {
        return Ok(());
    }
    let _lock = lock()?;
    for step in steps.iter().filter(|step| !step.starts()) {
        step.work().map_err(|error| {
            format!("{error}; what was done before stays: `pyfilter install` goes on from here")
        })?;
        console.say(&step.did());
    }
    Ok(())
}

/// The lock of the usual state directory, which is made if it is not there.
pub(super) fn lock() -> Result<Lock, String> {
    let dir = Path::new(STATE_DIR);
    step::make_private(dir)?;
    let since = Stamp::from_secs(system::now().timestamp()).to_local();
    Lock::take(dir, Exclusive::Store, PATIENCE, &since).map_err(|error| error.to_string())
}

/// Whatever it can not do is told, and tried again by the next one.
fn first_run(console: Console) -> Exit {
    let config = match Config::load(None, None, None, Path::new(STATE_DIR)) {
        Ok(config) => config,
        Err(faults) => {
            Console::complain(&faults);
            return Exit::Usage;
        }
    };
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let job = Job::FirstScan(rules.cloned().collect());
    let context = Context::new(config, STATE_DIR.into());
    finish(run::run(context, &job, console), console, false)
}

/// Shows whom the first run would ban.
fn first_run_in_advance(mut config: Config, found: &InstallFindings, console: Console) -> Exit {
    config.ignored.extend(found.allowed.keys());
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let job = Job::FirstScan(rules.cloned().collect());
    console.say("The first run would ban:");
    match run::dry_run(Context::new(config, STATE_DIR.into()), &job, console) {
        Ok(done) => {
            // Of what could not be read nobody knows; that is told.
            if done.summary.bans.is_empty() && done.summary.problems.is_empty() {
                console.say("nobody");
            }
            finish(Ok(done), console, false)
        }
        stopped => finish(stopped, console, false),
    }
}

/// The timer last: its first run would meet this one's.
fn start(cron: bool) -> Result<(), ProgramError> {
    if cron {
        return Ok(());
    }
    system::run_program("systemctl", &["enable", places::TIMER, places::RESTORE])?;
    system::run_program("systemctl", &["restart", places::TIMER])
}

fn configures(steps: &[Step]) -> bool {
    let mut steps = steps.iter();
    steps.any(|step| matches!(step, Step::Configure { .. }))
}

/// Which services the new configuration has no rule for, and why.
fn also_here(console: Console) {
    let here = services::fitting(Path::new("/"));
    if let Some(why) = services::not_offered(&here.forgeable) {
        console.say(&format!("Also here, {why}."));
    }
}

/// What the tutorial said, and what else a person should know.
fn tell(found: &InstallFindings, args: &InstallArgs, steps: &[Step], console: Console) {
    let anew = steps.iter().any(Step::starts);
    let status = if args.cron {
        "check the status of it by using \"sudo pyfilter list\"".to_owned()
    } else {
        format!(
            "check the status of it by using \"sudo systemctl status {}\"",
            places::TIMER
        )
    };
    let what = if args.cron { "Cron entry" } else { "Timer" };
    if anew && !args.dry_run {
        let done = if args.cron {
            "created"
        } else {
            "created and enabled"
        };
        console.say(&format!("{what} {done}, {status}"));
    } else if !anew {
        let (first, rest) = status.split_at(1);
        console.say(&format!(
            "{what} already created.\n{}{rest}",
            first.to_uppercase()
        ));
    }
    if steps.iter().any(|step| matches!(step, Step::Adopt { .. })) {
        console.say("PyFilter's patterns let an attacker name another address: `sudo pyfilter check` says which to delete");
        if let Some(warning) = found.leaves_database() {
            Console::warn(&warning);
        }
    }
    if let Some(warning) = found
        .old
        .as_ref()
        .and_then(found::FormerPyFilter::still_running)
    {
        Console::warn(&warning);
    }
}
