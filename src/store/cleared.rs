//! Un-bans: until when the failures of a subject never count.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::model::{Evidence, NetworkMap, Prefixes, Subject};

use super::error::StoreError;
use super::query::{Commit, Store, columns, first};
use super::read_back::{Seconds, SubjectText};
use super::subject_key::SubjectKey;
use super::windows::{OpenRow, both};

impl Store {
    /// The time up to which failures of `subject` do not count, because it, or a network
    /// that holds it, was un-banned then.
    pub fn cleared_until(&self, subject: Subject) -> Result<Option<i64>, StoreError> {
        let own = self.own_cleared(&subject.to_string())?;
        let networks = self.cleared_networks()?;
        let around = networks.around(subject).map(|(_, at)| *at).max();
        Ok(own.max(around))
    }

    /// The time up to which failures do not count because this very subject was un-banned
    /// then.
    pub(super) fn own_cleared(&self, ip: &str) -> Result<Option<i64>, StoreError> {
        let select = "SELECT at FROM cleared WHERE ip = ?";
        let own: Option<Seconds> = self.optional(select, [ip], first)?;
        Ok(own.map(i64::from))
    }

    /// All subjects that were un-banned, and when.
    pub fn cleared(&self) -> Result<BTreeMap<Subject, i64>, StoreError> {
        Ok(self
            .cleared_of("SELECT ip, at FROM cleared")?
            .into_iter()
            .collect())
    }

    /// The networks that were un-banned, and when.
    pub fn cleared_networks(&self) -> Result<NetworkMap<i64>, StoreError> {
        let select = "SELECT ip, at FROM cleared WHERE instr(ip, '/')";
        self.cleared_of(select).map(|found| {
            let mut networks = NetworkMap::default();
            for (network, at) in found {
                networks.insert(network, at);
            }
            networks
        })
    }

    /// The parts of a network that were un-banned, and when; nothing for an address.
    pub fn cleared_within(&self, network: Subject) -> Result<Vec<(Subject, i64)>, StoreError> {
        if network.is_address() {
            return Ok(Vec::new());
        }
        let mut found = self.cleared_of("SELECT ip, at FROM cleared")?;
        found.retain(|(part, _)| *part != network && network.holds(*part));
        found.sort_unstable();
        Ok(found)
    }

    fn cleared_of(&self, select: &str) -> Result<Vec<(Subject, i64)>, StoreError> {
        self.valid_rows(select, [], |row| {
            let (SubjectText(subject), Seconds(at)) = columns(row)?;
            Ok(subject.map(|subject| (subject, at)))
        })
    }
}

impl Commit<'_> {
    /// Notes that failures of `ip` stamped up to `at` never count again.
    pub(super) fn clear(&self, ip: &str, at: i64) -> Result<(), StoreError> {
        let clear = "INSERT INTO cleared VALUES (?, ?) ON CONFLICT(ip) DO UPDATE SET at = max(at, excluded.at)";
        self.execute(clear, params![ip, at])
    }

    /// Drops what the open windows hold of a subject up to `until`: its own windows, those
    /// of the subjects in it, and its part of those of wider networks.
    pub(super) fn drop_windows(&self, subject: Subject, until: i64) -> Result<(), StoreError> {
        let mut subjects = vec![subject];
        if !subject.is_address() {
            subjects.extend(self.windows_within(subject)?);
        }
        for wider in self.wider_prefixes(subject)? {
            self.drop_windows_of(wider, subject, until)?;
        }
        let mut all = subjects.into_iter();
        all.try_for_each(|one| self.drop_windows_of(one, one, until))
    }

    /// The subjects within a network that have an open window.
    fn windows_within(&self, network: Subject) -> Result<Vec<Subject>, StoreError> {
        let (from, to) = SubjectKey::range(network);
        let select = "SELECT DISTINCT address FROM open_window WHERE address >= ? AND address <= ?";
        self.valid_rows(select, params![from, to], |row| {
            let subject = SubjectKey::read(row.get_ref(0)?.as_blob()?);
            Ok(subject.filter(|one| *one != network && network.holds(*one)))
        })
    }

    /// The networks around `subject` of which rules have windows.
    fn wider_prefixes(&self, subject: Subject) -> Result<Vec<Subject>, StoreError> {
        let select = "SELECT DISTINCT ipv4_prefix, ipv6_prefix FROM rule";
        let used: Vec<(u8, u8)> = self.rows(select, [], columns)?;
        let around = used.into_iter().map(|(ipv4, ipv6)| {
            let length = Prefixes { ipv4, ipv6 }.of(subject.family());
            Subject::network(subject.first(), length)
        });
        let mut around: Vec<Subject> = around
            .filter(|network| network.length() < subject.length())
            .collect();
        around.sort_unstable();
        around.dedup();
        Ok(around)
    }

    /// Drops what the windows of `of` hold of `part` up to `until`.
    fn drop_windows_of(&self, of: Subject, part: Subject, until: i64) -> Result<(), StoreError> {
        let select = "SELECT rule, failures, earlier FROM open_window WHERE address = ?";
        let windows: Vec<(String, (Evidence, Evidence))> =
            self.rows(select, [SubjectKey::of(of)], |row| {
                // A window that is dropped as a whole need not be readable.
                if until == i64::MAX && of == part {
                    return Ok((row.get(0)?, Default::default()));
                }
                Ok((row.get(0)?, both(row, 1, &self.paths)?))
            })?;
        for (rule, (mut later, mut earlier)) in windows {
            for failures in [&mut later, &mut earlier] {
                if of == part {
                    failures.forget_up_to(until);
                } else {
                    failures.forget_part(part, until);
                }
            }
            if later.is_empty() {
                later = std::mem::take(&mut earlier);
            }
            let earlier = (!earlier.is_empty()).then_some(&earlier);
            let is_over = later.is_empty();
            let row = OpenRow {
                subject: of,
                later: &later,
                earlier,
            };
            self.set_windows(&rule, [row])?;
            if is_over {
                self.count_opened(&rule, -1)?;
            }
        }
        Ok(())
    }
}
