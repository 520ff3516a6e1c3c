//! The JSON file → a checked [`Config`].
//!
//! ```text
//! file.rs   which file, and its bytes
//! raw.rs    text -> values that know where they stand; they can be wrong
//! conf_d.rs files that are laid over it
//! check.rs  a value with its path; the faults found so far
//! keys.rs   which keys there are, and the right one for a wrong one
//! top.rs, firewall.rs, rule.rs, pattern.rs, values.rs   values -> Config
//! ```
//! All faults are told at once. What is in a [`Config`] can not be wrong: it
//! compiles, is in range, and has its paths made absolute.

mod check;
mod conf_d;
mod fault;
mod file;
mod firewall;
mod keys;
mod pattern;
mod raw;
mod rule;
mod shown;
#[cfg(test)]
mod tests;
mod top;
mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::model::{Firewall, RedisSettings, Rule, Thresholds};
use crate::rules;

pub use conf_d::{ConfD, ConfFile, LeftOut};
pub use fault::{Fault, Faults, TextPosition};
pub use file::{DEFAULT_FILE, chosen};

use check::{Checker, Field, Section};
use conf_d::ConfDFiles;
use raw::Node;

/// Everything the program may be told, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; none for the built-in defaults.
    pub path: Option<PathBuf>,
    /// What the file names this server; the host name if nothing.
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
    /// What is understood and may not be what was meant, such as keys without
    /// effect: a sentence each, for `check`.
    pub notes: Vec<String>,
}

/// All keys that the file may hold, but for those without effect and the old
/// spellings.
pub fn keys() -> impl Iterator<Item = &'static str> {
    let old = ["log_file", "check_time", "run_once"];
    let keys = keys::ALL.iter().flat_map(|keys| keys.names);
    keys.copied().filter(move |key| !old.contains(key))
}

/// All keys that the file may hold, old spellings too, with the sections they
/// stand in: `settings.rules.NAME.log_files`.
pub fn key_paths() -> impl Iterator<Item = String> {
    let sections = keys::ALL.iter().map(|keys| keys.place);
    let sections: Vec<&str> = sections.collect();
    keys::ALL.iter().flat_map(move |keys| {
        let place = if keys.place == keys::ROOT.place {
            String::new()
        } else {
            format!("{}.", keys.place)
        };
        let paths = keys.names.iter().map(move |name| format!("{place}{name}"));
        let sections = sections.clone();
        paths.filter(move |path| !sections.contains(&path.as_str()))
    })
}

/// What the tree of a file means; the faults are in `check`.
fn config_of(root: &Node, base: &Path, check: &mut Checker) -> Config {
    let root = Field {
        path: String::new(),
        node: root,
    };
    let root = root.section(&keys::ROOT, check);
    let root = root.unwrap_or_else(|| Section::empty(&keys::ROOT));
    top::config(&root, base, check)
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

impl Config {
    /// What a text says; relative paths in it are taken from `base`, the state
    /// directory. `path` is the file it comes from.
    ///
    /// # Errors
    /// All that is wrong with the text.
    pub fn from_text(text: &[u8], path: Option<&Path>, base: &Path) -> Result<Self, Faults> {
        let text = file::decode(text).map_err(|fault| fault.of(path))?;
        conf_d::read_all(text, path, ConfDFiles::default(), base)
    }

    /// What holds without a file: ssh, from its usual places.
    #[must_use]
    pub fn defaults(base: &Path) -> Self {
        top::config(&Section::empty(&keys::ROOT), base, &mut Checker::new(""))
    }

    /// The rule of that name: the file's, else the built-in one with the
    /// file's thresholds.
    #[must_use]
    pub fn rule_named(&self, name: &str) -> Option<Rule> {
        let of_file = self.rules.iter().find(|rule| &*rule.name == name);
        of_file
            .cloned()
            .or_else(|| Some(rule::builtin(rules::builtin(name)?, self.thresholds)))
    }

    /// The four built-in rules as they are shipped, with the file's thresholds.
    #[must_use]
    pub fn builtin_rules(&self) -> Vec<Rule> {
        let builtins = rules::NAMES.into_iter().filter_map(rules::builtin);
        builtins
            .map(|builtin| rule::builtin(builtin, self.thresholds))
            .collect()
    }

    /// What to tell somebody who asked for a rule that is not there.
    #[must_use]
    pub fn no_such_rule(&self, name: &str) -> String {
        let names = self.rule_names();
        let advice = match keys::nearest(name, &names) {
            Some(near) => format!("did you mean {}?", shown::shown(near)),
            None => format!("the rules are {}", shown::escaped(&names.join(", "))),
        };
        format!("there is no rule {}: {advice}", shown::shown(name))
    }

    /// The names that [`Config::rule_named`] knows.
    #[must_use]
    pub fn rule_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.rules.iter().map(|rule| &*rule.name).collect();
        for name in rules::NAMES {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
