//! Logs → generations → blocks of whole lines → failures, in order.
//!
//! | file | what it does |
//! |---|---|
//! | `inputs` | the one reading: what is to be read, opened; then read into a sink |
//! | `input`, `part` | a log, a journal or a file; each of its files, what is to be read of it, and what came of that |
//! | `sink` | who takes the failures |
//! | `checkpoint` | what was read → where the next run goes on |
//! | `discover` | what the configuration names → the logs there are |
//! | `globs` | a glob → the files it matches |
//! | `names` | which file is a generation of which log; pure |
//! | `identity` | whether a file is the one that was read: by the bytes before the cursor |
//! | `follow` | a log through its generations → what is to be read |
//! | `whole` | the same from the start of each generation |
//! | `journal` | the systemd journal → lines |
//! | `standard` | standard input in place of a file |
//! | `open`, `unpack` | a path → a regular file; compressed → a stream |
//! | `bytes` | bytes of a file at any place, or of a stream |
//! | `segment` | a file, a part of one, or a stream, that is to be read |
//! | `blocks` | a segment → blocks of whole lines |
//! | `batch` | blocks that are matched in parallel → their failures |
//! | `reader` | a segment, batch by batch |
//! | `holes` | where a reading goes on within a hole or a line that is too long |
//! | `source` | the segments of an input; the failures of several inputs, merged |
//! | `scan` | the parallel driver of all sources |
//! | `reading`, `totals` | what came of reading a segment, and what a rule met there |
//! | `sizes` | how much is read at once |
//! | `budget` | how long each source may be read; pure |
//! | `status` | what became of a log since the last run |
//! | `meter` | how much was read so far, for the progress display |
//! | `tail` | the last lines of a file, for `check` and `init` |

mod batch;
mod blocks;
mod budget;
mod bytes;
mod checkpoint;
mod discover;
mod follow;
mod globs;
mod holes;
mod identity;
mod input;
mod inputs;
mod journal;
mod meter;
mod names;
mod open;
mod part;
mod reader;
mod reading;
mod scan;
mod segment;
mod sink;
mod sizes;
mod source;
mod standard;
mod status;
mod tail;
mod totals;
mod unpack;
mod whole;

pub use blocks::LONGEST_LINE;
pub use budget::Budget;
pub use checkpoint::{Checkpoint, ReadAgain, SourcePosition};
pub use discover::{Discovered, Log, discover, each_once, unread_usual_files};
pub use inputs::{Inputs, LastPositions, LogPlaces, LogReader, NewSource, ReadReport};
pub use journal::{
    Journal, JournalEntry, JournalError, entries_between, journal_line, journal_named,
    last_entries, newest_entry, unknown_users,
};
pub use meter::{Metered, bytes_read};
pub use open::{OpenError, stream};
pub use part::InputPart;
pub use reading::Reading;
pub use segment::Left;
pub use sink::{Counted, FailureSink, MatchedFailure, More};
pub use sizes::Sizes;
pub use standard::is_standard;
pub use status::Status;
pub use tail::last_lines;
