//! `pyfilter uninstall`: the timer and the chain go; with `--purge` all does.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::{GlobalArgs, STATE_DIR, UninstallArgs};
use crate::config::{Config, DEFAULT_FILE};
use crate::firewall;
use crate::model::{Backend, Escaped};
use crate::store::{Store, StoreError};
use crate::system;

use super::console::Console;
use super::exit::Exit;
use super::install::found::{is_packaged, is_there};
use super::install::places;
use super::install::step::{self, Step};
use super::install::{lock, refuses_elsewhere};
use super::output::complain;

/// Takes away what `install` and the runs have made.
pub(super) fn uninstall(global: &GlobalArgs, args: &UninstallArgs, console: Console) -> Exit {
    if let Some(exit) = refuses_elsewhere(global, "uninstall") {
        return exit;
    }
    let (config, exit) = configuration();
    let steps = plan(&config, args.purge);
    let chain = Escaped::text(&config.firewall.chain);
    if args.dry_run {
        console.say(&format!("Would remove the chain {chain} from the firewall"));
        for step in &steps {
            console.say(&format!("Would {}", step.will()));
        }
        return exit;
    }
    if !system::is_root() {
        return complain(&"uninstall needs root: run with sudo; nothing was done");
    }
    if let Err(error) = step::rehearse(&steps) {
        return complain(&format_args!("{error}; nothing was done"));
    }
    if let Err(error) = work(&config, &steps, console) {
        return complain(&error);
    }
    // dpkg removes the package already when it runs this.
    if is_packaged() && std::env::var_os("DPKG_MAINTSCRIPT_NAME").is_none() {
        console.say("The package is still there: `sudo apt remove pyfilter` removes it");
    }
    exit
}

/// What is configured, or the defaults: a mistake in the file must not keep
/// anybody from getting rid of all this.
fn configuration() -> (Config, Exit) {
    let base = Path::new(STATE_DIR);
    match Config::load(None, None, None, base) {
        Ok(config) => (config, Exit::Done),
        Err(faults) => {
            Console::complain(&faults);
            Console::warn(
                "the configuration has faults: what it names is not known, the rest is removed",
            );
            (Config::defaults(base), Exit::Problems)
        }
    }
}

fn work(config: &Config, steps: &[Step], console: Console) -> Result<(), String> {
    let goes_on = |error: String| {
        format!("{error}; what was done before stays: `pyfilter uninstall` goes on from here")
    };
    let do_those = |stop: bool| {
        let mut steps = steps.iter().filter(|step| (**step == Step::Stop) == stop);
        steps.try_for_each(|step| {
            step.work().map_err(goes_on)?;
            console.say(&step.did());
            Ok::<(), String>(())
        })
    };
    // The timer before the lock: no run begins any more, and the last one ends.
    do_those(true)?;
    // Where nothing was ever put, not even a lock is.
    let lock = Path::new(STATE_DIR).is_dir().then(lock).transpose()?;
    let removed = remove_chain(config).map_err(goes_on)?;
    for place in &removed {
        let place = Escaped::text(place);
        console.say(&format!("Removed the {place} from the firewall"));
    }
    if removed.is_empty() && steps.is_empty() {
        console.say("Nothing is installed");
    }
    let result = do_those(false);
    drop(lock);
    result
}

/// What of ours is there.
fn plan(config: &Config, purge: bool) -> Vec<Step> {
    let there = |path: &&str| is_there(Path::new(path));
    let units = [
        places::SERVICE_FILE,
        places::RESTORE_FILE,
        places::TIMER_FILE,
        places::LEGACY_FILE,
    ];
    let units: Vec<&str> = units.into_iter().filter(there).collect();
    let mut steps = Vec::new();
    if is_there(Path::new(places::SYSTEMD)) && (there(&places::ENABLED) || !units.is_empty()) {
        steps.push(Step::Stop);
    }
    let files = units.iter().copied();
    let files = files.chain([places::CRON_FILE].into_iter().filter(there));
    steps.extend(files.map(|path| Step::Remove(path.into())));
    if is_there(Path::new(places::SYSTEMD)) && !units.is_empty() {
        steps.push(Step::Reload);
    }
    let binary = Some(places::BINARY).filter(there);
    let metrics = config.metrics.iter().filter(|path| is_there(path)).cloned();
    let rest = metrics.chain(binary.map(Into::into));
    steps.extend(rest.map(Step::Remove));
    if purge {
        let directories = [STATE_DIR, places::LOG_DIR];
        let directories = directories.into_iter().filter(there);
        steps.extend(directories.map(|path| Step::RemoveAll(path.into())));
        steps.extend(
            [places::ALLOWED_FILE, DEFAULT_FILE, places::STAMP]
                .into_iter()
                .filter(there)
                .map(|path| Step::Remove(path.into())),
        );
    }
    steps
}

/// Takes out of the firewall what the store says that we made, and what the
/// configuration names; what there was of that.
fn remove_chain(config: &Config) -> Result<BTreeSet<String>, String> {
    let mut store = Store::look(&config.store)
        .and_then(|there| there.map(|_| open(config)).transpose())
        .unwrap_or_else(|error| {
            Console::warn(&error);
            None
        });
    let remembered = store.as_ref().map_or(Ok(Vec::new()), Store::made);
    let mut made = remembered.map_err(|error| error.to_string())?;
    let id = store.as_ref().map(Store::id).transpose();
    let id = id.map_err(|error| error.to_string())?;
    if config.firewall.backend != Backend::None {
        // Also what a killed first run, or a store that is lost, made: wherever it is.
        made.extend(firewall::wherever(&config.firewall));
    }
    if made.is_empty() {
        return Ok(BTreeSet::new());
    }
    let outcome = firewall::remove(&config.firewall, id.as_deref(), &made);
    outcome.warnings.iter().for_each(Console::warn);
    for problem in &outcome.leftovers {
        let message = &problem.message;
        Console::warn(&format_args!("{message} (it is gone at the next boot)"));
    }
    if let Some(problem) = outcome.problems.first() {
        return Err(problem.message.clone());
    }
    if let Some(store) = &mut store {
        forget(store).map_err(|error| error.to_string())?;
    }
    Ok(outcome.removed)
}

fn open(config: &Config) -> Result<Store, StoreError> {
    Store::open(&config.store, system::now().timestamp(), || None)
}

/// The store no longer thinks that anything is in the firewall.
fn forget(store: &mut Store) -> Result<(), StoreError> {
    let commit = store.begin()?;
    commit.set_made(&[])?;
    commit.commit()
}
