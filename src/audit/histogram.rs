//! Failures over time, in buckets that become wider if there are too many.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Widths of a bucket in seconds, each a multiple of the one before.
const WIDTHS: [i64; 6] = [1, 10, 60, 900, 3600, 86_400];

/// How many buckets there are at most before they are made wider.
const MOST: usize = 1 << 16;

/// Failures that fell into one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) failures: u64,
    pub(super) bans: u64,
    /// The first and the last second in which something happened.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Bucket {
    fn add(&mut self, other: &Bucket) {
        self.failures += other.failures;
        self.bans += other.bans;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Failures over time. Its memory is bounded, whatever the stamps.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    /// Which of [`WIDTHS`].
    width: usize,
    buckets: HashMap<i64, Bucket, RandomState>,
    /// The bucket that was last added to. It is not in the map, since most often the
    /// next failure falls into it too.
    open: Option<(i64, Bucket)>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Histogram {
            width: 0,
            buckets: HashMap::default(),
            open: None,
        }
    }

    /// Counts what happened in the second `at`.
    pub(super) fn add(&mut self, at: i64, failures: u64, bans: u64) {
        let place = at.div_euclid(WIDTHS[self.width]);
        if self.open.as_ref().is_none_or(|(open, _)| *open != place) {
            self.close();
            let place = at.div_euclid(WIDTHS[self.width]);
            let known = self.buckets.remove(&place);
            self.open = Some((
                place,
                known.unwrap_or(Bucket {
                    failures: 0,
                    bans: 0,
                    first: at,
                    last: at,
                }),
            ));
        }
        if let Some((_, bucket)) = &mut self.open {
            bucket.failures += failures;
            bucket.bans += bans;
            bucket.first = bucket.first.min(at);
            bucket.last = bucket.last.max(at);
        }
    }

    fn close(&mut self) {
        if let Some((place, bucket)) = self.open.take() {
            self.buckets.insert(place, bucket);
        }
        while self.buckets.len() > MOST && self.width + 1 < WIDTHS.len() {
            let factor = WIDTHS[self.width + 1] / WIDTHS[self.width];
            self.width += 1;
            let narrow = std::mem::take(&mut self.buckets);
            for (place, bucket) in narrow {
                self.buckets
                    .entry(place.div_euclid(factor))
                    .and_modify(|wide| wide.add(&bucket))
                    .or_insert(bucket);
            }
        }
    }

    /// How many seconds a bucket is wide.
    pub(super) fn width(&self) -> i64 {
        WIDTHS[self.width]
    }

    /// The start of each bucket that is not empty, and the bucket; in order.
    pub(super) fn into_buckets(mut self) -> Vec<(i64, Bucket)> {
        self.close();
        let width = self.width();
        let mut all: Vec<(i64, Bucket)> = (self.buckets.into_iter())
            .map(|(place, bucket)| (place * width, bucket))
            .collect();
        all.sort_unstable_by_key(|(start, _)| *start);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However wide the buckets had to become, nothing is lost, and each
        /// holds what happened within it.
        #[test]
        fn nothing_is_lost(times in prop::collection::vec((0i64..40_000_000, 1u64..4), 0..300), spread in 0i64..3) {
            let mut histogram = Histogram::new();
            let mut count = 0;
            for n in 0..spread * 70_000 {
                histogram.add(n * 3600, 1, 0);
                count += 1;
            }
            for &(at, failures) in &times {
                histogram.add(at, failures, 1);
                count += failures;
            }
            let buckets = histogram.clone().into_buckets();
            let width = histogram.width();
            prop_assert!(buckets.len() <= MOST + 1);
            prop_assert_eq!(buckets.iter().map(|(_, bucket)| bucket.failures).sum::<u64>(), count);
            prop_assert_eq!(buckets.iter().map(|(_, bucket)| bucket.bans).sum::<u64>(), times.len() as u64);
            for (start, bucket) in buckets {
                prop_assert!(start <= bucket.first && bucket.last < start + width.max(3600));
            }
        }
    }
}
