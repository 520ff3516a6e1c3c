//! Bytes of a file at any place, and of a stream as many as are wanted.

use std::io::{self, Read};

/// What can be read at any place.
pub(super) trait ReadAt {
    /// Fills `buffer` from the byte at `offset`, less only where the file ends.
    ///
    /// # Errors
    /// The file can not be read.
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

/// The bytes of `file` from `start` on, `length` of them unless it ends before.
pub(super) fn bytes_at(file: &impl ReadAt, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let filled = file.read_at(&mut bytes, start)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Fills `bytes` from a stream, less only where it ends or breaks; tells how
/// many were read, also of one that broke.
///
/// A decompressor moves its whole window at each call, so it is asked for much
/// at once.
pub(super) fn read_some(stream: &mut impl Read, bytes: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

#[cfg(test)]
impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.get(usize::try_from(offset).unwrap()..).unwrap_or(&[]);
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}
