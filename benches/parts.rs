//! What the parts of a run cost: matching of lines that are attacks and of
//! lines that are not, stamps, and windows. `cargo bench`.

use std::num::NonZeroU32;
use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use pyfilter::config::Config;
use pyfilter::geo::Countries;
use pyfilter::judge::{AllowList, Judge};
use pyfilter::model::{
    Address, Failure, Line, LinePlace, PathId, Rule, Subject, Thresholds, WindowKind,
};
use pyfilter::rules::{Clock, Formats, Matcher, Verdict};

mod generate;

use generate::Kind;

fn main() {
    divan::main();
}

/// Two megabytes of a log.
const BYTES: usize = 2 << 20;

/// What is read: a rule, a kind of log, and which part of it, in
/// percent, are the lines of attackers; 100 is failures alone.
#[derive(Debug, Clone, Copy)]
struct Log(&'static str, Kind, usize);

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} {}",
            self.1,
            match self.2 {
                0 => "miss",
                100 => "hit",
                _ => "third",
            }
        )
    }
}

const LOGS: [Log; 11] = [
    Log("ssh", Kind::Ssh, 0),
    Log("ssh", Kind::Ssh, 33),
    Log("ssh", Kind::Ssh, 100),
    Log("ssh", Kind::SshRfc3339, 0),
    Log("ssh", Kind::SshRfc3339, 33),
    Log("ssh", Kind::SshRfc3339, 100),
    Log("nginx", Kind::Nginx, 0),
    Log("nginx", Kind::Nginx, 100),
    Log("apache", Kind::Apache, 100),
    Log("mysql", Kind::Mysql, 0),
    Log("mysql", Kind::Mysql, 100),
];

impl Log {
    fn rule(self) -> Rule {
        rule(self.0)
    }

    /// Its bytes; of attacks the failures alone.
    fn bytes(self) -> Vec<u8> {
        let log = generate::log(self.1, self.2, BYTES, 1);
        if self.2 < 100 {
            return log;
        }
        let mut matcher = matcher(&self.rule());
        let failures = log
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| matches!(matcher.line(line.trim_ascii_end(), 0), Verdict::Failure(_)));
        failures.flatten().copied().collect()
    }
}

fn rule(name: &str) -> Rule {
    Config::defaults(Path::new("/"))
        .rule_named(name)
        .expect("the rule is built in")
}

fn matcher(rule: &Rule) -> Matcher {
    Matcher::new(rule, Clock::new(1_800_000_000)).expect("the built-in patterns compile")
}

/// PyFilter's six patterns for ssh, unanchored, as a user may still have them.
fn sloppy() -> Rule {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/pyfilter-default.json");
    let config =
        Config::load(Some(&file), None, None, Path::new("/")).expect("PyFilter's own is valid");
    let patterns = config.rule_named("ssh").expect("it has the rule").patterns;
    Rule {
        patterns,
        ..rule("ssh")
    }
}

fn matched(rule: &Rule, log: &[u8]) -> Vec<Failure> {
    let mut failures = Vec::new();
    matcher(rule).scan(log, 0, |failure, _| failures.push(failure));
    failures
}

/// Literals, patterns, addresses and stamps of one block on one core.
#[divan::bench(args = LOGS)]
fn match_block(bencher: Bencher<'_, '_>, log: Log) {
    scan(bencher, &log.rule(), &log.bytes());
}

/// The same with a user's own patterns.
#[divan::bench(args = &LOGS[..3])]
fn match_block_sloppy(bencher: Bencher<'_, '_>, log: Log) {
    scan(bencher, &sloppy(), &log.bytes());
}

fn scan(bencher: Bencher<'_, '_>, rule: &Rule, log: &[u8]) {
    let mut matcher = matcher(rule);
    let mut failures = Vec::new();
    bencher.counter(BytesCount::new(log.len())).bench_local(|| {
        failures.clear();
        matcher.scan(black_box(log), 0, |failure, _| failures.push(failure))
    });
}

/// What a run pays that has one new line: reading the patterns, and compiling
/// those that the line calls for.
#[divan::bench(args = ["a miss", "a hit"])]
fn first_line(bencher: Bencher<'_, '_>, line: &str) {
    let rule = rule("ssh");
    let line = match line {
        "a miss" => "Mar 22 14:18:18 web1 sshd[7]: Connection closed by 203.0.113.9 port 4711",
        _ => "Mar 22 14:18:18 web1 sshd[7]: Invalid user admin from 203.0.113.9 port 4711",
    };
    bencher.bench(|| matcher(black_box(&rule)).line(line.as_bytes(), 0));
}

/// Stamps that are another each time, and ones that differ in their fraction.
#[divan::bench(args = ["%b %d %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f%z"])]
fn read_stamp(bencher: Bencher<'_, '_>, format: &str) {
    let formats = Formats::new(&[format]).expect("a known format");
    let stamps: Vec<String> = (0..3600)
        .map(|n| {
            let (minute, second) = (n / 60, n % 60);
            match format.as_bytes()[1] {
                b'b' => format!("Mar 22 14:{minute:02}:{second:02}"),
                b'd' => format!("22/Mar/2026:14:{minute:02}:{second:02} +0000"),
                _ => format!("2026-03-22T14:18:{minute:02}.{:06}+00:00", second * 1000),
            }
        })
        .collect();
    let mut clock = Clock::new(1_800_000_000);
    bencher
        .counter(ItemsCount::new(stamps.len()))
        .bench_local(|| {
            stamps
                .iter()
                .filter_map(|stamp| formats.parse(stamp.as_bytes(), &mut clock))
                .count()
        });
}

/// Countries of 100,000 addresses, all over the networks that the database
/// knows. `GEOIP` names another one than that of the fixtures.
#[divan::bench]
fn name_countries(bencher: Bencher<'_, '_>) {
    let fixture = || "fixtures/geo/GeoLite2-City.mmdb".into();
    let path = std::env::var_os("GEOIP").unwrap_or_else(fixture);
    let countries = Countries::open(Path::new(&path)).expect("a database of countries");
    let all_over = |n: u32| std::net::Ipv4Addr::from(n.wrapping_mul(2_654_435_761));
    let in_fixture = |n: u32| std::net::Ipv4Addr::new(203, 0, 113, n.to_le_bytes()[0]);
    let addresses: Vec<Subject> = (0..50_000)
        .flat_map(|n| [all_over(n), in_fixture(n)])
        .map(|address| Subject::from(Address::from(address)))
        .collect();
    bencher.counter(ItemsCount::new(addresses.len())).bench(|| {
        let named = addresses
            .iter()
            .filter_map(|address| countries.country(*address));
        named.count()
    });
}

/// Failures of many addresses going through their windows.
#[divan::bench(args = ["gap", "sliding"])]
fn judge(bencher: Bencher<'_, '_>, kind: &str) {
    let log = Log("ssh", Kind::Ssh, 100);
    let failures = matched(&log.rule(), &log.bytes());
    let never = AllowList::default();
    let window = if kind == "gap" {
        WindowKind::Gap
    } else {
        WindowKind::Sliding
    };
    let ban_times = NonZeroU32::new(60).into();
    let thresholds = Thresholds {
        request_time: 600,
        window,
        ban_times,
        ..Thresholds::default()
    };
    let path = PathId::of(Path::new("auth.log"));
    bencher.counter(ItemsCount::new(failures.len())).bench(|| {
        let mut judge = Judge::new(thresholds.clone(), &never);
        let line = b"Mar 22 14:18:18 web1 sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2";
        let decided = failures.iter().filter_map(|failure| {
            let place = LinePlace::of(path, failure.offset);
            let judged = judge.on_failure(failure, place, |kept, subject, failure, counted| {
                kept.push(failure, counted, subject, path, Line::Text(line));
            });
            judged.decision
        });
        decided.count()
    });
}
