//! The failures of a window as one value, in memory as in the store: a byte
//! for the version, then each of them, one field behind the other.
//!
//! A number is LEB128, one that may be negative zigzag before that; a path and
//! a text stand behind their length. The path is left out where it is that of
//! the failure before.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{Failure, Stamp, Witness};

/// How the failures are written; another way would have another number.
const VERSION: u8 = 1;

/// No stamp has more digits than nanoseconds have.
const DIGITS: u8 = 9;

/// The failures of a window in the order of the log. A million windows may be
/// open at once: in memory they take no more room than in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witnesses {
    bytes: Box<[u8]>,
    /// When the last of them counts.
    newest: i64,
    /// How many failures they are.
    failures: u32,
    /// Where the path stands that was written last; 0 for none.
    path: u32,
}

impl Witnesses {
    /// What was [`Witnesses::as_bytes`], or none if nobody can have written it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut written = Witnesses {
            bytes: bytes.into(),
            ..Witnesses::default()
        };
        let mut rest = Rest::of(bytes)?;
        while rest.at < bytes.len() {
            let entry = rest.entry()?;
            written.note(&entry, rest.path_at);
        }
        Some(written)
    }

    /// The bytes that the store keeps; of no failures none.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds `failure`, which counts at `counted` and is `line` of the log at
    /// `path`.
    pub fn push(&mut self, failure: &Failure, counted: i64, path: &Path, line: &[u8]) {
        self.append(&Entry {
            at: failure.at,
            counted,
            count: failure.count,
            pattern: failure.pattern,
            offset: failure.offset,
            path: path.as_os_str().as_bytes(),
            text: &line[..line.len().min(Witness::TEXT)],
        });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// When the last of them counts.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.newest)
    }

    /// How many failures they are; a line that repeats another counts as often.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Drops those that count before `earliest`. They are in the order in
    /// which they count.
    pub fn forget_before(&mut self, earliest: i64) {
        let first = self.entries().next();
        if first.is_some_and(|first| first.counted < earliest) {
            self.retain(|entry| entry.counted >= earliest);
        }
    }

    /// Drops those stamped up to `until`.
    pub fn forget_up_to(&mut self, until: i64) {
        if self.entries().any(|entry| entry.at.secs <= until) {
            self.retain(|entry| entry.at.secs > until);
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Witness> {
        self.entries().map(|entry| Witness {
            at: entry.at,
            counted: entry.counted,
            count: entry.count,
            pattern: entry.pattern,
            path: Path::new(OsStr::from_bytes(entry.path)).into(),
            offset: entry.offset,
            text: entry.text.into(),
        })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = Rest::of(&self.bytes);
        std::iter::from_fn(move || rest.as_mut()?.entry())
    }

    fn retain(&mut self, keeps: impl Fn(&Entry<'_>) -> bool) {
        let before = std::mem::take(self);
        let kept = before.entries().filter(keeps);
        kept.for_each(|entry| self.append(&entry));
    }

    fn append(&mut self, entry: &Entry<'_>) {
        let known = self.last_path() == Some(entry.path);
        let path = if known { &[] } else { entry.path };
        let mut numbers = Numbers::default();
        numbers.push(zigzag(entry.at.secs));
        numbers.push(entry.at.nanos.into());
        numbers.push(entry.at.digits.into());
        numbers.push(zigzag(entry.counted));
        numbers.push(entry.count.into());
        numbers.push(entry.pattern.into());
        numbers.push(entry.offset);
        let before = numbers.length;
        numbers.push(if known { 0 } else { length(path) + 1 });
        let between = numbers.length;
        numbers.push(length(entry.text));
        let numbers = &numbers.bytes[..numbers.length];
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        let version: &[u8] = if bytes.is_empty() { &[VERSION] } else { &[] };
        // Not a byte more: most windows never see a second failure.
        bytes.reserve_exact(version.len() + numbers.len() + path.len() + entry.text.len());
        bytes.extend_from_slice(version);
        let path_at = (!known).then_some(bytes.len() + before);
        bytes.extend_from_slice(&numbers[..between]);
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(&numbers[between..]);
        bytes.extend_from_slice(entry.text);
        self.bytes = bytes.into_boxed_slice();
        self.note(entry, path_at);
    }

    /// Notes what is told of all of them; `path_at` is where the path of the
    /// last one stands, if not where the one before has it.
    fn note(&mut self, last: &Entry<'_>, path_at: Option<usize>) {
        self.newest = last.counted;
        self.failures = self.failures.saturating_add(last.count);
        if let Some(at) = path_at {
            // One that can not be pointed at is written again.
            self.path = u32::try_from(at).unwrap_or(0);
        }
    }

    fn last_path(&self) -> Option<&[u8]> {
        let at = usize::try_from(self.path).ok().filter(|&at| at > 0)?;
        let mut rest = Rest {
            bytes: &self.bytes,
            at,
            path: None,
            path_at: None,
        };
        let length = rest.unsigned()?.checked_sub(1)?;
        rest.take(length)
    }
}

/// One of the failures.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry<'a> {
    at: Stamp,
    counted: i64,
    count: u32,
    pattern: u16,
    offset: u64,
    path: &'a [u8],
    text: &'a [u8],
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// The numbers of a failure as they are written, nine of at most ten bytes.
struct Numbers {
    bytes: [u8; 90],
    length: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers {
            bytes: [0; 90],
            length: 0,
        }
    }
}

impl Numbers {
    fn push(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes[self.length] = (number & 0x7f) as u8 | 0x80;
            self.length += 1;
            number >>= 7;
        }
        self.bytes[self.length] = (number & 0x7f) as u8;
        self.length += 1;
    }
}

/// What is still to be read.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The path that was read last.
    path: Option<&'a [u8]>,
    /// Where that of the last failure stands, if it has one of its own.
    path_at: Option<usize>,
}

impl<'a> Rest<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        (*bytes.first()? == VERSION).then_some(Rest {
            bytes,
            at: 1,
            path: None,
            path_at: None,
        })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let at = Stamp {
            secs: self.signed()?,
            nanos: self.number().filter(|&nanos: &u32| nanos < 1_000_000_000)?,
            digits: self.number().filter(|&digits| digits <= DIGITS)?,
        };
        let counted = self.signed()?;
        let (count, pattern) = (self.number()?, self.number()?);
        let offset = self.unsigned()?;
        let here = self.at;
        self.path_at = None;
        if let Some(length) = self.unsigned()?.checked_sub(1) {
            self.path = Some(self.take(length)?);
            self.path_at = Some(here);
        }
        let path = self.path?;
        let length = self.unsigned()?;
        Some(Entry {
            at,
            counted,
            count,
            pattern,
            offset,
            path,
            text: self.take(length)?,
        })
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
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

    fn written<'a>(failures: impl IntoIterator<Item = &'a Witness>) -> Witnesses {
        let mut written = Witnesses::default();
        for witness in failures {
            written.append(&Entry {
                at: witness.at,
                counted: witness.counted,
                count: witness.count,
                pattern: witness.pattern,
                offset: witness.offset,
                path: witness.path.as_os_str().as_bytes(),
                text: &witness.text,
            });
        }
        written
    }

    fn read(bytes: &[u8]) -> Option<Vec<Witness>> {
        Some(Witnesses::from_bytes(bytes)?.iter().collect())
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
            written(&[witness(128), witness(0)]).as_bytes(),
            b"\x01\xd8\x04\x05\x09\x01\x01\x02\x80\x01\x05/log\x04line\
              \xd8\x04\x05\x09\x01\x01\x02\x00\x00\x04line"
        );
        assert_eq!(Witnesses::default().as_bytes(), b"");
    }

    proptest! {
        /// Also what is not of the failures themselves: when the last counts,
        /// how many they are, where a path stands.
        #[test]
        fn what_was_written_is_read(failures in prop::collection::vec(any_witness(), 1..6)) {
            let written = written(&failures);
            let read = Witnesses::from_bytes(written.as_bytes()).unwrap();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), failures);
            prop_assert_eq!(read, written);
        }

        /// What stays is as if nothing else had ever been.
        #[test]
        fn what_is_forgotten_leaves_no_trace(failures in prop::collection::vec(any_witness(), 0..6), until: prop::sample::Index) {
            let mut failures = failures;
            let until = failures.get(until.index(6)).map_or(0, |failure| failure.at.secs);
            let mut kept = written(&failures);
            kept.forget_up_to(until);
            prop_assert_eq!(&kept, &written(failures.iter().filter(|failure| failure.at.secs > until)));
            failures.sort_by_key(|failure| failure.counted);
            let mut kept = written(&failures);
            kept.forget_before(until);
            prop_assert_eq!(&kept, &written(failures.iter().filter(|failure| failure.counted >= until)));
        }

        #[test]
        fn of_what_is_cut_off_nothing_is_made_up(failures in prop::collection::vec(any_witness(), 1..4), cut: prop::sample::Index) {
            let bytes = written(&failures).as_bytes().to_vec();
            if let Some(part) = read(&bytes[..cut.index(bytes.len())]) {
                prop_assert!(part.len() < failures.len());
                prop_assert!(failures.starts_with(&part));
            }
        }

        #[test]
        fn bytes_of_anybody_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), place: prop::sample::Index, failures in prop::collection::vec(any_witness(), 1..3), byte: u8) {
            let mut damaged = written(&failures).as_bytes().to_vec();
            let place = place.index(damaged.len());
            damaged[place] = byte;
            for bytes in [bytes, damaged] {
                for failure in read(&bytes).unwrap_or_default() {
                    prop_assert!(failure.at.nanos < 1_000_000_000 && failure.at.digits <= DIGITS);
                }
            }
        }
    }
}
