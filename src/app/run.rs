//! ONE run, readable as a list of steps: finish what the last one left, look
//! at what people and time did, do the errand, commit, apply, tell.

mod course;
mod work;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::{Address, Ban, Cause, Escaped, Origin, Problem, Rule, Stamp, Unban, plural};
use crate::report::Summary;
use crate::store::{Store, StoreError, Unfinished, Untold};
use crate::system::{self, LockError};

use course::{Course, Locks};
use work::work;

use super::changes::Changes;
use super::clock;
use super::conf_d;
use super::context::Context;
use super::locate::locate;
use super::metrics;
use super::sharing::Sharing;
use super::snapshots::{self, Snapshots};
use super::voice::{Sessions, Voice};
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
    /// Whether it reads logs, which takes long and is done by one run at a time.
    fn reads(&self) -> bool {
        match self {
            Errand::Scan(_) | Errand::FirstScan(_) | Errand::Files(..) => true,
            Errand::Ban(_) | Errand::Unban(..) | Errand::UnbanAll(_) | Errand::Restore => false,
        }
    }

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
    _locks: Locks,
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
///
/// What people, time and other servers did is committed and applied before logs are
/// read; then the store is free, so that `ban` and `unban` need not wait. What they
/// did meanwhile is looked at before the reading is committed.
pub(super) fn run(mut context: Context, errand: &Errand, voice: Voice) -> Result<Done, Stop> {
    let begun = Instant::now();
    make_state_dir(&context)?;
    let mut locks = Locks::take(&context, errand)?;
    let mut store = open(&mut context)?;
    conf_d::remember(&mut context, &mut store)?;
    let mut wall = Wall::default();
    wall.finish(&context, &mut store)?;

    let mut changes = Changes::default();
    let snapshots = Snapshots::read(&mut context, &store, &mut changes)?;
    lift_ended(&context, &store, &mut changes)?;
    let sharing = match errand {
        Errand::Restore => Sharing::none(&context, &mut changes),
        _ => Sharing::receive(&mut context, &store, &mut changes)?,
    };
    let mut course = Course {
        wall,
        snapshots,
        changes,
        sources: Vec::new(),
        early: Vec::new(),
    };
    course = course.work(&mut context, &mut store, &mut locks, errand, voice)?;
    let Course {
        mut wall,
        mut snapshots,
        mut changes,
        sources,
        early,
    } = course;
    changes.commit(&mut store, context.now)?;
    context.warnings.extend(changes.forgotten());
    // What comes next needs the room of a million bans. The windows it does not need: the process
    // ends soon, and to free a million of them takes a tenth of such a run.
    changes.bans = Vec::new();
    std::mem::forget(changes);

    wall.apply(&mut context, &mut store)?;
    let written = snapshots.write(&mut context, &store)?;
    let untold = store.untold()?;
    let sessions = sessions_of(&untold);
    let told = voice.tell(&untold, &sessions, &mut context);
    wall.close(&mut store, &written)?;
    sharing.send(&mut context, &mut store)?;
    let firewall = wall.into_row(context.config.firewall.backend, &store)?;
    once_each(&mut context);
    metrics::leave(&mut context, &store, &sources, begun)?;
    let owed = (told && !untold.is_empty()).then_some(Owed {
        store,
        _locks: locks,
    });
    context.warnings.iter().for_each(Voice::warn);
    let (bans, unbans) = apart(with_early(early, untold));
    let summary = Summary {
        dry_run: false,
        server: context.server.to_string(),
        sources,
        bans,
        sessions,
        unbans,
        firewall,
        problems: context.problems,
    };
    Ok(Done { summary, owed })
}

/// Who is logged in from the addresses that are banned; nobody is asked about where
/// there are none.
fn sessions_of(events: &[Untold]) -> Sessions {
    let banned = events.iter().filter_map(|event| match event {
        Untold::Ban(ban) => Some(ban.address),
        Untold::Unban(_) => None,
    });
    let banned: HashSet<Address> = banned.collect();
    if banned.is_empty() {
        return Sessions::new();
    }
    let mut sessions = system::sessions();
    sessions.retain(|address, _| banned.contains(address));
    sessions
}

/// Each problem and each warning once, where it first stood: what can not be done before
/// the reading is tried once more after it.
fn once_each(context: &mut Context) {
    let (mut told, mut warned) = (BTreeSet::new(), BTreeSet::new());
    let is_first = |problem: &Problem| told.insert(problem.message.clone());
    context.problems.retain(is_first);
    let is_first = |warning: &String| warned.insert(warning.clone());
    context.warnings.retain(is_first);
}

/// The bans and the un-bans among events.
fn apart(events: Vec<Untold>) -> (Vec<Ban>, Vec<Unban>) {
    let (mut bans, mut unbans) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Untold::Ban(ban) => bans.push(ban),
            Untold::Unban(unban) => unbans.push(unban),
        }
    }
    (bans, unbans)
}

/// All events of a run: those that it committed before the reading were told by
/// another run meanwhile, unless they still wait.
fn with_early(early: Vec<Untold>, untold: Vec<Untold>) -> Vec<Untold> {
    let key = |event: &Untold| match event {
        Untold::Ban(ban) => (ban.address, ban.at.secs, true),
        Untold::Unban(unban) => (unban.address, unban.at, false),
    };
    let waiting: HashSet<_> = untold.iter().map(key).collect();
    let told = early.into_iter();
    let told = told.filter(|event| !waiting.contains(&key(event)));
    told.chain(untold).collect()
}

/// Shows what the same run would do, and changes nothing.
pub(super) fn dry_run(mut context: Context, errand: &Errand, voice: Voice) -> Result<Done, Stop> {
    let mut changes = Changes::default();
    let mut store = match errand {
        Errand::Files(..) => None,
        _ => look(&mut context),
    };
    if let Some(store) = &store {
        conf_d::hold(&mut context, store)?;
        Snapshots::read(&mut context, store, &mut changes)?.complain(&mut context);
        lift_ended(&context, store, &mut changes)?;
    }
    let sources = work(&mut context, store.as_mut(), errand, &mut changes, voice)?;
    locate(&mut context, changes.bans_mut());
    context.warnings.extend(changes.forgotten());
    let bans: Vec<Ban> = changes.bans.into_iter().map(|(ban, _)| ban).collect();
    let unbans = [changes.unbans, changes.ended].concat();
    let events = unbans.iter().cloned().map(Untold::Unban);
    let events: Vec<Untold> = (events.chain(bans.iter().cloned().map(Untold::Ban))).collect();
    let sessions = sessions_of(&events);
    if let Err(error) = voice.show(events, &sessions)
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        context.problems.push(Problem::new(format!(
            "standard output can not be written: {error}"
        )));
    }
    context.warnings.iter().for_each(Voice::warn);
    let server = context.server.to_string();
    let summary = Summary {
        dry_run: true,
        server,
        sources,
        bans,
        sessions,
        unbans,
        firewall: None,
        problems: context.problems,
    };
    voice.nobody(&summary, matches!(errand, Errand::Files(..)));
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
    let shown = Escaped::path(&path).to_string();
    let dir = path.parent().map(PathBuf::from).unwrap_or_default();
    let store = Store::open(&path, context.now, || {
        snapshots::blacklisted(&dir, &context.config.firewall.chain)
    })?;
    match store.unfinished() {
        None => {}
        Some(Unfinished::NoRoom) => context.warnings.push(format!(
            "{shown}: the store is not wholly brought to this version's form, since the disk is full; it is used as it is, and the next run with room goes on"
        )),
        Some(Unfinished::NoTime) => context.warnings.push(format!(
            "{shown}: the store is large, and not wholly brought to this version's form yet; it is used as it is, and the next run goes on"
        )),
    }
    clock::set(context, &store);
    if let Some(taken) = store.takeover() {
        let copy = Escaped::path(&taken.copy);
        let (bans, history) = (plural(taken.bans, "ban", "bans"), taken.history);
        Voice::warn(&format_args!(
            "took over PyFilter's database: {bans}, {history} more in the history; the old file is kept as {copy}"
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
        reason: Some(reason.map_or_else(
            || format!("IP: {address} was banned by hand.").into(),
            Box::from,
        )),
        country: None,
    }
}
