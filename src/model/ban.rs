use std::fmt;
use std::sync::Arc;

use crate::model::{Address, Country, Stamp};

/// An address that may not connect, with all that is known of why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who is banned.
    pub address: Address,
    /// The rule that bans it; none for a ban by hand, from an edited snapshot
    /// or from another server.
    pub rule: Option<Arc<str>>,
    /// The server that banned it first.
    pub server: Arc<str>,
    /// Since when: the stamp of the failure that filled the window.
    pub at: Stamp,
    /// Until when, in Unix seconds; never if none.
    pub ends: Option<i64>,
    /// How many failures filled the window; 0 when the ban is not from a log.
    pub failures: u32,
    /// Whether an instant pattern made it.
    pub instant: bool,
    /// Where the ban comes from.
    pub origin: Origin,
    /// The sentence for people, as in the event log, without its line end.
    pub reason: String,
    /// The country it is from, when known.
    pub country: Option<Country>,
}

impl Ban {
    /// Whether the ban is over at `now`, in Unix seconds.
    #[must_use]
    pub fn is_over(&self, now: i64) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// Where a ban comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Failures in a log of this host.
    Log,
    /// Another server, through Redis.
    Redis,
    /// `pyfilter ban`.
    Manual,
    /// A line that a person added to the snapshot, or PyFilter's own files.
    Snapshot,
}

impl Origin {
    /// The word of the JSON and of the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Log => "log",
            Origin::Redis => "redis",
            Origin::Manual => "manual",
            Origin::Snapshot => "snapshot",
        }
    }

    /// The origin of a word of the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Origin::Log, Origin::Redis, Origin::Manual, Origin::Snapshot]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// A ban that was lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unban {
    /// Who may connect again.
    pub address: Address,
    /// Why.
    pub cause: Cause,
    /// Since when, in Unix seconds.
    pub at: i64,
}

/// Why a ban was lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `pyfilter unban`.
    Manual,
    /// Its line was removed from the snapshot.
    Snapshot,
    /// Another server, through Redis.
    Redis,
    /// It came to its end.
    Expired,
    /// The address came to be one that is never banned.
    Ignored,
}

impl Cause {
    /// The word of the JSON and of the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Manual => "manual",
            Cause::Snapshot => "snapshot",
            Cause::Redis => "redis",
            Cause::Expired => "expired",
            Cause::Ignored => "ignored",
        }
    }

    /// The cause of a word of the store.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Cause::Manual,
            Cause::Snapshot,
            Cause::Redis,
            Cause::Expired,
            Cause::Ignored,
        ]
        .into_iter()
        .find(|cause| cause.as_str() == word)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
