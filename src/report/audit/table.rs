//! Tables of a terminal: columns that fit, the least important left out first.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

/// What stands between two columns.
const BETWEEN: usize = 2;

/// The narrowest that a column of text is cut to.
const NARROWEST: usize = 12;

/// A column: its title, whether it is of numbers, and how soon it is left out
/// where there is no room; 0 is never.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextColumn(
    pub(super) &'static str,
    pub(super) TextColumnKind,
    pub(super) u8,
);

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextColumnKind {
    Number,
    /// Cut where there is no room.
    Text,
    /// Never cut: a part of an address is another one.
    Address,
}

/// A cell, and how it looks.
pub(super) type TextCell = (String, Style);

/// A cell that looks like any other.
pub(super) fn plain(text: impl Into<String>) -> TextCell {
    (text.into(), Style::new())
}

/// The lines of a table that is at most `width` wide, if there is a width, each
/// behind two blanks.
pub(super) fn table(
    columns: &[TextColumn],
    rows: &[Vec<TextCell>],
    width: Option<usize>,
) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BETWEEN));
    let mut widths: Vec<usize> = (columns.iter().enumerate())
        .map(|(n, column)| {
            let cells = rows.iter().map(|row| row[n].0.width());
            cells.max().unwrap_or(0).max(column.0.width())
        })
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let needs = |shown: &[usize], widths: &[usize]| {
        shown
            .iter()
            .map(|&n| widths[n] + BETWEEN)
            .sum::<usize>()
            .saturating_sub(BETWEEN)
    };
    while needs(&shown, &widths) > room
        && let Some(least) = shown.iter().copied().max_by_key(|&n| columns[n].2)
        && columns[least].2 > 0
    {
        shown.retain(|&n| n != least);
    }
    // Whoever typed a long text does not break the table.
    let over = needs(&shown, &widths).saturating_sub(room);
    let widest = shown
        .iter()
        .copied()
        .filter(|&n| columns[n].1 == TextColumnKind::Text)
        .max_by_key(|&n| widths[n]);
    if let Some(widest) = widest.filter(|_| over > 0) {
        widths[widest] = widths[widest].saturating_sub(over).max(NARROWEST);
    }
    let bold = Style::new().bold();
    let heads: Vec<TextCell> = columns
        .iter()
        .map(|column| (column.0.to_owned(), bold))
        .collect();
    std::iter::once(&heads)
        .chain(rows)
        .map(|row| line(columns, &shown, &widths, row))
        .collect()
}

fn line(columns: &[TextColumn], shown: &[usize], widths: &[usize], row: &[TextCell]) -> String {
    let mut text = String::new();
    let mut padding = 0;
    for &n in shown {
        let (cell, style) = &row[n];
        let cell = cut(cell, widths[n]);
        let pad = widths[n].saturating_sub(cell.width());
        let (before, behind) = match columns[n].1 {
            TextColumnKind::Number => (pad, 0),
            TextColumnKind::Text | TextColumnKind::Address => (0, pad),
        };
        text += &" ".repeat(padding + BETWEEN + before);
        let _ = write!(text, "{style}{cell}{style:#}");
        padding = behind;
    }
    text + "\n"
}

/// As much of the text as fits.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if kept.width() + 1 > width {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize) -> String {
        let columns = [
            TextColumn("NAME", TextColumnKind::Text, 0),
            TextColumn("N", TextColumnKind::Number, 0),
            TextColumn("EXTRA", TextColumnKind::Text, 1),
        ];
        let row = |cells: [&str; 3]| cells.map(plain).to_vec();
        let rows = [row(["a", "1,000", "x"]), row(["zürich漢", "2", "yy"])];
        let text = table(&columns, &rows, Some(width));
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn columns_stand_below_one_another_and_give_way() {
        assert_eq!(
            shown(40),
            "  NAME          N  EXTRA\n  a         1,000  x\n  zürich漢      2  yy\n"
        );
        assert_eq!(
            shown(20),
            "  NAME          N\n  a         1,000\n  zürich漢      2\n"
        );
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("漢漢漢", 4), "漢…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
