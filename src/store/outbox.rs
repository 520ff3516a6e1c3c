//! What is still to be sent to the other servers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};

use crate::model::{Address, Ban, MOST_SKEW, Stamp, Unban};

use super::read_back::Seconds;
use super::{Commit, Store, StoreError};

/// A ban or an un-ban that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Its number, never given twice.
    pub number: i64,
    /// Whom it is about.
    pub address: Address,
    /// When it was, in Unix seconds.
    pub at: i64,
    /// Who banned the address; none for an un-ban.
    pub server: Option<String>,
    /// Until when.
    pub ends: Option<i64>,
    /// Why.
    pub reason: String,
    /// Where it is from; empty if unknown.
    pub country: String,
    /// Of a ban, whether the others have it, with an earlier end; of an un-ban,
    /// whether it was sent before.
    pub longer: bool,
    /// Whether the address is banned now.
    pub banned: bool,
    /// The bans that an un-ban has lifted, as they stood: key, server, text.
    pub redis_entry: Vec<(String, String, String)>,
}

/// A ban's time, server, reason and country, and the latest end of its address.
type First = (i64, String, String, String, i64);

impl Store {
    /// What is still to be sent, at most `count` of it, in its order.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn outbox(&self, count: usize) -> Result<Vec<Outbound>, StoreError> {
        let select = "SELECT number, ip, at, server, ends, reason, country, longer, EXISTS (SELECT 1 FROM banned_ip b WHERE b.ip = outbox.ip) \
                      FROM outbox ORDER BY number LIMIT ?";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = self.connection.prepare(select).and_then(|mut select| {
            let rows = select.query_map([count], |row| {
                let ip: String = row.get(1)?;
                let Some(address) = Address::parse(ip.as_bytes()) else {
                    return Ok(None);
                };
                let (Seconds(at), ends): (_, Option<Seconds>) = (row.get(2)?, row.get(4)?);
                Ok(Some(Outbound {
                    number: row.get(0)?,
                    address,
                    at,
                    server: row.get(3)?,
                    ends: ends.map(|Seconds(ends)| ends),
                    reason: row.get(5)?,
                    country: row.get(6)?,
                    longer: row.get(7)?,
                    banned: row.get(8)?,
                    redis_entry: Vec::new(),
                }))
            })?;
            rows.filter_map(Result::transpose)
                .collect::<rusqlite::Result<Vec<Outbound>>>()
        });
        let mut rows = self.wrap(rows)?;
        for row in rows.iter_mut().filter(|row| row.server.is_none()) {
            let select = "SELECT key, server, text FROM lifted WHERE ip = ? ORDER BY at DESC";
            let redis_entry = self
                .connection
                .prepare_cached(select)
                .and_then(|mut select| {
                    select
                        .query_map([row.address.to_string()], |row| {
                            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                        })?
                        .collect()
                });
            row.redis_entry = self.wrap(redis_entry)?;
        }
        Ok(rows)
    }
}

impl Store {
    /// Whether all that was done here before was told to the other servers, or
    /// is noted to be.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_sharing(&self) -> Result<bool, StoreError> {
        Ok(self.meta("sharing")?.is_some_and(|shares| shares != 0))
    }

    /// The addresses that were banned here, and of which the other servers
    /// were never told.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn untold_to_others(&self) -> Result<BTreeSet<Address>, StoreError> {
        let select = "SELECT DISTINCT ip FROM ban WHERE lifted IS NULL AND origin <> 'redis' \
                      AND NOT EXISTS (SELECT 1 FROM stood WHERE stood.ip = ban.ip)";
        let rows: rusqlite::Result<Vec<String>> = self
            .connection
            .prepare(select)
            .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect());
        let rows = self.wrap(rows)?;
        Ok(rows
            .iter()
            .filter_map(|ip| Address::parse(ip.as_bytes()))
            .collect())
    }
}

impl Commit<'_> {
    /// Notes that a new ban is to be sent, unless the others have it for as
    /// long or longer. Comes before the ban itself is recorded.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_ban(&self, ban: &Ban, now: i64) -> Result<(), StoreError> {
        if ban.is_over(now) {
            return Ok(());
        }
        let ip = ban.address.to_string();
        // A log may be ahead of the clock; nobody is told of the future.
        let latest = now + MOST_SKEW;
        // The first ban speaks, with the latest end.
        let first = "SELECT at, server, reason, country, max(coalesce(ends, 9223372036854775807)) OVER () FROM ban \
                     WHERE ip = ? AND lifted IS NULL ORDER BY at, id LIMIT 1";
        let first = self
            .transaction
            .prepare_cached(first)
            .and_then(|mut first| {
                first
                    .query_row([&ip], |row| {
                        Ok((
                            row.get(0)?,
                            row.get(1)?,
                            row.get(2)?,
                            row.get(3)?,
                            row.get(4)?,
                        ))
                    })
                    .optional()
            });
        let first: Option<First> = self.wrap(first)?;
        let longer = first.is_some();
        if let Some((.., latest)) = first
            && latest >= ban.ends.unwrap_or(i64::MAX)
        {
            return Ok(());
        }
        let country = ban.country.as_ref();
        let (at, server, reason, country) = match first {
            Some((at, server, reason, country, _)) => (at, server, reason, country),
            None => (
                ban.at.secs,
                ban.server.to_string(),
                ban.reason().into_owned(),
                country.map_or_else(String::new, |country| country.name.to_string()),
            ),
        };
        let at = at.min(latest);
        self.stands(&ip, &ip, &server, &Stamp::from_secs(at).to_local())?;
        let values = params![ip, at, server, ban.ends, reason, country, longer];
        self.cached(
            "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )
    }

    /// A person's un-ban, no earlier than what it lifts, as that was sent, and
    /// than the one before it, even where the clocks say otherwise.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn after_bans(&self, unban: &Unban) -> Result<Unban, StoreError> {
        let last = "SELECT max(at) FROM (SELECT at FROM ban WHERE ip = ?1 AND lifted IS NULL \
                    UNION ALL SELECT at FROM cleared WHERE ip = ?1)";
        let last = self.transaction.prepare_cached(last);
        let ip = unban.address.to_string();
        let last: Option<Seconds> =
            self.wrap(last.and_then(|mut last| last.query_row([ip], |row| row.get(0))))?;
        let last = last.map(|Seconds(last)| last.min(unban.at.saturating_add(MOST_SKEW)));
        let at = unban.at.max(last.unwrap_or(unban.at));
        Ok(Unban {
            at,
            ..unban.clone()
        })
    }

    /// A person's ban, later than the last un-ban of its address: of the two
    /// an un-ban would win a tie, on every other server.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn after_unban<'a>(&self, ban: &'a Ban) -> Result<Cow<'a, Ban>, StoreError> {
        let last = "SELECT at FROM cleared WHERE ip = ? AND at >= ?";
        let last = self.transaction.prepare_cached(last);
        let values = params![ban.address.to_string(), ban.at.secs];
        let last = last.and_then(|mut last| last.query_row(values, |row| row.get(0)).optional());
        let last: Option<Seconds> = self.wrap(last)?;
        Ok(match last {
            Some(Seconds(at)) => Cow::Owned(Ban {
                at: Stamp::from_secs(at + 1),
                ..ban.clone()
            }),
            None => Cow::Borrowed(ban),
        })
    }

    /// Notes that an un-ban is to be sent. Comes before the lifting itself.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_unban(&self, unban: &Unban) -> Result<(), StoreError> {
        let ip = unban.address.to_string();
        // What was not sent yet need not be.
        self.cached("DELETE FROM outbox WHERE ip = ?", [&ip])?;
        let insert = "INSERT INTO outbox(ip, at, reason, country, longer) VALUES (?, ?, '', '', 0)";
        self.cached(insert, params![ip, unban.at])
    }

    /// Notes that an address is to be sent that is banned here though another
    /// server un-banned it: that un-ban is older than our ban.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_again(&self, address: Address) -> Result<(), StoreError> {
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, at, server, ends, reason, country, 0 FROM ban WHERE ip = ?1 AND lifted IS NULL AND origin <> 'redis' \
                      AND NOT EXISTS (SELECT 1 FROM outbox WHERE ip = ?1) ORDER BY at, id LIMIT 1";
        self.cached(insert, [address.to_string()])
    }

    /// Notes that a ban is to be sent that was made before this server shared
    /// its bans, unless the others have it until then or longer.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn send_held(&self, address: Address, theirs: Option<i64>) -> Result<(), StoreError> {
        let ip = address.to_string();
        // The first ban speaks, with the latest end.
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, at, server, nullif(own, 9223372036854775807), reason, country, ?2 IS NOT NULL FROM ( \
                        SELECT *, max(iif(origin <> 'redis', coalesce(ends, 9223372036854775807), NULL)) OVER () AS own \
                        FROM ban WHERE ip = ?1 AND lifted IS NULL ORDER BY at, id LIMIT 1) \
                      WHERE own > coalesce(?2, 0) AND NOT EXISTS (SELECT 1 FROM outbox WHERE ip = ?1) RETURNING server, at";
        let insert = self.transaction.prepare_cached(insert);
        let row = insert.and_then(|mut insert| {
            let row = insert.query_row(params![ip, theirs], |row| Ok((row.get(0)?, row.get(1)?)));
            row.optional()
        });
        let Some((server, at)): Option<(String, i64)> = self.wrap(row)? else {
            return Ok(());
        };
        self.stands(&ip, &ip, &server, &Stamp::from_secs(at).to_local())
    }

    /// Notes whether what is done here is told to the other servers.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn set_sharing(&self, shares: bool) -> Result<(), StoreError> {
        self.set_meta("sharing", i64::from(shares))
    }

    /// Drops from what is to be sent the bans of an address that another
    /// server's un-ban has lifted.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn unsend(&self, address: Address, at: i64) -> Result<(), StoreError> {
        let delete = "DELETE FROM outbox WHERE ip = ? AND server IS NOT NULL AND at <= ?";
        self.cached(delete, params![address.to_string(), at])
    }

    /// Whether anything waits to be sent.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn has_to_send(&self) -> Result<bool, StoreError> {
        let any = self.transaction.prepare_cached("SELECT 1 FROM outbox");
        self.wrap(any.and_then(|mut any| any.exists([])))
    }

    /// Drops from what is to be sent the bans of an address that the others
    /// have until `theirs`, or longer; what is left is longer than theirs.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn unsend_shorter(&self, address: Address, theirs: i64) -> Result<(), StoreError> {
        let ip = address.to_string();
        let delete = "DELETE FROM outbox WHERE ip = ? AND server IS NOT NULL \
                      AND coalesce(ends, 9223372036854775807) <= ?";
        self.cached(delete, params![ip, theirs])?;
        let update = "UPDATE outbox SET longer = 1 WHERE ip = ? AND server IS NOT NULL";
        self.cached(update, [ip])
    }
}
