//! What came of reading a source, for the report and in words.

use crate::logs::{Checkpoint, InputPart, Left};
use crate::model::{Escaped, Rule, plural};
use crate::report::SourceRow;

/// What is to be said when a source falls behind because of some bound, or is read to
/// its end again.
pub(super) fn told(bound: &str, checkpoint: &Checkpoint) -> Option<String> {
    let path = Escaped::path(&checkpoint.name);
    let left = match checkpoint.left {
        Left::Nothing if checkpoint.was_behind => {
            return Some(format!("{path}: is read to its end again"));
        }
        _ if checkpoint.was_behind => return None,
        Left::Nothing => return None,
        Left::Bytes(bytes) => plural(bytes, "byte", "bytes"),
        Left::Entries => "entries".to_owned(),
    };
    Some(format!(
        "{path}: falls behind: {left} of it could not be read {bound}; the next runs go on with it, and nothing else waits for it"
    ))
}

/// A row of the report with so many failures.
pub(super) fn row(rule: &Rule, part: &InputPart, failures: u64) -> SourceRow {
    SourceRow {
        path: part.path.to_path_buf(),
        rule: rule.name.to_string(),
        status: part.status.as_str(),
        from: part.from,
        to: part.to(),
        left: match part.reading.left {
            Left::Nothing => Some(0),
            Left::Bytes(bytes) => Some(bytes),
            Left::Entries => None,
        },
        failures,
        host_names: part.reading.totals.tally.host_names,
    }
}
