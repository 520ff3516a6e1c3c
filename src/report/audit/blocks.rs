//! The timeline, drawn with the blocks that terminals have.

use std::fmt::Write as _;

use crate::audit::Findings;

use super::page::{PAGE, heading, paragraph, red};
use super::words;

/// How many rows of blocks a timeline is high.
const ROWS: u64 = 4;

/// A block for each eighth of a row.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Blocks, four rows high, and below them an `x` where somebody is banned.
pub(super) fn timeline(found: &Findings, width: Option<usize>, text: &mut String) {
    let line = &found.timeline;
    let room = (width.unwrap_or(PAGE) - 2).min(60);
    let join = line.columns.len().div_ceil(room).max(1);
    let columns: Vec<(u64, u64)> = (line.columns.chunks(join))
        .map(|chunk| {
            let failures = chunk.iter().map(|column| column.failures).sum();
            (failures, chunk.iter().map(|column| column.bans).sum())
        })
        .collect();
    let most = columns
        .iter()
        .map(|column| column.0)
        .max()
        .unwrap_or(0)
        .max(1);
    let wide = words::span(line.seconds * i64::try_from(join).unwrap_or(1));
    heading(text, "Timeline", 0, 0);
    let legend = format!(
        "One column is {wide}; the highest is {}; x is a ban.",
        words::count(most, "failure", "failures")
    );
    paragraph(text, &legend, width);
    // What is there at all is seen.
    let eighths = |n: u64| match n {
        0 => 0,
        n => u64::try_from(u128::from(n) * u128::from(ROWS * 8) / u128::from(most))
            .unwrap_or(0)
            .max(1),
    };
    for row in (0..ROWS).rev() {
        let blocks = columns.iter().map(|(failures, _)| {
            let height = eighths(*failures).saturating_sub(row * 8).min(8);
            BLOCKS[usize::try_from(height).unwrap_or(8)]
        });
        let blocks: String = blocks.collect();
        let _ = writeln!(text, "  {}", blocks.trim_end());
    }
    if columns.iter().any(|column| column.1 > 0) {
        let marks: String = (columns.iter())
            .map(|(_, bans)| if *bans > 0 { 'x' } else { ' ' })
            .collect();
        let style = red();
        let _ = writeln!(text, "  {style}{}{style:#}", marks.trim_end());
    }
    let first = words::column_start(line, 0);
    let last = words::column_start(line, line.columns.len().saturating_sub(1));
    let between = (columns.len()).saturating_sub(first.len() + last.len());
    if line.columns.len() == 1 {
        let _ = writeln!(text, "  {first}");
    } else if between > 0 {
        let _ = writeln!(text, "  {first}{}{last}", " ".repeat(between));
    } else {
        text.push_str("  ");
        paragraph(
            text,
            &format!("{first} to {last}"),
            width.map(|width| width - 2),
        );
    }
}
