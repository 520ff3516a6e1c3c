//! ONE run, readable as a list of steps: finish what the last one left, look
//! at what people and time did, do the errand, commit, apply, tell.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::{Address, Ban, Cause, Escaped, Origin, Problem, Rule, Stamp, Unban, Witnesses};
use crate::report::{SourceRow, Summary};
use crate::store::{Store, StoreError, Untold};
use crate::system::{Lock, LockError};

use super::changes::{Changes, Read};
use super::context::Context;
use super::locate::locate;
use super::metrics;
use super::reading::{self, Outcome};
use super::sharing::Sharing;
use super::snapshots::{self, Snapshots};
use super::voice::Voice;
use super::wall::Wall;

/// What a run is for.
#[derive(Debug)]
pub(super) enum Errand {
    /// The timer's: every rule's sources from their cursors.
    Scan(Vec<Rule>),
    /// The same when pyfilter is installed, which is nothing to give up soon.
    FirstScan(Vec<Rule>),
    /// Files from their start under one rule.
    Files(Rule, Vec<PathBuf>),
    /// Bans by hand.
    Ban(Vec<Ban>),
    /// Un-bans by hand; here only, or on every server.
    Unban(Vec<Address>, bool),
    /// Un-bans everybody; here only, or on every server.
    UnbanAll(bool),
    /// Nothing but what every run does for the firewall, on a host that may
    /// have no network yet: neither logs nor Redis are asked.
    Restore,
}

impl Errand {
    /// How long it waits for another run to end.
    fn patience(&self) -> Duration {
        match self {
            Errand::Scan(_) | Errand::Files(..) => Duration::from_secs(5),
            Errand::FirstScan(_)
            | Errand::Ban(_)
            | Errand::Unban(..)
            | Errand::UnbanAll(_)
            | Errand::Restore => Duration::from_secs(60),
        }
    }
}

/// Why a run could not be at all. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    StateDir(String),
}

/// A run but for its last step: whoever prints the summary settles it then.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) summary: Summary,
    owed: Option<Owed>,
}

/// Lines that the store owes the world until they were printed.
#[derive(Debug)]
struct Owed {
    store: Store,
    _lock: Lock,
}

impl Done {
    /// Notes that the bans were told. A run that ends before tells them again.
    pub(super) fn settle(self) -> Result<(), StoreError> {
        let Some(mut owed) = self.owed else {
            return Ok(());
        };
        let commit = owed.store.begin()?;
        commit.set_told()?;
        commit.commit()
    }
}

/// Does one run from its beginning to its end.
pub(super) fn run(mut context: Context, errand: &Errand, voice: Voice) -> Result<Done, Stop> {
    let begun = Instant::now();
    make_state_dir(&context)?;
    let since = Stamp::from_secs(context.now).to_local();
    let lock = Lock::take(&context.state_dir, errand.patience(), &since)?;
    let mut store = open(&mut context)?;
    let mut wall = Wall::default();
    wall.finish(&context, &mut store)?;

    let mut changes = Changes::default();
    let snapshots = Snapshots::read(&mut context, &store, &mut changes)?;
    lift_ended(&context, &store, &mut changes)?;
    let sharing = match errand {
        Errand::Restore => Sharing::none(&context, &mut changes),
        _ => Sharing::receive(&mut context, &store, &mut changes)?,
    };
    let sources = work(&mut context, Some(&mut store), errand, &mut changes, voice)?;
    locate(&mut context, changes.bans_mut());
    changes.commit(&mut store, context.now)?;
    // The process ends soon, and to free a million windows takes a tenth of such a run.
    std::mem::forget(changes);

    wall.apply(&mut context, &mut store)?;
    let written = snapshots.write(&mut context, &store)?;
    let untold = store.untold()?;
    let told = voice.tell(&untold, &mut context);
    wall.close(&mut store, &written)?;
    sharing.send(&mut context, &mut store)?;
    let firewall = wall.into_row(context.config.firewall.backend, &store)?;
    metrics::leave(&mut context, &store, &sources, begun)?;
    let owed = (told && !untold.is_empty()).then_some(Owed { store, _lock: lock });
    context.warnings.iter().for_each(Voice::warn);

    let (mut bans, mut unbans) = (Vec::new(), Vec::new());
    for event in untold {
        match event {
            Untold::Ban(ban) => bans.push(ban),
            Untold::Unban(unban) => unbans.push(unban),
        }
    }
    let server = context.server.to_string();
    let summary = Summary {
        dry_run: false,
        server,
        sources,
        bans,
        unbans,
        firewall,
        problems: context.problems,
    };
    Ok(Done { summary, owed })
}

/// Shows what the same run would do, and changes nothing.
pub(super) fn dry_run(mut context: Context, errand: &Errand, voice: Voice) -> Result<Done, Stop> {
    let mut changes = Changes::default();
    let mut store = match errand {
        Errand::Files(..) => None,
        _ => look(&mut context),
    };
    if let Some(store) = &store {
        Snapshots::read(&mut context, store, &mut changes)?.complain(&mut context);
        lift_ended(&context, store, &mut changes)?;
    }
    let sources = work(&mut context, store.as_mut(), errand, &mut changes, voice)?;
    locate(&mut context, changes.bans_mut());
    let bans: Vec<Ban> = changes.bans.into_iter().map(|(ban, _)| ban).collect();
    let unbans = [changes.unbans, changes.ended].concat();
    let events = unbans
        .iter()
        .cloned()
        .map(Untold::Unban)
        .chain(bans.iter().cloned().map(Untold::Ban));
    if let Err(error) = voice.show(&events.collect::<Vec<_>>())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        context.problems.push(Problem::new(format!(
            "standard output can not be written: {error}"
        )));
    }
    let server = context.server.to_string();
    let summary = Summary {
        dry_run: true,
        server,
        sources,
        bans,
        unbans,
        firewall: None,
        problems: context.problems,
    };
    Ok(Done {
        summary,
        owed: None,
    })
}

fn make_state_dir(context: &Context) -> Result<(), Stop> {
    let dir = &context.state_dir;
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(dir).map_err(|error| {
        let dir = Escaped::path(dir);
        Stop::StateDir(format!("{dir}: the state directory can not be made: {error}; run with sudo, or choose another --state-dir"))
    })
}

fn open(context: &mut Context) -> Result<Store, StoreError> {
    let path = context.config.store.clone();
    let dir = path.parent().map(PathBuf::from).unwrap_or_default();
    let store = Store::open(&path, context.now, || {
        snapshots::blacklisted(&dir, &context.config.firewall.chain)
    })?;
    if let Some(taken) = store.takeover() {
        let copy = Escaped::path(&taken.copy);
        let (bans, history) = (taken.bans, taken.history);
        Voice::warn(&format_args!(
            "took over PyFilter's database: {bans} bans, {history} more in the history; the old file is kept as {copy}"
        ));
        for text in &taken.refused {
            let text = Escaped::text(text);
            context.problems.push(Problem::at(
                &path,
                format!("`{text}` in PyFilter's database is no address and was left out"),
            ));
        }
    }
    Ok(store)
}

/// Opens the store to look at, if there is one and we may.
fn look(context: &mut Context) -> Option<Store> {
    match Store::look(&context.config.store) {
        Ok(store) => store,
        Err(error) if error.is_denied() => {
            Voice::warn("bans in force and cursors unknown: run with sudo");
            None
        }
        Err(error) => {
            context
                .problems
                .push(Problem::at(&context.config.store, error.to_string()));
            None
        }
    }
}

/// Un-bans those whose time is up, and those who came to be never banned.
fn lift_ended(context: &Context, store: &Store, changes: &mut Changes) -> Result<(), StoreError> {
    changes.ended = store.ended(context.now)?;
    changes.expired = store.has_ended(context.now)?;
    // Who is banned was looked at when it was banned: again only when others are never banned now.
    let fingerprint = context.never.fingerprint();
    if store.never_banned()? == Some(fingerprint) {
        return Ok(());
    }
    changes.never_banned = Some(fingerprint);
    let ignored = store
        .in_force()?
        .into_iter()
        .filter(|address| context.never.covers(*address));
    changes.unbans.extend(ignored.map(|address| Unban {
        address,
        cause: Cause::Ignored,
        at: context.now,
    }));
    Ok(())
}

/// Does the errand: what it comes to is put into `changes`.
fn work(
    context: &mut Context,
    mut store: Option<&mut Store>,
    errand: &Errand,
    changes: &mut Changes,
    voice: Voice,
) -> Result<Vec<SourceRow>, StoreError> {
    let mut sources = Vec::new();
    let mut take = |context: &mut Context, outcome: Outcome, changes: &mut Changes| {
        changes.bans.extend(outcome.bans);
        changes.read.extend(outcome.read.map(|read| Read {
            failures: outcome.sources.iter().map(|row| row.failures).sum(),
            ..read
        }));
        sources.extend(outcome.sources);
        context.problems.extend(outcome.problems);
    };
    match errand {
        Errand::Scan(rules) | Errand::FirstScan(rules) => {
            for rule in rules {
                let found = crate::logs::discover(&rule.sources);
                context.problems.extend_from_slice(&found.problems);
                voice.begin(
                    &rule.name,
                    !(found.logs.is_empty() && found.journals.is_empty()),
                );
                let outcome = reading::read_rule(
                    context,
                    store.as_deref_mut(),
                    rule,
                    &found,
                    &changes.cleared(),
                )?;
                take(context, outcome, changes);
            }
        }
        Errand::Files(rule, files) => {
            voice.begin(&rule.name, true);
            let outcome = reading::read_files(context, store, rule, files)?;
            take(context, outcome, changes);
        }
        Errand::Ban(bans) => changes
            .bans
            .extend(bans.iter().map(|ban| (ban.clone(), Witnesses::default()))),
        Errand::Restore => {}
        Errand::Unban(addresses, only_here) => {
            changes.shared.only_here = *only_here;
            lift(context, addresses, changes);
        }
        Errand::UnbanAll(only_here) => {
            changes.shared.only_here = *only_here;
            let banned = store.map_or(Ok(BTreeSet::new()), |store| store.in_force())?;
            let added = changes.bans.iter().map(|(ban, _)| ban.address);
            let all: BTreeSet<Address> = banned.into_iter().chain(added).collect();
            lift(context, &all, changes);
        }
    }
    Ok(sources)
}

/// Un-bans by hand. It is the last word, also about what somebody has just
/// added to the blacklist.
fn lift<'a>(
    context: &Context,
    addresses: impl IntoIterator<Item = &'a Address>,
    changes: &mut Changes,
) {
    for &address in addresses {
        // One that was only just heard of may be of a clock ahead of this one.
        let heard = changes.bans.iter().map(|(ban, _)| ban);
        let heard = heard.filter(|ban| ban.address == address);
        let at = heard.map(|ban| ban.at.secs).fold(context.now, i64::max);
        changes.bans.retain(|(ban, _)| ban.address != address);
        changes.unbans.push(Unban {
            address,
            cause: Cause::Manual,
            at,
        });
    }
}

/// A ban by hand.
pub(super) fn manual_ban(
    context: &Context,
    address: Address,
    reason: Option<&str>,
    ends: Option<i64>,
) -> Ban {
    Ban {
        address,
        rule: None,
        server: context.server.clone(),
        at: Stamp::from_secs(context.now),
        ends,
        failures: 0,
        instant: false,
        origin: Origin::Manual,
        reason: reason.map_or_else(
            || format!("IP: {address} was banned by hand."),
            str::to_owned,
        ),
        country: None,
    }
}
