use crate::model::{Address, Ban, Cause, Evidence, KeptFailure};

use super::bans::{RepeatedNames, ban};
use super::read_back::Seconds;
use super::windows::{AddressKey, both};
use super::{Store, StoreError};

/// A row of `ban`: what it says, when it was lifted and why, and what filled its window.
type Row = (Ban, Option<Seconds>, Option<String>, Evidence);

/// A ban of an address, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastBan {
    /// The ban.
    pub ban: Ban,
    /// When and why it was lifted, if it was.
    pub lifted: Option<(i64, Cause)>,
    /// The failures that filled its window.
    pub failures: Vec<KeptFailure>,
}

/// An open window of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWindow {
    /// The rule.
    pub rule: String,
    /// Its failures.
    pub failures: Vec<KeptFailure>,
}

impl Store {
    /// All bans of `address` that are remembered, oldest first.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn bans_of(&self, address: Address) -> Result<Vec<PastBan>, StoreError> {
        let ip = address.to_string();
        let select = "SELECT ip, rule, server, at, nanos, digits, ends, failures, instant, origin, reason, country, country_code, lifted, cause, witnesses \
                      FROM ban WHERE ip = ? ORDER BY at, id";
        let rows: Vec<Row> =
            self.wrap(self.connection.prepare(select).and_then(|mut select| {
                let mut names = RepeatedNames::default();
                select
                    .query_map([&ip], |row| {
                        let failures = row.get_ref(15)?.as_blob_or_null()?;
                        let failures = failures.map(|bytes| self.paths.failures(bytes, 15));
                        let failures = failures.transpose()?.unwrap_or_default();
                        Ok((ban(row, &mut names)?, row.get(13)?, row.get(14)?, failures))
                    })?
                    .collect()
            }))?;
        let past = |(ban, lifted, cause, failures): Row| {
            let lifted = lifted.map(|Seconds(at)| at);
            Ok(PastBan {
                ban,
                lifted: lifted.zip(cause.as_deref().and_then(Cause::from_word)),
                failures: self.witnesses(&failures)?,
            })
        };
        rows.into_iter().map(past).collect()
    }

    /// The open windows of `address`: of a rule the one with the later stamps,
    /// and then the one beside it, if there is one.
    ///
    /// # Errors
    /// The store can not be read.
    pub fn open_windows(&self, address: Address) -> Result<Vec<OpenWindow>, StoreError> {
        let select =
            "SELECT rule, failures, earlier FROM open_window WHERE address = ? ORDER BY rule";
        let rows = self.connection.prepare(select).and_then(|mut select| {
            let rows = select.query_map([AddressKey::of(address)], |row| {
                Ok((row.get(0)?, both(row, 1, &self.paths)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(String, (Evidence, Evidence))>>>()
        });
        let mut windows = Vec::new();
        for (rule, (later, earlier)) in self.wrap(rows)? {
            for failures in [later, earlier] {
                if !failures.is_empty() {
                    windows.push(OpenWindow {
                        rule: rule.clone(),
                        failures: self.witnesses(&failures)?,
                    });
                }
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
