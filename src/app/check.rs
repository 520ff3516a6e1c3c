//! `pyfilter check`: what is wrong with configuration and host, and what to do
//! about it.
//!
//! | file | looks at |
//! |---|---|
//! | `rules` | sources, patterns and thresholds, with the parts below |
//! | `behind` | logs that are not read to their end |
//! | `log_tail` | the last lines of a log, for the following |
//! | `unseen` | lines that are no failures and may have to be |
//! | `statuses` | lines that match, and have no HTTP status though only some count |
//! | `times` | lines that match, and whose time can not be read |
//! | `what_if` | what other thresholds would have made of a log |
//! | `other_files` | failures in a usual file that is not read |
//! | `writers` | who else can write lines into the logs |
//! | `runs` | what starts the runs, and how the last one ended |
//! | `firewall` | what stands in the way of a ban, or of lifting one |
//! | `sessions` | whether somebody is logged in from a banned address |
//! | `disk` | room on the disk, and who may write to its places |
//! | `preset` | how the thresholds differ from those of the preset `recommended` |
//! | `redis`, `geo` | the Redis of the servers, the database of countries |

mod behind;
mod disk;
mod firewall;
mod geo;
mod log_tail;
mod other_files;
mod preset;
mod redis;
mod rules;
mod runs;
mod sessions;
mod statuses;
mod times;
mod unseen;
mod what_if;
mod writers;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::cli;
use crate::config::Config;
use crate::model::Escaped;
use crate::report::{CheckFindings, CheckLevel};
use crate::store::Store;

use super::conf_d;
use super::context::Context;
use super::exit::Exit;
use super::output::{print_json, written};
use super::services;

pub(super) fn check(mut context: Context, args: &cli::CheckArgs) -> Exit {
    let mut findings = CheckFindings::default();
    if let Err(error) = conf_d::hold_if_there(&context.config, &mut context.allow_list) {
        findings.error(error.to_string());
    }
    configuration(&context.config, &context.server, &mut findings);
    // What keeps every run from its work comes first.
    let disk = disk::look(&context.config, &context.state_dir, &mut findings);
    let runs = runs::look(&context.state_dir, context.now, &mut findings);
    rules::look(&context, &mut findings);
    unnamed(&context.config, &mut findings);
    let store = store(&context.config.store, &mut findings);
    behind::look(&context.config.rules, store.as_ref(), &mut findings);
    redis::look(
        &context.config,
        &context.server,
        context.now,
        store.as_ref(),
        &mut findings,
    );
    preset::look(&context.config, &mut findings);
    firewall::look(&context.config.firewall, store.as_ref(), &mut findings);
    geo::look(context.config.geoip.as_deref(), context.now, &mut findings);
    sessions::look(&context.allow_list, store.as_ref(), &mut findings);
    for problem in context.notices.problems {
        findings.problem(problem);
    }
    let exit = if findings.has_error() {
        Exit::Problems
    } else {
        Exit::Done
    };
    let printed = if args.json {
        print_json(&findings.json(&disk, &runs))
    } else {
        written(findings.text(&mut anstream::stdout().lock()))
    };
    printed.or(exit)
}

/// Says which services of this host no rule is for, and which of them are not offered.
fn unnamed(config: &Config, findings: &mut CheckFindings) {
    let unnamed = services::unnamed(Path::new("/"), &config.rules);
    if !unnamed.offered.is_empty() {
        findings.fine(format!(
            "services of this host without a rule: {} (`pyfilter rules NAME` says what one counts; it is used by its name under settings.rules)",
            unnamed.offered.join(", ")
        ));
    }
    if let Some(why) = services::not_offered(&unnamed.forgeable) {
        findings.fine(format!("also here, {why}"));
    }
}

fn configuration(config: &Config, server: &str, findings: &mut CheckFindings) {
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
    findings.fine(format!("server name: {}", Escaped::text(server)));
    for note in &config.notes {
        findings.warn(note.as_str());
    }
}

/// Says that the configuration, which holds a password, can be read by others.
fn secret(path: &Path, findings: &mut CheckFindings) {
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    let mode = metadata.mode() & 0o7777;
    if mode & 0o006 != 0 {
        let shown = Escaped::path(path);
        findings.of_file(
            CheckLevel::Warning,
            path,
            format!(
                "{shown} holds the password of Redis, and every user of this host may read or write it (mode {mode:04o}); run `chmod o= {shown}`, and change the password"
            ),
        );
    }
}

fn store(path: &Path, findings: &mut CheckFindings) -> Option<Store> {
    let shown = Escaped::path(path);
    let examined = Store::look(path).and_then(|store| {
        store.as_ref().map_or(Ok(()), Store::examine)?;
        Ok(store)
    });
    match examined {
        Ok(None) => findings.of_file(
            CheckLevel::Fine,
            path,
            format!("store: {shown} is not there or an older one; the first run makes it"),
        ),
        Ok(Some(store)) => {
            findings.of_file(CheckLevel::Fine, path, format!("store: {shown}"));
            return Some(store);
        }
        Err(error) if error.is_denied() => findings.of_file(
            CheckLevel::Warning,
            path,
            format!("{error} to see bans and cursors"),
        ),
        Err(error) => findings.of_file(CheckLevel::Error, path, error.to_string()),
    }
    None
}
