//! What `explain` tells of an address or a network: the facts, as text and as JSON.
//!
//! | file | what |
//! |---|---|
//! | `mod` | [`Explanation`]: the facts |
//! | `lines` | where the lines of remembered failures stand by now |
//! | `text`, `json` | the same facts, for people and for machines |
//! | `page`, `failures`, `searched` | of the text: its lines, the failures of a window, what logs hold |

mod failures;
mod json;
mod lines;
mod page;
mod searched;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Ban, Country, OpenWindow, PastBan, Problem, Rule, Stamp, Subject, Thresholds};

pub use lines::{FoundLine, FoundLines, LineLocation};

/// All that is known of an address or a network.
#[derive(Debug)]
pub struct Explanation {
    /// The address or network.
    pub subject: Subject,
    /// Where it is from, if that is known.
    pub country: Option<Country>,
    /// Why it is never banned, if that is so.
    pub never_banned: Option<NeverBanned>,
    /// Its bans that are remembered, oldest first.
    pub bans: Vec<PastBan>,
    /// Those of networks around it: of the widest network first, oldest first.
    pub around: Vec<PastBan>,
    /// Those of what lies within it, if it is a network, without failures.
    pub within: Vec<PastBan>,
    /// The bans that led to bans by aggregation, by the network and the second of those.
    pub aggregated: BTreeMap<(Subject, i64), Vec<Ban>>,
    /// The open windows in which it is counted.
    pub windows: Vec<OpenWindow>,
    /// The thresholds of the rules of these windows.
    pub thresholds: BTreeMap<String, Thresholds>,
    /// Its un-ban.
    pub cleared: Option<KnownUnban>,
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

/// Up to when failures never count.
#[derive(Debug, Clone, Copy)]
pub struct KnownUnban {
    /// When it was un-banned, in Unix seconds.
    pub at: i64,
    /// What was un-banned: it, or a network around it.
    pub subject: Subject,
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
    /// Of whom failures were looked for: the network in which the rule counts the address,
    /// if it does so.
    pub scope: Subject,
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
    /// Whether a ban is in force, by which it is blocked.
    #[must_use]
    pub fn is_banned(&self) -> bool {
        self.blocked_as().is_some()
    }

    /// By the ban of whom it is blocked: the widest subject with a ban in force, which
    /// alone stands in the firewall.
    #[must_use]
    pub fn blocked_as(&self) -> Option<Subject> {
        let widest_first = self.around.iter().chain(&self.bans);
        let mut in_force = widest_first.filter(|past| self.is_in_force(past));
        in_force.next().map(|past| past.ban.subject)
    }

    /// The subject whose ban covers one of `subject`, and when that ends, in Unix seconds:
    /// never if that is none. Nothing if no wider ban is in force.
    fn cover(&self, subject: Subject) -> Option<(Subject, Option<i64>)> {
        let wider = self.blocked_as().filter(|wider| *wider != subject)?;
        let bans = self.around.iter().chain(&self.bans);
        let bans = bans.filter(|past| past.ban.subject == wider && self.is_in_force(past));
        let ends: Option<Vec<i64>> = bans.map(|past| past.ban.ends).collect();
        Some((wider, ends.and_then(|ends| ends.into_iter().max())))
    }

    fn is_in_force(&self, past: &PastBan) -> bool {
        past.lifted.is_none() && !past.ban.is_over(self.now)
    }

    /// The bans that led to `ban`, if that is one by aggregation.
    fn led_to(&self, ban: &Ban) -> &[Ban] {
        let led = self.aggregated.get(&(ban.subject, ban.at.secs));
        led.filter(|_| ban.aggregates > 0).map_or(&[], |led| led)
    }
}
