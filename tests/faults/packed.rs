//! Compressed files.
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}
