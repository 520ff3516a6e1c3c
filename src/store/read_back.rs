//! What is read back is checked: a file that bits rotted in, or that somebody
//! edited, must not make a run reckon with a time or a length that can not be.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};

use crate::model::Stamp;

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

/// The same, or `i64::MAX` for never.
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

/// That a column holds what nobody can have written.
pub(super) fn damaged(column: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, why.into())
}
