//! The words of the program as types. No I/O, and no other room is named here.
//!
//! | word | type |
//! |---|---|
//! | address | [`Address`]: canonical, comparable, printable |
//! | time | [`Stamp`]: a moment with the fraction the log had |
//! | rule | [`Rule`]: sources, patterns, thresholds |
//! | failure | [`Failure`]: a line of a log that matches a rule |
//! | connection | [`LoginConnection`]: of a client of ssh; [`LoginLine`]: what a line is to it |
//! | ban | [`Ban`]: an address, with rule, server, time, reason, and when it ends |
//! | skew | [`MOST_SKEW`], [`EARLIEST_NOW`]: how far a clock is believed |
//! | country | [`Country`]: where an address is from |
//! | other servers | [`RedisSettings`]: how their Redis is reached; [`OutboundEvent`]: what is sent to them; [`RedisBanEntry`]: a ban as Redis holds it |
//! | problem | [`Problem`]: what could not be done while the run went on |

mod address;
mod ban;
mod connection;
mod country;
mod cursor;
mod escape;
mod evidence;
mod failure;
mod firewall;
mod moment;
mod numbers;
mod path_id;
mod plural;
mod problem;
mod redis;
mod rule;
mod server;
mod sharing;
mod skew;
mod span;
mod stamp;
mod variant;

pub use address::{Address, Family};
pub use ban::{Ban, Cause, Origin, Unban};
pub use connection::{
    ConnectionId, LinePlace, LoginConnection, LoginLine, Role, connections_from_bytes,
    connections_to_bytes,
};
pub use country::{Country, CountryCode};
pub use cursor::{
    CountsFrom, Cursor, FileStat, Fingerprint, Generation, GenerationState, JournalCursor,
    JournalPosition,
};
pub use escape::Escaped;
pub use evidence::{Evidence, Line};
pub use failure::{Failure, KeptFailure};
pub use firewall::{Backend, ChainLocation, Deny, Firewall, InstalledChain, IptablesVariant};
pub use moment::{Moment, MomentError};
pub use path_id::{PathId, line_digest};
pub use plural::plural;
pub use problem::Problem;
pub use redis::RedisSettings;
pub use rule::{LoginPage, Pattern, Positions, Rule, SourceSpec, Thresholds, Urls, WindowKind};
pub use server::check_server_name;
pub use sharing::{
    AddressRecord, BanPeriod, OutboundAction, OutboundEvent, RedisBanEntry, Sender, StreamPosition,
};
pub use skew::{EARLIEST_NOW, MOST_SKEW};
pub use span::{SpanError, parse_span};
pub use stamp::Stamp;
pub use variant::{Axis, AxisError, Variant, variants};
