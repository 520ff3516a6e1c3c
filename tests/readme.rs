//! Every command of the README, run as it stands there.

use std::fmt::Write as _;
use std::process::Command;

use crate::kit::PYFILTER;
use crate::world::World;

const README: &str = include_str!("../README.md");

/// The commands of the README, without prompt and comment, with what the
/// README shows as their output.
fn commands() -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in README.lines() {
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
        "tests/run" => "test -x tests/run".to_owned(),
        "tests/run --boot" => "test -x tests/boot".to_owned(),
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
fn every_audit_shows_what_the_readme_shows() {
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
    assert!(compared > 0, "the README shows an audit");
}

/// The lines that run a command of the README and look at its exit status.
fn step(command: &str, shown: &str) -> String {
    let run = match command.strip_prefix("cargo run --release --") {
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

/// The README's commands one after the other, on a clone, in namespaces of
/// their own: the network is empty.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_every_command_of_the_readme_works() {
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
