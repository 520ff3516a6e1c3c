//! The timeline, the hours of the week and the gaps, from buckets of time.

use super::histogram::{Bucket, Histogram};

/// Widths of a column in seconds, from a second to a year.
const COLUMNS: [i64; 24] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    2 * 3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    2 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
    91 * 86_400,
    364 * 86_400,
];

/// How many columns a timeline has at most.
const MOST_COLUMNS: i64 = 60;

/// In seconds: a shorter gap is not reported.
const GAP: i64 = 86_400;

/// The widest bucket of which the hour of the day is known.
const HOUR: i64 = 3600;

/// A column of the timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimelineColumn {
    /// How many failures.
    pub failures: u64,
    /// How many bans.
    pub bans: u64,
}

/// Failures and bans over time, with empty columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// When the first column begins, in Unix seconds.
    pub start: i64,
    /// How many seconds a column is wide.
    pub seconds: i64,
    /// The columns, in order.
    pub columns: Vec<TimelineColumn>,
}

impl Timeline {
    /// When the column with that number begins, in Unix seconds.
    #[must_use]
    pub fn start_of(&self, column: usize) -> i64 {
        self.start + self.seconds * i64::try_from(column).unwrap_or(0)
    }
}

/// A stretch of time in which nothing was logged that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last second before it.
    pub from: i64,
    /// The first second behind it.
    pub to: i64,
}

/// Failures by day of the week, Monday first, and hour of the day, local time.
pub type Week = [[u64; 24]; 7];

/// Buckets of one width or several, in order.
pub(super) struct Buckets {
    width: i64,
    all: Vec<(i64, Bucket)>,
}

impl From<Histogram> for Buckets {
    fn from(histogram: Histogram) -> Self {
        let all = histogram.clone().into_buckets();
        Buckets {
            width: histogram.width(),
            all,
        }
    }
}

impl Buckets {
    /// The first and the last second in which something happened.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let first = self.all.iter().map(|(_, bucket)| bucket.first).min()?;
        let last = self.all.iter().map(|(_, bucket)| bucket.last).max()?;
        Some((first, last))
    }

    /// The longest stretches without anything, the longest first.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = (self.all.windows(2))
            .map(|pair| Gap {
                from: pair[0].1.last,
                to: pair[1].1.first,
            })
            .filter(|gap| gap.to - gap.from > GAP)
            .collect();
        gaps.sort_by_key(|gap| (gap.from - gap.to, gap.from));
        gaps
    }

    /// Adds to the hours of the week, as clocks show them that are `zone`
    /// seconds east of Greenwich at a moment; false if they are not known.
    pub(super) fn add_to_week(&self, week: &mut Week, zone: impl Fn(i64) -> i32) -> bool {
        for (_, bucket) in &self.all {
            // A bucket of a quarter of an hour begins where zones change.
            let local = bucket.first + i64::from(zone(bucket.first));
            // 1970-01-01 was a Thursday.
            let day = (local.div_euclid(86_400) + 3).rem_euclid(7);
            let hour = local.rem_euclid(86_400) / 3600;
            week[to_index(day)][to_index(hour)] += bucket.failures;
        }
        self.width <= HOUR
    }
}

fn to_index(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// The timeline of all buckets together, whose days begin at midnight of
/// clocks that are `east` seconds east of Greenwich.
pub(super) fn timeline(all: &[Buckets], east: i64) -> Timeline {
    let spans: Vec<(i64, i64)> = all.iter().filter_map(Buckets::span).collect();
    let (Some(first), Some(last)) = (
        spans.iter().map(|span| span.0).min(),
        spans.iter().map(|span| span.1).max(),
    ) else {
        return Timeline::default();
    };
    let widest = all.iter().map(|buckets| buckets.width).max().unwrap_or(1);
    let count =
        |seconds: i64| (last + east).div_euclid(seconds) - (first + east).div_euclid(seconds) + 1;
    let fits = |seconds: &&i64| **seconds % widest == 0 && count(**seconds) <= MOST_COLUMNS;
    let seconds = *COLUMNS.iter().find(fits).unwrap_or(&(3640 * 86_400));
    let start = (first + east).div_euclid(seconds) * seconds - east;
    let mut columns = vec![TimelineColumn::default(); to_index(count(seconds))];
    for (_, bucket) in all.iter().flat_map(|buckets| &buckets.all) {
        let column = (bucket.first - start).div_euclid(seconds);
        if let Some(column) = columns.get_mut(to_index(column)) {
            column.failures += bucket.failures;
            column.bans += bucket.bans;
        }
    }
    Timeline {
        start,
        seconds,
        columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buckets(times: &[i64]) -> Buckets {
        let mut histogram = Histogram::new();
        for &at in times {
            histogram.add(at, 1, 0);
        }
        histogram.into()
    }

    /// 2026-03-23T00:00:00Z, a Monday.
    const MONDAY: i64 = 1_774_224_000;

    #[test]
    fn a_year_without_a_line_is_a_gap() {
        let year = 365 * 86_400;
        let found = buckets(&[
            MONDAY,
            MONDAY + 9,
            MONDAY + year,
            MONDAY + year + 3 * 86_400,
        ]);
        assert_eq!(
            found.gaps(),
            [
                Gap {
                    from: MONDAY + 9,
                    to: MONDAY + year
                },
                Gap {
                    from: MONDAY + year,
                    to: MONDAY + year + 3 * 86_400
                }
            ]
        );
        assert_eq!(buckets(&[MONDAY, MONDAY + 86_400]).gaps(), []);
    }

    #[test]
    fn hours_are_those_of_local_clocks() {
        let mut week = Week::default();
        buckets(&[MONDAY, MONDAY + 3600]).add_to_week(&mut week, |_| -3600);
        assert_eq!((week[6][23], week[0][0]), (1, 1));
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let times: Vec<i64> = (0..40).map(|day| MONDAY + day * 86_400).collect();
        let found = timeline(&[buckets(&times)], 7200);
        assert_eq!((found.seconds, found.start), (86_400, MONDAY - 7200));
        assert_eq!(found.columns.len(), 40);
    }

    proptest! {
        #[test]
        fn a_timeline_holds_everything(times in prop::collection::vec(0i64..4_000_000_000, 1..200), spread in 0u32..32, east in -50_000i64..50_000) {
            let times: Vec<i64> = times.iter().map(|at| at >> spread).collect();
            let found = timeline(&[buckets(&times)], east);
            prop_assert_eq!(found.columns.iter().map(|column| column.failures).sum::<u64>(), times.len() as u64);
            prop_assert!(found.columns.len() <= 60);
            let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            prop_assert!(found.start <= *first && *last < found.start_of(found.columns.len()));
        }
    }
}
