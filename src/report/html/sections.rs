//! The sections of the page: a chart where there is one, and a table.

use maud::{Markup, html};

use crate::audit::Totals;
use crate::model::Escaped;
use crate::report::audit::{BanStatus, words};
use crate::report::{AuditReport, country_code};

use super::tables::{HtmlCell, HtmlColumn, NUMBER, TEXT, caption, known, share, table, text};
use super::{bans, charts};

/// How many rows of a list a page has when nobody says.
const TOP: usize = 20;

/// How many bars a chart has.
const BARS: usize = 12;

/// The sections that there is something for, with their titles.
pub(super) fn titles(report: &AuditReport<'_>) -> Vec<(&'static str, &'static str)> {
    let found = report.findings;
    let some = found.failures > 0;
    let all = [
        (some, "time", "Over time"),
        (some && found.week.is_some(), "hours", "Hours of the week"),
        (some, "rules", "Rules"),
        // Somebody asked for it: it does not stand below the long lists.
        (!found.trials.is_empty(), "what-if", "What if"),
        (some, "worst", "Worst addresses"),
        (!found.places.is_empty(), "countries", "Countries"),
        (!found.networks.is_empty(), "networks", "Networks"),
        (found.tells_of_aggregation(), "aggregation", "Aggregation"),
        (!found.users.is_empty(), "users", "Users that were tried"),
        (!found.bans.is_empty(), "bans", "Bans"),
        (has_gaps(report), "gaps", "Gaps"),
        (!report.sources.is_empty(), "sources", "Logs"),
    ];
    let there = all.into_iter().filter(|(there, ..)| *there);
    there.map(|(_, id, title)| (id, title)).collect()
}

fn has_gaps(report: &AuditReport<'_>) -> bool {
    report
        .findings
        .rules
        .iter()
        .any(|rule| !rule.gaps.is_empty())
}

pub(super) fn all(report: &AuditReport<'_>) -> Markup {
    html! {
        @for (id, title) in titles(report) {
            section id=(id) aria-labelledby=(format!("{id}-h")) {
                h2 id=(format!("{id}-h")) { (title) }
                (inside(report, id))
            }
        }
    }
}

fn inside(report: &AuditReport<'_>, id: &str) -> Markup {
    let found = report.findings;
    match id {
        "time" => time(report),
        "hours" => hours(report),
        "rules" => rules(report),
        "worst" => worst(report),
        "countries" => countries(report),
        "networks" => networks(report),
        "aggregation" => bans::aggregated(found, top(report, found.aggregated.len())),
        "users" => users(report),
        "bans" => bans::bans(found, top(report, found.bans.len())),
        "what-if" => bans::what_if(found),
        "gaps" => gaps(report),
        _ => sources(report),
    }
}

fn top(report: &AuditReport<'_>, all: usize) -> usize {
    report.top.unwrap_or(TOP).min(all)
}

fn time(report: &AuditReport<'_>) -> Markup {
    let line = &report.findings.timeline;
    let rows: Vec<Vec<HtmlCell>> = (line.columns.iter().enumerate())
        .map(|(n, column)| {
            vec![
                HtmlCell::Time(line.start_of(n)),
                HtmlCell::Number(column.failures),
                HtmlCell::Number(column.bans),
            ]
        })
        .collect();
    let columns: [HtmlColumn; 3] = [("Start", TEXT), ("Failures", NUMBER), ("Bans", NUMBER)];
    html! {
        figure {
            (charts::timeline(line))
            figcaption.soft {
                span.key {} "failures " span.key.bans {} "bans; one bar is " (words::span(line.seconds))
            }
        }
        details {
            summary { "The same as a table" }
            (table("Failures and bans over time", &columns, &rows))
        }
    }
}

fn hours(report: &AuditReport<'_>) -> Markup {
    let week = report.findings.week.unwrap_or_default();
    html! {
        figure {
            (charts::week(&week))
            figcaption.soft { "Failures by hour of the week, local time; the stronger the color the more" }
        }
    }
}

fn rules(report: &AuditReport<'_>) -> Markup {
    let found = report.findings;
    let bars: Vec<(String, u64)> = (found.rules.iter())
        .map(|rule| (Escaped::text(&rule.name).to_string(), rule.failures))
        .collect();
    let columns: [HtmlColumn; 5] = [
        ("Rule", TEXT),
        ("Failures", NUMBER),
        ("Addresses", NUMBER),
        ("Bans", NUMBER),
        ("Logins that went well", NUMBER),
    ];
    let rows: Vec<Vec<HtmlCell>> = (found.rules.iter())
        .map(|rule| {
            vec![
                text(Escaped::text(&rule.name)),
                HtmlCell::Number(rule.failures),
                HtmlCell::Number(rule.addresses),
                HtmlCell::Number(rule.bans),
                known(rule.logins),
            ]
        })
        .collect();
    html! {
        @if bars.len() > 1 { figure { (charts::bars("rules-chart", "Failures by rule", &bars)) } }
        (table("What each rule has found", &columns, &rows))
    }
}

fn worst(report: &AuditReport<'_>) -> Markup {
    let found = report.findings;
    let shown = top(report, found.addresses.len());
    let columns: [HtmlColumn; 7] = [
        ("Address", TEXT),
        ("Failures", NUMBER),
        ("Banned", TEXT),
        ("First seen", TEXT),
        ("Last seen", TEXT),
        ("Rules", TEXT),
        ("Country", TEXT),
    ];
    let rows: Vec<Vec<HtmlCell>> = (found.addresses.iter().take(shown))
        .map(|seen| {
            let status = report.ban_status(seen);
            let banned = matches!(status, BanStatus::InForce | BanStatus::WouldBe);
            let rules: Vec<String> = (report.rules_of(seen).into_iter())
                .map(|(rule, failures)| {
                    format!("{} {}", Escaped::text(rule), words::number(failures))
                })
                .collect();
            let country = found.country_of(seen);
            vec![
                text(seen.address),
                HtmlCell::Number(seen.failures),
                HtmlCell::Banned(banned, status.word()),
                HtmlCell::Time(seen.first.secs),
                HtmlCell::Time(seen.last.secs),
                text(rules.join(", ")),
                text(Escaped::text(country.map_or("", |country| &country.name))),
            ]
        })
        .collect();
    table(
        &caption("Addresses by failures", shown, found.addresses.len()),
        &columns,
        &rows,
    )
}

fn totals(of: &Totals) -> [HtmlCell; 3] {
    [of.failures, of.addresses, of.banned].map(HtmlCell::Number)
}

fn origins(title: &'static str) -> [HtmlColumn; 4] {
    [
        (title, TEXT),
        ("Failures", NUMBER),
        ("Addresses", NUMBER),
        ("Would be banned", NUMBER),
    ]
}

fn countries(report: &AuditReport<'_>) -> Markup {
    let found = report.findings;
    let named: Vec<(String, &Totals)> = (found.places.iter())
        .map(|place| {
            let country = place.country.as_ref();
            let name = country.map_or("unknown".to_owned(), |country| {
                let code = country_code(Some(country)).unwrap_or_default();
                format!("{} {code}", Escaped::text(&country.name))
            });
            (name, &place.totals)
        })
        .collect();
    let shown = top(report, named.len());
    let bars = named.iter().take(BARS.min(shown));
    let bars: Vec<(String, u64)> = bars.map(|(name, of)| (name.clone(), of.failures)).collect();
    let rows: Vec<Vec<HtmlCell>> = (named.iter().take(shown))
        .map(|(name, of)| std::iter::once(text(name)).chain(totals(of)).collect())
        .collect();
    html! {
        figure { (charts::bars("countries-chart", "Failures by country", &bars)) }
        (table(&caption("Countries by failures", shown, named.len()), &origins("Country"), &rows))
    }
}

fn networks(report: &AuditReport<'_>) -> Markup {
    let all = &report.findings.networks;
    let shown = top(report, all.len());
    let rows: Vec<Vec<HtmlCell>> = (all.iter().take(shown))
        .map(|network| {
            std::iter::once(text(network.network))
                .chain(totals(&network.totals))
                .collect()
        })
        .collect();
    let what = "Networks from which more than one address failed";
    table(&caption(what, shown, all.len()), &origins("Network"), &rows)
}

fn users(report: &AuditReport<'_>) -> Markup {
    let found = report.findings;
    let shown = top(report, found.users.len());
    let columns: [HtmlColumn; 3] = [("User", TEXT), ("Failures", NUMBER), ("Share", NUMBER)];
    let rows: Vec<Vec<HtmlCell>> = (found.users.iter().take(shown))
        .map(|user| {
            vec![
                text(Escaped::bytes(&user.name)),
                HtmlCell::Number(user.failures),
                share(user.failures, found.named),
            ]
        })
        .collect();
    html! {
        (table(&caption("User names by failures", shown, found.users.len()), &columns, &rows))
        @if !found.users_exact {
            p.soft { "There were too many names to count them all: the rare ones are left out." }
        }
    }
}

fn gaps(report: &AuditReport<'_>) -> Markup {
    let rules = report.findings.rules.iter();
    let all: Vec<_> = rules
        .flat_map(|rule| rule.gaps.iter().map(|gap| (&rule.name, gap)))
        .collect();
    let shown = top(report, all.len());
    let columns: [HtmlColumn; 4] = [
        ("Rule", TEXT),
        ("Length", NUMBER),
        ("From", TEXT),
        ("To", TEXT),
    ];
    let rows: Vec<Vec<HtmlCell>> = (all.iter().take(shown))
        .map(|(rule, gap)| {
            vec![
                text(Escaped::text(rule)),
                HtmlCell::Shown(Some(gap.to - gap.from), words::gap(gap)),
                HtmlCell::Time(gap.from),
                HtmlCell::Time(gap.to),
            ]
        })
        .collect();
    table(
        &caption("Nothing was logged that counts", shown, all.len()),
        &columns,
        &rows,
    )
}

fn sources(report: &AuditReport<'_>) -> Markup {
    let columns: [HtmlColumn; 5] = [
        ("Log", TEXT),
        ("Rule", TEXT),
        ("Status", TEXT),
        ("Read", NUMBER),
        ("Failures", NUMBER),
    ];
    let rows: Vec<Vec<HtmlCell>> = (report.sources.iter())
        .map(|source| {
            let size = source.to - source.from;
            vec![
                text(Escaped::path(&source.path)),
                text(Escaped::text(&source.rule)),
                text(source.status),
                HtmlCell::Shown(i64::try_from(size).ok(), words::read(source)),
                HtmlCell::Number(source.failures),
            ]
        })
        .collect();
    table("What was read", &columns, &rows)
}
