//! Effects of a commit that may be left to do: notifications, and the state of
//! firewall and snapshot.

use rusqlite::params;

use crate::model::{Ban, Cause, Family, Unban};

use super::bans::{BAN_COLUMNS, BEHIND_BAN, RepeatedNames, ban};
use super::error::StoreError;
use super::query::{Commit, Store, columns, first};
use super::read_back::{Seconds, SubjectText};

/// A ban or an un-ban that was committed, and of which nobody was told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingNotification {
    /// A new ban.
    Ban(Ban),
    /// A ban that was lifted, or that a wider one has taken the place of.
    Unban(Unban),
    /// A ban that is in force again, since the wider one has ended.
    Return(Ban),
}

/// What is known of the firewall's or a snapshot's state, and the number of the
/// set of bans that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSet {
    /// Changes with the state: a fingerprint of the rules, or a file's digest.
    pub fingerprint: String,
    /// The set's number.
    pub number: i64,
}

fn written_key(family: Family) -> &'static str {
    match family {
        Family::V4 => "blacklist.v4",
        Family::V6 => "blacklist.v6",
    }
}

impl Store {
    /// The notifications that are to be given, in their order.
    pub fn pending_notifications(&self) -> Result<Vec<PendingNotification>, StoreError> {
        let select = format!(
            "SELECT {BAN_COLUMNS}, untold.ip, untold.cause, untold.at, untold.returns \
             FROM untold LEFT JOIN ban ON ban.id = untold.ban ORDER BY untold.id"
        );
        let mut names = RepeatedNames::default();
        self.valid_rows(&select, [], |row| {
            let Some(SubjectText(subject)) = row.get(BEHIND_BAN)? else {
                let (returns, ban) = (row.get(BEHIND_BAN + 3)?, ban(row, &mut names)?);
                return Ok(Some(if returns {
                    PendingNotification::Return(ban)
                } else {
                    PendingNotification::Ban(ban)
                }));
            };
            let cause = Cause::from_word(&row.get::<_, String>(BEHIND_BAN + 1)?);
            let Seconds(at) = row.get(BEHIND_BAN + 2)?;
            let unban = subject.zip(cause);
            let unban = unban.map(|(subject, cause)| Unban { subject, cause, at });
            Ok(unban.map(PendingNotification::Unban))
        })
    }

    /// Whether the firewall and the snapshot were brought to the present set
    /// of bans, as far as is known.
    pub fn is_applied(&self) -> Result<bool, StoreError> {
        Ok(self.meta("applied")? == Some(self.number()?))
    }

    /// A state of the firewall in which it is known to show a set of bans.
    pub fn applied_fingerprint(&self) -> Result<Option<ShownSet>, StoreError> {
        let select = "SELECT s.value, n.value FROM meta s, meta n WHERE s.key = 'standing' AND n.key = 'standing_number'";
        let found = self.optional(select, [], columns)?;
        Ok(found.map(|(fingerprint, number)| ShownSet {
            fingerprint,
            number,
        }))
    }

    /// The family's snapshot as it was written last.
    pub fn written(&self, family: Family) -> Result<Option<ShownSet>, StoreError> {
        let found: Option<String> = self.meta(written_key(family))?;
        Ok(found.and_then(|text| {
            let (number, digest) = text.split_once(' ')?;
            Some(ShownSet {
                fingerprint: digest.to_owned(),
                number: number.parse().ok()?,
            })
        }))
    }

    /// A fingerprint of the allow list with which all bans in force were compared.
    pub fn checked_allow_list(&self) -> Result<Option<i64>, StoreError> {
        self.meta("never_banned")
    }
}

impl Commit<'_> {
    pub(super) fn queue_ban_notification(&self, id: i64) -> Result<(), StoreError> {
        self.execute("INSERT INTO untold(ban) VALUES (?)", [id])
    }

    pub(super) fn queue_return_notification(&self, id: i64) -> Result<(), StoreError> {
        self.execute("INSERT INTO untold(ban, returns) VALUES (?, 1)", [id])
    }

    pub(super) fn queue_unban_notification(
        &self,
        ip: &str,
        cause: Cause,
        at: i64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO untold(ip, cause, at) VALUES (?, ?, ?)";
        self.execute(insert, params![ip, cause.as_str(), at])
    }

    /// Notes that all notifications were given.
    pub fn clear_notifications(&self) -> Result<(), StoreError> {
        self.execute("DELETE FROM untold", [])
    }

    /// Notes that firewall and snapshot show the set with this number.
    pub fn set_applied(&self, number: i64) -> Result<(), StoreError> {
        self.set_meta("applied", number)
    }

    /// Remembers a state of the firewall in which it shows a set of bans.
    pub fn set_applied_fingerprint(&self, shown: &ShownSet) -> Result<(), StoreError> {
        self.set_meta("standing", &shown.fingerprint)?;
        self.set_meta("standing_number", shown.number)
    }

    /// Remembers what was written as the family's snapshot, to show the present
    /// set of bans.
    pub fn set_written(&self, family: Family, digest: &str) -> Result<(), StoreError> {
        let number = "SELECT value FROM meta WHERE key = 'number'";
        let number: i64 = self.row(number, [], first)?;
        self.set_meta(written_key(family), format!("{number} {digest}"))
    }

    /// Remembers the allow list with which all bans in force were compared.
    pub fn set_checked_allow_list(&self, fingerprint: i64) -> Result<(), StoreError> {
        self.set_meta("never_banned", fingerprint)
    }
}
