//! What a command prints at its end, and the exit status that comes of it.

use std::io::{self, Write as _};

use crate::config::Config;
use crate::model::Problem;
use crate::report::{Summary, summary_json};

use super::console::Console;
use super::exit::Exit;
use super::run::{Done, RunError};

/// Prints what a run did, as far as that has not been done, and how it ended.
pub(super) fn finish(done: Result<Done, RunError>, console: Console, json: bool) -> Exit {
    let done = match done {
        Ok(done) => done,
        Err(stop) if json => {
            let _ = complain(&stop);
            let problems = vec![Problem::new(stop.to_string())];
            let _ = print_json(&summary_json(&Summary {
                problems,
                ..Summary::default()
            }));
            return Exit::Problems;
        }
        Err(stop) => return complain(&stop),
    };
    for problem in &done.summary.problems {
        Console::warn(&problem.message);
    }
    console.sum_up(&done.summary);
    let exit = if done.summary.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    };
    let printed = if json {
        print_json(&summary_json(&done.summary))
    } else {
        Exit::Done
    };
    if printed == Exit::Done
        && let Err(error) = done.settle()
    {
        return complain(&error);
    }
    printed.or(exit)
}

pub(super) fn print_json(document: &impl serde::Serialize) -> Exit {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from);
    written(
        printed
            .and_then(|()| writeln!(out))
            .and_then(|()| out.flush()),
    )
}

/// The exit status of what was printed. A pipe that the reader has closed is no error.
pub(super) fn written(result: io::Result<()>) -> Exit {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Console::warn(&format_args!("standard output can not be written: {error}"));
            Exit::Problems
        }
        _ => Exit::Done,
    }
}

pub(super) fn complain(error: &impl std::fmt::Display) -> Exit {
    Console::warn(error);
    Exit::Problems
}

pub(super) fn unknown_rule(config: &Config, name: &str) -> Exit {
    Console::warn(&config.no_such_rule(name));
    Exit::Usage
}
