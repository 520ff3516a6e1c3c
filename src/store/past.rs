use rusqlite::params;

use crate::model::{Address, Ban, Cause, Witness};

use super::bans::ban;
use super::standings::witness;
use super::{Store, StoreError};

/// A row of `ban`: its id, what it says, when it was lifted and why.
type Row = (i64, Ban, Option<i64>, Option<String>);

/// A ban of an address, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastBan {
    /// The ban.
    pub ban: Ban,
    /// When and why it was lifted, if it was.
    pub lifted: Option<(i64, Cause)>,
    /// The failures that filled its window.
    pub failures: Vec<Witness>,
}

/// An open window of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWindow {
    /// The rule.
    pub rule: String,
    /// Its failures.
    pub failures: Vec<Witness>,
}

impl Store {
    /// All bans of `address` that are remembered, oldest first.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn bans_of(&self, address: Address) -> Result<Vec<PastBan>, StoreError> {
        let ip = address.to_string();
        let select = "SELECT ip, rule, server, at, nanos, digits, ends, failures, instant, origin, reason, country, country_code, id, lifted, cause \
                      FROM ban WHERE ip = ? ORDER BY at, id";
        let rows: Vec<Row> =
            self.wrap(self.connection.prepare(select).and_then(|mut select| {
                select
                    .query_map([&ip], |row| {
                        Ok((row.get(13)?, ban(row)?, row.get(14)?, row.get(15)?))
                    })?
                    .collect()
            }))?;
        let with_failures = |(id, ban, lifted, cause): Row| {
            let failures = self.window(&ip, ban.rule.as_deref().unwrap_or(""), id)?;
            let lifted = lifted.zip(cause.as_deref().and_then(Cause::from_word));
            Ok(PastBan {
                ban,
                lifted,
                failures,
            })
        };
        rows.into_iter().map(with_failures).collect()
    }

    /// The open windows of `address`.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn open_windows(&self, address: Address) -> Result<Vec<OpenWindow>, StoreError> {
        let select = "SELECT at, nanos, digits, counted, count, pattern, path, offset, text, rule FROM failure \
                      WHERE ip = ? AND ban = 0 ORDER BY rule, sequence";
        let rows: Vec<(String, Witness)> =
            self.wrap(self.connection.prepare(select).and_then(|mut select| {
                select
                    .query_map(params![address.to_string()], |row| {
                        Ok((row.get(9)?, witness(row)?))
                    })?
                    .collect()
            }))?;
        let mut windows: Vec<OpenWindow> = Vec::new();
        for (rule, failure) in rows {
            match windows.last_mut() {
                Some(window) if window.rule == rule => window.failures.push(failure),
                _ => windows.push(OpenWindow {
                    rule,
                    failures: vec![failure],
                }),
            }
        }
        Ok(windows)
    }

    /// Until when the failures of `address` do not count, because somebody
    /// un-banned it then.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn cleared_until(&self, address: Address) -> Result<Option<i64>, StoreError> {
        self.cleared(&address.to_string())
    }

    /// The addresses that were un-banned last and are not banned now, at most `count`.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn unbanned(&self, count: usize) -> Result<Vec<Address>, StoreError> {
        let select = "SELECT ip FROM cleared WHERE ip NOT IN (SELECT ip FROM banned_ip) ORDER BY at DESC LIMIT ?";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows: Vec<String> = self.wrap(
            self.connection
                .prepare(select)
                .and_then(|mut select| select.query_map([count], |row| row.get(0))?.collect()),
        )?;
        Ok(rows
            .iter()
            .filter_map(|ip| Address::parse(ip.as_bytes()))
            .collect())
    }
}
