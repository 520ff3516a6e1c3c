use std::num::NonZeroU32;

/// A length of time that can not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not a number with a unit.
    #[error("`{0}` is not a time: seconds, or a number with s, m, h, d or w (10m, 2h, 7d, 1w)")]
    Unreadable(String),
    /// Zero seconds.
    #[error("`{0}` is no time at all: -1 is for ever, 1s the shortest")]
    Zero(String),
    /// More than 4,294,967,295 seconds.
    #[error("`{0}` is too long: the longest is 7000w, -1 is for ever")]
    TooLong(String),
}

/// Seconds of `600`, `10m`, `2h`, `7d` or `1w`; `None` for `-1`, which is for ever.
///
/// # Errors
/// Anything else, zero, and more than fit into 32 bits.
pub fn parse_span(text: &str) -> Result<Option<NonZeroU32>, SpanError> {
    if text == "-1" {
        return Ok(None);
    }
    let unreadable = || SpanError::Unreadable(text.to_owned());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit: u64 = match &text[digits..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(unreadable()),
    };
    if digits == 0 {
        return Err(unreadable());
    }
    let too_long = || SpanError::TooLong(text.to_owned());
    let number: u64 = text[..digits].parse().map_err(|_| too_long())?;
    let seconds = number
        .checked_mul(unit)
        .and_then(|seconds| u32::try_from(seconds).ok())
        .ok_or_else(too_long)?;
    NonZeroU32::new(seconds)
        .map(Some)
        .ok_or_else(|| SpanError::Zero(text.to_owned()))
}

/// The shortest text that [`parse_span`] reads as so many seconds: `1d` for 86,400.
#[must_use]
pub fn span_text(seconds: u32) -> String {
    let units = [(7 * 86_400, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm')];
    let fits = |(length, _): &(u32, char)| seconds > 0 && seconds.is_multiple_of(*length);
    let (length, unit) = units.into_iter().find(fits).unwrap_or((1, 's'));
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_the_unit_that_divides_it() {
        for text in [
            "1s", "90s", "1m", "90m", "1h", "36h", "1d", "10d", "1w", "3w",
        ] {
            let seconds = parse_span(text).unwrap().unwrap().get();
            assert_eq!(span_text(seconds), text);
        }
    }

    #[test]
    fn units_are_those_of_systemd_and_fail2ban() {
        let seconds = |text| parse_span(text).unwrap().map(NonZeroU32::get);
        assert_eq!(seconds("600"), Some(600));
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("2h"), Some(7200));
        assert_eq!(seconds("7d"), Some(604_800));
        assert_eq!(seconds("1w"), Some(604_800));
        assert_eq!(seconds("-1"), None);
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for wrong in [
            "",
            "m",
            "10 m",
            "10M",
            "-2",
            "1.5h",
            "ten",
            "1d2h",
            "٣",
            "99999999999999999999",
        ] {
            assert!(parse_span(wrong).is_err(), "{wrong:?}");
        }
        assert!(matches!(parse_span("0"), Err(SpanError::Zero(_))));
        assert!(matches!(parse_span("0m"), Err(SpanError::Zero(_))));
        assert!(matches!(
            parse_span("9999999999w"),
            Err(SpanError::TooLong(_))
        ));
    }
}
