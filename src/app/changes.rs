//! What a run is about to change. Gathered first, committed at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::judge::Window;
use crate::model::{Address, Ban, Cause, Generation, Origin, Rule, Thresholds, Unban, Witnesses};
use crate::store::{Commit, Store, StoreError};

use super::shared::Shared;

/// What a run is about to change.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Bans with the failures that filled their windows.
    pub(super) bans: Vec<(Ban, Witnesses)>,
    /// Bans that are lifted.
    pub(super) unbans: Vec<Unban>,
    /// Un-bans of those whose time is up, to be shown.
    pub(super) ended: Vec<Unban>,
    /// Who is never banned, where that is not what it was.
    pub(super) never_banned: Option<i64>,
    /// Whether bans have come to their end.
    pub(super) expired: bool,
    /// What was read for each rule.
    pub(super) read: Vec<Read>,
    /// What is to be noted of the other servers.
    pub(super) shared: Shared,
}

/// An un-ban, as it bears on what is read in the same run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleared {
    /// Failures stamped up to here do not count.
    pub(super) until: i64,
    /// Whether later bans and failures stand all the same: another server's
    /// un-ban may come late.
    pub(super) late: bool,
}

/// What was read for a rule.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rule: Arc<str>,
    pub(super) thresholds: Thresholds,
    /// The logs of which something has changed, with their generations.
    pub(super) logs: Vec<(PathBuf, Vec<Generation>)>,
    /// The journals of which something was read, with their new cursors.
    pub(super) journals: Vec<(String, String)>,
    /// The windows that are other than the stored ones.
    pub(super) windows: Vec<(Address, Window)>,
    pub(super) newest: Option<i64>,
    /// How many failures were in there.
    pub(super) failures: u64,
}

impl Read {
    /// Nothing yet.
    pub(super) fn new(rule: &Rule) -> Self {
        Read {
            rule: rule.name.clone(),
            thresholds: rule.thresholds,
            logs: Vec::new(),
            journals: Vec::new(),
            windows: Vec::new(),
            newest: None,
            failures: 0,
        }
    }
}

impl Changes {
    /// Who is being un-banned by somebody, and when.
    pub(super) fn cleared(&self) -> HashMap<Address, Cleared> {
        let by_somebody = self
            .unbans
            .iter()
            .filter(|unban| !matches!(unban.cause, Cause::Ignored | Cause::Expired));
        let mut cleared: HashMap<Address, Cleared> = HashMap::new();
        for unban in by_somebody {
            let late = unban.cause == Cause::Redis;
            let entry = cleared.entry(unban.address);
            let entry = entry.or_insert(Cleared {
                until: unban.at,
                late,
            });
            entry.until = entry.until.max(unban.at);
            entry.late &= late;
        }
        cleared
    }

    /// The bans that are to be recorded.
    pub(super) fn bans_mut(&mut self) -> impl Iterator<Item = &mut Ban> {
        self.bans.iter_mut().map(|(ban, _)| ban)
    }

    /// Whether there is anything to commit.
    pub(super) fn is_empty(&self) -> bool {
        let idle = |read: &Read| {
            read.logs.is_empty() && read.journals.is_empty() && read.windows.is_empty()
        };
        self.bans.is_empty()
            && self.unbans.is_empty()
            && !self.expired
            && self.never_banned.is_none()
            && self.shared.is_empty()
            && self.read.iter().all(idle)
    }

    /// Writes all of it in one transaction. Un-bans come first: a ban that is
    /// decided in the same run is of failures after them.
    pub(super) fn commit(&self, store: &mut Store, now: i64) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let commit = store.begin()?;
        // The other servers first: what a person says here is the last word.
        let (foreign, own): (Vec<&Unban>, Vec<&Unban>) = self
            .unbans
            .iter()
            .partition(|unban| unban.cause == Cause::Redis);
        self.shared.lift(&commit)?;
        for unban in foreign {
            commit.lift(unban)?;
            commit.send_again(unban.address)?;
        }
        self.shared.stand(&commit)?;
        for unban in own {
            let unban = match unban.cause {
                Cause::Manual | Cause::Snapshot => commit.after_bans(unban)?,
                _ => unban.clone(),
            };
            self.shared.before_unban(&unban, &commit)?;
            commit.lift(&unban)?;
        }
        if let Some(fingerprint) = self.never_banned {
            commit.set_never_banned(fingerprint)?;
        }
        if self.expired {
            commit.expire(now)?;
        }
        self.add_bans(&commit, now)?;
        for read in &self.read {
            let windows = read.windows.iter();
            let windows = windows.map(|(address, window)| (*address, window.kept()));
            commit.set_windows(&read.rule, windows)?;
            for (log, generations) in &read.logs {
                commit.set_generations(&read.rule, log, generations)?;
            }
            for (journal, cursor) in &read.journals {
                commit.set_journal_cursor(&read.rule, journal, cursor, now)?;
            }
            if read.failures > 0 {
                commit.count_failures(&read.rule, read.failures)?;
            }
            if let Some(newest) = read.newest {
                commit.set_newest(&read.rule, newest, read.thresholds.request_time)?;
            }
        }
        commit.forget_unseen(now)?;
        self.shared.note(&commit, now)?;
        commit.seal(now)?;
        commit.commit()
    }

    fn add_bans(&self, commit: &Commit<'_>, now: i64) -> Result<(), StoreError> {
        let mut added: Vec<(Cow<'_, Ban>, &Witnesses)> = Vec::with_capacity(self.bans.len());
        for (ban, witnesses) in &self.bans {
            let ban = match ban.origin {
                Origin::Manual | Origin::Snapshot => commit.after_unban(ban)?,
                Origin::Log | Origin::Redis => Cow::Borrowed(ban),
            };
            added.push((ban, witnesses));
        }
        // What the other servers are told of a ban depends on those before it.
        let at_once = if self.shared.tells {
            1
        } else {
            added.len().max(1)
        };
        for bans in added.chunks(at_once) {
            for (ban, _) in bans {
                self.shared.before_ban(ban, commit, now)?;
            }
            commit.add(bans, now)?;
        }
        Ok(())
    }
}
