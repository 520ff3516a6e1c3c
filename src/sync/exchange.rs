//! A run's connection, and the stream it reads.

use std::collections::BTreeMap;

use redis::{Cmd, Value};

use super::connection::{Connection, Cost, Settings};
use super::entry::{self, Event, Never, Refused};
use super::error::{SyncError, Why};
use super::reply::{Reply, Word as _, command};

pub(super) const STREAM: &str = "pyfilter:events";
pub(super) const SERVERS: &str = "pyfilter:servers";

/// How many events travel at once.
const EVENTS: usize = 1000;

/// What one run takes in at most; the next one goes on.
pub(super) const MOST: usize = 200_000;

/// A higher number of our own was sent by somebody else. What is given behind
/// it by a store that is an older copy stays far within what others take.
const OWN_NUMBERS: i64 = 1 << 53;

/// How far a server has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The last event's id; none before the first contact.
    pub last: Option<String>,
    /// How far each other store's numbers have come, by its id.
    pub heard: BTreeMap<String, i64>,
}

/// What the stream held.
#[derive(Debug, Default)]
pub struct Received {
    /// What other servers did, each once, in their order.
    pub events: Vec<Event>,
    /// What was skipped.
    pub refused: Vec<Refused>,
    /// The highest of our own numbers that Redis holds.
    pub own: Option<i64>,
    /// Where it goes on.
    pub position: Position,
    /// Whether it was read to its end.
    pub whole: bool,
    /// Whether it does not reach back to what was read before: the hashes
    /// have to be looked through.
    pub lost: bool,
    /// Whether this server's name was left there.
    pub announced: bool,
    /// What kept it from being read on; what was read before counts.
    pub error: Option<SyncError>,
}

/// One run's dealings with Redis, all of them before its deadline.
#[derive(Debug)]
pub struct Exchange {
    pub(super) connection: Connection,
    pub(super) store: String,
    pub(super) server: String,
}

impl Exchange {
    /// Connects as the server of this name, with the store of this id.
    ///
    /// # Errors
    /// Redis can not be used; see [`Why`].
    pub fn open(settings: &Settings, store: &str, server: &str) -> Result<Self, SyncError> {
        Ok(Exchange {
            connection: Connection::open(settings, server)?,
            store: store.to_owned(),
            server: server.to_owned(),
        })
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

    /// Reads the stream from `position` on; with `announce` leaves this
    /// server's name, for those who would take the same one.
    ///
    /// # Errors
    /// Redis can not be used; see [`Why`].
    pub fn receive(
        &mut self,
        position: Position,
        announce: bool,
        now: i64,
        never: Never<'_>,
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
            commands.push(hset.word(&self.store).word(seen));
        }
        let mut replies = self.connection.ask(&commands)?;
        let announced = announce && matches!(replies.pop(), Some(Value::Int(_)));
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
            batch = match asked.map(|mut replies| replies.pop().unwrap_or(Value::Nil)) {
                Ok(batch) => batch,
                Err(error) => {
                    received.error = Some(error);
                    return Ok(received);
                }
            };
            if let Some(error) = self.refused(&batch) {
                received.error = Some(error);
                return Ok(received);
            }
        }
    }

    /// Takes in what one XREAD gave; says how many events that were. What was
    /// cut off behind the first is for the next XREAD.
    fn take_in(&self, batch: &Value, now: i64, never: Never<'_>, received: &mut Received) -> usize {
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
                let entry = format!("event {id}");
                received.refused.push(Refused { entry, why });
                received.position.last = Some(id);
                continue;
            }
            let fields = row.list().get(1).map_or(&[][..], Reply::list);
            match entry::event(fields, now, never) {
                Ok(sent) if sent.store == self.store => {
                    let own = Some(sent.number).filter(|number| *number <= OWN_NUMBERS);
                    received.own = received.own.max(own);
                }
                Ok(sent) => {
                    let heard = &mut received.position.heard;
                    // Sending is at least once.
                    if heard
                        .get(&sent.store)
                        .is_none_or(|number| *number < sent.number)
                    {
                        heard.insert(sent.store, sent.number);
                        received.events.push(sent.event);
                    }
                }
                Err(why) => received.refused.push(Refused {
                    entry: format!("event {id}"),
                    why,
                }),
            }
            received.position.last = Some(id);
        }
        entries.len()
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

/// Whether nothing can be missing between what was read and what is there.
/// Only what was read and still stands there is proof of that; a stream that
/// was not there when it was last looked for has it all, unless it is trimmed.
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
    fn a_stream_reaches_back_while_what_was_read_stands_there() {
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
