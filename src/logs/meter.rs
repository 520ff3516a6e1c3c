//! How much was read of logs so far, for the progress display.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// What this process has read of logs. One number for all: the display
/// shows how far everything has come, whichever threads and segments read it.
static READ: AtomicU64 = AtomicU64::new(0);

/// How many bytes of logs were read so far, as they stand on the disk: of a
/// compressed log the compressed ones, of a journal the lines.
#[must_use]
pub fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// Notes that so many more were read.
pub(super) fn count(bytes: u64) {
    READ.fetch_add(bytes, Ordering::Relaxed);
}

/// A reader whose bytes are noted.
#[derive(Debug)]
pub struct Metered<R>(pub R);

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        count(read as u64);
        Ok(read)
    }
}
