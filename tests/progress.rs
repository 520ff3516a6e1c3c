//! The bar for who waits: on a terminal, after a second, gone at the end.

use std::process::Command;

use crate::kit::{PYFILTER, Ran, Sandbox, failures, needs};

const ATTACKER: &str = "203.0.113.9";

const BAN: &str = "2026-03-22 00:00:04 Found IP: 203.0.113.9 from server: web1.";

impl Sandbox {
    /// Runs a line of the shell on a terminal of so many columns; `pyfilter`
    /// in it is this one. What the terminal was sent is on stdout.
    pub(crate) fn on_terminal(&self, columns: u32, line: &str) -> Ran<'_> {
        let (config, state) = (self.path("config.json"), self.path("state"));
        let (config, state) = (config.display(), state.display());
        let mut command = Command::new("/usr/bin/script");
        let line = line.replace(
            "pyfilter",
            &format!("{PYFILTER} -c {config} --state-dir {state}"),
        );
        let line = format!("stty rows 24 cols {columns}; {line}");
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(self.path(""))
            .env_clear()
            .envs([("TZ", "UTC"), ("TERM", "xterm"), ("SHELL", "/bin/sh")])
            .env("PATH", "/usr/bin:/bin");
        // Writes the configuration.
        let _ = self.command(["list"]);
        self.end_of(command)
    }
}

/// What is left to be seen of each line: what stands behind its last return
/// or the last time it was wiped.
fn left(sent: &str) -> Vec<&str> {
    let lines = sent.split('\n').map(|line| line.trim_end_matches('\r'));
    let seen = lines.map(|line| line.rsplit(['\r', 'K']).next().unwrap());
    seen.filter(|line| !line.is_empty()).collect()
}

/// A log with so many megabytes of other things behind five failures.
fn busy(megabytes: usize) -> String {
    let line = "2026-03-22T00:00:05+00:00 web1 systemd[1]: Starting a job of the night...\n";
    failures(ATTACKER, 5) + &line.repeat((megabytes << 20) / line.len())
}

#[test]
fn a_long_reading_shows_a_bar_and_leaves_no_trace() {
    needs!("script");
    let sandbox = Sandbox::new();
    let mut megabytes = 32;
    // Long enough on this machine.
    let sent = loop {
        sandbox.file("auth.log", busy(megabytes));
        let ran = sandbox.on_terminal(40, "pyfilter scan --dry-run auth.log");
        if ran.stdout().contains("% [") {
            break ran.stdout();
        }
        megabytes *= 2;
        assert!(megabytes <= 2048, "no bar: {}", ran.stdout());
    };
    assert!(sent.contains("s left"), "{sent}");
    assert_eq!(left(&sent), ["Checking Ssh logs", BAN]);
    let mut drawn = sent.split(['\r', '\n']);
    assert!(
        drawn.all(|drawn| !drawn.contains('%') || drawn.replace("\x1b[2K", "").len() <= 40),
        "{sent}"
    );
}

/// Lines that come slowly on standard input, which has no size.
const SLOWLY: &str = "(cat auth.log; sleep 2; cat auth.log)";

#[test]
fn what_has_no_size_shows_how_much_was_read() {
    needs!("script");
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let line = format!("{SLOWLY} | pyfilter match --rule ssh - > found; wc -l found");
    let sent = sandbox.on_terminal(80, &line).stdout();
    assert!(sent.contains("485 B, "), "{sent}");
    assert!(sent.contains("1 file"), "{sent}");
    assert_eq!(left(&sent), ["10 found"]);
}

#[test]
fn where_the_lines_themselves_are_seen_there_is_no_bar() {
    needs!("script");
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    for line in ["", "| cat", "2>/dev/null"] {
        let line = format!("{SLOWLY} | pyfilter match --rule ssh - {line}");
        let sent = sandbox.on_terminal(80, &line).stdout();
        assert_eq!(sent.lines().count(), 10, "{sent}");
        assert!(!sent.contains('\x1b'), "{sent}");
    }
}

#[test]
fn nobody_who_does_not_wait_is_shown_a_bar() {
    needs!("script");
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    for (line, shown) in [
        ("pyfilter audit -", true),
        ("pyfilter -q audit -", false),
        ("pyfilter audit - 2>errors", false),
        ("pyfilter audit - | cat", false),
    ] {
        let sent = sandbox.on_terminal(80, &format!("{SLOWLY} | {line}"));
        assert_eq!(sent.stdout().contains("1 file"), shown, "{line}");
        sent.says("10 failures from 1 address");
    }
}
