//! Which bans count for the ban of a network around them.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::model::Subject;

use super::error::StoreError;
use super::query::{Commit, Store, first};
use super::read_back::{End, Seconds};
use super::subject_key::SubjectKey;

/// What is remembered of a network under a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPast {
    /// Until when bans within it do not count, since it is banned itself: `i64::MAX` for
    /// good.
    pub banned: Option<i64>,
    /// The subjects whose bans count, and the second of the last ban of each.
    pub candidates: BTreeMap<Subject, i64>,
    /// The seconds of its bans that nobody lifted.
    pub bans: Vec<i64>,
}

impl Store {
    /// What is remembered of `network` under `rule`.
    pub fn network_past(&self, rule: &str, network: Subject) -> Result<NetworkPast, StoreError> {
        let until = "SELECT max(coalesce(ends, 9223372036854775807)) FROM ban WHERE ip = ? AND rule = ? \
                     AND (lifted IS NULL OR cause = 'expired') AND aggregates > 0";
        let until: Option<End> = self.row(until, params![network.to_string(), rule], first)?;
        let cleared = self.cleared_until(network)?;
        let (from, to) = SubjectKey::range(network);
        let select =
            "SELECT subject, at FROM candidate WHERE rule = ? AND subject >= ? AND subject <= ?";
        let candidates = self.valid_rows(select, params![rule, from, to], |row| {
            let subject = SubjectKey::read(row.get_ref(0)?.as_blob()?);
            let Seconds(at) = row.get(1)?;
            let subject = subject.filter(|subject| network.holds(*subject));
            Ok(subject.map(|subject| (subject, at)))
        })?;
        Ok(NetworkPast {
            banned: until.map(|End(until)| until),
            candidates,
            bans: self.ban_seconds(rule, network, cleared, true)?,
        })
    }
}

impl Commit<'_> {
    /// Replaces the subjects within `network` whose bans count under `rule`.
    pub fn set_candidates(
        &self,
        rule: &str,
        network: Subject,
        candidates: &BTreeMap<Subject, i64>,
    ) -> Result<(), StoreError> {
        for before in self.candidates_within(network, Some(rule))? {
            let delete = "DELETE FROM candidate WHERE rule = ? AND subject = ?";
            self.execute(delete, params![rule, SubjectKey::of(before)])?;
        }
        let insert = "INSERT INTO candidate VALUES (?, ?, ?)";
        for (subject, at) in candidates {
            self.execute(insert, params![rule, SubjectKey::of(*subject), at])?;
        }
        Ok(())
    }

    /// Forgets the bans of a rule that were before `earliest`: they count no more.
    pub fn forget_candidates(&self, rule: &str, earliest: i64) -> Result<(), StoreError> {
        let forget = "DELETE FROM candidate WHERE rule = ? AND at < ?";
        self.execute(forget, params![rule, earliest])
    }

    /// Takes out what was banned up to `until` of a subject and within it: it was
    /// un-banned.
    pub(super) fn clear_candidates(&self, subject: Subject, until: i64) -> Result<(), StoreError> {
        for cleared in self.candidates_within(subject, None)? {
            let delete = "DELETE FROM candidate WHERE subject = ? AND at <= ?";
            self.execute(delete, params![SubjectKey::of(cleared), until])?;
        }
        Ok(())
    }

    /// The subjects within a network, and itself, whose bans count under a rule, or under
    /// any.
    fn candidates_within(
        &self,
        network: Subject,
        rule: Option<&str>,
    ) -> Result<Vec<Subject>, StoreError> {
        if !self.exists("SELECT 1 FROM candidate", [])? {
            return Ok(Vec::new());
        }
        let (from, to) = SubjectKey::range(network);
        let select = "SELECT DISTINCT subject FROM candidate \
                      WHERE rule = coalesce(?1, rule) AND subject >= ?2 AND subject <= ?3";
        self.valid_rows(select, params![rule, from, to], |row| {
            let subject = SubjectKey::read(row.get_ref(0)?.as_blob()?);
            Ok(subject.filter(|subject| network.holds(*subject)))
        })
    }
}
