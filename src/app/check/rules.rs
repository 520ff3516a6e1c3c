//! Sources, patterns and thresholds, held against what the logs say.

use std::hash::Hasher as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use siphasher::sip::SipHasher13;

use crate::app::context::Context;
use crate::app::posts;
use crate::config::{Config, Database};
use crate::logs::{self, Journal};
use crate::model::{Escaped, Pattern, Rule, SourceSpec, Stamp, Urls, UsualPlaces, plural};
use crate::report::nothing_to_check;
use crate::rules::{
    BuiltinRule, Clock, GROUPS, Matcher, Offer, PostsSeen, Verdict, builtin, builtin_of,
    names_in_words,
};

use crate::report::{CheckFindings, CheckLevel};
use crate::system;

use super::log_tail::LogTail;
use super::{other_files, statuses, times, unseen, what_if, writers};

/// By how many seconds a file may be behind the journal.
const STALE: i64 = 300;

/// The patterns that PyFilter shipped, as SipHash-1-3 of their text.
const SHIPPED: [u64; 8] = [
    0x5d1a_19eb_530b_e69f,
    0xfe1f_25f2_b86b_d4ac,
    0x8a4a_c514_ba21_bec8,
    0x6ef4_fe6a_6f4f_fc94,
    0x3256_9c74_82b8_293b,
    0xc0a5_3fea_4858_9e35,
    0xf57a_eef5_a07d_d3dd,
    0x4f24_d629_4a67_2ca4,
];

pub(super) fn look(context: &Context, findings: &mut CheckFindings) {
    let place = context.config.journal.as_deref();
    let is_sharing = context.config.database == Database::Redis;
    for rule in context.config.rules.iter().filter(|rule| rule.enabled) {
        let found = logs::discover(&rule.sources);
        for problem in found.problems {
            findings.error(problem.message);
        }
        if found.logs.is_empty() && found.journals.is_empty() {
            findings.warn(nothing_to_check(&rule.name));
        }
        for journal in &found.journals {
            journaled(place, rule, journal, findings);
        }
        for source in &rule.sources {
            if let SourceSpec::Auto(places) = source {
                stale(place, *places, &found.logs, findings);
            }
        }
        let files = |log: logs::Log| log.named.into_iter().chain(log.live.then_some(log.name));
        let mut readable = logs::each_once(found.logs.into_iter().flat_map(files).collect());
        shipped(rule, findings);
        spelled(rule, findings);
        readable.retain(|path| source(rule, path, findings));
        let of_files = readable.iter().filter_map(|path| LogTail::of_file(path));
        let mut tails: Vec<LogTail> = of_files.collect();
        blind(&context.config, context.now, rule, &tails, findings);
        other_files::look(context.now, rule, &tails, findings);
        writers::local(place, rule, &readable, findings);
        let journals = found.journals.iter();
        tails.extend(journals.filter_map(|journal| LogTail::of_journal(journal, place)));
        writers::forgeable(rule, &tails, findings);
        passed_over(context.now, rule, &tails, findings);
        times::look(context.now, rule, &tails, findings);
        statuses::look(context.now, rule, &tails, findings);
        unseen::look(context.now, rule, &tails, findings);
        writers::kept_here(is_sharing, rule, findings);
        what_if::look(context, rule, readable.last(), &found.journals, findings);
    }
}

/// Says whether a journal can be read, and whether it has anything.
fn journaled(place: Option<&Path>, rule: &Rule, journal: &Journal, findings: &mut CheckFindings) {
    let (name, rule) = (&journal.name, Escaped::text(&rule.name));
    for (unit, user) in logs::unknown_users(journal) {
        let (unit, user) = (Escaped::text(&unit), Escaped::text(&user));
        findings.warn(format!("rule {rule}: {unit} runs as {user}, who is not in /etc/passwd: of {name} only what root writes counts; write the number into User="));
    }
    match logs::newest_entry(journal, place) {
        Ok(Some(at)) => findings.fine(format!(
            "rule {rule}: {name}, the newest entry of {}",
            Stamp::from_secs(at).to_local()
        )),
        Ok(None) => findings.warn(format!(
            "rule {rule}: {}",
            without_entry(journal, system::is_root())
        )),
        Err(error) => findings.error(format!("rule {rule}: {name}: {error}")),
    }
}

/// What to do where a journal has no entry that counts; root may read all there are.
fn without_entry(journal: &Journal, is_root: bool) -> String {
    let (name, units) = (Escaped::text(&journal.name), journal.units.join(" "));
    let status = format!("see `systemctl status {}`", Escaped::text(&units));
    if is_root {
        format!(
            "{name} has no entry of the service, which is not here under that name or has written none yet; {status}"
        )
    } else {
        format!("{name} has no entry that may be read; run with sudo, or {status}")
    }
}

/// Says that `auto` takes a file that nobody writes to any more.
fn stale(
    place: Option<&Path>,
    places: UsualPlaces,
    logs: &[logs::Log],
    findings: &mut CheckFindings,
) {
    let Some(journal) = Journal::of_units(places.units) else {
        return;
    };
    let newest = logs::newest_entry(&journal, place).ok().flatten();
    let (unit, name) = (places.units[0], &journal.name);
    for log in logs {
        let written = log.name.metadata().map(|metadata| metadata.mtime()).ok();
        if let (Some(written), Some(newest)) = (written, newest)
            && written + STALE < newest
        {
            let path = Escaped::path(&log.name);
            findings.warn(format!(
                "{path} was last written {}, and the journal has newer entries of {unit}; set log_files to \"{name}\"",
                Stamp::from_secs(written).to_local()
            ));
        }
    }
}

/// Says whether a log can be read.
fn source(rule: &Rule, path: &Path, findings: &mut CheckFindings) -> bool {
    let (name, shown) = (Escaped::text(&rule.name), Escaped::path(path));
    match logs::stream(path) {
        Ok(_) => findings.of_file(CheckLevel::Fine, path, format!("rule {name}: {shown}")),
        Err(error) => {
            findings.of_file(
                CheckLevel::Error,
                path,
                format!("rule {name}: {shown}: {error}"),
            );
            return false;
        }
    }
    true
}

/// Patterns that PyFilter shipped can be made to name anybody.
fn shipped(rule: &Rule, findings: &mut CheckFindings) {
    let is_shipped = |text: &str| {
        let mut hasher = SipHasher13::new();
        hasher.write(text.as_bytes());
        SHIPPED.contains(&hasher.finish())
    };
    let count = rule
        .patterns
        .iter()
        .filter(|pattern| is_shipped(&pattern.text))
        .count();
    if count > 0 {
        findings.warn(format!(
            "rule {}: {} that PyFilter shipped: an attacker can name another address; delete `regex_patterns` to use the built-in ones",
            Escaped::text(&rule.name),
            plural(count, "of its patterns is one", "of its patterns are those")
        ));
    }
}

/// Says how many failures count for nobody since they name a host.
fn passed_over(now: i64, rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    for LogTail {
        name: log, lines, ..
    } in tails
    {
        let count = host_names(now, rule, lines);
        if count == 0 {
            continue;
        }
        let name = Escaped::text(&rule.name);
        let remedy = builtin_of(rule).and_then(|builtin| builtin.addresses);
        let remedy = remedy.unwrap_or("let the service log addresses");
        findings.warn(format!(
            "rule {name}: {}: names are not looked up, since their owners say what they mean; {remedy}",
            plural(
                count,
                &format!("of the last lines of {log} names a host in place of an address, and is passed over"),
                &format!("of the last lines of {log} name a host in place of an address, and are passed over")
            )
        ));
    }
}

/// How many lines are failures of a host of which only the name is known;
/// `localhost` is this one.
fn host_names(now: i64, rule: &Rule, lines: &[u8]) -> usize {
    let Ok(mut matcher) = Matcher::new(rule, Clock::new(now)) else {
        return 0;
    };
    if matcher.scan(lines, 0, |_, _| {}).host_names == 0 {
        return 0;
    }
    let is_elsewhere = |line: &[u8]| memchr::memmem::find(line, b"localhost").is_none();
    lines
        .split(|&byte| byte == b'\n')
        .filter(|line| matcher.line(line, 0) == Verdict::HostName && is_elsewhere(line))
        .count()
}

/// Patterns of one's own find a path only as they spell it.
fn spelled(rule: &Rule, findings: &mut CheckFindings) {
    let filled = |pattern: &&Pattern| matches!(pattern.urls, Urls::Filled(_));
    let count = rule.patterns.iter().filter(filled).count();
    if count == 0 {
        return;
    }
    let cure = if builtin(&rule.name).is_some_and(|builtin| builtin.web.is_some()) {
        "delete `regex_patterns`: the built-in ones read a request as web servers do".to_owned()
    } else {
        format!(
            "the rules {}, without `regex_patterns`, read a request as web servers do",
            names_in_words(BuiltinRule::is_web_server)
        )
    };
    findings.warn(format!(
        "rule {}: {count} of its patterns have the urls as text, and attackers pass them by when they spell a path otherwise: //login/, /x/../login/, /%6cogin/, http://HOST/login/, /login/#x, two blanks, or a Range header, with which status 200 is 206; {cure}",
        Escaped::text(&rule.name)
    ));
}

/// A rule that sees nothing where the built-in one would see something.
fn blind(config: &Config, now: i64, rule: &Rule, tails: &[LogTail], findings: &mut CheckFindings) {
    let matches = |rule: &Rule| {
        let mut failures = 0;
        if let Ok(mut matcher) = Matcher::new(rule, Clock::new(now)) {
            for tail in tails {
                matcher.scan(&tail.lines, 0, |_, _| failures += 1);
            }
        }
        failures
    };
    if tails.iter().all(|tail| tail.lines.is_empty()) || matches(rule) > 0 {
        return;
    }
    let told = posted(rule, tails);
    if !told.is_empty() {
        for told in told {
            findings.warn(format!("rule {}: {told}", Escaped::text(&rule.name)));
        }
        return;
    }
    let known = builtin(&rule.name);
    // Several rules of the library read one log: that another finds something there says
    // nothing of this one.
    let is_of_library = known.is_some_and(|known| matches!(known.offer, Offer::SwitchedOff(_)));
    if is_of_library && rule.patterns.iter().all(|one| one.built_in) {
        return;
    }
    let first = GROUPS[0].rules.iter().copied();
    let others = first.filter(|other| known.is_none_or(|known| known.name != other.name));
    let candidates: Vec<Rule> = (known.into_iter().chain(others))
        .filter_map(|other| config.builtin_rule(other.name))
        .collect();
    let better = candidates
        .iter()
        .filter(|other| other.patterns != rule.patterns && !writers::are_forgeable(other, tails))
        .map(|other| (matches(other), &other.name));
    if let Some((count, other)) = better.max().filter(|(count, _)| *count > 0) {
        let name = Escaped::text(&rule.name);
        let cure = if builtin(&rule.name).is_some() && **other == *rule.name {
            "delete its `regex_patterns` to use the built-in ones".to_owned()
        } else {
            format!("did you mean the rule {other} for this log?")
        };
        findings.warn(format!(
            "rule {name}: its patterns match none of the last lines of its logs, while the built-in ones of {other} match {count}; {cure}"
        ));
    }
}

/// What there is of POSTs to login pages in the last lines of the logs.
fn posted(rule: &Rule, tails: &[LogTail]) -> Vec<String> {
    let Some(mut seen) = PostsSeen::new(rule) else {
        return Vec::new();
    };
    for tail in tails {
        seen.read(&tail.lines);
    }
    posts::told(rule, &seen, "the last lines of its logs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_not_sent_to_sudo_for_the_journal() {
        let journal = Journal::of_units(&["ssh.service", "sshd.service"]).unwrap();
        let status = "see `systemctl status ssh.service sshd.service`";
        assert_eq!(
            without_entry(&journal, true),
            format!(
                "journal:ssh.service has no entry of the service, which is not here under that name or has written none yet; {status}"
            )
        );
        assert_eq!(
            without_entry(&journal, false),
            format!(
                "journal:ssh.service has no entry that may be read; run with sudo, or {status}"
            )
        );
    }
}
