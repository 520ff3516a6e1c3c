//! RESP2, the part of it that is spoken here: a command is a list of words, a
//! reply a [`Reply`]. What is longer than anybody's entry is read past.

use std::io::{self, Read, Write};

/// A longer text is no field of ours: it is skipped, not kept.
pub(super) const LONGEST: usize = 64 * 1024;

/// More elements than any list that is asked for can have.
const MOST: usize = 1 << 20;

/// How many lists may stand in one another.
const DEEPEST: u8 = 8;

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A text: of a status, or a value.
    Text(Vec<u8>),
    /// A text that was too long to be kept.
    TooLong(usize),
    Number(i64),
    List(Vec<Reply>),
    Nothing,
    /// A refusal, as `CODE words`.
    Error(String),
}

impl Reply {
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Reply::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Reply] {
        match self {
            Reply::List(list) => list,
            _ => &[],
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Reply::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// A command with its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command(Vec<Vec<u8>>);

impl Command {
    pub(super) fn new(name: &str) -> Self {
        Command(vec![name.as_bytes().to_vec()])
    }

    /// `SET a b` for `["SET", "a", "b"]`.
    pub(super) fn of<const N: usize>(words: [&str; N]) -> Self {
        Command(words.map(|word| word.as_bytes().to_vec()).to_vec())
    }

    pub(super) fn word(mut self, word: impl AsRef<[u8]>) -> Self {
        self.0.push(word.as_ref().to_vec());
        self
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "*{}\r\n", self.0.len())?;
        for word in &self.0 {
            write!(out, "${}\r\n", word.len())?;
            out.write_all(word)?;
            out.write_all(b"\r\n")?;
        }
        Ok(())
    }
}

fn garbage() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// Reads one reply.
///
/// # Errors
/// `InvalidData` for what is not RESP2; what the reader says.
pub(super) fn read(from: &mut impl Read) -> io::Result<Reply> {
    reply(from, 0)
}

fn reply(from: &mut impl Read, depth: u8) -> io::Result<Reply> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    // What is not Redis is told by its first byte, and its line is never waited for.
    if !b"+-:$*".contains(&kind[0]) {
        return Err(garbage());
    }
    let line = line(from)?;
    let number = || {
        let digits = std::str::from_utf8(&line).ok();
        digits
            .and_then(|digits| digits.parse::<i64>().ok())
            .ok_or_else(garbage)
    };
    match kind[0] {
        b'+' => Ok(Reply::Text(line)),
        b'-' => Ok(Reply::Error(String::from_utf8_lossy(&line).into_owned())),
        b':' => number().map(Reply::Number),
        b'$' => text(from, number()?),
        _ => match number()? {
            -1 => Ok(Reply::Nothing),
            count => {
                let count = usize::try_from(count).map_err(|_| garbage())?;
                if count > MOST || depth == DEEPEST {
                    return Err(garbage());
                }
                (0..count)
                    .map(|_| reply(from, depth + 1))
                    .collect::<io::Result<_>>()
                    .map(Reply::List)
            }
        },
    }
}

fn line(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        from.read_exact(&mut byte)?;
        match byte[0] {
            b'\n' if line.last() == Some(&b'\r') => {
                line.pop();
                return Ok(line);
            }
            _ if line.len() > LONGEST => return Err(garbage()),
            byte => line.push(byte),
        }
    }
}

fn text(from: &mut impl Read, length: i64) -> io::Result<Reply> {
    if length == -1 {
        return Ok(Reply::Nothing);
    }
    let length = usize::try_from(length).map_err(|_| garbage())?;
    let reply = if length > LONGEST {
        let skipped = io::copy(&mut from.take(length as u64), &mut io::sink())?;
        if skipped < length as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Reply::TooLong(length)
    } else {
        let mut text = vec![0; length];
        from.read_exact(&mut text)?;
        Reply::Text(text)
    };
    let mut end = [0; 2];
    from.read_exact(&mut end)?;
    if end == *b"\r\n" {
        Ok(reply)
    } else {
        Err(garbage())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(mut bytes: &[u8]) -> io::Result<Reply> {
        read(&mut bytes)
    }

    #[test]
    fn replies_are_read() {
        let text = |text: &str| Reply::Text(text.into());
        assert_eq!(of(b"+OK\r\n").unwrap(), text("OK"));
        assert_eq!(of(b"$3\r\na\r\n\r\n").unwrap(), text("a\r\n"));
        assert_eq!(of(b"$-1\r\n").unwrap(), Reply::Nothing);
        assert_eq!(of(b"*-1\r\n").unwrap(), Reply::Nothing);
        assert_eq!(of(b":-7\r\n").unwrap(), Reply::Number(-7));
        assert_eq!(
            of(b"-OOM no\r\n").unwrap(),
            Reply::Error("OOM no".to_owned())
        );
        let list = Reply::List(vec![text("a"), Reply::List(Vec::new())]);
        assert_eq!(of(b"*2\r\n$1\r\na\r\n*0\r\n").unwrap(), list);
    }

    #[test]
    fn what_is_too_long_is_read_past() {
        let mut bytes = format!("*2\r\n${}\r\n", LONGEST + 1).into_bytes();
        bytes.extend(std::iter::repeat_n(b'x', LONGEST + 1));
        bytes.extend(b"\r\n:1\r\n");
        let list = Reply::List(vec![Reply::TooLong(LONGEST + 1), Reply::Number(1)]);
        assert_eq!(of(&bytes).unwrap(), list);
    }

    #[test]
    fn what_is_not_redis_is_refused() {
        for wrong in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x15\x03\x01",
            b"$-2\r\n",
            b"$1\r\nabc",
            b"*999999999\r\n",
            b":one\r\n",
        ] {
            assert_eq!(of(wrong).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let deep = b"*1\r\n".repeat(100);
        assert_eq!(of(&deep).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_reply_or_an_error(bytes: Vec<u8>) {
            let _ = of(&bytes);
        }

        #[test]
        fn a_command_is_what_a_reader_gets(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6)) {
            let command = Command(words.clone());
            let mut bytes = Vec::new();
            command.write(&mut bytes).unwrap();
            prop_assert_eq!(of(&bytes).unwrap(), Reply::List(words.into_iter().map(Reply::Text).collect()));
        }
    }
}
