//! Compressed logs, told by their first bytes and not by their names, as
//! streams of what is packed in them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::bytes::bytes_at;
use super::meter;

/// What unpacking a file may take: more than `xz -9` and `zstd -19` need.
const MEMORY: u64 = 72 << 20;

/// How compressed files may be, in words.
pub(super) const READ: &str = "gzip, bzip2, xz or zstd";

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// What a file is that is compressed in a way that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownPacking(pub(super) &'static str);

/// How `file` is compressed, if it is.
pub(super) fn packing(file: &File) -> io::Result<Result<Option<Packing>, UnknownPacking>> {
    Ok(match bytes_at(file, 0, 6)?[..] {
        [0x1f, 0x8b, ..] => Ok(Some(Packing::Gzip)),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Ok(Some(Packing::Bzip2)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Ok(Some(Packing::Xz)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Some(Packing::Zstd)),
        [0x1f, 0x9d, ..] => Err(UnknownPacking("compress (.Z)")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Err(UnknownPacking("lz4")),
        [b'P', b'K', 3, 4, ..] => Err(UnknownPacking("zip")),
        _ => Ok(None),
    })
}

/// A stream of what is packed in `file`, all members of it. Its memory does
/// not grow with what comes out.
pub(super) fn unpack(file: &File, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    unpack_counted(file, packing, Arc::default())
}

/// The same; `read` tells how many of the packed bytes were read so far.
pub(super) fn unpack_counted(
    file: &File,
    packing: Packing,
    read: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let file = FromStart {
        file: file.try_clone()?,
        at: read,
    };
    let file = BufReader::with_capacity(64 << 10, file);
    Ok(match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        Packing::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(file, stream))
        }
        Packing::Zstd => Box::new(Frames {
            file: Some(file),
            decoder: None,
        }),
    })
}

/// When the content of a gzip file was last written, if its header says so
/// (RFC 1952, 2.3.1: MTIME).
pub(super) fn gzip_time(file: &File) -> Option<i64> {
    let header = bytes_at(file, 4, 4).ok()?;
    let seconds = u32::from_le_bytes(header.try_into().ok()?);
    (seconds > 0).then(|| i64::from(seconds))
}

/// A file from its start, whatever others read of it.
struct FromStart {
    file: File,
    at: Arc<AtomicU64>,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.at.load(Ordering::Relaxed);
        let read = std::os::unix::fs::FileExt::read_at(&self.file, buffer, at)?;
        self.at.store(at + read as u64, Ordering::Relaxed);
        meter::count(read as u64);
        Ok(read)
    }
}

type Zstd<R> = ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>;

/// The frames of a zstd file, one after the other.
struct Frames<R: io::BufRead> {
    file: Option<R>,
    decoder: Option<Box<Zstd<R>>>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let read = decoder.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
                self.file = self.decoder.take().map(|decoder| decoder.into_inner());
            }
            let Some(mut file) = self.file.take() else {
                return Ok(0);
            };
            if file.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let decoder =
                ruzstd::decoding::StreamingDecoder::new_with_max_window_size(file, MEMORY);
            let decoder = decoder
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.decoder = Some(Box::new(decoder));
        }
    }
}

/// A stream that breaks when it has been read for longer than it may be: what is packed
/// in a file may be a thousand times as much as the file has bytes.
pub(super) struct TimeLimited<R> {
    stream: R,
    ends: Instant,
}

impl<R> TimeLimited<R> {
    /// From now on for at most `limit`.
    pub(super) fn new(stream: R, limit: Duration) -> Self {
        let ends = Instant::now() + limit;
        TimeLimited { stream, ends }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }
}

impl<R: Read> Read for TimeLimited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.read(buffer)
    }
}
