//! Which file is a copy of which: `copytruncate` makes one before it cuts the
//! log, `copy` one of a log that is never cut, and a power failure leaves one
//! that is not whole.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::model::Cursor;

use super::super::budget::WAY_BACK;
use super::super::bytes::bytes_at;
use super::super::identity::is_part_of;
use super::super::open::{Opened, open_log};
use super::super::unpack::{TimeLimited, unpack};
use super::look::Candidate;

/// A file's text, by its ends.
struct Ends {
    head: Vec<u8>,
    tail: Vec<u8>,
    length: u64,
}

impl Ends {
    fn of(opened: &Opened) -> io::Result<Self> {
        let length = length_of(opened, u64::MAX)?;
        let reach = length.min(Cursor::TAIL);
        Ok(Ends {
            head: text_at(opened, 0, length.min(Cursor::HEAD))?,
            tail: text_at(opened, length - reach, reach)?,
            length,
        })
    }
}

/// These bytes of a file's text.
pub(super) fn text_at(opened: &Opened, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let Some(packing) = opened.packing else {
        return bytes_at(&*opened.file, start, length);
    };
    let stream = TimeLimited::new(unpack(&opened.file, packing)?, WAY_BACK);
    let mut stream = AsFarAsItGoes(stream);
    let mut bytes = Vec::new();
    io::copy(&mut stream.by_ref().take(start), &mut io::sink())?;
    stream.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How many bytes of text a file has; of one with more than `most`, as many.
pub(super) fn length_of(opened: &Opened, most: u64) -> io::Result<u64> {
    let Some(packing) = opened.packing else {
        return Ok(opened.stat.size);
    };
    let stream = TimeLimited::new(unpack(&opened.file, packing)?, WAY_BACK);
    io::copy(&mut AsFarAsItGoes(stream).take(most), &mut io::sink())
}

/// A stream that ends where it breaks, or when its time is over: a compressed copy may
/// be cut, too.
struct AsFarAsItGoes<R>(R);

impl<R: Read> Read for AsFarAsItGoes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Ok(0),
            read => read,
        }
    }
}

/// The files that a copy may have been made of, by how they begin.
pub(super) struct Originals {
    opened: BTreeMap<Vec<u8>, Vec<usize>>,
    /// As they were left; how they begin is known as far as they were read.
    same: Vec<(usize, Box<[u8]>)>,
}

impl Originals {
    /// Of these files, each with its beginning if that is known.
    pub(super) fn new<'a>(
        files: impl Iterator<Item = (usize, &'a Candidate, Option<&'a [u8]>)>,
    ) -> Self {
        let (mut opened, mut same) = (BTreeMap::<_, Vec<usize>>::new(), Vec::new());
        for (n, candidate, known) in files {
            match (&candidate.opened, known) {
                (Some(file), _) => {
                    // Why it can not be read is told where it is read.
                    if let Ok(head) = text_at(file, 0, Cursor::HEAD) {
                        opened.entry(head).or_default().push(n);
                    }
                }
                (None, Some(known)) => same.push((n, known.into())),
                (None, None) => {}
            }
        }
        Originals { opened, same }
    }

    /// Which of them, but the file itself, begins with all that it holds, if that is
    /// anything and `is_one` says that it may be. `files` are the same again.
    pub(super) fn of<'a>(
        &self,
        copy: &Opened,
        files: impl Fn(usize) -> &'a Candidate,
        is_one: impl Fn(usize) -> bool,
    ) -> io::Result<Option<usize>> {
        let head = text_at(copy, 0, Cursor::HEAD)?;
        if head.is_empty() {
            return Ok(None);
        }
        let alike = self.opened.range(head.clone()..);
        let alike = alike.take_while(|(other, _)| other.starts_with(&head));
        let same = self
            .same
            .iter()
            .filter(|(_, known)| known.starts_with(&head) || head.starts_with(known));
        let all = alike
            .flat_map(|(_, files)| files)
            .chain(same.map(|(n, _)| n));
        let mut ends = None;
        for &n in all.filter(|&&n| is_one(n)) {
            let opened = match &files(n).opened {
                Some(opened) => Ok(opened.clone()),
                None => open_log(&files(n).path),
            };
            if ends.is_none() {
                ends = Some(Ends::of(copy)?);
            }
            if let (Some(ends), Ok(opened)) = (&ends, opened)
                && begins_with(&opened, ends).unwrap_or(false)
            {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }
}

/// Whether a file begins with all that another holds, if that is anything.
pub(super) fn is_copy(copy: &Opened, original: &Opened) -> io::Result<bool> {
    let ends = Ends::of(copy)?;
    Ok(ends.length > 0 && begins_with(original, &ends)?)
}

/// Whether a file begins with a text. The file may grow meanwhile.
fn begins_with(opened: &Opened, text: &Ends) -> io::Result<bool> {
    let (head, tail) = (&text.head, &text.tail);
    Ok(text_at(opened, 0, head.len() as u64)? == *head
        && text_at(opened, text.length - tail.len() as u64, tail.len() as u64)? == *tail)
}

/// Whether a file is a copy that was made before all was read that we read,
/// and of which the rest is gone.
/// A compressed one is unpacked only as far as it takes to know.
pub(super) fn is_read_copy(opened: &Opened, cursor: &Cursor) -> io::Result<bool> {
    let head = text_at(opened, 0, Cursor::HEAD)?;
    Ok(is_part_of(cursor, &head, head.len() as u64)
        && is_part_of(cursor, &head, length_of(opened, cursor.offset)?))
}
