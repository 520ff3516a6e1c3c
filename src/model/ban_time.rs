use std::num::NonZeroU32;
use std::sync::Arc;

/// How long a ban lasts: a number of seconds, or for ever. The one place in which the
/// end of a ban is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanTime(Option<NonZeroU32>);

impl BanTime {
    /// The ban never ends.
    pub const FOR_EVER: BanTime = BanTime(None);

    /// How many seconds it is; none for ever.
    #[must_use]
    pub fn seconds(self) -> Option<NonZeroU32> {
        self.0
    }

    /// When a ban ends that begins at `from`, both in Unix seconds; none if never.
    #[must_use]
    pub fn end(self, from: i64) -> Option<i64> {
        self.0.map(|seconds| from + i64::from(seconds.get()))
    }
}

impl From<Option<NonZeroU32>> for BanTime {
    fn from(seconds: Option<NonZeroU32>) -> Self {
        BanTime(seconds)
    }
}

/// How long the bans of a subject under a rule last, one after the other. At least one
/// time; the last one repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanTimes(Arc<[BanTime]>);

impl BanTimes {
    /// These times, in their order; none without any.
    #[must_use]
    pub fn new(times: Vec<BanTime>) -> Option<Self> {
        (!times.is_empty()).then(|| BanTimes(times.into()))
    }

    /// The time of the n-th ban, counted from 1.
    ///
    /// `["10m", "1h"]` gives 10 minutes to the first ban, and an hour to each further one.
    #[must_use]
    pub fn nth(&self, count: u32) -> BanTime {
        let place = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0[place.min(self.0.len() - 1)]
    }

    /// The time of a first ban.
    #[must_use]
    pub fn first(&self) -> BanTime {
        self.0[0]
    }

    /// Whether no time is shorter than the one before it, and only the last one is for
    /// ever.
    #[must_use]
    pub fn grows(&self) -> bool {
        let length = |time: BanTime| time.seconds().map_or(u32::MAX, NonZeroU32::get);
        let grow =
            |two: &[BanTime]| two[0] != BanTime::FOR_EVER && length(two[0]) <= length(two[1]);
        self.0.windows(2).all(grow)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[BanTime] {
        &self.0
    }
}

impl<T: Into<BanTime>> From<T> for BanTimes {
    fn from(time: T) -> Self {
        BanTimes(Arc::new([time.into()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_repeats() {
        let seconds = |n| BanTime::from(NonZeroU32::new(n));
        let times = BanTimes::new(vec![seconds(600), seconds(3600)]).unwrap();
        let taken: Vec<BanTime> = [1, 2, 3, u32::MAX].map(|n| times.nth(n)).into();
        assert_eq!(taken, [600, 3600, 3600, 3600].map(seconds));
        assert_eq!(times.first().end(100), Some(700));
        assert_eq!(BanTimes::new(Vec::new()), None);
        assert_eq!(BanTimes::from(BanTime::FOR_EVER).nth(9).end(0), None);
    }
}
