//! `pyfilter check`: what is wrong with configuration and host, and what to do
//! about it.
//!
//! | file | looks at |
//! |---|---|
//! | `rules` | sources, patterns and thresholds, with the parts below |
//! | `behind` | logs that are not read to their end |
//! | `times` | lines that match, and whose time can not be read |
//! | `what_if` | what other thresholds would have made of a log |
//! | `writers` | who else can write lines into the logs |
//! | `runs` | what starts the runs, and how the last one ended |
//! | `firewall` | what stands in the way of a ban, or of lifting one |
//! | `sessions` | whether somebody is logged in from a banned address |
//! | `disk` | room on the disk, and who may write to its places |
//! | `redis`, `geo` | the Redis of the servers, the database of countries |

mod behind;
mod disk;
mod firewall;
mod geo;
mod redis;
mod rules;
mod runs;
mod sessions;
mod times;
mod what_if;
mod writers;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli;
use crate::model::Escaped;
use crate::store::Store;

use super::conf_d;
use super::context::Context;
use super::{Exit, print_json, written};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// As it should be.
    Fine,
    /// A person should know.
    Warning,
    /// Something does not work: exit status 1.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Fine => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// How it looks where colors are shown.
    fn style(self) -> Style {
        let color = match self {
            Level::Fine => AnsiColor::Green,
            Level::Warning => AnsiColor::Yellow,
            Level::Error => AnsiColor::Red,
        };
        Style::new().bold().fg_color(Some(color.into()))
    }
}

/// What was found.
#[derive(Debug)]
struct Findings(Vec<(Level, String, Option<PathBuf>)>);

impl Findings {
    fn fine(&mut self, message: impl Into<String>) {
        self.0.push((Level::Fine, message.into(), None));
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.0.push((Level::Warning, message.into(), None));
    }

    fn error(&mut self, message: impl Into<String>) {
        self.0.push((Level::Error, message.into(), None));
    }

    /// What is said of a file.
    fn of_file(&mut self, level: Level, path: impl Into<PathBuf>, message: impl Into<String>) {
        self.0.push((level, message.into(), Some(path.into())));
    }

    /// What to do first: about the first error, or else the first warning.
    fn first(&self) -> Option<(Level, &str)> {
        let first = |level| self.0.iter().find(|(of, ..)| *of == level);
        let found = first(Level::Error).or_else(|| first(Level::Warning));
        found.map(|(level, message, _)| (*level, message.as_str()))
    }

    fn exit(&self) -> Exit {
        if self.0.iter().any(|(level, ..)| *level == Level::Error) {
            Exit::Problems
        } else {
            Exit::Done
        }
    }
}

pub(super) fn check(mut context: Context, args: &cli::CheckArgs) -> Exit {
    let mut findings = Findings(Vec::new());
    if let Err(error) = conf_d::hold_if_there(&mut context) {
        findings.error(error.to_string());
    }
    configuration(&context, &mut findings);
    // What keeps every run from its work comes first.
    let disk = disk::look(&context, &mut findings);
    let runs = runs::look(&context, &mut findings);
    rules::look(&context, &mut findings);
    let store = store(&context, &mut findings);
    behind::look(&context, store.as_ref(), &mut findings);
    redis::look(&context, store.as_ref(), &mut findings);
    firewall::look(&context, store.as_ref(), &mut findings);
    geo::look(&context, &mut findings);
    sessions::look(&context, store.as_ref(), &mut findings);
    for problem in context.problems {
        findings
            .0
            .push((Level::Error, problem.message, problem.path));
    }
    let exit = findings.exit();
    let printed = if args.json {
        as_json(&findings, &disk, &runs)
    } else {
        written(as_text(&findings, &mut anstream::stdout().lock()))
    };
    printed.or(exit)
}

fn as_json(findings: &Findings, disk: &Value, runs: &Value) -> Exit {
    let rows = findings.0.iter().map(|(level, message, path)| {
        json!({ "level": level.as_str(), "message": message, "path": path.as_deref().map(|path| Escaped::path(path).to_string()) })
    });
    print_json(&json!({
        "ok": findings.exit() == Exit::Done,
        "findings": rows.collect::<Vec<_>>(),
        "disk": disk,
        "runs": runs,
        "first": findings.first().map(|(_, message)| message),
    }))
}

fn as_text(findings: &Findings, out: &mut impl Write) -> io::Result<()> {
    findings.0.iter().try_for_each(|(level, message, _)| {
        let (style, word) = (level.style(), level.as_str());
        writeln!(out, "{style}{word:<8}{style:#} {message}")
    })?;
    match findings.first() {
        None => writeln!(out, "All is well."),
        Some((Level::Error, message)) => writeln!(out, "Do this first: {message}"),
        Some((_, message)) => writeln!(out, "It works. Look at this first: {message}"),
    }
}

fn configuration(context: &Context, findings: &mut Findings) {
    let config = &context.config;
    match &config.path {
        Some(path) => {
            findings.fine(format!("configuration: {}", Escaped::path(path)));
            if config.redis.password.is_some() {
                secret(path, findings);
            }
        }
        None => findings.fine(
            "configuration: none, so the built-in defaults hold (`pyfilter init` writes one)",
        ),
    }
    for file in &config.conf_d.files {
        findings.fine(format!("added by: {}", Escaped::path(&file.path)));
    }
    findings.fine(format!("server name: {}", Escaped::text(&context.server)));
    for note in &config.notes {
        findings.warn(note.as_str());
    }
}

/// Says that the configuration, which holds a password, can be read by others.
fn secret(path: &Path, findings: &mut Findings) {
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    let mode = metadata.mode() & 0o7777;
    if mode & 0o006 != 0 {
        let shown = Escaped::path(path);
        findings.of_file(
            Level::Warning,
            path,
            format!(
                "{shown} holds the password of Redis, and every user of this host may read or write it (mode {mode:04o}); run `chmod o= {shown}`, and change the password"
            ),
        );
    }
}

fn store(context: &Context, findings: &mut Findings) -> Option<Store> {
    let path = &context.config.store;
    let shown = Escaped::path(path);
    let examined = Store::look(path).and_then(|store| {
        store.as_ref().map_or(Ok(()), Store::examine)?;
        Ok(store)
    });
    match examined {
        Ok(None) => findings.of_file(
            Level::Fine,
            path,
            format!("store: {shown} is not there or an older one; the first run makes it"),
        ),
        Ok(Some(store)) => {
            findings.of_file(Level::Fine, path, format!("store: {shown}"));
            return Some(store);
        }
        Err(error) if error.is_denied() => findings.of_file(
            Level::Warning,
            path,
            format!("{error} to see bans and cursors"),
        ),
        Err(error) => findings.of_file(Level::Error, path, error.to_string()),
    }
    None
}
