//! Bans of other servers, through one Redis.
//!
//! | file | what |
//! |---|---|
//! | `connection` | a connection: commands and replies before one deadline |
//! | `socket` | how Redis is reached: TCP or Unix, and TLS |
//! | `bounded` | bounds for replies |
//! | `reply` | short ways to build commands and to read values |
//! | `error` | why Redis could not be used |
//! | `entry` | an event or a network in force becomes a ban or an un-ban, or is skipped |
//! | `hash` | a hash of PyFilter's becomes a ban, or is skipped |
//! | `exchange` | a run's connection, and the names of the keys |
//! | `receive` | how a run reads the two streams |
//! | `look` | the search of the hashes |
//! | `held` | the search of the networks in force |
//! | `sending` | sends bans and un-bans |
//! | `merge` | merges bans and un-bans with what is known here; pure |
//! | `examine` | what `check` tells |
//!
//! Protocol, commands and values are those of the crate `redis`. The sockets are
//! made here, for two promises: a run waits no longer than its deadline, even for
//! an answer that comes byte by byte, and an entry of Redis is never held in memory
//! at its own size. The crate's own connections have a limit for each read, and no
//! limit for the size of an answer.
//!
//! # Two streams and one sequence of numbers
//!
//! Addresses have the stream `pyfilter:events`, networks `pyfilter:networks`, so that older
//! versions meet no network. A server numbers all that it sends in one sequence, whatever
//! the stream. So within a stream the numbers of a server grow, with gaps: to have read 7
//! in one stream says nothing of 6 in the other. Whoever reads them therefore keeps, for
//! each stream apart, its position, the last number of each other server, and the highest
//! of its own numbers. An own number that was never given is one above all that were,
//! whatever the stream: it shows that somebody else sends under the id, and a new id is one
//! for both streams.
//!
//! The hash `pyfilter:networks:held` has a field for each network in force, with the
//! fields of its ban's event as JSON. It is to networks what the hashes of PyFilter are to
//! addresses: read at first contact, after a gap and every `check_time`. A field leaves
//! with the un-ban, in the same transaction. A field has no expiry in Redis: one whose ban
//! has ended is passed over, and the first server that meets it in a search removes it.
//!
//! The un-ban of a network lifts the bans within it as well, of which the server that sends
//! it may not know. An entry in Redis that it leaves is taken away by the server that made
//! the ban, when it lifts it.

mod bounded;
mod connection;
mod entry;
mod error;
mod examine;
mod exchange;
mod hash;
mod held;
mod look;
mod merge;
mod receive;
mod reply;
mod sending;
mod socket;

pub use connection::Cost;
pub use entry::{Event, RejectedEntry, RemoteBan, RemoteUnban};
pub use error::{SyncError, Why};
pub use examine::{Examined, examine};
pub use exchange::Exchange;
pub use look::HashSearch;
pub use merge::{Merged, merge};
pub use receive::{Ahead, Received, ReceivedStream};
pub use sending::SendOutcome;
