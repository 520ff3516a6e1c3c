//! The failures of a window as version 3.0.0 wrote them: all fields of each,
//! the path itself where it is not that of the failure before, and the text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::model::numbers::Rest;
use crate::model::{PathId, Stamp};

use super::entry::{EvidenceEntry, Line};

pub(super) const VERSION: u8 = 1;

/// Reads the failures: calls `each` with each, and `met` with each path. None if the
/// bytes are not what version 3.0.0 wrote.
pub(super) fn read(
    bytes: &[u8],
    met: &mut impl FnMut(&Path),
    mut each: impl FnMut(&EvidenceEntry<'_>),
) -> Option<()> {
    let mut rest = Rest(bytes.strip_prefix(&[VERSION])?);
    let mut path = None;
    while !rest.is_empty() {
        let at = Stamp {
            secs: rest.signed()?,
            nanos: rest.number()?,
            digits: rest.number()?,
        };
        let counted = rest.signed()?;
        let (count, pattern) = (rest.number()?, rest.number()?);
        let offset = rest.unsigned()?;
        if let Some(length) = rest.unsigned()?.checked_sub(1) {
            let own = Path::new(OsStr::from_bytes(rest.take(length)?));
            met(own);
            path = Some(PathId::of(own));
        }
        let length = rest.unsigned()?;
        let entry = EvidenceEntry {
            at,
            counted,
            count,
            pattern,
            offset,
            path: path?,
            address: None,
            line: Line::Text(rest.take(length)?),
        };
        if !entry.is_possible() {
            return None;
        }
        each(&entry);
    }
    Some(())
}
