//! A part of a file → blocks of whole lines.
//!
//! A block owns the lines that start in it, so that blocks can be read and
//! matched by many threads at once and no line is read twice or missed.

use std::io::{self, Read};
use std::ops::Range;
use std::time::{Duration, Instant};

use memchr::{memchr, memrchr};

use super::bytes::{ReadAt, read_some};

/// Longer lines are counted and not matched: nothing that logs an attempt
/// writes a megabyte, and the memory of a run is bounded by it.
pub const LONGEST_LINE: usize = 1 << 20;

/// How much is read at once when the end of a line is looked for.
const STEP: usize = 64 << 10;

/// How much of a stream is skipped at once.
const SKIP: u64 = 512 << 10;

/// How much of a stream is read for one block while no line ends in it.
const PASSED_OVER: u64 = 4 << 20;

/// What is read along with a block because its last line is likely to end there.
const SLACK: usize = 4 << 10;

/// Where reading begins: from another byte of the page cache the kernel copies at
/// a third of the speed.
const ALIGNED: u64 = 64;

/// Whole lines of a file.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    lines: Range<usize>,
    /// The byte of the file at which its lines start.
    pub(super) base: u64,
    /// Where a line starts that is longer than [`LONGEST_LINE`].
    pub(super) long_line: Option<u64>,
    /// Whether the file ended before the block did: it was cut while it was read.
    pub(super) cut_short: bool,
}

impl Block {
    /// Its lines.
    pub(super) fn lines(&self) -> &[u8] {
        &self.bytes[self.lines.clone()]
    }

    /// The byte of the file behind its last line.
    pub(super) fn end(&self) -> u64 {
        self.base + self.lines.len() as u64
    }

    /// Reads the lines that start in `part`, a part of the `whole` that
    /// begins and ends with a line.
    pub(super) fn fill(
        &mut self,
        file: &impl ReadAt,
        whole: &Range<u64>,
        part: &Range<u64>,
    ) -> io::Result<()> {
        let lead = u64::from(part.start > whole.start);
        let before = part.start - lead;
        let first = before / ALIGNED * ALIGNED;
        let wanted = (part.end + SLACK as u64).min(whole.end) - first;
        (self.lines, self.long_line) = (0..0, None);
        self.read(file, first, wanted)?;
        // From here on places are counted within the bytes.
        let last = usize_of(part.end - 1 - first);
        let before = usize_of(before - first).min(self.bytes.len());
        let start = match lead {
            0 => before,
            _ => memchr(b'\n', &self.bytes[before..])
                .map_or(self.bytes.len(), |newline| before + newline + 1),
        };
        if start > last.min(self.bytes.len()) {
            (self.base, self.lines) = (part.end, 0..0);
            return Ok(());
        }
        let stop = if self.cut_short {
            self.last_newline(start)
        } else {
            self.end_of_line(file, whole.end, first, start, last)?
        };
        (self.base, self.lines) = (first + start as u64, start..stop);
        Ok(())
    }

    fn read(&mut self, file: &impl ReadAt, first: u64, wanted: u64) -> io::Result<()> {
        self.bytes.resize(usize_of(wanted), 0);
        let filled = file.read_at(&mut self.bytes, first)?;
        self.cut_short = filled < self.bytes.len();
        self.bytes.truncate(filled);
        Ok(())
    }

    fn last_newline(&self, start: usize) -> usize {
        memrchr(b'\n', &self.bytes[start..]).map_or(start, |newline| start + newline + 1)
    }

    /// Where the line ends that holds the byte `last`; reads on as long as it
    /// may. A line that is too long is left out, and noted.
    fn end_of_line(
        &mut self,
        file: &impl ReadAt,
        whole_end: u64,
        first: u64,
        start: usize,
        last: usize,
    ) -> io::Result<usize> {
        let line =
            memrchr(b'\n', &self.bytes[start..last]).map_or(start, |newline| start + newline + 1);
        let mut searched = last;
        loop {
            if let Some(newline) = memchr(b'\n', &self.bytes[searched..]) {
                let stop = searched + newline + 1;
                return Ok(if stop - line > LONGEST_LINE {
                    self.leave_out(first, line)
                } else {
                    stop
                });
            }
            searched = self.bytes.len();
            if searched - line > LONGEST_LINE {
                return Ok(self.leave_out(first, line));
            }
            let at = first + searched as u64;
            if at == whole_end {
                return Ok(searched);
            }
            let more = STEP.min(usize_of(whole_end - at));
            self.bytes.resize(searched + more, 0);
            let filled = file.read_at(&mut self.bytes[searched..], at)?;
            self.bytes.truncate(searched + filled);
            if filled < more {
                self.cut_short = true;
                return Ok(line);
            }
        }
    }

    fn leave_out(&mut self, first: u64, line: usize) -> usize {
        self.long_line = Some(first + line as u64);
        line
    }
}

/// Cuts a stream into blocks of whole lines.
pub(super) struct BlockCutter {
    stream: Box<dyn Read + Send>,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    /// The byte of the stream at which that line starts.
    at: u64,
    /// Whether that line is too long, so that its end is looked for only.
    leaving: bool,
    /// Whether the end of the stream ends the last line.
    ends: bool,
    /// Whether there is nothing more to read.
    over: bool,
}

impl BlockCutter {
    /// Goes on with a stream at its byte `from`: where a line starts, or within
    /// one that is too long.
    ///
    /// # Errors
    /// The stream breaks before that byte, or the byte is not reached in `time`
    /// ([`io::ErrorKind::TimedOut`]).
    pub(super) fn new(
        mut stream: Box<dyn Read + Send>,
        from: u64,
        ends: bool,
        time: Duration,
    ) -> io::Result<Self> {
        let mut bytes = vec![0; usize_of(from.min(SKIP))];
        let (mut skipped, mut over, mut last) = (0, false, b'\n');
        let begun = Instant::now();
        while skipped < from && !over {
            if begun.elapsed() > time {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let step = usize_of((from - skipped).min(SKIP));
            let (read, ended) = read_some(&mut stream, &mut bytes[..step]);
            ended?;
            over = read < step;
            skipped += read as u64;
            last = bytes[..read].last().copied().unwrap_or(last);
        }
        Ok(BlockCutter {
            stream,
            rest: Vec::new(),
            at: from,
            leaving: last != b'\n',
            ends,
            over,
        })
    }

    /// The byte of the stream up to which it was read.
    pub(super) fn position(&self) -> u64 {
        self.at + self.rest.len() as u64
    }

    /// Whether what comes next belongs to a line that is too long.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Whether there is nothing more to read.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// How many bytes stand behind the last newline, once all was read.
    pub(super) fn rest(&self) -> usize {
        self.rest.len()
    }

    /// Reads about `size` bytes and puts their whole lines into `block`, also
    /// if the reading ends in an error. More is read where no line ends, up to a
    /// bound: then the block is empty.
    pub(super) fn fill(&mut self, size: usize, block: &mut Block) -> io::Result<()> {
        (block.long_line, block.cut_short) = (None, false);
        let bytes = &mut block.bytes;
        // What they held is overwritten, not cleared: that would cost as much as a copy.
        let mut filled = self.rest.len();
        bytes.resize(bytes.len().max(filled + size), 0);
        bytes[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        let (mut result, mut passed) = (Ok(()), 0);
        while passed < PASSED_OVER {
            bytes.resize(bytes.len().max(filled + size), 0);
            let (read, ended) = read_some(&mut self.stream, &mut bytes[filled..filled + size]);
            filled += read;
            passed += read as u64;
            self.over = read < size;
            result = ended;
            if self.leaving {
                filled = self.leave_line(&mut bytes[..filled]);
            }
            if self.over || memchr(b'\n', &bytes[..filled]).is_some() {
                break;
            }
            if filled > LONGEST_LINE {
                block.long_line = Some(self.at);
                filled = self.leave_line(&mut bytes[..filled]);
            }
        }
        let bytes = &bytes[..filled];
        let stop = match memrchr(b'\n', bytes) {
            _ if self.over && self.ends && result.is_ok() => filled,
            newline => newline.map_or(0, |newline| newline + 1),
        };
        let first = memchr(b'\n', &bytes[..stop]).map_or(stop, |newline| newline + 1);
        let start = if first > LONGEST_LINE { first } else { 0 };
        if start > 0 {
            block.long_line = Some(self.at);
        }
        self.rest.extend_from_slice(&bytes[stop..]);
        (block.base, block.lines) = (self.at + start as u64, start..stop);
        self.at += stop as u64;
        result
    }

    /// Drops the beginning of a line that is too long, up to its end if that
    /// is there; tells how many bytes are left, which then come first.
    fn leave_line(&mut self, bytes: &mut [u8]) -> usize {
        let newline = memchr(b'\n', bytes);
        let length = newline.map_or(bytes.len(), |newline| newline + 1);
        bytes.copy_within(length.., 0);
        self.at += length as u64;
        self.leaving = newline.is_none();
        bytes.len() - length
    }
}

/// Where the last whole line of `file` ends, looked for backwards from `size`
/// and not before `from`. A last line that is longer than [`LONGEST_LINE`] is
/// left out, whether it has an end or not: then it is `size`.
pub(super) fn end_of_lines(file: &impl ReadAt, from: u64, size: u64) -> io::Result<u64> {
    let first = size.saturating_sub(LONGEST_LINE as u64 + 1).max(from);
    let mut step = vec![0; usize_of((STEP as u64).min(size.saturating_sub(first)))];
    let mut end = size;
    while end > first {
        let start = end.saturating_sub(step.len() as u64).max(first);
        let part = &mut step[..usize_of(end - start)];
        let filled = file.read_at(part, start)?;
        if let Some(newline) = memrchr(b'\n', &part[..filled]) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(if first > from { size } else { from })
}

fn usize_of(length: u64) -> usize {
    usize::try_from(length).expect("a block fits into memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks(file: &Vec<u8>, size: u64) -> Vec<Block> {
        let whole = 0..file.len() as u64;
        let starts = (0..whole.end).step_by(usize_of(size));
        let block_at = |start: u64| {
            let mut block = Block::default();
            block
                .fill(file, &whole, &(start..(start + size).min(whole.end)))
                .unwrap();
            block
        };
        starts.map(block_at).collect()
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_hold_each_line_once_and_in_order(text in "[ab\n]{0,200}", size in 1u64..50) {
            let file = text.clone().into_bytes();
            let mut at = 0;
            for block in blocks(&file, size) {
                if block.lines().is_empty() { continue }
                prop_assert_eq!(block.base, at);
                prop_assert!(at == 0 || file[usize_of(at) - 1] == b'\n');
                prop_assert_eq!(block.lines(), &file[usize_of(at)..usize_of(block.end())]);
                at = block.end();
            }
            prop_assert_eq!(at, file.len() as u64);
        }

        #[test]
        fn the_last_whole_line_is_found_from_behind(text in "[ab\n]{0,60}", from: prop::sample::Index) {
            let starts: Vec<usize> = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|n| n + 1)).collect();
            let from = starts[from.index(starts.len())];
            let end = text.rfind('\n').map_or(from, |newline| (newline + 1).max(from));
            let found = end_of_lines(&text.clone().into_bytes(), from as u64, text.len() as u64).unwrap();
            prop_assert_eq!(found, end as u64);
        }
    }

    #[test]
    fn a_line_beyond_all_bounds_is_left_out_whatever_the_blocks() {
        let file = [
            b"short\n".to_vec(),
            vec![b'x'; LONGEST_LINE],
            b"\nlast\n".to_vec(),
        ]
        .concat();
        for size in [1000, 65536, 300_000, 1 << 20] {
            let blocks = blocks(&file, size);
            let lines: Vec<u8> = blocks
                .iter()
                .flat_map(|block| block.lines().to_vec())
                .collect();
            assert_eq!(String::from_utf8(lines).unwrap(), "short\nlast\n", "{size}");
            assert_eq!(
                blocks
                    .iter()
                    .filter_map(|block| block.long_line)
                    .collect::<Vec<_>>(),
                [6],
                "{size}"
            );
        }
        let fits = [vec![b'x'; LONGEST_LINE - 1], b"\n".to_vec()].concat();
        assert!(
            blocks(&fits, 65536)
                .iter()
                .all(|block| block.long_line.is_none())
        );
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_read_gives_its_whole_lines() {
        let mut block = Block::default();
        block
            .fill(&b"one\ntwo\nthr".to_vec(), &(0..40), &(0..30))
            .unwrap();
        assert_eq!((block.lines(), block.cut_short), (&b"one\ntwo\n"[..], true));
        block
            .fill(&b"one\ntwo\nthr".to_vec(), &(0..40), &(20..40))
            .unwrap();
        assert_eq!((block.lines(), block.cut_short), (&b""[..], true));
    }
}
