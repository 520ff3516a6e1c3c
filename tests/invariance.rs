//! The bans depend on the logs alone, never on how the reading was cut into
//! runs, nor on the number of threads.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::Sandbox;

/// What a program wrote, or half of it.
#[derive(Debug, Clone)]
enum Wrote {
    /// A failed login of one of four addresses, and how often it is said to be repeated.
    Failure(u8, u8),
    /// So many bytes of something else.
    Junk(usize),
}

/// A line, and how many seconds its stamp is behind that of the one before.
type Line = (i64, Wrote);

const ADDRESSES: [&str; 4] = ["203.0.113.7", "203.0.113.8", "2001:db8::9", "198.51.100.10"];

fn line(backwards: bool) -> impl Strategy<Value = Line> {
    let behind = if backwards { -4000i64 } else { 0 };
    let gap = prop_oneof![
        8 => 0i64..4,
        3 => 3i64..12,
        2 => (behind.max(-8))..1,
        1 => behind..4000,
    ];
    let wrote = prop_oneof![
        60 => (0u8..4).prop_map(|who| Wrote::Failure(who, 1)),
        5 => (0u8..4, 2u8..5).prop_map(|(who, times)| Wrote::Failure(who, times)),
        10 => (0usize..200).prop_map(Wrote::Junk),
        // Longer than a block, so that the threads have several.
        1 => (600_000usize..700_000).prop_map(Wrote::Junk),
    ];
    (gap, wrote)
}

/// The text of a line.
fn text(at: DateTime<Utc>, wrote: &Wrote) -> String {
    let stamp = at.format("%Y-%m-%dT%H:%M:%S+00:00");
    match wrote {
        Wrote::Failure(who, times) => {
            let message = format!(
                "Failed password for root from {} port 4711 ssh2",
                ADDRESSES[usize::from(*who)]
            );
            match times {
                1 => format!("{stamp} web1 sshd[7]: {message}\n"),
                _ => {
                    format!("{stamp} web1 sshd[7]: message repeated {times} times: [ {message}]\n")
                }
            }
        }
        Wrote::Junk(length) => format!("{stamp} web1 cron[7]: {}\n", "x".repeat(*length)),
    }
}

/// The lines with their times, from `start` on.
fn timed(start: DateTime<Utc>, lines: &[Line]) -> Vec<(DateTime<Utc>, &Wrote)> {
    let mut at = start;
    let timed = lines.iter().map(|(gap, wrote)| {
        at += TimeDelta::seconds(*gap);
        (at, wrote)
    });
    timed.collect()
}

/// A day in the past.
fn past() -> DateTime<Utc> {
    DateTime::from_timestamp(1_774_137_600, 0).unwrap()
}

/// What the administrator wants.
#[derive(Debug, Clone)]
struct Wanted {
    attempts: u32,
    seconds: u32,
    window: &'static str,
    ban_time: Option<u32>,
    /// Whether one of the addresses is banned at its first failure.
    instant: bool,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let instant = prop::bool::weighted(0.15);
    let window = prop::sample::select(vec!["gap", "sliding"]);
    (
        2u32..6,
        0u32..12,
        window,
        prop::option::of(1u32..120),
        instant,
    )
        .prop_map(|(attempts, seconds, window, ban_time, instant)| Wanted {
            attempts,
            seconds,
            window,
            ban_time,
            instant,
        })
}

/// A world with two logs of one rule.
fn world(wanted: &Wanted) -> Sandbox {
    let sandbox = Sandbox::new().log("a.log", "").log("b.log", "");
    let logs = json!([sandbox.path("a.log"), sandbox.path("b.log")]);
    // The built-in patterns match the same lines; compiling them would be most of a run.
    let pattern = |address: &str| {
        format!(r"^(\S+) web1 sshd\[7\]: Failed password for root from ({address}) port")
    };
    let patterns = json!([[pattern(r"198\S+"), wanted.instant], pattern(r"\S+")]);
    sandbox
        .set("/settings/rules/ssh/log_files", logs)
        .set("/settings/rules/ssh/regex_patterns", patterns)
        .set("/settings/failed_attempts", wanted.attempts)
        .set("/settings/request_time", wanted.seconds)
        .set("/settings/window", wanted.window)
        .set("/settings/ban_time", json!(wanted.ban_time))
}

/// Address, rule and time of a ban.
type Ban = (String, String, String);

/// A run with so many threads: its bans.
fn scan(sandbox: Sandbox, threads: usize, bans: &mut Vec<Ban>) -> Sandbox {
    let sandbox = sandbox.env("RAYON_NUM_THREADS", &threads.to_string());
    let json = sandbox.scan_json();
    let text = |ban: &Value, key: &str| ban[key].as_str().unwrap().to_owned();
    let found = json["bans"].as_array().unwrap().iter();
    bans.extend(found.map(|ban| (text(ban, "ip"), text(ban, "rule"), text(ban, "time"))));
    sandbox
}

/// The bans of one run over this.
fn at_once(wanted: &Wanted, a: &str, b: &str) -> Vec<Ban> {
    let mut bans = Vec::new();
    let sandbox = world(wanted);
    sandbox.append("a.log", a);
    sandbox.append("b.log", b);
    scan(sandbox, 2, &mut bans);
    bans.sort();
    bans
}

/// Rules that read one log, each with the addresses that its pattern matches, and how many
/// failures it takes.
const RULES: [(&str, &str, u32); 4] = [
    ("all", r"\S+", 4),
    ("v4", r"\d\S+", 3),
    ("some", r"\S*[89]", 2),
    ("late", r"2\S+", 2),
];

/// A world in which these rules read `a.log`; the last one only if it `is_late` no more.
fn with_rules(rules: &[(&str, &str, u32)], is_late: bool) -> Sandbox {
    let sandbox = Sandbox::new().log("a.log", "");
    let rule = |&(name, addresses, attempts): &(&str, &str, u32)| {
        let pattern =
            format!(r"^(\S+) web1 sshd\[7\]: Failed password for root from ({addresses}) port");
        let rule = json!({
            "log_files": sandbox.path("a.log"),
            "regex_patterns": [pattern],
            "failed_attempts": attempts,
            "enabled": !(is_late && name == "late"),
        });
        (name.to_owned(), rule)
    };
    let rules: serde_json::Map<String, Value> = rules.iter().map(rule).collect();
    sandbox.set("/settings/rules", rules)
}

/// Places to cut, each with the number of threads of the run behind it.
fn cuts() -> impl Strategy<Value = Vec<(prop::sample::Index, usize)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 1usize..5), 1..4)
}

/// The bytes at which a log of that length is cut, the last one its end, each with the
/// number of threads.
fn bytes_to_cut_at(cuts: &[(prop::sample::Index, usize)], length: usize) -> Vec<(usize, usize)> {
    let cuts = cuts.iter();
    let cuts = cuts.map(|(cut, threads)| (cut.index(length + 1), *threads));
    let mut cuts: Vec<(usize, usize)> = cuts.collect();
    cuts.sort_unstable();
    cuts.push((length, 3));
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn one_log_may_be_cut_anywhere(
        wanted in wanted(),
        lines in prop::collection::vec(line(true), 0..60),
        cuts in cuts(),
    ) {
        let lines = timed(past(), &lines);
        let log: String = lines.iter().map(|(at, wrote)| text(*at, wrote)).collect();
        let cuts = bytes_to_cut_at(&cuts, log.len());
        let (mut sandbox, mut bans, mut from) = (world(&wanted), Vec::new(), 0);
        for (cut, threads) in cuts {
            sandbox.append("a.log", &log[from..cut]);
            sandbox = scan(sandbox, threads, &mut bans);
            from = cut;
        }
        bans.sort();
        prop_assert_eq!(bans, at_once(&wanted, &log, ""));
    }

    /// Rules that read one log do so in one pass: each finds what it finds alone, also one
    /// that comes later and stands at another byte.
    #[test]
    fn rules_that_read_one_log_find_what_each_finds_alone(
        lines in prop::collection::vec(line(true), 0..60),
        cuts in cuts(),
    ) {
        let lines = timed(past(), &lines);
        let log: String = lines.iter().map(|(at, wrote)| text(*at, wrote)).collect();
        let cuts = bytes_to_cut_at(&cuts, log.len());
        let all_of = |rules: &[(&str, &str, u32)]| {
            let (mut sandbox, mut bans, mut from) = (with_rules(rules, true), Vec::new(), 0);
            for &(cut, threads) in &cuts {
                sandbox.append("a.log", &log[from..cut]);
                sandbox = scan(sandbox, threads, &mut bans);
                if rules.iter().any(|rule| rule.0 == "late") {
                    sandbox = sandbox.set("/settings/rules/late/enabled", true);
                }
                from = cut;
            }
            scan(sandbox, 2, &mut bans);
            bans.sort();
            bans
        };
        let mut alone: Vec<Ban> = RULES.iter().flat_map(|&rule| all_of(&[rule])).collect();
        alone.sort();
        prop_assert_eq!(all_of(&RULES), alone);
    }

    /// A timer's run finds in each log all that was written until then.
    #[test]
    fn two_logs_may_be_cut_at_any_time(
        wanted in wanted(),
        lines in prop::collection::vec((line(false), any::<bool>()), 0..60),
        cuts in cuts(),
    ) {
        let (lines, logs): (Vec<Line>, Vec<bool>) = lines.into_iter().unzip();
        let lines = timed(past(), &lines);
        let until = |log: bool, from: usize, to: usize| -> String {
            let lines = lines[from..to].iter().zip(&logs[from..to]);
            lines.filter(|(_, of)| **of == log).map(|((at, wrote), _)| text(*at, wrote)).collect()
        };
        let end = lines.len();
        // A run sees all lines of a second or none.
        let whole_second = |cut: usize| (cut..end).find(|&n| n == 0 || lines[n - 1].0 < lines[n].0).unwrap_or(end);
        let mut cuts: Vec<(usize, usize)> = cuts.iter().map(|(cut, threads)| (whole_second(cut.index(end + 1)), *threads)).collect();
        cuts.sort_unstable();
        cuts.push((end, 3));
        let (mut sandbox, mut bans, mut from) = (world(&wanted), Vec::new(), 0);
        for (cut, threads) in cuts {
            sandbox.append("a.log", until(false, from, cut));
            sandbox.append("b.log", until(true, from, cut));
            sandbox = scan(sandbox, threads, &mut bans);
            from = cut;
        }
        bans.sort();
        prop_assert_eq!(bans, at_once(&wanted, &until(false, 0, end), &until(true, 0, end)));
    }

    /// Who is un-banned is banned again only for failures stamped after that,
    /// and nobody else's bans change.
    #[test]
    fn after_an_unban_only_later_failures_count(
        wanted in wanted(),
        before in prop::collection::vec(line(true), 0..30),
        late in prop::collection::vec(line(true), 0..20),
        after in prop::collection::vec(line(true), 0..30),
    ) {
        let now = Utc::now();
        let before = timed(now - TimeDelta::days(2), &before);
        // Stamped before the un-ban, and written behind it.
        let late = timed(now - TimeDelta::days(1), &late);
        let after = timed(now + TimeDelta::days(1), &after);
        let log = |lines: &[&[(DateTime<Utc>, &Wrote)]]| -> String {
            lines.iter().flat_map(|lines| *lines).map(|(at, wrote)| text(*at, wrote)).collect()
        };
        let mut bans = Vec::new();
        let sandbox = world(&wanted);
        sandbox.append("a.log", log(&[&before]));
        let sandbox = scan(sandbox, 2, &mut bans);
        let mut expected = bans.clone();
        let lifted = ADDRESSES[0];
        sandbox.run(["unban", lifted]).exits(0);
        sandbox.append("a.log", log(&[&late, &after]));
        scan(sandbox, 3, &mut bans);
        let is_lifted = |ban: &Ban| ban.0 == lifted;
        expected.retain(is_lifted);
        expected.extend(at_once(&wanted, &log(&[&after]), "").into_iter().filter(is_lifted));
        let whole = at_once(&wanted, &log(&[&before, &late, &after]), "");
        expected.extend(whole.into_iter().filter(|ban| !is_lifted(ban)));
        let set = |bans: Vec<Ban>| bans.into_iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(set(bans), set(expected));
    }
}
