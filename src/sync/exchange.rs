//! A run's connection, and how it reads the stream of events.

use redis::{Cmd, Value};

use crate::model::{RedisSettings, Sender, StreamPosition};

use super::connection::{Connection, Cost};
use super::entry::{self, AllowListLookup, Event, RejectedEntry, Sent, is_ahead};
use super::error::{SyncError, Why};
use super::reply::{Reply, Word as _, command};

pub(super) const STREAM: &str = "pyfilter:events";
pub(super) const SERVERS: &str = "pyfilter:servers";

/// How many events one command reads.
const EVENTS: usize = 1000;

/// How many events or hashes one run takes in at most; the next run goes on.
pub(super) const MOST: usize = 200_000;

/// How many other servers' numbers are kept. Beyond that an event that comes twice
/// is taken twice, which changes nothing.
const MOST_SERVERS: usize = 20_000;

/// An event whose time was ahead, and became the time of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Which: `event 1-0`.
    pub entry: String,
    /// How many seconds it was ahead.
    pub seconds: i64,
}

/// What the stream held.
#[derive(Debug, Default)]
pub struct Received {
    /// What other servers did, each once, in their order.
    pub events: Vec<Event>,
    /// What was skipped.
    pub refused: Vec<RejectedEntry>,
    /// The events whose times were too far ahead.
    pub ahead: Vec<Ahead>,
    /// The highest number of this server's own events, before any that it never gave.
    pub own: Option<i64>,
    /// The numbers of events that wait to be sent, and were sent already; likewise.
    pub read_back: Vec<i64>,
    /// The highest number under this server's id that it never gave.
    pub never_given: Option<i64>,
    /// Where it goes on.
    pub position: StreamPosition,
    /// Whether it was read to its end.
    pub whole: bool,
    /// Whether events may be missing between what was read before and what is there
    /// now: then the hashes have to be looked through.
    pub lost: bool,
    /// Whether this server's name was left there.
    pub announced: bool,
    /// The error that ended the reading; what was read before it counts.
    pub error: Option<SyncError>,
}

/// One run's connection to Redis, all of whose commands end before its deadline.
#[derive(Debug)]
pub struct Exchange {
    pub(super) connection: Connection,
    pub(super) sender: Sender,
    pub(super) server: String,
}

impl Exchange {
    /// Connects as the server of this name.
    ///
    /// # Errors
    /// Redis can not be used; see [`Why`].
    pub fn open(settings: &RedisSettings, sender: Sender, server: &str) -> Result<Self, SyncError> {
        Ok(Exchange {
            connection: Connection::open(settings, server)?,
            sender,
            server: server.to_owned(),
        })
    }

    /// From now on sends under this id; returns the former one.
    pub fn send_under(&mut self, id: String) -> String {
        std::mem::replace(&mut self.sender.id, id)
    }

    /// What was exchanged so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.connection.cost
    }

    pub(super) fn refused(&self, reply: &Value) -> Option<SyncError> {
        let error = reply.error()?;
        Some(self.connection.error(Why::of_reply(error)))
    }

    /// Reads the stream from `position` on; with `announce` leaves this server's name,
    /// so that another server does not take the same one.
    ///
    /// # Errors
    /// Redis can not be used; see [`Why`].
    pub fn receive(
        &mut self,
        position: StreamPosition,
        announce: bool,
        now: i64,
        never: AllowListLookup<'_>,
    ) -> Result<Received, SyncError> {
        let from = position.last.clone();
        let mut commands = vec![
            command(["XRANGE", STREAM, "-", "+", "COUNT", "1"]),
            command(["XREVRANGE", STREAM, "+", "-", "COUNT", "1"]),
            read_from(from.as_deref().unwrap_or("$")),
        ];
        if announce {
            let seen = format!("{now} {}", self.server);
            let hset = command(["HSET", SERVERS]);
            commands.push(hset.word(&self.sender.id).word(seen));
            let former = self.sender.former.iter();
            commands.extend(former.map(|id| command(["HDEL", SERVERS, id])));
        }
        let mut replies = self.connection.ask(&commands)?;
        let announced = announce && matches!(replies.get(3), Some(Value::Int(_)));
        replies.truncate(3);
        if let Some(error) = replies.iter().find_map(|reply| self.refused(reply)) {
            return Err(error);
        }
        let edge = |reply: &Value| reply.list().first().and_then(id);
        let (oldest, newest) = (edge(&replies[0]), edge(&replies[1]));
        let mut received = Received {
            lost: !reaches_back(from.as_deref(), oldest.as_deref(), newest.as_deref()),
            position,
            announced,
            ..Received::default()
        };
        if from.is_none() || newest.is_none() || is_behind(newest.as_deref(), from.as_deref()) {
            received.position.last = Some(newest.unwrap_or_else(|| "0-0".to_owned()));
            received.whole = true;
            return Ok(received);
        }
        let mut batch = replies.swap_remove(2);
        loop {
            let count = self.take_in(&batch, now, never, &mut received);
            received.whole = count < EVENTS;
            if received.whole || received.events.len() >= MOST || !self.connection.has_time() {
                return Ok(received);
            }
            let last = received.position.last.as_deref().unwrap_or("0-0");
            let asked = self.connection.ask(&[read_from(last)]);
            let asked = asked.map(|mut replies| replies.pop().unwrap_or(Value::Nil));
            match asked.and_then(|batch| self.refused(&batch).map_or(Ok(batch), Err)) {
                Ok(next) => batch = next,
                Err(error) => {
                    received.error = Some(error);
                    return Ok(received);
                }
            }
        }
    }

    /// Takes in the answer to one XREAD; returns how many events it had. From the
    /// first event on that was cut off, unless it is the first of all, the next XREAD
    /// reads again.
    fn take_in(
        &self,
        batch: &Value,
        now: i64,
        never: AllowListLookup<'_>,
        received: &mut Received,
    ) -> usize {
        let stream = batch.list().first().map_or(&[][..], Reply::list);
        let entries = stream.get(1).map_or(&[][..], Reply::list);
        for (n, row) in entries.iter().enumerate() {
            let is_cut = row.is_cut();
            if is_cut && n > 0 {
                return EVENTS;
            }
            let Some(id) = id(row) else { continue };
            if is_cut {
                let why = "is too long".to_owned();
                let rejected = RejectedEntry::new(format!("event {id}"), why);
                received.refused.push(rejected);
                received.position.last = Some(id);
                continue;
            }
            let fields = row.list().get(1).map_or(&[][..], Reply::list);
            match entry::event(fields, now, never) {
                Ok(sent) => self.take_one(&id, sent, now, received),
                Err(why) => {
                    let rejected = RejectedEntry::new(format!("event {id}"), why);
                    received.refused.push(rejected);
                }
            }
            received.position.last = Some(id);
        }
        entries.len()
    }

    /// Whether an event under this server's id can be its own.
    fn is_own(&self, sent: &Sent) -> bool {
        let waiting = self.sender.waiting.get(&sent.number);
        sent.number <= self.sender.sent
            && waiting.is_none_or(|waiting| {
                // An event that is skipped is compared by what is valid of it.
                let kind = sent.event.as_ref();
                let kind = kind.map(|event| matches!(event, Event::Ban(_)));
                (waiting.subject, waiting.at) == (sent.subject, sent.at)
                    && kind.map_or(true, |is_ban| is_ban == waiting.is_ban())
            })
    }

    /// Takes in one event. An event under this server's id with a number that it never
    /// gave was sent by another server, and is taken as such.
    fn take_one(&self, id: &str, sent: Sent, now: i64, received: &mut Received) {
        let number = Some(sent.number);
        if sent.store == self.sender.id {
            if self.is_own(&sent) {
                // After a higher number, the other servers have skipped it.
                if received.never_given.is_none() {
                    received.own = received.own.max(number);
                    let waits = self.sender.waiting.contains_key(&sent.number);
                    received.read_back.extend(number.filter(|_| waits));
                }
                return;
            }
            received.never_given = received.never_given.max(number);
        }
        let event = match sent.event {
            Ok(event) => event,
            Err(why) => {
                return received.refused.push(RejectedEntry {
                    entry: format!("event {id}"),
                    why,
                    subject: Some(sent.subject),
                });
            }
        };
        let last_numbers = &mut received.position.last_numbers;
        let before = last_numbers.get(&sent.store).copied();
        // An event may be sent twice.
        if before >= number {
            return;
        }
        if before.is_some() || last_numbers.len() < MOST_SERVERS {
            last_numbers.insert(sent.store, sent.number);
        }
        if is_ahead(sent.at, now) {
            let (entry, seconds) = (format!("event {id}"), sent.at - now);
            received.ahead.push(Ahead { entry, seconds });
        }
        received.events.push(event);
    }
}

fn read_from(id: &str) -> Cmd {
    let count = EVENTS.to_string();
    command(["XREAD", "COUNT", &count, "STREAMS", STREAM, id])
}

fn id(row: &Value) -> Option<String> {
    let id = row.list().first()?.text()?;
    String::from_utf8(id.to_vec()).ok()
}

/// The two numbers of an event's id.
fn parts(id: &str) -> Option<(u64, u64)> {
    let (time, sequence) = id.split_once('-')?;
    Some((time.parse().ok()?, sequence.parse().ok()?))
}

fn is_behind(id: Option<&str>, other: Option<&str>) -> bool {
    id.and_then(parts) < other.and_then(parts)
}

/// Whether no event can be missing between what was read and what is there. The
/// proof is that the last event that was read, `from`, is between the oldest and
/// the newest one. `0-0` says that there was no stream, so all of it is new.
fn reaches_back(from: Option<&str>, oldest: Option<&str>, newest: Option<&str>) -> bool {
    match (from, oldest) {
        (Some("0-0"), _) => true,
        (None, _) | (_, None) => false,
        (from, oldest) => !is_behind(from, oldest) && !is_behind(newest, from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_reaches_back_while_what_was_read_is_there() {
        let reaches = |from, oldest, newest| reaches_back(from, oldest, newest);
        assert!(!reaches(None, None, None), "first contact");
        assert!(reaches(Some("0-0"), None, None));
        assert!(reaches(Some("0-0"), Some("5-0"), Some("9-0")));
        assert!(reaches(Some("5-0"), Some("5-0"), Some("9-0")));
        assert!(!reaches(Some("5-0"), Some("5-1"), Some("9-0")), "trimmed");
        assert!(!reaches(Some("5-0"), None, None), "emptied");
        assert!(
            !reaches(Some("10-0"), Some("5-0"), Some("9-0")),
            "an older copy"
        );
    }
}
