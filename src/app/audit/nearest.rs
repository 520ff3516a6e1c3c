//! Why nothing matches: which rule would, or what the lines look like.

use std::io::Read as _;
use std::path::Path;

use crate::app::posts;
use crate::config::Config;
use crate::logs;
use crate::model::{Escaped, Rule, plural};
use crate::rules::{MatchTotals, Matcher, PostsSeen};

/// How much of a log is tried.
const SAMPLE: u64 = 4 << 20;

/// How many logs are tried.
const LOGS: usize = 8;

/// How much of a line is shown, in bytes.
const SHOWN: usize = 100;

/// What to tell about logs in which nothing matches `rule`.
pub(super) fn explain<'p>(
    config: &Config,
    rule: &Rule,
    paths: impl Iterator<Item = &'p Path>,
) -> Vec<String> {
    let samples = samples(paths);
    let mut notes = vec![format!("No line matches rule {}.", name(rule))];
    let posted = posted(rule, &samples);
    if !posted.is_empty() {
        notes.extend(posted);
        return notes;
    }
    match nearest(config, rule, &samples) {
        Some((count, near)) => {
            let advice = if near.name == rule.name {
                "delete its `regex_patterns` to use the built-in ones".to_owned()
            } else {
                format!("try `--rule {}`", name(&near))
            };
            notes.push(format!(
                "The nearest is rule {}, which {}: {advice}.",
                name(&near),
                plural(count, "line matches", "lines match")
            ));
        }
        // Standard input is gone.
        None if samples.is_empty() => {}
        None => {
            notes.push("No other rule matches either: is it the right log, and do the `regex_patterns` fit it?".to_owned());
            let lines = samples.iter().filter_map(|(path, sample)| {
                let line = sample
                    .split(|&byte| byte == b'\n')
                    .find(|line| !line.is_empty())?;
                let cut = Escaped::bytes(&line[..line.len().min(SHOWN)]);
                Some(format!("{} begins with: {cut}", Escaped::path(path)))
            });
            notes.extend(lines.take(3));
        }
    }
    notes
}

/// What there is of POSTs to login pages in the samples.
fn posted(rule: &Rule, samples: &[(&Path, Vec<u8>)]) -> Vec<String> {
    let Some(mut seen) = PostsSeen::new(rule) else {
        return Vec::new();
    };
    for (_, sample) in samples {
        seen.read(sample);
    }
    let told = posts::told(rule, &seen, "the first 4 MiB of each log");
    told.into_iter().map(|told| told + ".").collect()
}

/// What to tell about logs in which nothing matches `rule`, while others hold
/// what it is for: those that another rule is for.
pub(super) fn belonging_elsewhere<'p>(
    config: &Config,
    rule: &Rule,
    paths: impl Iterator<Item = &'p Path>,
) -> Vec<String> {
    let samples = samples(paths);
    let notes = samples.chunks(1).filter_map(|one| {
        let (count, near) = nearest(config, rule, one)?;
        let (path, near) = (Escaped::path(one[0].0), name(&near));
        Some(format!(
            "{path}: no line matches rule {}, but {} rule {near}: try `--rule {near}`.",
            name(rule),
            plural(count, "matches", "match")
        ))
    });
    notes.collect()
}

fn name(rule: &Rule) -> String {
    Escaped::text(&rule.name).to_string()
}

fn samples<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<(&'p Path, Vec<u8>)> {
    paths
        .filter_map(|path| Some((path, sample(path)?)))
        .filter(|(_, sample)| !sample.is_empty())
        .take(LOGS)
        .collect()
}

/// The rule beside `rule` that matches the most lines, and how many.
fn nearest(config: &Config, rule: &Rule, samples: &[(&Path, Vec<u8>)]) -> Option<(u64, Rule)> {
    let mut others = config.rules.clone();
    others.extend(config.builtin_rules());
    others.retain(|other| other.name != rule.name || other.patterns != rule.patterns);
    let of = |other: &Rule| -> u64 {
        samples
            .iter()
            .map(|(path, sample)| tried(other, path, sample))
            .sum()
    };
    let counted = others.into_iter().map(|other| (of(&other), other));
    // Those of web servers match the same lines.
    let is_of = |other: &Rule| {
        let is_in = |path: &Path| path.to_string_lossy().contains(&*other.name);
        samples.iter().any(|(path, _)| is_in(path))
    };
    let best = counted.max_by_key(|(count, other)| (*count, is_of(other)));
    best.filter(|(count, _)| *count > 0)
}

/// The beginning of a log: whole lines, unpacked.
fn sample(path: &Path) -> Option<Vec<u8>> {
    let (stream, _) = logs::stream(path).ok()?;
    let mut bytes = Vec::new();
    // What came before a stream broke is worth a look all the same.
    let _ = stream.take(SAMPLE).read_to_end(&mut bytes);
    Some(bytes)
}

/// How many lines of a sample a rule matches, those included that name a host.
fn tried(rule: &Rule, path: &Path, sample: &[u8]) -> u64 {
    let Ok((_, clock)) = logs::stream(path) else {
        return 0;
    };
    let mut failures = 0;
    let tally = Matcher::new(rule, clock).map_or_else(
        |_| MatchTotals::default(),
        |mut matcher| matcher.scan(sample, 0, |_, _| failures += 1),
    );
    failures + tally.host_names + tally.bad_times
}
