//! Failures in a usual file of a rule that is not read, since another one is there.

use std::cell::LazyCell;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::logs;
use crate::model::{Escaped, Rule, SourceSpec, Stamp};
use crate::report::CheckFindings;
use crate::rules::{Clock, Matcher};

use super::log_tail::LogTail;

/// How many seconds the lines of one failure in two files may be apart.
const APART: i64 = 60;

/// Says which files have failures that are newer than what is read, or have some while what
/// is read is empty. `read` are the files that are read. That a file is newer is not enough:
/// next to a quiet log of the service there may be one of syslog, which is never quiet.
pub(super) fn look(now: i64, rule: &Rule, read: &[LogTail], findings: &mut CheckFindings) {
    let files = read.iter().filter_map(|tail| match &tail.source {
        SourceSpec::Files(path) => path.metadata().ok(),
        SourceSpec::Journal(_) | SourceSpec::Auto(_) => None,
    });
    let metadata: Vec<Metadata> = files.collect();
    let Some(written) = metadata.iter().map(Metadata::mtime).max() else {
        return;
    };
    let is_empty = metadata.iter().all(|file| file.size() == 0);
    let is_read = |path: &Path| {
        let id = path.metadata().map(|file| (file.dev(), file.ino()));
        id.is_ok_and(|id| metadata.iter().any(|file| (file.dev(), file.ino()) == id))
    };
    let last = LazyCell::new(|| read.iter().filter_map(|tail| failed(now, rule, tail)).max());
    for source in &rule.sources {
        let SourceSpec::Auto(places) = source else {
            continue;
        };
        for mut files in logs::unread_usual_files(*places) {
            files.retain(|path| !is_read(path));
            // Of the generations and virtual hosts of one place the newest tells.
            let age = |path: &&PathBuf| path.metadata().map_or(0, |file| file.mtime());
            let newest = files.iter().max_by_key(age);
            let Some(other) = newest.and_then(|path| LogTail::of_file(path)) else {
                continue;
            };
            match failed(now, rule, &other) {
                Some(at) if is_empty || at > last.unwrap_or(written) + APART => {
                    findings.warn(told(rule, &other, at, read, is_empty));
                }
                _ => {}
            }
        }
    }
}

/// When the newest failure in the last lines of a log was, in Unix seconds.
fn failed(now: i64, rule: &Rule, tail: &LogTail) -> Option<i64> {
    let mut matcher = Matcher::new(rule, Clock::new(now)).ok()?;
    let mut newest = None;
    matcher.scan(&tail.lines, 0, |failure, _| {
        newest = newest.max(Some(failure.at.secs));
    });
    newest
}

fn told(rule: &Rule, other: &LogTail, at: i64, read: &[LogTail], is_empty: bool) -> String {
    let read: Vec<&str> = read.iter().map(|tail| &*tail.name).collect();
    let read = read.join(", ");
    let (name, other) = (Escaped::text(&rule.name), &other.name);
    let at = Stamp::from_secs(at).to_local();
    let than = if is_empty {
        format!("and {read} is empty")
    } else {
        format!("which is newer than what {read} has")
    };
    format!(
        "rule {name}: {other}, which is not read, has a failure of {at}, {than}; of its usual files a rule reads the first there is: set log_files to the one that the service writes"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::Config;
    use crate::model::UsualPlaces;

    const NOW: i64 = 1_774_190_000;

    /// What is said of a rule for which the first file was written so many seconds before
    /// now, and the second has a failure of 2026-03-22 14:00:00.
    fn said(first: &str, ago: u64) -> String {
        let dir = tempfile::tempdir().unwrap();
        let [userlogins, errors] =
            ["userlogins.log", "errors.log"].map(|name| dir.path().join(name));
        fs::write(&errors, failure("14:00:00")).unwrap();
        fs::write(&userlogins, first).unwrap();
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs())
            - Duration::from_secs(ago);
        let file = fs::File::options().append(true).open(&userlogins).unwrap();
        file.set_modified(written).unwrap();
        let leaked = |path: &Path| -> &'static str { path.to_str().unwrap().to_owned().leak() };
        let files = vec![leaked(&userlogins), leaked(&errors)].leak();
        let mut rule = Config::defaults(dir.path())
            .builtin_rule("roundcube-auth")
            .unwrap();
        rule.sources = vec![SourceSpec::Auto(UsualPlaces { files, units: &[] })];
        let mut findings = CheckFindings::default();
        let read = [LogTail::of_file(&userlogins).unwrap()];
        look(NOW, &rule, &read, &mut findings);
        let mut text = Vec::new();
        findings.text(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn failure(time: &str) -> String {
        format!(
            "[22-Mar-2026 {time} +0000]: <5f2a9c1e> Failed login for bob from 203.0.113.9 in session 5f2a9c1e7d3b8a60 (error: 1)\n"
        )
    }

    #[test]
    fn failures_in_a_file_that_is_not_read_are_told() {
        for (first, ago, words) in [
            (String::new(), 0, "userlogins.log is empty"),
            (failure("13:00:00"), 0, "which is newer than what "),
            (
                "a line of last year\n".to_owned(),
                400 * 86_400,
                "which is newer than what ",
            ),
        ] {
            let said = said(&first, ago);
            assert!(
                said.contains("errors.log, which is not read") && said.contains(words),
                "{said}"
            );
        }
        // The same failure in both, and a file that is written and tells of none.
        for first in [failure("13:59:59"), "a line of today\n".to_owned()] {
            let said = said(&first, 0);
            assert!(!said.contains("errors.log"), "{said}");
        }
    }
}
