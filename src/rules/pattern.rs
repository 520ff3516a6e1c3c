//! One pattern, read: its expression, and which of its groups are its parts.

use std::sync::OnceLock;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use crate::model::{Pattern, Positions, Urls};

use super::requests::Requests;
use super::sshd_connection::ConnectionMessage;
use super::{library, literal};

/// A pattern of a rule. A built-in one is parsed only when it is compiled, since its
/// literals are known.
#[derive(Debug)]
pub(super) struct RulePattern {
    /// Which of the rule's patterns it is, from 0.
    pub(super) number: usize,
    /// Whether its first match bans.
    pub(super) instant: bool,
    /// Which requests it takes, if its text does not say so.
    pub(super) requests: Option<Requests>,
    /// The text before which stands how many failures a match is; none if it is one.
    pub(super) number_before: Option<&'static str>,
    /// What a match says of its connection; none if each match counts.
    pub(super) connection: Option<ConnectionMessage>,
    pattern: Pattern,
    /// Of a built-in pattern, whatever rule has it.
    known_literals: Option<&'static [&'static str]>,
    parsed: OnceLock<Result<Parsed, String>>,
}

/// What a pattern says.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) hir: Hir,
    pub(super) groups: Groups,
}

/// Address, time, status and user.
pub(super) const PARTS: usize = 4;

/// Which group is which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) ip: usize,
    pub(super) time: usize,
    pub(super) status: Option<usize>,
    pub(super) user: Option<usize>,
}

impl Groups {
    /// Each of them, in this order.
    pub(super) fn all(self) -> [Option<usize>; PARTS] {
        [Some(self.ip), Some(self.time), self.status, self.user]
    }
}

/// Reads an expression as all patterns are read: over bytes, with `\d` and `\w`
/// ASCII. Only one that can not be read so (a class with letters beyond ASCII) is
/// Unicode. `read` gets whether it is.
pub(super) fn ascii_or_unicode<T, E>(read: impl Fn(bool) -> Result<T, E>) -> Result<T, E> {
    read(false).or_else(|_| read(true))
}

/// The expression of a pattern.
///
/// # Errors
/// What the expression holds that can not be.
pub(super) fn parse(text: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    ascii_or_unicode(|unicode| {
        let mut parser = ParserBuilder::new();
        let mut parser = parser.utf8(false).unicode(unicode).build();
        parser.parse(text).map_err(Box::new)
    })
}

/// The names of all groups in their order; the first is the whole match.
pub(super) fn names(hir: &Hir) -> Vec<Option<&str>> {
    fn collect<'h>(hir: &'h Hir, names: &mut Vec<Option<&'h str>>) {
        match hir.kind() {
            HirKind::Capture(capture) => {
                names.push(capture.name.as_deref());
                collect(&capture.sub, names);
            }
            HirKind::Repetition(repetition) => collect(&repetition.sub, names),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                for part in parts {
                    collect(part, names);
                }
            }
            _ => {}
        }
    }
    let mut names = vec![None];
    collect(hir, &mut names);
    names
}

/// Which groups are the parts: by name, else by PyFilter's positions.
pub(super) fn groups(names: &[Option<&str>], positions: Positions) -> Option<Groups> {
    let place = |name| names.iter().position(|group| *group == Some(name));
    let (ip, time, status) = match positions {
        Positions::TimeAddress => (2, 1, None),
        Positions::AddressTime => (1, 2, Some(4)),
    };
    let count = names.len();
    let mut found = match (place("ip"), place("time")) {
        (None, None) => Groups {
            ip,
            time,
            status: place("status").or(status.filter(|&group| group < count)),
            user: place("user"),
        },
        (ip, time) => Groups {
            ip: ip?,
            time: time?,
            status: place("status"),
            user: place("user"),
        },
    };
    // A group is one part: where the position makes it another, it is that one.
    let others = [Some(found.ip), Some(found.time), found.status];
    found.user = found.user.filter(|_| !others.contains(&found.user));
    (found.ip < count && found.time < count).then_some(found)
}

impl RulePattern {
    /// Reads the checked pattern that has this number in its rule; the message
    /// is for a pattern that was not.
    pub(super) fn new(number: usize, pattern: &Pattern) -> Result<Self, String> {
        let known = library::pattern(&pattern.text);
        let read = RulePattern {
            number,
            instant: pattern.instant,
            requests: match &pattern.urls {
                Urls::Read(pages) => Some(Requests::new(pages)),
                Urls::Unused | Urls::Filled(_) => None,
            },
            number_before: known
                .filter(|_| pattern.built_in)
                .and_then(|known| known.number_before),
            connection: known
                .filter(|_| pattern.built_in)
                .and_then(|known| known.connection),
            pattern: pattern.clone(),
            known_literals: known.map(|known| known.literals),
            parsed: OnceLock::new(),
        };
        if known.is_none() {
            read.parsed()?;
        }
        Ok(read)
    }

    /// What it says.
    ///
    /// # Errors
    /// Why it can not be used, which `new` has said before.
    pub(super) fn parsed(&self) -> Result<&Parsed, String> {
        let parsed = self.parsed.get_or_init(|| {
            let hir = parse(&self.pattern.text).map_err(|error| error.to_string())?;
            let groups = groups(&names(&hir), self.pattern.positions)
                .ok_or("the pattern has no groups for address and time")?;
            Ok(Parsed { hir, groups })
        });
        parsed.as_ref().map_err(Clone::clone)
    }

    /// The literals of which one stands in every match. Where the pattern has
    /// `requests` the request begins behind the quote in them.
    pub(super) fn literals(&self) -> Option<Vec<Vec<u8>>> {
        if let Some(known) = self.known_literals {
            return Some(known.iter().map(|text| text.as_bytes().to_vec()).collect());
        }
        literal::required(&self.parsed().ok()?.hir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, positions: Positions) -> Option<Groups> {
        groups(&names(&parse(text).unwrap()), positions)
    }

    #[test]
    fn parts_are_found_by_name_or_by_position() {
        let by_time = Some(Groups {
            ip: 2,
            time: 1,
            status: None,
            user: None,
        });
        assert_eq!(found("(a)(b)", Positions::TimeAddress), by_time);
        assert_eq!(
            found("(a)(b)(c)", Positions::AddressTime),
            Some(Groups {
                ip: 1,
                time: 2,
                status: None,
                user: None
            })
        );
        assert_eq!(
            found("(a)(b)(c)(d)", Positions::AddressTime),
            Some(Groups {
                ip: 1,
                time: 2,
                status: Some(4),
                user: None
            })
        );
        let named = "(a)(?P<ip>b)(?P<status>c)(?P<time>d)(?P<user>e)(?P<other>f)";
        assert_eq!(
            found(named, Positions::TimeAddress),
            Some(Groups {
                ip: 2,
                time: 4,
                status: Some(3),
                user: Some(5)
            })
        );
        assert_eq!(found("(a)", Positions::TimeAddress), None);
        assert_eq!(found("(?P<ip>a)(b)", Positions::TimeAddress), None);
    }

    #[test]
    fn groups_are_numbered_as_they_open() {
        let hir = parse("(?P<a>x(?P<b>y)|(z)*)(?P<c>w)").unwrap();
        assert_eq!(names(&hir), [None, Some("a"), Some("b"), None, Some("c")]);
    }
}
