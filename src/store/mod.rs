//! What is remembered between runs: one SQLite file, one commit a run.
//!
//! | file | what |
//! |---|---|
//! | `query` | the store and a commit of it, and how their statements are run |
//! | `open` | how a store is opened: for a run, or only to be looked at |
//! | `opened` | what opening it has changed, and what is left to do |
//! | `error` | why it can not be used |
//! | `schema` | the tables, as numbered migrations that are never edited |
//! | `upgrade` | rewrites the rows of an older version in small steps |
//! | `takeover` | turns the database of a PyFilter 1 or 2 into a store |
//! | `files` | the file itself, and its copies |
//! | `space` | gives free space of the file back to the disk |
//! | `subject_key` | how a subject is a key |
//! | `read_back` | values that are checked when they are read back |
//! | `times` | whether a clock is believed, by the times of earlier runs; pure |
//! | `clock` | the time of a run, and the repair of what a wrong clock has left |
//! | `cursors` | how far each rule has read each log |
//! | `windows` | the open windows, and what is remembered of a subject under a rule |
//! | `candidates` | which bans count for the ban of a network |
//! | `cleared` | un-bans: until when the failures of a subject never count |
//! | `connections` | the connections to which further lines may belong |
//! | `paths` | the paths of the logs that failures are kept of |
//! | `bans` | bans, and how a ban is a row |
//! | `in_force` | the subjects in force: those that no wider one covers |
//! | `seen_subjects` | what a commit has read of them |
//! | `lifts` | how bans end |
//! | `past` | what `explain` shows |
//! | `counts` | what `metrics` shows of failures and bans |
//! | `sets` | the numbers of the sets of bans in force, and the changes between them |
//! | `effects` | the notifications of a commit, and what firewall and snapshot show |
//! | `installed_chains` | the chains that pyfilter made in the firewall |
//! | `exchange` | what was read of other servers in Redis |
//! | `outbox` | what is still to be sent to them |
//! | `sender` | the id under which that is sent, and what is sent again under another |
//! | `last_good` | what each file of `conf.d` said when it was last whole |
//!
//! # Errors
//! A method fails with a [`StoreError`] where the store can not be read, a method
//! of [`Commit`] also where it can not be written. Nothing has changed then.
#![expect(
    clippy::missing_errors_doc,
    reason = "the head says it once for all methods"
)]

mod bans;
mod candidates;
mod cleared;
mod clock;
mod connections;
mod counts;
mod cursors;
mod effects;
mod error;
mod exchange;
mod files;
mod in_force;
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
mod seen_subjects;
mod sender;
mod sets;
mod space;
mod subject_key;
mod takeover;
mod times;
mod upgrade;
mod windows;

pub use candidates::{NetworkBan, NetworkPasts};
pub use connections::OpenConnections;
pub use counts::StoredBanCount;
pub use effects::{PendingNotification, ShownSet};
pub use error::StoreError;
pub use in_force::BannedSubjects;
pub use opened::{Mended, OpenOutcome, Takeover, Unfinished};
pub use query::{Commit, Store};
pub use sets::Since;
pub use takeover::copy_database;
pub use windows::{OpenRow, StoredPast, TEXTS_KEPT};
