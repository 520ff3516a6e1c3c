use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Escaped;

/// How the servers' Redis is reached, and what is done there.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// Host name, address, or path of a socket.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Database number.
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The certificates that vouch for Redis; the system's if none.
    pub tls_ca: Option<PathBuf>,
    /// How long a run waits for Redis in all. No key sets it.
    pub limit: Duration,
    /// How many events the servers' stream keeps, at least.
    pub stream_length: u32,
    /// Whether bans of other servers are taken over.
    pub take_over: bool,
    /// Seconds between two looks through the hashes.
    pub check_time: u32,
}

impl RedisSettings {
    /// Where it is, for people: without the password.
    #[must_use]
    pub fn place(&self) -> String {
        let host = Escaped::text(&self.host);
        if self.host.starts_with('/') {
            host.to_string()
        } else if self.host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// Without the password, since what is debugged ends in logs.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("tls_ca", &self.tls_ca)
            .field("limit", &self.limit)
            .field("stream_length", &self.stream_length)
            .field("take_over", &self.take_over)
            .field("check_time", &self.check_time)
            .finish()
    }
}
