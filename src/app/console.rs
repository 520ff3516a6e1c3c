//! What people read: PyFilter's lines on stdout, warnings on stderr.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::model::{Address, Cause, Problem, Stamp};
use crate::report::{
    EventLog, Summary, ban_line, checking, nobody_line, nothing_to_check, summary_line, unban_line,
};
use crate::store::PendingNotification;
use crate::system;

/// The accounts that are logged in, by the address from which they are.
pub(super) type Sessions = BTreeMap<Address, String>;

/// How much is said, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    /// Whether lines for people go to stdout at all.
    lines: bool,
    /// Whether they tell what is being done, too.
    steps: bool,
    /// When they end with a summary.
    summary: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// When something happened.
    Eventful,
    Never,
}

impl Console {
    /// With `json` stdout is for the document alone.
    pub(super) fn new(quiet: bool, verbose: bool, json: bool) -> Self {
        let lines = !quiet && !json;
        Console {
            lines,
            steps: lines && (verbose || io::stdout().is_terminal()),
            summary: if lines && verbose {
                When::Always
            } else if lines && system::is_journal_on_stdout() {
                When::Eventful
            } else {
                When::Never
            },
        }
    }

    /// Says whether there is anything to check for a rule.
    pub(super) fn begin(self, rule: &str, has_logs: bool) {
        if self.steps {
            // A line that can not be written here is no loss.
            let _ = writeln!(
                io::stdout(),
                "{}",
                if has_logs {
                    checking(rule)
                } else {
                    nothing_to_check(rule)
                }
            );
        }
    }

    /// Says in one line what a run came to: where it was asked for, and in the
    /// journal if something happened.
    pub(super) fn sum_up(self, summary: &Summary) {
        let wanted = match self.summary {
            // Where there was nothing to read, that has been said.
            When::Always => summary.is_eventful() || !summary.sources.is_empty(),
            When::Eventful => summary.is_eventful(),
            When::Never => false,
        };
        if wanted {
            self.say(&summary_line(summary));
        }
    }

    /// Says that a dry run would ban nobody: on a terminal, and where files were named;
    /// the summary says it where there is one.
    pub(super) fn nobody(self, summary: &Summary, has_files: bool) {
        let wanted = self.lines && (self.steps || has_files) && self.summary != When::Always;
        let is_idle = summary.bans.is_empty() && summary.unbans.is_empty();
        if wanted && is_idle && !summary.sources.is_empty() {
            self.say(&nobody_line(summary));
        }
    }

    /// A sentence of what was done.
    pub(super) fn say(self, sentence: &str) {
        if self.lines {
            let _ = writeln!(io::stdout(), "{sentence}");
        }
    }

    /// Says what a person should know on stderr.
    pub(super) fn warn(warning: &(impl Display + ?Sized)) {
        Console::complain(&format_args!("pyfilter: {warning}"));
    }

    /// Says on stderr what is wrong. Where nobody can listen (a full disk, a
    /// closed pipe) the exit status says it alone.
    pub(super) fn complain(what: &(impl Display + ?Sized)) {
        let _ = writeln!(io::stderr(), "{what}");
    }

    /// Shows bans and un-bans; `sessions` are the accounts that are logged in, by
    /// address.
    pub(super) fn show(
        self,
        events: impl IntoIterator<Item = PendingNotification>,
        sessions: &Sessions,
    ) -> io::Result<()> {
        if !self.lines {
            return Ok(());
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        for event in events {
            if let Some((_, line)) = line(&event, sessions) {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()
    }

    /// Tells what was committed, on the screen and in the event log; false if
    /// it has to be told again. There may be a million lines: none is kept.
    pub(super) fn tell(
        self,
        events: &[PendingNotification],
        sessions: &Sessions,
        event_log: Option<&Path>,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let mut log = event_log.filter(|_| !events.is_empty()).map(EventLog::new);
        let mut out = self.lines.then(|| io::BufWriter::new(io::stdout().lock()));
        let mut told = true;
        let mut failed = |error: io::Error| {
            if error.kind() != io::ErrorKind::BrokenPipe {
                told = false;
                problems.push(Problem::new(format!(
                    "standard output can not be written: {error}"
                )));
            }
        };
        let mut unwritten = None;
        for (at, line) in events.iter().filter_map(|event| line(event, sessions)) {
            if let Some(screen) = &mut out
                && let Err(error) = writeln!(screen, "{line}")
            {
                out = None;
                failed(error);
            }
            if let Some(file) = &mut log
                && let Err(error) = file.push(at, &line)
            {
                (log, unwritten) = (None, Some(error));
            }
        }
        if let Some(Err(error)) = out.map(|mut out| out.flush()) {
            failed(error);
        }
        if let Some(Err(error)) = log.map(|mut log| log.flush()) {
            unwritten = Some(error);
        }
        if let Some(error) = unwritten {
            told = false;
            problems.push(Problem::at(&error.path, error.to_string()));
        }
        told
    }
}

/// The line of an event, and its time. That a wider ban takes the place of another one,
/// and gives it back, is not told in lines.
fn line(event: &PendingNotification, sessions: &Sessions) -> Option<(Stamp, String)> {
    match event {
        PendingNotification::Ban(ban) => {
            let within = sessions.iter();
            let within = within.filter(|(address, _)| ban.subject.holds((**address).into()));
            let accounts: Vec<&str> = within.map(|(_, accounts)| accounts.as_str()).collect();
            let accounts = (!accounts.is_empty()).then(|| accounts.join(", "));
            Some((ban.at, ban_line(ban, accounts.as_deref())))
        }
        PendingNotification::Unban(unban) if unban.cause == Cause::Aggregated => None,
        PendingNotification::Unban(unban) => Some((Stamp::from_secs(unban.at), unban_line(unban))),
        PendingNotification::Return(_) => None,
    }
}
