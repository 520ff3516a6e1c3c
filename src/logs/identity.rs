//! Is this the file we read? Device and inode do not tell: a rotation may
//! hand a freed inode to the next file at once. The bytes we read do.

use std::hash::Hasher;
use std::io;

use siphasher::sip::SipHasher13;

use crate::model::{Cursor, Fingerprint};

/// How many bytes at most are hashed at each end of what was read.
const REACH: u64 = 1024;

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    Fingerprint {
        length: bytes.len() as u64,
        hash: hasher.finish(),
    }
}

/// What can be read at any place.
pub trait ReadAt {
    /// Fills `buffer` from the byte at `offset`, less only where the file ends.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for std::fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match std::os::unix::fs::FileExt::read_at(
                self,
                &mut buffer[filled..],
                offset + filled as u64,
            ) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

fn hashed(file: &impl ReadAt, start: u64, length: u64) -> io::Result<Fingerprint> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let filled = file.read_at(&mut bytes, start)?;
    Ok(fingerprint(&bytes[..filled]))
}

/// The cursor of a file that was read up to `offset`.
///
/// # Errors
/// The file can not be read.
pub fn cursor(file: &impl ReadAt, offset: u64) -> io::Result<Cursor> {
    let reach = offset.min(REACH);
    Ok(Cursor {
        offset,
        head: hashed(file, 0, reach)?,
        tail: hashed(file, offset - reach, reach)?,
    })
}

/// Whether `file` holds the bytes that were read.
pub(super) fn is_of(cursor: &Cursor, file: &impl ReadAt) -> io::Result<bool> {
    let Cursor { offset, head, tail } = *cursor;
    if offset == 0 {
        return Ok(true);
    }
    let tail_start = offset.saturating_sub(tail.length);
    Ok(hashed(file, 0, head.length)? == head && hashed(file, tail_start, tail.length)? == tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl ReadAt for Vec<u8> {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.get(usize::try_from(offset).unwrap()..).unwrap_or(&[]);
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    proptest! {
        #[test]
        fn a_file_that_grew_is_known_and_one_that_changed_is_not(
            read in prop::collection::vec(any::<u8>(), 0..5000),
            more in prop::collection::vec(any::<u8>(), 0..100),
            place: prop::sample::Index,
        ) {
            let read_so_far = cursor(&read, read.len() as u64).unwrap();
            let grown = [read.clone(), more].concat();
            prop_assert!(is_of(&read_so_far, &grown).unwrap());
            if read.is_empty() { return Ok(()) }
            // Only the ends are looked at: 1,024 bytes each.
            let n = place.index(read.len());
            if n < 1024 || n >= read.len() - 1024.min(read.len()) {
                let mut other = grown.clone();
                other[n] ^= 1;
                prop_assert!(!is_of(&read_so_far, &other).unwrap());
            }
            prop_assert!(!is_of(&read_so_far, &read[..read.len() - 1].to_vec()).unwrap());
        }
    }

    #[test]
    fn the_hash_is_the_same_in_every_version() {
        assert_eq!(
            fingerprint(b"pyfilter"),
            Fingerprint {
                length: 8,
                hash: 11_406_678_149_184_151_609
            }
        );
    }
}
