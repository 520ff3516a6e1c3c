//! The report of an audit as one page that opens anywhere: no network, no
//! script needed to read it. All text of the logs is escaped by the template.
//!
//! | file | makes |
//! |---|---|
//! | `sections` | the sections of the page |
//! | `bans` | the sections on bans that would have been |
//! | `charts`, `tables` | what stands in them |
//! | `style.css`, `sort.js` | how it looks, and how its tables are sorted |

mod bans;
mod charts;
mod sections;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::Escaped;

use super::AuditReport;
use super::audit::words;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/sort.js");

/// What the page may do: show itself, and run the one script that has this hash.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-+N9t5QJbVUFrqALaRfgOb+KK8Obz+t0AiNpE08wdm9E='; base-uri 'none'; form-action 'none'";

/// The page.
#[must_use]
pub fn audit_html(report: &AuditReport<'_>) -> String {
    let server = Escaped::text(report.server).to_string();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "pyfilter audit of " (server) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the findings" }
                (header(report, &server))
                main id="main" {
                    (cards(report))
                    (notes(report))
                    (sections::all(report))
                }
                footer {
                    p { "Made by pyfilter " (env!("CARGO_PKG_VERSION")) ". Times are local." }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn header(report: &AuditReport<'_>, server: &str) -> Markup {
    let period = match (report.period.since, report.period.until) {
        (None, None) => "all that was logged".to_owned(),
        (Some(since), None) => format!("from {} on", words::time(since)),
        (None, Some(until)) => format!("up to {}", words::time(until)),
        (Some(since), Some(until)) => {
            format!("from {} up to {}", words::time(since), words::time(until))
        }
    };
    html! {
        header {
            h1 { "Who failed to log in, and who would be banned" }
            p { "Audit of " (server) ", made " (words::time(report.now)) ": " (period) "." }
            @if let Some((first, last)) = report.findings.span() {
                p { "The first failure is of " (first.to_local()) ", the last of " (last.to_local()) "." }
            }
            nav aria-label="Sections" {
                ul {
                    @for (id, title) in sections::titles(report) {
                        li { a href=(format!("#{id}")) { (title) } }
                    }
                }
            }
        }
    }
}

/// The numbers that matter most.
fn cards(report: &AuditReport<'_>) -> Markup {
    let found = report.findings;
    let banned = found.banned();
    let logged_in = found.logged_in.map_or("unknown".to_owned(), words::number);
    let card = |title: &str, id: &str, value: &str, small: &str| {
        html! {
            div { dt { (title) } dd id=(id) { (value) span.small { (small) } } }
        }
    };
    let read = report.read().count() as u64;
    html! {
        dl.cards {
            (card("Failures", "failures", &words::number(found.failures), "of logging in"))
            (card("Addresses", "addresses", &words::number(found.addresses.len() as u64), "that failed"))
            (card("Would be banned", "banned", &words::number(banned), "addresses"))
            (card("Stopped", "stopped", &words::share(found.stopped, found.failures), &format!("{} after a ban", words::count(found.stopped, "failure", "failures"))))
            (card("Real users?", "logged-in", &logged_in, "of the banned addresses logged in, too"))
            (card("Logs", "logs", &words::number(read), &report.size()))
        }
    }
}

fn notes(report: &AuditReport<'_>) -> Markup {
    let future = report.findings.future.map(|future| {
        let stamped = words::count(future.failures, "failure is", "failures are");
        format!(
            "{stamped} stamped in the future, up to {}: was a clock wrong, or the year not logged?",
            future.newest.to_local()
        )
    });
    let problems = report
        .problems
        .iter()
        .map(|problem| problem.message.clone());
    let all: Vec<String> = problems
        .chain(report.notes.iter().cloned())
        .chain(future)
        .collect();
    html! {
        @if !all.is_empty() {
            ul.notes aria-label="What to know" {
                @for note in all { li { (note) } }
            }
        }
    }
}
