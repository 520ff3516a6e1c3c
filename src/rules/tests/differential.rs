//! The same answers as the regular expressions themselves give, always: for
//! patterns and lines at random, and for the shipped rules on every line of
//! the fixtures and on what can be made of them.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::bytes::Regex;

use super::samples::clock;
use crate::config::Config;
use crate::model::{
    Address, ConnectionId, Failure, LoginLine, Pattern, Positions, Role, Rule, Thresholds, Urls,
};
use crate::rules::matcher::times;
use crate::rules::pattern::{Groups, PARTS, groups};
use crate::rules::patterns::{PatternSet, Patterns};
use crate::rules::program::Parts;
use crate::rules::repeated::unfold;
use crate::rules::requests::Requests;
use crate::rules::validate::compile;
use crate::rules::{ConnectionMessage, Formats, GROUPS, Matcher, Users, Verdict, library, names};

/// A rule, line by line, with each pattern for itself.
struct Naive {
    rule: Rule,
    patterns: Vec<(usize, Regex, Groups)>,
    formats: Formats,
}

impl Naive {
    fn new(rule: Rule) -> Self {
        let mut patterns: Vec<_> = (rule.patterns.iter().enumerate())
            .map(|(number, pattern)| {
                let regex = compile(&pattern.text).unwrap();
                let names: Vec<_> = regex.capture_names().collect();
                let groups = groups(&names, pattern.positions).unwrap();
                (number, regex, groups)
            })
            .collect();
        patterns.sort_by_key(|(number, ..)| !rule.patterns[*number].instant);
        Naive {
            formats: Formats::new(&rule.time_formats).unwrap(),
            patterns,
            rule,
        }
    }

    fn parts(regex: &Regex, groups: Groups, line: &[u8]) -> Option<Parts> {
        let captures = regex.captures(line)?;
        let mut places = [Parts::NONE; 2 * PARTS];
        for (places, group) in places.chunks_exact_mut(2).zip(groups.all()) {
            if let Some(part) = group.and_then(|group| captures.get(group)) {
                places.copy_from_slice(&[part.start(), part.end()]);
            }
        }
        Some(Parts::new(places))
    }

    fn first(&self, line: &[u8]) -> Option<(usize, Parts)> {
        (self.patterns.iter().enumerate()).find_map(|(place, (_, regex, groups))| {
            Some((place, Self::parts(regex, *groups, line)?))
        })
    }

    fn line(&self, line: &[u8], offset: u64) -> Verdict {
        let (line, count) = unfold(line.strip_suffix(b"\r").unwrap_or(line));
        let mut verdict = Verdict::Nothing;
        let ignores = |text: &String| compile(text).unwrap().is_match(&line);
        if self.rule.ignored.iter().any(ignores) {
            return verdict;
        }
        for (number, regex, groups) in &self.patterns {
            let Some(parts) = Self::parts(regex, *groups, &line) else {
                continue;
            };
            let (Some(ip), Some(time)) = (parts.ip(), parts.time()) else {
                continue;
            };
            let status = || {
                let status = std::str::from_utf8(&line[parts.status().unwrap()]).unwrap();
                status.parse::<u16>().ok()
            };
            let statuses = self.rule.statuses.as_deref();
            let counts = match &self.rule.patterns[*number].urls {
                Urls::Read(pages) => {
                    let request = &line[parts.request().unwrap()];
                    Requests::new(pages).failed(request, status(), statuses)
                }
                _ => Some(statuses.is_none_or(|statuses| {
                    status().is_some_and(|status| statuses.contains(&status))
                })),
            };
            let Some(counts) = counts else {
                continue;
            };
            let Some(address) = Address::parse(&line[ip]) else {
                verdict = Verdict::HostName;
                continue;
            };
            if !counts {
                continue;
            }
            let mut clock = clock("2026-11-22T12:00:00Z");
            let Some(at) = self.formats.parse(&line[time], &mut clock) else {
                verdict = Verdict::BadTime;
                continue;
            };
            let known = library::pattern(&self.rule.patterns[*number].text);
            let known = known.filter(|_| self.rule.patterns[*number].built_in);
            return Verdict::Failure(Failure {
                address,
                at,
                count: count * times(known.and_then(|known| known.number_before), &line),
                login: (self.rule.patterns[*number].built_in)
                    .then(|| library::pattern(&self.rule.patterns[*number].text)?.connection)
                    .flatten()
                    .map(|message| login(message, &line[parts.time().unwrap().end..], address)),
                pattern: u16::try_from(*number).unwrap(),
                instant: self.rule.patterns[*number].instant,
                offset,
            });
        }
        verdict
    }
}

/// What stands behind the time of a line of sshd, as the patterns have it, and in
/// three places its pid.
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    let head = r#"^ +(?:<\w+\.\w+> +)?(?:(?P<host>[\w.:%@/-]*[\w.-]) +)?
        (?:(?:NAME(?:\[(?P<pid>\d+)\]:?|:)|\[NAME\](?:\[(?P<pid2>\d+)\])?:?)\x20+(?:\[ID\ \d+\ [\w.]+\]\x20+)?
        |NAME\ (?:(?P<pid3>\d+)|-)\ [\w.-]+\ (?:-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+)\x20+(?:\xEF\xBB\xBF)?)
        (?:Failed\ (?P<method>\S+)|.*,\ pid\ =\ (?P<named>\d+))?"#;
    let head = head
        .replace("^ +", r"^\x20+")
        .replace("> +", r">\x20+")
        .replace(") +)", r")\x20+)");
    let head = head.replace("NAME", "sshd(?:-session|-auth)?");
    Regex::new(&format!("(?x-u){head}")).unwrap()
});

fn login(message: ConnectionMessage, behind_time: &[u8], address: Address) -> LoginLine {
    let parts = HEAD.captures(behind_time).unwrap();
    let part = |name| parts.name(name).map(|part| part.as_bytes());
    let is_question = matches!(part("method"), Some(b"none" | b"publickey"));
    let own = part("pid").or(part("pid2")).or(part("pid3"));
    let (role, pid) = match message {
        ConnectionMessage::Failed if is_question => (Role::Sign, own),
        ConnectionMessage::Failed => (Role::Attempt, own),
        ConnectionMessage::Pam => (Role::PamAttempt, own),
        ConnectionMessage::Sign => (Role::Sign, own),
        ConnectionMessage::SignWithPid => (Role::Sign, part("named").or(own)),
        ConnectionMessage::SignOfListener => (Role::Sign, None),
    };
    let host = part("host").unwrap_or_default();
    LoginLine {
        role,
        connection: pid.map(|pid| ConnectionId::of(address, host, pid)),
    }
}

fn rule(patterns: &[String]) -> Rule {
    let pattern = |(n, text): (usize, &String)| Pattern {
        text: text.clone(),
        instant: n % 3 == 2,
        positions: Positions::AddressTime,
        urls: Urls::Unused,
        built_in: false,
    };
    Rule {
        name: "test".into(),
        is_built_in: false,
        enabled: true,
        sources: Vec::new(),
        olddir: Vec::new(),
        patterns: patterns.iter().enumerate().map(pattern).collect(),
        ignored: Vec::new(),
        senders_are_trusted: true,
        time_formats: vec!["%s".to_owned()],
        statuses: None,
        thresholds: Thresholds::default(),
        aggregate: None,
    }
}

fn shipped(name: &str) -> Rule {
    Config::defaults(Path::new("/")).rule_named(name).unwrap()
}

/// PyFilter's own patterns for ssh, as a user may still have them.
fn sloppy() -> Rule {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/pyfilter-default.json");
    let config = Config::load(Some(&file), None, None, Path::new("/")).unwrap();
    let rule = config.rule_named("ssh").unwrap();
    assert!(rule.patterns.len() == 6 && rule.patterns != shipped("ssh").patterns);
    Rule {
        patterns: rule.patterns,
        ..shipped("ssh")
    }
}

static RULES: LazyLock<Vec<(Naive, Matcher)>> = LazyLock::new(|| {
    (names().into_iter().map(shipped).chain([sloppy()]))
        .map(|rule| {
            let matcher = Matcher::new(&rule, clock("2026-11-22T12:00:00Z")).unwrap();
            (Naive::new(rule), matcher)
        })
        .collect()
});

static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    ["rules", "logs", "services/ssh"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(fixtures.join(folder)).unwrap())
        .flat_map(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
            lines.collect::<Vec<_>>()
        })
        .collect()
});

/// The lines on which a rule is tried: all, but of a rule of the library, of which there
/// are many, its own samples and some of the others.
fn lines_for(rule: &Rule) -> Vec<Vec<u8>> {
    if GROUPS[0]
        .rules
        .iter()
        .any(|first| *first.name == *rule.name)
    {
        return LINES.clone();
    }
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
    let own = std::fs::read(samples.join(format!("{}.log", rule.name))).unwrap();
    let own = own.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    own.chain(LINES.iter().step_by(40).cloned()).collect()
}

#[test]
fn every_line_of_the_fixtures_is_to_every_rule_what_its_patterns_say() {
    for (naive, matcher) in RULES.iter() {
        let mut matcher = matcher.clone();
        for line in &lines_for(&naive.rule) {
            let shown = line.escape_ascii();
            assert_eq!(matcher.line(line, 7), naive.line(line, 7), "{shown}");
        }
    }
}

/// A rule that fills its tables is right and ten times as slow.
#[test]
fn the_tables_have_room_for_what_the_services_write() {
    for (naive, matcher) in RULES.iter() {
        let text = lines_for(&naive.rule).join(&b'\n');
        let text = String::from_utf8_lossy(&text);
        let plain = matcher.clone();
        let users = Matcher::with_users(&naive.rule, clock("2026-11-22T12:00:00Z")).unwrap();
        for mut matcher in [plain, users] {
            for n in 0..10 {
                let address = format!("198.18.{}.{}", 25 * n, 9 * n);
                let text = text.replace("203.0.113.9", &address);
                matcher.scan(text.as_bytes(), 0, |_, _| {});
            }
            assert!(!matcher.patterns().have_given_up(), "{}", naive.rule.name);
        }
    }
}

/// The user that the first match names; nothing if the line is no failure.
fn users_of(naive: &Naive, line: &[u8]) -> Vec<Option<Vec<u8>>> {
    let Verdict::Failure(failure) = naive.line(line, 0) else {
        return Vec::new();
    };
    let (line, _) = unfold(line.strip_suffix(b"\r").unwrap_or(line));
    let (_, regex, groups) = (naive.patterns.iter())
        .find(|(number, ..)| *number == usize::from(failure.pattern))
        .unwrap();
    let user = Naive::parts(regex, *groups, &line).unwrap().user();
    vec![user.map(|user| line[user].to_vec())]
}

#[test]
fn users_are_those_of_the_failures_and_cost_no_failure() {
    for (naive, matcher) in RULES.iter() {
        let lines = lines_for(&naive.rule);
        let block = lines.join(&b'\n');
        let (mut plain, mut failures) = (Vec::new(), Vec::new());
        matcher
            .clone()
            .scan(&block, 0, |failure, _| plain.push(failure));
        let mut wanting = Matcher::with_users(&naive.rule, clock("2026-11-22T12:00:00Z")).unwrap();
        wanting.scan(&block, 0, |failure, _| failures.push(failure));
        let mut users = Users::default();
        wanting.exchange_users(&mut users);
        assert_eq!(failures, plain);
        let expected = lines.iter().flat_map(|line| users_of(naive, line));
        for (number, expected) in expected.enumerate() {
            let cut = expected
                .as_deref()
                .map(|user| &user[..user.len().min(Users::LONGEST)]);
            assert_eq!(users.get(number), cut);
        }
    }
}

#[test]
fn a_block_is_its_lines() {
    for (naive, matcher) in RULES.iter() {
        let lines = lines_for(&naive.rule);
        let block = lines.join(&b'\n');
        let mut matcher = matcher.clone();
        let (mut failures, mut expected, mut offset) = (Vec::new(), Vec::new(), 0);
        let tally = matcher.scan(&block, 0, |failure, line| {
            let start = usize::try_from(failure.offset).unwrap();
            let end = memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |end| start + end);
            assert_eq!(line, &block[start..end]);
            failures.push(failure);
        });
        let (mut host_names, mut bad_times) = (0, 0);
        for line in &lines {
            match naive.line(line, offset) {
                Verdict::Failure(failure) => expected.push(failure),
                Verdict::HostName => host_names += 1,
                Verdict::BadTime => bad_times += 1,
                Verdict::Nothing => {}
            }
            offset += line.len() as u64 + 1;
        }
        assert_eq!(failures, expected);
        assert_eq!((tally.host_names, tally.bad_times), (host_names, bad_times));
    }
}

/// Pieces of expressions over few letters, so that they often match.
const PIECES: &[&str] = &[
    "a",
    "b",
    "ab",
    "ba",
    " ",
    ".",
    ".*",
    ".*?",
    "a*",
    "a*?",
    "b+",
    "b+?",
    "(a|ab)",
    "(?:b|bc|)",
    "(c?)",
    "(.*)",
    "(.*?)",
    "(.+)",
    r"(\S+)",
    r"(\S+?)",
    "(a*)",
    "((a)|b)*",
    "(?:(a)|(b))+",
    "^",
    "$",
    r"\b",
    r"(?u:\b)",
    r"\B",
    "(?m:^)",
    "(?m:$)",
    "[ab]",
    "[^a]",
    r"\w{1,2}",
    "(b{0,2})",
    "a{2}",
    "(?i:A)",
    "é",
    r"[^\x00-\x7f]",
    "(?:a|b)*?",
    "|",
    "(?P<x>c)",
    "(?P<user>.*)",
    "(?P<user>b)?",
    "abc",
    "(ab|a)(bc|c)?",
    r"\d",
    r"(\d+)",
    "[0-7]*",
    "(?s:.*)",
    r"[^\s]*",
];

fn expression() -> impl Strategy<Value = String> {
    let pieces = || proptest::collection::vec(proptest::sample::select(PIECES), 0..6);
    (pieces(), pieces()).prop_map(|(a, b)| format!("{}(){}()", a.concat(), b.concat()))
}

/// Two groups of any kind must be there.
fn expressions() -> impl Strategy<Value = Vec<String>> {
    let usable = |text: &String| compile(text).is_ok_and(|regex| regex.captures_len() > 2);
    proptest::collection::vec(expression().prop_filter("too large", usable), 1..5)
}

const LETTERS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b" ",
    b"A",
    b"\xc3\xa9",
    b"\xff",
    b"\r",
    b"_",
    b"1",
    b"8",
    b"\n",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let letter = proptest::sample::select(LETTERS);
    proptest::collection::vec(letter, 0..30).prop_map(|letters| letters.concat())
}

/// A line of the fixtures with pieces of others in it.
fn spliced() -> impl Strategy<Value = Vec<u8>> {
    let line = || proptest::sample::select(&LINES[..]);
    let piece = (line(), 0usize..200, 0usize..200)
        .prop_map(|(line, a, b)| line[a.min(b).min(line.len())..a.max(b).min(line.len())].to_vec());
    let pieces = proptest::collection::vec((0usize..200, piece), 0..4);
    (line(), pieces).prop_map(|(mut line, pieces)| {
        for (at, piece) in pieces {
            let at = at.min(line.len());
            line.splice(at..at, piece);
        }
        line
    })
}

/// Each line thrice: how lines begin is known from then on, whatever their digits.
fn thrice(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let other = |byte: &u8| match byte {
        b'0'..=b'8' => byte + 1,
        b'9' => b'0',
        other => *other,
    };
    let others = lines.iter().map(|line| line.iter().map(other).collect());
    lines.iter().chain(lines).cloned().chain(others).collect()
}

proptest! {
    #[test]
    fn any_patterns_match_any_line_as_the_expressions_do(
        texts in expressions(), lines in proptest::collection::vec(text(), 1..8), room in 0usize..600,
    ) {
        let rule = rule(&texts);
        let mut patterns = Patterns::new(&rule, true).unwrap();
        let mut cramped = Patterns::with_room(&rule, true, room).unwrap();
        let naive = Naive::new(rule);
        let lines = thrice(&lines);
        for line in &lines {
            let found = patterns.first(PatternSet::ALL, line);
            prop_assert_eq!(&found, &naive.first(line), "{:?} in {}", &texts, line.escape_ascii());
            prop_assert_eq!(&patterns.from(0, PatternSet::ALL, line), &found);
            prop_assert_eq!(cramped.first(PatternSet::ALL, line), found);
        }
    }

    #[test]
    fn spliced_lines_are_to_every_rule_what_its_patterns_say(
        lines in proptest::collection::vec(spliced(), 8),
        chosen in proptest::sample::subsequence((GROUPS[0].rules.len()..RULES.len()).collect::<Vec<_>>(), 3),
    ) {
        for place in (0..GROUPS[0].rules.len()).chain(chosen) {
            let (naive, matcher) = &RULES[place];
            let mut matcher = matcher.clone();
            for line in &thrice(&lines) {
                prop_assert_eq!(matcher.line(line, 0), naive.line(line, 0), "{}", line.escape_ascii());
            }
            let mut cramped = Patterns::with_room(&naive.rule, true, 4000).unwrap();
            for line in &lines {
                prop_assert_eq!(cramped.first(PatternSet::ALL, line), naive.first(line));
            }
        }
    }
}
