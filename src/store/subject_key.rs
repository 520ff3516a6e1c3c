//! How a subject is a key of the tables that may have a million rows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::model::{Address, Subject};

/// The bytes of a subject, in whose order the open windows are: those of an address,
/// or those of a network's first address and its length.
#[derive(Debug)]
pub(super) struct SubjectKey {
    bytes: [u8; 17],
    length: usize,
}

impl SubjectKey {
    pub(super) fn of(subject: Subject) -> Self {
        let mut bytes = [0; 17];
        let mut length = match subject.first().ip() {
            IpAddr::V4(v4) => {
                bytes[..4].copy_from_slice(&v4.octets());
                4
            }
            IpAddr::V6(v6) => {
                bytes[..16].copy_from_slice(&v6.octets());
                16
            }
        };
        if !subject.is_address() {
            bytes[length] = subject.length();
            length += 1;
        }
        SubjectKey { bytes, length }
    }

    /// The subject of the bytes; none if they are of none.
    pub(super) fn read(bytes: &[u8]) -> Option<Subject> {
        let address: Address = match bytes.len() {
            4 | 5 => <[u8; 4]>::try_from(&bytes[..4])
                .map(Ipv4Addr::from)
                .ok()?
                .into(),
            16 | 17 => <[u8; 16]>::try_from(&bytes[..16])
                .map(Ipv6Addr::from)
                .ok()?
                .into(),
            _ => return None,
        };
        match bytes.get(usize::from(address.family().bits() / 8)) {
            None => Some(Subject::from(address)),
            Some(&length) => {
                let network = Subject::network(address, length);
                (network.first() == address && !network.is_address()).then_some(network)
            }
        }
    }

    /// The keys of `network` and of what it holds, and of some that it does not hold:
    /// from the first to the second.
    pub(super) fn range(network: Subject) -> (Self, Self) {
        let first = SubjectKey::of(network.first().into());
        let mut last = SubjectKey::of(network.last().into());
        last.bytes[last.length] = u8::MAX;
        last.length += 1;
        (first, last)
    }
}

impl ToSql for SubjectKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = &self.bytes[..self.length];
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_one_subject() {
        for text in [
            "192.0.2.1",
            "192.0.2.0/24",
            "0.0.0.0/0",
            "2001:db8::1",
            "2001:db8::/64",
            "::/0",
        ] {
            let subject = Subject::parse(text).unwrap();
            let SubjectKey { bytes, length } = SubjectKey::of(subject);
            assert_eq!(SubjectKey::read(&bytes[..length]), Some(subject), "{text}");
        }
        for wrong in [
            &[][..],
            &[1; 3],
            &[192, 0, 2, 1, 24],
            &[192, 0, 2, 0, 32],
            &[0; 18],
        ] {
            assert_eq!(SubjectKey::read(wrong), None, "{wrong:?}");
        }
    }
}
