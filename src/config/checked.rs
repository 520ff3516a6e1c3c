//! The checked configuration. What is in a [`Config`] can not be wrong: it compiles, is
//! in range, and has its paths made absolute.

use std::path::PathBuf;
use std::time::Duration;

use super::conf_d::ConfD;
use crate::model::{Aggregate, Firewall, RedisSettings, Rule, Subject, Thresholds};

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
    pub ignored: Vec<Subject>,
    /// The thresholds of every rule that does not set its own.
    pub thresholds: Thresholds,
    /// When bans within a network become a ban of the network, for rules that do not set
    /// it.
    pub aggregate: Option<Aggregate>,
    /// What counts of a log that is new to its rule.
    pub first_contact: FirstContact,
    /// How long a run reads logs at most.
    pub run_time: Duration,
    /// The rules of the file, in its order.
    pub rules: Vec<Rule>,
    /// The servers' exchange.
    pub redis: RedisSettings,
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
