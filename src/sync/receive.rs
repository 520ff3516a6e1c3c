//! How a run reads the streams of events.

use redis::{Cmd, Value};

use crate::model::{EventStream, PerStream, StreamPosition};

use super::entry::{self, AllowListLookup, Event, RejectedEntry, Sent, is_ahead};
use super::error::SyncError;
use super::exchange::{Exchange, MOST, SERVERS, key};
use super::reply::{Reply, Word as _, command};

/// How many events one command reads.
const EVENTS: usize = 1000;

/// How many other servers' numbers are kept for a stream. Beyond that an event that comes
/// twice is taken twice, which changes nothing.
const MOST_SERVERS: usize = 20_000;

/// An event whose time was ahead, and became the time of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Which: `event 1-0`.
    pub entry: String,
    /// How many seconds it was ahead.
    pub seconds: i64,
}

/// What both streams held.
#[derive(Debug, Default)]
pub struct Received {
    /// What other servers did, each once, those of one stream in their order.
    pub events: Vec<Event>,
    /// What was skipped.
    pub refused: Vec<RejectedEntry>,
    /// The events whose times were too far ahead.
    pub ahead: Vec<Ahead>,
    /// The numbers of events that wait to be sent, and were sent already, unless behind
    /// one that this server never gave.
    pub read_back: Vec<i64>,
    /// How far each stream was read.
    pub streams: PerStream<ReceivedStream>,
    /// Whether this server's name was left there.
    pub announced: bool,
    /// The error that ended the reading; what was read before it counts.
    pub error: Option<SyncError>,
}

/// How far one stream was read.
#[derive(Debug, Default)]
pub struct ReceivedStream {
    /// The highest number of this server's own events, before any that it never gave.
    pub own: Option<i64>,
    /// The highest number under this server's id that it never gave.
    pub never_given: Option<i64>,
    /// Where it goes on.
    pub position: StreamPosition,
    /// Whether it was read to its end.
    pub whole: bool,
    /// Whether events may be missing between what was read before and what is there
    /// now: then the hashes have to be looked through.
    pub lost: bool,
}

impl Received {
    /// Whether both streams were read to their ends.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.streams.addresses.whole && self.streams.networks.whole
    }

    /// The highest number under this server's id that it never gave.
    #[must_use]
    pub fn never_given(&self) -> Option<i64> {
        let PerStream {
            addresses,
            networks,
        } = &self.streams;
        addresses.never_given.max(networks.never_given)
    }
}

impl Exchange {
    /// Reads the streams from `positions` on; with `announce` leaves this server's name,
    /// so that another server does not take the same one.
    ///
    /// # Errors
    /// Redis can not be used; see [`Why`](super::Why).
    pub fn receive(
        &mut self,
        positions: PerStream<StreamPosition>,
        announce: bool,
        now: i64,
        never: AllowListLookup<'_>,
    ) -> Result<Received, SyncError> {
        let mut commands = Vec::new();
        for stream in EventStream::ALL {
            let from = positions[stream].last.as_deref();
            commands.extend([
                command(["XRANGE", key(stream), "-", "+", "COUNT", "1"]),
                command(["XREVRANGE", key(stream), "+", "-", "COUNT", "1"]),
                read_from(stream, from.unwrap_or("$")),
            ]);
        }
        let reads = commands.len();
        if announce {
            let seen = format!("{now} {}", self.server);
            let hset = command(["HSET", SERVERS]);
            commands.push(hset.word(&self.sender.id).word(seen));
            let former = self.sender.former.iter();
            commands.extend(former.map(|id| command(["HDEL", SERVERS, id])));
        }
        let mut replies = self.connection.ask(&commands)?;
        let announced = announce && matches!(replies.get(reads), Some(Value::Int(_)));
        replies.truncate(reads);
        if let Some(error) = replies.iter().find_map(|reply| self.refused(reply)) {
            return Err(error);
        }
        let mut received = Received {
            announced,
            streams: PerStream {
                addresses: ReceivedStream::begin(positions.addresses, &replies[..2]),
                networks: ReceivedStream::begin(positions.networks, &replies[3..5]),
            },
            ..Received::default()
        };
        // What is there of both comes first: neither delays the other.
        for (stream, reply) in EventStream::ALL.into_iter().zip([2, 5]) {
            if !received.streams[stream].whole {
                self.take_in(stream, &replies[reply], now, never, &mut received);
            }
        }
        drop(replies);
        received.error = self.read_on(now, never, &mut received).err();
        Ok(received)
    }

    /// Reads both streams on to their ends, or as far as there is time.
    fn read_on(
        &mut self,
        now: i64,
        never: AllowListLookup<'_>,
        received: &mut Received,
    ) -> Result<(), SyncError> {
        for stream in EventStream::ALL {
            while !received.streams[stream].whole {
                if received.events.len() >= MOST || !self.connection.has_time() {
                    return Ok(());
                }
                let last = received.streams[stream].position.last.as_deref();
                let read = read_from(stream, last.unwrap_or("0-0"));
                let batch = self.connection.ask(&[read])?.pop().unwrap_or(Value::Nil);
                if let Some(error) = self.refused(&batch) {
                    return Err(error);
                }
                self.take_in(stream, &batch, now, never, received);
            }
        }
        Ok(())
    }

    /// Takes in the answer to one XREAD. From the first event on that was cut off, unless
    /// it is the first of all, the next XREAD reads again.
    fn take_in(
        &self,
        stream: EventStream,
        batch: &Value,
        now: i64,
        never: AllowListLookup<'_>,
        received: &mut Received,
    ) {
        let named = batch.list().first().map_or(&[][..], Reply::list);
        let entries = named.get(1).map_or(&[][..], Reply::list);
        for (n, row) in entries.iter().enumerate() {
            let is_cut = row.is_cut();
            if is_cut && n > 0 {
                return;
            }
            let Some(id) = id(row) else { continue };
            if is_cut {
                let why = "is too long".to_owned();
                let rejected = RejectedEntry::new(shown(stream, &id), why);
                received.refused.push(rejected);
                received.streams[stream].position.last = Some(id);
                continue;
            }
            let fields = row.list().get(1).map_or(&[][..], Reply::list);
            match entry::event(fields, stream, now, never) {
                Ok(sent) => self.take_one(stream, &id, sent, now, received),
                Err(why) => {
                    let rejected = RejectedEntry::new(shown(stream, &id), why);
                    received.refused.push(rejected);
                }
            }
            received.streams[stream].position.last = Some(id);
        }
        received.streams[stream].whole = entries.len() < EVENTS;
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
    fn take_one(
        &self,
        stream: EventStream,
        id: &str,
        sent: Sent,
        now: i64,
        received: &mut Received,
    ) {
        let number = Some(sent.number);
        let read = &mut received.streams[stream];
        if sent.store == self.sender.id {
            if self.is_own(&sent) {
                // After a higher number, the other servers have skipped it.
                if read.never_given.is_none() {
                    read.own = read.own.max(number);
                    let waits = self.sender.waiting.contains_key(&sent.number);
                    received.read_back.extend(number.filter(|_| waits));
                }
                return;
            }
            read.never_given = read.never_given.max(number);
        }
        let event = match sent.event {
            Ok(event) => event,
            Err(why) => {
                return received.refused.push(RejectedEntry {
                    entry: shown(stream, id),
                    why,
                    subject: Some(sent.subject),
                });
            }
        };
        let last_numbers = &mut read.position.last_numbers;
        let before = last_numbers.get(&sent.store).copied();
        // An event may be sent twice.
        if before >= number {
            return;
        }
        if before.is_some() || last_numbers.len() < MOST_SERVERS {
            last_numbers.insert(sent.store, sent.number);
        }
        if is_ahead(sent.at, now) {
            let (entry, seconds) = (shown(stream, id), sent.at - now);
            received.ahead.push(Ahead { entry, seconds });
        }
        received.events.push(event);
    }
}

impl ReceivedStream {
    /// Before anything was read from `position` on, of a stream with these first and last
    /// events. It is whole already where nothing is to be read: at first contact it goes on
    /// from the end, and so it does where the stream ends before the position.
    fn begin(position: StreamPosition, edges: &[Value]) -> Self {
        let edge = |reply: &Value| reply.list().first().and_then(id);
        let (oldest, newest) = (edges.first().and_then(edge), edges.get(1).and_then(edge));
        let from = position.last.clone();
        let mut begun = ReceivedStream {
            lost: !reaches_back(from.as_deref(), oldest.as_deref(), newest.as_deref()),
            position,
            ..ReceivedStream::default()
        };
        if from.is_none() || newest.is_none() || is_behind(newest.as_deref(), from.as_deref()) {
            begun.position.last = Some(newest.unwrap_or_else(|| "0-0".to_owned()));
            begun.whole = true;
        }
        begun
    }
}

/// How an event is told of.
fn shown(stream: EventStream, id: &str) -> String {
    match stream {
        EventStream::Addresses => format!("event {id}"),
        EventStream::Networks => format!("network event {id}"),
    }
}

fn read_from(stream: EventStream, id: &str) -> Cmd {
    let count = EVENTS.to_string();
    command(["XREAD", "COUNT", &count, "STREAMS", key(stream), id])
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
