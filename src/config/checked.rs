//! The checked configuration. What is in a [`Config`] can not be wrong: it compiles, is
//! in range, and has its paths made absolute.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::conf_d::ConfD;
use crate::model::{Firewall, Rule, Thresholds};

/// The whole configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; none for the built-in defaults.
    pub path: Option<PathBuf>,
    /// The name of this server in the file; the host name if none.
    pub server_name: Option<String>,
    /// What `conf.d` adds.
    pub conf_d: ConfD,
    /// Where bans are exchanged.
    pub database: Database,
    /// The store's file.
    pub store: PathBuf,
    /// The chain and its hooks.
    pub firewall: Firewall,
    /// Addresses and networks that are never banned.
    pub ignored: Vec<IpNet>,
    /// The thresholds of every rule that does not set its own.
    pub thresholds: Thresholds,
    /// What counts of a log that is new to its rule.
    pub first_contact: FirstContact,
    /// How long a run reads logs at most.
    pub run_time: Duration,
    /// The rules of the file, in its order.
    pub rules: Vec<Rule>,
    /// The connection to Redis.
    pub redis: Redis,
    /// Where the event log stands; none if it is switched off.
    pub event_log: Option<PathBuf>,
    /// The MaxMind database; the usual places if none.
    pub geoip: Option<PathBuf>,
    /// The directory or file that is read as the systemd journal; the host's if none.
    pub journal: Option<PathBuf>,
    /// Where each run leaves its figures for Prometheus; nowhere if none.
    pub metrics: Option<PathBuf>,
    /// How many open windows of a rule are remembered at most.
    pub most_windows: usize,
    /// Notes for `check`, a sentence each: what is valid but may not be what was meant,
    /// such as keys without effect.
    pub notes: Vec<String>,
}

/// What counts of a log that is new to its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstContact {
    /// All that stands in the live file.
    Whole,
    /// What is stamped at most `request_time` before the run.
    End,
}

/// Where bans are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Nowhere: this host alone.
    Sqlite,
    /// With the servers of one Redis.
    Redis,
}

/// How Redis is reached, and what is exchanged there.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
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
    /// How many events the servers' stream keeps, at least.
    pub stream_length: u32,
    /// Whether bans of other servers are taken over.
    pub take_over: bool,
    /// Seconds between two readings of the hashes.
    pub check_time: u32,
}

/// Without the password: debug output may end up in logs.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("tls_ca", &self.tls_ca)
            .field("stream_length", &self.stream_length)
            .field("take_over", &self.take_over)
            .field("check_time", &self.check_time)
            .finish()
    }
}
