//! Every command of the README, run as it stands there.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::kit::{PYFILTER, fixture};

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
        "cargo build --release" => {
            format!("mkdir -p target/release && cp {PYFILTER} target/release/pyfilter")
        }
        // No systemd runs in here: the units must be in place, and start what was installed.
        "sudo systemctl enable --now pyfilter.timer" => {
            "cd /etc/systemd/system && grep -qx WantedBy=timers.target pyfilter.timer && \
             test -x \"$(sed -n 's/^ExecStart=\\([^ ]*\\).*/\\1/p' pyfilter.service)\""
                .to_owned()
        }
        _ => return None,
    })
}

#[test]
fn the_first_command_shows_what_the_readme_shows() {
    let (command, shown) = commands().swap_remove(0);
    let arguments = command
        .strip_prefix("cargo run --release -- ")
        .expect("the first command runs from a clone");
    let ran = Command::new(PYFILTER)
        .args(arguments.split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("TZ", "UTC")
        .output()
        .unwrap();
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

/// A bash script's beginning: what the commands write to the host's directories
/// goes to a layer over them that is gone with the mount namespace.
fn world(layers: &Path) -> String {
    let mut script = String::from(
        "set -eu\nexport TZ=UTC PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nsudo() { \"$@\"; }\n",
    );
    let dir = layers.display();
    let _ = writeln!(script, "mkdir {dir} && mount -t tmpfs tmpfs {dir}");
    for place in ["/etc", "/usr/local/bin", "/var/lib", "/var/log"] {
        let layer = format!("{dir}{place}");
        let _ = writeln!(
            script,
            "mkdir -p {layer}/u {layer}/w\n\
             mount -t overlay overlay -o lowerdir={place},upperdir={layer}/u,workdir={layer}/w {place}"
        );
    }
    let log = fixture("auth.log");
    let _ = writeln!(script, "cp {} /var/log/auth.log", log.display());
    script
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
    let dir = tempfile::tempdir().unwrap();
    let clone = dir.path().join("pyfilter");
    let git = [
        "-c",
        "safe.directory=*",
        "clone",
        "-q",
        env!("CARGO_MANIFEST_DIR"),
    ];
    let cloned = Command::new("git").args(git).arg(&clone).status();
    assert!(cloned.unwrap().success());
    let mut script = world(&dir.path().join("layers"));
    let _ = writeln!(script, "cd {}", clone.display());
    for (command, shown) in commands() {
        script += &step(&command, &shown);
    }
    let path = dir.path().join("script");
    std::fs::write(&path, script).unwrap();
    let mut unshare = Command::new("unshare");
    let ran = unshare.args(["--mount", "--net", "bash"]).arg(&path);
    let ran = ran.output().unwrap();
    let told = [ran.stdout, ran.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(ran.status.success(), "{told}");
    assert!(told.contains("Found IP: 203.0.113.13"), "{told}");
}
