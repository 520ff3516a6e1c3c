//! What is remembered between runs: one SQLite file, one commit a run.
//!
//! | file | what |
//! |---|---|
//! | `query` | the store and a commit of it, and how their statements are run |
//! | `open` | how a store is opened: for a run, or only to be looked at |
//! | `opened` | what opening it has changed, and what is left to do |
//! | `error` | why it can not be used |
//! | `schema` | the tables, as numbered migrations that are never edited |
//! | `upgrade` | the rows of an older version are rewritten in small steps |
//! | `takeover` | the database of a PyFilter 1 or 2 |
//! | `files` | the file itself, and its copies |
//! | `space` | what is free in the file is given back to the disk |
//! | `read_back` | what is read is checked before it is reckoned with |
//! | `times` | the times of earlier runs; pure |
//! | `clock` | the time of a run, and what a wrong clock has left |
//! | `cursors` | how far each rule has read each log |
//! | `windows` | the open windows, and what is remembered of an address under a rule |
//! | `connections` | the connections to which further lines may belong |
//! | `paths` | the paths of the logs that failures are kept of |
//! | `bans` | bans in force |
//! | `lifts` | how bans end |
//! | `past` | what `explain` shows |
//! | `counts` | what `metrics` shows |
//! | `sets` | the numbers of the sets of bans in force, and the changes between them |
//! | `effects` | the notifications of a commit, and what firewall and snapshot show |
//! | `installed_chains` | the chains that pyfilter made in the firewall |
//! | `exchange` | what other servers told |
//! | `outbox` | what is still to be sent to them |
//! | `sender` | under which id, and what is sent again under another |
//! | `last_good` | what files of `conf.d` said when they were last whole |
//!
//! # Errors
//! A method fails with a [`StoreError`] where the store can not be read, a method
//! of [`Commit`] also where it can not be written. Nothing has changed then.
#![expect(
    clippy::missing_errors_doc,
    reason = "the head says it once for all methods"
)]

mod bans;
mod clock;
mod connections;
mod counts;
mod cursors;
mod effects;
mod error;
mod exchange;
mod files;
mod installed_chains;
mod last_good;
mod lifts;
mod open;
mod opened;
mod outbox;
mod past;
mod paths;
mod query;
mod read_back;
mod schema;
mod sender;
mod sets;
mod space;
mod takeover;
mod times;
mod upgrade;
mod windows;

pub use bans::BannedAddresses;
pub use connections::OpenConnections;
pub use counts::StoredBanCount;
pub use effects::{PendingNotification, ShownSet};
pub use error::StoreError;
pub use opened::{Mended, OpenOutcome, Takeover, Unfinished};
pub use query::{Commit, Store};
pub use sets::Since;
pub use takeover::copy_database;
pub use windows::{OpenRow, StoredPast, TEXTS_KEPT};
