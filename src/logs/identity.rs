//! Is this the file we read? Device and inode do not tell: a rotation may
//! hand a freed inode to the next file at once. The bytes we read do.

use std::hash::Hasher;
use std::io::{self, Read};

use siphasher::sip::SipHasher13;

use crate::model::{Cursor, Fingerprint};

use super::bytes::{ReadAt, bytes_at, read_some};

/// How much of a stream is read at once.
const STEP: usize = 256 << 10;

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    Fingerprint {
        length: bytes.len() as u64,
        hash: hasher.finish(),
    }
}

/// The cursor of a file that was read up to `offset`; none if it is shorter by now.
pub(super) fn cursor(file: &impl ReadAt, offset: u64) -> io::Result<Option<Cursor>> {
    let reach = offset.min(Cursor::TAIL);
    let head = bytes_at(file, 0, offset.min(Cursor::HEAD))?;
    let tail = bytes_at(file, offset - reach, reach)?;
    let whole = head.len() as u64 == offset.min(Cursor::HEAD) && tail.len() as u64 == reach;
    Ok(whole.then(|| cursor_of(offset, &head, &tail)))
}

/// The cursor of a file whose first and last bytes before `offset` these are;
/// more of them than a cursor keeps may be given.
pub(super) fn cursor_of(offset: u64, head: &[u8], tail: &[u8]) -> Cursor {
    let first = |most: u64| usize::try_from(offset.min(most)).unwrap_or(usize::MAX);
    let head = &head[..head.len().min(first(Cursor::HEAD))];
    let tail = &tail[tail.len().saturating_sub(first(Cursor::TAIL))..];
    Cursor {
        offset,
        head: head.into(),
        tail: fingerprint(tail),
    }
}

/// The cursor of a file that was not read.
pub(super) fn unread() -> Cursor {
    cursor_of(0, &[], &[])
}

/// Whether `file` holds the bytes that were read. Of a file that was not read
/// at all nothing is known, so it is none.
pub(super) fn is_of(cursor: &Cursor, file: &impl ReadAt) -> io::Result<bool> {
    let Cursor {
        offset,
        ref head,
        tail,
    } = *cursor;
    Ok(offset > 0
        && bytes_at(file, 0, head.len() as u64)? == **head
        && fingerprint(&bytes_at(
            file,
            offset.saturating_sub(tail.length),
            tail.length,
        )?) == tail)
}

/// Whether a file that begins with `head` and has `size` bytes is a part of
/// what was read: a copy that was made before all of it was there.
pub(super) fn is_part_of(cursor: &Cursor, head: &[u8], size: u64) -> bool {
    let length = head.len().min(cursor.head.len());
    length > 0 && size < cursor.offset && head[..length] == cursor.head[..length]
}

/// Which of `cursors` a stream holds all bytes of: the farthest one. It is
/// read only as far as it takes to know. Where it breaks, it ends.
pub(super) fn find_in_stream(stream: &mut impl Read, cursors: &[&Cursor]) -> Option<usize> {
    let mut window = Vec::with_capacity(STEP + 1024);
    let mut at = 0;
    more(stream, &mut window);
    let begins = |cursor: &Cursor| cursor.offset > 0 && window.starts_with(&cursor.head);
    let mut open: Vec<usize> = (0..cursors.len()).filter(|&n| begins(cursors[n])).collect();
    open.sort_by_key(|&n| cursors[n].offset);
    let mut found = None;
    for n in open {
        let Cursor { offset, tail, .. } = *cursors[n];
        while at + (window.len() as u64) < offset {
            let keep = window.len().min(1024);
            at += (window.len() - keep) as u64;
            window.drain(..window.len() - keep);
            if more(stream, &mut window) == 0 {
                return found;
            }
        }
        let within = |place: u64| usize::try_from(place - at).ok();
        let bytes = within(offset.saturating_sub(tail.length).max(at))
            .zip(within(offset))
            .map(|(start, end)| &window[start..end]);
        if bytes.is_some_and(|bytes| fingerprint(bytes) == tail) {
            found = Some(n);
        }
    }
    found
}

/// Appends the next bytes of a stream: as many as a step, unless it ends.
fn more(stream: &mut impl Read, window: &mut Vec<u8>) -> usize {
    let start = window.len();
    window.resize(start + STEP, 0);
    // What was read before an error is there all the same.
    let (read, _) = read_some(stream, &mut window[start..]);
    window.truncate(start + read);
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_file_that_grew_is_known_and_one_that_changed_is_not(
            read in prop::collection::vec(any::<u8>(), 1..5000),
            more in prop::collection::vec(any::<u8>(), 0..100),
            place: prop::sample::Index,
        ) {
            let known = cursor(&read, read.len() as u64).unwrap().unwrap();
            let grown = [read.clone(), more].concat();
            prop_assert!(is_of(&known, &grown).unwrap());
            prop_assert_eq!(find_in_stream(&mut grown.as_slice(), &[&known]), Some(0));
            // Only the ends are looked at.
            let n = place.index(read.len());
            if n < 256 || n >= read.len().saturating_sub(1024) {
                let mut other = grown.clone();
                other[n] ^= 1;
                prop_assert!(!is_of(&known, &other).unwrap());
                prop_assert_eq!(find_in_stream(&mut other.as_slice(), &[&known]), None);
            }
            let shorter = read[..read.len() - 1].to_vec();
            prop_assert!(!is_of(&known, &shorter).unwrap());
            prop_assert_eq!(find_in_stream(&mut shorter.as_slice(), &[&known]), None);
            prop_assert_eq!(is_part_of(&known, &shorter[..shorter.len().min(256)], shorter.len() as u64), !shorter.is_empty());
        }

        #[test]
        fn of_several_cursors_in_a_stream_the_farthest_is_found(
            bytes in prop::collection::vec(any::<u8>(), 1..300_000),
            places in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        ) {
            let offsets: Vec<u64> = places.iter().map(|place| place.index(bytes.len()) as u64 + 1).collect();
            let cursors: Vec<Cursor> = offsets.iter().map(|&offset| cursor(&bytes, offset).unwrap().unwrap()).collect();
            let found = find_in_stream(&mut bytes.as_slice(), &cursors.iter().collect::<Vec<_>>()).unwrap();
            prop_assert_eq!(offsets[found], *offsets.iter().max().unwrap());
        }
    }

    #[test]
    fn of_a_file_that_was_not_read_nothing_is_known() {
        let empty = cursor(&Vec::new(), 0).unwrap().unwrap();
        assert!(!is_of(&empty, &b"anything".to_vec()).unwrap());
        assert!(!is_part_of(&empty, b"anything", 8));
        assert_eq!(cursor(&b"short".to_vec(), 6).unwrap(), None);
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
