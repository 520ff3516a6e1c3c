//! The words of the program as types. No I/O, and no other room is named here.
//!
//! | file | word |
//! |---|---|
//! | `address` | [`Address`]: canonical, comparable, printable |
//! | `subject`, `given` | [`Subject`]: an address or a network; [`GivenSubject`]: one as a person has written it |
//! | `network_map`, `subject_set` | [`NetworkMap`], [`SubjectSet`]: networks, found by what they hold |
//! | `stamp`, `moment`, `span` | [`Stamp`]: a time with the fraction the log had; [`Moment`]: a time as a person writes it; how long something lasts |
//! | `rule` | [`Rule`]: sources, patterns, thresholds |
//! | `variant` | [`Variant`]: other thresholds, for `audit --what-if` |
//! | `failure` | [`Failure`]: a line of a log that matches a rule; [`KeptFailure`]: one that is remembered |
//! | `evidence` | [`Evidence`]: the failures of a window |
//! | `connection` | [`LoginConnection`]: of a client of ssh; [`LoginLine`]: what a line is to it |
//! | `ban` | [`Ban`]: a subject, with rule, server, time, reason, and when it ends |
//! | `ban_time` | [`BanTime`]: how long a ban lasts, and when it ends |
//! | `sharing`, `redis` | [`OutboundEvent`]: what is sent to the other servers; [`RedisBanEntry`]: a ban as Redis holds it; [`RedisSettings`]: how their Redis is reached |
//! | `past` | [`PastBan`]: a ban with how it ended |
//! | `cursor` | [`Cursor`]: how far a rule has read a log |
//! | `firewall` | [`Firewall`]: its settings |
//! | `country` | [`Country`]: where an address is from |
//! | `skew` | [`MOST_SKEW`], [`EARLIEST_NOW`]: how far a clock is believed |
//! | `problem` | [`Problem`]: what could not be done while the run went on |
//! | `server` | which names a server may have |
//! | `path_id`, `numbers` | a path and a number as the store keeps them |
//! | `escape`, `plural` | text for people: control characters as `\xHH`, `1 log` and `2 logs` |

mod address;
mod ban;
mod ban_time;
mod connection;
mod country;
mod cursor;
mod escape;
mod evidence;
mod failure;
mod firewall;
mod given;
mod moment;
mod network_map;
mod numbers;
mod past;
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
mod subject;
mod subject_set;
mod variant;

pub use address::{Address, Family};
pub use ban::{Ban, Cause, Origin, Unban};
pub use ban_time::{BanTime, BanTimes};
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
pub use firewall::{
    Backend, ChainLocation, ChainNameError, Deny, Firewall, InstalledChain, IptablesVariant,
    check_hook, check_own_chain,
};
pub use given::{GivenSubject, GivenSubjectError};
pub use moment::{Moment, MomentError};
pub use network_map::NetworkMap;
pub use past::{OpenWindow, PastBan};
pub use path_id::{PathId, line_digest};
pub use plural::plural;
pub use problem::Problem;
pub use redis::RedisSettings;
pub use rule::{
    Aggregate, LoginPage, Pattern, Positions, Rule, SourceSpec, Thresholds, Urls, UsualPlaces,
    WindowKind,
};
pub use server::check_server_name;
pub use sharing::{
    BanPeriod, EventStream, OutboundAction, OutboundEvent, PerStream, RedisBanEntry, Sender,
    StreamPosition, SubjectRecord,
};
pub use skew::{EARLIEST_NOW, MOST_SKEW};
pub use span::{SpanError, parse_span, span_text};
pub use stamp::Stamp;
pub use subject::{Prefixes, Subject};
pub use subject_set::SubjectSet;
pub use variant::{Axis, AxisError, Variant, variants};
