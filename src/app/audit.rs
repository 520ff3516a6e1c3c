//! `pyfilter audit`: what happened in whole logs. Reads, and changes nothing.
//!
//! | file | does |
//! |---|---|
//! | `reading` | the whole logs of a rule → the fold |
//! | `nearest` | why nothing matches |

mod nearest;
mod reading;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local, Offset as _, TimeZone as _};

use crate::audit::{AuditSettings, Findings, Fold, Period};
use crate::cli;
use crate::config::Config;
use crate::logs;
use crate::model::{Escaped, Problem, Rule, SubjectSet, plural, variants};
use crate::report::{AuditReport, audit_html, audit_json, audit_text};
use crate::store::Store;
use crate::system;

use super::conf_d;
use super::console::Console;
use super::context::Context;
use super::exit::Exit;
use super::locate;
use super::output::{complain, unknown_rule, written};

/// How many combinations are tried at most.
const MOST_VARIANTS: usize = 1000;

pub(super) fn audit(mut context: Context, args: &cli::AuditArgs) -> Exit {
    if let Err(error) = conf_d::hold_if_there(&context.config, &mut context.allow_list) {
        return complain(&error);
    }
    let rules = match rules(&context.config, args) {
        Ok(rules) => rules,
        Err(exit) => return exit,
    };
    let settings = match settings(context.now, args) {
        Ok(settings) => settings,
        Err(wrong) => {
            Console::warn(&wrong);
            return Exit::Usage;
        }
    };
    if args.json && is_stdout(args) {
        Console::warn(
            "--json and --html - both write to standard output: name a file for the report",
        );
        return Exit::Usage;
    }
    // A report that can not be written is told before a long reading, not after it.
    let file = args.html.as_deref().filter(|_| !is_stdout(args));
    let page = match file.map(Page::begin).transpose() {
        Ok(page) => page,
        Err(problem) => {
            Console::warn(&problem);
            return Exit::Problems;
        }
    };
    let never = std::mem::take(&mut context.allow_list);
    let mut fold = Fold::new(settings, &never);
    let mut read = reading::AuditReading::default();
    for rule in &rules {
        read.rule(&context, rule, &args.files, &mut fold);
    }
    let mut findings = fold.finish(east);
    let problems = &mut context.notices.problems;
    locate_all(context.config.geoip.as_deref(), &mut findings, problems);
    problems.append(&mut read.problems);
    let in_force = in_force(&context.config.store, problems);
    let notes = notes(&context.config, &rules, &read, &findings, args);
    let report = AuditReport {
        server: &context.server,
        now: context.now,
        period: settings_period(args, context.now),
        rules: &rules,
        sources: &read.sources,
        findings: &findings,
        in_force: in_force.as_ref(),
        notes: &notes,
        problems: &context.notices.problems,
        top: args.top.map(|top| top.0),
    };
    show(&report, args, page)
}

/// Whether the page goes to standard output.
fn is_stdout(args: &cli::AuditArgs) -> bool {
    let page = args.html.as_deref();
    page.is_some_and(logs::is_standard)
}

/// The rules to read with.
fn rules(config: &Config, args: &cli::AuditArgs) -> Result<Vec<Rule>, Exit> {
    let name = args.rule.as_deref();
    match name.or((!args.files.is_empty()).then_some("ssh")) {
        Some(name) => match config.rule_named(name) {
            Some(rule) => Ok(vec![rule]),
            None => Err(unknown_rule(config, name)),
        },
        None => Ok((config.rules.iter())
            .filter(|rule| rule.enabled)
            .cloned()
            .collect()),
    }
}

fn settings_period(args: &cli::AuditArgs, now: i64) -> Period {
    Period {
        since: args.since.map(|since| since.seconds(now)),
        until: args.until.map(|until| until.seconds(now)),
    }
}

fn settings(now: i64, args: &cli::AuditArgs) -> Result<AuditSettings, String> {
    let period = settings_period(args, now);
    if period.is_empty() {
        let order = if period.since == period.until {
            "the period is empty: --since and --until are the same moment"
        } else {
            "the period is reversed: --since is later than --until"
        };
        return Err(format!(
            "{order}; failures from --since on and before --until are looked at"
        ));
    }
    let variants = if args.what_if.is_empty() {
        Vec::new()
    } else {
        variants(&args.what_if)
    };
    if variants.len() > MOST_VARIANTS {
        let count = variants.len();
        return Err(format!(
            "--what-if: {count} combinations are too many; at most {MOST_VARIANTS} are tried at once"
        ));
    }
    Ok(AuditSettings {
        period,
        variants,
        now,
    })
}

/// How many seconds the host's clocks are east of Greenwich at a moment.
fn east(unix: i64) -> i32 {
    DateTime::from_timestamp(unix, 0).map_or(0, |at| {
        let offset = Local.offset_from_utc_datetime(&at.naive_utc());
        offset.fix().local_minus_utc()
    })
}

fn locate_all(geoip: Option<&Path>, findings: &mut Findings, problems: &mut Vec<Problem>) {
    if findings.addresses.is_empty() {
        return;
    }
    match locate::open(geoip) {
        Ok(Some(countries)) => {
            findings.locate(|subject| countries.country(subject));
            let damage = countries.damage();
            problems.extend(damage.as_ref().map(locate::problem));
        }
        Ok(None) => {}
        Err(error) => problems.push(locate::problem(&error)),
    }
}

/// Who is banned now, as far as the store tells: it is only looked at, and an
/// audit needs no rights to it.
fn in_force(path: &Path, problems: &mut Vec<Problem>) -> Option<SubjectSet> {
    match Store::look(path).and_then(|store| store.map(|store| store.in_force()).transpose()) {
        Ok(known) => known.map(|known| known.into_iter().collect()),
        Err(error) if error.is_denied() => None,
        Err(error) => {
            problems.push(Problem::at(path, error.to_string()));
            None
        }
    }
}

/// What a person should know to understand an audit that found little.
fn notes(
    config: &Config,
    rules: &[Rule],
    read: &reading::AuditReading,
    findings: &Findings,
    args: &cli::AuditArgs,
) -> Vec<String> {
    let sources = &read.sources;
    let mut notes = Vec::new();
    for rule in rules {
        let of_rule = || sources.iter().filter(|source| *source.rule == *rule.name);
        if of_rule().next().is_none() {
            notes.push(crate::report::nothing_to_check(&rule.name));
            continue;
        }
        let found = findings.rules.iter().find(|seen| seen.name == rule.name);
        let silent = found.is_none_or(|seen| seen.failures == 0 && seen.logins.unwrap_or(0) == 0);
        let was_read = of_rule().any(|source| source.status == "read");
        if !silent && !args.files.is_empty() {
            let paths = read.silent.iter().map(PathBuf::as_path);
            notes.extend(nearest::belonging_elsewhere(config, rule, paths));
        }
        if !silent || !was_read {
            continue;
        }
        if of_rule().all(|source| source.to == source.from) {
            let name = Escaped::text(&rule.name);
            notes.push(format!("The logs of rule {name} are empty."));
        } else if findings.outside == 0 {
            let paths = of_rule().map(|source| source.path.as_path());
            notes.extend(nearest::explain(config, rule, paths));
        } else {
            let name = Escaped::text(&rule.name);
            let outside = plural(findings.outside, "failure or login", "failures and logins");
            notes.push(format!(
                "Rule {name}: nothing lies within the period, and {outside} outside of it."
            ));
        }
    }
    if rules.is_empty() {
        notes.push("No rule is enabled: name one with --rule, and its logs as FILE.".to_owned());
    } else if sources.is_empty() && args.files.is_empty() {
        notes.push(
            "No log was read: name some, as in `pyfilter audit /var/log/auth.log*`.".to_owned(),
        );
    }
    notes
}

/// Shows what was found, on the page first: it is what was asked for by name.
fn show(report: &AuditReport<'_>, args: &cli::AuditArgs, page: Option<Page>) -> Exit {
    for problem in report.problems {
        Console::warn(&problem.message);
    }
    let mut exit = if report.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Problems
    };
    if let Some(page) = page
        && let Err(problem) = page.finish(&audit_html(report))
    {
        Console::warn(&problem);
        exit = Exit::Problems;
    }
    let printed = if is_stdout(args) {
        let mut out = io::stdout().lock();
        let page = audit_html(report);
        out.write_all(page.as_bytes()).and_then(|()| out.flush())
    } else if args.json {
        let mut out = io::BufWriter::new(io::stdout().lock());
        audit_json(report, &mut out).and_then(|()| out.flush())
    } else {
        print(report)
    };
    written(printed).or(exit)
}

fn print(report: &AuditReport<'_>) -> io::Result<()> {
    let width = system::width();
    let mut out = anstream::stdout().lock();
    out.write_all(audit_text(report, width).as_bytes())?;
    out.flush()
}

/// The report's file: made before the logs are read, so that nobody waits for
/// a report that can not be written, and put in its place when it is whole.
struct Page {
    path: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Page {
    fn begin(path: &Path) -> Result<Self, String> {
        let shown = Escaped::path(path).to_string();
        let failed = |error: &io::Error| {
            format!("{shown}: the report can not be written there: {error}; nothing was read")
        };
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(format!(
                "{shown}: the report can not be written there: it is no file; nothing was read"
            ));
        }
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        if path.file_name().is_none() {
            return Err(failed(&io::ErrorKind::IsADirectory.into()));
        }
        let mut builder = tempfile::Builder::new();
        // As open to others as whatever else one writes: the umask says.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        let file = builder
            .prefix(".pyfilter-")
            .permissions(mode)
            .tempfile_in(dir);
        Ok(Page {
            file: file.map_err(|error| failed(&error))?,
            path: path.to_owned(),
        })
    }

    fn finish(mut self, html: &str) -> Result<(), String> {
        let shown = Escaped::path(&self.path).to_string();
        let failed = |error: &io::Error| format!("{shown}: the report can not be written: {error}");
        self.file
            .write_all(html.as_bytes())
            .and_then(|()| self.file.as_file().sync_all())
            .map_err(|error| failed(&error))?;
        let kept = self.file.persist(&self.path);
        kept.map(drop).map_err(|error| failed(&error.error))
    }
}
