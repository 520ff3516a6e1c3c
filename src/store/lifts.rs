//! Bans that end: lifted by somebody, or because their time is up.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::model::{Cause, MOST_SKEW, Unban};

use super::read_back::Seconds;
use super::{Commit, StoreError};

impl Commit<'_> {
    /// Ends all bans of an address; by another server those that are not
    /// later. By a person or another server, its failures up to then never
    /// count again. Says whether the address is free by that.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn lift(&self, unban: &Unban) -> Result<bool, StoreError> {
        let Unban { address, cause, at } = *unban;
        let ip = address.to_string();
        // Another server's un-ban may come late: what is later than it stays.
        let until = if cause == Cause::Redis { at } else { i64::MAX };
        // One of a log that is ahead of the clock was told the others as of then.
        let ahead = self.times.now + MOST_SKEW;
        let update = "UPDATE ban SET lifted = ?, cause = ? WHERE ip = ? AND lifted IS NULL AND (at <= ? OR at > ?)";
        let lifted = self
            .transaction
            .prepare_cached(update)
            .and_then(|mut update| update.execute(params![at, cause.as_str(), ip, until, ahead]));
        let lifted = self.wrap(lifted)? > 0;
        if cause != Cause::Ignored {
            self.clear(&ip, at)?;
        }
        self.drop_windows(address, until)?;
        let rest = "SELECT 1 FROM ban WHERE ip = ? AND lifted IS NULL";
        let rest = self.transaction.prepare_cached(rest);
        if self.wrap(rest.and_then(|mut rest| rest.exists([&ip])))? {
            if lifted {
                self.show(&ip)?;
            }
            return Ok(false);
        }
        self.remember_all(&ip, at, false)?;
        if lifted {
            self.queue_unban_notification(&ip, cause, at)?;
            self.hide(&ip)?;
        }
        Ok(lifted)
    }

    /// Notes that failures of `ip` stamped up to `at` never count again.
    pub(super) fn clear(&self, ip: &str, at: i64) -> Result<(), StoreError> {
        let clear = "INSERT INTO cleared VALUES (?, ?) ON CONFLICT(ip) DO UPDATE SET at = max(at, excluded.at)";
        self.cached(clear, params![ip, at])
    }

    /// Ends the bans whose time is up.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn expire(&self, now: i64) -> Result<(), StoreError> {
        let update = "UPDATE ban SET lifted = ends, cause = 'expired' WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ? RETURNING ip";
        let ended: rusqlite::Result<BTreeSet<String>> = self
            .transaction
            .prepare(update)
            .and_then(|mut update| update.query_map([now], |row| row.get(0))?.collect());
        for ip in self.wrap(ended)? {
            let rest = "SELECT 1 FROM ban WHERE ip = ? AND lifted IS NULL";
            if self.wrap(
                self.transaction
                    .prepare_cached(rest)
                    .and_then(|mut rest| rest.exists([&ip])),
            )? {
                self.show(&ip)?;
                continue;
            }
            let last = "SELECT max(ends) FROM ban WHERE ip = ? AND cause = 'expired'";
            let at = self.transaction.query_row(last, [&ip], |row| row.get(0));
            let Seconds(at) = self.wrap(at)?;
            self.remember_all(&ip, at.max(now), true)?;
            self.queue_unban_notification(&ip, Cause::Expired, at)?;
            self.hide(&ip)?;
        }
        Ok(())
    }

    /// Brings an address' one row of PyFilter's table to its first ban in force.
    pub(super) fn show(&self, ip: &str) -> Result<(), StoreError> {
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) \
                      SELECT ip, at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1 \
                      ON CONFLICT(ip) DO NOTHING";
        let new = self
            .transaction
            .prepare_cached(insert)
            .and_then(|mut insert| insert.execute([ip]));
        if self.wrap(new)? > 0 {
            return self.change(ip, true);
        }
        let update = "UPDATE banned_ip SET (time_banned, server_name, log_msg, country) = \
                      (SELECT at, server, reason, country FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1) \
                      WHERE ip = ?1 AND EXISTS (SELECT 1 FROM ban WHERE ip = ?1 AND lifted IS NULL)";
        self.cached(update, [ip])
    }

    pub(super) fn hide(&self, ip: &str) -> Result<(), StoreError> {
        let delete = "DELETE FROM banned_ip WHERE ip = ?";
        let gone = self.wrap(
            self.transaction
                .prepare_cached(delete)
                .and_then(|mut delete| delete.execute([ip])),
        )?;
        if gone > 0 {
            self.change(ip, false)
        } else {
            Ok(())
        }
    }
}
