//! The time formats of logs that services write themselves.

/// Of Apache's error log: `Mon Mar 02 04:05:06.123456 2026`.
pub(super) const WEEKDAY_FIRST: &[&str] = &["%a %b %d %H:%M:%S%.f %Y"];

/// RFC 3339, and the same with a blank, with and without a zone.
pub(super) const ISO: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f %Z",
];

/// Seconds since 1970, perhaps with a fraction: `1772424306.123`.
pub(super) const EPOCH: &[&str] = &["%s%.f"];

/// What a rule that is not built in and names no format is tried with. No two of them
/// read one text as two times.
pub const KNOWN_FORMATS: &[&str] = &[
    "%b %d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%y%m%d %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S",
    "%Y/%m/%d %H:%M:%S%.f",
    "%a %b %d %H:%M:%S%.f %Y",
    "%d-%b-%Y %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f %Z",
    "%s%.f",
];
