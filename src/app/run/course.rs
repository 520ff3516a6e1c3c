//! A run between its beginning and its commit, and the locks that it holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::model::{Escaped, Firewall, Stamp};
use crate::report::SourceRow;
use crate::store::{PendingNotification, Store, StoreError};
use crate::system::{self, Exclusive, Lock, LockError};

use crate::app::changes::Changes;
use crate::app::cleared::ClearedSubjects;
use crate::app::console::Console;
use crate::app::context::Context;
use crate::app::firewall_step::FirewallStep;
use crate::app::locate::locate;
use crate::app::networks;
use crate::app::notices::Notices;
use crate::app::snapshots::Snapshots;

use super::job::{Job, RunError};
use super::work::work;

/// How long a scan waits to commit what it has read.
const AFTER_READING: Duration = Duration::from_secs(60);

/// The locks of a run.
#[derive(Debug)]
pub(super) struct Locks {
    _reading: Option<Lock>,
    store: Option<Lock>,
    dir: PathBuf,
    /// When the run began, local time.
    since: String,
}

impl Locks {
    pub(super) fn take(state_dir: &Path, now: i64, job: &Job) -> Result<Self, LockError> {
        let dir = state_dir.to_owned();
        let since = Stamp::from_secs(now).to_local();
        let take = |what| Lock::take(&dir, what, job.patience(), &since);
        let reading = job.reads().then(|| take(Exclusive::Reading)).transpose()?;
        let store = Some(take(Exclusive::Store)?);
        Ok(Locks {
            _reading: reading,
            store,
            dir,
            since,
        })
    }

    /// Lets other runs have the store.
    pub(super) fn let_go(&mut self) {
        self.store = None;
    }

    pub(super) fn take_again(&mut self) -> Result<(), LockError> {
        let lock = Lock::take(&self.dir, Exclusive::Store, AFTER_READING, &self.since);
        self.store = Some(lock?);
        Ok(())
    }
}

/// What a run has come to.
pub(super) struct Course {
    pub(super) firewall_step: FirewallStep,
    pub(super) snapshots: Snapshots,
    pub(super) changes: Changes,
    pub(super) sources: Vec<SourceRow>,
    /// What it has committed before it began to read.
    pub(super) early: Vec<PendingNotification>,
}

impl Course {
    /// Does the job.
    pub(super) fn work(
        mut self,
        context: &mut Context,
        store: &mut Store,
        locks: &mut Locks,
        job: &Job,
        console: Console,
    ) -> Result<Self, RunError> {
        if job.reads() {
            return self.read(context, store, locks, job, console);
        }
        work(context, Some(store), job, &mut self.changes, console)?;
        self.locate(&context.config, &mut context.notices);
        Ok(self)
    }

    /// Reads the logs, while other runs may have the store.
    pub(super) fn read(
        mut self,
        context: &mut Context,
        store: &mut Store,
        locks: &mut Locks,
        job: &Job,
        console: Console,
    ) -> Result<Self, RunError> {
        let mut is_another = false;
        if !self.changes.is_empty() {
            let number = store.number()?;
            self.locate(&context.config, &mut context.notices);
            self.changes.commit(store, context.now)?;
            self.changes = std::mem::take(&mut self.changes).next();
            // Where the bans are the same nothing is applied: the chain of a state directory
            // that was lost goes on protecting until the logs are read.
            is_another = store.number()? != number;
        }
        if is_another {
            self.apply(&context.config.firewall, &mut context.notices, store)?;
            self.early = store.pending_notifications()?;
            self.snapshots = Snapshots::read(context, store, &mut self.changes)?;
        }
        let state = store.state()?;
        store.end_read()?;
        locks.let_go();
        self.sources = work(context, Some(store), job, &mut self.changes, console)?;
        self.locate(&context.config, &mut context.notices);
        locks.take_again()?;
        context.now = context.now.max(system::now().timestamp());
        if store.state()? == state {
            // Nobody can have told it meanwhile.
            self.early.clear();
        } else {
            is_another = true;
            self.snapshots = Snapshots::read(context, store, &mut self.changes)?;
            let stored = ClearedSubjects::stored(store.cleared()?);
            let again = self.changes.reconcile(stored);
            context
                .notices
                .warnings
                .extend(again.iter().map(|rule| read_again(rule)));
        }
        let (config, allow_list) = (&context.config, &context.allow_list);
        let bans = &mut self.changes.bans;
        self.changes.candidates = networks::aggregate(config, allow_list, Some(store), bans)?;
        let networks = self.changes.bans_mut().filter(|ban| ban.aggregates > 0);
        locate(
            config.geoip.as_deref(),
            networks,
            &mut context.notices.problems,
        );
        if is_another {
            self.firewall_step = FirewallStep::default();
            self.firewall_step.finish(&context.config.firewall, store)?;
        }
        Ok(self)
    }

    fn locate(&mut self, config: &Config, notices: &mut Notices) {
        let (geoip, problems) = (config.geoip.as_deref(), &mut notices.problems);
        locate(geoip, self.changes.bans_mut(), problems);
    }

    /// Applies what people, time and other servers did.
    fn apply(
        &mut self,
        firewall: &Firewall,
        notices: &mut Notices,
        store: &mut Store,
    ) -> Result<(), StoreError> {
        self.firewall_step.apply(firewall, notices, store)?;
        let written = self.snapshots.write(firewall, notices, store)?;
        self.firewall_step.close(store, &written)
    }
}

/// What is said of a rule whose reading is thrown away.
fn read_again(rule: &str) -> String {
    let rule = Escaped::text(rule);
    format!(
        "rule {rule}: an address was un-banned while its logs were read, and failures later than that stand in them: the next run reads them again"
    )
}
