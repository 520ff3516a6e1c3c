//! Why Redis could not be used, and what to do about it.

use std::io;

use redis::ServerError;

use crate::model::Escaped;

/// Why the Redis at a place could not be used. Nothing is lost: what could not be
/// sent is sent by a later run.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {place}: {why}")]
pub struct SyncError {
    /// Host and port, or the socket.
    pub place: String,
    /// What went wrong.
    pub why: Why,
}

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Nobody listens, no route, no socket.
    #[error("can not be reached: {0}; see whether it runs, and redis.host and redis.port")]
    Unreachable(String),
    /// The host name is not known.
    #[error("the host name can not be looked up: {0}; see redis.host")]
    Unknown(String),
    /// The time is up.
    #[error("did not answer within {} s; see whether it hangs or the network is slow", .0.as_secs_f32())]
    Slow(std::time::Duration),
    /// The connection ended before the answer did.
    #[error("closed the connection in the middle of an answer; see its log")]
    Closed,
    /// What answered is something else.
    #[error("what answers there is not Redis; see redis.host, redis.port and redis.tls")]
    NotRedis,
    /// The encryption failed, or the certificate of the other end.
    #[error("the encrypted connection failed: {0}; see redis.tls and redis.tls_ca")]
    Tls(String),
    /// `OOM`.
    #[error("is full (maxmemory): it takes no more bans; give it more memory")]
    Full,
    /// `READONLY`.
    #[error("is a read-only replica: it takes no bans; name its master in redis.host")]
    Replica,
    /// `LOADING`.
    #[error("is still loading its data; it will answer when that is done")]
    Loading,
    /// `MISCONF`.
    #[error("refuses to be written because it can not save to its disk; see its log")]
    NoDisk,
    /// `WRONGPASS`.
    #[error("wrong user name or password; see redis.username and redis.password")]
    Password,
    /// `NOAUTH`.
    #[error("wants a password; set redis.password (and redis.username)")]
    NoPassword,
    /// `NOPERM`.
    #[error("the user may not do this: {0}; see its ACL, README.md names the commands and keys")]
    NoRight(String),
    /// `DENIED`: protected mode, in which Redis serves its own host alone.
    #[error(
        "{0}; it serves its own host alone while no password is set there: set one (`requirepass`, or a user of its ACL) and write it into redis.password; or let it listen where only your servers reach it (`bind`), and set `protected-mode no`"
    )]
    Protected(String),
    /// `SELECT` failed.
    #[error("has no database {0}; see redis.database")]
    Database(u32),
    /// A key of pyfilter, such as `pyfilter:events`, is of another type.
    #[error(
        "a key that pyfilter uses there is of another type ({0}); use another redis.database, or remove the key"
    )]
    Type(String),
    /// Any other refusal.
    #[error("refused: {0}")]
    Refused(String),
}

impl Why {
    /// What a refusal means.
    pub(super) fn of_reply(error: &ServerError) -> Self {
        let said = error.details().unwrap_or_default();
        Why::of_words(&format!("{} {said}", error.code()))
    }

    /// What `CODE words` of Redis means.
    fn of_words(said: &str) -> Self {
        let said = said.strip_prefix("ERR ").unwrap_or(said);
        // A refused transaction names its cause behind its own code.
        let said = said
            .strip_prefix("EXECABORT Transaction discarded because of: ")
            .unwrap_or(said);
        let shown = || Escaped::text(cut(said)).to_string();
        match said.split(' ').next().unwrap_or_default() {
            "OOM" => Why::Full,
            "READONLY" => Why::Replica,
            "LOADING" => Why::Loading,
            "MISCONF" => Why::NoDisk,
            "WRONGPASS" => Why::Password,
            "NOAUTH" => Why::NoPassword,
            "NOPERM" => Why::NoRight(shown()),
            "WRONGTYPE" => Why::Type(shown()),
            "DENIED" => Why::Protected(first_sentence(said)),
            _ => Why::Refused(shown()),
        }
    }

    /// What an error of the socket means, once there was a connection.
    pub(super) fn of_io(error: &io::Error, limit: std::time::Duration) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Why::Slow(limit),
            io::ErrorKind::InvalidData => match error.get_ref() {
                Some(inner) if inner.is::<rustls::Error>() => Why::Tls(inner.to_string()),
                _ => Why::NotRedis,
            },
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Why::Closed,
            _ => Why::Unreachable(error.to_string()),
        }
    }
}

/// The first sentence of what Redis says behind `DENIED`: the rest is a page of advice.
fn first_sentence(said: &str) -> String {
    let words = said.strip_prefix("DENIED ").unwrap_or(said);
    let sentence = words.split(". ").next().unwrap_or_default();
    let sentence = sentence.trim_end_matches('.');
    // The message begins with the place: "Redis at HOST: is running in protected mode ...".
    let sentence = sentence.strip_prefix("Redis ").unwrap_or(sentence);
    Escaped::text(cut(sentence)).to_string()
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().map(|(at, _)| at).nth(200);
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Redis 6 and 7 give different reasons behind the same code.
    #[test]
    fn protected_mode_is_told_with_what_redis_says_of_it() {
        for reason in ["no bind address was specified", "no password is set"] {
            let said = format!("DENIED Redis is running in protected mode because {reason}. In");
            let told = Why::of_words(&said).to_string();
            let begins = format!("is running in protected mode because {reason}; it serves");
            assert!(told.starts_with(&begins), "{told}");
        }
        let told = Why::of_words("DENIED \x1b[2J").to_string();
        assert!(told.starts_with(r"\x1b[2J; it serves"), "{told}");
    }

    #[test]
    fn what_redis_says_is_told_in_our_words() {
        let why = |said| Why::of_words(said);
        assert_eq!(why("OOM command not allowed"), Why::Full);
        assert_eq!(
            why("EXECABORT Transaction discarded because of: READONLY You can't"),
            Why::Replica
        );
        assert_eq!(why("NOAUTH Authentication required."), Why::NoPassword);
        assert_eq!(
            why("ERR max number of clients\x1b reached"),
            Why::Refused("max number of clients\\x1b reached".to_owned())
        );
        assert_eq!(
            why(&"x".repeat(1000)).to_string().len(),
            "refused: ".len() + 200
        );
    }
}
