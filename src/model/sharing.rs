//! What servers tell each other through Redis.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use crate::model::Subject;

/// One of the two streams of events, which have a hash of what is in force beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStream {
    /// Bans and un-bans of addresses.
    Addresses,
    /// Those of networks, which older versions know nothing of.
    Networks,
}

impl EventStream {
    /// Both.
    pub const ALL: [EventStream; 2] = [EventStream::Addresses, EventStream::Networks];

    /// The one that events of `subject` are in.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        if subject.is_address() {
            EventStream::Addresses
        } else {
            EventStream::Networks
        }
    }
}

/// A value for each of the two streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerStream<T> {
    /// That of the stream of addresses.
    pub addresses: T,
    /// That of the stream of networks.
    pub networks: T,
}

impl<T> Index<EventStream> for PerStream<T> {
    type Output = T;

    fn index(&self, stream: EventStream) -> &T {
        match stream {
            EventStream::Addresses => &self.addresses,
            EventStream::Networks => &self.networks,
        }
    }
}

impl<T> IndexMut<EventStream> for PerStream<T> {
    fn index_mut(&mut self, stream: EventStream) -> &mut T {
        match stream {
            EventStream::Addresses => &mut self.addresses,
            EventStream::Networks => &mut self.networks,
        }
    }
}

/// A ban as Redis holds it: what an un-ban remembers, so that this very ban is
/// never taken over again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RedisBanEntry {
    /// Who is banned.
    pub subject: Subject,
    /// The key of its hash, which may be spelled otherwise.
    pub key: String,
    /// `banned_server`.
    pub server: String,
    /// The text of that field: the server's local time.
    pub text: String,
}

impl RedisBanEntry {
    /// Whether both tell of one ban, whatever the spelling of the key.
    #[must_use]
    pub fn is_same_ban(&self, other: &Self) -> bool {
        (&self.server, &self.text) == (&other.server, &other.text)
    }
}

/// A ban or an un-ban of this server that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundEvent {
    /// Its number among what this store sends, never given twice.
    pub number: i64,
    /// Who is banned or un-banned.
    pub subject: Subject,
    /// When it was, in Unix seconds.
    pub at: i64,
    /// What is done.
    pub action: OutboundAction,
}

/// What an outbound event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboundAction {
    /// A ban.
    Ban {
        /// The server that banned the address first.
        server: String,
        /// Until when, in Unix seconds.
        ends: Option<i64>,
        /// Why.
        reason: String,
        /// Where the address is from; empty if unknown.
        country: String,
        /// Whether Redis has the ban already, with an earlier end.
        longer: bool,
    },
    /// An un-ban.
    Unban {
        /// The entries in Redis of the bans that it lifts.
        redis_entries: Vec<RedisBanEntry>,
        /// Whether the hash is of a later ban, and so stays.
        keeps_hash: bool,
    },
}

impl OutboundEvent {
    /// Whether it is a ban.
    #[must_use]
    pub fn is_ban(&self) -> bool {
        matches!(self.action, OutboundAction::Ban { .. })
    }
}

/// As which server this one sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// The id under which it sends.
    pub id: String,
    /// An earlier id, under which its name may still be in Redis.
    pub former: Option<String>,
    /// The highest number that may have been sent under the id.
    pub sent: i64,
    /// Those events by their numbers of which it is not known whether they were sent.
    pub waiting: BTreeMap<i64, OutboundEvent>,
}

/// How far a server has read a stream of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamPosition {
    /// The last event's id; none before the first contact.
    pub last: Option<String>,
    /// How far each other store's numbers have come, by its id.
    pub last_numbers: BTreeMap<String, i64>,
}

/// What is known here of a subject before an event of another server is merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectRecord {
    /// When it was last un-banned.
    pub cleared: Option<i64>,
    /// Its bans in force.
    pub bans: Vec<BanPeriod>,
    /// The entries of the bans that un-bans have lifted.
    pub lifted: Vec<RedisBanEntry>,
    /// The entries of its bans in force.
    pub in_redis: Vec<RedisBanEntry>,
}

/// Since when and until when an address is banned, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanPeriod {
    /// Since when.
    pub at: i64,
    /// Until when; for ever if none.
    pub ends: Option<i64>,
}
