//! The failures of a rule in a block of lines.

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr, memrchr};
use regex::bytes::CaptureLocations;

use crate::model::{Address, Failure, Rule};

use super::pattern::{Compiled, required_literals};
use super::repeated::{WORDS, unfold};
use super::stamp::{Clock, Formats};

/// A rule's patterns, compiled. One for each worker: clones share the
/// programs but not the scratch space, over which threads would wait for
/// one another.
#[derive(Debug, Clone)]
pub struct Matcher {
    patterns: Vec<Compiled>,
    /// The order in which they are tried: instant ones first.
    order: Vec<usize>,
    locations: Vec<CaptureLocations>,
    literals: Option<Literals>,
    formats: Formats,
    clock: Clock,
    statuses: Option<Vec<u16>>,
}

/// The literals of all patterns; none if some pattern has none, so that each
/// line has to be tried.
#[derive(Debug, Clone)]
struct Literals {
    /// Finds the next one in a block.
    next: AhoCorasick,
    /// Finds all that stand in a line, also those that overlap.
    all: AhoCorasick,
    /// Whose each one is.
    owner: Vec<usize>,
    /// Which patterns a line calls for; scratch.
    called: Vec<bool>,
}

/// What a line is to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A failure.
    Failure(Failure),
    /// A pattern matches, but where the address should be stands something
    /// else: a host name.
    HostName,
    /// A pattern matches, but its time can not be read.
    BadTime,
    /// No pattern matches, or the status is none that counts.
    Nothing,
}

/// What was met in a block beside failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that name a host where an address should be.
    pub host_names: u64,
    /// Lines whose time can not be read.
    pub bad_times: u64,
    /// Where the first of them starts.
    pub first_bad_time: Option<u64>,
}

impl Tally {
    /// Adds what was met in a later block.
    pub fn add(&mut self, later: &Tally) {
        self.host_names += later.host_names;
        self.bad_times += later.bad_times;
        self.first_bad_time = self.first_bad_time.or(later.first_bad_time);
    }
}

impl Matcher {
    /// Compiles the patterns of a rule; `clock` says which year a stamp
    /// without one has.
    ///
    /// # Errors
    /// A pattern or a time format that can not be compiled, which a checked
    /// configuration does not hold.
    pub fn new(rule: &Rule, clock: Clock) -> Result<Self, String> {
        let patterns: Vec<Compiled> = rule
            .patterns
            .iter()
            .map(Compiled::new)
            .collect::<Result<_, _>>()?;
        let mut order: Vec<usize> = (0..patterns.len()).collect();
        order.sort_by_key(|&n| !patterns[n].instant);
        Ok(Matcher {
            locations: patterns.iter().map(Compiled::locations).collect(),
            literals: Literals::new(rule),
            formats: Formats::new(&rule.time_formats).map_err(|error| error.to_string())?,
            statuses: rule.statuses.clone(),
            clock,
            order,
            patterns,
        })
    }

    /// From now on stamps without a year have the year that `clock` says.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Finds the failures in `block`, which holds whole lines and stands at
    /// `base` in its log, and appends them in their order.
    pub fn scan(&mut self, block: &[u8], base: u64, failures: &mut Vec<Failure>) -> Tally {
        let mut tally = Tally::default();
        let mut at = 0;
        while at < block.len() {
            let start = match &self.literals {
                None => at,
                Some(literals) => match literals.next.find(&block[at..]) {
                    None => break,
                    Some(hit) => memrchr(b'\n', &block[at..at + hit.start()])
                        .map_or(at, |newline| at + newline + 1),
                },
            };
            let end = memchr(b'\n', &block[start..]).map_or(block.len(), |newline| start + newline);
            let offset = base + start as u64;
            match self.line(&block[start..end], offset) {
                Verdict::Failure(failure) => failures.push(failure),
                Verdict::HostName => tally.host_names += 1,
                Verdict::BadTime => {
                    tally.bad_times += 1;
                    tally.first_bad_time.get_or_insert(offset);
                }
                Verdict::Nothing => {}
            }
            at = end + 1;
        }
        tally
    }

    /// What `line`, without its newline, is to the rule.
    pub fn line(&mut self, line: &[u8], offset: u64) -> Verdict {
        let (line, count) = unfold(line.strip_suffix(b"\r").unwrap_or(line));
        if let Some(literals) = &mut self.literals {
            literals.call(&line);
        }
        let mut verdict = Verdict::Nothing;
        for &n in &self.order {
            if self
                .literals
                .as_ref()
                .is_some_and(|literals| !literals.called[n])
            {
                continue;
            }
            let pattern = &self.patterns[n];
            let Some(parts) = pattern.find(&line, &mut self.locations[n]) else {
                continue;
            };
            let Some(address) = Address::parse(&line[parts.ip]) else {
                verdict = Verdict::HostName;
                continue;
            };
            if let Some(statuses) = &self.statuses {
                let status = parts.status.map_or_else(
                    || status_behind_request(&line),
                    |range| number(&line[range]),
                );
                if !status.is_some_and(|status| statuses.contains(&status)) {
                    continue;
                }
            }
            let Some(at) = self.formats.parse(&line[parts.time], &mut self.clock) else {
                verdict = Verdict::BadTime;
                continue;
            };
            let pattern_number = u16::try_from(n).unwrap_or(u16::MAX);
            return Verdict::Failure(Failure {
                address,
                at,
                count,
                pattern: pattern_number,
                instant: pattern.instant,
                offset,
            });
        }
        verdict
    }
}

impl Literals {
    fn new(rule: &Rule) -> Option<Self> {
        let mut texts = Vec::new();
        let mut owner = Vec::new();
        for (n, pattern) in rule.patterns.iter().enumerate() {
            for literal in required_literals(&pattern.text)? {
                texts.push(literal);
                owner.push(n);
            }
        }
        let build =
            |kind, texts: &[Vec<u8>]| AhoCorasick::builder().match_kind(kind).build(texts).ok();
        let all = build(MatchKind::Standard, &texts)?;
        // A literal may stand in a repeated line only once it is unfolded.
        texts.push(WORDS.to_vec());
        Some(Literals {
            next: build(MatchKind::LeftmostFirst, &texts)?,
            all,
            owner,
            called: vec![false; rule.patterns.len()],
        })
    }

    /// Notes which patterns have a literal in `line`.
    fn call(&mut self, line: &[u8]) {
        self.called.fill(false);
        for hit in self.all.find_overlapping_iter(line) {
            self.called[self.owner[hit.pattern().as_usize()]] = true;
        }
    }
}

/// The status of an access log: the number after the quoted request, in which
/// a quote is escaped.
fn status_behind_request(line: &[u8]) -> Option<u16> {
    let open = memchr(b'"', line)? + 1;
    let mut escaped = false;
    let length = line[open..].iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    let rest = line[open + length + 1..].strip_prefix(b" ")?;
    number(&rest[..memchr(b' ', rest).unwrap_or(rest.len())])
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
