//! Runs a program with a text on its standard input, and for a bounded time.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// What a program that ended left behind.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

pub(super) enum Trouble {
    NotStarted(io::Error),
    Hung,
}

/// More than a million rules; a program that prints more is not listing rules.
const MOST_OUTPUT: u64 = 256 << 20;

/// Runs `program` in the C locale. It is killed when it has not ended, and
/// closed its output, within `patience`.
///
/// Input is written and both outputs are read at the same time, each by a
/// thread, so that no full pipe can stop the other side. The threads are not
/// waited for once patience ends: a child of the child may hold the pipes open.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    input: Vec<u8>,
    patience: Duration,
) -> Result<Finished, Trouble> {
    let deadline = Instant::now() + patience;
    let mut child = start(program, arguments).map_err(Trouble::NotStarted)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read all says why by its status.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let stdout = child.stdout.take().map(drain);
    let stderr = child.stderr.take().map(drain);
    let finished = (|| {
        let stdout = stdout?.recv_timeout(left(deadline)).ok()?;
        let stderr = stderr?.recv_timeout(left(deadline)).ok()?;
        let status = wait(&mut child, deadline)?;
        Some(Finished {
            status,
            stdout,
            stderr,
        })
    })();
    finished.ok_or_else(|| {
        let _ = child.kill();
        let _ = child.wait();
        Trouble::Hung
    })
}

fn start(program: &Path, arguments: &[&str]) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        let child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            // Being replaced by a package upgrade at this moment.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 20 => {
                tries += 1;
                thread::sleep(Duration::from_millis(10));
            }
            started => return started,
        }
    }
}

/// Sends all that `pipe` yields when it ends.
fn drain(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        // Its output is closed, so it is about to end.
        thread::sleep(Duration::from_millis(1).min(left(deadline)));
        if left(deadline).is_zero() {
            return None;
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: &str = "/bin/sh";

    fn shell(script: &str, input: Vec<u8>, patience: Duration) -> Result<Finished, Trouble> {
        run(Path::new(SHELL), &["-c", script], input, patience)
    }

    #[test]
    fn more_than_a_pipe_holds_goes_both_ways() {
        let input = vec![b'x'; 1 << 20];
        let done = shell("tee /dev/stderr", input.clone(), Duration::from_secs(30));
        let done = done.ok().unwrap();
        assert!(done.status.success());
        assert!(done.stdout == input && done.stderr == input);
    }

    #[test]
    fn a_program_that_reads_nothing_does_not_stop_us() {
        let input = vec![b'x'; 1 << 20];
        let done = shell(
            "exec <&-; echo no >&2; exit 3",
            input,
            Duration::from_secs(30),
        );
        let done = done.ok().unwrap();
        assert_eq!(done.status.code(), Some(3));
        assert_eq!(done.stderr, b"no\n");
    }

    #[test]
    fn one_that_hangs_is_killed_even_if_its_child_keeps_the_pipes() {
        let begun = Instant::now();
        let done = shell("sleep 5 & wait", Vec::new(), Duration::from_millis(100));
        assert!(matches!(done, Err(Trouble::Hung)));
        assert!(begun.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn one_that_is_not_there_is_not_started() {
        let done = run(Path::new("/nonexistent"), &[], Vec::new(), Duration::ZERO);
        assert!(matches!(done, Err(Trouble::NotStarted(_))));
    }
}
