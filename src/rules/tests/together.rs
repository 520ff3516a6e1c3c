//! Rules that read the same lines find what each of them finds alone.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::samples::clock;
use crate::config::Config;
use crate::model::{Failure, Pattern, Rule};
use crate::rules::{MatchTotals, Matcher, MatcherSet, names};

const RECORDED: &str = "2026-11-22T12:00:00Z";

/// All rules of the library, and two of which one pattern has no literal, so that each
/// line is tried.
static MATCHERS: LazyLock<Vec<Matcher>> = LazyLock::new(|| {
    let config = Config::defaults(Path::new("/"));
    let mut rules: Vec<Rule> = (names().into_iter())
        .map(|name| config.rule_named(name).unwrap())
        .collect();
    let anything = Pattern {
        text: r"^(?P<time>\S+) .*(?P<ip>\d+\.\d+\.\d+\.\d+)$".to_owned(),
        ..rules[0].patterns[0].clone()
    };
    for place in [3, 30] {
        let mut rule = rules[place].clone();
        rule.patterns.push(anything.clone());
        rules.insert(place, rule);
    }
    let matcher = |rule| Matcher::new(rule, clock(RECORDED)).unwrap();
    rules.iter().map(matcher).collect()
});

/// Of the samples of all rules.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
    let files = names().into_iter().flat_map(|name| {
        let bytes = std::fs::read(samples.join(format!("{name}.log"))).unwrap();
        let lines = bytes.split(|&byte| byte == b'\n');
        lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    files.collect()
});

type Found = (Vec<(Failure, Vec<u8>)>, MatchTotals);

fn alone(matcher: &Matcher, block: &[u8]) -> Found {
    let mut found = Vec::new();
    let totals = matcher.clone().scan(block, 7, |failure, line| {
        found.push((failure, line.to_vec()));
    });
    (found, totals)
}

fn together(matchers: Vec<Matcher>, block: &[u8]) -> Vec<Found> {
    let mut found = vec![Vec::new(); matchers.len()];
    let totals = MatcherSet::new(matchers).scan(block, 7, |rule, failure, line| {
        found[rule].push((failure, line.to_vec()));
    });
    found.into_iter().zip(totals).collect()
}

#[test]
fn all_rules_find_in_all_samples_what_each_finds_alone() {
    let block = LINES.join(&b'\n');
    let alone: Vec<Found> = MATCHERS.iter().map(|one| alone(one, &block)).collect();
    let tries_each = MATCHERS.iter().filter(|one| one.prefilter().is_none());
    assert_eq!(tries_each.count(), 2);
    assert!(alone.iter().all(|(failures, _)| !failures.is_empty()));
    assert!(together(MATCHERS.clone(), &block) == alone);
}

proptest! {
    #[test]
    fn rules_find_together_what_each_finds_alone(
        places in subsequence((0..names().len() + 2).collect::<Vec<_>>(), 1..12).prop_shuffle(),
        lines in prop::collection::vec(any::<Index>(), 0..80),
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(|line| &**line.get(&LINES)).collect();
        let block = lines.join(&b'\n');
        let matchers: Vec<Matcher> = places.iter().map(|&place| MATCHERS[place].clone()).collect();
        let alone: Vec<Found> = matchers.iter().map(|one| alone(one, &block)).collect();
        prop_assert_eq!(together(matchers, &block), alone);
    }
}
