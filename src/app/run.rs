//! ONE run, readable as a list of steps: finish what the last one left, look
//! at what people and time did, do what the run is for, commit, apply, tell.
//!
//! | file | does |
//! |---|---|
//! | `course` | a run between its beginning and its commit, and its locks |
//! | `work` | what the run is for: read, ban, un-ban |

mod course;
mod work;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::{Address, Ban, Cause, Escaped, Origin, Problem, Rule, Stamp, Unban, plural};
use crate::report::Summary;
use crate::store::{PendingNotification, Store, StoreError, Unfinished};
use crate::system::{self, LockError};

use course::{Course, Locks};
use work::work;

use super::changes::Changes;
use super::clock;
use super::conf_d;
use super::console::{Console, Sessions};
use super::context::Context;
use super::firewall_step::FirewallStep;
use super::locate::locate;
use super::metrics;
use super::sharing::Sharing;
use super::snapshots::{self, Snapshots};

/// What a run is for.
#[derive(Debug)]
pub(super) enum Job {
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

impl Job {
    /// Whether it reads logs, which takes long and is done by one run at a time.
    fn reads(&self) -> bool {
        match self {
            Job::Scan(_) | Job::FirstScan(_) | Job::Files(..) => true,
            Job::Ban(_) | Job::Unban(..) | Job::UnbanAll(_) | Job::Restore => false,
        }
    }

    /// How long it waits for another run to end.
    fn patience(&self) -> Duration {
        match self {
            Job::Scan(_) | Job::Files(..) => Duration::from_secs(5),
            Job::FirstScan(_) | Job::Ban(_) | Job::Unban(..) | Job::UnbanAll(_) | Job::Restore => {
                Duration::from_secs(60)
            }
        }
    }
}

/// Why a run could not be at all. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
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
    pending: Option<PendingNotifications>,
}

/// Lines that the store owes the world until they were printed.
#[derive(Debug)]
struct PendingNotifications {
    store: Store,
    _locks: Locks,
}

impl Done {
    /// Notes that the bans were told. A run that ends before tells them again.
    pub(super) fn settle(self) -> Result<(), StoreError> {
        let Some(mut pending) = self.pending else {
            return Ok(());
        };
        let commit = pending.store.begin()?;
        commit.clear_notifications()?;
        commit.commit()
    }
}

/// Does one run from its beginning to its end.
///
/// What people, time and other servers did is committed and applied before logs are
/// read; then the store is free, so that `ban` and `unban` need not wait. What they
/// did meanwhile is looked at before the reading is committed.
pub(super) fn run(mut context: Context, job: &Job, console: Console) -> Result<Done, RunError> {
    let begun = Instant::now();
    make_state_dir(&context)?;
    let mut locks = Locks::take(&context, job)?;
    let mut store = open(&mut context)?;
    conf_d::remember(&mut context, &mut store)?;
    let mut firewall_step = FirewallStep::default();
    firewall_step.finish(&context, &mut store)?;

    let mut changes = Changes::default();
    let snapshots = Snapshots::read(&mut context, &store, &mut changes)?;
    lift_ended(&context, &store, &mut changes)?;
    let sharing = match job {
        Job::Restore => Sharing::none(&context, &mut changes),
        _ => Sharing::receive(&mut context, &store, &mut changes)?,
    };
    let mut course = Course {
        firewall_step,
        snapshots,
        changes,
        sources: Vec::new(),
        early: Vec::new(),
    };
    course = course.work(&mut context, &mut store, &mut locks, job, console)?;
    let Course {
        mut firewall_step,
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

    firewall_step.apply(&mut context, &mut store)?;
    let written = snapshots.write(&mut context, &store)?;
    let events = store.pending_notifications()?;
    let sessions = sessions_of(&events);
    let told = console.tell(&events, &sessions, &mut context);
    firewall_step.close(&mut store, &written)?;
    sharing.send(&mut context, &mut store)?;
    let firewall = firewall_step.into_row(context.config.firewall.backend, &store)?;
    once_each(&mut context);
    metrics::leave(&mut context, &store, &sources, begun)?;
    let pending = (told && !events.is_empty()).then_some(PendingNotifications {
        store,
        _locks: locks,
    });
    context.warnings.iter().for_each(Console::warn);
    let (bans, unbans) = apart(with_early(early, events));
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
    Ok(Done { summary, pending })
}

/// Who is logged in from the addresses that are banned; nobody is asked about where
/// there are none.
fn sessions_of(events: &[PendingNotification]) -> Sessions {
    let banned = events.iter().filter_map(|event| match event {
        PendingNotification::Ban(ban) => Some(ban.address),
        PendingNotification::Unban(_) => None,
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
fn apart(events: Vec<PendingNotification>) -> (Vec<Ban>, Vec<Unban>) {
    let (mut bans, mut unbans) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            PendingNotification::Ban(ban) => bans.push(ban),
            PendingNotification::Unban(unban) => unbans.push(unban),
        }
    }
    (bans, unbans)
}

/// All events of a run: those that it committed before the reading were told by
/// another run meanwhile, unless they still wait.
fn with_early(
    early: Vec<PendingNotification>,
    pending: Vec<PendingNotification>,
) -> Vec<PendingNotification> {
    let key = |event: &PendingNotification| match event {
        PendingNotification::Ban(ban) => (ban.address, ban.at.secs, true),
        PendingNotification::Unban(unban) => (unban.address, unban.at, false),
    };
    let waiting: HashSet<_> = pending.iter().map(key).collect();
    let told = early.into_iter();
    let told = told.filter(|event| !waiting.contains(&key(event)));
    told.chain(pending).collect()
}

/// Shows what the same run would do, and changes nothing.
pub(super) fn dry_run(mut context: Context, job: &Job, console: Console) -> Result<Done, RunError> {
    let mut changes = Changes::default();
    let mut store = match job {
        Job::Files(..) => None,
        _ => look(&mut context),
    };
    if let Some(store) = &store {
        conf_d::hold(&mut context, store)?;
        Snapshots::read(&mut context, store, &mut changes)?.complain(&mut context);
        lift_ended(&context, store, &mut changes)?;
    }
    let sources = work(&mut context, store.as_mut(), job, &mut changes, console)?;
    locate(&mut context, changes.bans_mut());
    context.warnings.extend(changes.forgotten());
    let bans: Vec<Ban> = changes.bans.into_iter().map(|(ban, _)| ban).collect();
    let unbans = [changes.unbans, changes.ended].concat();
    let events = unbans.iter().cloned().map(PendingNotification::Unban);
    let events: Vec<PendingNotification> =
        (events.chain(bans.iter().cloned().map(PendingNotification::Ban))).collect();
    let sessions = sessions_of(&events);
    if let Err(error) = console.show(events, &sessions)
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        context.problems.push(Problem::new(format!(
            "standard output can not be written: {error}"
        )));
    }
    context.warnings.iter().for_each(Console::warn);
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
    console.nobody(&summary, matches!(job, Job::Files(..)));
    Ok(Done {
        summary,
        pending: None,
    })
}

fn make_state_dir(context: &Context) -> Result<(), RunError> {
    let dir = &context.state_dir;
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(dir).map_err(|error| {
        let dir = Escaped::path(dir);
        RunError::StateDir(format!("{dir}: the state directory can not be made: {error}; run with sudo, or choose another --state-dir"))
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
        Console::warn(&format_args!(
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
            Console::warn("bans in force and cursors unknown: run with sudo");
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
    if store.checked_allow_list()? == Some(fingerprint) {
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
