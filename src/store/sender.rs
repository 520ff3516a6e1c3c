//! As whom this server sends to the others, what of that may have been sent,
//! and what is told once more when somebody else has sent under the same id.

use rusqlite::params;

use crate::model::{Address, MOST_SKEW};

use super::{Commit, Store, StoreError};

/// What stands before the number of an un-ban in `meta`; its value is `TIME ADDRESS`.
const UNBAN: &str = "sent unban ";

/// As whom this server sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSender {
    /// The id under which it sends; none if it has none yet.
    pub id: Option<String>,
    /// An id of before, under which its name may still stand in Redis.
    pub former: Option<String>,
    /// The highest number that may have been sent.
    pub sent: i64,
}

/// A row of the outbox, as it would come back from Redis.
pub type Waiting = (i64, Address, i64, bool);

impl Store {
    /// As whom this server sends.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn sender(&self) -> Result<StoredSender, StoreError> {
        // A store of the first version sent under its own id, and noted no number before it sent.
        let given = "SELECT coalesce((SELECT value FROM meta WHERE key = 'sent'), \
                     (SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)";
        Ok(StoredSender {
            id: self.meta_text("stream_id")?,
            former: self.meta_text("former_stream_id")?,
            sent: self.wrap(self.connection.query_row(given, [], |row| row.get(0)))?,
        })
    }

    /// An id that nobody has.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn new_stream_id(&self) -> Result<String, StoreError> {
        let id = "SELECT lower(hex(randomblob(8)))";
        self.wrap(self.connection.query_row(id, [], |row| row.get(0)))
    }

    /// What waits to be sent, of which it is not known whether it was: number,
    /// address, time, and whether it is a ban.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn perhaps_sent(&self, up_to: i64) -> Result<Vec<Waiting>, StoreError> {
        let select = "SELECT number, ip, at, server IS NOT NULL FROM outbox WHERE number <= ?";
        let rows = self.connection.prepare(select).and_then(|mut select| {
            let rows = select.query_map([up_to], |row| {
                let ip: String = row.get(1)?;
                let address = Address::parse(ip.as_bytes());
                let (number, at, is_ban) = (row.get(0)?, row.get(2)?, row.get(3)?);
                Ok(address.map(|address| (number, address, at, is_ban)))
            })?;
            rows.filter_map(Result::transpose).collect()
        });
        self.wrap(rows)
    }

    /// Whether un-bans were sent of which this server has not read its own event.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn has_sent_unbans(&self) -> Result<bool, StoreError> {
        let any = "SELECT EXISTS (SELECT 1 FROM meta WHERE key >= ?1 AND key < ?1 || 'a')";
        self.wrap(self.connection.query_row(any, [UNBAN], |row| row.get(0)))
    }

    /// When all bans in force were last told once more, and whether they are to be.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn told_again(&self) -> Result<(Option<i64>, bool), StoreError> {
        Ok((
            self.meta("told_again")?,
            self.meta("to_tell_again")?.is_some(),
        ))
    }
}

impl Commit<'_> {
    /// From now on this server sends under another id; `former` is the one it
    /// left its name under in Redis.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_stream_id(&self, id: &str, former: Option<&str>) -> Result<(), StoreError> {
        self.set_meta("stream_id", id)?;
        if let Some(former) = former {
            self.set_meta("former_stream_id", former)?;
        }
        // Its name is left under the new one at once.
        self.cached("DELETE FROM meta WHERE key = 'announced'", [])
    }

    /// Notes that what waits is sent now, up to this number: it may have been
    /// taken whatever becomes of the run.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_perhaps_sent(&self, number: i64) -> Result<(), StoreError> {
        self.set_meta("sent", number)
    }

    /// Removes what Redis has taken. Un-bans are remembered until this server
    /// has read its own events of them.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_sent(&self, numbers: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let note = "INSERT OR REPLACE INTO meta SELECT ?2 || number, at || ' ' || ip FROM outbox WHERE number = ?1 AND server IS NULL";
        for number in numbers {
            self.cached(note, params![number, UNBAN])?;
            self.cached("DELETE FROM outbox WHERE number = ?", [number])?;
        }
        Ok(())
    }

    /// Removes those of what waits that were read back from Redis.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_read_back(&self, numbers: &[i64]) -> Result<(), StoreError> {
        numbers
            .iter()
            .try_for_each(|number| self.cached("DELETE FROM outbox WHERE number = ?", [number]))
    }

    /// Forgets the un-bans that were sent, up to the number of an own event
    /// that was read.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn forget_sent_unbans(&self, up_to: i64) -> Result<(), StoreError> {
        let forget = "DELETE FROM meta WHERE key >= ?1 AND key < ?1 || 'a' \
                      AND CAST(substr(key, length(?1) + 1) AS INTEGER) <= ?2";
        self.cached(forget, params![UNBAN, up_to])
    }

    /// Notes that the un-bans are to be sent again that others may have passed
    /// over: the event alone, for what they have taken out of Redis is gone.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_unbans_again(&self) -> Result<(), StoreError> {
        let insert = "INSERT INTO outbox(ip, at, reason, country, longer) \
                      SELECT substr(value, instr(value, ' ') + 1), CAST(value AS INTEGER), '', '', 1 FROM meta \
                      WHERE key >= ?1 AND key < ?1 || 'a' ORDER BY CAST(substr(key, length(?1) + 1) AS INTEGER)";
        self.cached(insert, [UNBAN])?;
        self.forget_sent_unbans(i64::MAX)
    }

    /// Notes that this server's bans in force are to be sent again, as bans
    /// that the others have with an earlier end: whoever has them learns
    /// nothing new.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_bans_again(&self, now: i64) -> Result<(), StoreError> {
        // The first ban speaks, with the latest end of those made here.
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, min(at, ?1), server, nullif(own, 9223372036854775807), reason, country, 1 FROM ( \
                        SELECT *, max(iif(origin <> 'redis', coalesce(ends, 9223372036854775807), NULL)) OVER (PARTITION BY ip) AS own, \
                        row_number() OVER (PARTITION BY ip ORDER BY at, id) AS place FROM ban WHERE lifted IS NULL) AS first \
                      WHERE place = 1 AND own IS NOT NULL \
                      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.ip = first.ip AND outbox.server IS NOT NULL)";
        self.cached(insert, [now + MOST_SKEW])?;
        self.set_meta("told_again", now)?;
        self.cached("DELETE FROM meta WHERE key = 'to_tell_again'", [])
    }

    /// Notes that they are to be sent again by a later run.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_bans_again_later(&self) -> Result<(), StoreError> {
        self.set_meta("to_tell_again", 1)
    }
}
