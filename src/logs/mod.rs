//! Logs → blocks of whole lines → failures, in order.
//!
//! | file | what |
//! |---|---|
//! | `discover` | what the configuration names → the logs there are |
//! | `open` | a path → a regular file, never a pipe that hangs |
//! | `identity` | is this the file we read: hashes of bytes before the cursor |
//! | `resume` | cursor and file → where to go on; pure |
//! | `blocks` | a part of a file → blocks of whole lines |
//! | `tail` | the last lines of a file, for `check` |
//! | `scan` | blocks of several sources → their failures, matched in parallel |

mod blocks;
mod discover;
mod identity;
mod open;
mod resume;
mod scan;
mod tail;

pub use blocks::LONGEST_LINE;
pub use discover::{Discovered, discover, each_once};
pub use identity::cursor;
pub use open::{Met, OpenError, meet};
pub use resume::{Resume, Seen, Status, resume};
pub use scan::{Heard, Input, Reading, Sizes, scan};
pub use tail::last_lines;
