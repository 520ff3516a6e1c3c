//! ONE run, readable as a list of steps: finish what the last one left, look
//! at what people and time did, do the job, commit, apply, tell.
//!
//! | file | does |
//! |---|---|
//! | `job` | what the run is for, and why a run could not be |
//! | `course` | a run between its beginning and its commit, and its locks |
//! | `work` | the job: read, ban, un-ban |

mod course;
mod job;
mod work;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::config::Config;
use crate::firewall::RulesetText;
use crate::judge::AllowList;
use crate::model::{Ban, Cause, Escaped, Problem, SubjectSet, Unban, plural};
use crate::report::Summary;
use crate::store::{PendingNotification, Store, StoreError, Unfinished};
use crate::system;

use course::{Course, Locks};
use work::work;

pub(super) use job::{Job, RunError};

use super::changes::Changes;
use super::clock;
use super::conf_d;
use super::console::{Console, Sessions};
use super::context::Context;
use super::firewall_step::{self, FirewallStep};
use super::locate::locate;
use super::metrics;
use super::networks;
use super::notices::Notices;
use super::sharing::Sharing;
use super::snapshots::{self, Snapshots};

/// A run of which the last step is left: after the summary was printed, call `settle`.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) summary: Summary,
    /// Other people's rules in the firewall, where they were listed on the way.
    pub(super) others: Option<RulesetText>,
    pending: Option<PendingNotifications>,
}

/// Bans and un-bans that are committed and not printed yet. If the run ends first, the
/// next one prints them.
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
    let (mut locks, mut store) = begin(&mut context, job)?;
    let mut firewall_step = FirewallStep::default();
    context.config.firewall = firewall_step::chosen(&context.config.firewall, Some(&store))?;
    firewall_step.finish(&context.config.firewall, &mut store)?;

    let mut changes = Changes::default();
    let snapshots = Snapshots::read(&mut context, &store, &mut changes)?;
    lift_ended(&context.allow_list, context.now, &store, &mut changes)?;
    let sharing = match job {
        Job::Restore => Sharing::none(context.config.database, &mut changes),
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
    let sessions = ask_for_sessions(&changes);
    context.notices.warnings.extend(changes.forgotten());
    // What comes next needs the room of a million bans. The windows it does not need: the process
    // ends soon, and to free a million of them takes a tenth of such a run.
    changes.bans = Vec::new();
    std::mem::forget(changes);

    let (config, notices) = (&context.config, &mut context.notices);
    firewall_step.apply(&config.firewall, notices, &mut store)?;
    let written = snapshots.write(&config.firewall, notices, &store)?;
    let told = tell(config, notices, &store, console, sessions)?;
    firewall_step.close(&mut store, &written)?;
    sharing.send(&config.redis, context.now, notices, &mut store)?;
    let others = firewall_step.others.take();
    let firewall = firewall_step.into_row(config.firewall.backend, &store)?;
    notices.once_each();
    metrics::leave(config, notices, &store, &sources, begun)?;
    let pending = (told.is_complete && !told.events.is_empty()).then_some(PendingNotifications {
        store,
        _locks: locks,
    });
    let summary = Summary {
        sources,
        sessions: told.sessions,
        firewall,
        ..with_events(summary_of(context), with_early(early, told.events))
    };
    Ok(Done {
        summary,
        others,
        pending,
    })
}

/// Takes the locks and opens the store.
fn begin(context: &mut Context, job: &Job) -> Result<(Locks, Store), RunError> {
    make_state_dir(&context.state_dir)?;
    let locks = Locks::take(&context.state_dir, context.now, job)?;
    let mut store = open(context)?;
    let kept_here = context.config.rules.iter().filter(|rule| !rule.is_shared());
    let kept_here: Vec<&str> = kept_here.map(|rule| &*rule.name).collect();
    store.keep_here(&kept_here)?;
    let conf_d = &context.config.conf_d;
    conf_d::remember(conf_d, &mut context.allow_list, &mut store)?;
    Ok((locks, store))
}

/// What was told of a run.
struct Told {
    events: Vec<PendingNotification>,
    sessions: Sessions,
    /// Whether all of it was told, on the screen and in the event log.
    is_complete: bool,
}

/// Tells what was committed.
fn tell(
    config: &Config,
    notices: &mut Notices,
    store: &Store,
    console: Console,
    asked: Option<AskedSessions>,
) -> Result<Told, StoreError> {
    let events = store.pending_notifications()?;
    let sessions = sessions_of(&events, asked);
    let log = config.event_log.as_deref();
    let is_complete = console.tell(&events, &sessions, log, &mut notices.problems);
    Ok(Told {
        events,
        sessions,
        is_complete,
    })
}

/// A summary with what the context holds at the end, of which the warnings are said.
fn summary_of(context: Context) -> Summary {
    context.notices.warnings.iter().for_each(Console::warn);
    Summary {
        server: context.server.to_string(),
        problems: context.notices.problems,
        ..Summary::default()
    }
}

/// The sessions of the host, which are being asked for.
type AskedSessions = JoinHandle<Sessions>;

/// Asks for them while the firewall is written: that takes logind some 20 ms. The host is
/// not asked if no address is banned.
fn ask_for_sessions(changes: &Changes) -> Option<AskedSessions> {
    (!changes.bans.is_empty()).then(|| thread::spawn(system::sessions))
}

/// The accounts that are logged in from the addresses that are banned, of those that were
/// `asked` for, if they were.
fn sessions_of(events: &[PendingNotification], asked: Option<AskedSessions>) -> Sessions {
    let banned = events.iter().filter_map(|event| match event {
        PendingNotification::Ban(ban) | PendingNotification::Return(ban) => Some(ban.subject),
        PendingNotification::Unban(_) => None,
    });
    let banned: SubjectSet = banned.collect();
    if banned.is_empty() {
        return Sessions::new();
    }
    let sessions = asked.and_then(|asked| asked.join().ok());
    let mut sessions = sessions.unwrap_or_else(system::sessions);
    sessions.retain(|address, _| banned.holder(*address).is_some());
    sessions
}

/// A summary with the bans and un-bans of these events.
fn with_events(mut summary: Summary, events: Vec<PendingNotification>) -> Summary {
    for event in events {
        match event {
            PendingNotification::Ban(ban) => summary.bans.push(ban),
            PendingNotification::Unban(unban) => summary.unbans.push(unban),
            PendingNotification::Return(ban) => summary.returns.push(ban),
        }
    }
    summary
}

/// All events of a run: those that it committed before the reading were told by
/// another run meanwhile, unless they still wait.
fn with_early(
    early: Vec<PendingNotification>,
    pending: Vec<PendingNotification>,
) -> Vec<PendingNotification> {
    let key = |event: &PendingNotification| match event {
        PendingNotification::Ban(ban) | PendingNotification::Return(ban) => {
            (ban.subject, ban.at.secs, true)
        }
        PendingNotification::Unban(unban) => (unban.subject, unban.at, false),
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
        _ => look(&context.config.store, &mut context.notices.problems),
    };
    if let Some(store) = &store {
        conf_d::hold(&context.config.conf_d, &mut context.allow_list, store)?;
        Snapshots::read(&mut context, store, &mut changes)?.complain(&mut context.notices.problems);
        lift_ended(&context.allow_list, context.now, store, &mut changes)?;
    }
    let sources = work(&mut context, store.as_mut(), job, &mut changes, console)?;
    let (config, allow_list) = (&context.config, &context.allow_list);
    networks::aggregate(config, allow_list, store.as_ref(), &mut changes.bans)?;
    locate(
        context.config.geoip.as_deref(),
        changes.bans_mut(),
        &mut context.notices.problems,
    );
    context.notices.warnings.extend(changes.forgotten());
    if let Job::Files(rule, _) = job
        && rule.thresholds.ban_times.all().len() > 1
    {
        let rule = Escaped::text(&rule.name);
        context.notices.warnings.push(format!(
            "rule {rule}: which ban of its subject a ban is was counted from these files alone, and so its end"
        ));
    }
    let bans: Vec<Ban> = changes.bans.into_iter().map(|(ban, _)| ban).collect();
    let unbans = [changes.unbans, changes.ended].concat();
    let events = unbans.iter().cloned().map(PendingNotification::Unban);
    let events: Vec<PendingNotification> =
        (events.chain(bans.iter().cloned().map(PendingNotification::Ban))).collect();
    let sessions = sessions_of(&events, None);
    if let Err(error) = console.show(events, &sessions)
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        context.notices.problems.push(Problem::new(format!(
            "standard output can not be written: {error}"
        )));
    }
    let summary = Summary {
        dry_run: true,
        sources,
        bans,
        sessions,
        unbans,
        ..summary_of(context)
    };
    console.nobody(&summary, matches!(job, Job::Files(..)));
    Ok(Done {
        summary,
        others: None,
        pending: None,
    })
}

fn make_state_dir(dir: &Path) -> Result<(), RunError> {
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
    match store.opened().unfinished {
        None => {}
        Some(Unfinished::NoRoom) => context.notices.warnings.push(format!(
            "{shown}: the store is not wholly brought to this version's form, since the disk is full; it is used as it is, and the next run with room goes on"
        )),
        Some(Unfinished::NoTime) => context.notices.warnings.push(format!(
            "{shown}: the store is large, and not wholly brought to this version's form yet; it is used as it is, and the next run goes on"
        )),
    }
    clock::set(context, &store);
    if let Some(taken) = &store.opened().takeover {
        let copy = Escaped::path(&taken.copy);
        let (bans, history) = (plural(taken.bans, "ban", "bans"), taken.history);
        Console::warn(&format_args!(
            "took over PyFilter's database: {bans}, {history} more in the history; the old file is kept as {copy}"
        ));
        for text in &taken.refused {
            let text = Escaped::text(text);
            context.notices.problems.push(Problem::at(
                &path,
                format!("`{text}` in PyFilter's database is no address and was left out"),
            ));
        }
    }
    Ok(store)
}

/// Opens the store to look at, if there is one and we may.
fn look(path: &Path, problems: &mut Vec<Problem>) -> Option<Store> {
    match Store::look(path) {
        Ok(store) => store,
        Err(error) if error.is_denied() => {
            Console::warn("bans in force and cursors unknown: run with sudo");
            None
        }
        Err(error) => {
            problems.push(Problem::at(path, error.to_string()));
            None
        }
    }
}

/// Un-bans addresses whose ban has ended, and addresses that are on the allow list by now.
fn lift_ended(
    allow_list: &AllowList,
    now: i64,
    store: &Store,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    changes.ended = store.ended(now)?;
    changes.expired = store.has_ended(now)?;
    // Each address was compared with the allow list when it was banned: again only if the list
    // has changed.
    let fingerprint = allow_list.fingerprint();
    if store.checked_allow_list()? == Some(fingerprint) {
        return Ok(());
    }
    changes.never_banned = Some(fingerprint);
    let ignored = store.banned_subjects()?.into_iter();
    let ignored = ignored.filter(|subject| allow_list.covers(*subject));
    changes.unbans.extend(ignored.map(|subject| Unban {
        subject,
        cause: Cause::Ignored,
        at: now,
    }));
    Ok(())
}
