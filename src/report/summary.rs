use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Address, Ban, Problem, Unban};

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// This server's name.
    pub server: String,
    /// A row for each file.
    pub sources: Vec<SourceRow>,
    /// The bans, in the order in which they were decided.
    pub bans: Vec<Ban>,
    /// The accounts that are logged in here from addresses of the bans.
    pub sessions: BTreeMap<Address, String>,
    /// The bans that were lifted.
    pub unbans: Vec<Unban>,
    /// Bans that are in force again, since the wider one that covered them has ended.
    pub returns: Vec<Ban>,
    /// What became of the firewall; none in a dry run and without a backend.
    pub firewall: Option<FirewallRow>,
    /// What could not be done.
    pub problems: Vec<Problem>,
}

impl Summary {
    /// Whether anything happened that somebody may want to know of.
    #[must_use]
    pub fn is_eventful(&self) -> bool {
        let repaired = self.firewall.as_ref().is_some_and(|row| row.changed);
        repaired || !self.bans.is_empty() || !self.unbans.is_empty() || !self.problems.is_empty()
    }
}

/// What became of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The file.
    pub path: PathBuf,
    /// The rule that read it.
    pub rule: String,
    /// What became of it: a word of the JSON.
    pub status: &'static str,
    /// The byte from which it was read.
    pub from: u64,
    /// The byte up to which it was read.
    pub to: u64,
    /// How many bytes of it, as they stand on the disk, were left for later runs; none
    /// if some were and nobody can say how many.
    pub left: Option<u64>,
    /// How many failures were in there.
    pub failures: u64,
    /// How many lines named a host where an address should be.
    pub host_names: u64,
}

impl SourceRow {
    /// Whether it is a journal, of which entries are counted, and not bytes.
    #[must_use]
    pub fn is_journal(&self) -> bool {
        self.path
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(b"journal:")
    }
}

/// What became of the firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallRow {
    /// What applied the bans.
    pub backend: &'static str,
    /// Whether anything had to be changed.
    pub changed: bool,
    /// What somebody else had changed since the last run, and is right again.
    pub repaired: Option<String>,
    /// How many IPv4 addresses are banned there.
    pub v4: usize,
    /// How many IPv6 addresses are banned there.
    pub v6: usize,
}
