//! What the parts of a run cost: matching of lines that are attacks and of
//! lines that are not, stamps, and windows. `cargo bench`.

use std::num::NonZeroU32;
use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use pyfilter::config::Config;
use pyfilter::judge::{Judge, NeverBanned};
use pyfilter::model::{Failure, Rule, Thresholds, WindowKind, Witness};
use pyfilter::rules::{Clock, Formats, Matcher};

fn main() {
    divan::main();
}

/// The same numbers at every start: a multiplicative congruential generator
/// with the constants of Lehmer's MCG128.
struct Dice(u128);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0xda94_2042_e4dd_58b5);
        u64::try_from(self.0 >> 64).expect("64 bits are left") % sides
    }
}

/// Which part of the lines are attacks.
#[derive(Debug, Clone, Copy)]
enum Log {
    Miss,
    Third,
    Hit,
}

const LOGS: [Log; 3] = [Log::Miss, Log::Third, Log::Hit];

/// 50,000 lines of an auth log.
fn log(kind: Log) -> Vec<u8> {
    let mut dice = Dice(1);
    let mut text = String::new();
    for n in 0u64..50_000 {
        let (hour, minute, second) = (n / 72_000 % 24, n / 1200 % 60, n / 20 % 60);
        let stamp = format!("Mar 22 {hour:02}:{minute:02}:{second:02} web1");
        let attack = match kind {
            Log::Miss => false,
            Log::Third => dice.roll(3) == 0,
            Log::Hit => true,
        };
        let (a, b, port) = (dice.roll(20), dice.roll(250), dice.roll(60_000) + 1024);
        let line = match (attack, dice.roll(3)) {
            (true, 0) => {
                format!("{stamp} sshd[{n}]: Invalid user admin from 203.0.{a}.{b} port {port}\n")
            }
            (true, _) => format!(
                "{stamp} sshd[{n}]: Failed password for root from 203.0.{a}.{b} port {port} ssh2\n"
            ),
            (false, 0) => format!(
                "{stamp} CRON[{n}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n"
            ),
            (false, 1) => format!(
                "{stamp} sshd[{n}]: Accepted publickey for deploy from 10.0.{a}.{b} port {port} ssh2: ED25519 SHA256:AAAA\n"
            ),
            (false, _) => format!("{stamp} systemd-logind[612]: New session {n} of user deploy.\n"),
        };
        text.push_str(&line);
    }
    text.into_bytes()
}

fn ssh() -> Rule {
    Config::defaults(Path::new("/"))
        .rule_named("ssh")
        .expect("ssh is built in")
}

fn matched(rule: &Rule, log: &[u8]) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut matcher =
        Matcher::new(rule, Clock::new(1_800_000_000)).expect("the built-in patterns compile");
    matcher.scan(log, 0, &mut failures);
    failures
}

/// Literals, patterns, addresses and stamps of one block on one core.
#[divan::bench(args = LOGS)]
fn match_block(bencher: Bencher<'_, '_>, kind: Log) {
    let (rule, log) = (ssh(), log(kind));
    let mut matcher =
        Matcher::new(&rule, Clock::new(1_800_000_000)).expect("the built-in patterns compile");
    let mut failures = Vec::new();
    bencher.counter(BytesCount::new(log.len())).bench_local(|| {
        failures.clear();
        matcher.scan(black_box(&log), 0, &mut failures)
    });
}

/// What a run pays before its first line.
#[divan::bench]
fn compile_ssh(bencher: Bencher<'_, '_>) {
    let rule = ssh();
    bencher.bench(|| Matcher::new(black_box(&rule), Clock::new(0)).is_ok());
}

/// A classic stamp that is another one each time.
#[divan::bench]
fn read_stamp(bencher: Bencher<'_, '_>) {
    let formats = Formats::new(&["%b %d %H:%M:%S"]).expect("a known format");
    let stamps: Vec<String> = (0..3600)
        .map(|n| format!("Mar 22 14:{:02}:{:02}", n / 60, n % 60))
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

/// Failures of 5,000 addresses going through their windows.
#[divan::bench(args = ["gap", "sliding"])]
fn judge(bencher: Bencher<'_, '_>, kind: &str) {
    let failures = matched(&ssh(), &log(Log::Hit));
    let never = NeverBanned::default();
    let window = if kind == "gap" {
        WindowKind::Gap
    } else {
        WindowKind::Sliding
    };
    let ban_time = NonZeroU32::new(60);
    let thresholds = Thresholds {
        request_time: 600,
        window,
        ban_time,
        ..Thresholds::default()
    };
    let path: std::sync::Arc<Path> = Path::new("auth.log").into();
    bencher.counter(ItemsCount::new(failures.len())).bench(|| {
        let mut judge = Judge::new(thresholds, &never);
        let keep = |failure: &Failure, counted| Witness {
            at: failure.at,
            counted,
            count: failure.count,
            pattern: failure.pattern,
            path: path.clone(),
            offset: failure.offset,
            text: Witness::cut(b"Mar 22 14:18:18 web1 sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2"),
        };
        failures.iter().filter_map(|failure| judge.hear(failure, |counted| keep(failure, counted))).count()
    });
}
