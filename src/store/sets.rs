//! The numbered sets of banned addresses, and what is forgotten of them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension as _, params};

use crate::model::Address;

use super::{Commit, Store, StoreError};

/// How many numbered sets of bans can still be told apart.
const NUMBERS_KEPT: i64 = 10_000;

/// Which bans are forgotten now, ?1: those that ended more than a year ago,
/// were told, and lie more than a day behind what their rule has read. In an
/// older log a ban that is long over still keeps failures from counting.
const FORGOTTEN: &str = "lifted < ?1 - 366 * 86400 \
    AND lifted < coalesce((SELECT newest FROM rule WHERE name = ban.rule), ?1) - 86400 \
    AND id NOT IN (SELECT ban FROM untold WHERE ban IS NOT NULL)";

/// How a set of banned addresses became another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// Who is banned no more.
    pub gone: Vec<Address>,
    /// Who was not banned then.
    pub new: Vec<Address>,
}

impl Store {
    /// The number of the set of banned addresses: it counts up when the set changes.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn number(&self) -> Result<i64, StoreError> {
        Ok(self.meta("number")?.unwrap_or(0))
    }

    /// What has become of the set with this number, in the order of the
    /// addresses, if that is still known.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn changes_since(&self, number: i64) -> Result<Option<Since>, StoreError> {
        let now = self.number()?;
        let oldest: Option<i64> = self
            .wrap(
                self.connection
                    .query_row("SELECT min(number) FROM change", [], |row| row.get(0))
                    .optional(),
            )?
            .flatten();
        if number > now
            || number < 0
            || (number < now && oldest.is_none_or(|oldest| number < oldest - 1))
        {
            return Ok(None);
        }
        let select = "SELECT ip, added FROM change WHERE number > ? ORDER BY number";
        let changes: Vec<(String, bool)> =
            self.wrap(self.connection.prepare(select).and_then(|mut select| {
                select
                    .query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            }))?;
        // Of each address the first and the last change: to enter the set it was not in it.
        let mut ways: BTreeMap<Address, (bool, bool)> = BTreeMap::new();
        for (ip, added) in changes {
            if let Some(address) = Address::parse(ip.as_bytes()) {
                ways.entry(address).or_insert((!added, added)).1 = added;
            }
        }
        let mut since = Since::default();
        for (address, way) in ways {
            match way {
                (true, false) => since.gone.push(address),
                (false, true) => since.new.push(address),
                _ => {}
            }
        }
        Ok(Some(since))
    }

    /// The addresses that were banned when the set had this number, if that is
    /// still known.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn in_force_at(&self, number: i64) -> Result<Option<BTreeSet<Address>>, StoreError> {
        let Some(since) = self.changes_since(number)? else {
            return Ok(None);
        };
        let mut set = self.in_force()?;
        for address in &since.new {
            set.remove(address);
        }
        set.extend(since.gone);
        Ok(Some(set))
    }
}

impl Commit<'_> {
    /// Counts the number up if the set has changed, and forgets what is older
    /// than anybody asks for.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn seal(&self, now: i64) -> Result<(), StoreError> {
        let count = "UPDATE meta SET value = value + 1 WHERE key = 'number' AND EXISTS (SELECT 1 FROM change WHERE number = meta.value + 1)";
        if self.wrap(self.transaction.execute(count, []))? == 0 {
            return Ok(());
        }
        let forget =
            "DELETE FROM change WHERE number <= (SELECT value FROM meta WHERE key = 'number') - ?";
        self.wrap(self.transaction.execute(forget, [NUMBERS_KEPT]))?;
        let gone = format!("SELECT ip, id FROM ban WHERE {FORGOTTEN}");
        let failures = format!("DELETE FROM failure WHERE (ip, ban) IN ({gone})");
        self.wrap(self.transaction.execute(&failures, [now]))?;
        let bans = format!("DELETE FROM ban WHERE (ip, id) IN ({gone})");
        self.wrap(self.transaction.execute(&bans, [now])).map(drop)
    }

    /// Notes that `ip` entered or left the set, in the number this commit
    /// makes; who does both has done neither.
    pub(super) fn change(&self, ip: &str, added: bool) -> Result<(), StoreError> {
        let number = "SELECT value + 1 FROM meta WHERE key = 'number'";
        let number = self.transaction.prepare_cached(number);
        let number: i64 =
            self.wrap(number.and_then(|mut number| number.query_row([], |row| row.get(0))))?;
        let back = "DELETE FROM change WHERE number = ? AND ip = ?";
        let back = self
            .transaction
            .prepare_cached(back)
            .and_then(|mut back| back.execute(params![number, ip]));
        if self.wrap(back)? > 0 {
            return Ok(());
        }
        let insert = "INSERT INTO change VALUES (?, ?, ?)";
        let insert = self
            .transaction
            .prepare_cached(insert)
            .and_then(|mut insert| insert.execute(params![number, ip, added]));
        self.wrap(insert).map(drop)
    }
}
