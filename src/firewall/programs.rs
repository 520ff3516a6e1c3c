//! What the programs of all backends have in common: where they are, and how they fail
//! before they have said anything.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::system::{self, ProgramOutput, RunFailure};

/// The directories of the programs. Not `$PATH`: cron's has no sbin, and what runs as
/// root must not depend on the environment of the caller.
pub(super) const PLACES: [&str; 5] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];

/// Why a program that is there has not come to its own end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramFailure {
    /// It does not run.
    #[error("`{}` could not be started: {source}", program.display())]
    NotStarted {
        /// Its path.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A signal ended it.
    #[error("`{program}` was killed by signal {signal}; the next run tries again")]
    Killed {
        /// Its name.
        program: &'static str,
        /// The signal's number.
        signal: i32,
    },
    /// It did not end in time, and was killed.
    #[error("`{program}` did not end within {seconds} s and was killed; the next run tries again")]
    Hung {
        /// Its name.
        program: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
}

/// Runs the program at `path`, which messages call `program`, with `input`, for at most
/// `patience`. What it printed and its exit status, which is not that of a signal.
pub(super) fn run(
    path: &Path,
    program: &'static str,
    arguments: &[&str],
    input: &str,
    patience: Duration,
) -> Result<ProgramOutput, ProgramFailure> {
    let done = system::run_with_input(path, arguments, input, Some(patience));
    let done = done.map_err(|failure| match failure {
        RunFailure::NotStarted(source) => ProgramFailure::NotStarted {
            program: path.to_owned(),
            source,
        },
        RunFailure::TimedOut => ProgramFailure::Hung {
            program,
            seconds: patience.as_secs(),
        },
    })?;
    match done.status.signal() {
        Some(signal) => Err(ProgramFailure::Killed { program, signal }),
        None => Ok(done),
    }
}

/// The first of these places that has the program.
///
/// # Errors
/// None has: the places, in one line.
pub(super) fn find(program: &str, places: &[&Path]) -> Result<PathBuf, String> {
    let mut paths = places.iter().map(|place| place.join(program));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        let looked: Vec<_> = places.iter().map(|p| p.display().to_string()).collect();
        looked.join(", ")
    })
}

/// What a program said, as one line of at most 300 characters.
pub(super) fn summary(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Try `"))
        .collect();
    let text = lines.join("; ");
    match text.char_indices().nth(300) {
        _ if text.is_empty() => "nothing".to_owned(),
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
