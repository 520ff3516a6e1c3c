//! The failures of a window as one value: the same bytes in memory as in the store.
//!
//! A million windows may be open at once, and most hold one failure of the same log.
//! So what a failure has in common with the first one is left out. The bytes are a
//! byte for the version, and then each failure:
//!
//! | field | bytes |
//! |---|---|
//! | which of the fields in brackets are there | 1 |
//! | seconds of the stamp, less those of the first failure | LEB128, zigzag |
//! | (when it counts, less those seconds) | LEB128, zigzag |
//! | (nanoseconds, digits of the fraction) | LEB128 each |
//! | (how many failures the line is, if not one) | LEB128 |
//! | (the pattern, if it is not that of the first failure) | LEB128 |
//! | offset, less that of the first failure | LEB128, zigzag |
//! | (the log's path, if it is not that of the first failure) | 8, see [`PathId`] |
//! | (in a network: the address, if it is not that of the first failure) | 4 or 16, behind that number |
//! | the line: its length and its text, or else its digest | LEB128 and text, or 4 |
//!
//! `numbers.rs` explains LEB128 and zigzag. Two failures of the log `/log`, the text of
//! the first line kept, of the second only the digest:
//!
//! ```text
//! 02              version 2
//! 31              there are: text (1), pattern (16), path (32)
//! d8 04           300 s after the epoch: zigzag 600 = 0x58 + (0x04 << 7)
//! 02              pattern 2
//! 80 02           offset 128: zigzag 256
//! .. 8 bytes ..   the id of /log
//! 04 6c 69 6e 65  4 bytes of text, "line"
//! 04              there is: when it counts (4)
//! 01              one second before the first: zigzag of -1
//! 02              it counts a second after its stamp, at 300
//! ff 01           offset 0: zigzag of -128 is 255
//! 01 02 03 04     the digest
//! ```
//!
//! The second failure takes 9 bytes. `entry.rs` reads and writes one failure;
//! `version_1.rs` reads what version 3.0.0 wrote.

mod entry;
mod version_1;

use std::path::Path;

use super::{Failure, KeptFailure, LinePlace, PathId, Subject, line_digest};
pub use entry::Line;
use entry::{Base, EvidenceEntries, EvidenceEntry, VERSION};

/// The texts of a window take at most so many bytes: of further lines only the
/// digest is kept.
const TEXTS: usize = 8 << 10;

/// The failures of a window in the order of the log. In memory they take no
/// more room than in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    bytes: Box<[u8]>,
    /// When the last of them counts.
    newest: i64,
    /// How many failures they are.
    failures: u32,
}

impl Evidence {
    /// Reads the bytes of [`Evidence::as_bytes`], or those of version 3.0.0. None if
    /// neither can have written them. `met` is called with each path that the bytes
    /// hold as text.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], mut met: impl FnMut(&Path)) -> Option<Self> {
        if bytes.first() == Some(&version_1::VERSION) {
            let mut written = Evidence::default();
            version_1::read(bytes, &mut met, |entry| written.append(entry))?;
            return Some(written);
        }
        let mut written = Evidence {
            bytes: bytes.into(),
            ..Evidence::default()
        };
        let mut entries = EvidenceEntries::of(bytes)?;
        while !entries.rest.is_empty() {
            let entry = entries.entry()?;
            written.note(&entry);
        }
        Some(written)
    }

    /// The bytes that the store keeps. Empty if there are no failures.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds `failure`, which counts at `counted` and is `line` of the log at
    /// `path`. In the window of a network `subject` its address is kept, too.
    pub fn push(
        &mut self,
        failure: &Failure,
        counted: i64,
        subject: Subject,
        path: PathId,
        line: Line<'_>,
    ) {
        self.append(&EvidenceEntry {
            at: failure.at,
            counted,
            count: failure.count,
            pattern: failure.pattern,
            offset: failure.offset,
            path,
            address: (!subject.is_address()).then_some(failure.address),
            line,
        });
    }

    /// Whether there are no failures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// When the last of them counts.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.newest)
    }

    /// The earliest stamp of them, in Unix seconds.
    #[must_use]
    pub fn oldest(&self) -> Option<i64> {
        self.entries().map(|entry| entry.at.secs).min()
    }

    /// How many failures they are; a line that repeats another counts as often.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How many bytes of memory they take beside this value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        // What an allocation takes at least, and beside what was asked for.
        match self.bytes.len() {
            0 => 0,
            length => (length + 8).next_multiple_of(16).max(32),
        }
    }

    /// Drops the failures that count before `earliest`. The failures are in the order
    /// in which they count, so it looks at the first one only.
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

    /// Drops those of the addresses in `part` that are stamped up to `until`, in the
    /// window of a network; false if there are none.
    pub fn forget_part(&mut self, part: Subject, until: i64) -> bool {
        let is_over = |entry: &EvidenceEntry<'_>| {
            let address = entry.address.map(Subject::from);
            entry.at.secs <= until && address.is_some_and(|address| part.holds(address))
        };
        let found = self.entries().any(|entry| is_over(&entry));
        if found {
            self.retain(|entry| !is_over(entry));
        }
        found
    }

    /// Takes out the failure whose line stands at `place`; false if there is none.
    pub fn take_out(&mut self, place: LinePlace) -> bool {
        let is_it = |entry: &EvidenceEntry<'_>| LinePlace::of(entry.path, entry.offset) == place;
        let Some(mut entries) = EvidenceEntries::of(&self.bytes) else {
            return false;
        };
        let (mut newest, mut failures) = (0, 0_u32);
        loop {
            let start = self.bytes.len() - entries.rest.len();
            match entries.entry() {
                None => return false,
                // Most often it is the last one. It can be cut off, since the others
                // leave out only what the first one has.
                Some(entry) if is_it(&entry) && entries.rest.is_empty() => {
                    let mut bytes = std::mem::take(self).bytes.into_vec();
                    bytes.truncate(if failures == 0 { 0 } else { start });
                    *self = Evidence {
                        bytes: bytes.into_boxed_slice(),
                        newest,
                        failures,
                    };
                    return true;
                }
                Some(entry) if is_it(&entry) => break,
                Some(entry) => {
                    newest = entry.counted;
                    failures = failures.saturating_add(entry.count);
                }
            }
        }
        self.retain(|entry| !is_it(entry));
        true
    }

    /// Whether the text of a line is kept.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        let mut entries = self.entries();
        entries.any(|entry| matches!(entry.line, Line::Text(_)))
    }

    /// Drops the texts of their lines; false if there were none.
    pub fn forget_texts(&mut self) -> bool {
        if !self.has_texts() {
            return false;
        }
        let before = std::mem::take(self);
        for entry in before.entries() {
            let line = Line::Digest(entry.line.digest());
            self.append(&EvidenceEntry { line, ..entry });
        }
        true
    }

    /// Each of them; `path` says which path has an id.
    pub fn iter(
        &self,
        mut path: impl FnMut(PathId) -> std::sync::Arc<Path>,
    ) -> impl Iterator<Item = KeptFailure> {
        self.entries().map(move |entry| KeptFailure {
            at: entry.at,
            counted: entry.counted,
            count: entry.count,
            address: entry.address,
            pattern: entry.pattern,
            path: path(entry.path),
            offset: entry.offset,
            digest: entry.line.digest(),
            text: match entry.line {
                Line::Text(text) => Some(text.into()),
                Line::Digest(_) => None,
            },
        })
    }

    /// The id of the path of each failure's log.
    pub fn paths(&self) -> impl Iterator<Item = PathId> {
        self.entries().map(|entry| entry.path)
    }

    fn entries(&self) -> impl Iterator<Item = EvidenceEntry<'_>> {
        let mut entries = EvidenceEntries::of(&self.bytes);
        std::iter::from_fn(move || entries.as_mut()?.entry())
    }

    /// Writes the failures for which `keeps` is true again: what they leave out depends
    /// on which is the first.
    fn retain(&mut self, keeps: impl Fn(&EvidenceEntry<'_>) -> bool) {
        let before = std::mem::take(self);
        let kept = before.entries().filter(keeps);
        kept.for_each(|entry| self.append(&entry));
    }

    /// Writes one failure behind the others.
    fn append(&mut self, entry: &EvidenceEntry<'_>) {
        let first = EvidenceEntries::of(&self.bytes).and_then(|mut entries| entries.entry());
        let base = first.as_ref().map_or_else(Base::default, Base::of);
        let line = match entry.line {
            Line::Text(text) if self.bytes.len() + text.len() > TEXTS => {
                Line::Digest(line_digest(text))
            }
            line => line,
        };
        let head = base.head(entry, line);
        let text = match line {
            Line::Text(text) => text,
            Line::Digest(_) => &[],
        };
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        let version: &[u8] = if bytes.is_empty() { &[VERSION] } else { &[] };
        // Not a byte more: most windows never see a second failure.
        bytes.reserve_exact(version.len() + head.as_bytes().len() + text.len());
        bytes.extend_from_slice(version);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(text);
        self.bytes = bytes.into_boxed_slice();
        self.note(entry);
    }

    /// Brings `newest` and `failures` up to date.
    fn note(&mut self, last: &EvidenceEntry<'_>) {
        self.newest = last.counted;
        self.failures = self.failures.saturating_add(last.count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Address, Stamp};

    /// A failure, when it counts, the path of its log, its line, whether the text of that
    /// is kept, and the length of the network that it is counted in.
    type Pushed = (Failure, i64, PathId, Vec<u8>, bool, Option<u8>);

    fn any_failure() -> impl Strategy<Value = Pushed> {
        let seconds = || prop_oneof![-(1i64 << 40)..=1 << 40, 1_700_000_000i64..1_700_000_100];
        let fraction = prop_oneof![Just((0, 0)), (0u32..1_000_000_000, 0..=9u8)];
        let offset = prop_oneof![any::<u64>(), 0u64..1000];
        let rest = (1u32..3, prop_oneof![any::<u16>(), 0u16..3], offset);
        let path = prop_oneof!["/var/log/auth.log", "[a-z/]{0,20}"];
        let line = prop::collection::vec(any::<u8>(), 0..300);
        let parts = (
            seconds(),
            fraction,
            seconds(),
            rest,
            path,
            line,
            any::<bool>(),
            (any::<bool>(), prop::option::of(24_u8..32), any::<u8>()),
        );
        parts.prop_map(
            |(secs, (nanos, digits), counted, rest, path, line, keeps, of)| {
                let (count, pattern, offset) = rest;
                let failure = Failure {
                    address: address(of.0, of.2),
                    at: Stamp {
                        secs,
                        nanos,
                        digits,
                    },
                    count,
                    login: None,
                    pattern,
                    instant: false,
                    offset,
                };
                (
                    failure,
                    counted,
                    PathId::of(Path::new(&path)),
                    line,
                    keeps,
                    of.1,
                )
            },
        )
    }

    /// One of a few addresses.
    fn address(is_v4: bool, n: u8) -> Address {
        if is_v4 {
            Address::from(std::net::Ipv4Addr::new(192, 0, 2, n % 4))
        } else {
            Address::from(std::net::Ipv6Addr::from_bits(
                0x2001_0db8 << 96 | u128::from(n % 4),
            ))
        }
    }

    fn written<'a>(failures: impl IntoIterator<Item = &'a Pushed>) -> Evidence {
        let mut written = Evidence::default();
        for (failure, counted, path, line, keeps, length) in failures {
            let subject = Subject::network(failure.address, length.unwrap_or(128));
            written.push(failure, *counted, subject, *path, Line::of(line, *keeps));
        }
        written
    }

    fn read(bytes: &[u8]) -> Option<Vec<EvidenceEntry<'_>>> {
        let mut entries = EvidenceEntries::of(bytes)?;
        std::iter::from_fn(|| (!entries.rest.is_empty()).then(|| entries.entry())).collect()
    }

    fn entry((failure, counted, path, line, keeps, length): &Pushed) -> EvidenceEntry<'_> {
        EvidenceEntry {
            at: failure.at,
            counted: *counted,
            count: failure.count,
            pattern: failure.pattern,
            offset: failure.offset,
            path: *path,
            address: length.map(|_| failure.address),
            line: Line::of(line, *keeps),
        }
    }

    fn failure(secs: i64, offset: u64) -> Failure {
        Failure {
            address: Address::from(std::net::Ipv4Addr::LOCALHOST),
            at: Stamp::from_secs(secs),
            count: 1,
            login: None,
            pattern: 2,
            instant: false,
            offset,
        }
    }

    /// The subject of those failures.
    fn one() -> Subject {
        Address::from(std::net::Ipv4Addr::LOCALHOST).into()
    }

    #[test]
    fn of_a_network_each_failure_has_its_address() {
        let path = PathId::of(Path::new("/log"));
        let mut kept = Evidence::default();
        let from = |n: u8, at| Failure {
            address: address(true, n),
            ..failure(at, 0)
        };
        let network = Subject::network(address(true, 0), 24);
        for (n, at) in [(1, 10), (1, 11), (2, 12), (1, 13)] {
            kept.push(&from(n, at), at, network, path, Line::Digest(7));
        }
        let all: Vec<_> = kept.iter(|_| Path::new("/log").into()).collect();
        let addresses: Vec<_> = all.iter().map(|kept| kept.address).collect();
        assert_eq!(addresses, [1, 1, 2, 1].map(|n| Some(address(true, n))));
        // One of its addresses is un-banned.
        assert!(kept.forget_part(address(true, 1).into(), 11));
        assert!(!kept.forget_part(address(true, 3).into(), 99));
        let left: Vec<_> = kept.iter(|_| Path::new("/log").into()).collect();
        let left: Vec<_> = left
            .iter()
            .map(|kept| (kept.address, kept.at.secs))
            .collect();
        let expected = [(2, 12), (1, 13)].map(|(n, at)| (Some(address(true, n)), at));
        assert_eq!(left, expected);
    }

    #[test]
    fn it_is_written_as_was_released() {
        let path = PathId::of(Path::new("/log"));
        let mut kept = Evidence::default();
        kept.push(
            &failure(300, 128),
            300,
            one(),
            path,
            Line::of(b"line", true),
        );
        kept.push(
            &failure(299, 0),
            300,
            one(),
            path,
            Line::Digest(0x0403_0201),
        );
        let mut bytes = b"\x02\x31\xd8\x04\x02\x80\x02".to_vec();
        bytes.extend(path.to_bytes());
        bytes.extend(b"\x04line\x04\x01\x02\xff\x01\x01\x02\x03\x04");
        assert_eq!(kept.as_bytes(), bytes);
        assert_eq!(Evidence::default().as_bytes(), b"");
    }

    #[test]
    fn what_version_3_0_0_wrote_is_read() {
        let old = b"\x01\xd8\x04\x05\x09\x01\x01\x02\x80\x01\x05/log\x04line\
                    \xd8\x04\x05\x09\x01\x01\x02\x00\x00\x04line";
        let mut met = Vec::new();
        let read = Evidence::from_bytes(old, |path| met.push(path.to_owned())).unwrap();
        assert_eq!(met, [Path::new("/log")]);
        let at = Stamp {
            secs: 300,
            nanos: 5,
            digits: 9,
        };
        let kept = |offset| KeptFailure {
            at,
            counted: -1,
            count: 1,
            address: None,
            pattern: 2,
            path: Path::new("/log").into(),
            offset,
            digest: line_digest(b"line"),
            text: Some((*b"line").into()),
        };
        let all: Vec<KeptFailure> = read.iter(|_| Path::new("/log").into()).collect();
        assert_eq!(all, [kept(128), kept(0)]);
        for cut in 1..old.len() {
            let part = Evidence::from_bytes(&old[..cut], |_| {});
            assert!(part.is_none_or(|part| part.failures() < 2), "{cut}");
        }
    }

    #[test]
    fn a_failure_whose_text_is_not_kept_takes_less_than_thirty_bytes_and_a_further_one_less_than_fifteen()
     {
        let mut kept = Evidence::default();
        let path = PathId::of(Path::new("/var/log/a/rather/long/directory/auth.log"));
        let line = Line::of(b"a line that is much longer than what is kept of it", false);
        kept.push(
            &failure(1_774_000_000, 1 << 30),
            1_774_000_000,
            one(),
            path,
            line,
        );
        assert!(kept.as_bytes().len() < 30, "{}", kept.as_bytes().len());
        let first = kept.as_bytes().len();
        kept.push(
            &failure(1_774_000_003, (1 << 30) + 90_000),
            1_774_000_003,
            one(),
            path,
            line,
        );
        assert!(kept.as_bytes().len() - first < 15);
    }

    #[test]
    fn the_texts_of_a_window_are_bounded() {
        let mut kept = Evidence::default();
        let path = PathId::of(Path::new("/log"));
        for n in 0..1000 {
            kept.push(
                &failure(n, 0),
                n,
                one(),
                path,
                Line::of(&[b'x'; 2000], true),
            );
        }
        let texts = kept
            .entries()
            .filter(|entry| matches!(entry.line, Line::Text(_)));
        assert_eq!(texts.count(), 7);
        assert!(kept.as_bytes().len() < TEXTS + 1000 * 15);
    }

    proptest! {
        /// Also what is not of the failures themselves: when the last counts,
        /// and how many they are.
        #[test]
        fn what_was_written_is_read(failures in prop::collection::vec(any_failure(), 1..6)) {
            let written = written(&failures);
            let read_again = Evidence::from_bytes(written.as_bytes(), |_| {}).unwrap();
            let entries: Vec<EvidenceEntry> = failures.iter().map(entry).collect();
            prop_assert_eq!(read(written.as_bytes()).unwrap(), entries);
            prop_assert_eq!(read_again, written);
        }

        /// What stays is as if nothing else had ever been.
        #[test]
        fn what_is_forgotten_leaves_no_trace(mut failures in prop::collection::vec(any_failure(), 0..6), until: prop::sample::Index, taken: prop::sample::Index) {
            let until = failures.get(until.index(6)).map_or(0, |failure| failure.0.at.secs);
            let mut kept = written(&failures);
            kept.forget_up_to(until);
            prop_assert_eq!(&kept, &written(failures.iter().filter(|failure| failure.0.at.secs > until)));
            failures.sort_by_key(|failure| failure.1);
            let mut kept = written(&failures);
            kept.forget_before(until);
            prop_assert_eq!(&kept, &written(failures.iter().filter(|failure| failure.1 >= until)));
            let place = |failure: &Pushed| LinePlace::of(failure.2, failure.0.offset);
            let mut kept = written(&failures);
            let taken = failures.get(taken.index(6)).map_or(LinePlace::nth(7), place);
            let is_there = failures.iter().any(|failure| place(failure) == taken);
            prop_assert_eq!(kept.take_out(taken), is_there);
            prop_assert_eq!(&kept, &written(failures.iter().filter(|failure| place(failure) != taken)));
            let texts = failures.iter().any(|failure| failure.4);
            let mut kept = written(&failures);
            prop_assert_eq!(kept.forget_texts(), texts);
            for failure in &mut failures {
                failure.4 = false;
            }
            prop_assert_eq!(kept, written(&failures));
        }

        #[test]
        fn of_what_is_cut_off_nothing_is_made_up(failures in prop::collection::vec(any_failure(), 1..4), cut: prop::sample::Index) {
            let bytes = written(&failures).as_bytes().to_vec();
            let entries: Vec<EvidenceEntry> = failures.iter().map(entry).collect();
            if let Some(part) = read(&bytes[..cut.index(bytes.len())]) {
                prop_assert!(part.len() < failures.len());
                prop_assert!(entries.starts_with(&part));
            }
        }

        #[test]
        fn bytes_of_anybody_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..300), place: prop::sample::Index, failures in prop::collection::vec(any_failure(), 1..3), byte: u8, version in 0u8..3) {
            let mut damaged = written(&failures).as_bytes().to_vec();
            let place = place.index(damaged.len());
            damaged[place] = byte;
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            for bytes in [bytes, damaged] {
                let read = Evidence::from_bytes(&bytes, |_| {}).unwrap_or_default();
                prop_assert!(read.entries().all(|entry| entry.is_possible()));
                let mut all = read.clone();
                all.forget_texts();
                prop_assert_eq!(all.failures(), read.failures());
            }
        }
    }
}
