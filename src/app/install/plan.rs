//! What is there → the steps that are missing.

use std::path::{Path, PathBuf};

use crate::cli::STATE_DIR;
use crate::config::DEFAULT_FILE;

use super::allow;
use super::found::{InstallFindings, Placed};
use super::places;
use super::step::Step;

/// Why it can not be done like this.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "systemd does not run here (a container?): `pyfilter install --cron` makes a cron entry instead"
    )]
    NoSystemd,
    #[error(
        "there is no {}: install cron, or have something else call `pyfilter scan` every minute",
        places::CRON_DIR
    )]
    NoCron,
    #[error(
        "the package pyfilter is installed: use `sudo {} install`, or remove it first with `sudo apt remove pyfilter`",
        places::PACKAGED
    )]
    Packaged,
    #[error(
        "{DEFAULT_FILE} is there already, and --preset is for a new one: `sudo pyfilter init --force --preset {0}` replaces it"
    )]
    Configured(&'static str),
    #[error(
        "PyFilter's configuration is taken over as it is, and --preset is for a new one: `sudo pyfilter init --preset {0}` writes one first"
    )]
    Adopts(&'static str),
}

/// The steps in their order; none if everything is in place.
pub(super) fn plan(found: &InstallFindings, cron: bool) -> Result<Vec<Step>, Refusal> {
    if cron && !found.has(places::CRON_DIR) {
        return Err(Refusal::NoCron);
    }
    if !cron && !found.has(places::SYSTEMD) {
        return Err(Refusal::NoSystemd);
    }
    let packaged = found.placed == Placed::Packaged;
    if packaged && found.exe != Path::new(places::PACKAGED) {
        return Err(Refusal::Packaged);
    }
    let mut steps = Vec::new();
    if found.placed == Placed::No {
        steps.push(Step::Copy(found.exe.clone()));
    }
    steps.extend(configuration(found)?);
    steps.extend(allow(found));
    steps.extend(state(found));
    let units = if cron {
        let mut units = cron_entry(found);
        if units_there(found) {
            units.push(Step::Reload);
        }
        units
    } else {
        let mut units = timer(found);
        let changed = !units.is_empty();
        if changed {
            units.push(Step::Reload);
        }
        let enabled = found.has(places::ENABLED) && found.has(places::RESTORED);
        if changed || !enabled || !found.active {
            units.push(Step::Start);
        }
        units
    };
    steps.extend(units);
    Ok(steps)
}

/// PyFilter's is looked for only where nobody has chosen another one.
fn configuration(found: &InstallFindings) -> Result<Option<Step>, Refusal> {
    let replaces = found.has(DEFAULT_FILE);
    let adopted = found.old.as_ref().and_then(|old| old.config.as_ref());
    Ok(match (adopted, found.preset) {
        (Some(_), Some(preset)) => return Err(Refusal::Adopts(preset.as_str())),
        (None, Some(preset)) if replaces && found.is_configured => {
            return Err(Refusal::Configured(preset.as_str()));
        }
        (Some(adopted), None) => Some(Step::Adopt {
            from: adopted.path.clone(),
            text: adopted.text.clone(),
            changed: adopted.changed.clone(),
        }),
        (None, None) if replaces => None,
        (None, preset) => Some(Step::Configure {
            preset: preset.unwrap_or_default(),
            replaces,
        }),
    })
}

/// Who is logged in, before anybody can be banned.
fn allow(found: &InstallFindings) -> Option<Step> {
    let who = found.allowed.iter();
    let who = who.map(|(network, accounts)| format!("{network} ({accounts})"));
    (!found.allowed.is_empty()).then(|| Step::Allow {
        text: allow::text(&found.allowed),
        who: who.collect(),
    })
}

/// Blacklists come before the database: which of its rows are bans they say.
fn state(found: &InstallFindings) -> Vec<Step> {
    let Some(old) = found.old.as_ref().filter(|_| !found.has(&found.store)) else {
        return Vec::new();
    };
    let place = |path: &PathBuf| Path::new(STATE_DIR).join(path.file_name().unwrap_or_default());
    let lists = old.blacklists.iter();
    let lists = lists.map(|from| (from.clone(), place(from)));
    let lists = lists.filter(|(_, to)| !found.has(to));
    let lists = lists.map(|(from, to)| Step::Blacklist { from, to });
    let database = old.database.iter().map(|from| Step::Database {
        from: from.clone(),
        to: found.store.clone(),
    });
    lists.chain(database).collect()
}

/// What differs of the units. Those of a package are in its own places, and
/// ours would stand before them.
fn timer(found: &InstallFindings) -> Vec<Step> {
    let own = |text: String| (found.placed != Placed::Packaged).then_some(text);
    let wanted = [
        (places::SERVICE_FILE, own(places::service(places::BINARY))),
        (places::RESTORE_FILE, own(places::restore(places::BINARY))),
        (places::TIMER_FILE, own(places::timer())),
        (
            places::LEGACY_FILE,
            found.needs_more_rights.then(places::legacy),
        ),
        (places::CRON_FILE, None),
    ];
    let steps = wanted.into_iter();
    let steps = steps.filter_map(|(path, wanted)| match (wanted, found.files.get(path)) {
        (Some(text), there) if there != Some(&text) => Some(Step::Write { path, text }),
        (None, Some(_)) => Some(Step::Remove(path.into())),
        _ => None,
    });
    steps.collect()
}

fn units_there(found: &InstallFindings) -> bool {
    found.has(places::ENABLED) || found.files.keys().any(|path| *path != places::CRON_FILE)
}

fn cron_entry(found: &InstallFindings) -> Vec<Step> {
    let binary = if found.placed == Placed::Packaged {
        places::PACKAGED
    } else {
        places::BINARY
    };
    let text = places::cron(binary);
    let mut steps = Vec::new();
    if found.has(places::SYSTEMD) && units_there(found) {
        steps.push(Step::Stop);
    }
    let units = found
        .files
        .keys()
        .filter(|path| **path != places::CRON_FILE);
    steps.extend(units.map(|path| Step::Remove((*path).into())));
    if found.files.get(places::CRON_FILE) != Some(&text) {
        let path = places::CRON_FILE;
        steps.push(Step::Write { path, text });
        steps.push(Step::Start);
    }
    steps
}
