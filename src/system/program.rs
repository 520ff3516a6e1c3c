//! The host's own programs, such as `systemctl`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Where they are looked for. Not `$PATH`: what runs as root must not depend on
/// who set it.
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

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

/// Runs a program of the host to its end, in the C locale and without input.
///
/// # Errors
/// It is missing, can not be started, or fails.
pub fn run_program(program: &str, arguments: &[&str]) -> Result<(), ProgramError> {
    let called = || format!("{program} {}", arguments.join(" "));
    let path = find(program).ok_or_else(|| ProgramError::Missing(program.to_owned()))?;
    let ran = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ProgramError::NotStarted(called(), error))?;
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
    Err(ProgramError::Failed(called(), said))
}

/// What a program of the host prints, in the C locale and without input.
///
/// # Errors
/// It is missing, can not be started, fails, or does not end within `limit`.
pub fn ask_program(
    program: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<String, ProgramError> {
    let called = || format!("{program} {}", arguments.join(" "));
    let path = find(program).ok_or_else(|| ProgramError::Missing(program.to_owned()))?;
    let mut child = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| ProgramError::NotStarted(called(), error))?;
    let mut output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        // What could not be read is no answer, and its status says why.
        let _ = output.as_mut().map(|output| output.read_to_end(&mut said));
        let _ = sender.send(said);
    });
    let Ok(said) = receiver.recv_timeout(limit) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(ProgramError::Slow(called(), limit.as_secs()));
    };
    match child.wait() {
        Ok(status) if status.success() => Ok(String::from_utf8_lossy(&said).into_owned()),
        Ok(status) => Err(ProgramError::Failed(called(), status.to_string())),
        Err(error) => Err(ProgramError::NotStarted(called(), error)),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let mut places = PLACES.iter().map(|place| Path::new(place).join(program));
    places.find(|path| path.is_file())
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
}
