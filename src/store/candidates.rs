//! Which bans count for the bans of networks around them.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::model::Subject;

use super::error::StoreError;
use super::query::{Commit, Store};
use super::read_back::{End, Seconds, SubjectText};
use super::subject_key::SubjectKey;

/// What is remembered of the networks of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPasts {
    /// The subjects whose bans count, and the second of the last ban of each.
    pub candidates: BTreeMap<Subject, i64>,
    /// The bans of networks that nobody lifted.
    pub bans: BTreeMap<Subject, Vec<NetworkBan>>,
}

/// A ban of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkBan {
    /// The second since when.
    pub at: i64,
    /// Until when, in Unix seconds: `i64::MAX` for good.
    pub ends: i64,
}

impl Store {
    /// What is remembered of the networks of `rule`.
    pub fn network_pasts(&self, rule: &str) -> Result<NetworkPasts, StoreError> {
        let select = "SELECT subject, at FROM candidate WHERE rule = ? ORDER BY subject";
        let candidates = self.valid_rows(select, [rule], |row| {
            let subject = SubjectKey::read(row.get_ref(0)?.as_blob()?);
            let Seconds(at) = row.get(1)?;
            Ok(subject.map(|subject| (subject, at)))
        })?;
        let select = "SELECT ip, at, coalesce(ends, 9223372036854775807) FROM ban \
                      WHERE rule = ? AND aggregates > 0 AND (lifted IS NULL OR cause = 'expired')";
        let all: Vec<(Subject, NetworkBan)> = self.valid_rows(select, [rule], |row| {
            let (SubjectText(network), Seconds(at), End(ends)) = row.try_into()?;
            Ok(network.map(|network| (network, NetworkBan { at, ends })))
        })?;
        let mut bans: BTreeMap<Subject, Vec<NetworkBan>> = BTreeMap::new();
        for (network, ban) in all {
            bans.entry(network).or_default().push(ban);
        }
        // What was before an un-ban does not count.
        for (network, bans) in &mut bans {
            if let Some(cleared) = self.cleared_until(*network)? {
                bans.retain(|ban| ban.at > cleared);
            }
        }
        Ok(NetworkPasts { candidates, bans })
    }
}

impl Commit<'_> {
    /// Notes that the last ban of a subject under `rule` counts, which was at that second;
    /// without one that none counts any more.
    pub fn set_candidate(
        &self,
        rule: &str,
        subject: Subject,
        at: Option<i64>,
    ) -> Result<(), StoreError> {
        let key = SubjectKey::of(subject);
        let Some(at) = at else {
            let delete = "DELETE FROM candidate WHERE rule = ? AND subject = ?";
            return self.execute(delete, params![rule, key]);
        };
        let insert = "REPLACE INTO candidate VALUES (?, ?, ?)";
        self.execute(insert, params![rule, key, at])
    }

    /// Forgets the bans of a rule that were before `earliest`: they count no more.
    pub fn forget_candidates(&self, rule: &str, earliest: i64) -> Result<(), StoreError> {
        let forget = "DELETE FROM candidate WHERE rule = ? AND at < ?";
        self.execute(forget, params![rule, earliest])
    }

    /// Takes out what was banned up to `until` of a subject and within it: it was
    /// un-banned.
    pub(super) fn clear_candidates(&self, subject: Subject, until: i64) -> Result<(), StoreError> {
        if !self.exists("SELECT 1 FROM candidate", [])? {
            return Ok(());
        }
        let (from, to) = SubjectKey::range(subject);
        let select = "SELECT DISTINCT subject FROM candidate WHERE subject >= ? AND subject <= ?";
        let within: Vec<Subject> = self.valid_rows(select, params![from, to], |row| {
            let found = SubjectKey::read(row.get_ref(0)?.as_blob()?);
            Ok(found.filter(|found| subject.holds(*found)))
        })?;
        for one in within {
            let delete = "DELETE FROM candidate WHERE subject = ? AND at <= ?";
            self.execute(delete, params![SubjectKey::of(one), until])?;
        }
        Ok(())
    }
}
