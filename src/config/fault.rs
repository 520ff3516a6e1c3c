//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use crate::model::Escaped;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as `settings.rules.ssh.failed_attempts`; empty for the whole file.
    pub path: String,
    /// Where it stands; nowhere if the file could not be read.
    pub place: Option<TextPosition>,
    /// What is wrong and what to do about it, fit to be printed.
    pub message: String,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPosition {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// All that is wrong with a configuration, at least one thing, in the order of
/// the file. Printed it is one line a fault: `FILE:LINE:COLUMN: KEY: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file they are in.
    pub file: Option<PathBuf>,
    /// At most 100 of them.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

impl Faults {
    /// A fault of the file as a whole.
    pub(super) fn of_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Faults {
            file: Some(file.into()),
            faults: vec![Fault {
                path: String::new(),
                place: None,
                message: message.into(),
            }],
            more: 0,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match &self.file {
            Some(file) => Escaped::path(file).to_string(),
            None => "configuration".to_owned(),
        };
        for (index, fault) in self.faults.iter().enumerate() {
            let end_of_last = if index == 0 { "" } else { "\n" };
            write!(f, "{end_of_last}{file}:")?;
            if let Some(TextPosition { line, column }) = fault.place {
                write!(f, "{line}:{column}:")?;
            }
            if !fault.path.is_empty() {
                write!(f, " {}:", fault.path)?;
            }
            write!(f, " {}", fault.message)?;
        }
        if self.more > 0 {
            write!(f, "\n{file}: and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
