//! Charts as inline SVG. What a chart shows, a table beside it says.

use maud::{Markup, html};

use crate::audit::{Timeline, Week};
use crate::report::audit::words;

/// The size of a chart, in its own units.
const WIDTH: u64 = 960;
const HEIGHT: u64 = 190;

/// What is left for labels.
const LEFT: u64 = 64;
const TOP: u64 = 14;

/// How high bans are drawn below the line.
const BANS: u64 = 34;

/// From how many columns on one in the middle has room for a label.
const LABELED: usize = 12;

/// Monday first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `part` of `whole` as a part of `size`; what is there at all is seen.
fn scaled(part: u64, whole: u64, size: u64) -> u64 {
    let exact = u128::from(part) * u128::from(size) / u128::from(whole.max(1));
    let size = u64::try_from(exact).unwrap_or(size);
    if part > 0 { size.max(2) } else { 0 }
}

/// The end of an axis for values up to `most`: a round number whose half is a whole one.
fn round_up(most: u64) -> u64 {
    let tens = std::iter::successors(Some(1_u64), |unit| unit.checked_mul(10));
    let ends = tens.flat_map(|unit| {
        // Of ones the half of five is none.
        let steps: &[u64] = if unit == 1 {
            &[2, 4, 6, 8]
        } else {
            &[1, 2, 3, 4, 5, 6, 8]
        };
        steps.iter().filter_map(move |step| unit.checked_mul(*step))
    });
    ends.into_iter().find(|end| *end >= most).unwrap_or(most)
}

/// An image with a name and a description for those who do not see it.
fn svg(id: &str, height: u64, title: &str, description: &str, inside: &Markup) -> Markup {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{title_id} {description_id}")) {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            (inside)
        }
    }
}

/// Failures above the line, bans below it.
pub(super) fn timeline(line: &Timeline) -> Markup {
    let count = line.columns.len().max(1) as u64;
    let failures = line.columns.iter().map(|column| column.failures);
    let bans = line.columns.iter().map(|column| column.bans);
    let (most, most_bans) = (failures.max().unwrap_or(0), bans.max().unwrap_or(0));
    let (end, end_of_bans) = (round_up(most), round_up(most_bans));
    let base = TOP + HEIGHT;
    let step = (WIDTH - LEFT) * 100 / count;
    // Hundredths: whole units would leave ragged gaps between thin bars.
    let at = |n: u64| format!("{}.{:02}", LEFT + n * step / 100, n * step % 100);
    let wide = (step * 8 / 10).min(6000);
    let wide = format!("{}.{:02}", wide / 100, wide % 100);
    let inside = html! {
        line.grid x1=(LEFT) x2=(WIDTH) y1=(TOP) y2=(TOP) {}
        line.grid x1=(LEFT) x2=(WIDTH) y1=(TOP + HEIGHT / 2) y2=(TOP + HEIGHT / 2) {}
        line.grid x1=(LEFT) x2=(WIDTH) y1=(base) y2=(base) {}
        text x=(LEFT - 8) y=(TOP + 4) text-anchor="end" { (words::number(end)) }
        text x=(LEFT - 8) y=(TOP + HEIGHT / 2 + 4) text-anchor="end" { (words::number(end / 2)) }
        text x=(LEFT - 8) y=(base + 4) text-anchor="end" { "0" }
        @if most_bans > 0 {
            line.grid x1=(LEFT) x2=(WIDTH) y1=(base + 2 + BANS) y2=(base + 2 + BANS) {}
            text x=(LEFT - 8) y=(base + BANS + 6) text-anchor="end" { (words::number(end_of_bans)) }
        }
        @for (n, column) in (0..).zip(&line.columns) {
            @let high = scaled(column.failures, end, HEIGHT);
            @let low = scaled(column.bans, end_of_bans, BANS);
            g {
                title {
                    (words::time(line.start_of(usize::try_from(n).unwrap_or(0)))) ": "
                    (words::count(column.failures, "failure", "failures")) ", "
                    (words::count(column.bans, "ban", "bans"))
                }
                @if high > 0 { rect.bar x=(at(n)) y=(base - high) width=(wide) height=(high) {} }
                @if low > 0 { rect.ban x=(at(n)) y=(base + 2) width=(wide) height=(low) {} }
            }
        }
        text x=(LEFT) y=(base + BANS + 20) { (words::column_start(line, 0)) }
        @if line.columns.len() >= LABELED {
            @let middle = line.columns.len() / 2;
            text x=(at(middle as u64)) y=(base + BANS + 20) { (words::column_start(line, middle)) }
        }
        @if line.columns.len() > 1 {
            text x=(WIDTH) y=(base + BANS + 20) text-anchor="end" { (words::column_start(line, line.columns.len() - 1)) }
        }
    };
    let description = format!(
        "A bar for each of {count} columns of {}. The highest has {}; the most bans of one are {}.",
        words::span(line.seconds),
        words::count(most, "failure", "failures"),
        words::number(most_bans)
    );
    svg(
        "timeline",
        base + BANS + 28,
        "Failures and bans over time",
        &description,
        &inside,
    )
}

/// A cell for each hour of the week; the darker the more.
pub(super) fn week(week: &Week) -> Markup {
    let most = week.iter().flatten().copied().max().unwrap_or(0);
    let end = round_up(most);
    let (wide, high) = ((WIDTH - LEFT) / 24, 22);
    let inside = html! {
        @for (y, (day, hours)) in (0..).zip(DAYS.iter().zip(week)) {
            text.name x=(LEFT - 8) y=(y * high + 15) text-anchor="end" { (day) }
            @for (x, failures) in (0..).zip(hours) {
                rect x=(LEFT + x * wide) y=(y * high) width=(wide - 2) height=(high - 2) rx="2"
                    class=(if *failures > 0 { "cell" } else { "none" })
                    fill-opacity=[(*failures > 0).then(|| opacity(*failures, end))] {
                    title { (day) " " (x) ":00: " (words::count(*failures, "failure", "failures")) }
                }
            }
        }
        @for x in (0..24).step_by(3) {
            text x=(LEFT + x * wide) y=(7 * high + 15) { (x) ":00" }
        }
        (scale(end, 7 * high + 28, wide, high))
    };
    let (busiest, _) =
        (0..)
            .zip(week.iter().flatten())
            .fold((0_usize, 0), |best, (n, failures)| {
                if *failures > best.1 {
                    (n, *failures)
                } else {
                    best
                }
            });
    let description = format!(
        "Seven days of 24 hours. The busiest hour is {} {}:00 with {}.",
        DAYS[busiest / 24],
        busiest % 24,
        words::count(most, "failure", "failures")
    );
    svg(
        "week",
        10 * high,
        "Failures by hour of the week, local time",
        &description,
        &inside,
    )
}

/// What the colors of the cells stand for: none, and four steps up to `end`.
fn scale(end: u64, top: u64, wide: u64, high: u64) -> Markup {
    let cell = |step: u64| LEFT + step * wide;
    html! {
        g.scale {
            @for step in 0..5 {
                rect x=(cell(step)) y=(top) width=(wide - 2) height=(high - 2) rx="2"
                    class=(if step > 0 { "cell" } else { "none" })
                    fill-opacity=[(step > 0).then(|| opacity(step, 4))] {}
            }
            @for (step, failures) in [(0, 0), (2, end / 2), (4, end)] {
                text x=(cell(step) + (wide - 2) / 2) y=(top + high + 12) text-anchor="middle" { (words::number(failures)) }
            }
            text x=(cell(5) + 8) y=(top + 15) { "failures in an hour of the week" }
        }
    }
}

fn opacity(part: u64, whole: u64) -> String {
    let tenths = scaled(part, whole, 85) + 15;
    format!("{}.{:02}", tenths.min(100) / 100, tenths.min(100) % 100)
}

/// A bar for each name.
pub(super) fn bars(id: &str, title: &str, rows: &[(String, u64)]) -> Markup {
    let most = rows.iter().map(|row| row.1).max().unwrap_or(0);
    let (high, names, numbers) = (26, 190, 90);
    let inside = html! {
        @for (n, (name, failures)) in (0..).zip(rows) {
            @let long = scaled(*failures, most, WIDTH - names - numbers);
            text.name x=(names - 10) y=(n * high + 16) text-anchor="end" { (cut(name)) }
            rect.bar x=(names) y=(n * high + 4) width=(long) height=(high - 10) rx="2" {
                title { (name) ": " (words::count(*failures, "failure", "failures")) }
            }
            text x=(names + long + 8) y=(n * high + 16) { (words::number(*failures)) }
        }
    };
    let all: Vec<String> = rows
        .iter()
        .map(|(name, failures)| format!("{name}: {}", words::number(*failures)))
        .collect();
    svg(
        id,
        rows.len() as u64 * high + 2,
        title,
        &all.join("; "),
        &inside,
    )
}

/// As much of a name as fits beside its bar.
fn cut(name: &str) -> String {
    if name.chars().count() <= 26 {
        return name.to_owned();
    }
    name.chars().take(25).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (most, end) in [
            (0, 2),
            (1, 2),
            (7, 8),
            (9, 10),
            (11, 20),
            (236, 300),
            (2169, 3000),
            (6001, 8000),
            (8001, 10_000),
        ] {
            assert_eq!(round_up(most), end);
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    proptest! {
        /// The values are within the axis and take at least half of it, and the
        /// number in the middle is exact.
        #[test]
        fn an_axis_holds_its_values(most in 2u64..10_000_000_000_000_000_000) {
            let end = round_up(most);
            prop_assert!(end >= most && end / 2 <= most && end.is_multiple_of(2));
        }
    }
}
