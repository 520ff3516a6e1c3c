//! strftime formats → the moment that a line's `time` says.
//!
//! The formats are compiled once; a text is read byte by byte, without
//! allocation. They are those of Python's `strptime`, which PyFilter's
//! configurations were written for, with these rules:
//!
//! * Blanks in a format match one or more blanks in the text.
//! * Letters match in either case; names of months and days are English, whole
//!   or their first three letters.
//! * Numbers may lack their leading zeros, except `%Y` and `%y`. A number
//!   takes a further digit only while it stays in its range.
//! * `%f` is one to nine digits. `%.f` is a dot or comma with such digits, or
//!   nothing at all.
//! * `%z` is `Z`, `+01`, `+0100` or `+01:00`. `%Z` is a word: `UTC`, `GMT` and
//!   `Z` are that, any other is taken for the host's own zone.
//! * A second 60 is the second after it. Days of the week are read, not checked.
//!
//! | file | what it does |
//! |---|---|
//! | `read` | the text of one stamp → its numbers → a moment |
//! | `clock` | what a stamp may leave open: its year and its zone |

use thiserror::Error;

mod clock;
mod read;
#[cfg(test)]
mod tests;

use crate::model::Stamp;
pub use clock::{Clock, Zone};
use read::{Fields, Item};

/// The directives, as an error message lists them.
const KNOWN: &str = "%a %A %b %B %d %D %e %f %.f %F %h %H %I %j %k %l %m %M %n %p %r %R %s %S %t \
                     %T %y %Y %z %Z %%";

/// A strftime format that can not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// A directive that is none of ours.
    #[error("`{directive}` in the time format `{format}` is unknown; known are {KNOWN}")]
    Unknown {
        /// The whole format.
        format: String,
        /// The directive, with its `%`.
        directive: String,
    },
    /// A `%` at the end.
    #[error("the time format `{0}` ends in a single `%`; a percent sign is `%%`")]
    Unfinished(String),
    /// The day is missing.
    #[error(
        "the time format `{0}` names no day: it needs %d (or %e) with %b or %m, %j, or %s \
         (%D and %F have both)"
    )]
    NoDay(String),
    /// The hour is missing: every failure of a day would fall on midnight.
    #[error("the time format `{0}` names no hour: it needs %H (or %I with %p), or %T")]
    NoHour(String),
}

/// The formats of a rule, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats(Vec<Vec<Item>>);

impl Formats {
    /// Compiles `formats`.
    ///
    /// # Errors
    /// The first format that has an unknown directive, or can tell no day.
    pub fn new<S: AsRef<str>>(formats: &[S]) -> Result<Self, FormatError> {
        formats
            .iter()
            .map(|format| {
                compile(format.as_ref()).and_then(|items| with_hour(format.as_ref(), items))
            })
            .collect::<Result<_, _>>()
            .map(Formats)
    }

    /// The moment that `text` is under the first format that reads all of it;
    /// `None` if none does, or the day or time does not exist.
    ///
    /// What `text` leaves open (the year, the zone) `clock` fills in. It also
    /// keeps the last answer, so it must not serve two different `Formats`.
    #[must_use]
    pub fn parse(&self, text: &[u8], clock: &mut Clock) -> Option<Stamp> {
        if let Some(known) = clock.recall(text) {
            return Some(known);
        }
        let read = |(number, items): (usize, &Vec<Item>)| {
            let fields = Fields::read(items, text)?;
            let stamp = fields.resolve(clock)?;
            let fraction = fields.fraction_of(text, &self.0[..=number]);
            clock.remember(text, fraction.unwrap_or_default(), stamp);
            Some(stamp)
        };
        self.0.iter().enumerate().find_map(read)
    }
}

fn compile(format: &str) -> Result<Vec<Item>, FormatError> {
    let mut items = Vec::new();
    push(format, format, &mut items)?;
    let has = |item| items.contains(&item);
    let day_of_month = has(Item::Day) && (has(Item::Month) || has(Item::MonthName));
    if day_of_month || has(Item::DayOfYear) || has(Item::Unix) {
        Ok(items)
    } else {
        Err(FormatError::NoDay(format.to_owned()))
    }
}

fn with_hour(format: &str, items: Vec<Item>) -> Result<Vec<Item>, FormatError> {
    let tells = |item: &Item| matches!(item, Item::Unix | Item::Hour | Item::HourOfHalf);
    if items.iter().any(tells) {
        Ok(items)
    } else {
        Err(FormatError::NoHour(format.to_owned()))
    }
}

/// Appends `part` of `format` to `items`; what a directive stands for is a part
/// of its own.
fn push(format: &str, part: &str, items: &mut Vec<Item>) -> Result<(), FormatError> {
    let mut chars = part.chars();
    while let Some(char) = chars.next() {
        if char.is_ascii_whitespace() {
            push_blanks(items);
        } else if char != '%' {
            let mut utf8 = [0; 4];
            items.extend(char.encode_utf8(&mut utf8).bytes().map(Item::Literal));
        } else {
            let directive = chars
                .next()
                .ok_or_else(|| FormatError::Unfinished(format.to_owned()))?;
            if let Some(longer) = stands_for(directive) {
                push(format, longer, items)?;
            } else if let Some(item) = item(directive) {
                items.push(item);
            } else if directive == '.' && chars.as_str().starts_with('f') {
                chars.next();
                items.push(Item::OptionalFraction);
            } else {
                return Err(FormatError::Unknown {
                    format: format.to_owned(),
                    directive: format!("%{directive}"),
                });
            }
        }
    }
    Ok(())
}

/// Blanks beside blanks are the same blanks.
fn push_blanks(items: &mut Vec<Item>) {
    if items.last() != Some(&Item::Blanks) {
        items.push(Item::Blanks);
    }
}

/// The longer format that a directive is short for.
fn stands_for(directive: char) -> Option<&'static str> {
    Some(match directive {
        'D' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'R' => "%H:%M",
        'T' => "%H:%M:%S",
        'r' => "%I:%M:%S %p",
        'n' | 't' => " ",
        _ => return None,
    })
}

fn item(directive: char) -> Option<Item> {
    Some(match directive {
        '%' => Item::Literal(b'%'),
        'Y' => Item::Year,
        'y' => Item::ShortYear,
        'b' | 'B' | 'h' => Item::MonthName,
        'm' => Item::Month,
        'd' | 'e' => Item::Day,
        'j' => Item::DayOfYear,
        'a' | 'A' => Item::Weekday,
        'H' | 'k' => Item::Hour,
        'I' | 'l' => Item::HourOfHalf,
        'p' => Item::Half,
        'M' => Item::Minute,
        'S' => Item::Second,
        'f' => Item::Fraction,
        'z' => Item::Offset,
        'Z' => Item::ZoneName,
        's' => Item::Unix,
        _ => return None,
    })
}
