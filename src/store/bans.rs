//! Bans in force: how a ban is a row, and the row that PyFilter's table has of it.

use std::sync::{Arc, LazyLock};

use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

use crate::model::{Ban, Cause, Country, CountryCode, Evidence, Origin, Subject, Unban};

use super::error::StoreError;
use super::query::{Commit, Store, columns, first};
use super::read_back::{Seconds, SubjectText, damaged, optional_seconds};
use super::windows::{TEXTS_KEPT, stamp};

/// The columns of a ban, in the order in which [`ban`] reads them.
pub(super) const BAN_COLUMNS: &str = "ban.ip, ban.rule, ban.server, ban.at, ban.nanos, ban.digits, ban.ends, \
    ban.failures, ban.instant, ban.origin, ban.reason, ban.country, ban.country_code, ban.count, ban.aggregates";

/// The number of the first column behind them.
pub(super) const BEHIND_BAN: usize = 15;

/// Writes those columns, and what became of the ban.
static INSERT_BAN: LazyLock<String> = LazyLock::new(|| {
    let columns = BAN_COLUMNS.replace("ban.", "");
    format!(
        "INSERT INTO ban({columns}, lifted, cause, witnesses) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
});

/// The first 16 letters of a subject: all of an IPv4 address. They sort as the
/// texts do.
fn first_letters(ip: &str) -> [u8; 16] {
    let mut letters = [0; 16];
    let length = ip.len().min(letters.len());
    letters[..length].copy_from_slice(&ip.as_bytes()[..length]);
    letters
}

/// The names of the row before: of a million bans most have the same names.
#[derive(Debug, Default)]
pub(super) struct RepeatedNames {
    rule: Option<Arc<str>>,
    server: Option<Arc<str>>,
    country: Option<Arc<str>>,
}

/// A name of a row, shared with the row before if it is the same.
fn name(row: &Row<'_>, column: usize, last: &mut Option<Arc<str>>) -> rusqlite::Result<Arc<str>> {
    let name = row.get_ref(column)?.as_str()?;
    if let Some(last) = last.as_ref().filter(|last| &***last == name) {
        return Ok(last.clone());
    }
    let name: Arc<str> = Arc::from(name);
    *last = Some(name.clone());
    Ok(name)
}

/// The ban of a row that begins with [`BAN_COLUMNS`].
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
    let ban = Ban {
        subject: Subject::parse(ip).ok_or_else(|| damaged(0, "not a subject"))?,
        rule,
        server: name(row, 2, &mut names.server)?,
        at: stamp(row, 3)?,
        ends: optional_seconds(row, 6)?,
        failures: row.get(7)?,
        instant: row.get(8)?,
        origin: Origin::from_word(origin).ok_or_else(|| damaged(9, "not an origin"))?,
        reason: None,
        country,
        count: row.get(13)?,
        aggregates: row.get(14)?,
    };
    Ok(ban.with_reason(row.get_ref(10)?.as_str()?))
}

impl Store {
    /// The bans in force, in the order of their subjects, oldest first: without those that
    /// a wider one covers.
    pub fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        let select = format!(
            "SELECT {BAN_COLUMNS} FROM ban WHERE lifted IS NULL AND ip NOT IN (SELECT ip FROM covered) ORDER BY at, id"
        );
        let mut names = RepeatedNames::default();
        let mut bans: Vec<Ban> = self.rows(&select, [], |row| ban(row, &mut names))?;
        bans.sort_by_key(|ban| ban.subject);
        Ok(bans)
    }

    /// Whether this very ban was decided before, or another ban by its rule is in
    /// force at its time.
    pub fn is_covered(&self, rule: &str, subject: Subject, at: i64) -> Result<bool, StoreError> {
        let select = "SELECT 1 FROM ban WHERE ip = ?1 AND rule = ?2 \
                      AND (lifted IS NULL OR (cause = 'expired' AND at <= ?3 AND ends > ?3))";
        self.exists(select, params![subject.to_string(), rule, at])
    }

    /// The subjects whose last ban has come to its end.
    pub fn ended(&self, now: i64) -> Result<Vec<Unban>, StoreError> {
        let select = "SELECT ip, max(ends) FROM ban AS ended WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ?1 AND NOT EXISTS \
                      (SELECT 1 FROM ban WHERE ban.ip = ended.ip AND lifted IS NULL AND (ends IS NULL OR ends > ?1)) \
                      AND ip NOT IN (SELECT ip FROM covered) GROUP BY ip";
        self.valid_rows(select, [now], |row| {
            let (SubjectText(subject), Seconds(at)) = columns(row)?;
            let cause = Cause::Expired;
            Ok(subject.map(|subject| Unban { subject, cause, at }))
        })
    }

    /// Whether a ban has come to its end that still counts as in force.
    pub fn has_ended(&self, now: i64) -> Result<bool, StoreError> {
        let select =
            "SELECT 1 FROM ban WHERE lifted IS NULL AND ends IS NOT NULL AND ends <= ? LIMIT 1";
        self.exists(select, [now])
    }
}

impl Commit<'_> {
    /// Records bans, each with the failures that filled its window. One that is
    /// over at `now` goes to the history at once.
    pub fn add(&self, bans: &[(&Ban, &Evidence)], now: i64) -> Result<(), StoreError> {
        let mut in_force = Vec::with_capacity(bans.len());
        let mut last_text = None;
        for (place, (ban, failures)) in (0u32..).zip(bans) {
            let over = ban
                .ends
                .filter(|_| ban.is_over(now))
                .map(|ends| (ends, Cause::Expired));
            let ip = ban.subject.to_string();
            let id = self.insert(ban, &ip, failures, over)?;
            // What a wider ban in force covers is recorded, and not told.
            if over.is_some() {
                self.queue_ban_notification(id)?;
            } else {
                in_force.push((first_letters(&ip), place));
                if !self.is_held(ban.subject)? {
                    self.queue_ban_notification(id)?;
                    if !ban.subject.is_address() {
                        self.expect_network(ban.subject)?;
                    }
                }
            }
            if failures.has_texts() {
                last_text = Some(id);
            }
        }
        // The other tables are written in the order of their keys. In the order of the bans the
        // pages of a hundred thousand bans would be written out and read again for each.
        in_force.sort_unstable();
        for (_, place) in in_force {
            self.show_new(bans[place as usize].0)?;
        }
        last_text.map_or(Ok(()), |id| self.forget_texts(id))
    }

    /// Forgets the texts of all bans but the newest [`TEXTS_KEPT`]; the last one
    /// that may have texts is `last`.
    fn forget_texts(&self, last: i64) -> Result<(), StoreError> {
        let from = self.meta("texts")?.unwrap_or(0);
        let newest: i64 = self.row("SELECT coalesce(max(id), 0) FROM ban", [], first)?;
        // This is done for a thousand bans at once, not for each.
        if newest.saturating_sub(from) <= TEXTS_KEPT + 1000 {
            return Ok(());
        }
        let until = newest - TEXTS_KEPT;
        let select = "SELECT id, witnesses FROM ban WHERE id > ? AND id <= ? AND witnesses IS NOT NULL ORDER BY id LIMIT 1000";
        let (mut after, mut shorter) = (from, 0);
        loop {
            let rows: Vec<(i64, Option<Evidence>)> =
                self.rows(select, [after, until.min(last)], |row| {
                    let failures = row.get_ref(1)?.as_blob()?;
                    Ok((row.get(0)?, self.paths.failures(failures, 1).ok()))
                })?;
            let Some((id, _)) = rows.last() else {
                break;
            };
            after = *id;
            for (id, failures) in rows {
                // Damaged failures are reported when they are asked for.
                let before = failures.as_ref().map_or(0, |old| old.as_bytes().len());
                if let Some(mut failures) = failures
                    && failures.forget_texts()
                {
                    shorter += before.saturating_sub(failures.as_bytes().len());
                    let update = "UPDATE ban SET witnesses = ? WHERE id = ?";
                    self.execute(update, params![failures.as_bytes(), id])?;
                }
            }
        }
        self.note_sparse(shorter)?;
        self.set_meta("texts", until)
    }

    /// Records a ban by PyFilter, of which nobody is notified; with a time in
    /// `lifted`, one that was lifted by then.
    pub(super) fn add_old(&self, ban: &Ban, lifted: Option<i64>) -> Result<(), StoreError> {
        let ip = ban.subject.to_string();
        let over = lifted.map(|at| (at, Cause::Snapshot));
        self.insert(ban, &ip, &Evidence::default(), over)?;
        match lifted {
            Some(at) => self.clear(&ip, at),
            None => self.show(ban.subject),
        }
    }

    fn insert(
        &self,
        ban: &Ban,
        ip: &str,
        failures: &Evidence,
        lifted: Option<(i64, Cause)>,
    ) -> Result<i64, StoreError> {
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
            ban.count,
            ban.aggregates,
            lifted.map(|(at, _)| at),
            lifted.map(|(_, cause)| cause.as_str()),
            witnesses,
        ];
        self.execute(&INSERT_BAN, values)?;
        Ok(self.connection.last_insert_rowid())
    }
}
