//! Every command of the README, of `docs` and of the guide for contributors, run as it
//! stands there, and every link.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::kit::{PYFILTER, Sandbox, failures};
use crate::world::World;

const GUIDE: &str = ".github/CONTRIBUTING.md";

/// A newcomer reads the README in three screens.
const LONGEST: usize = 150;

/// A page for people.
struct Page {
    path: PathBuf,
    text: String,
}

/// The README, then `docs` by name.
fn pages() -> Vec<Page> {
    pages_of(&["README.md", "docs"])
}

/// These files, and the pages that stand in these directories.
fn pages_of(places: &[&str]) -> Vec<Page> {
    let mut paths = Vec::new();
    for place in places {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
        if place.is_dir() {
            let entries = place.read_dir().unwrap();
            let mut below: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
            below.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
            below.sort();
            paths.append(&mut below);
        } else {
            paths.push(place);
        }
    }
    let page = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        Page { path, text }
    };
    paths.into_iter().map(page).collect()
}

/// The commands of the pages and of the guide, without prompt and comment, with what is
/// shown as their output.
fn commands() -> Vec<(String, String)> {
    let mut pages = pages();
    pages.extend(pages_of(&[GUIDE]));
    pages.iter().flat_map(commands_of).collect()
}

fn commands_of(page: &Page) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            let command = command.split(" #").next().unwrap_or_default();
            commands.push((command.trim_end().to_owned(), String::new()));
        } else if inside {
            let (_, output) = commands
                .last_mut()
                .expect("output stands behind its command");
            let _ = writeln!(output, "{line}");
        }
    }
    commands
}

/// What the test does in place of a command that would change this machine,
/// or run the tests within the tests.
fn stand_in(command: &str) -> Option<String> {
    Some(match command {
        "cargo test" | "tests/run --lint" | "sudo -E tests/run" => "test -x tests/run".to_owned(),
        "sudo -E tests/run --boot" => "test -x tests/boot".to_owned(),
        "sudo -E tests/run --services [--release trixie] [NAME…]" => {
            "test -x tests/services".to_owned()
        }
        // The machine has what is built with, and the network here is empty.
        "sudo apt install git gcc libc6-dev" => "command -v git cc".to_owned(),
        clone if clone.starts_with("git clone ") => {
            "test -e .git -a -e fixtures/auth.log".to_owned()
        }
        "cargo build --release" => {
            format!("mkdir -p target/release && cp {PYFILTER} target/release/pyfilter")
        }
        _ => return None,
    })
}

/// pyfilter in a clone, as who has just made it.
fn in_clone() -> Command {
    let mut command = Command::new(PYFILTER);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("TZ", "UTC");
    command
}

#[test]
fn the_first_command_shows_what_the_readme_shows() {
    let mut commands = commands().into_iter();
    let (arguments, shown) = commands
        .find_map(|(command, shown)| {
            let arguments = command.strip_prefix("cargo run --release -- ")?;
            Some((arguments.to_owned(), shown))
        })
        .expect("the first command runs from a clone");
    let ran = in_clone().args(arguments.split(' ')).output().unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let stdout = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        stdout.replace(&format!("server: {}.", host.trim()), "server: web1."),
        shown
    );
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn every_audit_shows_what_its_page_shows() {
    let mut compared = 0;
    for (command, shown) in commands() {
        let Some(arguments) = command.strip_prefix("pyfilter audit ") else {
            continue;
        };
        if shown.is_empty() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let ran = in_clone()
            .args(["audit", "--state-dir"])
            .arg(dir.path())
            .args(arguments.split(' '))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), shown, "{command}");
        assert!(ran.status.success() && ran.stderr.is_empty(), "{command}");
        compared += 1;
    }
    assert!(compared > 0, "a page shows an audit");
}

/// The lines that run a command of a page and look at its exit status.
fn step(command: &str, shown: &str) -> String {
    let mut from_clone = ["cargo run --release --", "cargo run --"].into_iter();
    let arguments = from_clone.find_map(|cargo| command.strip_prefix(cargo));
    let run = match arguments {
        Some(arguments) => format!("{PYFILTER}{arguments}"),
        None => stand_in(command).unwrap_or_else(|| command.to_owned()),
    };
    // A command that shows faults ends with 2; all others with 0.
    let expected = if shown.contains(": settings.") { 2 } else { 0 };
    let name = command.replace('\'', "");
    format!(
        "status=0; ( {run} ) || status=$?\n\
         test $status = {expected} || {{ echo \"status $status of: \"'{name}'; exit 1; }}\n"
    )
}

/// The commands of all pages one after the other, on a clone, in namespaces of
/// their own: the network is empty.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_every_command_of_the_readme_and_of_docs_works() {
    let world = World::new();
    let clone = world.dir().join("pyfilter");
    let git = [
        "-c",
        "safe.directory=*",
        "clone",
        "-q",
        env!("CARGO_MANIFEST_DIR"),
    ];
    let cloned = Command::new("git").args(git).arg(&clone).status();
    assert!(cloned.unwrap().success());
    let mut script = format!("cd {}\n", clone.display());
    for (command, shown) in commands() {
        script += &step(&command, &shown);
    }
    let told = world.run(&script);
    assert!(told.contains("Found IP: 203.0.113.13"), "{told}");
}

#[test]
fn the_readme_is_short_and_names_every_page() {
    let pages = pages();
    let (readme, docs) = pages.split_first().unwrap();
    let lines = readme.text.lines().count();
    assert!(lines <= LONGEST, "README.md has {lines} lines");
    assert!(docs.len() > 5);
    for page in docs {
        let name = page.path.file_name().unwrap().to_str().unwrap();
        let link = format!("](docs/{name})");
        assert!(readme.text.contains(&link), "README.md names docs/{name}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages_of(&["README.md", "docs", ".github", "fuzz/README.md"]);
    let mut faults = Vec::new();
    for page in &pages {
        for link in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            let leads = target.exists()
                && (anchor.is_empty() || {
                    let text = fs::read_to_string(&target).unwrap();
                    anchors(&text).contains(anchor)
                });
            if !leads {
                faults.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The house is as its guide says: each path in backticks is there, but those with a name
/// in capitals.
#[test]
fn every_path_of_the_guide_is_there() {
    let [guide] = &pages_of(&[GUIDE])[..] else {
        panic!("there is one guide")
    };
    let words = guide.text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let begins = ["src/", "tests/", "fixtures/", "benches/", "docs/", "fuzz/"];
        begins.iter().any(|begin| word.starts_with(begin))
    };
    let is_example = |word: &&str| word.contains("NAME") || word.contains("SECONDS");
    let paths = words.filter(is_path).filter(|word| !is_example(word));
    // `tests/run --lint` is the program `tests/run`.
    let paths: Vec<&str> = paths
        .filter_map(|word| word.split_whitespace().next())
        .collect();
    assert!(paths.len() > 20, "{paths:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gone: Vec<&&str> = paths
        .iter()
        .filter(|path| !root.join(path).exists())
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Where the links of a page lead: `a` of `[text](a)`.
fn links(text: &str) -> Vec<&str> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them: `un-ban-by-editor`
/// of `## Un-ban by editor`.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.replace(|c: char| !c.is_alphanumeric() && !" -_".contains(c), "");
        kept.replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// What the commands with `--json` print: `docs/json.md` has every key of it.
#[test]
fn the_page_on_json_has_every_key() {
    let page = include_str!("../docs/json.md");
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 7));
    let log = sandbox.path("auth.log");
    let log = log.to_str().unwrap();
    let mut keys = BTreeSet::new();
    let commands: &[&[&str]] = &[
        &["scan", "--json"],
        &["list", "--json"],
        &["explain", "--json", "203.0.113.9"],
        &["explain", "--json", "203.0.113.10"],
        &["match", "--rule", "ssh", "--json", log],
        &["match", "--rule", "ssh", "--json", "--unmatched", log],
        &["audit", "--json", "--what-if", "ban_time=1h"],
        &["check", "--json"],
        &["unban", "--json", "203.0.113.9"],
    ];
    for command in commands {
        let printed = sandbox.run(*command).stdout();
        let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
        for document in documents {
            keys_of(&document.unwrap(), &mut keys);
        }
    }
    assert!(keys.len() > 60, "{keys:?}");
    // The rules of an address are named after the rules.
    keys.remove("ssh");
    keys.retain(|key| !page.contains(&format!("`{key}`")));
    assert!(keys.is_empty(), "docs/json.md does not have {keys:?}");
}

fn keys_of(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.insert(key.clone());
                keys_of(value, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
        _ => {}
    }
}
