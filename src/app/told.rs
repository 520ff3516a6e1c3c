//! What came of reading a source, for the report and in words.

use std::path::Path;

use crate::logs::{self, Left, Reading, Status};
use crate::model::{Escaped, Problem, Rule, plural};
use crate::report::SourceRow;

use super::evaluator::SourcePlace;
use super::reading::RuleOutcome;

/// What is to be said when a source falls behind, of which so much was `left` because
/// of some bound, or is read to its end again.
pub(super) fn told(
    bound: &str,
    source: &Path,
    was_behind: bool,
    left: Option<String>,
) -> Option<String> {
    let path = Escaped::path(source);
    match (was_behind, left) {
        (false, Some(left)) => Some(format!(
            "{path}: falls behind: {left} of it could not be read {bound}; the next runs go on with it, and nothing else waits for it"
        )),
        (true, None) => Some(format!("{path}: is read to its end again")),
        _ => None,
    }
}

/// A row of the report for a file of which nothing has been read yet.
pub(super) fn row(rule: &Rule, path: &Path, status: Status, at: u64) -> SourceRow {
    let (path, rule, status) = (path.to_owned(), rule.name.to_string(), status.as_str());
    SourceRow {
        path,
        rule,
        status,
        from: at,
        to: at,
        left: Some(0),
        failures: 0,
        host_names: 0,
    }
}

/// Puts what came of a piece into the report.
pub(super) fn note(rule: &Rule, place: &SourcePlace, reading: &Reading, outcome: &mut RuleOutcome) {
    let row = &mut outcome.sources[place.row];
    (row.to, row.failures, row.host_names) =
        (reading.end, reading.failures, reading.tally.host_names);
    row.left = match reading.left {
        Left::Nothing => Some(0),
        Left::Bytes(bytes) => Some(bytes),
        Left::Entries => None,
    };
    outcome
        .problems
        .extend(problems_of(rule, &place.path, reading));
}

/// What is wrong with a piece that was read, or was not read to its end.
pub(super) fn problems_of(rule: &Rule, path: &Path, reading: &Reading) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |text: String| {
        problems.push(Problem::at(
            path,
            format!("{}: {text}", Escaped::path(path)),
        ));
    };
    // What is byte 0 of a journal differs from run to run.
    let is_journal = logs::journal_named(path).is_some();
    let at = |count: u64, offset: u64| match count {
        _ if is_journal => String::new(),
        1 => format!(", at byte {offset}"),
        _ => format!(", the first at byte {offset}"),
    };
    if let Some(offset) = reading.tally.first_bad_time {
        let (count, rule) = (reading.tally.bad_times, Escaped::text(&rule.name));
        let lines = plural(
            count,
            &format!("line matches rule {rule} and has"),
            &format!("lines match rule {rule} and have"),
        );
        let at = at(count, offset);
        problem(format!("{lines} no time that its time_format reads{at}"));
    }
    if let (count, Some(offset)) = reading.long_lines {
        let (longest, at) = (logs::LONGEST_LINE, at(count, offset));
        let lines = plural(
            count,
            &format!("line of more than {longest} bytes was"),
            &format!("lines of more than {longest} bytes were"),
        );
        problem(format!("{lines} left out{at}"));
    }
    if reading.out_of_reach {
        let rule = Escaped::text(&rule.name);
        problem(format!(
            "the byte {} of what is packed in it, up to which it was read, could not be reached again within 60 s, so the rest is left out; read it with: pyfilter scan --rule {rule} {}",
            reading.end,
            Escaped::path(path)
        ));
    }
    if reading.cut_short {
        problem("was cut while it was read".to_owned());
    }
    if let Some(error) = &reading.error {
        problem(format!(
            "could not be read beyond byte {}: {error}",
            reading.end
        ));
    }
    problems
}
