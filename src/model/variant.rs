use std::num::NonZeroU32;

use super::{BanTime, BanTimes, Prefixes, SpanError, Thresholds, WindowKind, parse_span};

/// One threshold and the values to try: `failed_attempts=3,5,10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// How many failures fill a window.
    FailedAttempts(Vec<NonZeroU32>),
    /// Seconds.
    RequestTime(Vec<u32>),
    /// How the seconds are taken.
    Window(Vec<WindowKind>),
    /// How long the bans of a subject last, one after the other.
    BanTimes(Vec<BanTimes>),
    /// How many leading bits of IPv4 addresses are counted together.
    Ipv4Prefix(Vec<u8>),
    /// How many leading bits of IPv6 addresses are counted together.
    Ipv6Prefix(Vec<u8>),
}

/// What is wrong with an [`Axis`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// There is no `=`, or nothing behind it.
    #[error("must be KEY=VALUE,VALUE…, such as failed_attempts=3,5,10")]
    Shape,
    /// Another key.
    #[error(
        "`{0}` is no threshold: the thresholds are failed_attempts, request_time, window, ban_time, ipv4_prefix and ipv6_prefix"
    )]
    Key(String),
    /// A number of failures that is none.
    #[error("`{0}` is no number of failures: 1 or more")]
    Attempts(String),
    /// A time that is none.
    #[error(transparent)]
    Time(#[from] SpanError),
    /// A window that never ends is no window.
    #[error("request_time can not be for ever")]
    Endless,
    /// A length that can not be counted by.
    #[error("`{given}` is no length of a prefix: {shortest} to {longest}")]
    Prefix {
        /// What was given.
        given: String,
        /// The shortest length.
        shortest: u8,
        /// The longest.
        longest: u8,
    },
    /// Times that do not grow.
    #[error("`{0}`: no time may be shorter than the one before it, and only the last one null")]
    Order(String),
    /// Another kind of window.
    #[error("`{0}` is no kind of window: gap or sliding")]
    Window(String),
}

impl std::str::FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let (key, values) = text.split_once('=').ok_or(AxisError::Shape)?;
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        if values.iter().any(|value| value.is_empty()) {
            return Err(AxisError::Shape);
        }
        let values = values.iter();
        Ok(match key.trim() {
            "failed_attempts" => Axis::FailedAttempts(
                values
                    .map(|value| {
                        let number = value.parse().ok();
                        number.ok_or_else(|| AxisError::Attempts((*value).to_owned()))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "request_time" => Axis::RequestTime(
                values
                    .map(|value| Ok(span(value)?.ok_or(AxisError::Endless)?.get()))
                    .collect::<Result<_, AxisError>>()?,
            ),
            "window" => Axis::Window(
                values
                    .map(|value| match *value {
                        "gap" => Ok(WindowKind::Gap),
                        "sliding" => Ok(WindowKind::Sliding),
                        other => Err(AxisError::Window(other.to_owned())),
                    })
                    .collect::<Result<_, _>>()?,
            ),
            "ban_time" => Axis::BanTimes(
                values
                    .map(|value| ban_times(value))
                    .collect::<Result<_, _>>()?,
            ),
            "ipv4_prefix" => Axis::Ipv4Prefix(
                values
                    .map(|value| prefix(value, 24, 32))
                    .collect::<Result<_, _>>()?,
            ),
            "ipv6_prefix" => Axis::Ipv6Prefix(
                values
                    .map(|value| prefix(value, 48, 128))
                    .collect::<Result<_, _>>()?,
            ),
            other => return Err(AxisError::Key(other.to_owned())),
        })
    }
}

/// A time; none for ever.
fn span(value: &str) -> Result<Option<NonZeroU32>, SpanError> {
    match value {
        "null" => Ok(None),
        value => parse_span(value),
    }
}

/// The times of `10m|1h|1d`.
fn ban_times(text: &str) -> Result<BanTimes, AxisError> {
    let times = text
        .split('|')
        .map(|time| span(time.trim()).map(BanTime::from));
    let times: Vec<BanTime> = times.collect::<Result<_, _>>()?;
    BanTimes::new(times)
        .filter(BanTimes::grows)
        .ok_or_else(|| AxisError::Order(text.to_owned()))
}

fn prefix(text: &str, shortest: u8, longest: u8) -> Result<u8, AxisError> {
    let length = text.parse().ok();
    length
        .filter(|length| (shortest..=longest).contains(length))
        .ok_or_else(|| AxisError::Prefix {
            given: text.to_owned(),
            shortest,
            longest,
        })
}

/// Thresholds that may differ from those of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variant {
    /// How many failures fill a window.
    pub failed_attempts: Option<NonZeroU32>,
    /// Seconds.
    pub request_time: Option<u32>,
    /// How the seconds are taken.
    pub window: Option<WindowKind>,
    /// How long the bans of a subject last, one after the other.
    pub ban_times: Option<BanTimes>,
    /// How many leading bits of IPv4 addresses are counted together.
    pub ipv4_prefix: Option<u8>,
    /// How many leading bits of IPv6 addresses are counted together.
    pub ipv6_prefix: Option<u8>,
}

impl Variant {
    /// The thresholds of a rule with these in place of its own.
    #[must_use]
    pub fn over(&self, own: &Thresholds) -> Thresholds {
        Thresholds {
            failed_attempts: self.failed_attempts.unwrap_or(own.failed_attempts),
            request_time: self.request_time.unwrap_or(own.request_time),
            window: self.window.unwrap_or(own.window),
            ban_times: self.ban_times.as_ref().unwrap_or(&own.ban_times).clone(),
            ban_memory: own.ban_memory,
            prefixes: Prefixes {
                ipv4: self.ipv4_prefix.unwrap_or(own.prefixes.ipv4),
                ipv6: self.ipv6_prefix.unwrap_or(own.prefixes.ipv6),
            },
        }
    }
}

/// Every combination of the values, in the order in which they were given.
#[must_use]
pub fn variants(axes: &[Axis]) -> Vec<Variant> {
    let mut all = vec![Variant::default()];
    for axis in axes {
        all = all
            .into_iter()
            .flat_map(|variant| with_each(&variant, axis))
            .collect();
    }
    let mut unique = Vec::new();
    for variant in all {
        if !unique.contains(&variant) {
            unique.push(variant);
        }
    }
    unique
}

fn with_each(variant: &Variant, axis: &Axis) -> Vec<Variant> {
    fn each<T: Clone>(values: &[T], with: impl Fn(Option<T>) -> Variant) -> Vec<Variant> {
        values
            .iter()
            .map(|value| with(Some(value.clone())))
            .collect()
    }
    match axis {
        Axis::FailedAttempts(values) => each(values, |failed_attempts| Variant {
            failed_attempts,
            ..variant.clone()
        }),
        Axis::RequestTime(values) => each(values, |request_time| Variant {
            request_time,
            ..variant.clone()
        }),
        Axis::Window(values) => each(values, |window| Variant {
            window,
            ..variant.clone()
        }),
        Axis::Ipv4Prefix(values) => each(values, |ipv4_prefix| Variant {
            ipv4_prefix,
            ..variant.clone()
        }),
        Axis::Ipv6Prefix(values) => each(values, |ipv6_prefix| Variant {
            ipv6_prefix,
            ..variant.clone()
        }),
        Axis::BanTimes(values) => each(values, |ban_times| Variant {
            ban_times,
            ..variant.clone()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Result<Axis, String> {
        text.parse().map_err(|error: AxisError| error.to_string())
    }

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn an_axis_is_a_threshold_and_its_values() {
        assert_eq!(
            axis("failed_attempts=3, 5"),
            Ok(Axis::FailedAttempts(vec![number(3), number(5)]))
        );
        assert_eq!(
            axis("request_time=5,10m"),
            Ok(Axis::RequestTime(vec![5, 600]))
        );
        assert_eq!(
            axis("window=sliding,gap"),
            Ok(Axis::Window(vec![WindowKind::Sliding, WindowKind::Gap]))
        );
        assert_eq!(
            axis("ban_time=1d,-1,null"),
            Ok(Axis::BanTimes(vec![
                Some(number(86_400)).into(),
                BanTime::FOR_EVER.into(),
                BanTime::FOR_EVER.into()
            ]))
        );
    }

    #[test]
    fn what_is_no_axis_is_refused() {
        for (wrong, because) in [
            ("failed_attempts", "must be KEY="),
            ("failed_attempts=", "must be KEY="),
            ("failed_attempts=3,,5", "must be KEY="),
            ("attempts=3", "`attempts` is no threshold"),
            ("failed_attempts=0", "`0` is no number of failures"),
            ("failed_attempts=3.5", "`3.5` is no number"),
            ("request_time=0", "no time at all"),
            ("request_time=-1", "can not be for ever"),
            ("ban_time=1h|10m", "no time may be shorter"),
            ("ban_time=null|10m", "no time may be shorter"),
            ("ban_time=10m||1h", "`` is not a time"),
            (
                "ipv6_prefix=129",
                "`129` is no length of a prefix: 48 to 128",
            ),
            ("ipv4_prefix=8", "24 to 32"),
            ("window=both", "`both` is no kind of window"),
        ] {
            let error = axis(wrong).unwrap_err();
            assert!(error.contains(because), "{wrong}: {error}");
        }
    }

    #[test]
    fn every_combination_is_tried_once() {
        let axes = ["failed_attempts=3,5,3", "request_time=5,60"].map(|text| axis(text).unwrap());
        let found = variants(&axes);
        let shown: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.failed_attempts.unwrap().get(),
                    one.request_time.unwrap(),
                )
            })
            .collect();
        assert_eq!(shown, [(3, 5), (3, 60), (5, 5), (5, 60)]);
    }
}
