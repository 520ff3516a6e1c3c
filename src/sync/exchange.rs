//! A run's connection, and the names of what servers share in Redis.

use redis::Value;

use crate::model::{EventStream, RedisSettings, Sender};

use super::connection::{Connection, Cost};
use super::error::{SyncError, Why};
use super::reply::Reply as _;

pub(super) const SERVERS: &str = "pyfilter:servers";

/// The hash of the networks in force. Each field is a network, its value the fields of
/// the event of its ban, as JSON.
pub(super) const NETWORKS_IN_FORCE: &str = "pyfilter:networks:held";

/// How many events or hashes one run takes in at most; the next run goes on.
pub(super) const MOST: usize = 200_000;

/// The key of a stream.
pub(super) fn key(stream: EventStream) -> &'static str {
    match stream {
        EventStream::Addresses => "pyfilter:events",
        EventStream::Networks => "pyfilter:networks",
    }
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
}
