//! Repairs what a run with a wrong clock has left, so that it does no lasting harm.
//!
//! A clock that shows less than [`EARLIEST_NOW`] is not set yet: the run takes the
//! time of the last run. Any other clock counts for what can be undone. To forget
//! rows by age can not be undone: that waits until the clock has shown the time
//! for a day.

use rusqlite::params;

use crate::model::{EARLIEST_NOW, MOST_SKEW, Stamp, Subject};

use super::error::StoreError;
use super::opened::Mended;
use super::query::{Commit, Store, columns, first};
use super::times::{RunClock, RunTimes};

const DAY: i64 = 86_400;

/// The keys in `meta` of the times of un-bans that are set aside begin with this;
/// the address follows.
const AHEAD: &str = "un-ban ahead of ";

impl Store {
    /// The time of this run, in Unix seconds: that of the last run where the
    /// clock is not set.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.times.now
    }

    /// The time by which rows are old enough to be forgotten: not later than now,
    /// and not far from the times of earlier runs, since the clock may be wrong.
    #[must_use]
    pub fn age(&self) -> i64 {
        self.times.age
    }

    /// The time of the last run before this one that changed something.
    pub fn last_run(&self) -> Result<Option<i64>, StoreError> {
        let is_looked_at = self.times.now == 0;
        let earlier = if is_looked_at {
            self.run_times()?
        } else {
            self.times.earlier
        };
        Ok(earlier.map(|earlier| earlier.last))
    }

    fn run_times(&self) -> Result<Option<RunTimes>, StoreError> {
        let times: Option<String> = self.meta("clock")?;
        Ok(times.as_deref().and_then(RunTimes::parse))
    }

    /// Finds the time of this run, whose clock shows `clock`, and repairs what a
    /// run with a wrong clock has left.
    pub(super) fn begin_times(&mut self, clock: i64) -> Result<(), StoreError> {
        let earlier = self.run_times()?;
        if clock < EARLIEST_NOW {
            let now = earlier.map_or(clock, |earlier| earlier.last);
            self.times = RunClock::new(now, earlier);
            return Ok(());
        }
        let is_first = earlier.is_none();
        let earlier = match earlier {
            Some(earlier) => Some(earlier),
            None => self.newest_day()?.map(RunTimes::new),
        };
        self.times = RunClock::new(clock, earlier);
        let ahead = earlier.map_or(0, |earlier| earlier.last - clock);
        let is_unknown = is_first && earlier.is_some();
        let has_come = earlier.is_some_and(|earlier| earlier.set_aside) && self.has_come(clock)?;
        if ahead <= 0 && !is_unknown && !has_come {
            return Ok(());
        }
        let mut commit = self.begin()?;
        let bans = commit.mend(clock)?;
        let times = commit.times;
        commit.commit()?;
        self.times = times;
        let is_told = ahead > MOST_SKEW || bans > 0;
        self.opened.mended = is_told.then_some(Mended { ahead, bans });
        Ok(())
    }

    /// Whether the time of an un-ban that was set aside has come.
    fn has_come(&self, now: i64) -> Result<bool, StoreError> {
        let any = "SELECT 1 FROM meta WHERE key >= ?1 AND key < ?1 || 'z' AND value <= ?2";
        self.exists(any, params![AHEAD, now + MOST_SKEW])
    }

    /// The newest day on which a run has met a log: a store of the first version
    /// knows no other time of its runs.
    fn newest_day(&self) -> Result<Option<i64>, StoreError> {
        self.row("SELECT max(seen) FROM generation", [], first)
    }

    /// Whether the other servers have a ban of this address.
    fn is_in_redis(&self, ip: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM stood WHERE ip = ?", [ip])
    }
}

impl Commit<'_> {
    /// Notes the time of this run.
    pub(super) fn set_times(&self) -> Result<(), StoreError> {
        let RunClock { now, earlier, .. } = self.times;
        if now < EARLIEST_NOW {
            return Ok(());
        }
        let times = earlier.map_or(RunTimes::new(now), |earlier| earlier.after(now));
        self.set_meta("clock", times.to_text())
    }

    /// Repairs what a run has left whose clock was ahead: its times that are later
    /// than now become now, and the bans that it ended too early go on. Returns the
    /// number of these bans.
    fn mend(&mut self, now: i64) -> Result<usize, StoreError> {
        let mut earlier = self.times.earlier.unwrap_or(RunTimes::new(now));
        earlier.set_aside = self.mend_unbans(now)?;
        self.times.earlier = Some(earlier);
        self.mend_bans(now)?;
        for table in ["generation", "journal"] {
            let seen = format!("UPDATE {table} SET seen = ?1 WHERE seen > ?2");
            self.execute(&seen, [now - now.rem_euclid(DAY), now + DAY])?;
        }
        let newest = "UPDATE rule SET newest = min(newest, ?1), swept = min(swept, ?1) WHERE max(newest, swept) > ?1";
        self.execute(newest, [now + DAY])?;
        let bans = self.resume_bans(now)?;
        self.bump_number(now)?;
        Ok(bans)
    }

    /// An un-ban that is dated later than now counts as of now. The clock of this
    /// run may be the wrong one, so the time that it had is set aside, and counts
    /// again when it has come. Returns whether any time is set aside.
    fn mend_unbans(&self, now: i64) -> Result<bool, StoreError> {
        let latest = now + MOST_SKEW;
        let range = "key >= ?1 AND key < ?1 || 'z'";
        let back = format!(
            "UPDATE cleared SET at = max(at, (SELECT value FROM meta WHERE key = ?1 || cleared.ip)) \
             WHERE ip IN (SELECT substr(key, length(?1) + 1) FROM meta WHERE {range} AND value <= ?2)"
        );
        self.execute(&back, params![AHEAD, latest])?;
        let forget = format!("DELETE FROM meta WHERE {range} AND value <= ?2");
        self.execute(&forget, params![AHEAD, latest])?;
        let keep = "INSERT OR REPLACE INTO meta SELECT ?1 || ip, at FROM cleared WHERE at > ?2";
        self.execute(keep, params![AHEAD, latest])?;
        self.execute("UPDATE cleared SET at = ?1 WHERE at > ?2", [now, latest])?;
        let lifted = "UPDATE ban SET lifted = ?1 WHERE lifted > ?2 AND cause <> 'expired'";
        self.execute(lifted, [now, latest])?;
        self.execute("UPDATE lifted SET at = ?1 WHERE at > ?2", [now, latest])?;
        self.exists(&format!("SELECT 1 FROM meta WHERE {range}"), [AHEAD])
    }

    /// Bans by hand and of other servers that are dated later than now begin now,
    /// and last as long as they were to last; so do those that wait to be sent.
    fn mend_bans(&self, now: i64) -> Result<(), StoreError> {
        let values = [now, now + MOST_SKEW];
        let bans = "UPDATE ban SET ends = ends - (at - ?1), at = ?1, nanos = 0, digits = 0 \
                    WHERE lifted IS NULL AND rule IS NULL AND at > ?2 RETURNING ip";
        let bans: Vec<String> = self.rows(bans, values, first)?;
        for ip in bans {
            let subject = Subject::parse(&ip).ok_or_else(|| self.damaged("a ban is of nobody"))?;
            self.show(subject)?;
        }
        let waits =
            "UPDATE outbox SET ends = ends - (at - ?1), at = ?1 WHERE at > ?2 RETURNING ip, server";
        let waits: Vec<(String, Option<String>)> = self.rows(waits, values, columns)?;
        let text = Stamp::from_secs(now).to_local();
        for (ip, server) in waits {
            if let Some(server) = server {
                self.insert_redis_entry(&ip, &ip, &server, &text)?;
            }
        }
        Ok(())
    }

    /// Bans that ended later than now have not ended, unless their address was
    /// un-banned since.
    fn resume_bans(&self, now: i64) -> Result<usize, StoreError> {
        let back = "UPDATE ban SET lifted = NULL, cause = NULL WHERE lifted > ?1 AND cause = 'expired' \
                    AND NOT EXISTS (SELECT 1 FROM cleared WHERE cleared.ip = ban.ip AND cleared.at >= ban.at) \
                    RETURNING id, ip";
        let mut back: Vec<(i64, String)> = self.rows(back, [now], columns)?;
        back.sort_unstable();
        let shares = self.is_sharing()?;
        for (id, ip) in &back {
            // Their entries in Redis, which were remembered for a while only.
            let entries = "INSERT OR IGNORE INTO stood(ip, server, text, key) \
                           SELECT ip, server, text, key FROM lifted WHERE ip = ? AND until IS NOT NULL";
            self.execute(entries, [ip])?;
            self.execute(
                "DELETE FROM lifted WHERE ip = ? AND until IS NOT NULL",
                [ip],
            )?;
            let subject = Subject::parse(ip).ok_or_else(|| self.damaged("a ban is of nobody"))?;
            self.show(subject)?;
            self.queue_ban_notification(*id)?;
            if shares && !self.is_in_redis(ip)? {
                self.send_held(subject, None)?;
            }
        }
        if !back.is_empty() {
            // The allow list was compared with the bans in force without them.
            self.forget_meta("never_banned")?;
        }
        Ok(back.len())
    }
}
