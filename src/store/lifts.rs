//! Bans that end: lifted by somebody, or because their time is up.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::model::{Cause, MOST_SKEW, Unban};

use super::error::StoreError;
use super::query::{Commit, Store, first};
use super::read_back::Seconds;

impl Store {
    fn has_ban(&self, ip: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM ban WHERE ip = ? AND lifted IS NULL", [ip])
    }
}

impl Commit<'_> {
    /// Ends all bans of an address; an un-ban by another server ends those that are
    /// not later than it. After an un-ban by a person or another server, failures
    /// of the address up to then never count again. Returns whether the address was
    /// banned and is free now.
    pub fn lift(&self, unban: &Unban) -> Result<bool, StoreError> {
        let Unban { address, cause, at } = *unban;
        let ip = address.to_string();
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
        self.drop_windows(address, until)?;
        if self.has_ban(&ip)? {
            if lifted {
                self.show(&ip)?;
            }
            return Ok(false);
        }
        self.remember_all_lifted(&ip, at, false)?;
        if lifted {
            self.queue_unban_notification(&ip, cause, at)?;
            self.hide(&ip)?;
        }
        Ok(lifted)
    }

    /// Notes that failures of `ip` stamped up to `at` never count again.
    pub(super) fn clear(&self, ip: &str, at: i64) -> Result<(), StoreError> {
        let clear = "INSERT INTO cleared VALUES (?, ?) ON CONFLICT(ip) DO UPDATE SET at = max(at, excluded.at)";
        self.execute(clear, params![ip, at])
    }

    /// Ends the bans whose time is up.
    pub fn expire(&self, now: i64) -> Result<(), StoreError> {
        let update = "UPDATE ban SET lifted = ends, cause = 'expired' WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ? RETURNING ip";
        let ended: BTreeSet<String> = self.rows(update, [now], first)?;
        for ip in ended {
            if self.has_ban(&ip)? {
                self.show(&ip)?;
                continue;
            }
            let last = "SELECT max(ends) FROM ban WHERE ip = ? AND cause = 'expired'";
            let Seconds(at) = self.row(last, [&ip], first)?;
            self.remember_all_lifted(&ip, at.max(now), true)?;
            self.queue_unban_notification(&ip, Cause::Expired, at)?;
            self.hide(&ip)?;
        }
        Ok(())
    }

    /// Brings an address's one row of PyFilter's table to its first ban in force.
    pub(super) fn show(&self, ip: &str) -> Result<(), StoreError> {
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) \
                      SELECT ip, at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1 \
                      ON CONFLICT(ip) DO NOTHING";
        if self.affected(insert, [ip])? > 0 {
            return self.change(ip, true);
        }
        let update = "UPDATE banned_ip SET (time_banned, server_name, log_msg, country) = \
                      (SELECT at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1) \
                      WHERE ip = ?1 AND EXISTS (SELECT 1 FROM ban WHERE ip = ?1 AND lifted IS NULL)";
        self.execute(update, [ip])
    }

    fn hide(&self, ip: &str) -> Result<(), StoreError> {
        if self.affected("DELETE FROM banned_ip WHERE ip = ?", [ip])? > 0 {
            self.change(ip, false)
        } else {
            Ok(())
        }
    }
}
