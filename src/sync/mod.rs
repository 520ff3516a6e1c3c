//! Bans of other servers, through one Redis.
//!
//! | file | what |
//! |---|---|
//! | `connection` | commands and replies, and the deadline all of it ends by |
//! | `socket` | how Redis is reached: TCP or Unix, and TLS |
//! | `bounded` | what a reply may come to |
//! | `reply` | what the crate's commands and values are asked here |
//! | `error` | why Redis could not be used, a line each |
//! | `entry` | an event or a hash, checked as if a stranger wrote it |
//! | `exchange` | a run's connection, and the stream it reads |
//! | `look` | the look through the hashes |
//! | `sending` | what is sent, and its bytes |
//! | `merge` | pure: which of all that stands |
//! | `examine` | what `check` tells |
//!
//! The protocol, its commands and values are those of the crate `redis`. The
//! socket is ours because of two promises: a run waits no longer than its
//! deadline, even for an answer that comes byte by byte, and what somebody put
//! into Redis is never held in memory at its own size. The crate's own
//! connections know a limit for each read, and none for what is read.

mod bounded;
mod connection;
mod entry;
mod error;
mod examine;
mod exchange;
mod look;
mod merge;
mod reply;
mod sending;
mod socket;

pub use connection::Cost;
pub use entry::{Event, RejectedEntry, RemoteBan, RemoteUnban};
pub use error::{SyncError, Why};
pub use examine::{Examined, examine};
pub use exchange::{Ahead, Exchange, Received};
pub use look::HashSearch;
pub use merge::{Merged, merge};
