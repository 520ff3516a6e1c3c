//! What earlier runs knew of the time, and what is mended where the clock has
//! gone back: a run whose clock was wrong does no lasting harm.
//!
//! A clock that shows less than [`EARLIEST_NOW`] is not set yet; such a run
//! takes the time of the last one for its own. Any other clock is believed for
//! what is done at once. What can not be undone, forgetting by age, waits until
//! the clock has been there for a day.

use rusqlite::{OptionalExtension as _, params};

use crate::model::{Address, EARLIEST_NOW, MOST_SKEW, Stamp};

use super::{Commit, Store, StoreError};

const DAY: i64 = 86_400;

/// Two runs further apart say nothing of one another: a run with the right clock
/// after a rest, and one with a wrong clock, must not agree.
const APART: i64 = 2 * DAY;

/// What stands before an address in `meta` whose un-ban lay ahead; its value is
/// the time that it had.
const AHEAD: &str = "un-ban ahead of ";

/// The times of earlier runs, by which one is known whose clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunTimes {
    /// When the last run was that changed something.
    last: i64,
    /// The time that counts as reached.
    reached: i64,
    /// When a run first found the clock more than a day from there.
    doubted: Option<i64>,
    /// Whether un-bans lay ahead, of which the times were set aside.
    set_aside: bool,
}

impl RunTimes {
    fn new(now: i64) -> Self {
        RunTimes {
            last: now,
            reached: now,
            doubted: None,
            set_aside: false,
        }
    }

    /// The same after a run at `now`. A time that is far from what was reached
    /// counts when a second run, a day later, finds the clock there, too.
    fn after(self, now: i64) -> Self {
        let RunTimes {
            reached, doubted, ..
        } = self;
        let since = doubted.map(|first| now.saturating_sub(first));
        let (reached, doubted) = if now.abs_diff(reached) <= DAY.unsigned_abs() {
            (reached.max(now), None)
        } else {
            match since {
                Some(DAY..=APART) => (now, None),
                Some(0..DAY) => (reached, doubted),
                _ => (reached, Some(now)),
            }
        };
        RunTimes {
            last: now,
            reached,
            doubted,
            ..self
        }
    }

    /// The time by which things are old at a run at `now`.
    fn age_at(self, now: i64) -> i64 {
        self.after(now).reached.min(now)
    }

    fn to_text(self) -> String {
        let RunTimes {
            last,
            reached,
            doubted,
            set_aside,
        } = self;
        let doubted = doubted.map_or_else(|| "-".to_owned(), |doubted| doubted.to_string());
        format!("{last} {reached} {doubted} {}", u8::from(set_aside))
    }

    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let &[last, reached, doubted, set_aside] = words.as_slice() else {
            return None;
        };
        Some(RunTimes {
            last: last.parse().ok()?,
            reached: reached.parse().ok()?,
            doubted: match doubted {
                "-" => None,
                doubted => Some(doubted.parse().ok()?),
            },
            set_aside: set_aside != "0",
        })
    }
}

/// The times of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunClock {
    /// The time of the run.
    pub(super) now: i64,
    /// By what things are old: never later.
    pub(super) age: i64,
    earlier: Option<RunTimes>,
}

impl RunClock {
    /// Of a store without any run.
    pub(super) fn first(now: i64) -> Self {
        RunClock {
            now,
            age: now,
            earlier: None,
        }
    }
}

/// What was mended because the clock had been ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// By how many seconds, at least.
    pub ahead: i64,
    /// How many bans are in force again.
    pub bans: usize,
}

impl Store {
    /// The time of this run, in Unix seconds: that of the last run where the
    /// clock is not set.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.times.now
    }

    /// By what time things are old enough to be given up: not later than now,
    /// and not far from the runs before, for the clock may be wrong.
    #[must_use]
    pub fn age(&self) -> i64 {
        self.times.age
    }

    /// When the last run before this one was that changed something.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn last_run(&self) -> Result<Option<i64>, StoreError> {
        let is_looked_at = self.times.now == 0;
        let earlier = if is_looked_at {
            self.meta_text("clock")?
                .as_deref()
                .and_then(RunTimes::parse)
        } else {
            self.times.earlier
        };
        Ok(earlier.map(|earlier| earlier.last))
    }

    /// What was mended when the store was opened.
    #[must_use]
    pub fn mended(&self) -> Option<Mended> {
        self.mended
    }

    /// Learns the time of this run, whose clock shows `clock`, and mends what a
    /// run with a wrong clock has left.
    pub(super) fn begin_times(&mut self, clock: i64) -> Result<(), StoreError> {
        let earlier = self
            .meta_text("clock")?
            .as_deref()
            .and_then(RunTimes::parse);
        if clock < EARLIEST_NOW {
            let now = earlier.map_or(clock, |earlier| earlier.last);
            self.times = RunClock {
                now,
                age: earlier.map_or(clock, |earlier| earlier.age_at(now)),
                earlier,
            };
            return Ok(());
        }
        let is_first = earlier.is_none();
        let earlier = match earlier {
            Some(earlier) => Some(earlier),
            None => self.newest_day()?.map(RunTimes::new),
        };
        self.times = RunClock {
            now: clock,
            age: earlier.map_or(clock, |earlier| earlier.age_at(clock)),
            earlier,
        };
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
        self.mended = is_told.then_some(Mended { ahead, bans });
        Ok(())
    }

    /// Whether the time has come of an un-ban that lay ahead.
    fn has_come(&self, now: i64) -> Result<bool, StoreError> {
        let any = "SELECT EXISTS (SELECT 1 FROM meta WHERE key >= ?1 AND key < ?1 || 'z' AND value <= ?2)";
        let values = params![AHEAD, now + MOST_SKEW];
        self.wrap(self.connection.query_row(any, values, |row| row.get(0)))
    }

    /// The newest day on which a run has met a log: a store of the first version
    /// knows no other time of its runs.
    fn newest_day(&self) -> Result<Option<i64>, StoreError> {
        let newest = "SELECT max(seen) FROM generation";
        self.wrap(self.connection.query_row(newest, [], |row| row.get(0)))
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

    /// Mends what a run has left whose clock was ahead: what it dated later than
    /// now counts as now, and what it ended too early goes on. Says how many
    /// bans that are.
    fn mend(&mut self, now: i64) -> Result<usize, StoreError> {
        let earlier = self.times.earlier.unwrap_or(RunTimes::new(now));
        self.times.earlier = Some(RunTimes {
            set_aside: self.mend_unbans(now)?,
            ..earlier
        });
        self.mend_bans(now)?;
        for (table, latest) in [("generation", now + DAY), ("journal", now + DAY)] {
            let seen = format!("UPDATE {table} SET seen = ?1 WHERE seen > ?2");
            self.cached(&seen, [now - now.rem_euclid(DAY), latest])?;
        }
        let newest = "UPDATE rule SET newest = min(newest, ?1), swept = min(swept, ?1) WHERE max(newest, swept) > ?1";
        self.cached(newest, [now + DAY])?;
        let bans = self.take_back(now)?;
        self.seal(now)?;
        Ok(bans)
    }

    /// What was un-banned later than now was un-banned now. The clock of this
    /// run may be the wrong one: where it comes to be so late, it was then.
    /// Says whether the time of any was set aside for that.
    fn mend_unbans(&self, now: i64) -> Result<bool, StoreError> {
        let latest = now + MOST_SKEW;
        let range = "key >= ?1 AND key < ?1 || 'z'";
        let back = format!(
            "UPDATE cleared SET at = max(at, (SELECT value FROM meta WHERE key = ?1 || cleared.ip)) \
             WHERE ip IN (SELECT substr(key, length(?1) + 1) FROM meta WHERE {range} AND value <= ?2)"
        );
        self.cached(&back, params![AHEAD, latest])?;
        let forget = format!("DELETE FROM meta WHERE {range} AND value <= ?2");
        self.cached(&forget, params![AHEAD, latest])?;
        let keep = "INSERT OR REPLACE INTO meta SELECT ?1 || ip, at FROM cleared WHERE at > ?2";
        self.cached(keep, params![AHEAD, latest])?;
        self.cached("UPDATE cleared SET at = ?1 WHERE at > ?2", [now, latest])?;
        let lifted = "UPDATE ban SET lifted = ?1 WHERE lifted > ?2 AND cause <> 'expired'";
        self.cached(lifted, [now, latest])?;
        self.cached("UPDATE lifted SET at = ?1 WHERE at > ?2", [now, latest])?;
        let any = format!("SELECT EXISTS (SELECT 1 FROM meta WHERE {range})");
        self.wrap(self.transaction.query_row(&any, [AHEAD], |row| row.get(0)))
    }

    /// Bans by hand and of other servers that were made later than now were made
    /// now, and last as long as they were to last; so what waits to be sent.
    fn mend_bans(&self, now: i64) -> Result<(), StoreError> {
        let values = [now, now + MOST_SKEW];
        let bans = "UPDATE ban SET ends = ends - (at - ?1), at = ?1, nanos = 0, digits = 0 \
                    WHERE lifted IS NULL AND rule IS NULL AND at > ?2 RETURNING ip";
        let bans: rusqlite::Result<Vec<String>> = self
            .transaction
            .prepare(bans)
            .and_then(|mut bans| bans.query_map(values, |row| row.get(0))?.collect());
        for ip in self.wrap(bans)? {
            self.show(&ip)?;
        }
        let waits =
            "UPDATE outbox SET ends = ends - (at - ?1), at = ?1 WHERE at > ?2 RETURNING ip, server";
        let waits: rusqlite::Result<Vec<(String, Option<String>)>> =
            self.transaction.prepare(waits).and_then(|mut waits| {
                let rows = waits.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)));
                rows?.collect()
            });
        let text = Stamp::from_secs(now).to_local();
        for (ip, server) in self.wrap(waits)? {
            if let Some(server) = server {
                self.stands(&ip, &ip, &server, &text)?;
            }
        }
        Ok(())
    }

    /// Bans that ended later than now have not ended, unless somebody has
    /// un-banned their address since.
    fn take_back(&self, now: i64) -> Result<usize, StoreError> {
        let back = "UPDATE ban SET lifted = NULL, cause = NULL WHERE lifted > ?1 AND cause = 'expired' \
                    AND NOT EXISTS (SELECT 1 FROM cleared WHERE cleared.ip = ban.ip AND cleared.at >= ban.at) \
                    RETURNING id, ip";
        let back: rusqlite::Result<Vec<(i64, String)>> =
            self.transaction.prepare(back).and_then(|mut back| {
                back.query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            });
        let mut back = self.wrap(back)?;
        back.sort_unstable();
        let sharing = "SELECT value FROM meta WHERE key = 'sharing'";
        let sharing = self.transaction.query_row(sharing, [], |row| row.get(0));
        let shares = self
            .wrap(sharing.optional())?
            .is_some_and(|value: i64| value != 0);
        for (id, ip) in &back {
            // As they stand in Redis, which was remembered for a while only.
            let redis_entry = "INSERT OR IGNORE INTO stood(ip, server, text, key) \
                         SELECT ip, server, text, key FROM lifted WHERE ip = ? AND until IS NOT NULL";
            self.cached(redis_entry, [ip])?;
            self.cached(
                "DELETE FROM lifted WHERE ip = ? AND until IS NOT NULL",
                [ip],
            )?;
            self.show(ip)?;
            self.queue_ban_notification(*id)?;
            if let Some(address) = Address::parse(ip.as_bytes()).filter(|_| shares)
                && !self.is_told(ip)?
            {
                self.send_held(address, None)?;
            }
        }
        if !back.is_empty() {
            // Who is never banned by now was looked for among those in force.
            self.cached("DELETE FROM meta WHERE key = 'never_banned'", [])?;
        }
        Ok(back.len())
    }

    /// Whether the other servers have a ban of this address.
    fn is_told(&self, ip: &str) -> Result<bool, StoreError> {
        let redis_entry = self
            .transaction
            .prepare_cached("SELECT 1 FROM stood WHERE ip = ?");
        self.wrap(redis_entry.and_then(|mut redis_entry| redis_entry.exists([ip])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_774_189_098;

    #[test]
    fn times_are_read_as_they_were_written() {
        for (doubted, set_aside) in [(None, true), (Some(-7), false)] {
            let times = RunTimes {
                last: 3,
                reached: -5,
                doubted,
                set_aside,
            };
            assert_eq!(RunTimes::parse(&times.to_text()), Some(times));
        }
        for text in ["", "1", "1 x - 0", "1 2 3", "1 2 - 0 0"] {
            assert_eq!(RunTimes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_stays_where_it_is_is_believed_after_a_day() {
        let far = START + 400 * DAY;
        let doubted = RunTimes::new(START).after(far);
        assert_eq!(doubted.age_at(far + 60), START);
        assert_eq!(doubted.after(far + 60).age_at(far + DAY), far + DAY);
        // Two that are wrong in two ways do not agree.
        let other = doubted.after(far + 4000 * DAY);
        assert_eq!(other.age_at(far + 4000 * DAY + 60), START);
        // A right one after a rest and a wrong one do not, either.
        let rested = RunTimes::new(START).after(START + 5 * DAY);
        assert_eq!(rested.age_at(START + 40 * DAY), START);
        // One that is behind from now on, likewise.
        let behind = START - 400 * DAY;
        let doubted = RunTimes::new(START).after(behind);
        assert_eq!(doubted.age_at(behind + 60), behind + 60);
        let believed = doubted.after(behind + 2 * DAY);
        assert_eq!(believed.age_at(behind + 2 * DAY), behind + 2 * DAY);
        assert_eq!(believed.age_at(behind + 3 * DAY), behind + 3 * DAY);
    }

    proptest! {
        /// Whatever the clock shows for less than a day, and however often it
        /// runs: nothing is older than it is, or will be within two days.
        #[test]
        fn nothing_grows_old_by_a_clock_that_is_wrong_for_a_while(
            wrong in -20_000 * DAY..200_000 * DAY,
            runs in prop::collection::vec((1i64..DAY / 3, any::<bool>()), 1..30),
        ) {
            let (mut times, mut at, mut wrong_for) = (RunTimes::new(START), START, 0);
            for (later, mut is_wrong) in runs {
                at += later;
                wrong_for = if is_wrong { wrong_for + later } else { 0 };
                is_wrong &= wrong_for < DAY;
                let now = if is_wrong { at + wrong } else { at };
                prop_assert!(times.age_at(now) <= at + APART);
                prop_assert!(times.age_at(now) <= now);
                times = times.after(now);
                if !is_wrong {
                    wrong_for = 0;
                }
            }
        }
    }
}
