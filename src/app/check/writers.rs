//! Who else can write lines into the logs that are read.

use std::path::Path;
use std::path::PathBuf;

use crate::logs;
use crate::model::{Escaped, Rule, SourceSpec};
use crate::rules::{Forgeable, Wrote, builtin_of};

use crate::report::CheckFindings;

use super::log_tail::LogTail;

/// Says that anybody who can reach the service can write lines into its logs, or choose the
/// sender in them, unless the logs say that a version wrote them with which nobody can.
pub(super) fn forgeable(rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    let Some(builtin) = builtin_of(rule) else {
        return;
    };
    let name = Escaped::text(&rule.name);
    for tail in tails {
        let (log, lines) = (&tail.name, &tail.lines);
        let Some(forgeable) = builtin.forgeable_in(&tail.source) else {
            continue;
        };
        let fixed = forgeable.fixed.as_ref().map(|fixed| fixed.version);
        let wrote = forgeable.wrote(lines);
        let unless = match (wrote, fixed) {
            (Wrote::Fixed, _) => continue,
            (Wrote::Unknown, Some(version)) => format!(", unless {version} writes it"),
            (Wrote::Raw | Wrote::Unknown, _) => String::new(),
        };
        let (why, remedy) = (forgeable.why, forgeable.remedy);
        let can = format!(
            "rule {name}: anybody who can reach the service can ban any address through {log}{unless}: {why}"
        );
        let is_empty = wrote == Wrote::Unknown && lines.is_empty();
        if is_empty && !forgeable.in_usual_logs() {
            continue;
        }
        // What is forgeable and trusted all the same, a person has accepted; and the first
        // lines of an empty log tell who writes it.
        if rule.senders_are_trusted {
            findings.fine(format!("{can}; \"trust_sender\": true accepts it"));
        } else if is_empty {
            findings.fine(format!("{can}; {remedy}"));
        } else {
            findings.warn(format!("{can}; {remedy}"));
        }
    }
}

/// Says that the bans of a rule are for their addresses and for this server alone, where
/// the configuration has aggregation or sharing.
pub(super) fn kept_here(is_sharing: bool, rule: &Rule, findings: &mut CheckFindings) {
    if rule.senders_are_trusted || !is_sharing && rule.aggregate.is_none() {
        return;
    }
    let forgeable = builtin_of(rule).and_then(|builtin| {
        let mut sources = rule.sources.iter();
        sources.find_map(|source| builtin.forgeable_in(source))
    });
    let why = forgeable.map_or("trust_sender is false", |forgeable| forgeable.why);
    let unknown = forgeable.filter(|forgeable| !forgeable.in_usual_logs());
    let unknown = unknown.map_or(
        "",
        |_| " (that can not be in its usual logs; of another it is not known)",
    );
    findings.fine(format!(
        "rule {}: its bans are neither aggregated nor shared with the other servers, unless it says \"trust_sender\": true: {why}{unknown}",
        Escaped::text(&rule.name)
    ));
}

/// Whether the logs are such that `rule` should not be advised for them.
pub(super) fn are_forgeable(rule: &Rule, tails: &[LogTail]) -> bool {
    let forgeable = builtin_of(rule).and_then(|builtin| builtin.forgeable);
    let is_raw = |forgeable: &Forgeable| {
        let mut lines = tails.iter().map(|tail| forgeable.wrote(&tail.lines));
        lines.any(|wrote| wrote == Wrote::Raw)
    };
    forgeable.is_some_and(is_raw)
}

/// Says that users of this host can write lines of any service into the files of
/// syslog, where the journal has the same lines and knows who wrote them.
pub(super) fn local(
    place: Option<&Path>,
    rule: &Rule,
    files: &[PathBuf],
    findings: &mut CheckFindings,
) {
    let Some(builtin) = builtin_of(rule) else {
        return;
    };
    let units: Vec<SourceSpec> = (builtin.journal.units.iter())
        .map(|unit| SourceSpec::Journal((*unit).to_owned()))
        .collect();
    let [_, ..] = files else { return };
    let journals = logs::discover(&units).journals;
    let has_entries =
        |journal: &&logs::Journal| matches!(logs::newest_entry(journal, place), Ok(Some(_)));
    if let Some(journal) = journals.iter().find(has_entries) {
        let files: Vec<_> = files
            .iter()
            .map(|path| Escaped::path(path).to_string())
            .collect();
        findings.fine(format!(
            "rule {}: every user of this host can write lines of this service into {} (`logger -t`); the journal, which is here too, knows who wrote a line: with \"log_files\": \"{}\" only those of the service count",
            Escaped::text(&rule.name),
            files.join(", "),
            journal.name
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::config::Config;

    const ACCESS: &str = "203.0.113.9 - - [02/Mar/2026:04:05:06 +0000] \"GET / HTTP/1.1\" 200 1\n";
    const XRDP: &str = "[20260302-04:05:06] [INFO ] AUTHFAIL: user=bob ip=203.0.113.9 time=1\n";

    /// The findings of the rule `name` whose section is `section`, in whose log at `place`
    /// `lines` stand.
    fn found(name: &str, section: &str, place: &str, lines: &str) -> String {
        let text =
            format!(r#"{{"settings": {{"aggregate": {{}}, "rules": {{"{name}": {section}}}}}}}"#);
        let config = Config::from_text(text.as_bytes(), None, Path::new("/")).unwrap();
        let source = match place.strip_prefix("journal:") {
            Some(unit) => SourceSpec::Journal(unit.to_owned()),
            None => SourceSpec::Files(place.into()),
        };
        let tail = LogTail {
            source,
            name: place.to_owned(),
            lines: lines.as_bytes().to_vec(),
        };
        let mut findings = CheckFindings::default();
        forgeable(&config.rules[0], &[tail], &mut findings);
        kept_here(false, &config.rules[0], &mut findings);
        let json = findings.json(&Value::Null, &Value::Null);
        let told = json["findings"].as_array().unwrap().iter();
        let told = told.map(|it| (it["level"].as_str().unwrap(), &it["message"]));
        let told = told.map(|(level, message)| format!("{level}: {}\n", message.as_str().unwrap()));
        told.collect::<Vec<_>>().concat()
    }

    #[test]
    fn nothing_is_told_where_nobody_can_forge() {
        let usual = "/var/log/nginx/access.log";
        for lines in ["", ACCESS, "x\n"] {
            assert_eq!(found("nginx-http-auth", "{}", usual, lines), "");
            let userlogins = "/var/log/roundcube/userlogins.log";
            assert_eq!(found("roundcube-auth", "{}", userlogins, lines), "");
            let (journal, named) = (
                "journal:xrdp-sesman.service",
                r#"{"log_files": "journal:xrdp-sesman.service"}"#,
            );
            assert_eq!(found("xrdp", named, journal, lines), "");
        }
        // A rule of the user's own has the name alone of the built-in one.
        let own = r#"{"log_files": "/x.log", "regex_patterns": ["x(a)(b)"]}"#;
        assert_eq!(found("xrdp", own, "/x.log", XRDP), "");
        assert_eq!(found("nsd", own, "/x.log", ""), "");
    }

    #[test]
    fn a_log_that_can_be_forged_is_warned_of_until_a_person_accepts_it() {
        let place = "/var/log/xrdp-sesman.log";
        let warned = found("xrdp", "{}", place, XRDP);
        assert!(
            warned.starts_with("warning: rule xrdp: anybody"),
            "{warned}"
        );
        let kept = "rule xrdp: its bans are neither aggregated nor shared with the other servers, unless it says \"trust_sender\": true: xrdp writes";
        assert!(warned.contains(kept), "{warned}");
        let empty = found("xrdp", "{}", place, "");
        assert!(!empty.contains("warning"), "{empty}");
        assert!(empty.contains("xrdp-sesman.log, unless syslog writes it: "));
        let accepted = found("xrdp", r#"{"trust_sender": true}"#, place, XRDP);
        assert!(!accepted.contains("warning"), "{accepted}");
        assert!(accepted.ends_with("; \"trust_sender\": true accepts it\n"));
    }

    #[test]
    fn of_a_log_at_another_place_it_is_told_what_follows() {
        let section = r#"{"log_files": "/srv/access.log"}"#;
        let told = found("nginx-http-auth", section, "/srv/access.log", ACCESS);
        assert!(!told.contains("warning"), "{told}");
        assert!(told.contains("neither aggregated nor shared"), "{told}");
        assert!(told.ends_with("of another it is not known)\n"), "{told}");
        let empty = found("nginx-http-auth", section, "/srv/access.log", "");
        assert_eq!(empty, told);
        let never = found("ssh", r#"{"trust_sender": false}"#, "/a.log", "");
        assert!(never.ends_with(": trust_sender is false\n"), "{never}");
    }
}
