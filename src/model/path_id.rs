use std::hash::Hasher as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use siphasher::sip::SipHasher13;

/// The id of a log's path, a hash of it. Kept failures have the id, and the store has
/// the path of each id once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(i64);

impl PathId {
    /// The id of a path: SipHash-1-3 of its bytes under a zero key.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        PathId(hash(path.as_os_str().as_bytes()).cast_signed())
    }

    /// The number by which the store knows it.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.try_into().ok()?;
        Some(PathId(i64::from_le_bytes(bytes)))
    }
}

/// How much of a line its digest is taken of, in bytes.
const DIGESTED: usize = 256;

/// A digest of a line without its newline: the low half of a hash of its first 256
/// bytes. By it a line is recognised whose text was not kept.
#[must_use]
pub fn line_digest(line: &[u8]) -> u32 {
    let hash = hash(&line[..line.len().min(DIGESTED)]);
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_the_same_in_every_version() {
        assert_eq!(
            PathId::of(Path::new("pyfilter")).0.cast_unsigned(),
            11_406_678_149_184_151_609
        );
        assert_eq!(
            u64::from(line_digest(b"pyfilter")),
            0x9e4c_a957_6d54_e039_u64 & 0xffff_ffff
        );
    }

    #[test]
    fn a_cut_text_has_the_digest_of_its_line() {
        let line = [b'x'; 3000];
        assert_eq!(line_digest(&line), line_digest(&line[..1024]));
        assert_ne!(line_digest(&line), line_digest(&line[..255]));
    }
}
