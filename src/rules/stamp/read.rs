//! The text of one stamp → its numbers → a moment.

use std::ops::Range;

use chrono::{NaiveDate, NaiveTime};

use super::clock::{Clock, nanos};
use crate::model::Stamp;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// What a format asks of the text at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Literal(u8),
    Blanks,
    Year,
    ShortYear,
    MonthName,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    HourOfHalf,
    Half,
    Minute,
    Second,
    Fraction,
    OptionalFraction,
    Offset,
    ZoneName,
    Unix,
}

/// What a text says, each part in its range; whether there is such a day is
/// not known yet.
#[derive(Debug, Default)]
pub(super) struct Fields {
    year: Option<i32>,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    hour_of_half: Option<u32>,
    afternoon: bool,
    minute: u32,
    second: u32,
    nanos: u32,
    digits: u8,
    /// How many bytes stand behind the fraction.
    behind_fraction: usize,
    east: Option<i32>,
    unix: Option<i64>,
}

impl Fields {
    /// What `text` says under the format `items`, if it follows it to its end.
    pub(super) fn read(items: &[Item], text: &[u8]) -> Option<Self> {
        let mut text = Text(text);
        let fields = Self::follow(items, &mut text)?;
        text.0.is_empty().then_some(fields)
    }

    fn follow(items: &[Item], text: &mut Text) -> Option<Self> {
        let mut fields = Fields::default();
        for &item in items {
            fields.take(item, text)?;
        }
        Some(fields)
    }

    /// Where `text`, of which this was read under the last of `formats`, may
    /// have other digits of its fraction and says the same but for them. None
    /// if there is none, or if the first formats may then read it.
    pub(super) fn fraction_of(&self, text: &[u8], formats: &[Vec<Item>]) -> Option<Range<usize>> {
        let end = text.len() - self.behind_fraction;
        let start = end - usize::from(self.digits);
        // Nothing reads on over such a byte, so what is read before it does not
        // depend on what stands behind it.
        let before = text[..start].ends_with(b".") || text[..start].ends_with(b",");
        let fails = |format: &Vec<Item>| {
            let mut before = Text(&text[..start]);
            let _ = Self::follow(format, &mut before);
            !before.0.is_empty()
        };
        let (_, first) = formats.split_last()?;
        (start < end && before && first.iter().all(fails)).then_some(start..end)
    }

    fn take(&mut self, item: Item, text: &mut Text) -> Option<()> {
        match item {
            Item::Literal(byte) => text.literal(byte)?,
            Item::Blanks => text.blanks()?,
            Item::Year => self.year = Some(text.exactly(4)?.try_into().ok()?),
            Item::ShortYear => {
                let short: i32 = text.exactly(2)?.try_into().ok()?;
                self.year = Some(short + if short >= 69 { 1900 } else { 2000 });
            }
            Item::MonthName => self.month = text.name(&MONTHS)?,
            Item::Month => self.month = text.number(2, 1..=12)?,
            Item::Day => self.day = text.number(2, 1..=31)?,
            Item::DayOfYear => self.day_of_year = Some(text.number(3, 1..=366)?),
            Item::Weekday => text.name(&WEEKDAYS).map(drop)?,
            Item::Hour => self.hour = text.number(2, 0..=23)?,
            Item::HourOfHalf => self.hour_of_half = Some(text.number(2, 1..=12)?),
            Item::Half => self.afternoon = text.name(&["am", "pm"])? == 2,
            Item::Minute => self.minute = text.number(2, 0..=59)?,
            Item::Second => self.second = text.number(2, 0..=60)?,
            Item::Fraction => self.fraction(text)?,
            Item::OptionalFraction => {
                if let [b'.' | b',', rest @ ..] = text.0 {
                    text.0 = rest;
                    self.fraction(text)?;
                }
            }
            Item::Offset => self.east = Some(text.offset()?),
            Item::ZoneName => {
                let word = text.word()?;
                let is = |utc: &str| word.eq_ignore_ascii_case(utc.as_bytes());
                if is("UTC") || is("GMT") || is("Z") {
                    self.east = Some(0);
                }
            }
            Item::Unix => self.unix = Some(text.unix()?),
        }
        Some(())
    }

    fn fraction(&mut self, text: &mut Text) -> Option<()> {
        let digits = text.digits().min(9);
        if digits == 0 {
            return None;
        }
        let (fraction, rest) = text.0.split_at(digits);
        text.0 = rest;
        self.digits = u8::try_from(digits).ok()?;
        self.nanos = nanos(fraction)?;
        self.behind_fraction = rest.len();
        Some(())
    }

    /// The moment, with what the text left open taken from `clock`.
    pub(super) fn resolve(&self, clock: &mut Clock) -> Option<Stamp> {
        let secs = match (self.unix, self.year) {
            (Some(unix), _) => unix,
            (None, Some(year)) => clock.unix(self.local(year)?, self.east),
            (None, None) => clock.latest(|year| self.local(year), self.east)?,
        };
        Some(Stamp {
            secs,
            nanos: self.nanos,
            digits: self.digits,
        })
    }

    /// Seconds from 1970-01-01 00:00:00 to the stamp, both on its own clock;
    /// `None` if `year` has no such day.
    fn local(&self, year: i32) -> Option<i64> {
        let day = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day),
            None => NaiveDate::from_ymd_opt(year, self.month, self.day),
        }?;
        let hour = match self.hour_of_half {
            Some(hour) => hour % 12 + if self.afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp();
        Some(midnight + i64::from(hour * 3600 + self.minute * 60 + self.second))
    }
}

/// What is left of a text.
struct Text<'t>(&'t [u8]);

impl<'t> Text<'t> {
    fn literal(&mut self, wanted: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        first.eq_ignore_ascii_case(&wanted).then_some(())
    }

    fn blanks(&mut self) -> Option<()> {
        let rest = self.0.trim_ascii_start();
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some.then_some(())
    }

    /// How many digits come next.
    fn digits(&self) -> usize {
        self.0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    /// A number of one to `most` digits within `range`.
    fn number(&mut self, most: usize, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let mut value = 0;
        let mut taken = 0;
        for &byte in self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
        {
            let longer = value * 10 + u32::from(byte - b'0');
            if longer > *range.end() {
                break;
            }
            value = longer;
            taken += 1;
        }
        self.0 = &self.0[taken..];
        (taken > 0 && range.contains(&value)).then_some(value)
    }

    fn exactly(&mut self, digits: usize) -> Option<u32> {
        if self.digits() < digits {
            return None;
        }
        self.number(digits, 0..=9999)
    }

    /// Letters, at least one.
    fn word(&mut self) -> Option<&'t [u8]> {
        let letters = self.0.iter().take_while(|byte| byte.is_ascii_alphabetic());
        let (word, rest) = self.0.split_at(letters.count());
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Which of `names` comes next, from 1: whole, or its first three letters.
    fn name(&mut self, names: &[&str]) -> Option<u32> {
        // Where another format would fit stands a digit.
        self.0.first().filter(|first| first.is_ascii_alphabetic())?;
        (1..).zip(names).find_map(|(at, name)| {
            let (short, rest) = name.as_bytes().split_at(name.len().min(3));
            let left = behind(self.0, short)?;
            self.0 = behind(left, rest).unwrap_or(left);
            Some(at)
        })
    }

    /// `Z`, `+01`, `+0100`, `+01:00`: seconds east of Greenwich.
    fn offset(&mut self) -> Option<i32> {
        let (&sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let sign = match sign {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let two = |text: &mut Self, most| -> Option<i32> {
            if text.digits() < 2 {
                return None;
            }
            text.number(2, 0..=most)?.try_into().ok()
        };
        let hours = two(self, 23)?;
        let minutes = match self.0 {
            [b':', rest @ ..] => {
                self.0 = rest;
                two(self, 59)?
            }
            [b'0'..=b'9', ..] => two(self, 59)?,
            _ => 0,
        };
        Some(sign * (hours * 3600 + minutes * 60))
    }

    /// Unix seconds, at most eleven digits: so that no sum of them overflows.
    fn unix(&mut self) -> Option<i64> {
        let digits = self.digits();
        if digits == 0 || digits > 11 {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
}

/// What stands behind `start`, in either case, if `text` begins with it.
fn behind<'t>(text: &'t [u8], start: &[u8]) -> Option<&'t [u8]> {
    let (head, behind) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(behind)
}
