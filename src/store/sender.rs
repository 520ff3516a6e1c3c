//! The id under which this server sends, what may have been sent, and what is sent
//! again when another server has sent under the same id.

use rusqlite::params;

use crate::model::{EventStream, MOST_SKEW};

use super::error::StoreError;
use super::query::{Commit, Store, first};

/// Begins the keys in `meta` of the un-bans that were sent, before their number;
/// the value is `TIME SUBJECT`.
const UNBAN: &str = "sent unban ";

impl Store {
    /// The id under which this server sends; none if it has none yet.
    pub fn stream_id(&self) -> Result<Option<String>, StoreError> {
        self.meta("stream_id")
    }

    /// An earlier id, under which its name may still be in Redis.
    pub fn former_stream_id(&self) -> Result<Option<String>, StoreError> {
        self.meta("former_stream_id")
    }

    /// The highest number that may have been sent.
    pub fn highest_sent(&self) -> Result<i64, StoreError> {
        // A store of the first version sent under its own id, and noted no number before it sent.
        let sent = "SELECT coalesce((SELECT value FROM meta WHERE key = 'sent'), \
                    (SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)";
        self.row(sent, [], first)
    }

    /// An id that no other server has.
    pub fn new_stream_id(&self) -> Result<String, StoreError> {
        self.row("SELECT lower(hex(randomblob(8)))", [], first)
    }

    /// Whether un-bans were sent of which this server has not read its own event.
    pub fn has_sent_unbans(&self) -> Result<bool, StoreError> {
        let any = "SELECT 1 FROM meta WHERE key >= ?1 AND key < ?1 || 'a'";
        self.exists(any, [UNBAN])
    }

    /// When all bans in force were last told once more, in Unix seconds.
    pub fn bans_told_again(&self) -> Result<Option<i64>, StoreError> {
        self.meta("told_again")
    }

    /// Whether all bans in force are to be told once more by a later run.
    pub fn has_to_tell_again(&self) -> Result<bool, StoreError> {
        Ok(self.meta::<i64>("to_tell_again")?.is_some())
    }
}

impl Commit<'_> {
    /// From now on this server sends under another id; `former` is the one it
    /// left its name under in Redis.
    pub fn set_stream_id(&self, id: &str, former: Option<&str>) -> Result<(), StoreError> {
        self.set_meta("stream_id", id)?;
        if let Some(former) = former {
            self.set_meta("former_stream_id", former)?;
        }
        // Its name is left under the new one at once.
        self.forget_meta("announced")
    }

    /// Notes that the events up to this number are sent now: from now on they may
    /// have been sent, even if the run is killed.
    pub fn set_perhaps_sent(&self, number: i64) -> Result<(), StoreError> {
        self.set_meta("sent", number)
    }

    /// Removes the events that Redis has taken. Un-bans are remembered until this server
    /// has read its own events of them.
    pub fn set_sent(&self, numbers: &[i64]) -> Result<(), StoreError> {
        let note = "INSERT OR REPLACE INTO meta SELECT ?2 || number, at || ' ' || ip FROM outbox WHERE number = ?1 AND server IS NULL";
        for number in numbers {
            self.execute(note, params![number, UNBAN])?;
        }
        self.set_read_back(numbers)
    }

    /// Removes the events that were read back from Redis.
    pub fn set_read_back(&self, numbers: &[i64]) -> Result<(), StoreError> {
        let delete = "DELETE FROM outbox WHERE number = ?";
        (numbers.iter()).try_for_each(|number| self.execute(delete, [number]))
    }

    /// Forgets the un-bans that were sent to a stream, up to the number of an own event
    /// that was read in it.
    pub fn forget_sent_unbans(&self, stream: EventStream, up_to: i64) -> Result<(), StoreError> {
        let forget = "DELETE FROM meta WHERE key >= ?1 AND key < ?1 || 'a' \
                      AND (instr(value, '/') > 0) = ?3 \
                      AND CAST(substr(key, length(?1) + 1) AS INTEGER) <= ?2";
        let of_networks = stream == EventStream::Networks;
        self.execute(forget, params![UNBAN, up_to, of_networks])
    }

    /// Notes that the un-bans are to be sent again that others may have passed
    /// over: the event alone, since their entries in Redis are gone.
    pub fn send_unbans_again(&self) -> Result<(), StoreError> {
        let insert = "INSERT INTO outbox(ip, at, reason, country, longer) \
                      SELECT substr(value, instr(value, ' ') + 1), CAST(value AS INTEGER), '', '', 1 FROM meta \
                      WHERE key >= ?1 AND key < ?1 || 'a' ORDER BY CAST(substr(key, length(?1) + 1) AS INTEGER)";
        self.execute(insert, [UNBAN])?;
        let forget = |stream| self.forget_sent_unbans(stream, i64::MAX);
        EventStream::ALL.into_iter().try_for_each(forget)
    }

    /// Notes that this server's bans in force are to be sent again, as bans
    /// that the others have with an earlier end: a server that has them learns
    /// nothing new.
    pub fn send_bans_again(&self, now: i64) -> Result<(), StoreError> {
        // What is sent is the first ban, with the latest end of those made here.
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, min(at, ?1), server, nullif(own, 9223372036854775807), reason, country, 1 FROM ( \
                        SELECT *, max(iif(origin <> 'redis', coalesce(ends, 9223372036854775807), NULL)) OVER (PARTITION BY ip) AS own, \
                        row_number() OVER (PARTITION BY ip ORDER BY at, id) AS place FROM ban WHERE lifted IS NULL \
                        AND coalesce(rule, '') NOT IN (SELECT value FROM json_each((SELECT value FROM meta WHERE key = 'kept_here')))) AS first \
                      WHERE place = 1 AND own IS NOT NULL \
                      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.ip = first.ip AND outbox.server IS NOT NULL)";
        self.execute(insert, [now + MOST_SKEW])?;
        self.set_meta("told_again", now)?;
        self.forget_meta("to_tell_again")
    }

    /// Notes that they are to be sent again by a later run.
    pub fn send_bans_again_later(&self) -> Result<(), StoreError> {
        self.set_meta("to_tell_again", 1)
    }
}
