//! The JSON of the contract: more keys may be added, none renamed.

use std::path::Path;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use crate::model::{
    Address, Ban, Country, Escaped, Failure, KeptFailure, Problem, Role, Stamp, Unban,
};

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

/// A ban of the documents.
#[must_use]
pub fn ban_json(ban: &Ban) -> Value {
    json!({
        "ip": ban.subject.to_string(),
        "count": ban.count,
        "rule": ban.rule.as_deref(),
        "server": &*ban.server,
        "time": ban.at.to_rfc3339(),
        "failures": ban.failures,
        "instant": ban.instant,
        "country": country_code(ban.country.as_ref()),
        "country_name": ban.country.as_ref().map(|country| &*country.name),
        "expires": ban.ends.map(time),
        "origin": ban.origin.as_str(),
        "reason": ban.reason(),
    })
}

fn unban(unban: &Unban) -> Value {
    json!({ "ip": unban.subject.to_string(), "cause": unban.cause.as_str(), "time": time(unban.at) })
}

fn session((address, accounts): (&Address, &String)) -> Value {
    json!({ "ip": address.to_string(), "accounts": accounts })
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

/// A list that is written row by row: of a million bans no document is made.
struct Rows<'a, T>(&'a [T], fn(&T) -> Value);

impl<T> Serialize for Rows<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

struct Document<'a>(&'a Summary);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let summary = self.0;
        let firewall = summary.firewall.as_ref().map(|firewall| {
            json!({ "backend": firewall.backend, "changed": firewall.changed, "v4": firewall.v4, "v6": firewall.v6 })
        });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("dry_run", &summary.dry_run)?;
        map.serialize_entry("server", &summary.server)?;
        map.serialize_entry("sources", &Rows(&summary.sources, source))?;
        let bans: Vec<&Ban> = summary.bans.iter().chain(&summary.returns).collect();
        map.serialize_entry("bans", &Rows(&bans, |ban| ban_json(ban)))?;
        map.serialize_entry("unbans", &Rows(&summary.unbans, unban))?;
        map.serialize_entry(
            "sessions",
            &summary.sessions.iter().map(session).collect::<Vec<_>>(),
        )?;
        map.serialize_entry("firewall", &firewall)?;
        map.serialize_entry("errors", &Rows(&summary.problems, problem))?;
        map.end()
    }
}

/// What `scan`, `ban` and `unban` print.
#[must_use]
pub fn summary_json(summary: &Summary) -> impl Serialize {
    Document(summary)
}

struct Bans<'a> {
    bans: &'a [Ban],
    stopped: Option<[u64; 2]>,
}

impl Serialize for Bans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stopped = self.stopped.map(|[v4, v6]| json!({ "v4": v4, "v6": v6 }));
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("bans", &Rows(self.bans, ban_json))?;
        map.serialize_entry("stopped", &stopped)?;
        map.end()
    }
}

/// What `list` prints: the bans, and how many packets of IPv4 and of IPv6 they have
/// stopped, where the firewall counts them.
#[must_use]
pub fn bans_json(bans: &[Ban], stopped: Option<[u64; 2]>) -> impl Serialize {
    Bans { bans, stopped }
}

/// A line of `match`, which is so many new failures.
#[must_use]
pub fn matched_json(file: &Path, line: u64, failure: &Failure, counted: u32) -> Value {
    let sign = (failure.login).is_some_and(|login| login.role == Role::Sign);
    json!({
        "path": path(file),
        "line": line,
        "offset": failure.offset,
        "ip": failure.address.to_string(),
        "time": failure.at.to_rfc3339(),
        "pattern": failure.pattern,
        "instant": failure.instant,
        "count": failure.count,
        "sign": sign,
        "counted": counted,
    })
}

/// A failure that `explain` shows, with the text of its line where that is known.
#[must_use]
pub fn failure_json(kept_failure: &KeptFailure, text: Option<&[u8]>) -> Value {
    json!({
        "time": kept_failure.at.to_rfc3339(),
        "ip": kept_failure.address.map(|address| address.to_string()),
        "count": kept_failure.count,
        "pattern": kept_failure.pattern,
        "path": path(&kept_failure.path),
        "offset": kept_failure.offset,
        "text": text.map(|text| Escaped::bytes(text).to_string()),
    })
}
