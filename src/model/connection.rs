//! Connections of ssh clients: to which connection a line belongs, and what is
//! remembered of a connection between its lines.
//!
//! In the store the connections of one address under one rule are one value: a byte for
//! the version, then each connection, the one with the oldest last line first:
//!
//! | field | bytes |
//! |---|---|
//! | which connection it is | 8 |
//! | seconds of its last line's stamp, less those of the first connection | LEB128, zigzag |
//! | how many lines `Failed METHOD` it had | LEB128 |
//! | how many lines `PAM: …` it had | LEB128 |
//! | (where the line stands that counted, if it had neither) | 8 |

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::numbers::{Numbers, Rest, unzigzag, zigzag};
use super::{Address, PathId, Stamp};

/// The version of the format; another format gets another number.
const VERSION: u8 = 1;

/// What a line of the built-in ssh patterns is to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `Failed METHOD`: an attempt to log in.
    Attempt,
    /// `PAM: …`: an attempt as PAM reports it. sshd may report the same attempt as
    /// `Failed METHOD`.
    PamAttempt,
    /// Any other line. It says that a login fails, but not how often.
    Sign,
}

/// A line that belongs to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLine {
    /// What it is to the connection.
    pub role: Role,
    /// The connection; none if the line does not name it. Then the line counts alone.
    pub connection: Option<ConnectionId>,
}

/// Which connection it is: a hash of the client's address, the server's host name
/// and the pid of the process that serves it.
///
/// The port is not in it, since the client chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(NonZeroU64);

impl ConnectionId {
    /// The id of a connection; `pid` is digits. The store keeps it from one run to the
    /// next.
    ///
    /// It is computed for each line, so the hash is a simple one. A client can choose
    /// nothing but its address, and ids are only compared within one address.
    #[must_use]
    pub fn of(address: Address, host: &[u8], pid: &[u8]) -> Self {
        let digit =
            |number: u64, &byte: &u8| number.wrapping_mul(10).wrapping_add(u64::from(byte & 0xf));
        let mut id = mix(host.len() as u64, pid.iter().fold(0, digit));
        match address.ip() {
            IpAddr::V4(v4) => id = mix(id, v4.to_bits().into()),
            IpAddr::V6(v6) => {
                let octets = v6.octets();
                let (high, low) = octets.split_at(8);
                id = mix(mix(id, word(high)), word(low));
            }
        }
        id = host.chunks(8).fold(id, |id, part| mix(id, word(part)));
        // Words that differ in few bits now differ in all bits.
        id = mix(id ^ id >> 32, 0);
        ConnectionId(NonZeroU64::new(id ^ id >> 32).unwrap_or(NonZeroU64::MIN))
    }
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Adds a word to a hash: two different words give two different hashes.
fn mix(hash: u64, word: u64) -> u64 {
    // The golden ratio, as in Fibonacci hashing (Knuth, volume 3, 6.4).
    (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Where a line stands. By this the failure that it counted is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePlace(u64);

impl LinePlace {
    /// The line that starts at the byte `offset` of the log with that path.
    #[must_use]
    pub fn of(path: PathId, offset: u64) -> Self {
        LinePlace(path.number().cast_unsigned() ^ offset)
    }

    /// The n-th line, where lines are identified by their number alone.
    #[must_use]
    pub fn nth(n: u64) -> Self {
        LinePlace(n)
    }

    /// The number of a line that is identified by it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What is remembered of a connection. It has counted the largest of one, its
/// `attempts` and its `pam_attempts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginConnection {
    /// Which one it is.
    pub id: ConnectionId,
    /// The stamp of its last line, in Unix seconds.
    pub last: i64,
    /// How many lines [`Role::Attempt`] it had.
    pub attempts: u32,
    /// How many lines [`Role::PamAttempt`] it had.
    pub pam_attempts: u32,
    /// Where the line stands that was counted first.
    pub counted: LinePlace,
}

impl LoginConnection {
    /// How many failures it has counted.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.attempts.max(self.pam_attempts).max(1)
    }

    /// Whether a sign of it was counted, and no attempt yet.
    #[must_use]
    pub fn has_only_signs(&self) -> bool {
        self.attempts == 0 && self.pam_attempts == 0
    }
}

/// The bytes that the store keeps of connections; empty if there are none.
#[must_use]
pub fn connections_to_bytes(connections: &[LoginConnection]) -> Vec<u8> {
    let Some(first) = connections.first() else {
        return Vec::new();
    };
    let mut bytes = vec![VERSION];
    let mut base = 0;
    for connection in connections {
        let mut written = Numbers::default();
        written.push_all(&connection.id.0.get().to_le_bytes());
        written.push(zigzag(connection.last.wrapping_sub(base)));
        written.push(connection.attempts.into());
        written.push(connection.pam_attempts.into());
        if connection.has_only_signs() {
            written.push_all(&connection.counted.0.to_le_bytes());
        }
        bytes.extend_from_slice(written.as_bytes());
        base = first.last;
    }
    bytes
}

/// Reads the bytes of [`connections_to_bytes`]; none if it can not have written them.
#[must_use]
pub fn connections_from_bytes(bytes: &[u8]) -> Option<Vec<LoginConnection>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = Rest(bytes.strip_prefix(&[VERSION])?);
    let mut connections: Vec<LoginConnection> = Vec::new();
    while !rest.is_empty() {
        let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        let id = ConnectionId(NonZeroU64::new(number(rest.take(8)?)?)?);
        let base = connections.first().map_or(0, |first| first.last);
        let mut connection = LoginConnection {
            id,
            last: base.wrapping_add(unzigzag(rest.unsigned()?)),
            attempts: rest.number()?,
            pam_attempts: rest.number()?,
            counted: LinePlace(0),
        };
        if connection.has_only_signs() {
            connection.counted = LinePlace(number(rest.take(8)?)?);
        }
        if !Stamp::is_possible(connection.last) {
            return None;
        }
        connections.push(connection);
    }
    Some(connections)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_id_is_the_same_in_every_version() {
        let id = ConnectionId::of(address("203.0.113.9"), b"web1", b"4711");
        assert_eq!(id.0.get(), 11_527_955_480_824_968_059);
    }

    #[test]
    fn address_host_and_pid_tell_connections_apart() {
        let of = |ip, host: &str, pid: &str| {
            ConnectionId::of(address(ip), host.as_bytes(), pid.as_bytes())
        };
        let one = of("203.0.113.9", "web1", "47");
        assert_eq!(one, of("203.0.113.9", "web1", "47"));
        for other in [
            of("203.0.113.8", "web1", "47"),
            of("2001:db8::9", "web1", "47"),
            of("203.0.113.9", "web2", "47"),
            of("203.0.113.9", "web14", "7"),
            of("203.0.113.9", "web1", "4"),
            of("203.0.113.9", "", "47"),
        ] {
            assert_ne!(one, other);
        }
    }

    /// Pids and addresses are near one another.
    #[test]
    fn a_million_neighbours_have_a_million_ids() {
        let mut ids = std::collections::HashSet::new();
        for n in 0..1000 {
            let address = Address::from(std::net::Ipv4Addr::from_bits(0xcb00_7100 + n));
            for pid in 4000..5000 {
                let host = ["web1", "a.rather.long.host.name.example"][usize::from(pid % 2 == 0)];
                let pid = pid.to_string();
                ids.insert(ConnectionId::of(address, host.as_bytes(), pid.as_bytes()));
            }
        }
        assert_eq!(ids.len(), 1_000_000);
    }

    #[test]
    fn the_same_byte_of_another_log_is_another_place() {
        let log = |path| PathId::of(Path::new(path));
        let place = LinePlace::of(log("a"), 7);
        assert_eq!(place, LinePlace::of(log("a"), 7));
        assert_ne!(place, LinePlace::of(log("a"), 8));
        assert_ne!(place, LinePlace::of(log("b"), 7));
    }

    fn any_connection() -> impl Strategy<Value = LoginConnection> {
        let few = || prop_oneof![0u32..3, any::<u32>()];
        let last = prop_oneof![-(1i64 << 40)..=1 << 40, 1_700_000_000i64..1_700_000_100];
        let parts = (1u64.., last, few(), few(), any::<u64>());
        parts.prop_map(|(id, last, attempts, pam_attempts, place)| {
            let connection = LoginConnection {
                id: ConnectionId(NonZeroU64::new(id).unwrap()),
                last,
                attempts,
                pam_attempts,
                counted: LinePlace(0),
            };
            // Of one with attempts nobody asks for it any more.
            let place = if connection.has_only_signs() {
                place
            } else {
                0
            };
            LoginConnection {
                counted: LinePlace(place),
                ..connection
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(connections in prop::collection::vec(any_connection(), 0..17)) {
            let bytes = connections_to_bytes(&connections);
            prop_assert_eq!(bytes.is_empty(), connections.is_empty());
            prop_assert_eq!(connections_from_bytes(&bytes), Some(connections));
        }

        #[test]
        fn of_what_is_cut_off_nothing_is_made_up(connections in prop::collection::vec(any_connection(), 1..4), cut: prop::sample::Index) {
            let bytes = connections_to_bytes(&connections);
            if let Some(part) = connections_from_bytes(&bytes[..cut.index(bytes.len())]) {
                prop_assert!(part.len() < connections.len());
                prop_assert!(connections.starts_with(&part));
            }
        }

        #[test]
        fn bytes_of_anybody_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 1..100)) {
            bytes[0] = VERSION;
            let read = connections_from_bytes(&bytes).unwrap_or_default();
            prop_assert!(read.iter().all(|connection| Stamp::is_possible(connection.last)));
            prop_assert!(read.iter().all(|connection| connection.failures() > 0));
        }
    }
}
