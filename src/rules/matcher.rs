//! What a line is to a rule.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::{memchr, memmem};

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
    prefilter: Option<Arc<Prefilter>>,
    formats: Formats,
    clock: Clock,
    statuses: Option<Vec<u16>>,
    ignored: IgnoredLines,
    /// The user names of the failures, if they are wanted.
    users: Option<Users>,
}

/// What the patterns are tried on.
struct Candidate<'b> {
    /// Without its end; of a repeated line the line that was repeated.
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
            prefilter: needs.and_then(Prefilter::new).map(Arc::new),
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

    /// What `line`, without its newline, is to the rule.
    pub fn line(&mut self, line: &[u8], offset: u64) -> Verdict {
        self.candidate_line(line, offset, self.flags(line))
    }

    /// The same of a line of which the search for literals has said what it is a
    /// candidate for.
    pub(super) fn candidate_line(
        &mut self,
        line: &[u8],
        offset: u64,
        flags: CandidateFlags,
    ) -> Verdict {
        let candidate = self.candidate(line, offset, flags);
        let found = self.patterns.first(candidate.called, &candidate.line);
        self.verdict(&candidate, found)
    }

    #[cfg(test)]
    pub(super) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// None if each line has to be tried.
    pub(super) fn prefilter(&self) -> Option<&Arc<Prefilter>> {
        self.prefilter.as_ref()
    }

    fn flags(&self, line: &[u8]) -> CandidateFlags {
        self.prefilter
            .as_ref()
            .map_or(CandidateFlags::ALL, |prefilter| prefilter.line(line))
    }

    fn candidate<'b>(&self, whole: &'b [u8], offset: u64, flags: CandidateFlags) -> Candidate<'b> {
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        let (line, count) = if flags.repeated {
            unfold(line)
        } else {
            (Cow::Borrowed(line), 1)
        };
        let called = match &line {
            Cow::Borrowed(_) => flags.patterns,
            Cow::Owned(unfolded) => self.flags(unfolded).patterns,
        };
        Candidate {
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
