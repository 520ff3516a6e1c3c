//! The failures of a rule in a block of lines.

use std::borrow::Cow;

use memchr::{memchr, memmem, memrchr};

use crate::model::{Address, Failure, Rule, Stamp};

use super::ignored::IgnoredLines;
use super::patterns::{PatternSet, Patterns};
use super::prefilter::{CandidateFlags, Needs, Prefilter};
use super::program::Parts;
use super::repeated::unfold;
use super::sshd_connection::login_line;
use super::stamp::{Clock, Formats};
use super::users::Users;

/// How many failures one line is at most. A connection that fails more often is banned
/// all the same.
const MOST_AT_ONCE: u32 = 1000;

/// The patterns of a rule. Each worker has a clone: clones share what is compiled, but
/// not the memory that is written to.
#[derive(Debug, Clone)]
pub struct Matcher {
    patterns: Patterns,
    /// None if some pattern has no literal, so that each line has to be tried.
    prefilter: Option<Prefilter>,
    formats: Formats,
    clock: Clock,
    statuses: Option<Vec<u16>>,
    ignored: IgnoredLines,
    /// The user names of the failures, if they are wanted.
    users: Option<Users>,
}

/// A line that may be a failure.
struct Candidate<'b> {
    /// As it stands in the log.
    whole: &'b [u8],
    /// What the patterns are tried on: without its end; of a repeated line the line
    /// that was repeated.
    line: Cow<'b, [u8]>,
    count: u32,
    called: PatternSet,
    offset: u64,
}

/// What a line is to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A failure.
    Failure(Failure),
    /// A pattern matches, but a host name stands in place of the address.
    HostName,
    /// A pattern matches, but its time can not be read.
    BadTime,
    /// No pattern matches, the status does not count, or the line is ignored.
    Nothing,
}

/// What else was found in a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchTotals {
    /// Lines that name a host where an address should be.
    pub host_names: u64,
    /// Lines whose time can not be read.
    pub bad_times: u64,
    /// Where the first of them starts.
    pub first_bad_time: Option<u64>,
}

impl MatchTotals {
    /// Adds what was found in a later block.
    pub fn add(&mut self, later: &MatchTotals) {
        self.host_names += later.host_names;
        self.bad_times += later.bad_times;
        self.first_bad_time = self.first_bad_time.or(later.first_bad_time);
    }
}

impl Matcher {
    /// Reads the patterns of a rule; each is compiled when a line first calls
    /// for it. `clock` says which year a stamp without one has.
    ///
    /// # Errors
    /// A pattern or a time format that can not be compiled, which a checked
    /// configuration does not hold.
    pub fn new(rule: &Rule, clock: Clock) -> Result<Self, String> {
        Self::of(rule, clock, None)
    }

    /// The same; it also keeps the user names of the failures, from the group `user`.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn with_users(rule: &Rule, clock: Clock) -> Result<Self, String> {
        Self::of(rule, clock, Some(Users::default()))
    }

    fn of(rule: &Rule, clock: Clock, users: Option<Users>) -> Result<Self, String> {
        let patterns = Patterns::new(rule, users.is_some())?;
        let needs: Option<Vec<Needs<'_>>> = (patterns.all().iter())
            .map(|pattern| {
                Some(Needs {
                    literals: pattern.literals()?,
                    requests: pattern.requests.as_ref(),
                })
            })
            .collect();
        Ok(Matcher {
            prefilter: needs.and_then(Prefilter::new),
            formats: Formats::new(&rule.time_formats).map_err(|error| error.to_string())?,
            statuses: rule.statuses.clone(),
            ignored: IgnoredLines::new(&rule.ignored),
            clock,
            patterns,
            users,
        })
    }

    /// From now on stamps without a year have the year that `clock` says.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Exchanges the user names of the failures that were found since the last call for
    /// an empty value, `users`, so that its memory is used again.
    pub fn exchange_users(&mut self, users: &mut Users) {
        if let Some(own) = &mut self.users {
            std::mem::swap(own, users);
            own.clear();
        }
    }

    /// Whether user names are kept.
    #[must_use]
    pub fn keeps_users(&self) -> bool {
        self.users.is_some()
    }

    /// Finds the failures in `block`, which holds whole lines and begins at the byte
    /// `base` of its log. Calls `sink` with each failure, in their order, and its line
    /// without the newline.
    pub fn scan(
        &mut self,
        block: &[u8],
        base: u64,
        mut sink: impl FnMut(Failure, &[u8]),
    ) -> MatchTotals {
        let mut tally = MatchTotals::default();
        let mut note = |verdict, candidate: &Candidate<'_>| match verdict {
            Verdict::Failure(failure) => sink(failure, candidate.whole),
            Verdict::HostName => tally.host_names += 1,
            Verdict::BadTime => {
                tally.bad_times += 1;
                tally.first_bad_time.get_or_insert(candidate.offset);
            }
            Verdict::Nothing => {}
        };
        let find = |prefilter: &Prefilter| prefilter.find(block, 0);
        let mut hit = self.prefilter.as_ref().and_then(find);
        let mut at = 0;
        while at < block.len() && (hit.is_some() || self.prefilter.is_none()) {
            let from = hit.map_or(at, |hit| hit.start);
            let start = memrchr(b'\n', &block[at..from]).map_or(at, |newline| at + newline + 1);
            let end = memchr(b'\n', &block[from..]).map_or(block.len(), |newline| from + newline);
            let mut calls = CandidateFlags::ALL;
            if let (Some(prefilter), Some(first)) = (&self.prefilter, hit) {
                (calls, hit) = prefilter.calls(block, first, end);
            }
            at = end + 1;
            let candidate = self.candidate(&block[start..end], base + start as u64, calls);
            let found = self.patterns.first(candidate.called, &candidate.line);
            note(self.verdict(&candidate, found), &candidate);
        }
        tally
    }

    /// What `line`, without its newline, is to the rule.
    pub fn line(&mut self, line: &[u8], offset: u64) -> Verdict {
        let candidate = self.candidate(line, offset, self.calls(line));
        let found = self.patterns.first(candidate.called, &candidate.line);
        self.verdict(&candidate, found)
    }

    fn calls(&self, line: &[u8]) -> CandidateFlags {
        self.prefilter
            .as_ref()
            .map_or(CandidateFlags::ALL, |prefilter| prefilter.line(line))
    }

    fn candidate<'b>(&self, whole: &'b [u8], offset: u64, calls: CandidateFlags) -> Candidate<'b> {
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        let (line, count) = if calls.repeated {
            unfold(line)
        } else {
            (Cow::Borrowed(line), 1)
        };
        let called = match &line {
            Cow::Borrowed(_) => calls.patterns,
            Cow::Owned(unfolded) => self.calls(unfolded).patterns,
        };
        Candidate {
            whole,
            line,
            count,
            called,
            offset,
        }
    }

    /// What a candidate is, given its first match.
    fn verdict(&mut self, candidate: &Candidate<'_>, mut found: Option<(usize, Parts)>) -> Verdict {
        let Candidate {
            line,
            count,
            called,
            offset,
            ..
        } = candidate;
        let mut verdict = Verdict::Nothing;
        while let Some((place, parts)) = found {
            match self.who_and_when(line, place, &parts) {
                Ok(_) if self.ignored.have(line) => return Verdict::Nothing,
                Ok((address, at)) => {
                    if let Some(users) = &mut self.users {
                        users.push(parts.user().map(|user| &line[user]));
                    }
                    let pattern = &self.patterns.all()[place];
                    let time_end = parts.time().map_or(0, |time| time.end);
                    let login = pattern
                        .connection
                        .map(|message| login_line(message, line, time_end, address));
                    return Verdict::Failure(Failure {
                        address,
                        at,
                        count: count.saturating_mul(times(pattern.number_before, line)),
                        login,
                        pattern: u16::try_from(pattern.number).unwrap_or(u16::MAX),
                        instant: pattern.instant,
                        offset: *offset,
                    });
                }
                Err(Verdict::Nothing) => {}
                Err(refused) => verdict = refused,
            }
            found = self.patterns.from(place + 1, *called, line);
        }
        if verdict != Verdict::Nothing && self.ignored.have(line) {
            return Verdict::Nothing;
        }
        verdict
    }

    /// The failure that a match of the pattern in that place is, or why it is none.
    fn who_and_when(
        &mut self,
        line: &[u8],
        place: usize,
        parts: &Parts,
    ) -> Result<(Address, Stamp), Verdict> {
        let (Some(ip), Some(time)) = (parts.ip(), parts.time()) else {
            return Err(Verdict::Nothing);
        };
        let requests = self.patterns.all()[place].requests.as_ref();
        let statuses = self.statuses.as_deref();
        // If any status counts, the status is not needed.
        let status = || match parts.status() {
            Some(status) => number(&line[status]),
            None => status_behind_request(line),
        };
        let failed = match requests {
            Some(requests) => parts
                .request()
                .and_then(|request| requests.failed(&line[request], status(), statuses))
                .ok_or(Verdict::Nothing)?,
            None => statuses
                .is_none_or(|statuses| status().is_some_and(|status| statuses.contains(&status))),
        };
        let address = Address::parse(&line[ip]).ok_or(Verdict::HostName)?;
        if !failed {
            return Err(Verdict::Nothing);
        }
        let at = self.formats.parse(&line[time], &mut self.clock);
        Ok((address, at.ok_or(Verdict::BadTime)?))
    }
}

/// How many failures a line is by the number before `text`; one if it does not say.
pub(super) fn times(text: Option<&str>, line: &[u8]) -> u32 {
    let Some(text) = text else {
        return 1;
    };
    let before = memmem::find(line, text.as_bytes());
    let before = before.map_or(&[][..], |at| &line[..at]);
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let digits = before.split_at(before.len() - digits.count()).1;
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok());
    number.unwrap_or(1).clamp(1, MOST_AT_ONCE)
}

/// The status of an access log: the number after the quoted request, in which
/// a quote is escaped.
pub(super) fn status_behind_request(line: &[u8]) -> Option<u16> {
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
