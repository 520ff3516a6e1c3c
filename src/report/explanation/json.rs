use serde_json::{Value, json};

use crate::model::{Escaped, KeptFailure, PastBan, Stamp, WindowKind};
use crate::report::{ban_json, country_code, failure_json};

use super::{Explanation, FailuresInLogs, FoundLines, LineLocation};

impl Explanation {
    /// The document of `explain --json`.
    #[must_use]
    pub fn json(&self) -> Value {
        let time = |seconds| Stamp::from_secs(seconds).to_rfc3339();
        let bans =
            |bans: &[PastBan]| -> Value { bans.iter().map(|past| self.past(past)).collect() };
        let within = self.within.iter().map(past_ban);
        let windows = self.windows.iter().map(|window| {
            let thresholds = self.thresholds.get(&window.rule);
            let limit = thresholds.map(|thresholds| thresholds.failed_attempts);
            json!({
                "ip": window.subject.to_string(),
                "rule": window.rule,
                "failed_attempts": limit,
                "failures": failures(&window.failures, &self.lines),
            })
        });
        let (country, never) = (self.country.as_ref(), self.never_banned.as_ref());
        json!({
            "ip": self.subject.to_string(),
            "country": country_code(country),
            "country_name": country.map(|country| &*country.name),
            "banned": self.is_banned(),
            "banned_as": self.blocked_as().map(|subject| subject.to_string()),
            "never_banned": never.map(|never| &*never.why),
            "ignored_by": never.and_then(|never| never.network).map(|network| network.to_string()),
            "bans": bans(&self.bans),
            "bans_around": bans(&self.around),
            "bans_within": within.collect::<Vec<_>>(),
            "session": self.session,
            "windows": windows.collect::<Vec<_>>(),
            "cleared_until": self.cleared.map(|unban| time(unban.at)),
            "cleared_with": self.cleared.map(|unban| unban.subject.to_string()),
            "looked": self.in_logs.iter().map(looked).collect::<Vec<_>>(),
            "place": self.place,
            "blocked_by": self.blocked_by,
            "errors": self.problems.iter().map(|problem| json!({
                "message": problem.message,
                "path": problem.path.as_deref().map(|path| Escaped::path(path).to_string()),
            })).collect::<Vec<_>>(),
        })
    }

    /// A ban with all that is known of it.
    fn past(&self, past: &PastBan) -> Value {
        let mut ban = past_ban(past);
        let cover = self.cover(past.ban.subject);
        let cover = cover.filter(|_| self.is_in_force(past));
        ban["covered_by"] = cover.map(|(wider, _)| wider.to_string()).into();
        ban["led_to_by"] = self.led_to(&past.ban).iter().map(ban_json).collect();
        ban["witnesses"] = failures(&past.failures, &self.lines);
        ban
    }
}

/// A ban and how it was lifted.
fn past_ban(past: &PastBan) -> Value {
    let lifted = past.lifted.as_ref();
    let mut ban = ban_json(&past.ban);
    ban["lifted"] = lifted
        .map(|unban| Stamp::from_secs(unban.at).to_rfc3339())
        .into();
    ban["cause"] = lifted.map(|unban| unban.cause.as_str()).into();
    ban
}

/// Each with how full the window was by it, and where its line stands by now.
fn failures(evidence: &[KeptFailure], lines: &FoundLines) -> Value {
    let mut sum = 0u32;
    let failures = evidence.iter().map(|kept_failure| {
        sum = sum.saturating_add(kept_failure.count);
        let found = lines.get(kept_failure);
        let mut failure = failure_json(kept_failure, lines.text(kept_failure));
        failure["sum"] = sum.into();
        let (line, entry) = match found.map(|found| &found.at) {
            Some(LineLocation::Line(line)) => (Some(*line), None),
            Some(LineLocation::Entry(cursor)) => (None, Some(cursor.as_str())),
            None => (None, None),
        };
        failure["line"] = line.into();
        failure["entry"] = entry.into();
        failure["stands_in"] = found
            .map(|found| Escaped::path(&found.path).to_string())
            .into();
        failure
    });
    failures.collect()
}

fn looked(looked: &FailuresInLogs) -> Value {
    let sources = looked.sources.iter().map(|source| {
        json!({
            "path": Escaped::path(&source.path).to_string(),
            "failures": source.failures.as_ref().ok(),
            "error": source.failures.as_ref().err(),
        })
    });
    let thresholds = &looked.rule.thresholds;
    json!({
        "rule": &*looked.rule.name,
        "ip": looked.scope.to_string(),
        "failures": looked.failures,
        "first": looked.span.map(|(first, _)| first.to_rfc3339()),
        "last": looked.span.map(|(_, last)| last.to_rfc3339()),
        "cleared": looked.cleared,
        "most_together": looked.most,
        "failed_attempts": thresholds.failed_attempts,
        "request_time": thresholds.request_time,
        "window": match thresholds.window {
            WindowKind::Gap => "gap",
            WindowKind::Sliding => "sliding",
        },
        "sources": sources.collect::<Vec<_>>(),
    })
}
