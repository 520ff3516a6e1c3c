//! What a stamp may leave open: its year and its zone.

use std::ops::Range;

use chrono::{DateTime, Datelike, Local, Offset, TimeZone};

use crate::model::Stamp;

/// How many seconds east of Greenwich the clocks of a zone are at a moment, in
/// Unix seconds. (Asked this way round there is one answer always; what chrono
/// answers for a local time is not to be relied on at the edges of the hour
/// that occurs twice.)
pub type Zone = fn(i64) -> i32;

const DAY: i64 = 86_400;

/// Zones change on the quarter of an hour, so one answer serves all of it.
const QUARTER: i64 = 900;

/// Fills in what a stamp leaves open, for one generation of a log under one
/// [`Formats`](super::Formats), and remembers its last answers: stamps come by
/// the thousand for one second.
#[derive(Debug, Clone)]
pub struct Clock {
    /// No stamp without a year is later.
    limit: i64,
    /// The year of that in UTC, if there is one.
    year: Option<i32>,
    zone: Zone,
    /// A quarter of an hour, counted on local clocks, and what is east then.
    quarter: Option<(i64, i32)>,
    /// The last text that was a time.
    text: Vec<u8>,
    /// Where it may have other digits and says the same but for them.
    fraction: Range<usize>,
    /// What it said; none before there was one.
    stamp: Option<Stamp>,
}

impl Clock {
    /// A clock of the host's zone. `anchor` is when the generation was last
    /// written, in Unix seconds: a stamp without a year gets the latest year
    /// that does not put it more than a day after that.
    #[must_use]
    pub fn new(anchor: i64) -> Self {
        Self::in_zone(anchor, |unix| {
            DateTime::from_timestamp(unix, 0).map_or(0, |at| {
                let offset = Local.offset_from_utc_datetime(&at.naive_utc());
                offset.fix().local_minus_utc()
            })
        })
    }

    /// The same in another zone.
    #[must_use]
    pub fn in_zone(anchor: i64, zone: Zone) -> Self {
        let limit = anchor.saturating_add(DAY);
        Clock {
            limit,
            year: DateTime::from_timestamp(limit, 0).map(|at| at.year()),
            zone,
            quarter: None,
            text: Vec::new(),
            fraction: 0..0,
            stamp: None,
        }
    }

    /// What the last text said, if it was this one but for the digits of its
    /// fraction.
    pub(super) fn recall(&self, text: &[u8]) -> Option<Stamp> {
        let stamp = self.stamp.filter(|_| self.text.len() == text.len())?;
        let Range { start, end } = self.fraction;
        if self.text[..start] != text[..start] || self.text[end..] != text[end..] {
            return None;
        }
        if start == end {
            return Some(stamp);
        }
        let nanos = nanos(&text[start..end])?;
        Some(Stamp { nanos, ..stamp })
    }

    pub(super) fn remember(&mut self, text: &[u8], fraction: Range<usize>, stamp: Stamp) {
        self.text.clear();
        self.text.extend_from_slice(text);
        self.fraction = fraction;
        self.stamp = Some(stamp);
    }

    /// Unix seconds of a local time, in seconds; `east` is its own zone.
    pub(super) fn unix(&mut self, local: i64, east: Option<i32>) -> i64 {
        local - i64::from(east.unwrap_or_else(|| self.east(local)))
    }

    /// Unix seconds of a stamp without year, of which `local` tells the local
    /// time in a year that has its day.
    pub(super) fn latest(
        &mut self,
        local: impl Fn(i32) -> Option<i64>,
        east: Option<i32>,
    ) -> Option<i64> {
        let (limit, year) = (self.limit, self.year?);
        // A year more, as the zone may be ahead; between two leap years there
        // may be eight.
        (year.checked_sub(8)?..=year.checked_add(1)?)
            .rev()
            .filter_map(local)
            // No zone is a whole day off: spare the look at the zone.
            .filter(|local| local - DAY <= limit)
            .map(|local| self.unix(local, east))
            .find(|&unix| unix <= limit)
    }

    /// How many seconds east the clocks are at a local time. One that occurs
    /// twice is the first; one that does not exist is read off a clock that was
    /// not put forward, and so is later by as much as it should have been.
    fn east(&mut self, local: i64) -> i32 {
        let quarter = local.div_euclid(QUARTER);
        if let Some((known, east)) = self.quarter
            && known == quarter
        {
            return east;
        }
        let start = quarter.saturating_mul(QUARTER);
        // No zone is a whole day off, nor changes twice within two.
        let before = (self.zone)(start.saturating_sub(DAY));
        let after = (self.zone)(start.saturating_add(DAY));
        let shown = |east: &i32| (self.zone)(start - i64::from(*east)) == *east;
        // The further east, the earlier the moment.
        let candidates = [before.max(after), before.min(after)];
        let east = candidates.into_iter().find(shown).unwrap_or(before);
        self.quarter = Some((quarter, east));
        east
    }
}

/// How many nanoseconds the digits of a fraction are, one to nine of them; none
/// if they are no digits.
pub(super) fn nanos(fraction: &[u8]) -> Option<u32> {
    let places = 9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let number = fraction.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(number * 10 + u32::from(digit))
    })?;
    Some(number * 10_u32.pow(places))
}
