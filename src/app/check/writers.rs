//! Who else can write lines into the logs that are read.

use std::path::Path;
use std::path::PathBuf;

use crate::logs;
use crate::model::{Escaped, Rule, SourceSpec};
use crate::rules::{Forgeable, Wrote, builtin};

use crate::report::CheckFindings;

/// Says that anybody who can reach the service can write lines into its logs,
/// unless they say themselves that a version wrote them with which nobody can.
/// `tails` are the logs' names and last lines.
pub(super) fn forgeable(rule: &Rule, tails: &[(String, Vec<u8>)], findings: &mut CheckFindings) {
    let Some(forgeable) = builtin(&rule.name).and_then(|builtin| builtin.forgeable) else {
        return;
    };
    let name = Escaped::text(&rule.name);
    let fixed = forgeable.fixed.as_ref().map(|fixed| fixed.version);
    for (log, lines) in tails {
        let unless = match (forgeable.wrote(lines), fixed) {
            (Wrote::Fixed, _) => continue,
            (Wrote::Unknown, Some(version)) => format!(", unless {version} writes it"),
            (Wrote::Raw | Wrote::Unknown, _) => String::new(),
        };
        let (why, remedy) = (forgeable.why, forgeable.remedy);
        findings.warn(format!(
            "rule {name}: anybody who can reach the service can ban any address through {log}{unless}: {why}; {remedy}"
        ));
    }
}

/// Whether the logs are such that `rule` should not be advised for them.
pub(super) fn are_forgeable(rule: &Rule, tails: &[(String, Vec<u8>)]) -> bool {
    let forgeable = builtin(&rule.name).and_then(|builtin| builtin.forgeable);
    let is_raw = |forgeable: &Forgeable| {
        let mut lines = tails.iter().map(|(_, lines)| forgeable.wrote(lines));
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
    let Some(builtin) = builtin(&rule.name) else {
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
