//! One compiled pattern and where its parts stand.

use std::ops::Range;

use regex::bytes::{CaptureLocations, Regex};

use crate::model::{Pattern, Positions};

use super::literal;
use super::validate::compile;

/// A pattern that can be searched with.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    regex: Regex,
    groups: Groups,
    /// Whether its first match bans.
    pub(super) instant: bool,
}

/// Which group is which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) ip: usize,
    pub(super) time: usize,
    pub(super) status: Option<usize>,
}

/// Where the parts of a match stand in the line.
pub(super) struct Parts {
    pub(super) ip: Range<usize>,
    pub(super) time: Range<usize>,
    pub(super) status: Option<Range<usize>>,
}

/// The literals of which one stands in every match of `text`.
pub(super) fn required_literals(text: &str) -> Option<Vec<Vec<u8>>> {
    let parse = |unicode| {
        let mut parser = regex_syntax::ParserBuilder::new();
        let mut parser = parser.utf8(false).unicode(unicode).build();
        parser.parse(text).ok()
    };
    literal::required(&parse(false).or_else(|| parse(true))?)
}

/// Where `regex` has its parts: by name, else by PyFilter's positions.
pub(super) fn groups(regex: &Regex, positions: Positions) -> Option<Groups> {
    let named = |name: &str| regex.capture_names().position(|group| group == Some(name));
    let (ip, time, status) = match positions {
        Positions::TimeAddress => (2, 1, None),
        Positions::AddressTime => (1, 2, Some(4)),
    };
    let count = regex.captures_len();
    let found = match (named("ip"), named("time")) {
        (None, None) => Groups {
            ip,
            time,
            status: named("status").or(status.filter(|&group| group < count)),
        },
        (ip, time) => Groups {
            ip: ip?,
            time: time?,
            status: named("status"),
        },
    };
    (found.ip < count && found.time < count).then_some(found)
}

impl Compiled {
    /// Compiles a checked pattern; the message is for a pattern that was not.
    pub(super) fn new(pattern: &Pattern) -> Result<Self, String> {
        let regex = compile(&pattern.text)?;
        let groups = groups(&regex, pattern.positions)
            .ok_or("the pattern has no groups for address and time")?;
        Ok(Compiled {
            regex,
            groups,
            instant: pattern.instant,
        })
    }

    pub(super) fn locations(&self) -> CaptureLocations {
        self.regex.capture_locations()
    }

    /// Where the parts stand if the pattern matches `line`.
    pub(super) fn find(&self, line: &[u8], locations: &mut CaptureLocations) -> Option<Parts> {
        self.regex.captures_read(locations, line)?;
        let range = |group| locations.get(group).map(|(start, end)| start..end);
        Some(Parts {
            ip: range(self.groups.ip)?,
            time: range(self.groups.time)?,
            status: self.groups.status.and_then(range),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, positions: Positions) -> Option<Groups> {
        groups(&compile(text).unwrap(), positions)
    }

    #[test]
    fn parts_are_found_by_name_or_by_position() {
        let by_time = Some(Groups {
            ip: 2,
            time: 1,
            status: None,
        });
        assert_eq!(found("(a)(b)", Positions::TimeAddress), by_time);
        assert_eq!(
            found("(a)(b)(c)", Positions::AddressTime),
            Some(Groups {
                ip: 1,
                time: 2,
                status: None
            })
        );
        assert_eq!(
            found("(a)(b)(c)(d)", Positions::AddressTime),
            Some(Groups {
                ip: 1,
                time: 2,
                status: Some(4)
            })
        );
        let named = "(a)(?P<ip>b)(?P<status>c)(?P<time>d)";
        assert_eq!(
            found(named, Positions::TimeAddress),
            Some(Groups {
                ip: 2,
                time: 4,
                status: Some(3)
            })
        );
        assert_eq!(found("(a)", Positions::TimeAddress), None);
        assert_eq!(found("(?P<ip>a)(b)", Positions::TimeAddress), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_matched() {
        assert!(compile(r"caf. x").unwrap().is_match(b"caf\xe9 x"));
        assert!(compile(r"\p{Greek}").unwrap().is_match("α".as_bytes()));
    }
}
