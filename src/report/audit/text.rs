//! What a person reads in a terminal.

use std::fmt::Write as _;

use anstyle::Style;

use crate::audit::Findings;
use crate::model::Escaped;
use crate::report::country_code;

use super::bans::{aggregated, trials};
use super::blocks::timeline;
use super::page::{heading, paragraph, red};
use super::table::{TextCell, TextColumn, TextColumnKind, plain, table};
use super::{AuditReport, BanStatus, words};

/// How many of each list are shown when nobody says.
const TOP: usize = 10;

/// The narrowest terminal that is written for.
const NARROWEST: usize = 40;

/// What `audit` prints for people, for a terminal that is `width` wide; without
/// one no column of a table is left out or cut. With styles, which a stream
/// that has no colors takes out.
#[must_use]
pub fn audit_text(report: &AuditReport<'_>, width: Option<usize>) -> String {
    let width = width.map(|width| width.max(NARROWEST));
    let mut text = summary(report, width);
    let found = report.findings;
    if found.failures > 0 {
        rules(report, width, &mut text);
        addresses(report, width, &mut text);
        countries(report, width, &mut text);
        networks(report, width, &mut text);
        users(report, width, &mut text);
        timeline(found, width, &mut text);
    }
    trials(found, width, &mut text);
    gaps(report, width, &mut text);
    let lists = [
        found.addresses.len(),
        found.places.len(),
        found.networks.len(),
        found.aggregated.len(),
        found.users.len(),
        found.rules.iter().map(|rule| rule.gaps.len()).sum(),
    ];
    if report.top.is_none() && lists.into_iter().any(|all| all > TOP) {
        text.push('\n');
        let sentence = format!("The lists show {TOP} rows each: --top all shows all of them.");
        paragraph(&mut text, &sentence, width);
    }
    text
}

fn summary(report: &AuditReport<'_>, width: Option<usize>) -> String {
    let found = report.findings;
    let mut text = String::new();
    let files = words::count(report.read().count() as u64, "log", "logs");
    let failures = words::count(found.failures, "failure", "failures");
    let mut sentence = match found.span() {
        Some((first, last)) => {
            let addresses = found.addresses.len() as u64;
            let (first, last) = (first.to_local(), last.to_local());
            let when = if first == last {
                format!("at {first}")
            } else {
                format!("between {first} and {last}")
            };
            format!(
                "{failures} from {} {when}, in {files} ({}).",
                words::count(addresses, "address", "addresses"),
                report.size()
            )
        }
        None => format!("No failures in {files} ({}).", report.size()),
    };
    if found.failures > 0 {
        let _ = write!(sentence, " {}", verdict(found));
    }
    paragraph(&mut text, &sentence, width);
    for note in report.notes {
        paragraph(&mut text, note, width);
    }
    if let Some(future) = found.future {
        let stamped = words::count(future.failures, "failure is", "failures are");
        let newest = future.newest.to_local();
        let sentence = format!(
            "{stamped} stamped in the future, up to {newest}: was a clock wrong, or the year not logged?"
        );
        paragraph(&mut text, &sentence, width);
    }
    text
}

/// How many would be banned, what that stops, and how many real users it may hit.
fn verdict(found: &Findings) -> String {
    let banned = found.banned();
    if banned == 0 {
        return "None would be banned.".to_owned();
    }
    let users = match found.logged_in {
        None => String::new(),
        Some(0) => " None of them ever logged in.".to_owned(),
        Some(users) => format!(
            " {} of them logged in, too: real users may be locked out.",
            words::number(users)
        ),
    };
    let networks = found.banned_networks().len() as u64;
    let within = match networks {
        0 => String::new(),
        networks => format!(
            ", by themselves or within {}",
            words::count(networks, "network", "networks")
        ),
    };
    format!(
        "{} would be banned{within}, and {} of all failures ({}) stopped by that.{users}",
        words::count(banned, "address", "addresses"),
        words::share(found.stopped, found.failures),
        words::number(found.stopped)
    )
}

fn top(report: &AuditReport<'_>, all: usize) -> usize {
    report.top.unwrap_or(TOP).min(all)
}

fn rules(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let found = report.findings;
    heading(text, "Rules", 0, 0);
    let columns = [
        TextColumn("RULE", TextColumnKind::Text, 0),
        TextColumn("FAILURES", TextColumnKind::Number, 0),
        TextColumn("ADDRESSES", TextColumnKind::Number, 2),
        TextColumn("BANS", TextColumnKind::Number, 0),
        TextColumn("LOGINS", TextColumnKind::Number, 1),
    ];
    let rows = found.rules.iter().map(|rule| {
        vec![
            plain(Escaped::text(&rule.name).to_string()),
            plain(words::number(rule.failures)),
            plain(words::number(rule.addresses)),
            plain(words::number(rule.bans)),
            plain(rule.logins.map_or("unknown".to_owned(), words::number)),
        ]
    });
    *text += &table(&columns, &rows.collect::<Vec<_>>(), width);
}

fn addresses(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let found = report.findings;
    let shown = top(report, found.addresses.len());
    heading(text, "Worst addresses", shown, found.addresses.len());
    let mut columns = vec![
        TextColumn("ADDRESS", TextColumnKind::Address, 0),
        TextColumn("FAILURES", TextColumnKind::Number, 0),
        TextColumn("BANNED", TextColumnKind::Text, 1),
        TextColumn("FIRST SEEN", TextColumnKind::Text, 4),
        TextColumn("LAST SEEN", TextColumnKind::Text, 2),
        TextColumn("RULES", TextColumnKind::Text, 3),
    ];
    let located = !found.places.is_empty();
    if located {
        columns.push(TextColumn("COUNTRY", TextColumnKind::Text, 1));
    }
    let rows = found.addresses.iter().take(shown).map(|seen| {
        let status = report.ban_status(seen);
        let style = match status {
            BanStatus::InForce | BanStatus::WouldBe => red(),
            BanStatus::Never | BanStatus::Not => Style::new(),
        };
        let rules: Vec<String> = (report.rules_of(seen).into_iter())
            .map(|(rule, _)| Escaped::text(rule).to_string())
            .collect();
        let mut row: Vec<TextCell> = vec![
            (seen.address.to_string(), style),
            plain(words::number(seen.failures)),
            (status.word().to_owned(), style),
            plain(seen.first.to_local()),
            plain(seen.last.to_local()),
            plain(rules.join(", ")),
        ];
        if located {
            let country = found.country_of(seen);
            let name = country.map_or("?", |country| &country.name);
            row.push(plain(Escaped::text(name).to_string()));
        }
        row
    });
    *text += &table(&columns, &rows.collect::<Vec<_>>(), width);
}

fn totals(of: &crate::audit::Totals) -> [TextCell; 3] {
    [of.failures, of.addresses, of.banned].map(|n| plain(words::number(n)))
}

fn origins(title: &'static str, kind: TextColumnKind) -> [TextColumn; 4] {
    [
        TextColumn(title, kind, 0),
        TextColumn("FAILURES", TextColumnKind::Number, 0),
        TextColumn("ADDRESSES", TextColumnKind::Number, 1),
        TextColumn("BANNED", TextColumnKind::Number, 2),
    ]
}

fn countries(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let found = report.findings;
    if found.places.is_empty() {
        return;
    }
    let shown = top(report, found.places.len());
    heading(text, "Countries", shown, found.places.len());
    let rows = found.places.iter().take(shown).map(|place| {
        let country = place.country.as_ref();
        let name = country.map_or("unknown".to_owned(), |country| {
            let code = country_code(Some(country)).unwrap_or_default();
            format!("{} {}", code, Escaped::text(&country.name))
        });
        [vec![plain(name)], totals(&place.totals).to_vec()].concat()
    });
    *text += &table(
        &origins("COUNTRY", TextColumnKind::Text),
        &rows.collect::<Vec<_>>(),
        width,
    );
}

fn networks(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let found = report.findings;
    if found.networks.is_empty() && !found.tells_of_aggregation() {
        return;
    }
    let shown = top(report, found.networks.len());
    heading(text, "Networks", shown, found.networks.len());
    if !found.networks.is_empty() {
        let rows = found.networks.iter().take(shown).map(|network| {
            let name = network.network.to_string();
            [vec![plain(name)], totals(&network.totals).to_vec()].concat()
        });
        *text += &table(
            &origins("NETWORK", TextColumnKind::Address),
            &rows.collect::<Vec<_>>(),
            width,
        );
    }
    aggregated(found, top(report, found.aggregated.len()), width, text);
}

fn users(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let found = report.findings;
    if found.users.is_empty() {
        return;
    }
    let shown = top(report, found.users.len());
    heading(text, "Users that were tried", shown, found.users.len());
    let columns = [
        TextColumn("USER", TextColumnKind::Text, 0),
        TextColumn("FAILURES", TextColumnKind::Number, 0),
        TextColumn("SHARE", TextColumnKind::Number, 1),
    ];
    let rows = found.users.iter().take(shown).map(|user| {
        let name = Escaped::bytes(&user.name).to_string();
        let name = if name.is_empty() {
            "(empty)".to_owned()
        } else {
            name
        };
        vec![
            plain(name),
            plain(words::number(user.failures)),
            plain(words::share(user.failures, found.named)),
        ]
    });
    *text += &table(&columns, &rows.collect::<Vec<_>>(), width);
    if !found.users_exact {
        paragraph(
            text,
            "There were too many names to count them all: the rare ones are left out.",
            width,
        );
    }
}

fn gaps(report: &AuditReport<'_>, width: Option<usize>, text: &mut String) {
    let rules = report.findings.rules.iter();
    let all: Vec<_> = rules
        .flat_map(|rule| rule.gaps.iter().map(|gap| (&rule.name, gap)))
        .collect();
    if all.is_empty() {
        return;
    }
    let shown = top(report, all.len());
    heading(
        text,
        "Gaps: nothing was logged that counts",
        shown,
        all.len(),
    );
    let columns = [
        TextColumn("RULE", TextColumnKind::Text, 0),
        TextColumn("LENGTH", TextColumnKind::Number, 0),
        TextColumn("FROM", TextColumnKind::Text, 1),
        TextColumn("TO", TextColumnKind::Text, 2),
    ];
    let rows = all.into_iter().take(shown).map(|(rule, gap)| {
        vec![
            plain(Escaped::text(rule).to_string()),
            plain(words::gap(gap)),
            plain(words::time(gap.from)),
            plain(words::time(gap.to)),
        ]
    });
    *text += &table(&columns, &rows.collect::<Vec<_>>(), width);
}
