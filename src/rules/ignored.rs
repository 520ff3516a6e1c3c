//! The lines that are no failures of a rule though a pattern matches them.

use std::sync::OnceLock;

use regex::bytes::Regex;

use super::validate::compile;

/// The expressions of such lines, compiled when a line first matches a pattern. Each
/// worker has a clone, so that none waits for the memory of another.
#[derive(Debug, Clone)]
pub struct IgnoredLines {
    texts: Vec<String>,
    compiled: OnceLock<Vec<Regex>>,
}

impl IgnoredLines {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        IgnoredLines {
            texts: texts.to_vec(),
            compiled: OnceLock::new(),
        }
    }

    /// Whether one of them matches `line`.
    #[must_use]
    pub fn have(&self, line: &[u8]) -> bool {
        if self.texts.is_empty() {
            return false;
        }
        // A checked configuration holds none that can not be compiled.
        let compile = |text: &String| compile(text).ok();
        let compiled =
            (self.compiled).get_or_init(|| self.texts.iter().filter_map(compile).collect());
        compiled.iter().any(|regex| regex.is_match(line))
    }
}
