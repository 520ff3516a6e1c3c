//! What is still to be sent to the other servers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rusqlite::{Row, params};

use crate::model::{Ban, MOST_SKEW, OutboundAction, OutboundEvent, Stamp, Subject, Unban};

use super::error::StoreError;
use super::query::{Commit, Store, columns, first, subject};
use super::read_back::{Seconds, SubjectText, optional_seconds};

/// Time, server, reason and country of a subject's first ban, and the latest
/// end of its bans.
type FirstBan = (i64, String, String, String, i64);

impl Store {
    /// What is still to be sent, at most `count` of it, in its order.
    pub fn outbox(&self, count: usize) -> Result<Vec<OutboundEvent>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.outbound_events("ORDER BY number LIMIT ?", count)
    }

    /// The events up to a number: of these it is not known whether they were sent.
    pub fn perhaps_sent(&self, up_to: i64) -> Result<Vec<OutboundEvent>, StoreError> {
        self.outbound_events("WHERE number <= ?", up_to)
    }

    fn outbound_events(&self, which: &str, value: i64) -> Result<Vec<OutboundEvent>, StoreError> {
        let select = format!(
            "SELECT number, ip, at, server, ends, reason, country, longer FROM outbox {which}"
        );
        let mut events: Vec<OutboundEvent> = self.valid_rows(&select, [value], outbound_event)?;
        let bans = events.iter().filter(|event| event.is_ban());
        let bans: BTreeSet<Subject> = bans.map(|event| event.subject).collect();
        for OutboundEvent {
            subject, action, ..
        } in &mut events
        {
            if let OutboundAction::Unban {
                redis_entries,
                keeps_hash,
            } = action
            {
                *redis_entries = self.lifted_entries(*subject)?;
                // A ban that is in force, and not sent with these, is of another server.
                *keeps_hash |= !bans.contains(subject) && self.has_ban(&subject.to_string())?;
            }
        }
        Ok(events)
    }

    /// Whether all that was done here before was told to the other servers, or
    /// is noted to be.
    pub fn is_sharing(&self) -> Result<bool, StoreError> {
        Ok(self.meta("sharing")?.is_some_and(|shares: i64| shares != 0))
    }

    /// The subjects that are banned by this server, and of which the other
    /// servers know nothing.
    pub fn not_shared(&self) -> Result<BTreeSet<Subject>, StoreError> {
        let select = "SELECT DISTINCT ip FROM ban WHERE lifted IS NULL AND origin <> 'redis' \
                      AND coalesce(rule, '') NOT IN (SELECT value FROM json_each((SELECT value FROM meta WHERE key = 'kept_here'))) \
                      AND NOT EXISTS (SELECT 1 FROM stood WHERE stood.ip = ban.ip)";
        self.valid_rows(select, [], subject)
    }
}

/// An event of the columns number, ip, at, server, ends, reason, country and
/// longer, as far as its row says it; none for a text that is no subject.
fn outbound_event(row: &Row<'_>) -> rusqlite::Result<Option<OutboundEvent>> {
    let SubjectText(Some(subject)) = row.get(1)? else {
        return Ok(None);
    };
    let (Seconds(at), ends) = (row.get(2)?, optional_seconds(row, 4)?);
    let longer = row.get(7)?;
    let action = match row.get(3)? {
        Some(server) => OutboundAction::Ban {
            server,
            ends,
            reason: row.get(5)?,
            country: row.get(6)?,
            longer,
        },
        // Of an un-ban that is sent again the others may have a later ban by now.
        None => OutboundAction::Unban {
            redis_entries: Vec::new(),
            keeps_hash: longer,
        },
    };
    Ok(Some(OutboundEvent {
        number: row.get(0)?,
        subject,
        at,
        action,
    }))
}

impl Store {
    /// Notes that the bans of these rules alone are not for other servers: from now on,
    /// they are never among those that are to be sent.
    pub fn keep_here(&mut self, rules: &[&str]) -> Result<(), StoreError> {
        let rules = serde_json::Value::from(rules).to_string();
        let known: Option<String> = self.meta("kept_here")?;
        if known.as_deref().unwrap_or("[]") == rules {
            return Ok(());
        }
        let commit = self.begin()?;
        commit.set_meta("kept_here", rules)?;
        commit.commit()?;
        self.begin_read()
    }
}

impl Commit<'_> {
    /// Whether a subject has a ban in force that this server made.
    pub fn has_own_ban(&self, subject: Subject) -> Result<bool, StoreError> {
        let own = "SELECT 1 FROM ban WHERE ip = ? AND lifted IS NULL AND origin <> 'redis'";
        self.exists(own, [subject.to_string()])
    }

    /// Notes that a new ban is to be sent, unless the others have it for as
    /// long or longer, or its rule keeps it here. Comes before the ban itself is recorded.
    pub fn send_ban(&self, ban: &Ban, now: i64) -> Result<(), StoreError> {
        let kept = "SELECT 1 FROM json_each((SELECT value FROM meta WHERE key = 'kept_here')) WHERE value = ?";
        if ban.is_over(now) || self.exists(kept, [ban.rule.as_deref()])? {
            return Ok(());
        }
        let ip = ban.subject.to_string();
        // What is sent is the first ban, with the latest end.
        let first = "SELECT at, server, reason, country, max(coalesce(ends, 9223372036854775807)) OVER () FROM ban \
                     WHERE ip = ? AND lifted IS NULL AND coalesce(rule, '') NOT IN (SELECT value FROM json_each((SELECT value FROM meta WHERE key = 'kept_here'))) \
                     ORDER BY at, id LIMIT 1";
        let first: Option<FirstBan> = self.optional(first, [&ip], columns)?;
        let longer = first.is_some();
        let (at, server, reason, country) = match first {
            Some((.., end)) if end >= ban.ends.unwrap_or(i64::MAX) => return Ok(()),
            Some((at, server, reason, country, _)) => (at, server, reason, country),
            None => (
                ban.at.secs,
                ban.server.to_string(),
                ban.reason().into_owned(),
                ban.country
                    .as_ref()
                    .map_or_else(String::new, |country| country.name.to_string()),
            ),
        };
        // A log may be ahead of the clock; the others are told no time of the future.
        let at = at.min(now + MOST_SKEW);
        self.insert_redis_entry(&ip, &ip, &server, &Stamp::from_secs(at).to_local())?;
        self.execute(
            "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![ip, at, server, ban.ends, reason, country, longer],
        )
    }

    /// A person's un-ban, no earlier than the ban that it lifts, as that was sent,
    /// and than the un-ban before it, even where the clocks say otherwise.
    pub fn after_bans(&self, unban: &Unban) -> Result<Unban, StoreError> {
        let last = "SELECT max(at) FROM (SELECT at FROM ban WHERE ip = ?1 AND lifted IS NULL \
                    UNION ALL SELECT at FROM cleared WHERE ip = ?1)";
        let last: Option<Seconds> = self.row(last, [unban.subject.to_string()], first)?;
        let last = last.map(|Seconds(last)| last.min(unban.at.saturating_add(MOST_SKEW)));
        let at = unban.at.max(last.unwrap_or(unban.at));
        Ok(Unban {
            at,
            ..unban.clone()
        })
    }

    /// A person's ban, later than the last un-ban of its subject: where both have
    /// one time, the un-ban wins on every other server.
    pub fn after_unban<'a>(&self, ban: &'a Ban) -> Result<Cow<'a, Ban>, StoreError> {
        let last = self.cleared_until(ban.subject)?;
        Ok(match last.filter(|last| *last >= ban.at.secs) {
            Some(at) => Cow::Owned(Ban {
                at: Stamp::from_secs(at + 1),
                ..ban.clone()
            }),
            None => Cow::Borrowed(ban),
        })
    }

    /// Notes that an un-ban is to be sent. Comes before the lifting itself.
    pub fn send_unban(&self, unban: &Unban) -> Result<(), StoreError> {
        let ip = unban.subject.to_string();
        // What was not sent yet need not be.
        self.execute("DELETE FROM outbox WHERE ip = ?", [&ip])?;
        let insert = "INSERT INTO outbox(ip, at, reason, country, longer) VALUES (?, ?, '', '', 0)";
        self.execute(insert, params![ip, unban.at])
    }

    /// Notes that a subject is to be sent that is banned here though another
    /// server un-banned it: that un-ban is older than the ban.
    pub fn send_again(&self, subject: Subject) -> Result<(), StoreError> {
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, at, server, ends, reason, country, 0 FROM ban WHERE ip = ?1 AND lifted IS NULL AND origin <> 'redis' \
                      AND NOT EXISTS (SELECT 1 FROM outbox WHERE ip = ?1) AND coalesce(rule, '') NOT IN (SELECT value FROM json_each((SELECT value FROM meta WHERE key = 'kept_here'))) ORDER BY at, id LIMIT 1";
        self.execute(insert, [subject.to_string()])
    }

    /// Notes that a ban is to be sent that was made before this server shared
    /// its bans, unless the others have it until then or longer.
    pub fn send_held(&self, subject: Subject, theirs: Option<i64>) -> Result<(), StoreError> {
        let ip = subject.to_string();
        // What is sent is the first ban, with the latest end.
        let insert = "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) \
                      SELECT ip, at, server, nullif(own, 9223372036854775807), reason, country, ?2 IS NOT NULL FROM ( \
                        SELECT *, max(iif(origin <> 'redis', coalesce(ends, 9223372036854775807), NULL)) OVER () AS own \
                        FROM ban WHERE ip = ?1 AND lifted IS NULL AND coalesce(rule, '') NOT IN (SELECT value FROM json_each((SELECT value FROM meta WHERE key = 'kept_here'))) \
                        ORDER BY at, id LIMIT 1) \
                      WHERE own > coalesce(?2, 0) AND NOT EXISTS (SELECT 1 FROM outbox WHERE ip = ?1) RETURNING server, at";
        let sent: Option<(String, i64)> = self.optional(insert, params![ip, theirs], columns)?;
        let Some((server, at)) = sent else {
            return Ok(());
        };
        self.insert_redis_entry(&ip, &ip, &server, &Stamp::from_secs(at).to_local())
    }

    /// Notes whether what is done here is told to the other servers.
    pub fn set_sharing(&self, shares: bool) -> Result<(), StoreError> {
        self.set_meta("sharing", i64::from(shares))
    }

    /// Drops the bans of a subject, and of what it holds, that wait to be sent, and that
    /// another server's un-ban has lifted.
    pub fn unsend(&self, subject: Subject, at: i64) -> Result<(), StoreError> {
        let mut lifted = vec![subject];
        if !subject.is_address() {
            let waiting = "SELECT DISTINCT ip FROM outbox WHERE server IS NOT NULL";
            let waiting: Vec<Subject> = self.valid_rows(waiting, [], super::query::subject)?;
            lifted.extend(waiting.into_iter().filter(|one| subject.holds(*one)));
        }
        let delete = "DELETE FROM outbox WHERE ip = ? AND server IS NOT NULL AND at <= ?";
        let mut lifted = lifted.iter();
        lifted.try_for_each(|one| self.execute(delete, params![one.to_string(), at]))
    }

    /// Whether anything waits to be sent.
    pub fn has_to_send(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM outbox", [])
    }

    /// Drops the bans of a subject that wait to be sent, and that the others
    /// have until `theirs`, or longer; what is left is longer than theirs.
    pub fn unsend_shorter(&self, subject: Subject, theirs: i64) -> Result<(), StoreError> {
        let ip = subject.to_string();
        let delete = "DELETE FROM outbox WHERE ip = ? AND server IS NOT NULL \
                      AND coalesce(ends, 9223372036854775807) <= ?";
        self.execute(delete, params![ip, theirs])?;
        let update = "UPDATE outbox SET longer = 1 WHERE ip = ? AND server IS NOT NULL";
        self.execute(update, [ip])
    }
}
