//! The bans that would have been, in a terminal: those by aggregation, and those under
//! other thresholds.

use crate::audit::Findings;
use crate::model::Escaped;

use super::page::{heading, paragraph};
use super::table::{TextCell, TextColumn, TextColumnKind, plain, table};
use super::words;

/// How many columns of the table of other thresholds are thresholds.
const THRESHOLDS: usize = 6;

/// What aggregation would have banned, at most `top` of it, and when it does so.
pub(super) fn aggregated(found: &Findings, top: usize, width: Option<usize>, text: &mut String) {
    if !found.aggregated.is_empty() {
        text.push('\n');
        let columns = [
            TextColumn("AGGREGATED", TextColumnKind::Address, 0),
            TextColumn("SUBJECTS", TextColumnKind::Number, 0),
            TextColumn("RULE", TextColumnKind::Text, 3),
            TextColumn("TIME", TextColumnKind::Text, 1),
            TextColumn("ENDS", TextColumnKind::Text, 2),
        ];
        let rows = found.aggregated.iter().take(top).map(|ban| {
            vec![
                plain(ban.subject.to_string()),
                plain(words::number(ban.aggregates.into())),
                plain(Escaped::text(&found.rules[ban.rule].name).to_string()),
                plain(ban.at.to_local()),
                plain(ban.ends.map_or("never".to_owned(), words::time)),
            ]
        });
        *text += &table(&columns, &rows.collect::<Vec<_>>(), width);
    }
    for sentence in words::aggregation(found) {
        paragraph(text, &sentence, width);
    }
}

/// What other thresholds would have done.
pub(super) fn trials(found: &Findings, width: Option<usize>, text: &mut String) {
    if found.trials.is_empty() {
        return;
    }
    heading(text, "What if", 0, 0);
    let columns = [
        TextColumn("FAILED", TextColumnKind::Number, 0),
        TextColumn("TIME", TextColumnKind::Number, 0),
        TextColumn("WINDOW", TextColumnKind::Text, 0),
        TextColumn("BAN", TextColumnKind::Text, 0),
        TextColumn("IPV4", TextColumnKind::Number, 0),
        TextColumn("IPV6", TextColumnKind::Number, 0),
        TextColumn("BANNED", TextColumnKind::Number, 0),
        TextColumn("STOPPED", TextColumnKind::Number, 3),
        TextColumn("SHARE", TextColumnKind::Number, 1),
        TextColumn("LOGGED IN", TextColumnKind::Number, 2),
    ];
    let mut rows: Vec<Vec<TextCell>> = (found.trials.iter())
        .map(|trial| {
            let mut row = words::variant(&trial.variant).map(plain).to_vec();
            row.extend([
                plain(words::number(trial.banned)),
                plain(words::number(trial.stopped)),
                plain(words::share(trial.stopped, found.failures)),
                plain(trial.logged_in.map_or("unknown".to_owned(), words::number)),
            ]);
            row
        })
        .collect();
    let mut columns = columns.to_vec();
    // A threshold that was not varied says nothing.
    for place in (0..THRESHOLDS).rev() {
        if rows.iter().all(|row| row[place].0 == words::AS_IT_IS) {
            columns.remove(place);
            for row in &mut rows {
                row.remove(place);
            }
        }
    }
    *text += &table(&columns, &rows, width);
    let legend = "FAILED, TIME, WINDOW and BAN are failed_attempts, request_time, window and ban_time. BANNED are addresses; STOPPED are failures that would have come while a ban of their rule ran; LOGGED IN are those of the banned from which somebody also logged in: real users who may be locked out. What is not varied is as the rules have it.";
    paragraph(text, legend, width);
    if words::varies_prefixes(found) {
        let legend = "IPV4 and IPV6 are ipv4_prefix and ipv6_prefix: what is counted together and banned as one. With them BANNED are all addresses that failed within what would have been banned, and LOGGED IN also those that never failed.";
        paragraph(text, legend, width);
    }
}
