//! What other servers told: how far was read, and what an un-ban remembers.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, params};

use crate::model::Address;

use super::read_back::Seconds;
use super::{Commit, Store, StoreError};

/// How long a ban that ended by itself is remembered as it stood: clocks differ.
const REMEMBERED: i64 = 2 * 86_400;

/// How long it is remembered whom was heard and what was reported: as the history.
const KEPT: i64 = 366 * 86_400;

/// How many other stores are remembered; more are no servers.
const STORES_KEPT: i64 = 10_000;

/// How many reported entries are remembered.
const ENTRIES_KEPT: i64 = 1 << 20;

/// What decides whether a ban of another server is taken over: when its
/// address was un-banned, its bans in force, and the bans that were lifted and
/// that are in force as they stand in Redis.
pub type Before = (
    Option<i64>,
    Vec<(i64, Option<i64>)>,
    Vec<(String, String)>,
    Vec<(String, String)>,
);

impl Store {
    /// What is known of `address` before another server's ban of it.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn before(&self, address: Address) -> Result<Before, StoreError> {
        let ip = address.to_string();
        // Most are met for the first time.
        let any = "SELECT EXISTS (SELECT 1 FROM ban WHERE ip = ?1) OR EXISTS (SELECT 1 FROM cleared WHERE ip = ?1) \
                   OR EXISTS (SELECT 1 FROM lifted WHERE ip = ?1)";
        let any = self.connection.prepare_cached(any);
        if !self.wrap(any.and_then(|mut any| any.query_row([&ip], |row| row.get::<_, bool>(0))))? {
            return Ok(Before::default());
        }
        let bans = "SELECT at, ends FROM ban WHERE ip = ? AND lifted IS NULL";
        let bans = self.connection.prepare_cached(bans).and_then(|mut bans| {
            bans.query_map([&ip], |row| {
                let (Seconds(at), ends): (_, Option<Seconds>) = (row.get(0)?, row.get(1)?);
                Ok((at, ends.map(|Seconds(ends)| ends)))
            })?
            .collect()
        });
        let pairs = |select: &str| {
            let rows = self.connection.prepare_cached(select);
            self.wrap(rows.and_then(|mut rows| {
                rows.query_map([&ip], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            }))
        };
        Ok((
            self.cleared(&ip)?,
            self.wrap(bans)?,
            pairs("SELECT server, text FROM lifted WHERE ip = ?")?,
            pairs("SELECT server, text FROM stood WHERE ip = ?")?,
        ))
    }

    /// The event up to which the servers' stream was read.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn stream_position(&self) -> Result<Option<String>, StoreError> {
        self.meta_text("stream")
    }

    /// Where a look through the hashes is to go on.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn scan_position(&self) -> Result<Option<String>, StoreError> {
        self.meta_text("scan")
    }

    /// When the hashes were last looked through, and when this server last
    /// left its name, in Unix seconds.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn looked(&self) -> Result<(Option<i64>, Option<i64>), StoreError> {
        Ok((
            self.meta_seconds("looked")?,
            self.meta_seconds("announced")?,
        ))
    }

    /// How far the numbers of each other store have come.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn last_numbers(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = self
            .connection
            .prepare("SELECT store, number FROM heard")
            .and_then(|mut select| {
                select
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            });
        self.wrap(rows)
    }

    /// Whether an entry was reported before.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_odd(&self, hash: i64) -> Result<bool, StoreError> {
        let select = self
            .connection
            .prepare_cached("SELECT 1 FROM odd WHERE hash = ?");
        self.wrap(select.and_then(|mut select| select.exists([hash])))
    }

    pub(super) fn meta_text(&self, key: &str) -> Result<Option<String>, StoreError> {
        let select = "SELECT value FROM meta WHERE key = ?";
        let value = self
            .connection
            .query_row(select, [key], |row| row.get(0))
            .optional();
        self.wrap(value)
    }
}

impl Commit<'_> {
    /// Notes how a ban in force stands in Redis: at `key`, of `server`, with
    /// `text` as its time.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn stands(&self, ip: &str, key: &str, server: &str, text: &str) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO stood(ip, key, server, text) VALUES (?, ?, ?, ?)";
        self.cached(insert, params![ip, key, server, text])
    }

    /// Remembers a ban as it stood, so that it is never taken over again.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn remember(&self, ip: &str, server: &str, text: &str, at: i64) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO lifted VALUES (?1, ?2, ?3, ?1, ?4, NULL)";
        self.cached(insert, params![ip, server, text, at])
    }

    /// Remembers how the bans of an address stood, since they are lifted;
    /// for a while only if they `ended` by themselves.
    pub(super) fn remember_all(&self, ip: &str, at: i64, ended: bool) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO lifted SELECT ip, server, text, key, ?2, ?3 FROM stood WHERE ip = ?1";
        self.cached(insert, params![ip, at, ended.then_some(at + REMEMBERED)])?;
        self.cached("DELETE FROM stood WHERE ip = ?", [ip])
    }

    /// Notes how far the stream was read, and whom.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_last_numbers(
        &self,
        last: &str,
        last_numbers: &BTreeMap<String, i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        self.set_meta_text("stream", Some(last))?;
        if last_numbers.is_empty() {
            return Ok(());
        }
        let upsert = "INSERT INTO heard VALUES (?1, ?2, ?3) ON CONFLICT(store) DO UPDATE SET number = ?2, at = ?3";
        for (store, number) in last_numbers {
            self.cached(upsert, params![store, number, now])?;
        }
        let age = now.min(self.times.age);
        self.cached("DELETE FROM heard WHERE at < ?", [age - KEPT])?;
        let newest = "DELETE FROM heard WHERE store NOT IN (SELECT store FROM heard ORDER BY at DESC, store LIMIT ?)";
        self.cached(newest, [STORES_KEPT])
    }

    /// Notes that the hashes were looked through, up to `scan` if not to their
    /// end.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_looked(&self, scan: Option<&str>, now: i64) -> Result<(), StoreError> {
        self.set_meta("looked", now)?;
        let age = now.min(self.times.age);
        self.cached("DELETE FROM lifted WHERE until < ?", [age])?;
        self.set_meta_text("scan", scan)
    }

    /// Notes that this server left its name, and under no other id than its own.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_announced(&self, now: i64) -> Result<(), StoreError> {
        self.set_meta_text("former_stream_id", None)?;
        self.set_meta("announced", now)
    }

    /// Remembers that these entries were reported, for a year.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_odd(&self, hashes: &[i64], now: i64) -> Result<(), StoreError> {
        if hashes.is_empty() {
            return Ok(());
        }
        for hash in hashes {
            self.cached(
                "INSERT OR REPLACE INTO odd VALUES (?, ?)",
                params![hash, now],
            )?;
        }
        let age = now.min(self.times.age);
        self.cached("DELETE FROM odd WHERE at < ?", [age - KEPT])?;
        let newest = "DELETE FROM odd WHERE hash IN (SELECT hash FROM odd ORDER BY at DESC LIMIT -1 OFFSET ?)";
        self.cached(newest, [ENTRIES_KEPT])
    }

    fn set_meta_text(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => self.cached("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value]),
            None => self.cached("DELETE FROM meta WHERE key = ?", [key]),
        }
    }

    pub(super) fn cached(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        let done = self.transaction.prepare_cached(sql);
        self.wrap(done.and_then(|mut done| done.execute(values)))
            .map(drop)
    }
}
