//! Walks `fixtures/rules/NAME.log`: above each sample line stands what is
//! expected of it, `#= PATTERN IP TIME  why` or `#= no  why`. Also counts the
//! failures in logs of real services whose story is known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::model::Address;
use crate::rules::requests::Requests;
use crate::rules::{BuiltinPattern, BuiltinRule, Clock, Formats, builtin, names};

/// A built-in rule, as plainly as it can be used.
pub(super) struct Plain {
    rule: &'static BuiltinRule,
    patterns: Vec<Regex>,
    ignored: RegexSet,
    requests: Requests,
    formats: Formats,
}

/// Which pattern matches, who it is, and when.
pub(super) type SampleMatch = (usize, String, String);

impl Plain {
    pub(super) fn new(name: &str) -> Self {
        let rule = builtin(name).unwrap();
        let compile = |pattern: &BuiltinPattern| {
            let mut builder = RegexBuilder::new(pattern.text);
            builder.unicode(false).build().unwrap()
        };
        Plain {
            rule,
            patterns: rule.patterns.iter().map(compile).collect(),
            ignored: RegexSetBuilder::new(rule.ignored)
                .unicode(false)
                .build()
                .unwrap(),
            requests: Requests::new(rule.pages()),
            formats: Formats::new(rule.time_formats).unwrap(),
        }
    }

    pub(super) fn find(&self, line: &[u8], clock: &mut Clock) -> Option<SampleMatch> {
        if self.ignored.is_match(line) {
            return None;
        }
        self.patterns.iter().enumerate().find_map(|(index, regex)| {
            let parts = regex.captures(line)?;
            let address = Address::parse(&parts["ip"])?;
            let status = || std::str::from_utf8(&parts["status"]).unwrap();
            let counts = match (self.rule.pages(), self.rule.codes) {
                ([_, ..], _) => {
                    let status = status().parse().ok();
                    self.requests.failed(&parts["request"], status, None)?
                }
                ([], Some(statuses)) => statuses.contains(&status().parse().unwrap()),
                ([], None) => true,
            };
            if !counts {
                return None;
            }
            let at = self.formats.parse(&parts["time"], clock)?;
            Some((index, address.to_string(), at.to_rfc3339()))
        })
    }
}

fn fixture(path: &str) -> (PathBuf, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, bytes)
}

pub(super) fn clock(anchor: &str) -> Clock {
    let anchor = DateTime::parse_from_rfc3339(anchor).unwrap().timestamp();
    Clock::in_zone(anchor, |_| 0)
}

/// The faults of a file of samples, a paragraph each.
fn walk(name: &str) -> String {
    let (path, bytes) = fixture(&format!("rules/{name}.log"));
    let rule = Plain::new(name);
    let mut clock = clock("2026-11-22T12:00:00Z");
    let mut reached = vec![false; rule.patterns.len()];
    let mut expected: Option<String> = None;
    let mut faults = String::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let mut fault = |what: &str| {
            let line = line.escape_ascii();
            let _ = writeln!(faults, "{}:{number}: {what}\n  {line}\n", path.display());
        };
        if let Some(comment) = line.strip_prefix(b"#= ") {
            let words = String::from_utf8_lossy(comment);
            let (words, why) = words.split_once("  ").unwrap_or((&words, ""));
            if why.trim().is_empty() {
                fault("says not why");
            }
            expected = Some(words.to_owned());
        } else if !line.is_empty() && !line.starts_with(b"# ") {
            let Some(expected) = expected.take() else {
                fault("has no expectation above it");
                continue;
            };
            let found = rule.find(line, &mut clock);
            if let Some((index, ..)) = found {
                reached[index] = true;
            }
            let found = found.map_or("no".to_owned(), |(index, ip, at)| {
                format!("{index} {ip} {at}")
            });
            if found != expected {
                fault(&format!("expected `{expected}`, found `{found}`"));
            }
        }
    }
    for (index, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
        let pattern = rule.rule.patterns[index].text;
        let _ = writeln!(
            faults,
            "{}: no sample for pattern {index}:\n  {pattern}\n",
            path.display()
        );
    }
    faults
}

#[test]
fn every_sample_is_read_as_it_says_and_every_pattern_has_one() {
    let faults: String = names().into_iter().map(walk).collect();
    assert!(faults.is_empty(), "\n{faults}");
}

/// The failures of a log, in its order.
fn failures(rule: &str, log: &str) -> Vec<SampleMatch> {
    let rule = Plain::new(rule);
    let mut clock = clock("2026-11-22T08:00:00Z");
    fixture(&format!("{log}.log"))
        .1
        .split(|&byte| byte == b'\n')
        .filter_map(|line| rule.find(line, &mut clock))
        .collect()
}

/// How many failures each address has in a log.
fn counts(rule: &str, log: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, address, _) in failures(rule, log) {
        *counts.entry(address).or_default() += 1;
    }
    counts
}

fn expected<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(ip, count)| (ip.to_owned(), count)).into()
}

#[test]
fn the_attack_on_bookworm_is_counted_and_nobody_who_was_only_named() {
    assert_eq!(
        counts("ssh", "logs/bookworm-auth"),
        expected([
            // Seven unknown users: Invalid and Failed; root: Failed and closed.
            ("203.0.113.13", 7 * 2 + 2),
            // Three accounts; bob: not allowed and Failed.
            ("203.0.113.14", 3 * 2 + 2),
            // Four names made to look like log text.
            ("203.0.113.15", 4 * 2),
            // Six bad banners, three bad offers, one password.
            ("203.0.113.16", 6 + 3 + 2),
            // Six passwords for accounts.
            ("2001:db8::13", 6 * 2),
            // One slip of a friend's finger.
            ("203.0.113.20", 2),
        ])
    );
    assert_eq!(
        counts("mysql", "logs/mariadb-error"),
        expected([("203.0.113.13", 3)])
    );
    assert_eq!(
        counts("nginx", "logs/nginx-access"),
        expected([
            // 405 of /login/, and 401 of /admin/.
            ("203.0.113.13", 4 + 4),
            ("203.0.113.14", 4 + 4),
            ("203.0.113.16", 8)
        ])
    );
    assert_eq!(
        counts("apache", "logs/apache-access"),
        expected([("203.0.113.13", 4), ("203.0.113.14", 4)])
    );
}

#[test]
fn the_attack_on_trixie_is_counted_and_nobody_who_was_only_named() {
    assert_eq!(
        counts("ssh", "logs/trixie-auth"),
        expected([
            ("203.0.113.13", 7 * 2 + 2),
            ("203.0.113.14", 3 * 2 + 2),
            ("203.0.113.15", 4 * 2),
            // And one connection that never said a word.
            ("203.0.113.16", 6 + 3 + 2 + 1),
            ("2001:db8::13", 6 * 2),
            ("203.0.113.20", 2),
        ])
    );
}

/// Of each way in which `fixtures/services/ssh/guess.py` ends a connection, from
/// 203.0.113.101 upwards: how often it counts on Debian 12 and on Debian 13.
const ENDS: [(&str, usize, usize); 20] = [
    ("closed", 1, 1),
    ("reset", 1, 1),
    ("disconnected", 1, 1),
    ("disconnected_as_an_error", 1, 1),
    ("disconnected_without_a_reason", 1, 1),
    ("another_user", 1, 1),
    ("another_service", 1, 1),
    ("bad_service", 1, 1),
    ("too_many", 1, 1),
    // Debian 12's sshd says nothing: writing from a signal was a hole.
    ("silent", 0, 1),
    ("renegotiated", 1, 1),
    ("corrupted", 1, 1),
    ("noise", 1, 1),
    ("cut_packet", 1, 1),
    ("no_such_packet", 1, 1),
    ("unexpected_packet", 1, 1),
    ("new_keys", 1, 1),
    // sshd ends within the request, and names no address.
    ("cut_key", 0, 0),
    ("cut_password", 1, 1),
    // The same within its answer.
    ("reset_before_the_answer", 0, 0),
];

#[test]
fn guessing_keys_is_counted_however_the_client_ends_the_connection() {
    let (bookworm, trixie) = (
        counts("ssh", "services/ssh/bookworm-keys"),
        counts("ssh", "services/ssh/trixie-keys"),
    );
    for (number, (end, on_bookworm, on_trixie)) in ENDS.into_iter().enumerate() {
        let guesser = format!("203.0.113.{}", 101 + number);
        let of = |counts: &BTreeMap<String, usize>| counts.get(&guesser).copied().unwrap_or(0);
        assert_eq!(of(&bookworm), on_bookworm, "{end} on bookworm");
        assert_eq!(of(&trixie), on_trixie, "{end} on trixie");
    }
    // Nobody whom the guesser only named.
    let guessers = bookworm.keys().chain(trixie.keys());
    assert!(
        guessers.clone().all(|ip| ip.starts_with("203.0.113.1")),
        "{guessers:?}"
    );
}

/// Nothing else names the address of one who ends each connection within a
/// request; sshd 9.8 and later holds it back, and says so.
#[test]
fn guessing_keys_without_an_end_that_names_an_address_is_counted_once_sshd_holds_it_back() {
    let counts = counts("ssh", "services/ssh/trixie-penalties");
    assert_eq!(counts, expected([("203.0.113.118", 15)]));
}

#[test]
fn classic_and_rfc_3339_logs_of_one_host_tell_the_same() {
    for host in ["bookworm", "trixie"] {
        let whole_seconds = |log: &str| -> Vec<SampleMatch> {
            let second = "2026-11-22T07:30:08".len();
            failures("ssh", log)
                .into_iter()
                .map(|(index, ip, at)| (index, ip, at[..second].to_owned()))
                .collect()
        };
        assert_eq!(
            whole_seconds(&format!("logs/{host}-auth")),
            whole_seconds(&format!("logs/{host}-auth-classic")),
        );
    }
}
