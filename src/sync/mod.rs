//! Bans of other servers, through one Redis.
//!
//! | file | what |
//! |---|---|
//! | `connection` | a connection: commands and replies before one deadline |
//! | `socket` | how Redis is reached: TCP or Unix, and TLS |
//! | `bounded` | bounds for replies |
//! | `reply` | short ways to build commands and to read values |
//! | `error` | why Redis could not be used |
//! | `entry` | an event or a hash becomes a ban or an un-ban, or is skipped |
//! | `exchange` | a run's connection, and how it reads the stream |
//! | `look` | the search of the hashes |
//! | `sending` | sends bans and un-bans |
//! | `merge` | merges bans and un-bans with what is known here; pure |
//! | `examine` | what `check` tells |
//!
//! Protocol, commands and values are those of the crate `redis`. The sockets are
//! made here, for two promises: a run waits no longer than its deadline, even for
//! an answer that comes byte by byte, and an entry of Redis is never held in memory
//! at its own size. The crate's own connections have a limit for each read, and no
//! limit for the size of an answer.

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
pub use sending::SendOutcome;
