use std::io::{self, Write};

use crate::model::{Escaped, KeptFailure, Thresholds, WindowKind};

use super::page::ExplanationPage;
use super::{FoundLine, FoundLines, LineLocation};

/// The failures of a window, with how full it was by each.
pub(super) fn steps(
    failures: &[KeptFailure],
    limit: Option<u32>,
    lines: &FoundLines,
    page: &mut ExplanationPage<'_, impl Write>,
) -> io::Result<()> {
    let of = limit.map_or_else(String::new, |limit| format!("/{limit}"));
    let (mut sum, mut before) = (0u32, None);
    for failure in failures {
        sum = sum.saturating_add(failure.count);
        let lead = format!("{sum}{of}  ");
        page.put(4, &lead, &when(failure, before))?;
        let below = 4 + lead.len();
        page.put(below, "", &place(failure, lines))?;
        let text = lines.text(failure).map(Escaped::bytes);
        let gone = || "(a line of which only the place was kept)".to_owned();
        page.put(below, "", &text.map_or_else(gone, |text| text.to_string()))?;
        before = Some(failure.counted);
    }
    Ok(())
}

/// When a failure was, from which address of a network, and how long after the one that counted `before`.
fn when(failure: &KeptFailure, before: Option<i64>) -> String {
    let later = before.map_or_else(String::new, |before| {
        format!(", {} s later", failure.counted - before)
    });
    let back = if failure.counted > failure.at.secs {
        " (its stamp is earlier than the one before)"
    } else {
        ""
    };
    let times = match failure.count {
        1 => String::new(),
        count => format!(", {count} times"),
    };
    let from = failure.address;
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    format!("{}{from}{later}{back}{times}", failure.at.to_local())
}

/// The path of failures that were read from standard input.
const STANDARD_INPUT: &str = "-";

/// Where a line stood, and stands.
fn place(failure: &KeptFailure, lines: &FoundLines) -> String {
    let (path, offset) = (Escaped::path(&failure.path), failure.offset);
    if failure.path.as_os_str() == STANDARD_INPUT {
        return format!("standard input, byte {offset}");
    }
    if lines.is_of_journal(failure) {
        let entry = format!("{path}, entry of {}", failure.at.to_rfc3339());
        return match lines.get(failure) {
            Some(_) => entry,
            None if lines.is_unread(failure) => format!("{entry}; the journal could not be read"),
            None => format!("{entry}, no longer there"),
        };
    }
    match lines.get(failure) {
        Some(FoundLine {
            at: LineLocation::Line(line),
            path: now,
            ..
        }) if **now == *failure.path => format!("{path} line {line}, byte {offset}"),
        Some(FoundLine {
            at: LineLocation::Line(line),
            path: now,
            ..
        }) => {
            let now = Escaped::path(now);
            format!("{path} at byte {offset}, now {now} line {line}")
        }
        _ => format!("{path} at byte {offset}, no longer there"),
    }
}

/// `1 failure`, `2 failures`.
pub(super) fn failures(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} failure{plural}")
}

/// `5 s` between two failures, or of all of them.
pub(super) fn within(thresholds: &Thresholds) -> String {
    let seconds = thresholds.request_time;
    match thresholds.window {
        WindowKind::Gap => format!("each within {seconds} s of the one before"),
        WindowKind::Sliding => format!("all within {seconds} s"),
    }
}
