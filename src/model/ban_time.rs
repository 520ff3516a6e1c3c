use std::num::NonZeroU32;

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
