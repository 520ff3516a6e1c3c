//! Lines that are no failures and may have to be: hidden by text that a client chose, or
//! without an address.

use crate::model::{Escaped, Rule, plural};
use crate::report::CheckFindings;
use crate::rules::{Clock, IgnoredLines, Matcher, Users, Verdict, builtin_of};

use super::log_tail::LogTail;

/// Says what of the last lines is not seen.
pub(super) fn look(now: i64, rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    for LogTail {
        name: log, lines, ..
    } in tails
    {
        hidden(now, rule, log, lines, findings);
        without_address(now, rule, log, lines, findings);
    }
}

/// Says that `ignore_patterns` match a failure by the name that a client gave.
fn hidden(now: i64, rule: &Rule, log: &str, lines: &[u8], findings: &mut CheckFindings) {
    let own = own_patterns(rule);
    if own.is_empty() {
        return;
    }
    let mut ignored = IgnoredLines::new(&own);
    let all = Rule {
        ignored: Vec::new(),
        ..rule.clone()
    };
    let Ok(mut matcher) = Matcher::with_users(&all, Clock::new(now)) else {
        return;
    };
    let mut users = Users::default();
    let by_client = lines.split(|&byte| byte == b'\n').find(|line| {
        if !ignored.have(line) || !matches!(matcher.line(line, 0), Verdict::Failure(_)) {
            return false;
        }
        matcher.exchange_users(&mut users);
        let user = users.get(0).filter(|user| !user.is_empty());
        user.is_some_and(|user| !ignored.have(&without(line, user)))
    });
    if let Some(line) = by_client {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        findings.warn(format!(
            "rule {}: ignore_patterns hide this failure in {log} by the name that the client gave, so that any attacker can hide behind such a name: `{}`; write the pattern so that it matches what the service alone writes",
            Escaped::text(&rule.name),
            Escaped::bytes(line)
        ));
    }
}

/// What the section adds to the lines that the built-in rule ignores.
fn own_patterns(rule: &Rule) -> Vec<String> {
    let built_in = builtin_of(rule).map_or(&[][..], |builtin| builtin.ignored);
    let own = rule.ignored.iter();
    let own = own.filter(|text| !built_in.contains(&text.as_str()));
    own.cloned().collect()
}

/// The line with `x` wherever `name` stands.
fn without(line: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memmem::find(rest, name) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'x');
        rest = &rest[at + name.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Says that a service writes failures without an address.
fn without_address(now: i64, rule: &Rule, log: &str, lines: &[u8], findings: &mut CheckFindings) {
    let known = builtin_of(rule).and_then(|builtin| builtin.without_address);
    let Some((text, remedy)) = known else {
        return;
    };
    let Ok(mut matcher) = Matcher::new(rule, Clock::new(now)) else {
        return;
    };
    let is_blind = |line: &&[u8]| {
        memchr::memmem::find(line, text.as_bytes()).is_some()
            && matcher.line(line, 0) == Verdict::Nothing
    };
    let lines = lines.split(|&byte| byte == b'\n');
    let count = lines.filter(is_blind).count();
    if count > 0 {
        findings.warn(format!(
            "rule {}: {}: {remedy}",
            Escaped::text(&rule.name),
            plural(
                count,
                &format!("of the last lines of {log} is a failure without an address"),
                &format!("of the last lines of {log} are failures without an address")
            )
        ));
    }
}
