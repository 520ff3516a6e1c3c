//! The numbered sets of banned addresses, and what is forgotten of them.

use super::{Commit, StoreError};

/// How many numbered sets of bans can still be told apart.
const NUMBERS_KEPT: i64 = 10_000;

/// Which bans are forgotten now, ?1: those that ended more than a year ago,
/// were told, and lie more than a day behind what their rule has read. In an
/// older log a ban that is long over still keeps failures from counting.
const FORGOTTEN: &str = "lifted < ?1 - 366 * 86400 \
    AND lifted < coalesce((SELECT newest FROM rule WHERE name = ban.rule), ?1) - 86400 \
    AND id NOT IN (SELECT ban FROM untold WHERE ban IS NOT NULL)";

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
}
