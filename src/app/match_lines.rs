//! `pyfilter match`: every line that a rule's patterns match.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::cli;
use crate::judge::Connections;
use crate::logs::{self, LONGEST_LINE, Metered};
use crate::model::{Address, Escaped, Failure, LinePlace, PathId, plural};
use crate::report::matched_json;
use crate::rules::{Clock, Matcher, Verdict};
use crate::system::{self, Output};

use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::output::{unknown_rule, written};
use super::progress::{Amount, ReadingProgress};

pub(super) fn match_lines(context: &Context, args: &cli::MatchArgs) -> Exit {
    let Some(rule) = context.config.rule_named(&args.rule) else {
        return unknown_rule(&context.config, &args.rule);
    };
    let matcher = match Matcher::new(&rule, Clock::new(context.now)) {
        Ok(matcher) => matcher,
        Err(error) => {
            let name = Escaped::text(&rule.name);
            Console::warn(&format_args!("rule {name} can not be used: {error}"));
            return Exit::Usage;
        }
    };
    let mut reader = Lines {
        matcher,
        connections: HashMap::new(),
        args,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Done;
    let _progress = progress(context.shows_progress, &args.files);
    for path in &args.files {
        match reader.file(context.now, path, &mut out) {
            Ok(Undated { count: 0, .. }) => {}
            Ok(undated) => {
                let _ = out.flush();
                undated.tell(path, &args.rule);
                exit = Exit::Problems;
            }
            Err(Ended::Reading(error)) => {
                let _ = out.flush();
                Console::warn(&format_args!("{}: {error}", Escaped::path(path)));
                exit = Exit::Problems;
            }
            Err(Ended::Writing(error)) => return written(Err(error)).or(exit),
        }
    }
    written(out.flush()).or(exit)
}

/// A progress bar; not where the lines themselves are seen on a terminal.
fn progress(is_shown: bool, files: &[PathBuf]) -> ReadingProgress {
    let welcome = is_shown && system::stdout() != Output::Terminal;
    // Standard input has no size, and so the whole has none.
    let sizes = files.iter().map(|path| match path.metadata() {
        Ok(file) if !logs::is_standard(path) => Some(file.len()),
        _ => None,
    });
    let bytes = sizes.sum::<Option<u64>>().unwrap_or(0);
    let files = files.len();
    ReadingProgress::begin(welcome, Amount { bytes, files })
}

/// Lines that match, and count for nobody: their time can not be read.
#[derive(Default)]
struct Undated {
    count: u64,
    /// The number of the first of them.
    first: u64,
}

impl Undated {
    fn tell(&self, path: &Path, rule: &str) {
        let (path, rule) = (Escaped::path(path), Escaped::text(rule));
        let lines = plural(
            self.count,
            &format!("line matches rule {rule} and has"),
            &format!("lines match rule {rule} and have"),
        );
        let first = match self.count {
            1 => "line",
            _ => "the first is line",
        };
        let number = self.first;
        Console::warn(&format_args!(
            "{path}: {lines} no time that its time_format reads, so no failure is counted: {first} {number}"
        ));
    }
}

/// What ended a file early.
enum Ended {
    Reading(logs::OpenError),
    Writing(io::Error),
}

/// Reads the lines of one file after the other.
struct Lines<'a> {
    matcher: Matcher,
    /// Of each address. A connection may go on in the next file.
    connections: HashMap<Address, Connections>,
    args: &'a cli::MatchArgs,
}

impl Lines<'_> {
    fn file(&mut self, now: i64, path: &Path, out: &mut impl Write) -> Result<Undated, Ended> {
        if logs::is_standard(path) {
            self.matcher.set_clock(Clock::new(now));
            let input = BufReader::new(Metered(io::stdin().lock()));
            return self.read(input, path, out);
        }
        let (stream, clock) = logs::stream(path).map_err(Ended::Reading)?;
        self.matcher.set_clock(clock);
        self.read(BufReader::with_capacity(256 << 10, stream), path, out)
    }

    fn read(
        &mut self,
        mut input: impl BufRead,
        path: &Path,
        out: &mut impl Write,
    ) -> Result<Undated, Ended> {
        let mut undated = Undated::default();
        let mut line = Vec::new();
        let mut offset = 0;
        let cli::MatchArgs {
            unmatched: rest,
            json,
            ..
        } = *self.args;
        for number in 1.. {
            let length =
                next_line(&mut input, &mut line).map_err(|error| Ended::Reading(error.into()))?;
            if length == 0 {
                break;
            }
            let verdict = if line.len() > LONGEST_LINE {
                Verdict::Nothing
            } else {
                self.matcher.line(&line, offset)
            };
            if verdict == Verdict::BadTime {
                if undated.count == 0 {
                    undated.first = number;
                }
                undated.count += 1;
            }
            let written = match verdict {
                Verdict::Failure(failure) if !rest => {
                    let counted = self.count(path, &failure);
                    matched(path, number, &failure, counted, &line, json, out)
                }
                Verdict::Failure(_) => Ok(()),
                _ if rest => unmatched(path, number, offset, &line, json, out),
                _ => Ok(()),
            };
            written.map_err(Ended::Writing)?;
            offset += length;
        }
        Ok(undated)
    }

    /// How many new failures a failure is.
    fn count(&mut self, path: &Path, failure: &Failure) -> u32 {
        if failure.login.is_none() {
            return failure.count;
        }
        let connections = self.connections.entry(failure.address).or_default();
        let place = LinePlace::of(PathId::of(path), failure.offset);
        connections.count_line(failure, place).new
    }
}

/// Reads a line without its newline, and tells how many bytes it took. Of one
/// that is too long only the beginning is kept.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut length = input
        .by_ref()
        .take(LONGEST_LINE as u64 + 1)
        .read_until(b'\n', line)? as u64;
    if line.pop_if(|last| *last == b'\n').is_none() && line.len() > LONGEST_LINE {
        length += input.skip_until(b'\n')? as u64;
    }
    Ok(length)
}

fn matched(
    path: &Path,
    number: u64,
    failure: &Failure,
    counted: u32,
    line: &[u8],
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", matched_json(path, number, failure, counted));
    }
    let (path, line) = (Escaped::path(path), Escaped::bytes(line));
    writeln!(out, "{path}:{number}: {} {line}", failure.address)
}

fn unmatched(
    path: &Path,
    number: u64,
    offset: u64,
    line: &[u8],
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if json {
        let text = Escaped::bytes(line).to_string();
        let path = Escaped::path(path).to_string();
        return writeln!(
            out,
            "{}",
            serde_json::json!({ "path": path, "line": number, "offset": offset, "text": text })
        );
    }
    writeln!(
        out,
        "{}:{number}: {}",
        Escaped::path(path),
        Escaped::bytes(line)
    )
}
