//! What an audit found, as text and as JSON; `html` makes the page of it.
//!
//! | file | makes |
//! |---|---|
//! | `text` | what a person reads in a terminal |
//! | `bans` | what aggregation and other thresholds would have banned |
//! | `page`, `table`, `blocks`, `words` | its headings and paragraphs, tables, timeline, numbers and times |
//! | `json` | the document |

mod bans;
mod blocks;
mod json;
mod page;
mod table;
mod text;
pub(super) mod words;

use crate::audit::{FailedAddress, Findings, Period};
use crate::model::{Problem, Rule, SubjectSet};

use super::SourceRow;

pub use json::audit_json;
pub use text::audit_text;

/// What an audit found, and what is to be shown of it.
#[derive(Debug, Clone, Copy)]
pub struct AuditReport<'a> {
    /// This server's name.
    pub server: &'a str,
    /// When the audit was made, in Unix seconds.
    pub now: i64,
    /// What was looked at.
    pub period: Period,
    /// The rules that were read.
    pub rules: &'a [Rule],
    /// A row for each file.
    pub sources: &'a [SourceRow],
    /// What was found.
    pub findings: &'a Findings,
    /// Who is banned now; none if that is not known.
    pub in_force: Option<&'a SubjectSet>,
    /// What a person should know to understand it.
    pub notes: &'a [String],
    /// What could not be read.
    pub problems: &'a [Problem],
    /// How many of each list are shown, if somebody said so.
    pub top: Option<usize>,
}

/// Whether an address is banned, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BanStatus {
    /// A ban of it is in force now.
    InForce,
    /// What was read would have banned it.
    WouldBe,
    /// It never will be, whatever it does.
    Never,
    /// Neither.
    Not,
}

impl BanStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            BanStatus::InForce => "is banned",
            BanStatus::WouldBe => "would be",
            BanStatus::Never => "never",
            BanStatus::Not => "no",
        }
    }
}

impl AuditReport<'_> {
    pub(super) fn ban_status(&self, seen: &FailedAddress) -> BanStatus {
        let in_force = self
            .in_force
            .is_some_and(|banned| banned.holder(seen.address).is_some());
        match () {
            () if in_force => BanStatus::InForce,
            () if seen.banned => BanStatus::WouldBe,
            () if seen.never => BanStatus::Never,
            () => BanStatus::Not,
        }
    }

    /// The rules under which an address failed, the one with the most
    /// failures first.
    pub(super) fn rules_of(&self, seen: &FailedAddress) -> Vec<(&str, u64)> {
        let rules = self.findings.rules.iter();
        let mut of: Vec<(&str, u64)> = rules
            .map(|rule| (&*rule.name, rule.failures_of(seen)))
            .filter(|(_, failures)| *failures > 0)
            .collect();
        of.sort_by_key(|(_, failures)| std::cmp::Reverse(*failures));
        of
    }

    /// How much was read: bytes of files, entries of journals.
    pub(super) fn size(&self) -> String {
        let read = |journals: bool| {
            let rows = self.sources.iter();
            let rows = rows.filter(move |source| source.is_journal() == journals);
            rows.map(|source| source.to - source.from)
        };
        let (files, journals) = (read(false), read(true));
        let has_files = self.sources.iter().any(|source| !source.is_journal());
        let has_journals = self.sources.iter().any(SourceRow::is_journal);
        let bytes = (has_files || !has_journals).then(|| words::bytes(files.sum()));
        let entries = has_journals.then(|| words::entries(journals.sum()));
        let all: Vec<String> = bytes.into_iter().chain(entries).collect();
        all.join(", ")
    }

    /// The sources that were read.
    pub(super) fn read(&self) -> impl Iterator<Item = &SourceRow> {
        self.sources.iter().filter(|source| source.status == "read")
    }
}
