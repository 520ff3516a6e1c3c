//! The lines that are no failures of a rule though a pattern matches them.

use std::sync::{Arc, OnceLock};

use super::automaton::{self, Automaton};
use super::pattern::parse;
use super::program::PatternProgram;

/// The expressions of such lines, compiled when a line first matches a pattern. Each
/// worker has a clone: clones share what is compiled, but not the tables that are written
/// to.
#[derive(Debug, Clone)]
pub struct IgnoredLines {
    texts: Arc<[String]>,
    program: Arc<OnceLock<Option<Arc<PatternProgram>>>>,
    own: Option<Automaton>,
}

impl IgnoredLines {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(texts: &[String]) -> Self {
        IgnoredLines {
            texts: texts.into(),
            program: Arc::default(),
            own: None,
        }
    }

    /// Whether one of them matches `line`.
    #[must_use]
    pub fn have(&mut self, line: &[u8]) -> bool {
        if self.texts.is_empty() {
            return false;
        }
        if self.own.is_none() {
            let program = self.program.get_or_init(|| compile(&self.texts));
            self.own = program.clone().map(Automaton::new);
        }
        let own = self.own.as_mut();
        own.is_some_and(|own| own.find(line).is_some())
    }
}

/// None if one can not be compiled, which a checked configuration does not hold.
fn compile(texts: &[String]) -> Option<Arc<PatternProgram>> {
    let parsed = texts.iter().map(|text| parse(text).ok());
    let parsed: Vec<_> = parsed.collect::<Option<_>>()?;
    PatternProgram::without_parts(&parsed, automaton::MOST).map(Arc::new)
}
