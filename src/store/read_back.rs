//! Values that are checked when they are read back: a damaged or edited file must
//! not make a run calculate with an impossible time or length.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};

use crate::model::{Stamp, Subject};

/// Unix seconds of a stamp or a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(pub(super) i64);

impl FromSql for Seconds {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let seconds = value.as_i64()?;
        if Stamp::is_possible(seconds) {
            Ok(Seconds(seconds))
        } else {
            Err(FromSqlError::OutOfRange(seconds))
        }
    }
}

impl From<Seconds> for i64 {
    fn from(Seconds(seconds): Seconds) -> i64 {
        seconds
    }
}

/// Unix seconds, or `i64::MAX` for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End(pub(super) i64);

impl FromSql for End {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            i64::MAX => Ok(End(i64::MAX)),
            _ => Seconds::column_result(value).map(|Seconds(seconds)| End(seconds)),
        }
    }
}

/// A number that counts something: not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnsignedCount(pub(super) u64);

impl FromSql for UnsignedCount {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let count = u64::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))?;
        Ok(UnsignedCount(count))
    }
}

/// The address or network that a text is; none if it is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubjectText(pub(super) Option<Subject>);

impl FromSql for SubjectText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(SubjectText(Subject::parse(value.as_str()?)))
    }
}

/// A path of any bytes.
pub(super) fn path(row: &Row<'_>, column: usize) -> rusqlite::Result<PathBuf> {
    Ok(PathBuf::from(OsString::from_vec(row.get(column)?)))
}

/// Unix seconds, or none.
pub(super) fn optional_seconds(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    let seconds: Option<Seconds> = row.get(column)?;
    Ok(seconds.map(i64::from))
}

/// The error for a column that holds what no version of this program has written.
pub(super) fn damaged(column: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, why.into())
}
