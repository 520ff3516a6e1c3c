//! Bans that end: lifted by somebody, or because their time is up.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::model::{Cause, MOST_SKEW, Subject, Unban};

use super::error::StoreError;
use super::query::{Commit, first, subject};
use super::read_back::Seconds;

impl Commit<'_> {
    /// Ends all bans of a subject, and none of what it holds; an un-ban by another server
    /// ends those that are not later than it. After an un-ban by a person or another
    /// server, failures of its addresses up to then never count again. Returns whether the
    /// subject was banned and is free now.
    pub fn lift(&self, unban: &Unban) -> Result<bool, StoreError> {
        let Unban { subject, cause, at } = *unban;
        let ip = subject.to_string();
        // An un-ban by another server may arrive late: later bans stay.
        let until = if cause == Cause::Redis { at } else { i64::MAX };
        // A ban of a log that is ahead of the clock was sent as of the time of its run.
        let ahead = self.times.now + MOST_SKEW;
        let update = "UPDATE ban SET lifted = ?, cause = ? WHERE ip = ? AND lifted IS NULL AND (at <= ? OR at > ?)";
        let values = params![at, cause.as_str(), ip, until, ahead];
        let lifted = self.affected(update, values)? > 0;
        if cause != Cause::Ignored {
            self.clear(&ip, at)?;
        }
        self.drop_windows(subject, until)?;
        self.clear_candidates(subject, until)?;
        if self.has_ban(&ip)? {
            if lifted {
                self.show(subject)?;
            }
            return Ok(false);
        }
        self.remember_all_lifted(&ip, at, false)?;
        if lifted {
            self.queue_unban_notification(&ip, cause, at)?;
            self.hide(subject)?;
            self.uncover(&[subject])?;
        }
        Ok(lifted)
    }

    /// Ends the bans whose time is up.
    pub fn expire(&self, now: i64) -> Result<(), StoreError> {
        let update = "UPDATE ban SET lifted = ends, cause = 'expired' WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ? RETURNING ip";
        let ended: BTreeSet<Option<Subject>> = self.rows(update, [now], subject)?;
        let mut gone = Vec::new();
        for subject in ended.into_iter().flatten() {
            let ip = subject.to_string();
            if self.has_ban(&ip)? {
                self.show(subject)?;
                continue;
            }
            let last = "SELECT max(ends) FROM ban WHERE ip = ? AND cause = 'expired'";
            let Seconds(at) = self.row(last, [&ip], first)?;
            self.remember_all_lifted(&ip, at.max(now), true)?;
            // The end of a ban that a wider one covers changes nothing that was told.
            if self.hide(subject)? {
                self.queue_unban_notification(&ip, Cause::Expired, at)?;
                gone.push(subject);
            }
        }
        self.uncover(&gone)
    }
}
