//! A rotation that goes on, step by step, at each moment of a run.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::bytes::bytes_at;
use super::super::checkpoint::{ReadAgain, checkpoint};
use super::super::discover::discover;
use super::super::part::PartKind;
use super::super::reading::Reading;
use super::super::segment::Content;
use super::*;
use crate::model::SourceSpec;

/// A step of a rotation that nothing can come in between of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Rename(String, String),
    Create,
    CopyHalf,
    CopyRest,
    Truncate,
    PackHalf(String),
    PackRest(String),
    Unlink(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create { packs: bool },
    CopyTruncate { packs: bool },
    Copy,
}

/// A log, its service and its rotation. What happens next is in `script`.
struct World {
    dir: tempfile::TempDir,
    mode: Mode,
    script: VecDeque<u8>,
    steps: VecDeque<Step>,
    lines: u32,
    /// Lines that were written between the copy and the cut.
    between: Vec<u32>,
    copied: bool,
    /// Copies of the log while nothing was in it: when the log is cut then, nothing
    /// shows that it was copied, and a gap must be told.
    empty_copies: usize,
    powerless: bool,
}

fn line(n: u32) -> String {
    format!(
        "{n:08} is line {n} of the log, which is so long that a few of them are more than is kept of a head\n"
    )
}

impl World {
    fn new(mode: Mode, script: Vec<u8>, powerless: bool) -> Self {
        // In memory if that can be: a file system on a disk writes what was cut at once.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.unwrap();
        fs::write(dir.path().join("log"), "").unwrap();
        World {
            dir,
            mode,
            script: script.into(),
            steps: VecDeque::new(),
            lines: 0,
            between: Vec::new(),
            copied: false,
            empty_copies: 0,
            powerless,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&mut self, lines: u32) {
        let mut log = fs::OpenOptions::new();
        // While the log is not there its service writes nowhere.
        let Ok(mut log) = log.append(true).open(self.path("log")) else {
            return;
        };
        for _ in 0..lines {
            log.write_all(line(self.lines).as_bytes()).unwrap();
            if self.copied {
                self.between.push(self.lines);
            }
            self.lines += 1;
        }
    }

    /// What the next byte of the script says.
    fn act(&mut self) -> bool {
        let Some(byte) = self.script.pop_front() else {
            return false;
        };
        match byte % 16 {
            0..=3 => {}
            4..=8 => self.write(u32::from(byte) / 32 + 1),
            9 if self.powerless => {
                self.steps.clear();
                self.copied = false;
                // Its service starts again, and opens its log.
                if !self.path("log").exists() {
                    self.take(&Step::Create);
                }
            }
            _ => self.step(),
        }
        byte % 2 == 0
    }

    fn step(&mut self) {
        if self.steps.is_empty() {
            self.steps = self.rotation();
        }
        if let Some(step) = self.steps.pop_front() {
            self.take(&step);
        }
    }

    fn rotation(&self) -> VecDeque<Step> {
        let mut steps = VecDeque::new();
        for n in (1..40).rev() {
            for ending in ["", ".gz"] {
                let name = format!("log.{n}{ending}");
                if self.path(&name).exists() {
                    steps.push_back(Step::Rename(name, format!("log.{}{ending}", n + 1)));
                }
            }
        }
        let packed = ["log.1".to_owned()];
        let (packs, make): (bool, &[Step]) = match self.mode {
            Mode::Create { packs } => (
                packs,
                &[Step::Rename("log".into(), "log.1".into()), Step::Create],
            ),
            Mode::CopyTruncate { packs } => {
                (packs, &[Step::CopyHalf, Step::CopyRest, Step::Truncate])
            }
            Mode::Copy => (true, &[Step::CopyHalf, Step::CopyRest]),
        };
        steps.extend(make.iter().cloned());
        for name in packed.into_iter().filter(|_| packs) {
            steps.push_back(Step::PackHalf(name.clone()));
            steps.push_back(Step::PackRest(name.clone()));
            steps.push_back(Step::Unlink(name));
        }
        steps
    }

    fn take(&mut self, step: &Step) {
        let log = || fs::read(self.path("log")).unwrap();
        let pack = |name: &String| {
            let text = fs::read(self.path(name)).unwrap();
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&text).unwrap();
            (self.path(&format!("{name}.gz")), packed.finish().unwrap())
        };
        match step {
            Step::Rename(from, to) => fs::rename(self.path(from), self.path(to)).unwrap(),
            Step::Create => fs::write(self.path("log"), "").unwrap(),
            Step::CopyHalf => {
                let text = log();
                fs::write(self.path("log.1"), &text[..text.len() / 2]).unwrap();
            }
            Step::CopyRest => {
                let text = log();
                self.empty_copies += usize::from(text.is_empty());
                fs::write(self.path("log.1"), text).unwrap();
                self.copied = matches!(self.mode, Mode::CopyTruncate { .. });
            }
            Step::Truncate => {
                let file = fs::OpenOptions::new().write(true).open(self.path("log"));
                file.unwrap().set_len(0).unwrap();
                self.copied = false;
            }
            Step::PackHalf(name) => {
                let (path, packed) = pack(name);
                fs::write(path, &packed[..packed.len() / 2]).unwrap();
            }
            Step::PackRest(name) => {
                let (path, packed) = pack(name);
                fs::write(path, packed).unwrap();
            }
            Step::Unlink(name) => fs::remove_file(self.path(name)).unwrap(),
        }
    }
}

/// What runs have come to.
#[derive(Default)]
struct Runs {
    known: Vec<Generation>,
    counted: Vec<u32>,
    problems: Vec<String>,
}

impl Runs {
    /// One run, with the world moving at each of its moments.
    fn run(&mut self, world: &mut World) {
        self.run_watched(world, &mut |world, _| while world.act() {});
    }

    /// The same, with `at` moving it.
    fn run_watched(&mut self, world: &mut World, at: &mut dyn FnMut(&mut World, LookMoment)) {
        let log = Log {
            name: world.path("log"),
            live: true,
            named: BTreeSet::new(),
        };
        for _ in 0..3 {
            let logs = [(&log, &self.known[..])];
            let mut watch = |moment| at(world, moment);
            let mut all = follow_watched(&logs, &[], &[], 1_800_000_000, &mut watch);
            let mut followed = all.pop().unwrap();
            watch(LookMoment::Planned);
            let mut texts = Vec::new();
            followed.parts.retain(|part| part.segment.is_some());
            for part in &mut followed.parts {
                texts.push(read(part));
                watch(LookMoment::Planned);
            }
            let parts = std::mem::take(&mut followed.parts);
            let generations = &mut followed.generations;
            if parts
                .iter()
                .try_for_each(|part| go_on(part, generations))
                .is_err()
            {
                continue;
            }
            for text in &texts {
                let numbers = text.lines().map(|line| line[..8].parse::<u32>().unwrap());
                self.counted.extend(numbers);
            }
            let told = followed.problems.into_iter().map(|problem| problem.message);
            self.problems.extend(told);
            self.known = followed.generations;
            return;
        }
    }
}

/// Notes how far a part was read.
fn go_on(part: &InputPart, generations: &mut [Generation]) -> Result<(), ReadAgain> {
    let PartKind::Generation(number, opened) = &part.kind else {
        unreachable!("what is followed is a generation");
    };
    let generation = &mut generations[*number];
    *generation = checkpoint(opened, generation, &part.reading)?;
    Ok(())
}

/// Reads a part as the scanner does, and returns its text.
fn read(part: &mut InputPart) -> String {
    let mut reading = Reading {
        end: part.from,
        ..Reading::default()
    };
    let mut bytes = Vec::new();
    match part.segment.take().unwrap().content {
        Content::Plain(file, range) => {
            bytes = bytes_at(&*file, range.start, range.end - range.start).unwrap();
            reading.cut_short = (bytes.len() as u64) < range.end - range.start;
        }
        Content::Stream {
            mut stream, from, ..
        } => {
            reading.error = stream.read_to_end(&mut bytes).err();
            let from = usize::try_from(from).unwrap().min(bytes.len());
            bytes.drain(..from);
        }
    }
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1);
    reading.rest = (bytes.len() - end) as u64;
    bytes.truncate(end);
    reading.end += end as u64;
    if part.from == 0 {
        reading.head = bytes[..bytes.len().min(1024)].to_vec();
    }
    reading.tail = bytes[bytes.len().saturating_sub(1024)..].to_vec();
    part.reading = reading;
    String::from_utf8(bytes).unwrap()
}

fn hold(mode: Mode, script: Vec<u8>, powerless: bool) {
    let mut world = World::new(mode, Vec::new(), powerless);
    let mut runs = Runs::default();
    runs.run(&mut world);
    world.script = script.into();
    while !world.script.is_empty() {
        runs.run(&mut world);
        world.act();
    }
    settle_down(&mut world, &mut runs);
    let wrong = runs.wrong(&world);
    assert!(wrong.is_empty(), "{wrong}");
}

fn settle_down(world: &mut World, runs: &mut Runs) {
    while !world.steps.is_empty() {
        world.step();
    }
    runs.run(world);
    runs.run(world);
}

impl Runs {
    /// What is wrong with what runs have come to, if anything.
    fn wrong(&self, world: &World) -> String {
        let mut times: BTreeMap<u32, u32> = (0..world.lines).map(|n| (n, 0)).collect();
        for n in &self.counted {
            *times.get_mut(n).unwrap() += 1;
        }
        let between = |n: &u32| world.between.contains(n);
        times.retain(|n, &mut times| times > 1 || times == 0 && !between(n));
        let told = self.problems.iter();
        let alarms = told.filter(|told| !told.contains("faster than it can be looked at"));
        let mut true_gaps = world.empty_copies;
        let false_alarms = alarms.filter(|told| {
            let is_true = true_gaps > 0 && told.contains("how much is not known");
            true_gaps -= usize::from(is_true);
            !is_true
        });
        let mut wrong: Vec<String> = false_alarms.cloned().collect();
        if !times.is_empty() {
            wrong.push(format!("line, and how often it counted: {times:?}"));
        }
        if !self.counted.is_sorted() {
            wrong.push(format!("out of order: {:?}", self.counted));
        }
        wrong.join("; ")
    }
}

/// A rotation that stands at any step when a run begins, and takes any number
/// of steps at any moment of it, with or without a service that writes.
#[test]
fn at_whatever_moment_a_rotation_goes_on_each_line_counts_once() {
    let moments = [
        "Listed",
        "LiveOpened",
        "Opened",
        "Claimed",
        "Recognised",
        "Planned",
    ];
    let modes = [
        Mode::Create { packs: false },
        Mode::Create { packs: true },
        Mode::CopyTruncate { packs: false },
        Mode::CopyTruncate { packs: true },
        Mode::Copy,
    ];
    let mut wrong = Vec::new();
    for (mode, moment, before, at_once, writes, read) in combinations(&modes, &moments) {
        let mut world = World::new(mode, Vec::new(), false);
        let mut runs = Runs::default();
        runs.run(&mut world);
        world.write(3);
        if read {
            runs.run(&mut world);
        }
        // One rotation is over, of the next some steps are.
        (0..8)
            .take_while(|_| {
                world.step();
                !world.steps.is_empty()
            })
            .count();
        runs.run(&mut world);
        world.write(4);
        if read {
            runs.run(&mut world);
            world.write(5);
        }
        (0..before).for_each(|_| world.step());
        let mut due = true;
        runs.run_watched(&mut world, &mut |world, at| {
            if due && format!("{at:?}") == moment {
                due = false;
                for _ in 0..at_once {
                    world.step();
                    world.write(writes);
                }
            }
        });
        settle_down(&mut world, &mut runs);
        let found = runs.wrong(&world);
        if !found.is_empty() {
            wrong.push(format!("{mode:?}, {before} steps before, {at_once} at {moment}, {writes} lines written, read before {read}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// All combinations.
fn combinations<'a>(
    modes: &[Mode],
    moments: &[&'a str],
) -> Vec<(Mode, &'a str, usize, usize, u32, bool)> {
    let mut all = Vec::new();
    for &mode in modes {
        for &moment in moments {
            for before in 0..6 {
                for at_once in [1, 2, 4] {
                    for writes in [0, 9] {
                        all.extend(
                            [false, true].map(|read| (mode, moment, before, at_once, writes, read)),
                        );
                    }
                }
            }
        }
    }
    all
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        any::<bool>().prop_map(|packs| Mode::Create { packs }),
        any::<bool>().prop_map(|packs| Mode::CopyTruncate { packs }),
        Just(Mode::Copy),
    ]
}

/// Runs of a rule that reads the log and whatever stands in `names`.
#[derive(Default)]
struct Named {
    known: BTreeMap<PathBuf, Vec<Generation>>,
    counted: Vec<u32>,
}

impl Named {
    fn run(&mut self, world: &mut World) {
        let specs = ["log", "names/*"].map(|name| SourceSpec::Files(world.path(name)));
        for _ in 0..3 {
            let logs = discover(&specs).logs;
            let mut orphans = self.known.clone();
            let known: Vec<Vec<Generation>> = (logs.iter())
                .map(|log| orphans.remove(&log.name).unwrap_or_default())
                .collect();
            let orphans: Vec<Generation> = orphans.into_values().flatten().collect();
            let wanted: Vec<_> = logs.iter().zip(known.iter().map(Vec::as_slice)).collect();
            let mut watch = |_| while world.act() {};
            let all = follow_watched(&wanted, &orphans, &[], 1_800_000_000, &mut watch);
            let (mut now, mut counted) = (Vec::new(), Vec::new());
            let settled = all.into_iter().try_for_each(|mut followed| {
                followed.parts.retain(|part| part.segment.is_some());
                for part in &mut followed.parts {
                    let text = read(part);
                    watch(LookMoment::Planned);
                    go_on(part, &mut followed.generations)?;
                    counted.extend(text.lines().map(|line| line[..8].parse::<u32>().unwrap()));
                }
                now.push(followed.generations);
                Ok::<(), ReadAgain>(())
            });
            if settled.is_ok() {
                let names = logs.into_iter().map(|log| log.name);
                self.known.extend(names.zip(now));
                self.counted.extend(counted);
                return;
            }
        }
    }
}

/// A second name that is made and taken away between the steps of rotations.
fn hold_under_names(mode: Mode, script: &[(u8, Vec<u8>)]) {
    let mut world = World::new(mode, Vec::new(), false);
    fs::create_dir(world.path("names")).unwrap();
    let mut runs = Named::default();
    runs.run(&mut world);
    for (byte, steps) in script {
        let name = world.path("names").join(format!("{}", byte / 8 % 3));
        match byte % 8 {
            // A link to nowhere is no name of the log.
            0 if world.path("log").exists() => {
                let _ = std::os::unix::fs::symlink(world.path("log"), name);
            }
            // That two names are one file is known from a run that met both.
            1 | 2 => {
                let _ = fs::hard_link(world.path("log"), name);
                runs.run(&mut world);
            }
            // What is unread may have no other name.
            3 => {
                runs.run(&mut world);
                let _ = fs::remove_file(name);
            }
            _ => {}
        }
        world.script = steps.clone().into();
        while !world.script.is_empty() {
            runs.run(&mut world);
            world.act();
        }
    }
    while !world.steps.is_empty() {
        world.step();
    }
    runs.run(&mut world);
    runs.run(&mut world);
    let mut times: BTreeMap<u32, u32> = (0..world.lines).map(|n| (n, 0)).collect();
    for n in &runs.counted {
        *times.get_mut(n).unwrap() += 1;
    }
    times.retain(|n, &mut times| times > 1 || times == 0 && !world.between.contains(n));
    assert!(
        times.is_empty(),
        "line, and how often it counted: {times:?}"
    );
}

/// `names/2` and `names/0` are links to the log. While it is rotated a run meets the new
/// file under `names/0` alone, reads it, and a hard link `names/1` keeps it when it is
/// packed.
#[test]
fn a_file_that_was_read_under_a_link_and_kept_by_another_counts_once() {
    hold_under_names(
        Mode::Create { packs: true },
        &[
            (232, vec![]),
            (0, vec![81, 89, 137, 196]),
            (153, vec![137, 57, 9, 9, 9, 57, 9, 73, 57]),
        ],
    );
}

/// Between the listing and the opening `log.1` is unlinked and `log` takes its name: both
/// names are one file then, and that file is as the last run left it.
#[test]
fn a_name_that_became_another_file_since_it_was_listed_is_no_quiet_look() {
    hold_under_names(
        Mode::Create { packs: true },
        &[(225, vec![84, 105, 185, 233, 105]), (121, vec![108, 57, 9])],
    );
}

/// What `log.1.gz` is a copy of was read under `names/0` once, which remembers that it was
/// met. When the copy is renamed it still is that copy.
#[test]
fn a_copy_stays_one_whatever_another_name_remembers() {
    hold_under_names(
        Mode::Create { packs: true },
        &[
            (120, vec![177, 9, 41, 100]),
            (105, vec![20, 41, 57, 9, 105, 169, 41, 57, 89, 9]),
            (0, vec![185]),
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_rotation_does_at_whatever_moment_each_line_counts_once(
        mode in modes(),
        script in prop::collection::vec(any::<u8>(), 0..250),
    ) {
        hold(mode, script, false);
    }

    #[test]
    fn a_log_of_several_names_counts_once_whatever_a_rotation_does(
        mode in modes(),
        script in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        hold_under_names(mode, &script);
    }

    #[test]
    fn a_rotation_that_loses_power_counts_nothing_twice(
        mode in modes(),
        script in prop::collection::vec(any::<u8>(), 0..250),
    ) {
        hold(mode, script, true);
    }
}
