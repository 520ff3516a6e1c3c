//! Logs → generations → blocks of whole lines → failures, in order.
//!
//! | file | what |
//! |---|---|
//! | `discover` | what the configuration names → the logs there are |
//! | `globs` | a glob → the files it matches |
//! | `names` | which file is a generation of which log; pure |
//! | `identity` | is this the file we read: bytes before the cursor |
//! | `follow` | a log through its generations → what is to be read |
//! | `settle` | what was read → where the next run goes on |
//! | `journal` | the systemd journal → lines |
//! | `standard` | standard input in place of a file |
//! | `open`, `unpack` | a path → a regular file; compressed → a stream |
//! | `blocks` | a file or stream → blocks of whole lines |
//! | `piece`, `reader`, `wave`, `source`, `scan` | pieces of several logs → their failures, in parallel |
//! | `budget` | how long each of them may be read; pure |
//! | `meter` | how much was read so far, for who waits |
//! | `tail` | the last lines of a file, for `check` |

mod batch;
mod blocks;
mod budget;
mod checkpoint;
mod discover;
mod follow;
mod globs;
mod identity;
mod journal;
mod meter;
mod names;
mod open;
mod reader;
mod reading;
mod scan;
mod segment;
mod sizes;
mod source;
mod standard;
mod status;
mod tail;
mod unpack;

pub use blocks::LONGEST_LINE;
pub use budget::Budget;
pub use checkpoint::{LogChanged, checkpoint};
pub use discover::{Discovered, Log, discover, each_once, is_auto, ssh_journal};
pub use follow::{Followed, Task, follow, generations};
pub use journal::{
    Journal, JournalEntry, JournalError, JournalProgress, entries_between, journal, journal_line,
    journal_named, last_entries, newest_entry, unknown_users, whole_journal,
};
pub use meter::{Metered, bytes_read};
pub use open::{OpenError, stream, whole};
pub use reading::{Left, Reading};
pub use scan::{MatchedFailure, More, Sink, Unread, scan, scan_within};
pub use segment::{Content, Segment};
pub use sizes::Sizes;
pub use standard::{is_standard, named};
pub use status::Status;
pub use tail::last_lines;
