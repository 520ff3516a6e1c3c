//! The failures of a window as one value of a row: a byte for the version,
//! then each of them, one field behind the other.
//!
//! A number is LEB128, one that may be negative zigzag before that; a path and
//! a text stand behind their length. The path is left out where it is that of
//! the failure before.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::model::{Address, Stamp, Witness};

/// How the failures are written; another way would have another number.
const VERSION: u8 = 1;

/// No stamp has more digits than nanoseconds have.
const DIGITS: u8 = 9;

/// Windows on their way into the store: many take little more room than there.
#[derive(Debug, Default)]
pub struct Windows {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    address: Address,
    newest: Option<i64>,
    from: usize,
    length: usize,
}

/// A window as its row has it. Without failures there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) address: Address,
    /// When the last of its failures counts, if there is one.
    pub(super) newest: Option<i64>,
    pub(super) failures: &'a [u8],
}

impl Windows {
    /// Adds the window of `address`, the failures in the order of the log.
    pub fn push(&mut self, address: Address, failures: &[Witness]) {
        let from = self.bytes.len();
        write(failures, &mut self.bytes);
        self.rows.push(Row {
            address,
            newest: failures.last().map(|last| last.counted),
            from,
            length: self.bytes.len() - from,
        });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Puts them in the order of the table's key, in which they are written
    /// fastest.
    pub fn sort(&mut self) {
        self.rows.sort_by_cached_key(|row| {
            let mut text = [0u8; 45];
            // Of no address the text is longer.
            let _ = std::io::Write::write_fmt(&mut &mut text[..], format_args!("{}", row.address));
            text
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Stored<'_>> {
        self.rows.iter().map(|row| Stored {
            address: row.address,
            newest: row.newest,
            failures: &self.bytes[row.from..row.from + row.length],
        })
    }
}

/// The failures of a row.
#[derive(Debug)]
pub(super) struct Failures(pub(super) Vec<Witness>);

impl FromSql for Failures {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let failures = read(value.as_blob()?);
        failures
            .map(Failures)
            .ok_or_else(|| FromSqlError::Other("the failures of a window are not readable".into()))
    }
}

/// Appends the failures of a window to `out`.
pub(super) fn write(failures: &[Witness], out: &mut Vec<u8>) {
    out.push(VERSION);
    let mut before: Option<&Path> = None;
    for witness in failures {
        signed(witness.at.secs, out);
        unsigned(witness.at.nanos.into(), out);
        out.push(witness.at.digits);
        signed(witness.counted, out);
        unsigned(witness.count.into(), out);
        unsigned(witness.pattern.into(), out);
        unsigned(witness.offset, out);
        if before == Some(&witness.path) {
            out.push(0);
        } else {
            let path = witness.path.as_os_str().as_bytes();
            unsigned(length(path) + 1, out);
            out.extend_from_slice(path);
        }
        unsigned(length(&witness.text), out);
        out.extend_from_slice(&witness.text);
        before = Some(&witness.path);
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn unsigned(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn signed(number: i64, out: &mut Vec<u8>) {
    unsigned((number << 1 ^ number >> 63).cast_unsigned(), out);
}

/// The failures that were written, or none if nobody can have written this.
fn read(bytes: &[u8]) -> Option<Vec<Witness>> {
    let (&version, rest) = bytes.split_first()?;
    let mut rest = (version == VERSION).then_some(Rest(rest))?;
    let mut failures: Vec<Witness> = Vec::new();
    while !rest.0.is_empty() {
        let at = Stamp {
            secs: rest.signed()?,
            nanos: rest.number().filter(|&nanos: &u32| nanos < 1_000_000_000)?,
            digits: rest.number().filter(|&digits| digits <= DIGITS)?,
        };
        let counted = rest.signed()?;
        let (count, pattern) = (rest.number()?, rest.number()?);
        let offset = rest.unsigned()?;
        let path = match rest.unsigned()?.checked_sub(1) {
            None => failures.last()?.path.clone(),
            Some(length) => Arc::from(Path::new(OsStr::from_bytes(rest.bytes(length)?))),
        };
        let length = rest.unsigned()?;
        failures.push(Witness {
            at,
            counted,
            count,
            pattern,
            path,
            offset,
            text: rest.bytes(length)?.into(),
        });
    }
    Some(failures)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn number<N: TryFrom<u64>>(&mut self) -> Option<N> {
        N::try_from(self.unsigned()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn any_witness() -> impl Strategy<Value = Witness> {
        let stamp = (any::<i64>(), 0u32..1_000_000_000, 0..=DIGITS);
        let path = prop_oneof![
            Just(b"/var/log/auth.log".to_vec()),
            prop::collection::vec(any::<u8>(), 0..200)
        ];
        let text = prop::collection::vec(any::<u8>(), 0..=Witness::TEXT);
        let rest = (any::<i64>(), any::<u32>(), any::<u16>(), any::<u64>());
        (stamp, path, text, rest).prop_map(|((secs, nanos, digits), path, text, rest)| {
            let (counted, count, pattern, offset) = rest;
            Witness {
                at: Stamp {
                    secs,
                    nanos,
                    digits,
                },
                counted,
                count,
                pattern,
                path: PathBuf::from(OsString::from_vec(path)).into(),
                offset,
                text: text.into(),
            }
        })
    }

    fn written(failures: &[Witness]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(failures, &mut bytes);
        bytes
    }

    #[test]
    fn it_is_written_as_was_released() {
        let witness = |offset| Witness {
            at: Stamp {
                secs: 300,
                nanos: 5,
                digits: 9,
            },
            counted: -1,
            count: 1,
            pattern: 2,
            path: Path::new("/log").into(),
            offset,
            text: (*b"line").into(),
        };
        assert_eq!(
            written(&[witness(128), witness(0)]),
            b"\x01\xd8\x04\x05\x09\x01\x01\x02\x80\x01\x05/log\x04line\
              \xd8\x04\x05\x09\x01\x01\x02\x00\x00\x04line"
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(failures in prop::collection::vec(any_witness(), 0..6)) {
            prop_assert_eq!(read(&written(&failures)), Some(failures));
        }

        #[test]
        fn of_what_is_cut_off_nothing_is_made_up(failures in prop::collection::vec(any_witness(), 1..4), cut: prop::sample::Index) {
            let bytes = written(&failures);
            if let Some(part) = read(&bytes[..cut.index(bytes.len())]) {
                prop_assert!(part.len() < failures.len());
                prop_assert!(failures.starts_with(&part));
            }
        }

        #[test]
        fn bytes_of_anybody_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), place: prop::sample::Index, failures in prop::collection::vec(any_witness(), 1..3), byte: u8) {
            let mut damaged = written(&failures);
            let place = place.index(damaged.len());
            damaged[place] = byte;
            for bytes in [bytes, damaged] {
                for failure in read(&bytes).unwrap_or_default() {
                    prop_assert!(failure.at.nanos < 1_000_000_000 && failure.at.digits <= DIGITS);
                }
            }
        }

        /// In the order in which SQLite compares texts.
        #[test]
        fn windows_are_sorted_by_the_text_of_their_addresses(bits in prop::collection::vec(any::<(bool, u128)>(), 0..40)) {
            let mut windows = Windows::default();
            for (v4, bits) in bits {
                let v6 = std::net::Ipv6Addr::from_bits(bits);
                let [a, b, c, d, ..] = v6.octets();
                let v4 = v4.then(|| Address::from(std::net::Ipv4Addr::new(a, b, c, d)));
                windows.push(v4.unwrap_or(Address::from(v6)), &[]);
            }
            windows.sort();
            let texts: Vec<String> = windows.iter().map(|stored| stored.address.to_string()).collect();
            prop_assert!(texts.is_sorted());
        }
    }
}
