use std::borrow::Cow;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use super::ban_time::{BanTime, BanTimes};
use super::subject::Prefixes;

/// A named section of the configuration: which logs, which patterns, which
/// thresholds. Checked: patterns compile, numbers are in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as in the configuration.
    pub name: Arc<str>,
    /// Whether the built-in rule of its name gives what its section leaves out. If not, it is
    /// the user's own rule, whatever its name.
    pub is_built_in: bool,
    /// Whether the timer's run reads it.
    pub enabled: bool,
    /// What it reads.
    pub sources: Vec<SourceSpec>,
    /// Further directories in which the generations of its logs may be. Relative ones
    /// start at the log's directory.
    pub olddir: Vec<PathBuf>,
    /// In the order in which they are tried.
    pub patterns: Vec<Pattern>,
    /// Regular expressions: a line that matches one of them is no failure.
    pub ignored: Vec<String>,
    /// strftime formats of the `time` group, in the order in which they are tried.
    pub time_formats: Vec<String>,
    /// The HTTP statuses that count, if a login page has none of its own. None: any
    /// status counts.
    pub statuses: Option<Vec<u16>>,
    /// When failures become a ban.
    pub thresholds: Thresholds,
    /// When bans within a network become a ban of the network; none: never.
    pub aggregate: Option<Aggregate>,
    /// Whether nobody can forge the senders of its lines, or the configuration trusts
    /// them all the same.
    pub senders_are_trusted: bool,
}

impl Rule {
    /// When its bans within a network become a ban of the network; none: never. Anybody can
    /// have a network banned by a rule whose senders can be forged.
    #[must_use]
    pub fn aggregation(&self) -> Option<Aggregate> {
        self.aggregate.filter(|_| self.senders_are_trusted)
    }

    /// Whether its bans are shared with other servers.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.senders_are_trusted
    }
}

/// When bans within a network become a ban of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    /// The lengths of the networks: 16 to 31 of IPv4, 32 to 127 of IPv6.
    pub networks: Prefixes,
    /// How many different subjects in it have to be banned, 2 or more.
    pub subjects: u32,
    /// Within how many seconds.
    pub within: u32,
}

impl Default for Aggregate {
    /// Four of a /24 or a /48 within a day.
    fn default() -> Self {
        Aggregate {
            networks: Prefixes { ipv4: 24, ipv6: 48 },
            subjects: 4,
            within: 86_400,
        }
    }
}

/// A source as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A path, or a glob of paths. Absolute.
    Files(PathBuf),
    /// The systemd journal of a unit.
    Journal(String),
    /// The first of the usual places of a built-in rule that is there.
    Auto(UsualPlaces),
}

/// Where a service usually keeps its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualPlaces {
    /// Absolute paths or globs, by distribution. Each is a place of its own: the first
    /// one that is there is read, with all files that it matches.
    pub files: &'static [&'static str],
    /// The systemd units whose journal is read where no file is there; empty if the
    /// journal has no lines of the service. The journal is named after the first.
    pub units: &'static [&'static str],
}

impl UsualPlaces {
    /// Whether there is any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.units.is_empty()
    }
}

/// One regular expression of a rule, with `urls` filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// In Rust `regex` syntax.
    pub text: String,
    /// Whether its first match bans.
    pub instant: bool,
    /// Where its parts stand when they have no names.
    pub positions: Positions,
    /// What the rule's `urls` are to it.
    pub urls: Urls,
    /// Whether it is a built-in one that the rule inherits.
    pub built_in: bool,
}

/// What the `urls` of a rule are to one of its patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Urls {
    /// Nothing.
    Unused,
    /// These stand in its text, and a line counts as it is written.
    Filled(Vec<LoginPage>),
    /// Its group `request`, read as web servers read it, must be a POST to one
    /// of these.
    Read(Vec<LoginPage>),
}

impl Urls {
    /// The pages that the pattern is for; empty if it is for none.
    #[must_use]
    pub fn pages(&self) -> &[LoginPage] {
        match self {
            Urls::Unused => &[],
            Urls::Filled(pages) | Urls::Read(pages) => pages,
        }
    }
}

/// A page to which passwords are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginPage {
    /// Its path, and behind a `?` what must be in the query.
    pub url: Cow<'static, str>,
    /// The HTTP statuses with which it answers a failed login. None: those of the rule.
    pub failures: Option<&'static [u16]>,
}

/// The order of a pattern's groups when they have no names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// Time, address.
    TimeAddress,
    /// Address, time, …, status fourth: apache and nginx.
    AddressTime,
}

/// When failures become a ban, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// How many failures fill a window.
    pub failed_attempts: NonZeroU32,
    /// Seconds: between two failures (`gap`), or of the whole window (`sliding`).
    pub request_time: u32,
    /// How `request_time` is used.
    pub window: WindowKind,
    /// How long the bans of a subject last, one after the other.
    pub ban_times: BanTimes,
    /// For how many seconds a ban counts for the times of the next ones.
    pub ban_memory: u32,
    /// What is counted together and banned as one.
    pub prefixes: Prefixes,
}

impl Thresholds {
    /// How long a ban counts by default: 90 days, in seconds.
    pub const BAN_MEMORY: u32 = 90 * 86_400;
}

/// Which failures belong to one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// PyFilter's: a failure soon after the one before it extends the window.
    Gap,
    /// fail2ban's: the failures of the last seconds.
    Sliding,
}

impl Default for Thresholds {
    /// PyFilter's: five failures, each within five seconds of the one before, for ever.
    fn default() -> Self {
        Thresholds {
            failed_attempts: NonZeroU32::new(5).expect("five is not zero"),
            request_time: 5,
            window: WindowKind::Gap,
            ban_times: BanTime::FOR_EVER.into(),
            ban_memory: Thresholds::BAN_MEMORY,
            prefixes: Prefixes::default(),
        }
    }
}
