//! What a command has to say besides its result.

use std::collections::BTreeSet;

use crate::model::Problem;

/// What is gathered while a command is at work, and told at its end.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// What went wrong: the exit status is 1.
    pub(super) problems: Vec<Problem>,
    /// What a person should know, while nothing is wrong.
    pub(super) warnings: Vec<String>,
}

impl Notices {
    /// Keeps each problem and each warning once, where it first stood: what can not be
    /// done before the reading is tried once more after it.
    pub(super) fn once_each(&mut self) {
        let (mut problems, mut warnings) = (BTreeSet::new(), BTreeSet::new());
        self.problems
            .retain(|problem| problems.insert(problem.message.clone()));
        self.warnings
            .retain(|warning| warnings.insert(warning.clone()));
    }
}
