//! What `explain` shows of an address.

use std::collections::BTreeMap;

use crate::model::{Ban, Cause, Evidence, KeptFailure, OpenWindow, PastBan, Subject, Unban};

use super::bans::{BAN_COLUMNS, BEHIND_BAN, RepeatedNames, ban};
use super::error::StoreError;
use super::query::{Store, subject};
use super::read_back::optional_seconds;
use super::subject_key::SubjectKey;
use super::windows::both;

/// A row of `ban`: the ban, how it was lifted, and what filled its window.
type BanRow = (Ban, Option<Unban>, Evidence);

impl Store {
    /// All bans of `subject` that are remembered, oldest first.
    pub fn bans_of(&self, subject: Subject) -> Result<Vec<PastBan>, StoreError> {
        let select = format!(
            "SELECT {BAN_COLUMNS}, lifted, cause, witnesses FROM ban WHERE ip = ? ORDER BY at, id"
        );
        let mut names = RepeatedNames::default();
        let rows: Vec<BanRow> = self.rows(&select, [subject.to_string()], |row| {
            let ban = ban(row, &mut names)?;
            let at = optional_seconds(row, BEHIND_BAN)?;
            let cause: Option<String> = row.get(BEHIND_BAN + 1)?;
            let cause = cause.as_deref().and_then(Cause::from_word);
            let lifted = at
                .zip(cause)
                .map(|(at, cause)| Unban { subject, cause, at });
            let failures = row.get_ref(BEHIND_BAN + 2)?.as_blob_or_null()?;
            let failures = failures.map(|bytes| self.paths.failures(bytes, BEHIND_BAN + 2));
            Ok((ban, lifted, failures.transpose()?.unwrap_or_default()))
        })?;
        let past = |(ban, lifted, failures)| {
            Ok(PastBan {
                ban,
                lifted,
                failures: self.kept_failures(&failures)?,
            })
        };
        rows.into_iter().map(past).collect()
    }

    /// The open windows of `subject`: for each rule the one with the later stamps,
    /// then the one with the earlier stamps, if there is one.
    pub fn open_windows(&self, subject: Subject) -> Result<Vec<OpenWindow>, StoreError> {
        let select =
            "SELECT rule, failures, earlier FROM open_window WHERE address = ? ORDER BY rule";
        let rows: Vec<(String, (Evidence, Evidence))> =
            self.rows(select, [SubjectKey::of(subject)], |row| {
                Ok((row.get(0)?, both(row, 1, &self.paths)?))
            })?;
        let mut windows = Vec::new();
        for (rule, (later, earlier)) in rows {
            for failures in [later, earlier] {
                if !failures.is_empty() {
                    windows.push(OpenWindow {
                        rule: rule.clone(),
                        failures: self.kept_failures(&failures)?,
                    });
                }
            }
        }
        Ok(windows)
    }

    /// The subjects that were un-banned last and are not banned now, at most `count`.
    pub fn unbanned(&self, count: usize) -> Result<Vec<Subject>, StoreError> {
        let select = "SELECT ip FROM cleared WHERE ip NOT IN (SELECT ip FROM banned_ip) ORDER BY at DESC LIMIT ?";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.valid_rows(select, [count], subject)
    }

    /// The failures of a row, each with the path of its log.
    fn kept_failures(&self, failures: &Evidence) -> Result<Vec<KeptFailure>, StoreError> {
        let paths = failures.paths();
        let paths = paths.map(|id| Ok((id, self.paths.get(&self.connection, id)?)));
        let paths: BTreeMap<_, _> = self.wrap(paths.collect())?;
        Ok(failures.iter(|id| paths[&id].clone()).collect())
    }
}
