//! The document, written as it is made: a million addresses are a lot of text.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::audit::{Decided, FailedAddress, Findings, TrialRow};
use crate::model::{Ban, BanTime, Escaped, Origin, Stamp, WindowKind};
use crate::report::json::{ban_json, country_code, problem, source};

use super::{AuditReport, BanStatus};

/// Writes what `audit` prints.
///
/// # Errors
/// `out` can not be written to.
pub fn audit_json(report: &AuditReport<'_>, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document(report)).map_err(io::Error::from)?;
    writeln!(out)
}

struct Document<'a>(&'a AuditReport<'a>);

/// A list whose items are made one at a time.
struct List<F>(F);

impl<F, I> Serialize for List<F>
where
    F: Fn() -> I,
    I: Iterator<Item = Value>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let found = report.findings;
        let top = report.top.unwrap_or(usize::MAX);
        let errors = || report.problems.iter().map(problem);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("server", report.server)?;
        map.serialize_entry("period", &period(report))?;
        map.serialize_entry("sources", &List(|| report.sources.iter().map(source)))?;
        map.serialize_entry("failures", &found.failures)?;
        map.serialize_entry("outside_period", &found.outside)?;
        map.serialize_entry("banned", &found.banned())?;
        map.serialize_entry("stopped", &found.stopped)?;
        map.serialize_entry("banned_logged_in", &found.logged_in)?;
        map.serialize_entry("rules", &List(|| rules(found)))?;
        let seen = || found.addresses.iter().take(top);
        map.serialize_entry(
            "addresses",
            &List(|| seen().map(|seen| address(report, seen))),
        )?;
        let bans = || {
            found
                .bans
                .iter()
                .map(|decided| decided_json(report, decided))
        };
        map.serialize_entry("bans", &List(bans))?;
        map.serialize_entry("timeline", &List(|| timeline(found)))?;
        map.serialize_entry("timeline_seconds", &found.timeline.seconds)?;
        map.serialize_entry("week", &found.week)?;
        map.serialize_entry("countries", &List(|| countries(found).take(top)))?;
        map.serialize_entry("networks", &List(|| networks(found).take(top)))?;
        let aggregated = || {
            let aggregated = found.aggregated.iter().take(top);
            aggregated.map(|decided| decided_json(report, decided))
        };
        map.serialize_entry("aggregated", &List(aggregated))?;
        map.serialize_entry("users", &List(|| users(found).take(top)))?;
        map.serialize_entry("users_exact", &found.users_exact)?;
        map.serialize_entry("gaps", &List(|| gaps(found)))?;
        map.serialize_entry("future", &future(found))?;
        map.serialize_entry("what_if", &List(|| found.trials.iter().map(trial)))?;
        map.serialize_entry("notes", report.notes)?;
        map.serialize_entry("errors", &List(errors))?;
        map.end()
    }
}

fn time(unix: i64) -> String {
    Stamp::from_secs(unix).to_rfc3339()
}

fn period(report: &AuditReport<'_>) -> Value {
    json!({ "since": report.period.since.map(time), "until": report.period.until.map(time) })
}

fn rules(found: &Findings) -> impl Iterator<Item = Value> {
    found.rules.iter().map(|rule| {
        json!({
            "rule": &*rule.name,
            "failures": rule.failures,
            "addresses": rule.addresses,
            "bans": rule.bans,
            "logins": rule.logins,
            "aggregate": {
                "ipv4": rule.aggregate.networks.ipv4,
                "ipv6": rule.aggregate.networks.ipv6,
                "subjects": rule.aggregate.subjects,
                "within": rule.aggregate.within,
                "configured": rule.is_aggregating,
            },
        })
    })
}

fn address(report: &AuditReport<'_>, seen: &FailedAddress) -> Value {
    let rules: serde_json::Map<String, Value> = (report.rules_of(seen).into_iter())
        .map(|(rule, failures)| (rule.to_owned(), failures.into()))
        .collect();
    let country = report.findings.country_of(seen);
    json!({
        "ip": seen.address.to_string(),
        "failures": seen.failures,
        "first": seen.first.to_rfc3339(),
        "last": seen.last.to_rfc3339(),
        "rules": rules,
        "country": country_code(country),
        "country_name": country.map(|country| &*country.name),
        "banned": seen.banned,
        "in_force": report.in_force.map(|_| report.ban_status(seen) == BanStatus::InForce),
        "never_banned": seen.never,
        "logins": seen.logins,
    })
}

fn decided_json(report: &AuditReport<'_>, decided: &Decided) -> Value {
    let found = report.findings;
    let rule = &found.rules[decided.rule];
    let reason = (decided.aggregates > 0).then(|| {
        Ban::aggregation_reason(
            decided.subject,
            decided.aggregates,
            decided.filled_by,
            rule.aggregate.within,
            &rule.name,
        )
    });
    ban_json(&Ban {
        subject: decided.subject,
        rule: Some(rule.name.clone()),
        server: report.server.into(),
        at: decided.at,
        ends: decided.ends,
        failures: decided.failures,
        instant: decided.instant,
        origin: Origin::Log,
        reason: reason.map(String::into_boxed_str),
        country: found.country_at(decided.place).cloned(),
        count: Some(decided.count),
        aggregates: decided.aggregates,
    })
}

fn timeline(found: &Findings) -> impl Iterator<Item = Value> {
    let line = &found.timeline;
    line.columns.iter().enumerate().map(|(n, column)| {
        json!({ "start": time(line.start_of(n)), "failures": column.failures, "bans": column.bans })
    })
}

fn countries(found: &Findings) -> impl Iterator<Item = Value> {
    found.places.iter().map(|place| {
        let (country, totals) = (place.country.as_ref(), &place.totals);
        json!({
            "country": country_code(country),
            "country_name": country.map(|country| &*country.name),
            "addresses": totals.addresses,
            "failures": totals.failures,
            "banned": totals.banned,
        })
    })
}

fn networks(found: &Findings) -> impl Iterator<Item = Value> {
    found.networks.iter().map(|network| {
        let totals = &network.totals;
        json!({
            "network": network.network.to_string(),
            "addresses": totals.addresses,
            "failures": totals.failures,
            "banned": totals.banned,
        })
    })
}

fn users(found: &Findings) -> impl Iterator<Item = Value> {
    found.users.iter().map(
        |user| json!({ "user": Escaped::bytes(&user.name).to_string(), "failures": user.failures }),
    )
}

fn gaps(found: &Findings) -> impl Iterator<Item = Value> {
    found.rules.iter().flat_map(|rule| {
        let gaps = rule.gaps.iter().map(|gap| {
            json!({ "rule": &*rule.name, "from": time(gap.from), "to": time(gap.to), "seconds": gap.to - gap.from })
        });
        gaps.collect::<Vec<_>>()
    })
}

fn future(found: &Findings) -> Value {
    found.future.map_or(
        Value::Null,
        |future| json!({ "failures": future.failures, "newest": future.newest.to_rfc3339() }),
    )
}

/// What is null is as the rules have it.
fn trial(trial: &TrialRow) -> Value {
    let variant = &trial.variant;
    let window = variant.window.map(|window| match window {
        WindowKind::Gap => "gap",
        WindowKind::Sliding => "sliding",
    });
    let mut row = json!({
        "failed_attempts": variant.failed_attempts,
        "request_time": variant.request_time,
        "window": window,
        "banned": trial.banned,
        "bans": trial.bans,
        "stopped": trial.stopped,
        "banned_logged_in": trial.logged_in,
    });
    if let Some(times) = &variant.ban_times {
        let seconds = |time: &BanTime| {
            time.seconds()
                .map_or(json!(-1), |seconds| seconds.get().into())
        };
        row["ban_time"] = match times.all() {
            [one] => seconds(one),
            several => several.iter().map(seconds).collect(),
        };
    }
    if let Some(length) = variant.ipv4_prefix {
        row["ipv4_prefix"] = length.into();
    }
    if let Some(length) = variant.ipv6_prefix {
        row["ipv6_prefix"] = length.into();
    }
    row
}
