//! What `explain` tells of an address: the facts, as text and as JSON.
//!
//! | file | what |
//! |---|---|
//! | `mod` | [`Explanation`]: the facts |
//! | `lines` | where the lines of remembered failures stand by now |
//! | `text`, `json` | the same facts, for people and for machines |

mod json;
mod lines;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{
    Address, Country, OpenWindow, PastBan, Problem, Rule, Stamp, Subject, Thresholds,
};

pub use lines::{FoundLine, FoundLines, LineLocation};

/// All that is known of an address.
#[derive(Debug)]
pub struct Explanation {
    /// The address.
    pub address: Address,
    /// Where it is from, if that is known.
    pub country: Option<Country>,
    /// Why it is never banned, if that is so.
    pub never_banned: Option<NeverBanned>,
    /// The bans that are remembered, oldest first.
    pub bans: Vec<PastBan>,
    /// Its open windows.
    pub windows: Vec<OpenWindow>,
    /// The thresholds of the rules of these windows.
    pub thresholds: BTreeMap<String, Thresholds>,
    /// Up to when failures never count, since it was un-banned, in Unix seconds.
    pub cleared: Option<i64>,
    /// Where the lines of the failures stand by now.
    pub lines: FoundLines,
    /// What the logs hold of it, if it is not banned.
    pub in_logs: Vec<FailuresInLogs>,
    /// The accounts that are logged in from there, if it is banned.
    pub session: Option<String>,
    /// Where its ban stands in the firewall, as the last run left it: `chain PYFILTER`.
    pub place: Option<String>,
    /// Commands that remove other rules which block it.
    pub blocked_by: Vec<String>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// This server's name.
    pub server: String,
    /// The time of the command, in Unix seconds.
    pub now: i64,
}

/// Why an address is never banned.
#[derive(Debug, Clone)]
pub struct NeverBanned {
    /// The reason, behind the address.
    pub why: String,
    /// The network of `ignored_ips` that holds it.
    pub network: Option<Subject>,
    /// The file of `conf.d` that names this network.
    pub file: Option<PathBuf>,
}

/// What a rule's logs hold of an address.
#[derive(Debug)]
pub struct FailuresInLogs {
    /// The rule.
    pub rule: Rule,
    /// What was looked at, in the order of reading.
    pub sources: Vec<SearchedSource>,
    /// How many failures there are.
    pub failures: u64,
    /// The first and the last.
    pub span: Option<(Stamp, Stamp)>,
    /// How many of them do not count: they are of before an un-ban, or of the time of a
    /// ban.
    pub cleared: u64,
    /// Whether pyfilter met some of the logs when older lines stood in them.
    pub met_later: bool,
    /// The most that came near enough to each other to count together.
    pub most: u32,
}

/// A file or a journal that was searched.
#[derive(Debug)]
pub struct SearchedSource {
    /// Its path or name.
    pub path: PathBuf,
    /// How many failures of the address stand in it, or why it was not read.
    pub failures: Result<u64, String>,
}

impl Explanation {
    /// Whether a ban is in force.
    #[must_use]
    pub fn is_banned(&self) -> bool {
        self.bans
            .iter()
            .any(|past| past.lifted.is_none() && !past.ban.is_over(self.now))
    }
}
