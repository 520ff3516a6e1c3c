//! The sections on bans that would have been: those of the rules, those of networks, and
//! those under other thresholds.

use maud::{Markup, html};

use crate::audit::Findings;
use crate::model::Escaped;
use crate::report::audit::words;

use super::tables::{HtmlCell, HtmlColumn, NUMBER, TEXT, caption, known, share, table, text};

/// The bans, the first `shown` of them.
pub(super) fn bans(found: &Findings, shown: usize) -> Markup {
    let columns: [HtmlColumn; 6] = [
        ("Address", TEXT),
        ("Rule", TEXT),
        ("Time", TEXT),
        ("Failures", NUMBER),
        ("Which of it", NUMBER),
        ("Ends", TEXT),
    ];
    let rows: Vec<Vec<HtmlCell>> = (found.bans.iter().take(shown))
        .map(|ban| {
            vec![
                text(ban.subject),
                text(Escaped::text(&found.rules[ban.rule].name)),
                HtmlCell::Time(ban.at.secs),
                HtmlCell::Number(u64::from(ban.failures)),
                HtmlCell::Number(u64::from(ban.count)),
                ban.ends.map_or_else(|| text("never"), HtmlCell::Time),
            ]
        })
        .collect();
    table(
        &caption("Bans that would have been", shown, found.bans.len()),
        &columns,
        &rows,
    )
}

/// What aggregation would have banned, the first `shown`, and when it does so.
pub(super) fn aggregated(found: &Findings, shown: usize) -> Markup {
    let columns: [HtmlColumn; 5] = [
        ("Network", TEXT),
        ("Banned within it", NUMBER),
        ("Rule", TEXT),
        ("Time", TEXT),
        ("Ends", TEXT),
    ];
    let rows: Vec<Vec<HtmlCell>> = (found.aggregated.iter().take(shown))
        .map(|ban| {
            vec![
                text(ban.subject),
                HtmlCell::Number(u64::from(ban.aggregates)),
                text(Escaped::text(&found.rules[ban.rule].name)),
                HtmlCell::Time(ban.at.secs),
                ban.ends.map_or_else(|| text("never"), HtmlCell::Time),
            ]
        })
        .collect();
    let what = "Networks that aggregation would have banned";
    html! {
        @if !rows.is_empty() {
            (table(&caption(what, shown, found.aggregated.len()), &columns, &rows))
        }
        @for sentence in words::aggregation(found) { p.soft { (sentence) } }
    }
}

/// What other thresholds would have done.
pub(super) fn what_if(found: &Findings) -> Markup {
    let thresholds = [
        "Failed attempts",
        "Request time",
        "Window",
        "Ban time",
        "IPv4 prefix",
        "IPv6 prefix",
    ];
    let rows = || found.trials.iter();
    let variants: Vec<[String; 6]> = rows().map(|trial| words::variant(&trial.variant)).collect();
    // Of the prefixes, which few vary, those that were not varied are left out.
    let is_shown = |place: usize| {
        place < 4
            || variants
                .iter()
                .any(|variant| variant[place] != words::AS_IT_IS)
    };
    let shown: Vec<usize> = (0..thresholds.len()).filter(|n| is_shown(*n)).collect();
    let mut columns: Vec<HtmlColumn> = shown.iter().map(|&n| (thresholds[n], TEXT)).collect();
    columns.extend([
        ("Banned", NUMBER),
        ("Stopped", NUMBER),
        ("Share", NUMBER),
        ("Logged in", NUMBER),
    ]);
    let rows: Vec<Vec<HtmlCell>> = (rows().zip(&variants))
        .map(|(trial, variant)| {
            let own = shown.iter().map(|&n| text(&variant[n]));
            let mut row: Vec<HtmlCell> = own.collect();
            row.extend([
                HtmlCell::Number(trial.banned),
                HtmlCell::Number(trial.stopped),
                share(trial.stopped, found.failures),
                known(trial.logged_in),
            ]);
            row
        })
        .collect();
    html! {
        (table("What other thresholds would have done", &columns, &rows))
        p.soft {
            "Banned are addresses. Stopped are failures that would have come while a ban of their rule ran. "
            "Logged in are those of the banned addresses from which somebody also logged in: real users who may be locked out. "
            "- is what the rule has."
            @if words::varies_prefixes(found) {
                " The prefixes say what is counted together and banned as one; "
                "with them the banned are all addresses that failed within that, and logged in also those that never failed."
            }
        }
    }
}
