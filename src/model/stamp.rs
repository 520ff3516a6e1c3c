use std::fmt::Write as _;

use chrono::{DateTime, Local, TimeZone, Utc};

/// A moment: whole seconds since 1970-01-01T00:00:00Z, and the fraction the
/// log had.
///
/// Differences are taken between the whole seconds; the fraction is shown, not
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Unix seconds.
    pub secs: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: u32,
    /// How many digits of the fraction the log had, 0 to 9.
    pub digits: u8,
}

impl Stamp {
    /// A whole second.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Stamp {
            secs,
            nanos: 0,
            digits: 0,
        }
    }

    /// Whether some seconds can be a moment of a log or of a clock: within some
    /// thirty thousand years of 1970. Sums and differences of such do not
    /// overflow, and each has a date.
    #[must_use]
    pub const fn is_possible(secs: i64) -> bool {
        secs.unsigned_abs() <= 1 << 40
    }

    fn utc(self) -> DateTime<Utc> {
        let is_possible = Stamp::is_possible(self.secs);
        let at = is_possible.then(|| DateTime::from_timestamp(self.secs, self.nanos));
        at.flatten().unwrap_or_default()
    }

    /// RFC 3339 in UTC with the fraction the log had: `2026-03-22T14:18:18.123456Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let mut text = self.utc().format("%Y-%m-%dT%H:%M:%S").to_string();
        if self.digits > 0 {
            let fraction = format!("{:09}", self.nanos);
            let _ = write!(text, ".{}", &fraction[..usize::from(self.digits.min(9))]);
        }
        text.push('Z');
        text
    }

    /// The same moment as local time, for people: `2026-03-22 14:18:18`.
    #[must_use]
    pub fn to_local(self) -> String {
        self.local().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The same moment in the host's time zone.
    #[must_use]
    pub fn local(self) -> DateTime<Local> {
        Local.from_utc_datetime(&self.utc().naive_utc())
    }
}

impl From<DateTime<Utc>> for Stamp {
    fn from(at: DateTime<Utc>) -> Self {
        Stamp::from_secs(at.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_shown_as_the_log_had_it() {
        let at = |nanos, digits| {
            Stamp {
                secs: 1_774_189_098,
                nanos,
                digits,
            }
            .to_rfc3339()
        };
        assert_eq!(at(0, 0), "2026-03-22T14:18:18Z");
        assert_eq!(at(120_000_000, 6), "2026-03-22T14:18:18.120000Z");
        assert_eq!(at(7_000_000, 3), "2026-03-22T14:18:18.007Z");
    }
}
