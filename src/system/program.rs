//! The host's own programs, such as `systemctl`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    /// It ended with a status that is not 0; what it said, in one line.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
}

/// Runs a program of the host to its end, in the C locale and without input.
///
/// # Errors
/// It is missing, can not be started, or fails.
pub fn run_program(program: &str, arguments: &[&str]) -> Result<(), ProgramError> {
    output_of(program, arguments).map(drop)
}

/// The same, and what it printed.
///
/// # Errors
/// It is missing, can not be started, or fails.
pub fn output_of(program: &str, arguments: &[&str]) -> Result<Vec<u8>, ProgramError> {
    let called = || format!("{program} {}", arguments.join(" "));
    let path = find(program).ok_or_else(|| ProgramError::Missing(program.to_owned()))?;
    let ran = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ProgramError::NotStarted(called(), error))?;
    if ran.status.success() {
        return Ok(ran.stdout);
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
}
