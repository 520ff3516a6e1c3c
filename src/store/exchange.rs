//! What other servers told: how far the streams were read, and the entries of bans
//! in Redis.

use rusqlite::params;

use crate::model::{
    BanPeriod, EventStream, PerStream, RedisBanEntry, StreamPosition, Subject, SubjectRecord,
};

use super::error::StoreError;
use super::query::{Commit, Store, columns};
use super::read_back::{Seconds, optional_seconds};

/// How long the entry of a ban that ended by itself is remembered: clocks differ.
const REMEMBERED: i64 = 2 * 86_400;

/// How long the other stores and the reported entries are remembered: as the history.
const KEPT: i64 = 366 * 86_400;

/// How many other stores are remembered; more are no servers.
const STORES_KEPT: i64 = 10_000;

/// How many reported entries are remembered.
const ENTRIES_KEPT: i64 = 1 << 20;

/// Where it stands how far a stream, and the hash of what is in force beside it, were read.
struct StreamRows {
    /// The key in `meta` of the last event that was read.
    last: &'static str,
    /// The key in `meta` of where a search goes on.
    scan: &'static str,
    /// The table of the numbers of other stores.
    numbers: &'static str,
}

impl StreamRows {
    fn of(stream: EventStream) -> Self {
        match stream {
            EventStream::Addresses => StreamRows {
                last: "stream",
                scan: "scan",
                numbers: "heard",
            },
            EventStream::Networks => StreamRows {
                last: "stream of networks",
                scan: "scan of networks",
                numbers: "heard_networks",
            },
        }
    }
}

impl Store {
    /// What is known of `subject` before another server's ban of it; nothing of the networks
    /// around it.
    pub fn subject_record(&self, subject: Subject) -> Result<SubjectRecord, StoreError> {
        let ip = subject.to_string();
        // Most are met for the first time.
        let any = "SELECT 1 WHERE EXISTS (SELECT 1 FROM ban WHERE ip = ?1) OR EXISTS (SELECT 1 FROM cleared WHERE ip = ?1) \
                   OR EXISTS (SELECT 1 FROM lifted WHERE ip = ?1)";
        if !self.exists(any, [&ip])? {
            return Ok(SubjectRecord::default());
        }
        let bans = "SELECT at, ends FROM ban WHERE ip = ? AND lifted IS NULL";
        let bans = self.rows(bans, [&ip], |row| {
            Ok(BanPeriod {
                at: row.get::<_, Seconds>(0)?.into(),
                ends: optional_seconds(row, 1)?,
            })
        });
        let in_redis = "SELECT key, server, text FROM stood WHERE ip = ?";
        Ok(SubjectRecord {
            cleared: self.own_cleared(&ip)?,
            bans: bans?,
            lifted: self.lifted_entries(subject)?,
            in_redis: self.redis_entries(in_redis, subject)?,
        })
    }

    /// The entries of the bans of a subject that were lifted, the last one first.
    pub(super) fn lifted_entries(
        &self,
        subject: Subject,
    ) -> Result<Vec<RedisBanEntry>, StoreError> {
        let lifted = "SELECT key, server, text FROM lifted WHERE ip = ? ORDER BY at DESC";
        self.redis_entries(lifted, subject)
    }

    fn redis_entries(
        &self,
        select: &str,
        subject: Subject,
    ) -> Result<Vec<RedisBanEntry>, StoreError> {
        self.rows(select, [subject.to_string()], |row| {
            Ok(RedisBanEntry {
                subject,
                key: row.get(0)?,
                server: row.get(1)?,
                text: row.get(2)?,
            })
        })
    }

    /// How far the servers' streams were read.
    pub fn stream_positions(&self) -> Result<PerStream<StreamPosition>, StoreError> {
        let position = |stream| {
            let StreamRows { last, numbers, .. } = StreamRows::of(stream);
            let numbers = format!("SELECT store, number FROM {numbers}");
            Ok(StreamPosition {
                last: self.meta(last)?,
                last_numbers: self.rows(&numbers, [], columns)?,
            })
        };
        Ok(PerStream {
            addresses: position(EventStream::Addresses)?,
            networks: position(EventStream::Networks)?,
        })
    }

    /// Where the searches of the hashes and of the networks in force are to go on.
    pub fn scan_positions(&self) -> Result<PerStream<Option<String>>, StoreError> {
        let scan = |stream| self.meta(StreamRows::of(stream).scan);
        Ok(PerStream {
            addresses: scan(EventStream::Addresses)?,
            networks: scan(EventStream::Networks)?,
        })
    }

    /// When the hashes were last looked through, in Unix seconds.
    pub fn hashes_searched(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.meta("looked")?.map(|Seconds(at)| at))
    }

    /// When this server last left its name, in Unix seconds.
    pub fn announced(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.meta("announced")?.map(|Seconds(at)| at))
    }

    /// Whether the entry with this hash was reported before.
    pub fn is_reported(&self, hash: i64) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM odd WHERE hash = ?", [hash])
    }
}

impl Commit<'_> {
    /// Notes the entry in Redis of a ban in force.
    pub fn set_redis_entry(&self, entry: &RedisBanEntry) -> Result<(), StoreError> {
        let RedisBanEntry {
            subject,
            key,
            server,
            text,
        } = entry;
        self.insert_redis_entry(&subject.to_string(), key, server, text)
    }

    pub(super) fn insert_redis_entry(
        &self,
        ip: &str,
        key: &str,
        server: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO stood(ip, key, server, text) VALUES (?, ?, ?, ?)";
        self.execute(insert, params![ip, key, server, text])
    }

    /// Remembers the entry of a ban that was lifted at `at`, so that it is never
    /// taken over again.
    pub fn remember_lifted(&self, entry: &RedisBanEntry, at: i64) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO lifted VALUES (?1, ?2, ?3, ?1, ?4, NULL)";
        let ip = entry.subject.to_string();
        self.execute(insert, params![ip, entry.server, entry.text, at])
    }

    /// Remembers the entries of the bans of a subject, which are lifted now;
    /// for a while only if they `ended` by themselves.
    pub(super) fn remember_all_lifted(
        &self,
        ip: &str,
        at: i64,
        ended: bool,
    ) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO lifted SELECT ip, server, text, key, ?2, ?3 FROM stood WHERE ip = ?1";
        self.execute(insert, params![ip, at, ended.then_some(at + REMEMBERED)])?;
        self.execute("DELETE FROM stood WHERE ip = ?", [ip])
    }

    /// Notes how far a stream was read, and the numbers that have changed.
    pub fn set_stream_position(
        &self,
        stream: EventStream,
        position: &StreamPosition,
        now: i64,
    ) -> Result<(), StoreError> {
        let StreamRows { last, numbers, .. } = StreamRows::of(stream);
        self.set_meta(last, position.last.as_deref().unwrap_or("0-0"))?;
        if position.last_numbers.is_empty() {
            return Ok(());
        }
        let upsert = format!(
            "INSERT INTO {numbers} VALUES (?1, ?2, ?3) ON CONFLICT(store) DO UPDATE SET number = ?2, at = ?3"
        );
        for (store, number) in &position.last_numbers {
            self.execute(&upsert, params![store, number, now])?;
        }
        let age = now.min(self.times.age);
        let old = format!("DELETE FROM {numbers} WHERE at < ?");
        self.execute(&old, [age - KEPT])?;
        let newest = format!(
            "DELETE FROM {numbers} WHERE store NOT IN (SELECT store FROM {numbers} ORDER BY at DESC, store LIMIT ?)"
        );
        self.execute(&newest, [STORES_KEPT])
    }

    /// Notes that the hashes, or the networks in force, were looked through, up to `scan`
    /// if not to their end.
    pub fn set_hashes_searched(
        &self,
        stream: EventStream,
        scan: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError> {
        if stream == EventStream::Addresses {
            self.set_meta("looked", now)?;
            let age = now.min(self.times.age);
            self.execute("DELETE FROM lifted WHERE until < ?", [age])?;
        }
        let key = StreamRows::of(stream).scan;
        match scan {
            Some(scan) => self.set_meta(key, scan),
            None => self.forget_meta(key),
        }
    }

    /// Notes that this server left its name, and under no other id than its own.
    pub fn set_announced(&self, now: i64) -> Result<(), StoreError> {
        self.forget_meta("former_stream_id")?;
        self.set_meta("announced", now)
    }

    /// Remembers for a year that the entries with these hashes were reported.
    pub fn set_reported(&self, hashes: &[i64], now: i64) -> Result<(), StoreError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let insert = "INSERT OR REPLACE INTO odd VALUES (?, ?)";
        for hash in hashes {
            self.execute(insert, params![hash, now])?;
        }
        let age = now.min(self.times.age);
        self.execute("DELETE FROM odd WHERE at < ?", [age - KEPT])?;
        let newest = "DELETE FROM odd WHERE hash IN (SELECT hash FROM odd ORDER BY at DESC LIMIT -1 OFFSET ?)";
        self.execute(newest, [ENTRIES_KEPT])
    }
}
