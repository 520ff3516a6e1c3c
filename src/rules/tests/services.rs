//! Walks `truth.tsv` of `fixtures/services/NAME` and `NAME-trixie`: what real services
//! logged under attack, and what each rule has to find of it. `fixtures/services/README.md`
//! tells the format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::DateTime;

use super::samples::clock;
use crate::config::Config;
use crate::model::Address;
use crate::rules::{Matcher, Proof, all, builtin};

/// What was done to a service, and what its logs tell of it.
struct Truth {
    folder: PathBuf,
    recorded: String,
    /// The files that its head names.
    logs: BTreeSet<String>,
    rows: Vec<Row>,
}

/// What one client did, as one log tells one rule of it.
struct Row {
    rule: String,
    log: String,
    address: Address,
    failures: RangeInclusive<u32>,
    kind: String,
    tried: String,
}

/// What a rule finds in a log.
struct Found {
    failures: BTreeMap<Address, u32>,
    /// When the first and the last failure were.
    times: Option<(i64, i64)>,
    host_names: u64,
    bad_times: u64,
}

/// What the folders of Debian 13 end with.
const TRIXIE: &str = "-trixie";

const KINDS: [&str; 6] = ["failed", "good", "other", "hostile", "named", "forged"];

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/services")
}

/// `3`, or `0-1`.
fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let range = least.parse().ok()?..=most.parse().ok()?;
    (!range.is_empty()).then_some(range)
}

fn row(line: &str) -> Option<Row> {
    let [rule, log, address, failures, kind, tried] =
        line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    KINDS.contains(&kind).then_some(())?;
    Some(Row {
        rule: rule.to_owned(),
        log: log.to_owned(),
        address: Address::parse(address.as_bytes())?,
        failures: range(failures)?,
        kind: kind.to_owned(),
        tried: tried.to_owned(),
    })
}

impl Truth {
    fn read(folder: PathBuf) -> Self {
        let path = folder.join("truth.tsv");
        let text = fs::read_to_string(&path).unwrap();
        let (head, rows): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('#'));
        let says = |what: &'static str| head.iter().filter_map(move |line| line.strip_prefix(what));
        let first_word = |text: &str| text.split(' ').next().unwrap().to_owned();
        let bad = |line: &str| panic!("{}: no row of six fields: {line}", path.display());
        Truth {
            recorded: says("# recorded: ").next().unwrap().to_owned(),
            logs: says("# log: ").map(first_word).collect(),
            rows: (rows
                .iter()
                .map(|line| row(line).unwrap_or_else(|| bad(line))))
            .collect(),
            folder,
        }
    }

    fn all() -> Vec<Truth> {
        let folders = fs::read_dir(services()).unwrap();
        let mut folders: Vec<_> = folders.map(|folder| folder.unwrap().path()).collect();
        folders.sort();
        folders.retain(|folder| folder.join("truth.tsv").exists());
        folders.into_iter().map(Truth::read).collect()
    }

    /// The rows of each pair of rule and log.
    fn pairs(&self) -> BTreeMap<(&str, &str), Vec<&Row>> {
        let mut pairs: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            pairs.entry((&*row.rule, &*row.log)).or_default().push(row);
        }
        pairs
    }

    /// What a rule finds in a log, as a run reads it.
    fn find(&self, rule: &str, log: &str) -> Found {
        let config = Config::defaults(Path::new("/"));
        let rule = config.rule_named(rule).unwrap();
        let mut matcher = Matcher::new(&rule, clock(&self.recorded)).unwrap();
        let bytes = fs::read(self.folder.join(log)).unwrap();
        let mut failures = BTreeMap::new();
        let mut times = None;
        let totals = matcher.scan(&bytes, 0, |failure, _| {
            *failures.entry(failure.address).or_default() += failure.count;
            let at = failure.at.to_rfc3339();
            let at = DateTime::parse_from_rfc3339(&at).unwrap().timestamp();
            let (first, last) = times.get_or_insert((at, at));
            (*first, *last) = (at.min(*first), at.max(*last));
        });
        Found {
            failures,
            times,
            host_names: totals.host_names,
            bad_times: totals.bad_times,
        }
    }

    /// What a rule finds otherwise than the rows say, a line each.
    fn faults(&self, rule: &str, log: &str, rows: &[&Row]) -> String {
        let found = self.find(rule, log);
        let place = format!("{}/{log}: {rule}:", self.folder.display());
        let mut faults = String::new();
        let mut fault = |what: &str| writeln!(faults, "{place} {what}").unwrap();
        let is_forged = rows.iter().any(|row| row.kind == "forged");
        if is_forged && builtin(rule).unwrap().forgeable.is_none() {
            fault("clients write whole lines, and the rule does not say that they can");
        }
        let mut by_address: BTreeMap<Address, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            by_address.entry(row.address).or_default().push(row);
        }
        for (address, rows) in &by_address {
            let least: u32 = rows.iter().map(|row| row.failures.start()).sum();
            let most: u32 = rows.iter().map(|row| row.failures.end()).sum();
            let counted = found.failures.get(address).copied().unwrap_or(0);
            let wrote_lines = rows.iter().any(|row| row.kind == "forged");
            if !wrote_lines && !(least..=most).contains(&counted) {
                let tried = rows.iter().map(|row| format!("{} {}", row.kind, row.tried));
                let tried = tried.collect::<Vec<_>>().join("; ");
                fault(&format!("{address} {least}-{most}, not {counted}: {tried}"));
            }
        }
        let clients: BTreeSet<Address> = self.rows.iter().map(|row| row.address).collect();
        for (address, counted) in &found.failures {
            // Forged lines name whom they like.
            if !is_forged && !clients.contains(address) {
                fault(&format!(
                    "{address} is named {counted} times and was not there"
                ));
            }
        }
        let recorded = DateTime::parse_from_rfc3339(&self.recorded).unwrap();
        let day = 24 * 60 * 60;
        let (earliest, latest) = (recorded.timestamp() - day, recorded.timestamp() + day);
        if found.bad_times != 0 {
            fault(&format!("{} stamps can not be read", found.bad_times));
        }
        if let Some((first, last)) = found.times
            && !(earliest <= first && last <= latest)
        {
            fault(&format!("the stamps are of {first} to {last}"));
        }
        let named = rows.iter().filter(|row| row.kind == "named").count();
        if found.host_names < named as u64 {
            fault(&format!("{} lines with host names", found.host_names));
        }
        faults
    }
}

/// The services of which, as the README says, no single line tells who failed.
fn silent() -> BTreeSet<String> {
    let text = fs::read_to_string(services().join("README.md")).unwrap();
    let title = "\n## Services of which no single line tells who failed\n";
    let (_, table) = text.split_once(title).unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let word = |row: &str| row.split([' ', ',']).next().unwrap().to_owned();
    rows.map(word).filter(|word| *word != "service").collect()
}

#[test]
fn of_real_services_each_failed_attempt_counts_and_nobody_who_was_only_named() {
    let silent = silent();
    let mut faults = String::new();
    for truth in Truth::all() {
        for ((rule, log), rows) in truth.pairs() {
            if builtin(rule).is_some() {
                faults += &truth.faults(rule, log, &rows);
            } else if !silent.contains(rule) {
                let path = truth.folder.display();
                writeln!(faults, "{path}: the library has no rule {rule}").unwrap();
            } else if rows.iter().any(|row| *row.failures.end() > 0) {
                let path = truth.folder.display();
                writeln!(
                    faults,
                    "{path}: a line of {rule} tells who failed, and no rule reads it"
                )
                .unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Else a log could be there, and nobody look into it; or it could have gone.
#[test]
fn each_recipe_has_a_truth_about_each_of_its_logs() {
    let recipes = fs::read_dir(services().join("../../tests/services.d")).unwrap();
    let recipes = recipes.map(|recipe| recipe.unwrap().file_name().into_string().unwrap());
    let recipes: BTreeSet<String> = recipes.filter(|name| !name.contains('.')).collect();
    let truths = Truth::all();
    let folders = truths
        .iter()
        .map(|truth| truth.folder.file_name().unwrap().to_str().unwrap());
    // Debian 13 has not all of the packages.
    let (trixie, bookworm): (Vec<_>, Vec<_>) = folders.partition(|name| name.ends_with(TRIXIE));
    let bookworm: BTreeSet<String> = bookworm.into_iter().map(str::to_owned).collect();
    assert_eq!(bookworm, recipes);
    for folder in trixie {
        let name = folder.strip_suffix(TRIXIE).unwrap();
        assert!(recipes.contains(name), "no recipe has made {folder}");
    }
    for truth in &truths {
        let files = fs::read_dir(&truth.folder).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let logs: BTreeSet<String> = files.filter(|file| file != "truth.tsv").collect();
        let path = truth.folder.display();
        assert_eq!(logs, truth.logs, "{path}: the logs in the head");
        let told = truth.rows.iter().map(|row| row.log.clone());
        let told: BTreeSet<String> = told.collect();
        assert!(told.is_subset(&logs), "{path}: {told:?}");
        let untold: Vec<_> = (logs.difference(&told))
            .filter(|log| *log != "journal.journal-export")
            .collect();
        assert!(untold.is_empty(), "{path}: no row tells of {untold:?}");
    }
}

/// The rules whose recordings are of an earlier time, with a story and tests of their own.
const RECORDED_BEFORE: [&str; 6] = [
    "ssh",
    "mysql",
    "apache",
    "nginx",
    "mariadb-audit",
    "wordpress",
];

#[test]
fn each_rule_that_is_proven_on_a_service_has_a_recording_of_it() {
    let truths = Truth::all();
    let rows = truths.iter().flat_map(|truth| &truth.rows);
    let recorded: BTreeSet<&str> = rows.map(|row| &*row.rule).collect();
    for rule in all().filter(|rule| !RECORDED_BEFORE.contains(&rule.name)) {
        let is_proven = matches!(rule.proof, Proof::Service(_));
        let name = rule.name;
        assert_eq!(
            is_proven,
            recorded.contains(name),
            "{name}: {:?}",
            rule.proof
        );
    }
}
