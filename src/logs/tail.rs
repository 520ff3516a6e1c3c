//! The last lines of a file.

use std::path::Path;

use super::bytes::bytes_at;
use super::open::{OpenError, open_log};

/// At most this much is looked at for the last lines.
const REACH: u64 = 4 << 20;

/// The last whole lines of the file at `path`: at most `count`, and at most
/// four MiB of them.
///
/// # Errors
/// It is missing, not to be read, or no file.
pub fn last_lines(path: &Path, count: usize) -> Result<Vec<u8>, OpenError> {
    let opened = open_log(path)?;
    if opened.packing.is_some() {
        return Err(OpenError::NotAFile("compressed"));
    }
    let size = opened.stat.size;
    let reach = size.min(REACH);
    let mut bytes = bytes_at(&*opened.file, size - reach, reach)?;
    bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1));
    let ends = memchr::memrchr_iter(b'\n', &bytes).nth(count);
    // Without the newline before them the first line may be a part of one.
    let start = ends.or_else(|| {
        (reach < size)
            .then(|| memchr::memchr(b'\n', &bytes))
            .flatten()
    });
    bytes.drain(..start.map_or(0, |newline| newline + 1));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_lines_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let last = |text: &[u8], count| {
            std::fs::write(&path, text).unwrap();
            String::from_utf8(last_lines(&path, count).unwrap()).unwrap()
        };
        assert_eq!(last(b"a\nb\nc\nd", 2), "b\nc\n");
        assert_eq!(last(b"a\nb\n", 9), "a\nb\n");
        assert_eq!(last(b"a", 9), "");
        assert_eq!(last(b"", 9), "");
        let long = [vec![b'x'; 5 << 20], b"\nlast\n".to_vec()].concat();
        assert_eq!(last(&long, 9), "last\n");
    }
}
