//! A line, read by the program and by its patterns one after the other with
//! the crate `regex` alone.

use std::net::IpAddr;
use std::path::Path;

use pyfilter::config::Config;
use pyfilter::model::{Address, Escaped, Positions, Rule};
use pyfilter::rules::{Clock, Formats, Matcher, Users, Verdict, builtin};
use regex::bytes::{Captures, Regex, RegexBuilder};

/// 2026-11-22T12:00:00Z.
const ANCHOR: i64 = 1_795_348_800;

/// A clock in UTC that has seen no stamp.
pub fn clock() -> Clock {
    Clock::in_zone(ANCHOR, |_| 0)
}

/// The shipped rule of that name, as it is without a configuration.
pub fn shipped(name: &str) -> Rule {
    let rule = Config::defaults(Path::new("/")).rule_named(name);
    rule.expect("a shipped rule")
}

/// A pattern as the manual says that it is read.
fn compile(text: &str) -> Regex {
    let build = |unicode| RegexBuilder::new(text).unicode(unicode).build();
    let regex = build(false).or_else(|_| build(true));
    regex.expect("a checked pattern")
}

/// A rule, read without any of the program's ways to be fast.
pub struct Plain {
    rule: Rule,
    /// In the order in which they are tried, each with its number.
    patterns: Vec<(usize, Regex)>,
    formats: Formats,
}

/// What a pattern says of a line.
struct Said<'l> {
    ip: &'l [u8],
    time: &'l [u8],
    status: Option<&'l [u8]>,
}

impl Plain {
    pub fn new(rule: &Rule) -> Self {
        let patterns = rule.patterns.iter().enumerate();
        let mut patterns: Vec<_> = patterns
            .map(|(number, pattern)| (number, compile(&pattern.text)))
            .collect();
        patterns.sort_by_key(|(number, _)| !rule.patterns[*number].instant);
        Plain {
            rule: rule.clone(),
            patterns,
            formats: Formats::new(&rule.time_formats).expect("checked formats"),
        }
    }

    fn said<'l>(&self, number: usize, captures: &Captures<'l>) -> Option<Said<'l>> {
        let group = |n: usize| captures.get(n).map(|group| group.as_bytes());
        let named = |name| captures.name(name).map(|group| group.as_bytes());
        let (ip, time, status) = match self.rule.patterns[number].positions {
            Positions::TimeAddress => (2, 1, None),
            Positions::AddressTime => (1, 2, Some(4)),
        };
        if let (Some(ip), Some(time)) = (named("ip"), named("time")) {
            let status = named("status");
            return Some(Said { ip, time, status });
        }
        Some(Said {
            ip: group(ip)?,
            time: group(time)?,
            status: named("status").or_else(|| status.and_then(group)),
        })
    }

    /// The first match whose status counts, whose address is one and whose time
    /// can be read: which pattern, who, and when. Not for a repeated line.
    pub fn failure(&self, line: &[u8]) -> Option<(usize, Address, pyfilter::model::Stamp)> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.patterns.iter().find_map(|(number, regex)| {
            let said = self.said(*number, &regex.captures(line)?)?;
            let address = Address::parse(said.ip)?;
            if let Some(statuses) = &self.rule.statuses {
                let status = std::str::from_utf8(said.status?).ok()?;
                if !statuses.contains(&status.parse().ok()?) {
                    return None;
                }
            }
            let at = self.formats.parse(said.time, &mut clock())?;
            Some((*number, address, at))
        })
    }

    /// Whether a line of this pattern says how many failures it is.
    fn reads_a_number(&self, number: usize) -> bool {
        let patterns = builtin(&self.rule.name).map(|rule| rule.patterns);
        patterns.is_some_and(|patterns| patterns[number].number_before.is_some())
    }

    /// Whether some pattern finds this address in the line.
    pub fn names(&self, line: &[u8], address: Address) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.patterns.iter().any(|(number, regex)| {
            let captures = regex.captures(line);
            let said = captures.and_then(|captures| self.said(*number, &captures));
            said.is_some_and(|said| Address::parse(said.ip) == Some(address))
        })
    }
}

/// Whether the address stands in the line, however it is spelled.
pub fn stands_in(line: &[u8], address: Address) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    line.split(|&byte| !is_part(byte)).any(|word| {
        (0..word.len()).any(|from| {
            (from + 2..=word.len().min(from + 45)).rev().any(|to| {
                let text = std::str::from_utf8(&word[from..to]).unwrap_or_default();
                text.parse::<IpAddr>()
                    .is_ok_and(|ip| ip.to_canonical() == address.ip())
            })
        })
    })
}

/// Whether a text may be printed: nothing in it does anything to a terminal.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_repeated(line: &[u8]) -> bool {
    let words = b"message repeated ";
    line.windows(words.len()).any(|part| part == words)
}

/// Three times: how lines begin is learned, also with other digits.
fn thrice(block: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<Vec<u8>> = block.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    let other = |byte: &u8| match byte {
        b'0'..=b'8' => byte + 1,
        b'9' => b'0',
        other => *other,
    };
    let others = lines.iter().map(|line| line.iter().map(other).collect());
    lines
        .iter()
        .cloned()
        .chain(others)
        .chain(lines.iter().cloned())
        .collect()
}

/// What is to be the same however the lines of a block are read. `exactly`: a
/// line is a failure if and only if a pattern says so; else the rule looks
/// further than its patterns, and is a failure only if one does.
pub fn check(rule: &Plain, matcher: &Matcher, block: &[u8], exactly: bool) {
    let lines = thrice(block);
    let (mut one_by_one, mut offset) = (Vec::new(), 0);
    let mut warm = matcher.clone();
    for line in &lines {
        let shown = line.escape_ascii();
        let verdict = warm.line(line, offset);
        if let Verdict::Failure(failure) = &verdict {
            assert!(stands_in(line, failure.address), "{shown}: {failure:?}");
            assert!(is_printable(&failure.address.to_string()));
            assert!(is_printable(&Escaped::bytes(line).to_string()));
            assert!(failure.count > 0);
            one_by_one.push(failure.clone());
        }
        if !is_repeated(line) {
            let found = match &verdict {
                Verdict::Failure(found) => {
                    let number = usize::from(found.pattern);
                    assert!(found.count == 1 || rule.reads_a_number(number), "{shown}");
                    Some((number, found.address, found.at))
                }
                _ => None,
            };
            if exactly {
                assert_eq!(found, rule.failure(line), "{shown}");
            } else if let Some((_, address, _)) = found {
                assert!(rule.names(line, address), "{shown}");
            }
        }
        offset += line.len() as u64 + 1;
    }
    let block = lines.join(&b'\n');
    let mut at_once = Vec::new();
    matcher.clone().scan(&block, 0, |failure, line| {
        let from = usize::try_from(failure.offset).expect("within the block");
        assert!(block[from..].starts_with(line));
        at_once.push(failure);
    });
    assert_eq!(at_once, one_by_one);
}

/// A rule as the targets read it: plainly, and by the program, without the users
/// that its lines name and with them.
pub struct Read {
    pub plain: Plain,
    pub matcher: Matcher,
    wanting: Matcher,
}

impl Read {
    /// The shipped rule of that name.
    pub fn shipped(name: &str) -> Self {
        let rule = shipped(name);
        Read {
            plain: Plain::new(&rule),
            matcher: Matcher::new(&rule, clock()).expect("a shipped rule"),
            wanting: Matcher::with_users(&rule, clock()).expect("a shipped rule"),
        }
    }

    /// No text of a client makes a line of a service name another address than
    /// his. Says whether the line is a failure.
    pub fn check_hostile(&self, line: &[u8], own: Address) -> bool {
        let mut users = Users::default();
        let mut wanting = self.wanting.clone();
        wanting.scan(line, 0, |_, _| {});
        wanting.exchange_users(&mut users);
        if let Some(user) = users.get(0) {
            assert!(is_printable(&Escaped::bytes(user).to_string()));
        }
        match self.matcher.clone().line(line, 0) {
            Verdict::Failure(failure) => {
                assert_eq!(failure.address, own, "{}", line.escape_ascii());
                true
            }
            _ => false,
        }
    }

    /// What a client may put into a line of an access log names nobody: servers escape
    /// quotes and control characters.
    pub fn check_hostile_request(&self, data: &[u8]) {
        let own = Address::parse(b"203.0.113.7").expect("an address");
        let text: Vec<u8> = data
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_control() && *b != b'"')
            .collect();
        let head = b"203.0.113.7 - ";
        for (before, behind) in [
            (
                &b"- [22/Nov/2026:07:30:08 +0000] \"POST "[..],
                &b" HTTP/1.1\" 401 12 \"-\" \"-\""[..],
            ),
            (
                b"- [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 401 12 \"",
                b"\" \"-\"",
            ),
            (
                b"",
                b" [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 401 12 \"-\" \"-\"",
            ),
        ] {
            let line = |text: &[u8]| [head, before, text, behind].concat();
            self.check_hostile(&line(&text), own);
        }
    }
}
