//! Reads a stream in blocks of one size, and no further than to a limit.

use std::io::{self, Read};

/// The first `most` bytes, and whether the stream broke before.
pub fn in_blocks(stream: &mut dyn Read, block: usize, most: usize) -> (Vec<u8>, bool) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; block]);
    while all.len() < most {
        let wanted = block.min(most - all.len());
        match stream.read(&mut buffer[..wanted]) {
            Ok(0) => return (all, false),
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return (all, true),
        }
    }
    (all, false)
}
