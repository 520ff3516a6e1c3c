//! What a run is for, and why it could not be.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Ban, Rule, Subject};
use crate::store::StoreError;
use crate::system::LockError;

/// What a run is for.
#[derive(Debug)]
pub(in crate::app) enum Job {
    /// The timer's: every rule's sources from their cursors.
    Scan(Vec<Rule>),
    /// The same when pyfilter is installed, which is nothing to give up soon.
    FirstScan(Vec<Rule>),
    /// Files from their start under one rule.
    Files(Box<Rule>, Vec<PathBuf>),
    /// Bans by hand.
    Ban(Vec<Ban>),
    /// Un-bans by hand; here only, or on every server.
    Unban(Vec<Subject>, bool),
    /// Un-bans everybody; here only, or on every server.
    UnbanAll(bool),
    /// Nothing but what every run does for the firewall, on a host that may
    /// have no network yet: neither logs nor Redis are asked.
    Restore,
}

impl Job {
    /// Whether it reads logs, which takes long and is done by one run at a time.
    pub(super) fn reads(&self) -> bool {
        match self {
            Job::Scan(_) | Job::FirstScan(_) | Job::Files(..) => true,
            Job::Ban(_) | Job::Unban(..) | Job::UnbanAll(_) | Job::Restore => false,
        }
    }

    /// How long it waits for another run to end.
    pub(super) fn patience(&self) -> Duration {
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
pub(in crate::app) enum RunError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    StateDir(String),
}
