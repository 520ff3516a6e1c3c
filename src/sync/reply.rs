//! Short ways to build the crate's commands and to read its values.

use redis::{Cmd, ServerError, ToRedisArgs, Value};

/// A command of these words: `["SET", "a", "b"]`.
pub(super) fn command<const N: usize>(words: [&str; N]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(&words);
    command
}

/// A command that is built from left to right.
pub(super) trait Word {
    /// The command with one more word.
    fn word(self, word: impl ToRedisArgs) -> Self;
}

impl Word for Cmd {
    fn word(mut self, word: impl ToRedisArgs) -> Self {
        self.arg(word);
        self
    }
}

/// An answer of Redis, read as the type that is expected.
pub(super) trait Reply {
    /// A text: of a status, or a value.
    fn text(&self) -> Option<&[u8]>;
    /// The length of a text that was too long to be kept.
    fn too_long(&self) -> Option<usize>;
    /// A list; none is an empty one.
    fn list(&self) -> &[Value];
    /// A number.
    fn number(&self) -> Option<i64>;
    /// A refusal.
    fn error(&self) -> Option<&ServerError>;
    /// Whether something of it was taken out because the whole was too long.
    fn is_cut(&self) -> bool;
}

impl Reply for Value {
    fn text(&self) -> Option<&[u8]> {
        match self {
            Value::BulkString(text) => Some(text),
            Value::SimpleString(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn too_long(&self) -> Option<usize> {
        match self {
            // RESP2 has no big numbers: `bounded` puts them in place of long texts.
            Value::BigNumber(length) => std::str::from_utf8(length).ok()?.parse().ok(),
            _ => None,
        }
    }

    fn list(&self) -> &[Value] {
        match self {
            Value::Array(list) => list,
            _ => &[],
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    fn error(&self) -> Option<&ServerError> {
        match self {
            Value::ServerError(error) => Some(error),
            _ => None,
        }
    }

    fn is_cut(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::Array(list) => list.iter().any(Reply::is_cut),
            _ => false,
        }
    }
}
