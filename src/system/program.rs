//! Programs that are not ours: `systemctl`, `iptables-save` and others. Each runs
//! in the C locale, and for a bounded time where a limit is given.
//!
//! [`run_with_input`] is the one that runs them; [`run_program`] and [`ask_program`] look
//! for the program first and turn a failure into a sentence.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// The directories of programs. Not `$PATH`: what runs as root must not depend on
/// the environment of the caller.
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// A listing of more than a million rules is shorter; the rest of a longer output
/// is not read.
const MOST_OUTPUT: u64 = 256 << 20;

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct ProgramOutput {
    /// Its exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Why there is no [`ProgramOutput`].
#[derive(Debug)]
pub enum RunFailure {
    /// It could not be started.
    NotStarted(io::Error),
    /// It did not end in time, and was killed.
    TimedOut,
}

/// Why a program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is nowhere.
    #[error("`{0}` is neither in /usr/bin nor in /usr/sbin")]
    Missing(String),
    /// It could not be started.
    #[error("`{0}` can not be started: {1}")]
    NotStarted(String, io::Error),
    /// It did not end in time.
    #[error("`{0}` did not end within {1} s")]
    Slow(String, u64),
    /// It ended with a status that is not 0; what it said, in one line.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
}

/// Runs a program of the host to its end, however long that takes.
///
/// # Errors
/// It is missing, can not be started, or fails.
pub fn run_program(program: &str, arguments: &[&str]) -> Result<(), ProgramError> {
    let ran = find_and_run(program, arguments, None)?;
    if ran.status.success() {
        return Ok(());
    }
    let said = [ran.stderr, ran.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.collect::<Vec<_>>().join("; ");
    let said = if said.is_empty() {
        ran.status.to_string()
    } else {
        said
    };
    Err(ProgramError::Failed(called(program, arguments), said))
}

/// What a program of the host prints.
///
/// # Errors
/// It is missing, can not be started, fails, or does not end within `limit`.
pub fn ask_program(
    program: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<String, ProgramError> {
    let ran = find_and_run(program, arguments, Some(limit))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let status = ran.status.to_string();
    Err(ProgramError::Failed(called(program, arguments), status))
}

fn find_and_run(
    program: &str,
    arguments: &[&str],
    limit: Option<Duration>,
) -> Result<ProgramOutput, ProgramError> {
    let path = find(program).ok_or_else(|| ProgramError::Missing(program.to_owned()))?;
    run_with_input(&path, arguments, "", limit).map_err(|failure| {
        let called = called(program, arguments);
        match failure {
            RunFailure::NotStarted(error) => ProgramError::NotStarted(called, error),
            RunFailure::TimedOut => {
                ProgramError::Slow(called, limit.map_or(0, |limit| limit.as_secs()))
            }
        }
    })
}

/// The command as a person would write it.
fn called(program: &str, arguments: &[&str]) -> String {
    format!("{program} {}", arguments.join(" "))
}

fn find(program: &str) -> Option<PathBuf> {
    let mut places = PLACES.iter().map(|place| Path::new(place).join(program));
    places.find(|path| path.is_file())
}

/// Runs the program at `path` with `input` on its standard input. It is killed when
/// it has not ended, and closed its output, within `limit`.
///
/// Three threads write the input and read both outputs at the same time, so that no
/// full pipe can stop the program. They are not joined when the limit is over: a
/// child of the program may hold the pipes open.
///
/// # Errors
/// The program can not be started, or does not end in time.
pub fn run_with_input(
    path: &Path,
    arguments: &[&str],
    input: &str,
    limit: Option<Duration>,
) -> Result<ProgramOutput, RunFailure> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut child = start(path, arguments).map_err(RunFailure::NotStarted)?;
    if let Some(mut stdin) = child.stdin.take()
        && !input.is_empty()
    {
        let input = input.as_bytes().to_vec();
        // The status of a program that ends before it has read all says why.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let stdout = child.stdout.take().map(drain);
    let stderr = child.stderr.take().map(drain);
    let output = (|| {
        let stdout = received(&stdout?, deadline)?;
        let stderr = received(&stderr?, deadline)?;
        let status = wait(&mut child, deadline)?;
        Some(ProgramOutput {
            status,
            stdout,
            stderr,
        })
    })();
    output.ok_or_else(|| {
        let _ = child.kill();
        let _ = child.wait();
        RunFailure::TimedOut
    })
}

fn start(path: &Path, arguments: &[&str]) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        let child = Command::new(path)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            // A package upgrade replaces the program at this moment.
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
        // What can not be read is missing; the exit status says why.
        let _ = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

fn received(output: &Receiver<Vec<u8>>, deadline: Option<Instant>) -> Option<Vec<u8>> {
    match deadline {
        Some(deadline) => output.recv_timeout(left(deadline)).ok(),
        None => output.recv().ok(),
    }
}

fn wait(child: &mut Child, deadline: Option<Instant>) -> Option<ExitStatus> {
    let Some(deadline) = deadline else {
        return child.wait().ok();
    };
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

    #[test]
    fn a_program_that_fails_says_why() {
        run_program("true", &[]).unwrap();
        let said =
            |program, arguments: &[&str]| run_program(program, arguments).unwrap_err().to_string();
        assert_eq!(
            said("sh", &["-c", "echo ' no '; echo never >&2; exit 3"]),
            "`sh -c echo ' no '; echo never >&2; exit 3` failed: never; no"
        );
        assert_eq!(said("false", &["-x"]), "`false -x` failed: exit status: 1");
        assert_eq!(
            said("no-such-program", &[]),
            "`no-such-program` is neither in /usr/bin nor in /usr/sbin"
        );
    }

    #[test]
    fn a_program_is_not_waited_for_longer_than_it_may_take() {
        let ask = |program, arguments: &[&str], limit| ask_program(program, arguments, limit);
        let second = Duration::from_secs(1);
        assert_eq!(ask("echo", &["a", "b"], 20 * second).unwrap(), "a b\n");
        let begun = std::time::Instant::now();
        let slow = ask("sleep", &["60"], second).unwrap_err();
        assert_eq!(slow.to_string(), "`sleep 60` did not end within 1 s");
        assert!(begun.elapsed() < 20 * second);
        let failed = ask("false", &[], 20 * second).unwrap_err();
        assert!(failed.to_string().ends_with("failed: exit status: 1"));
    }

    const SHELL: &str = "/bin/sh";

    fn shell(script: &str, input: &str, limit: Duration) -> Result<ProgramOutput, RunFailure> {
        run_with_input(Path::new(SHELL), &["-c", script], input, Some(limit))
    }

    #[test]
    fn more_than_a_pipe_holds_goes_both_ways() {
        let input = "x".repeat(1 << 20);
        let done = shell("tee /dev/stderr", &input, Duration::from_secs(30));
        let done = done.ok().unwrap();
        assert!(done.status.success());
        assert!(done.stdout == input.as_bytes() && done.stderr == input.as_bytes());
    }

    #[test]
    fn a_program_that_reads_nothing_does_not_stop_us() {
        let input = "x".repeat(1 << 20);
        let done = shell(
            "exec <&-; echo no >&2; exit 3",
            &input,
            Duration::from_secs(30),
        );
        let done = done.ok().unwrap();
        assert_eq!(done.status.code(), Some(3));
        assert_eq!(done.stderr, b"no\n");
    }

    #[test]
    fn one_that_hangs_is_killed_even_if_its_child_keeps_the_pipes() {
        let begun = Instant::now();
        let done = shell("sleep 5 & wait", "", Duration::from_millis(100));
        assert!(matches!(done, Err(RunFailure::TimedOut)));
        assert!(begun.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn one_that_is_not_there_is_not_started() {
        let done = run_with_input(Path::new("/nonexistent"), &[], "", Some(Duration::ZERO));
        assert!(matches!(done, Err(RunFailure::NotStarted(_))));
    }
}
