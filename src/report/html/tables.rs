//! Tables: read as they are, sorted where scripts run.

use maud::{Markup, html};

use crate::report::audit::words;

/// A column: its title and whether it is of numbers.
pub(super) type HtmlColumn = (&'static str, bool);

/// A cell.
pub(super) enum HtmlCell {
    /// Any text; of the first column it names its row.
    Text(String),
    /// A number, shown with thousands set apart.
    Number(u64),
    /// A number that is shown as this text; none sorts below all.
    Shown(Option<i64>, String),
    /// A time, in Unix seconds.
    Time(i64),
    /// Whether somebody is or would be banned, in words.
    Banned(bool, &'static str),
}

/// A column of text, or of a time.
pub(super) const TEXT: bool = false;

/// A column of numbers.
pub(super) const NUMBER: bool = true;

/// A cell of text.
pub(super) fn text(text: impl std::fmt::Display) -> HtmlCell {
    HtmlCell::Text(text.to_string())
}

/// A number that may not be known.
pub(super) fn known(n: Option<u64>) -> HtmlCell {
    let value = n.and_then(|n| i64::try_from(n).ok());
    HtmlCell::Shown(value, n.map_or("unknown".to_owned(), words::number))
}

/// A part of a whole, in percent.
pub(super) fn share(part: u64, whole: u64) -> HtmlCell {
    let tenths = (u128::from(part) * 1000)
        .checked_div(u128::from(whole))
        .unwrap_or(0);
    HtmlCell::Shown(i64::try_from(tenths).ok(), words::share(part, whole))
}

/// A table in a region that scrolls by itself where it is too wide.
pub(super) fn table(caption: &str, columns: &[HtmlColumn], rows: &[Vec<HtmlCell>]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table.sortable {
                caption { (caption) }
                thead {
                    tr {
                        @for (title, number) in columns {
                            th scope="col" class=[number.then_some("n")] { (title) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() { (one(cell, place == 0)) }
                        }
                    }
                }
            }
        }
    }
}

fn one(cell: &HtmlCell, first: bool) -> Markup {
    html! {
        @match cell {
            HtmlCell::Text(text) if first => { th scope="row" { (text) } }
            HtmlCell::Text(text) => { td { (text) } }
            HtmlCell::Number(n) => { td.n data-v=(n) { (words::number(*n)) } }
            HtmlCell::Shown(n, text) => { td.n data-v=(n.unwrap_or(-1)) { (text) } }
            HtmlCell::Time(at) => {
                td.t data-v=(at) {
                    time datetime=(crate::model::Stamp::from_secs(*at).to_rfc3339()) { (words::time(*at)) }
                }
            }
            HtmlCell::Banned(yes, text) => { td class=(if *yes { "yes" } else { "no" }) { (text) } }
        }
    }
}

/// How many of all are shown, if not all.
pub(super) fn caption(what: &str, shown: usize, all: usize) -> String {
    if shown < all {
        let (shown, all) = (words::number(shown as u64), words::number(all as u64));
        format!("{what}: the first {shown} of {all}; audit --top all shows all")
    } else {
        what.to_owned()
    }
}
