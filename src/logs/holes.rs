//! Holes of files, and lines that are too long: where a reading goes on within them.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use super::blocks::LONGEST_LINE;
use super::bytes::bytes_at;

/// Whether `from` is not where a line starts, which is so only within a line
/// that is too long. A file that can not be read says so when it is read.
pub(super) fn is_within_line(file: &File, from: u64) -> bool {
    from > 0
        && bytes_at(file, from - 1, 1)
            .is_ok_and(|byte| byte.first().is_some_and(|&byte| byte != b'\n'))
}

/// Whether a file takes less room on the disk than it has bytes.
pub(super) fn is_sparse(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.blocks().saturating_mul(512) < metadata.len())
}

/// The byte at which a file goes on behind a hole that begins at or before `at`,
/// if that is larger than any line that counts; `u64::MAX` where it ends in one.
pub(super) fn behind_hole(file: &File, at: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) if data - at > LONGEST_LINE as u64 => data,
        Err(rustix::io::Errno::NXIO) => u64::MAX,
        // A file system that knows no holes has none.
        _ => at,
    }
}
