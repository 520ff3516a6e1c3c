//! Figures for `metrics`: how much was counted, how many are banned.

use rusqlite::params;

use crate::model::{Family, Origin};

use super::error::StoreError;
use super::query::{Commit, Store};

/// Begins the keys in `meta` of counted failures, before the name of a rule.
const FAILURES: &str = "failures of ";

/// How many bans in force have the same rule, origin, family and kind of subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBanCount {
    /// The rule; none for bans that are not from a log.
    pub rule: Option<String>,
    /// Where they come from.
    pub origin: Origin,
    /// IPv4 or IPv6.
    pub family: Family,
    /// Whether they are of networks.
    pub of_networks: bool,
    /// How many.
    pub bans: u64,
}

impl Store {
    /// How many failures the runs have counted under a rule.
    pub fn failures_of(&self, rule: &str) -> Result<u64, StoreError> {
        let count: Option<i64> = self.meta(&format!("{FAILURES}{rule}"))?;
        Ok(count.unwrap_or(0).try_into().unwrap_or(0))
    }

    /// How many bans are in force, of each rule, origin, family and kind of subject:
    /// without those that a wider one covers.
    pub fn counts(&self) -> Result<Vec<StoredBanCount>, StoreError> {
        let select = "SELECT rule, origin, instr(ip, ':') > 0 AS v6, instr(ip, '/') > 0 AS wide, count(*) FROM ban
                      WHERE lifted IS NULL AND ip NOT IN (SELECT ip FROM covered)
                      GROUP BY rule, origin, v6, wide ORDER BY rule, origin, v6, wide";
        self.rows(select, [], |row| {
            let word: String = row.get(1)?;
            Ok(StoredBanCount {
                rule: row.get(0)?,
                origin: Origin::from_word(&word).unwrap_or(Origin::Manual),
                family: if row.get(2)? { Family::V6 } else { Family::V4 },
                of_networks: row.get(3)?,
                bans: row.get::<_, i64>(4)?.try_into().unwrap_or(0),
            })
        })
    }
}

impl Commit<'_> {
    /// Adds what a run has counted under a rule.
    pub fn count_failures(&self, rule: &str, failures: u64) -> Result<(), StoreError> {
        let add = "INSERT INTO meta(key, value) VALUES (?, ?)
                   ON CONFLICT(key) DO UPDATE SET value = value + excluded.value";
        let failures = i64::try_from(failures).unwrap_or(i64::MAX);
        self.execute(add, params![format!("{FAILURES}{rule}"), failures])
    }
}
