use rusqlite::{OptionalExtension as _, params};

use crate::model::{Address, Ban, Cause, Family, Unban};

use super::bans::{RepeatedNames, ban};
use super::read_back::Seconds;
use super::{Commit, Store, StoreError};

/// Something that was committed and not yet told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingNotification {
    /// A new ban.
    Ban(Ban),
    /// A ban that was lifted.
    Unban(Unban),
}

fn written_key(family: Family) -> &'static str {
    match family {
        Family::V4 => "blacklist.v4",
        Family::V6 => "blacklist.v6",
    }
}

impl Store {
    /// What was committed and not yet told, in its order.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn pending_notifications(&self) -> Result<Vec<PendingNotification>, StoreError> {
        let bans = "SELECT b.ip, b.rule, b.server, b.at, b.nanos, b.digits, b.ends, b.failures, b.instant, b.origin, b.reason, b.country, b.country_code, \
                    u.ip, u.cause, u.at FROM untold u LEFT JOIN ban b ON b.id = u.ban ORDER BY u.id";
        let rows = self.connection.prepare(bans).and_then(|mut select| {
            let mut names = RepeatedNames::default();
            let rows = select.query_map([], |row| {
                let Some(ip) = row.get::<_, Option<String>>(13)? else {
                    return ban(row, &mut names).map(|ban| Some(PendingNotification::Ban(ban)));
                };
                let address = Address::parse(ip.as_bytes());
                let cause = Cause::from_word(&row.get::<_, String>(14)?);
                let Seconds(at) = row.get(15)?;
                Ok(address.zip(cause).map(|(address, cause)| {
                    PendingNotification::Unban(Unban { address, cause, at })
                }))
            })?;
            rows.filter_map(Result::transpose).collect()
        });
        self.wrap(rows)
    }

    /// Whether the firewall and the snapshot were brought to the present set
    /// of bans, as far as is known.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_applied(&self) -> Result<bool, StoreError> {
        Ok(self.meta("applied")? == Some(self.number()?))
    }

    /// A state of the firewall in which it is known to show a set of bans, and
    /// that set's number.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn applied_fingerprint(&self) -> Result<Option<(String, i64)>, StoreError> {
        let select = "SELECT s.value, n.value FROM meta s, meta n WHERE s.key = 'standing' AND n.key = 'standing_number'";
        let found = self
            .connection
            .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)));
        self.wrap(found.optional())
    }

    /// A digest of the family's snapshot as it was written last, and the number
    /// of the set that it shows.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn written(&self, family: Family) -> Result<Option<(String, i64)>, StoreError> {
        let select = "SELECT value FROM meta WHERE key = ?";
        let found: Option<String> = self.wrap(
            self.connection
                .query_row(select, [written_key(family)], |row| row.get(0))
                .optional(),
        )?;
        Ok(found.and_then(|text| {
            let (number, digest) = text.split_once(' ')?;
            Some((digest.to_owned(), number.parse().ok()?))
        }))
    }

    /// A fingerprint of who is never banned, by which all bans in force were
    /// looked at.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn checked_allow_list(&self) -> Result<Option<i64>, StoreError> {
        self.meta("never_banned")
    }
}

impl Commit<'_> {
    pub(super) fn queue_ban_notification(&self, id: i64) -> Result<(), StoreError> {
        let insert = "INSERT INTO untold(ban) VALUES (?)";
        self.wrap(
            self.transaction
                .prepare_cached(insert)
                .and_then(|mut insert| insert.execute([id])),
        )
        .map(drop)
    }

    pub(super) fn queue_unban_notification(
        &self,
        ip: &str,
        cause: Cause,
        at: i64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO untold(ip, cause, at) VALUES (?, ?, ?)";
        let values = params![ip, cause.as_str(), at];
        self.wrap(
            self.transaction
                .prepare_cached(insert)
                .and_then(|mut insert| insert.execute(values)),
        )
        .map(drop)
    }

    /// Notes that everything was told.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn clear_notifications(&self) -> Result<(), StoreError> {
        self.wrap(self.transaction.execute("DELETE FROM untold", []))
            .map(drop)
    }

    /// Notes that firewall and snapshot show the set with this number.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_applied(&self, number: i64) -> Result<(), StoreError> {
        self.set_meta("applied", number)
    }

    /// Remembers a state of the firewall in which it shows the set with this
    /// number.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_applied_fingerprint(&self, state: &str, number: i64) -> Result<(), StoreError> {
        self.set_meta("standing", state)?;
        self.set_meta("standing_number", number)
    }

    /// Remembers what was written as the family's snapshot, to show the present
    /// set of bans.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_written(&self, family: Family, digest: &str) -> Result<(), StoreError> {
        let number = "SELECT value FROM meta WHERE key = 'number'";
        let number: i64 = self.wrap(self.transaction.query_row(number, [], |row| row.get(0)))?;
        self.set_meta(written_key(family), format!("{number} {digest}"))
    }

    /// Remembers by whom, never to be banned, the bans in force were looked at.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_checked_allow_list(&self, fingerprint: i64) -> Result<(), StoreError> {
        self.set_meta("never_banned", fingerprint)
    }
}
