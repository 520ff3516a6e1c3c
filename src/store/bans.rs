use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::{Address, Ban, Cause, Country, CountryCode, Evidence, Origin, Unban};

use super::read_back::{Seconds, damaged};
use super::windows::{TEXTS_KEPT, stamp};
use super::{Commit, Store, StoreError, space};

const COLUMNS: &str = "ip, rule, server, at, nanos, digits, ends, failures, instant, origin, reason, country, country_code";

/// The first letters of an address: those of most, and all of an IPv4 one.
fn first_letters(ip: &str) -> [u8; 16] {
    let mut letters = [0; 16];
    let length = ip.len().min(letters.len());
    letters[..length].copy_from_slice(&ip.as_bytes()[..length]);
    letters
}

/// The names that the row before had: of a million bans most have the same.
#[derive(Debug, Default)]
pub(super) struct RepeatedNames {
    rule: Option<Arc<str>>,
    server: Option<Arc<str>>,
    country: Option<Arc<str>>,
}

/// A name, which is that of the row before if it is the same.
fn name(row: &Row<'_>, column: usize, last: &mut Option<Arc<str>>) -> rusqlite::Result<Arc<str>> {
    let name = row.get_ref(column)?.as_str()?;
    if let Some(last) = last.as_ref().filter(|last| &***last == name) {
        return Ok(last.clone());
    }
    let name: Arc<str> = Arc::from(name);
    *last = Some(name.clone());
    Ok(name)
}

pub(super) fn ban(row: &Row<'_>, names: &mut RepeatedNames) -> rusqlite::Result<Ban> {
    let ip = row.get_ref(0)?.as_str()?;
    let origin = row.get_ref(9)?.as_str()?;
    let rule = match row.get_ref(1)? {
        ValueRef::Null => None,
        _ => Some(name(row, 1, &mut names.rule)?),
    };
    let country = match row.get_ref(11)?.as_str()? {
        "" => None,
        _ => Some(Country {
            name: name(row, 11, &mut names.country)?,
            code: CountryCode::parse(row.get_ref(12)?.as_str()?),
        }),
    };
    let ends: Option<Seconds> = row.get(6)?;
    let ban = Ban {
        address: Address::parse(ip.as_bytes()).ok_or_else(|| damaged(0, "not an address"))?,
        rule,
        server: name(row, 2, &mut names.server)?,
        at: stamp(row, 3)?,
        ends: ends.map(|Seconds(ends)| ends),
        failures: row.get(7)?,
        instant: row.get(8)?,
        origin: Origin::from_word(origin).ok_or_else(|| damaged(9, "not an origin"))?,
        reason: None,
        country,
    };
    Ok(ban.with_reason(row.get_ref(10)?.as_str()?))
}

impl Store {
    /// The bans in force, in the order of their addresses, oldest first.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM ban WHERE lifted IS NULL ORDER BY at, id");
        let bans = self.connection.prepare(&select).and_then(|mut select| {
            let mut names = RepeatedNames::default();
            let rows = select.query_map([], |row| ban(row, &mut names))?;
            rows.collect()
        });
        let mut bans: Vec<Ban> = self.wrap(bans)?;
        bans.sort_by_key(|ban| ban.address);
        Ok(bans)
    }

    /// The banned addresses.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn in_force(&self) -> Result<BTreeSet<Address>, StoreError> {
        let addresses = self
            .connection
            .prepare("SELECT ip FROM banned_ip")
            .and_then(|mut select| {
                let rows = select.query_map([], |row| row.get::<_, String>(0))?;
                rows.map(|ip| ip.map(|ip| Address::parse(ip.as_bytes())))
                    .collect::<rusqlite::Result<Option<BTreeSet<Address>>>>()
            });
        self.wrap(addresses)?.ok_or_else(|| StoreError::Damaged {
            path: self.path.clone(),
            said: "banned_ip holds something that is not an address".to_owned(),
        })
    }

    /// How many addresses are banned, of IPv4 and of IPv6.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn count_in_force(&self) -> Result<(usize, usize), StoreError> {
        let select = "SELECT count(*), count(*) FILTER (WHERE instr(ip, ':')) FROM banned_ip";
        let counted = self.connection.query_row(select, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        });
        let (all, v6) = self.wrap(counted)?;
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok((count(all - v6), count(v6)))
    }

    /// Whether `address` is banned now, by whatever rule.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_banned(&self, address: Address) -> Result<bool, StoreError> {
        let select = "SELECT 1 FROM banned_ip WHERE ip = ?";
        let found = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| select.exists([address.to_string()]));
        self.wrap(found)
    }

    /// Whether this very ban was decided before, or another of its rule runs
    /// at its time.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn is_covered(&self, rule: &str, address: Address, at: i64) -> Result<bool, StoreError> {
        let select = "SELECT 1 FROM ban WHERE ip = ?1 AND rule = ?2 \
                      AND (lifted IS NULL OR (cause = 'expired' AND at <= ?3 AND ends > ?3))";
        let found = self
            .connection
            .prepare_cached(select)
            .and_then(|mut select| select.exists(params![address.to_string(), rule, at]));
        self.wrap(found)
    }

    /// The addresses whose last ban has come to its end.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn ended(&self, now: i64) -> Result<Vec<Unban>, StoreError> {
        let select = "SELECT ip, max(ends) FROM ban AS ended WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ?1 AND NOT EXISTS \
                      (SELECT 1 FROM ban WHERE ban.ip = ended.ip AND lifted IS NULL AND (ends IS NULL OR ends > ?1)) GROUP BY ip";
        let rows: Vec<(String, Seconds)> = self.wrap(
            self.connection
                .prepare_cached(select)
                .and_then(|mut select| {
                    select
                        .query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?
                        .collect()
                }),
        )?;
        let unban = |(ip, Seconds(at)): (String, Seconds)| {
            Some(Unban {
                address: Address::parse(ip.as_bytes())?,
                cause: Cause::Expired,
                at,
            })
        };
        Ok(rows.into_iter().filter_map(unban).collect())
    }

    /// Whether a ban has come to its end that still counts as running.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn has_ended(&self, now: i64) -> Result<bool, StoreError> {
        let select =
            "SELECT 1 FROM ban WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ? LIMIT 1";
        self.wrap(
            self.connection
                .prepare_cached(select)
                .and_then(|mut select| select.exists([now])),
        )
    }
}

impl Commit<'_> {
    /// Records bans, each with the failures that filled its window. One that is
    /// over at `now` goes to the history at once.
    ///
    /// # Errors
    /// The store can not be written.
    pub fn add(&self, bans: &[(&Ban, &Evidence)], now: i64) -> Result<(), StoreError> {
        let mut in_force = Vec::with_capacity(bans.len());
        let mut last_text = None;
        for (place, (ban, failures)) in (0u32..).zip(bans) {
            let over = ban
                .ends
                .filter(|_| ban.is_over(now))
                .map(|ends| (ends, Cause::Expired));
            let ip = ban.address.to_string();
            let id = self.insert(ban, &ip, failures, over)?;
            self.queue_ban_notification(id)?;
            if over.is_none() {
                in_force.push((first_letters(&ip), place));
            }
            if failures.has_texts() {
                last_text = Some(id);
            }
        }
        // In the order of the other tables' keys: at a hundred thousand bans their pages would
        // be written out and read again for each.
        in_force.sort_unstable();
        for (_, place) in in_force {
            let (ban, _) = bans[place as usize];
            let ip = ban.address.to_string();
            // Where nothing of it was in force this is its first ban.
            if self.show_first(&ip, ban)? {
                self.change(&ip, true)?;
            } else {
                self.show(&ip)?;
            }
        }
        last_text.map_or(Ok(()), |id| self.forget_texts(id))
    }

    /// Forgets the texts of bans that have so many newer ones behind them; the
    /// last one that may have texts is `last`.
    fn forget_texts(&self, last: i64) -> Result<(), StoreError> {
        let from = "SELECT value FROM meta WHERE key = 'texts'";
        let from = self.transaction.query_row(from, [], |row| row.get(0));
        let from: i64 = self.wrap(from.optional())?.unwrap_or(0);
        let newest = "SELECT coalesce(max(id), 0) FROM ban";
        let newest = self.transaction.query_row(newest, [], |row| row.get(0));
        let newest: i64 = self.wrap(newest)?;
        // Not at each ban: a step takes a thousand of them.
        if newest.saturating_sub(from) <= TEXTS_KEPT + 1000 {
            return Ok(());
        }
        let until = newest - TEXTS_KEPT;
        let select = "SELECT id, witnesses FROM ban WHERE id > ? AND id <= ? AND witnesses IS NOT NULL ORDER BY id LIMIT 1000";
        let (mut after, mut shorter) = (from, 0);
        loop {
            let rows = self.transaction.prepare_cached(select).and_then(|mut s| {
                let rows = s.query_map([after, until.min(last)], |row| {
                    let failures = row.get_ref(1)?.as_blob()?;
                    Ok((row.get(0)?, self.paths.failures(failures, 1).ok()))
                });
                rows?.collect::<rusqlite::Result<Vec<(i64, Option<Evidence>)>>>()
            });
            let rows = self.wrap(rows)?;
            let Some((id, _)) = rows.last() else {
                break;
            };
            after = *id;
            for (id, failures) in rows {
                // One that is damaged is told when somebody asks for it.
                let before = failures.as_ref().map_or(0, |old| old.as_bytes().len());
                if let Some(mut failures) = failures
                    && failures.forget_texts()
                {
                    shorter += before.saturating_sub(failures.as_bytes().len());
                    let update = "UPDATE ban SET witnesses = ? WHERE id = ?";
                    self.cached(update, params![failures.as_bytes(), id])?;
                }
            }
        }
        self.wrap(space::note_sparse(&self.transaction, shorter))?;
        self.set_meta("texts", until)
    }

    /// Makes an address' row of PyFilter's table, unless there is one.
    fn show_first(&self, ip: &str, ban: &Ban) -> Result<bool, StoreError> {
        let insert = "INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) VALUES (?, ?, ?, ?, ?) ON CONFLICT(ip) DO NOTHING";
        let country = ban.country.as_ref().map_or("", |country| &country.name);
        let values = params![ip, ban.at.secs, ban.server, ban.reason(), country];
        let new = self.transaction.prepare_cached(insert);
        Ok(self.wrap(new.and_then(|mut new| new.execute(values)))? > 0)
    }

    /// Records a ban that another program told long ago; with a time in
    /// `lifted`, one that somebody has lifted by then.
    pub(super) fn add_old(&self, ban: &Ban, lifted: Option<i64>) -> Result<(), StoreError> {
        let ip = ban.address.to_string();
        self.insert(
            ban,
            &ip,
            &Evidence::default(),
            lifted.map(|at| (at, Cause::Snapshot)),
        )?;
        match lifted {
            Some(at) => self.clear(&ip, at),
            None => self.show(&ip),
        }
    }

    fn insert(
        &self,
        ban: &Ban,
        ip: &str,
        failures: &Evidence,
        lifted: Option<(i64, Cause)>,
    ) -> Result<i64, StoreError> {
        let insert = "INSERT INTO ban(ip, rule, server, at, nanos, digits, ends, failures, instant, origin, reason, country, country_code, lifted, cause, witnesses) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let country = ban.country.as_ref();
        let code = country.and_then(|country| country.code);
        let witnesses = (!failures.is_empty()).then(|| failures.as_bytes());
        let values = params![
            ip,
            ban.rule.as_deref(),
            ban.server,
            ban.at.secs,
            ban.at.nanos,
            ban.at.digits,
            ban.ends,
            ban.failures,
            ban.instant,
            ban.origin.as_str(),
            ban.reason(),
            country.map_or("", |country| &country.name),
            code.as_ref().map_or("", CountryCode::as_str),
            lifted.map(|(at, _)| at),
            lifted.map(|(_, cause)| cause.as_str()),
            witnesses,
        ];
        self.wrap(
            self.transaction
                .prepare_cached(insert)
                .and_then(|mut insert| insert.execute(values)),
        )?;
        Ok(self.transaction.last_insert_rowid())
    }
}
