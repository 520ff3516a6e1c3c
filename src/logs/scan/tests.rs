//! Readings that stop when their time is used up, and go on later.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::super::checkpoint::SourcePosition;
use super::super::discover::discover;
use super::super::input::LastState;
use super::super::inputs::{Inputs, LastPositions, LogPlaces, LogReader, NewSource, ReadReport};
use super::super::part::{InputPart, PartKind};
use super::super::segment::{Left, Segment};
use super::super::sink::Counted;
use super::super::status::Status;
use super::*;
use crate::model::{Generation, PathId, Pattern, Positions, Rule, SourceSpec, Thresholds, Urls};
use crate::rules::Clock;

/// So small that any run leaves something of what the tests write.
const SMALL: Sizes = Sizes {
    block: 512,
    blocks: 2,
    stride: 1024,
    segments: 2,
    room: 4096,
    most_room: 1 << 20,
    ahead: 1024,
};

fn rule() -> Rule {
    let text =
        r"^(?P<time>\S+) web1 sshd\[7\]: Failed password for root from (?P<ip>\S+) port 4711 ssh2$";
    Rule {
        name: "test".into(),
        is_built_in: false,
        enabled: true,
        sources: Vec::new(),
        olddir: Vec::new(),
        patterns: vec![Pattern {
            text: text.to_owned(),
            instant: false,
            positions: Positions::AddressTime,
            urls: Urls::Unused,
            built_in: false,
        }],
        ignored: Vec::new(),
        senders_are_trusted: true,
        time_formats: vec!["%Y-%m-%dT%H:%M:%S%z".to_owned()],
        statuses: None,
        thresholds: Thresholds::default(),
        aggregate: None,
    }
}

fn line(n: usize) -> String {
    format!(
        "2026-03-22T00:00:00+00:00 web1 sshd[7]: Failed password for root from 198.51.{}.{} port 4711 ssh2\n",
        n / 250,
        n % 250 + 1
    )
}

/// What stands in a log: that many lines, one that is too long, or a hole.
#[derive(Debug, Clone)]
enum Part {
    Lines(usize),
    TooLong,
    Hole,
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        6 => (1usize..40).prop_map(Part::Lines),
        1 => Just(Part::TooLong),
        1 => Just(Part::Hole),
    ]
}

/// Writes a log of which the first line is that with this number; returns the
/// addresses of the failures that count in it.
fn write(path: &Path, first: usize, parts: &[Part], packs: bool) -> Vec<String> {
    let mut file = File::create(path).unwrap();
    let (mut lines, mut text) = (0, Vec::new());
    for part in parts {
        match part {
            Part::Lines(count) => {
                (0..*count).for_each(|n| text.extend(line(first + lines + n).into_bytes()));
                lines += count;
            }
            Part::TooLong => text.extend([vec![b'x'; 3 << 20], b"\n".to_vec()].concat()),
            Part::Hole if packs => {}
            Part::Hole => {
                file.write_all(&text).unwrap();
                text.clear();
                let end = std::io::Seek::stream_position(&mut file).unwrap() + (8 << 20);
                file.set_len(end).unwrap();
                std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(end)).unwrap();
                text.push(b'\n');
            }
        }
    }
    if packs {
        let mut packed = GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all(&text).unwrap();
        packed.finish().unwrap();
    } else {
        file.write_all(&text).unwrap();
    }
    let address = |n| line(n).split(' ').nth(8).unwrap().to_owned();
    (first..first + lines).map(address).collect()
}

/// The addresses that one run finds, going on from what is known, which then is
/// what the next run knows; and whether something was left.
fn run(path: &Path, known: &mut Vec<Generation>, matcher: &Matcher) -> (Vec<String>, bool) {
    let log = discover(&[SourceSpec::Files(path.to_owned())]);
    let last = LastPositions {
        logs: [(path.to_owned(), known.clone())].into(),
        ..LastPositions::default()
    };
    let new = NewSource {
        of_any: None,
        of_auto: None,
    };
    let places = LogPlaces {
        olddir: &[],
        journal: None,
        now: 0,
    };
    let inputs = Inputs::follow(&log, last, new, &places).with_sizes(SMALL);
    let mut found = Vec::new();
    let reader = LogReader {
        rule: "test",
        matcher: || Ok(matcher.clone()),
        sink: &mut |matched: MatchedFailure<'_>| {
            found.push(matched.failure.address.to_string());
            Counted::as_failures(0)
        },
    };
    // With no time at all a log that is behind would never be read.
    let mut budget = Budget::new(Duration::from_nanos(1), 1);
    let report = inputs.read(reader, &mut budget);
    let told = report.problems.iter().map(|problem| &problem.message);
    let wrong: Vec<&String> = told.filter(|told| !told.contains("left out")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let is_left = report
        .parts()
        .any(|part| part.reading.left != Left::Nothing);
    let checkpoints = report.checkpoints().expect("nobody writes to it");
    for checkpoint in checkpoints {
        assert_eq!(checkpoint.left != Left::Nothing, is_left);
        if let Some(SourcePosition::Log(now)) = checkpoint.position {
            *known = now;
        }
    }
    (found, is_left)
}

/// An input that is this segment alone.
fn input(path: &Path, segment: Segment) -> Input {
    let part = InputPart::new(path, Status::Read, PartKind::File, segment);
    Input {
        name: path.to_owned(),
        parts: vec![part],
        before: LastState::Unkept,
    }
}

/// Reads the inputs of one rule.
fn scan_for(
    matcher: &Matcher,
    inputs: &mut [Input],
    budget: &mut Budget,
    sink: &mut impl FailureSink,
) {
    let matchers = std::slice::from_ref(matcher);
    assert!(scan(budget, &mut [inputs], matchers, SMALL, &mut [sink]));
}

/// Reads a log, and the generation before it, in runs that stop early, and expects each
/// line once and in its order.
fn read_in_short_runs(parts: &[Part], older: Option<&[Part]>, packs: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("log");
    let matcher = Matcher::new(&rule(), Clock::new(0)).unwrap();
    // Known from before it had a line, so that the older generation is read, too.
    std::fs::write(&path, "").unwrap();
    let mut known = Vec::new();
    run(&path, &mut known, &matcher);
    let mut expected = Vec::new();
    if let Some(older) = older {
        let rotated = dir.path().join(if packs { "log.1.gz" } else { "log.1" });
        if packs {
            expected.extend(write(&rotated, 10_000, older, true));
            std::fs::remove_file(&path).unwrap();
        } else {
            expected.extend(write(&path, 10_000, older, false));
            std::fs::rename(&path, &rotated).unwrap();
        }
    }
    expected.extend(write(&path, 0, parts, false));
    let (mut found, mut runs) = (Vec::new(), 0);
    loop {
        let (more, left) = run(&path, &mut known, &matcher);
        found.extend(more);
        runs += 1;
        assert!(runs < 100_000);
        if !left {
            break;
        }
    }
    assert_eq!(found, expected);
    let (more, left) = run(&path, &mut known, &matcher);
    assert!(more.is_empty() && !left);
}

/// Both files begin with as many bytes of one kind as the first run reads.
#[test]
fn two_generations_that_begin_alike_are_told_apart() {
    let older = [Part::TooLong, Part::Lines(1)];
    read_in_short_runs(&[Part::TooLong], Some(&older), false);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However little each run reads, the runs together find what stands there, each
    /// line once and in its order: also behind holes and lines that are too long, and
    /// in older generations first.
    #[test]
    fn runs_that_stop_early_find_together_what_is_there(
        parts in prop::collection::vec(part(), 1..6), older in prop::option::of(prop::collection::vec(part(), 1..4)), packs: bool,
    ) {
        read_in_short_runs(&parts, older.as_deref(), packs);
    }
}

#[test]
fn a_byte_of_a_compressed_log_that_can_not_be_reached_in_time_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.gz");
    write(&path, 0, &[Part::Lines(20_000)], true);
    let opened = super::super::open::open_log(&path).unwrap();
    let matcher = Matcher::new(&rule(), Clock::new(0)).unwrap();
    let from = line(0).len() as u64;
    let read = |time| {
        let mut inputs = [input(&path, opened.segment(from, 0, false).unwrap())];
        let mut budget = Budget::unlimited().with_way_back(time);
        let mut sink = |_: MatchedFailure<'_>| Counted::as_failures(1);
        scan_for(&matcher, &mut inputs, &mut budget, &mut sink);
        let [input] = inputs;
        input.parts.into_iter().next().unwrap().reading
    };
    let reading = read(Duration::MAX);
    assert_eq!(
        (reading.totals.failures, reading.out_of_reach),
        (19_999, false)
    );
    let reading = read(Duration::ZERO);
    assert_eq!((reading.totals.failures, reading.out_of_reach), (0, true));
    assert_eq!((reading.end, reading.left), (from, Left::Nothing));
}

/// One source never ends and comes first by its stamps: the others are read all the same.
#[test]
fn a_source_that_uses_up_its_time_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let matcher = Matcher::new(&rule(), Clock::new(0)).unwrap();
    let input = |name: &str, lines: usize, year: &str| {
        let path = dir.path().join(name);
        let text: String = (0..lines).map(|n| line(n).replace("2026", year)).collect();
        std::fs::write(&path, text).unwrap();
        input(&path, super::super::open::whole(&path).unwrap())
    };
    let mut inputs = [input("old", 30_000, "1970"), input("new", 100, "2026")];
    let (old, mut found) = (PathId::of(&dir.path().join("old")), [0; 2]);
    let mut sink = |matched: MatchedFailure<'_>| {
        found[usize::from(matched.path != old)] += 1;
        Counted::as_failures(1)
    };
    let mut budget = Budget::new(Duration::from_micros(2), 2);
    scan_for(&matcher, &mut inputs, &mut budget, &mut sink);
    let old = &inputs[0].parts[0];
    assert_ne!(old.reading.left, Left::Nothing);
    assert_eq!(
        (old.reading.totals.failures, old.matched, old.counted),
        (found[0], found[0], found[0])
    );
    assert!(found[0] < 30_000 && found[1] > 0);
}

/// A rule with another pattern: only of addresses that end with 7.
fn another_rule() -> Rule {
    let mut other = rule();
    other.patterns[0].text = other.patterns[0].text.replace(r"\S+) port", r"\S+7) port");
    other
}

/// What rules find in files when they read them together.
#[derive(Debug, PartialEq)]
struct FoundTogether {
    /// Of each rule the file and the place of its failures, in their order.
    failures: Vec<Vec<(PathId, u64)>>,
    /// Of each rule's reading of each file how far it went, and how many failures were
    /// found and counted.
    totals: Vec<(u64, u64, u64)>,
}

/// None if they gave up.
fn find_together(rules: &[Rule], files: &[PathBuf], sizes: Sizes) -> Option<FoundTogether> {
    let mut failures = vec![Vec::new(); rules.len()];
    let sinks = failures.iter_mut().map(|found| {
        |matched: MatchedFailure<'_>| {
            found.push((matched.path, matched.failure.offset));
            Counted::as_failures(1)
        }
    });
    let mut sinks: Vec<_> = sinks.collect();
    let inputs = || Inputs::files(files, 0, |_| "").with_sizes(sizes);
    assert!(inputs().are_like(&inputs()));
    let readers = rules.iter().zip(&mut sinks).map(|(rule, sink)| {
        let reader = LogReader {
            rule: "test",
            matcher: move || Matcher::new(rule, Clock::new(0)),
            sink,
        };
        (inputs(), reader)
    });
    let reports = Inputs::read_together(readers.collect(), &mut Budget::unlimited());
    let totals = (reports.iter().flat_map(ReadReport::parts))
        .map(|part| (part.reading.end, part.reading.totals.failures, part.counted))
        .collect();
    let checked: Result<Vec<_>, _> = reports.into_iter().map(ReadReport::checkpoints).collect();
    checked.ok().map(|_| FoundTogether { failures, totals })
}

fn side_by_side(each: impl IntoIterator<Item = FoundTogether>) -> FoundTogether {
    let each = each.into_iter().map(|found| (found.failures, found.totals));
    let (failures, totals): (Vec<_>, Vec<_>) = each.unzip();
    FoundTogether {
        failures: failures.concat(),
        totals: totals.concat(),
    }
}

#[test]
fn rules_that_read_together_find_what_each_finds_alone() {
    let dir = tempfile::tempdir().unwrap();
    for packs in [false, true] {
        let path = dir.path().join(if packs { "log.gz" } else { "log" });
        let parts = [Part::Lines(5_000), Part::TooLong, Part::Lines(300)];
        write(&path, 0, &parts, packs);
        let read =
            |rules: &[Rule]| find_together(rules, std::slice::from_ref(&path), SMALL).unwrap();
        let alone = [read(&[rule()]), read(&[another_rule()])];
        let counts = [&alone[0], &alone[1]].map(|found| found.failures[0].len());
        assert_eq!(counts, [5_300, 530]);
        assert_eq!(read(&[rule(), another_rule()]), side_by_side(alone));
    }
}

/// Three rules of which each finds the lines of its own user.
fn rules_of_users() -> [Rule; 3] {
    ["ann", "bob", "eve"].map(|user| {
        let mut of_user = rule();
        let text = &mut of_user.patterns[0].text;
        *text = text.replace("for root", &format!("for {user}"));
        of_user
    })
}

/// A log of failures, each of one of the users, at the second that is given.
fn log_of_users(path: &Path, failures: &[(usize, u32)]) {
    let mut file = File::create(path).unwrap();
    for &(user, second) in failures {
        let user = ["ann", "bob", "eve"][user];
        let line = line(7).replace("root", user);
        let line = line.replace("00:00:00", &format!("00:00:{second:02}"));
        file.write_all(line.as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Also if stamps go back, and each log has failures of one rule alone for long.
    #[test]
    fn rules_find_in_several_logs_what_each_finds_alone(
        logs in prop::collection::vec(
            prop::collection::vec((0usize..3, 0u32..60, 1usize..80), 0..12),
            1..4,
        ),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (n, runs) in logs.iter().enumerate() {
            let runs = runs.iter();
            let failures = runs.flat_map(|&(user, second, count)| {
                std::iter::repeat_n((user, second), count)
            });
            files.push(dir.path().join(format!("log{n}")));
            log_of_users(&files[n], &failures.collect::<Vec<_>>());
        }
        let rules = rules_of_users();
        let together = find_together(&rules, &files, SMALL).unwrap();
        let alone = rules.chunks(1).map(|rule| find_together(rule, &files, SMALL).unwrap());
        prop_assert_eq!(together, side_by_side(alone));
    }
}

/// One rule waits for the first log, the other for the second one.
#[test]
fn rules_that_wait_for_each_other_get_room_and_give_up_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["first", "second"].map(|name| dir.path().join(name));
    for (user, file) in files.iter().enumerate() {
        log_of_users(file, &vec![(user, 0); 4_000]);
    }
    let rules = &rules_of_users()[..2];
    let found = find_together(rules, &files, SMALL).unwrap();
    let counts = found.failures.iter().map(Vec::len);
    assert_eq!(counts.collect::<Vec<_>>(), [4_000; 2]);
    let narrow = Sizes {
        most_room: 4 * SMALL.room,
        ..SMALL
    };
    assert_eq!(find_together(rules, &files, narrow), None);
    assert!(find_together(&rules[..1], &files, narrow).is_some());
}
