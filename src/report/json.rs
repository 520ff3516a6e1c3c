//! The JSON of the contract: more keys may be added, none renamed.

use std::path::Path;

use serde_json::{Value, json};

use crate::model::{Ban, Country, Escaped, Failure, Problem, Stamp, Unban, Witness};

use super::{SourceRow, Summary};

fn path(path: &Path) -> String {
    Escaped::path(path).to_string()
}

fn time(seconds: i64) -> String {
    Stamp::from_secs(seconds).to_rfc3339()
}

/// The two letters of a country, where they are known.
#[must_use]
pub fn country_code(country: Option<&Country>) -> Option<String> {
    country?.code.map(|code| code.to_string())
}

pub(super) fn ban(ban: &Ban) -> Value {
    json!({
        "ip": ban.address.to_string(),
        "rule": ban.rule.as_deref(),
        "server": &*ban.server,
        "time": ban.at.to_rfc3339(),
        "failures": ban.failures,
        "instant": ban.instant,
        "country": country_code(ban.country.as_ref()),
        "country_name": ban.country.as_ref().map(|country| &*country.name),
        "expires": ban.ends.map(time),
        "origin": ban.origin.as_str(),
        "reason": ban.reason,
    })
}

fn unban(unban: &Unban) -> Value {
    json!({ "ip": unban.address.to_string(), "cause": unban.cause.as_str(), "time": time(unban.at) })
}

pub(super) fn problem(problem: &Problem) -> Value {
    json!({ "message": problem.message, "path": problem.path.as_deref().map(path) })
}

pub(super) fn source(source: &SourceRow) -> Value {
    json!({
        "path": path(&source.path),
        "rule": source.rule,
        "status": source.status,
        "from": source.from,
        "to": source.to,
        "left": source.left,
        "failures": source.failures,
        "host_names": source.host_names,
    })
}

/// What `scan`, `ban` and `unban` print.
#[must_use]
pub fn summary_json(summary: &Summary) -> Value {
    let firewall = summary.firewall.as_ref().map(|firewall| {
        json!({ "backend": firewall.backend, "changed": firewall.changed, "v4": firewall.v4, "v6": firewall.v6 })
    });
    json!({
        "dry_run": summary.dry_run,
        "server": summary.server,
        "sources": summary.sources.iter().map(source).collect::<Vec<_>>(),
        "bans": summary.bans.iter().map(ban).collect::<Vec<_>>(),
        "unbans": summary.unbans.iter().map(unban).collect::<Vec<_>>(),
        "firewall": firewall,
        "errors": summary.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

/// What `list` prints.
#[must_use]
pub fn bans_json(bans: &[Ban]) -> Value {
    json!({ "bans": bans.iter().map(ban).collect::<Vec<_>>() })
}

/// A line of `match`.
#[must_use]
pub fn matched_json(file: &Path, line: u64, failure: &Failure) -> Value {
    json!({
        "path": path(file),
        "line": line,
        "offset": failure.offset,
        "ip": failure.address.to_string(),
        "time": failure.at.to_rfc3339(),
        "pattern": failure.pattern,
        "instant": failure.instant,
        "count": failure.count,
    })
}

/// A failure that `explain` shows.
#[must_use]
pub fn failure_json(witness: &Witness) -> Value {
    json!({
        "time": witness.at.to_rfc3339(),
        "count": witness.count,
        "pattern": witness.pattern,
        "path": path(&witness.path),
        "offset": witness.offset,
        "text": Escaped::bytes(&witness.text).to_string(),
    })
}
