//! Lines that match and count for nobody, since their time can not be read.

use crate::model::{Escaped, Rule, plural};
use crate::rules::{Clock, Matcher};

use crate::report::{CheckFindings, CheckLevel};

use super::log_tail::LogTail;

/// Says how many of the last lines are such: an error where most of the matches are.
pub(super) fn look(now: i64, rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    let Ok(mut matcher) = Matcher::new(rule, Clock::new(now)) else {
        return;
    };
    for LogTail {
        name: log, lines, ..
    } in tails
    {
        let mut failures = 0_u64;
        let count = matcher.scan(lines, 0, |_, _| failures += 1).bad_times;
        if count > 0 {
            let name = Escaped::text(&rule.name);
            let lines = plural(
                count,
                &format!("of the last lines of {log} matches, and has"),
                &format!("of the last lines of {log} match, and have"),
            );
            // A line that was damaged once is not a rule that sees nothing.
            let level = if count > failures {
                CheckLevel::Error
            } else {
                CheckLevel::Warning
            };
            let told = format!(
                "rule {name}: {lines} no time that its time_format reads, so nobody is banned for that, and a run that reads it ends with 1; correct time_format, or take it out to have the usual formats tried"
            );
            findings.add(level, told);
        }
    }
}
