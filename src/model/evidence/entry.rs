//! One failure as bytes. What it has in common with the first one is left out.

use std::net::IpAddr;

use crate::model::failure::KeptFailure;
use crate::model::numbers::{self, Numbers, Rest, unzigzag, zigzag};
use crate::model::{Address, PathId, Stamp, line_digest};

/// The version of the format; another format gets another number.
pub(super) const VERSION: u8 = 2;

/// How many bytes an IPv4 address has.
const V4_BYTES: u8 = 4;

/// How many bytes an IPv6 address has.
const V6_BYTES: u8 = 16;

/// No stamp has more digits than nanoseconds have.
pub(super) const DIGITS: u8 = 9;

/// The bits of the byte that says which fields are there.
mod has {
    pub(super) const TEXT: u8 = 1;
    pub(super) const FRACTION: u8 = 2;
    pub(super) const COUNTED: u8 = 4;
    pub(super) const COUNT: u8 = 8;
    pub(super) const PATTERN: u8 = 16;
    pub(super) const PATH: u8 = 32;
    pub(super) const ADDRESS: u8 = 64;
    pub(super) const ALL: u8 = 127;
}

/// What is kept of a failure's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// The text: at most [`KeptFailure::TEXT`] bytes of it.
    Text(&'a [u8]),
    /// The digest alone, by which the line is known where it stands.
    Digest(u32),
}

impl<'a> Line<'a> {
    /// A line of which the text is kept, or the digest alone.
    #[must_use]
    pub fn of(line: &'a [u8], keeps_text: bool) -> Self {
        if keeps_text {
            Line::Text(&line[..line.len().min(KeptFailure::TEXT)])
        } else {
            Line::Digest(line_digest(line))
        }
    }

    pub(super) fn digest(self) -> u32 {
        match self {
            Line::Text(text) => line_digest(text),
            Line::Digest(digest) => digest,
        }
    }
}

/// One of the failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EvidenceEntry<'a> {
    pub(super) at: Stamp,
    pub(super) counted: i64,
    pub(super) count: u32,
    pub(super) pattern: u16,
    pub(super) offset: u64,
    pub(super) path: PathId,
    /// The address that failed, in a window of a network.
    pub(super) address: Option<Address>,
    pub(super) line: Line<'a>,
}

/// What the first failure has for the others, which leave it out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Base {
    pub(super) secs: i64,
    pub(super) offset: u64,
    pub(super) pattern: u16,
    /// None before the first.
    pub(super) path: Option<PathId>,
    pub(super) address: Option<Address>,
}

impl Base {
    pub(super) fn of(first: &EvidenceEntry<'_>) -> Self {
        Base {
            secs: first.at.secs,
            offset: first.offset,
            pattern: first.pattern,
            path: Some(first.path),
            address: first.address,
        }
    }

    /// All of a failure but its text.
    pub(super) fn head(self, entry: &EvidenceEntry<'_>, line: Line<'_>) -> Numbers {
        let fields = [
            (has::TEXT, matches!(line, Line::Text(_))),
            (has::FRACTION, (entry.at.nanos, entry.at.digits) != (0, 0)),
            (has::COUNTED, entry.counted != entry.at.secs),
            (has::COUNT, entry.count != 1),
            (has::PATTERN, entry.pattern != self.pattern),
            (has::PATH, Some(entry.path) != self.path),
            (has::ADDRESS, entry.address != self.address),
        ];
        let there = fields.iter().filter(|(_, there)| *there);
        let fields = there.fold(0, |all, (field, _)| all | field);
        let has = |field| fields & field != 0;
        let mut head = Numbers::default();
        head.push_all(&[fields]);
        head.push(zigzag(entry.at.secs.wrapping_sub(self.secs)));
        if has(has::COUNTED) {
            head.push(zigzag(entry.counted.wrapping_sub(entry.at.secs)));
        }
        if has(has::FRACTION) {
            head.push(entry.at.nanos.into());
            head.push(entry.at.digits.into());
        }
        if has(has::COUNT) {
            head.push(entry.count.into());
        }
        if has(has::PATTERN) {
            head.push(entry.pattern.into());
        }
        head.push(zigzag(entry.offset.wrapping_sub(self.offset).cast_signed()));
        if has(has::PATH) {
            head.push_all(&entry.path.to_bytes());
        }
        match entry.address.filter(|_| has(has::ADDRESS)).map(Address::ip) {
            Some(IpAddr::V4(v4)) => {
                head.push(V4_BYTES.into());
                head.push_all(&v4.octets());
            }
            Some(IpAddr::V6(v6)) => {
                head.push(V6_BYTES.into());
                head.push_all(&v6.octets());
            }
            None if has(has::ADDRESS) => head.push(0),
            None => {}
        }
        match line {
            Line::Text(text) => head.push(numbers::length(text)),
            Line::Digest(digest) => head.push_all(&digest.to_le_bytes()),
        }
        head
    }
}

/// The failures that are still to be read.
pub(super) struct EvidenceEntries<'a> {
    pub(super) rest: Rest<'a>,
    pub(super) base: Base,
}

impl<'a> EvidenceEntries<'a> {
    /// The failures in `bytes`; none if these are of another version.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        (version == VERSION).then_some(EvidenceEntries {
            rest: Rest(rest),
            base: Base::default(),
        })
    }

    /// The next failure; none at the end, and where the bytes are no failure.
    pub(super) fn entry(&mut self) -> Option<EvidenceEntry<'a>> {
        let EvidenceEntries { rest, base } = self;
        let fields = *rest.take(1)?.first()?;
        let has = |field| fields & field != 0;
        if fields & !has::ALL != 0 {
            return None;
        }
        let secs = base.secs.wrapping_add(unzigzag(rest.unsigned()?));
        let counted = if has(has::COUNTED) {
            secs.wrapping_add(unzigzag(rest.unsigned()?))
        } else {
            secs
        };
        let mut at = Stamp::from_secs(secs);
        if has(has::FRACTION) {
            (at.nanos, at.digits) = (rest.number()?, rest.number()?);
        }
        let count = if has(has::COUNT) { rest.number()? } else { 1 };
        let pattern = if has(has::PATTERN) {
            rest.number()?
        } else {
            base.pattern
        };
        let offset = unzigzag(rest.unsigned()?).cast_unsigned();
        let offset = base.offset.wrapping_add(offset);
        let path = if has(has::PATH) {
            PathId::from_bytes(rest.take(8)?)?
        } else {
            base.path?
        };
        let address = if has(has::ADDRESS) {
            address(rest)?.0
        } else {
            base.address
        };
        let line = if has(has::TEXT) {
            let length = rest.unsigned()?;
            Line::Text(rest.take(length)?)
        } else {
            Line::Digest(u32::from_le_bytes(rest.take(4)?.try_into().ok()?))
        };
        let entry = EvidenceEntry {
            at,
            counted,
            count,
            pattern,
            offset,
            path,
            address,
            line,
        };
        if !entry.is_possible() {
            return None;
        }
        if base.path.is_none() {
            *base = Base::of(&entry);
        }
        Some(entry)
    }
}

/// The field of an address, which may say that there is none.
struct AddressField(Option<Address>);

/// Reads an address, or that there is none.
fn address(rest: &mut Rest<'_>) -> Option<AddressField> {
    let ip = match rest.number::<u8>()? {
        0 => return Some(AddressField(None)),
        V4_BYTES => IpAddr::from(<[u8; 4]>::try_from(rest.take(4)?).ok()?),
        V6_BYTES => IpAddr::from(<[u8; 16]>::try_from(rest.take(16)?).ok()?),
        _ => return None,
    };
    Some(AddressField(Some(Address::from(ip))))
}

impl EvidenceEntry<'_> {
    /// Whether a log can have had such a failure. Later sums of its numbers must not
    /// overflow.
    pub(super) fn is_possible(&self) -> bool {
        let seconds = [self.at.secs, self.counted];
        seconds.into_iter().all(Stamp::is_possible)
            && self.at.nanos < 1_000_000_000
            && self.at.digits <= DIGITS
    }
}
