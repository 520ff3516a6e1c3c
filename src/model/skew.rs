//! How far a clock is believed: this host's, and those of others.

/// How many seconds ahead of this host's clock the time of something that has
/// happened may lie: clocks differ, and what lies further ahead counts as now.
pub const MOST_SKEW: i64 = 300;

/// The start of 2026 in Unix seconds. No run is earlier: a clock that shows less
/// is not set yet, as on a host without a battery that has just been switched on.
pub const EARLIEST_NOW: i64 = 1_767_225_600;
