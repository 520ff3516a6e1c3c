//! The connections of ssh clients to which further lines may belong.

use rusqlite::params;

use crate::model::{LoginConnection, Subject, connections_from_bytes, connections_to_bytes};

use super::error::StoreError;
use super::query::{Commit, Store};
use super::read_back::damaged;
use super::subject_key::SubjectKey;

/// The connections of a subject as they are to be stored.
#[derive(Debug, Clone, Copy)]
pub struct OpenConnections<'a> {
    /// Of whom.
    pub subject: Subject,
    /// All of them, the one with the oldest last line first.
    pub connections: &'a [LoginConnection],
}

impl Store {
    /// Whether there is any connection of `rule` to which further lines may belong.
    pub fn has_connections(&self, rule: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM connection WHERE rule = ?", [rule])
    }

    /// The connections of `subject` under `rule` to which further lines may belong, the
    /// one with the oldest last line first.
    pub fn connections(
        &self,
        rule: &str,
        subject: Subject,
    ) -> Result<Vec<LoginConnection>, StoreError> {
        let select = "SELECT connections FROM connection WHERE address = ? AND rule = ?";
        let open = self.optional(select, params![SubjectKey::of(subject), rule], |row| {
            let open = connections_from_bytes(row.get_ref(0)?.as_blob()?);
            open.ok_or_else(|| damaged(0, "the connections of an address can not be read"))
        });
        Ok(open?.unwrap_or_default())
    }
}

impl Commit<'_> {
    /// Replaces the connections of these subjects under `rule`: fastest where they are
    /// in the order of the subjects.
    pub fn set_connections<'a>(
        &self,
        rule: &str,
        all: impl IntoIterator<Item = OpenConnections<'a>>,
    ) -> Result<(), StoreError> {
        let write = || {
            let put = "REPLACE INTO connection VALUES (?, ?, ?, ?)";
            let mut put = self.connection.prepare_cached(put)?;
            for open in all {
                let newest = open.connections.iter().map(|open| open.last).max();
                let bytes = connections_to_bytes(open.connections);
                let key = SubjectKey::of(open.subject);
                put.execute(params![key, rule, newest.unwrap_or(0), bytes])?;
            }
            Ok(())
        };
        self.wrap(write())
    }

    /// Forgets the connections of a rule whose last lines are stamped before `behind`.
    pub(super) fn forget_connections_before(
        &self,
        rule: &str,
        behind: i64,
    ) -> Result<(), StoreError> {
        let forget = "DELETE FROM connection WHERE rule = ? AND newest < ?";
        self.execute(forget, params![rule, behind])
    }

    /// Forgets the connections of addresses that have no open window under a rule, so
    /// that their number is bounded as that of the windows is.
    pub(super) fn forget_connections_without_window(&self, rule: &str) -> Result<(), StoreError> {
        let forget = "DELETE FROM connection WHERE rule = ?1 AND address NOT IN \
                      (SELECT address FROM open_window WHERE rule = ?1)";
        self.execute(forget, [rule])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, ConnectionId, LinePlace};

    fn address(n: u8) -> Address {
        Address::from(std::net::Ipv4Addr::new(192, 0, 2, n))
    }

    fn subject(n: u8) -> Subject {
        address(n).into()
    }

    fn connection(n: u8, last: i64) -> LoginConnection {
        LoginConnection {
            id: ConnectionId::of(address(n), b"web1", b"7"),
            last,
            attempts: 0,
            pam_attempts: 0,
            counted: LinePlace::nth(n.into()),
        }
    }

    /// A store with a connection of each of these addresses, by their last lines.
    fn with_connections(path: &std::path::Path, all: &[(u8, i64)]) -> Store {
        let mut store = Store::open(path, 0, || None).unwrap();
        let commit = store.begin().unwrap();
        for &(n, last) in all {
            let connections = &[connection(n, last)];
            let row = OpenConnections {
                subject: address(n).into(),
                connections,
            };
            commit.set_connections("ssh", [row]).unwrap();
        }
        commit.commit().unwrap();
        store
    }

    #[test]
    fn they_are_of_one_rule_and_one_address() {
        let dir = tempfile::tempdir().unwrap();
        let store = with_connections(&dir.path().join("db"), &[(1, 7), (2, 8)]);
        assert_eq!(
            store.connections("ssh", subject(1)).unwrap(),
            [connection(1, 7)]
        );
        assert_eq!(store.connections("ssh", subject(3)).unwrap(), []);
        assert_eq!(store.connections("mysql", subject(1)).unwrap(), []);
        assert!(store.has_connections("ssh").unwrap());
        assert!(!store.has_connections("mysql").unwrap());
    }

    #[test]
    fn those_that_are_damaged_are_told_and_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        let store = with_connections(&dir.path().join("db"), &[(1, 7)]);
        let spoil = "UPDATE connection SET connections = substr(connections, 1, 9)";
        store.connection.execute(spoil, []).unwrap();
        let error = store.connections("ssh", subject(1)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    #[test]
    fn those_that_are_a_day_behind_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = with_connections(&dir.path().join("db"), &[(1, 1000), (2, 2000)]);
        for newest in [0, 86_400 + 1500] {
            let commit = store.begin().unwrap();
            commit.set_newest("ssh", newest, 5).unwrap();
            commit.commit().unwrap();
        }
        assert_eq!(store.connections("ssh", subject(1)).unwrap(), []);
        assert_eq!(
            store.connections("ssh", subject(2)).unwrap(),
            [connection(2, 2000)]
        );
    }
}
