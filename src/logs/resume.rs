use crate::model::Cursor;

/// What a log looks like when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Where its last whole line ends.
    pub end: u64,
    /// How many bytes it has.
    pub size: u64,
    /// Whether it holds the bytes before the cursor.
    pub same: bool,
}

/// Where to go on, and what the report calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The byte to read from.
    pub from: u64,
    /// The byte to read to.
    pub to: u64,
    /// What became of the log.
    pub status: Status,
}

/// What became of a log since the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There was something to read.
    Read,
    /// There was not.
    Unchanged,
    /// Another file stands in its place.
    Rotated,
    /// It is shorter than what was read of it.
    Truncated,
    /// It is not there.
    Missing,
    /// It is there and can not be read.
    Unreadable,
}

impl Status {
    /// The word of the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Read => "read",
            Status::Unchanged => "unchanged",
            Status::Rotated => "rotated",
            Status::Truncated => "truncated",
            Status::Missing => "missing",
            Status::Unreadable => "unreadable",
        }
    }
}

/// Where to go on with a log. In doubt it is read again rather than skipped.
///
/// | cursor | file | from |
/// |---|---|---|
/// | none | any | its start |
/// | at N | shorter than N | its start: truncated |
/// | at N | other bytes before N | its start: rotated |
/// | at N | the same bytes before N | N |
#[must_use]
pub fn resume(cursor: Option<&Cursor>, seen: Seen) -> Resume {
    let (from, status) = match cursor {
        None => (0, Status::Read),
        Some(cursor) if seen.size < cursor.offset => (0, Status::Truncated),
        Some(_) if !seen.same => (0, Status::Rotated),
        Some(cursor) => (cursor.offset, Status::Read),
    };
    let to = seen.end.max(from);
    let status = if status == Status::Read && to == from {
        Status::Unchanged
    } else {
        status
    };
    Resume { from, to, status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fingerprint;

    #[test]
    fn each_row_of_the_table() {
        let print = Fingerprint { length: 0, hash: 0 };
        let at = |offset| {
            Some(Cursor {
                offset,
                head: print,
                tail: print,
            })
        };
        let seen = |size, same| Seen {
            end: size,
            size,
            same,
        };
        let plan = |cursor: Option<Cursor>, seen| {
            let Resume { from, to, status } = resume(cursor.as_ref(), seen);
            (from, to, status)
        };
        assert_eq!(plan(None, seen(0, true)), (0, 0, Status::Unchanged));
        assert_eq!(plan(None, seen(9, true)), (0, 9, Status::Read));
        assert_eq!(plan(at(9), seen(8, false)), (0, 8, Status::Truncated));
        assert_eq!(plan(at(9), seen(0, false)), (0, 0, Status::Truncated));
        assert_eq!(plan(at(9), seen(12, false)), (0, 12, Status::Rotated));
        assert_eq!(plan(at(9), seen(12, true)), (9, 12, Status::Read));
        assert_eq!(plan(at(9), seen(9, true)), (9, 9, Status::Unchanged));
        assert_eq!(
            plan(
                at(9),
                Seen {
                    end: 7,
                    size: 11,
                    same: true
                }
            ),
            (9, 9, Status::Unchanged)
        );
    }
}
