//! Bounds for replies: a reader of RESP between the socket and the parser of the
//! crate, which takes out what is too long for any entry of a server.
//!
//! The crate keeps a reply as large as it comes. Here each text that is too long
//! becomes a number, its length, and what goes beyond the bounds of a whole reply
//! becomes nil. So a reply is always read to its end, and never held in memory at
//! its own size. For example `*2`, `$9000`, 9000 bytes, `:1` becomes `*2`, `(9000`,
//! `:1`.

use std::io::{self, BufRead as _, BufReader, Read};

use redis::{Parser, Value};

/// A longer text is no field of an entry, in bytes.
pub(super) const LONGEST: usize = 8 * 1024;

/// More elements than any reply that is asked for has.
const ELEMENTS: usize = 1 << 15;

/// More bytes than any reply that is asked for has, of texts.
const BYTES: usize = 16 << 20;

/// The replies of the other end, one after the other.
pub(super) struct Replies<R> {
    from: Bounded<R>,
    parser: Parser,
}

impl<R: Read> Replies<R> {
    pub(super) fn new(from: R) -> Self {
        let parser = Parser::new();
        let from = Bounded::new(from);
        Replies { from, parser }
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        self.from.from.get_mut()
    }

    /// How many bytes have come.
    pub(super) fn taken(&self) -> u64 {
        self.from.taken
    }

    /// The next reply.
    ///
    /// # Errors
    /// `InvalidData` for what is not RESP2, `UnexpectedEof`, and errors of the
    /// reader.
    pub(super) fn next(&mut self) -> io::Result<Value> {
        self.parser.parse_value(&mut self.from).map_err(|_| {
            let failed = self.from.failed.take();
            failed.unwrap_or_else(garbage)
        })
    }
}

/// Nil, in place of what goes beyond the bounds of a reply.
const NIL: &[u8] = b"_\r\n";

/// A reader of RESP2 replies that hands on what is within bounds.
#[derive(Debug)]
struct Bounded<R> {
    from: BufReader<R>,
    /// How many bytes were taken from it.
    taken: u64,
    /// The error with which it ended.
    failed: Option<io::Error>,
    part: Part,
    /// The line that is being read.
    line: Vec<u8>,
    /// What is to be handed on before anything else.
    ready: Vec<u8>,
    /// How many values of the reply are still to come.
    open: u64,
    /// How many of the next values are taken out.
    skipped: u64,
    elements: usize,
    bytes: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A line: a value, or the length of one.
    Line,
    /// That many bytes to be handed on.
    Kept(usize),
    /// That many bytes to be taken out.
    Skipped(u64),
}

fn garbage() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl<R: Read> Bounded<R> {
    fn new(from: R) -> Self {
        Bounded {
            from: BufReader::with_capacity(1 << 16, from),
            taken: 0,
            failed: None,
            part: Part::Line,
            line: Vec::new(),
            ready: Vec::new(),
            open: 1,
            skipped: 0,
            elements: ELEMENTS,
            bytes: BYTES,
        }
    }

    fn take(&mut self, count: usize) {
        self.from.consume(count);
        self.taken += count as u64;
    }

    /// Takes a part of the bytes that have come: how many went into the buffer, none at
    /// the end of the stream.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let there = self.from.fill_buf()?;
        if there.is_empty() {
            return Ok(None);
        }
        match self.part {
            Part::Kept(left) => {
                let count = left.min(there.len()).min(buffer.len());
                buffer[..count].copy_from_slice(&there[..count]);
                self.take(count);
                self.part = match left - count {
                    0 => Part::Line,
                    left => Part::Kept(left),
                };
                return Ok(Some(count));
            }
            Part::Skipped(left) => {
                let count = usize::try_from(left).map_or(there.len(), |left| left.min(there.len()));
                self.take(count);
                self.part = match left - count as u64 {
                    0 => Part::Line,
                    left => Part::Skipped(left),
                };
            }
            Part::Line => {
                // The first byte tells what is not Redis: the rest of its line may never come.
                if self.line.is_empty() && !b"+-:$*".contains(&there[0]) {
                    return Err(garbage());
                }
                let end = memchr::memchr(b'\n', there).map(|at| at + 1);
                let count = end.unwrap_or(there.len());
                if self.line.len() + count > LONGEST {
                    return Err(garbage());
                }
                self.line.extend_from_slice(&there[..count]);
                self.take(count);
                if end.is_some() && self.line.ends_with(b"\r\n") {
                    self.value()?;
                    self.line.clear();
                }
            }
        }
        Ok(Some(0))
    }

    /// Hands on or takes out the value that the line begins.
    fn value(&mut self) -> io::Result<()> {
        let is_skipped = self.skipped > 0;
        if is_skipped {
            self.skipped -= 1;
        } else {
            self.open -= 1;
        }
        match (self.line[0], length(&self.line)?) {
            (b'*', Some(count)) => self.list(count, is_skipped),
            (b'$', Some(count)) => self.text(count, is_skipped),
            _ if is_skipped => {}
            _ => self.ready.extend_from_slice(&self.line),
        }
        if self.open == 0 && self.skipped == 0 {
            (self.open, self.elements, self.bytes) = (1, ELEMENTS, BYTES);
        }
        Ok(())
    }

    fn list(&mut self, count: u64, is_skipped: bool) {
        let small = usize::try_from(count).ok();
        if is_skipped {
            self.skipped = self.skipped.saturating_add(count);
        } else if let Some(left) = small.and_then(|count| self.elements.checked_sub(count)) {
            self.elements = left;
            self.open += count;
            self.ready.extend_from_slice(&self.line);
        } else {
            self.skipped = count;
            self.ready.extend_from_slice(NIL);
        }
    }

    fn text(&mut self, count: u64, is_skipped: bool) {
        self.part = Part::Skipped(count.saturating_add(2));
        if is_skipped {
            return;
        }
        match usize::try_from(count) {
            Ok(count) if count <= LONGEST => {
                if let Some(left) = self.bytes.checked_sub(count) {
                    self.bytes = left;
                    self.ready.extend_from_slice(&self.line);
                    self.part = Part::Kept(count + 2);
                } else {
                    self.ready.extend_from_slice(NIL);
                }
            }
            _ => self
                .ready
                .extend_from_slice(format!("({count}\r\n").as_bytes()),
        }
    }
}

/// The length of what follows a line; none for a value that is in the line
/// itself, or is nil.
fn length(line: &[u8]) -> io::Result<Option<u64>> {
    if !b"$*".contains(&line[0]) {
        return Ok(None);
    }
    let digits = std::str::from_utf8(&line[1..line.len() - 2]).map_err(|_| garbage())?;
    match digits.parse::<i64>().map_err(|_| garbage())? {
        -1 => Ok(None),
        length => u64::try_from(length).map(Some).map_err(|_| garbage()),
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if !self.ready.is_empty() {
                let count = self.ready.len().min(buffer.len() - filled);
                buffer[filled..filled + count].copy_from_slice(&self.ready[..count]);
                self.ready.drain(..count);
                filled += count;
                continue;
            }
            // Bytes that are there are handed on at once: more may never come.
            if filled > 0 && self.from.buffer().is_empty() {
                break;
            }
            match self.step(&mut buffer[filled..]) {
                Ok(Some(count)) => filled += count,
                Ok(None) if filled > 0 => break,
                Ok(None) => {
                    self.failed = Some(io::ErrorKind::UnexpectedEof.into());
                    break;
                }
                Err(error) => {
                    let kind = error.kind();
                    self.failed = Some(error);
                    return Err(kind.into());
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::Reply as _;
    use super::*;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> io::Result<Value> {
        Replies::new(bytes).next()
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn what_is_within_bounds_is_handed_on() {
        assert_eq!(of(b"+OK\r\n").unwrap(), Value::Okay);
        assert_eq!(of(b"$3\r\na\r\n\r\n").unwrap(), text("a\r\n"));
        assert_eq!(of(b"$-1\r\n").unwrap(), Value::Nil);
        assert_eq!(of(b"*-1\r\n").unwrap(), Value::Nil);
        assert_eq!(of(b":-7\r\n").unwrap(), Value::Int(-7));
        assert_eq!(of(b"-OOM no\r\n").unwrap().error().unwrap().code(), "OOM");
        let list = Value::Array(vec![text("a"), Value::Array(Vec::new())]);
        assert_eq!(of(b"*2\r\n$1\r\na\r\n*0\r\n").unwrap(), list);
    }

    #[test]
    fn a_text_that_is_too_long_is_its_length() {
        let length = LONGEST + 1;
        let mut bytes = format!("*2\r\n${length}\r\n").into_bytes();
        bytes.extend(std::iter::repeat_n(b'x', length));
        bytes.extend(b"\r\n:1\r\n+behind\r\n");
        let mut replies = Replies::new(&*bytes);
        let list = replies.next().unwrap();
        assert_eq!(list.list()[0].too_long(), Some(length));
        assert_eq!(list.list()[1], Value::Int(1));
        assert_eq!(replies.next().unwrap().text(), Some(&b"behind"[..]));
        assert_eq!(replies.taken(), bytes.len() as u64);
    }

    #[test]
    fn a_list_that_is_too_long_is_nothing_and_what_follows_is_there() {
        let mut bytes = format!("*3\r\n:1\r\n*{}\r\n", ELEMENTS + 1).into_bytes();
        bytes.extend(b"*1\r\n$1\r\na\r\n".repeat(ELEMENTS + 1));
        bytes.extend(b":2\r\n+OK\r\n");
        let mut replies = Replies::new(&*bytes);
        let list = Value::Array(vec![Value::Int(1), Value::Nil, Value::Int(2)]);
        assert_eq!(replies.next().unwrap(), list);
        assert_eq!(replies.next().unwrap(), Value::Okay);
    }

    #[test]
    fn many_texts_are_kept_up_to_the_bound_and_each_reply_has_its_own() {
        let one = [
            format!("${LONGEST}\r\n").as_bytes(),
            &[b'x'; LONGEST],
            b"\r\n",
        ]
        .concat();
        let count = BYTES / LONGEST + 2;
        let reply = [format!("*{count}\r\n").into_bytes(), one.repeat(count)].concat();
        let bytes = reply.repeat(2);
        let mut replies = Replies::new(&*bytes);
        for _ in 0..2 {
            let reply = replies.next().unwrap();
            let kept = reply.list().iter().filter(|one| one.text().is_some());
            assert_eq!((reply.list().len(), kept.count()), (count, count - 2));
        }
    }

    #[test]
    fn what_is_not_redis_is_refused() {
        for wrong in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01",
            b"$-2\r\n",
            b"$1\r\nabc",
            b"*1x\r\n",
            b":one\r\n",
            b"%1\r\n+a\r\n+b\r\n",
        ] {
            assert_eq!(of(wrong).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        assert!(of(&b"*1\r\n".repeat(1000)).is_err());
        // What claims to be endless is nothing, and never ends.
        let mut replies = Replies::new(&b"*999999999999\r\n:1\r\n"[..]);
        assert_eq!(replies.next().unwrap(), Value::Nil);
        assert!(replies.next().is_err());
    }

    /// Bytes that come as if over a slow line.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = self.1.min(buffer.len());
            self.0.read(&mut buffer[..end])
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_reply_or_an_error(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"+-:$*0123456789\r\n".to_vec()), 1 => any::<u8>()], 0..60)) {
            let _ = of(&bytes);
        }

        #[test]
        fn a_command_is_what_a_reader_gets(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6), at_once in 1usize..9,
        ) {
            let mut command = redis::Cmd::new();
            for word in &words {
                command.arg(word.as_slice());
            }
            let bytes = command.get_packed_command().repeat(2);
            let list = Value::Array(words.into_iter().map(Value::BulkString).collect());
            let mut replies = Replies::new(Slow(&bytes, at_once));
            prop_assert_eq!(&replies.next().unwrap(), &list);
            prop_assert_eq!(&replies.next().unwrap(), &list);
        }
    }
}
