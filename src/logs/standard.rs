//! Standard input in place of a file.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::model::CountsFrom;
use crate::rules::Clock;

use super::meter::Metered;
use super::open::{OpenError, whole};
use super::segment::{Content, Segment};

/// Whether `path` is the name of standard input and standard output, `-`.
#[must_use]
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// The whole of what was named on the command line: a file, or standard input,
/// whose stamps without a year are of before `now`.
pub(super) fn named(path: &Path, now: i64) -> Result<Segment, OpenError> {
    if !is_standard(path) {
        return whole(path);
    }
    Ok(Segment {
        content: Content::Stream {
            stream: Box::new(Metered(io::stdin())),
            from: 0,
            ends: true,
            packed: None,
        },
        clock: Clock::new(now),
        counts: CountsFrom::default(),
    })
}
