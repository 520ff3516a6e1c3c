//! The findings of `check`, as text and as JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::model::{Escaped, Problem};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckLevel {
    /// As it should be.
    Fine,
    /// A person should know.
    Warning,
    /// Something does not work: exit status 1.
    Error,
}

impl CheckLevel {
    fn as_str(self) -> &'static str {
        match self {
            CheckLevel::Fine => "ok",
            CheckLevel::Warning => "warning",
            CheckLevel::Error => "error",
        }
    }

    /// How it looks where colors are shown.
    fn style(self) -> Style {
        let color = match self {
            CheckLevel::Fine => AnsiColor::Green,
            CheckLevel::Warning => AnsiColor::Yellow,
            CheckLevel::Error => AnsiColor::Red,
        };
        Style::new().bold().fg_color(Some(color.into()))
    }
}

/// One thing that was found.
#[derive(Debug)]
struct CheckFinding {
    level: CheckLevel,
    message: String,
    /// The file that it is about, if it is about one.
    path: Option<PathBuf>,
}

/// All that was found, in the order in which it is shown.
#[derive(Debug, Default)]
pub struct CheckFindings(Vec<CheckFinding>);

impl CheckFindings {
    /// Adds what is as it should be.
    pub fn fine(&mut self, message: impl Into<String>) {
        self.add(CheckLevel::Fine, message);
    }

    /// Adds what a person should know.
    pub fn warn(&mut self, message: impl Into<String>) {
        self.add(CheckLevel::Warning, message);
    }

    /// Adds what does not work.
    pub fn error(&mut self, message: impl Into<String>) {
        self.add(CheckLevel::Error, message);
    }

    /// Adds what was found of a file.
    pub fn of_file(
        &mut self,
        level: CheckLevel,
        path: impl Into<PathBuf>,
        message: impl Into<String>,
    ) {
        self.push(level, message.into(), Some(path.into()));
    }

    /// Adds a problem as an error.
    pub fn problem(&mut self, problem: Problem) {
        self.push(CheckLevel::Error, problem.message, problem.path);
    }

    /// Adds a sentence of that level.
    pub fn add(&mut self, level: CheckLevel, message: impl Into<String>) {
        self.push(level, message.into(), None);
    }

    fn push(&mut self, level: CheckLevel, message: String, path: Option<PathBuf>) {
        self.0.push(CheckFinding {
            level,
            message,
            path,
        });
    }

    /// Whether something does not work.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.0.iter().any(|found| found.level == CheckLevel::Error)
    }

    /// What to do first: about the first error, or else about the first warning.
    fn first(&self) -> Option<&CheckFinding> {
        let first = |level| self.0.iter().find(|found| found.level == level);
        first(CheckLevel::Error).or_else(|| first(CheckLevel::Warning))
    }

    /// The document of `check --json`; `disk` and `runs` are parts of it.
    #[must_use]
    pub fn json(&self, disk: &Value, runs: &Value) -> Value {
        let rows = self.0.iter().map(|found| {
            let path = found.path.as_deref();
            json!({
                "level": found.level.as_str(),
                "message": found.message,
                "path": path.map(|path| Escaped::path(path).to_string()),
            })
        });
        json!({
            "ok": !self.has_error(),
            "findings": rows.collect::<Vec<_>>(),
            "disk": disk,
            "runs": runs,
            "first": self.first().map(|found| &found.message),
        })
    }

    /// Writes a line for each finding, and what to do first.
    ///
    /// # Errors
    /// `out` can not be written.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for CheckFinding { level, message, .. } in &self.0 {
            let (style, word) = (level.style(), level.as_str());
            writeln!(out, "{style}{word:<8}{style:#} {message}")?;
        }
        match self.first() {
            None => writeln!(out, "All is well."),
            Some(CheckFinding {
                level: CheckLevel::Error,
                message,
                ..
            }) => writeln!(out, "Do this first: {message}"),
            Some(CheckFinding { message, .. }) => {
                writeln!(out, "It works. Look at this first: {message}")
            }
        }
    }
}
