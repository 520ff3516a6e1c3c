//! Lines that match and count for nobody, since they have no HTTP status.

use crate::model::{Escaped, Rule, plural};
use crate::report::CheckFindings;
use crate::rules::{Clock, Matcher};

use super::log_tail::LogTail;

/// Says that no line which a rule with patterns of its own matches can have a status of
/// `http_status_blocks`. What the patterns say does not tell: a status is also read behind the
/// quoted request of a line that they match in part. So the lines do.
pub(super) fn look(now: i64, rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    if rule.statuses.is_none() || rule.patterns.iter().all(|pattern| pattern.built_in) {
        return;
    }
    let count = |statuses: Option<Vec<u16>>, lines: &[u8]| {
        let rule = Rule {
            statuses,
            ..rule.clone()
        };
        let mut count = 0;
        if let Ok(mut matcher) = Matcher::new(&rule, Clock::new(now)) {
            matcher.scan(lines, 0, |_, _| count += 1);
        }
        count
    };
    for LogTail {
        name: log, lines, ..
    } in tails
    {
        let matched = count(None, lines);
        if matched == 0 || count(Some((100..=599).collect()), lines) > 0 {
            continue;
        }
        findings.warn(format!(
            "rule {}: {}, so with http_status_blocks none of them counts; remove it from the rule",
            Escaped::text(&rule.name),
            plural(
                matched,
                &format!("of the last lines of {log} matches, and has no HTTP status"),
                &format!("of the last lines of {log} match, and have no HTTP status")
            )
        ));
    }
}
