//! Patterns that a user may write, on lines: the first line is a pattern of each
//! blank-free word, what follows are lines. The same as the crate `regex` says.
#![no_main]

use fuzz::lines::{Plain, check, clock};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::{Pattern, Positions, Rule, Thresholds, Urls};
use pyfilter::rules::{Matcher, check_pattern};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&b| b == b'\n').unwrap_or(data.len());
    let Ok(first) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    let positions = Positions::AddressTime;
    // What takes a second to compile is the user's own.
    let usable = |text: &&str| text.len() < 200 && check_pattern(text, positions).is_ok();
    let mut patterns: Vec<Pattern> = (first.split('\t').filter(usable).take(4))
        .map(|text| Pattern {
            text: text.to_owned(),
            instant: text.len() % 3 == 0,
            positions,
            urls: Urls::Unused,
            built_in: false,
        })
        .collect();
    patterns.dedup();
    if patterns.is_empty() {
        return;
    }
    let rule = Rule {
        name: "test".into(),
        is_built_in: false,
        enabled: true,
        sources: Vec::new(),
        olddir: Vec::new(),
        patterns,
        ignored: Vec::new(),
        senders_are_trusted: true,
        time_formats: vec!["%s".to_owned(), "%Y-%m-%dT%H:%M:%S".to_owned()],
        statuses: None,
        thresholds: Thresholds::default(),
        aggregate: None,
    };
    let Ok(matcher) = Matcher::new(&rule, clock()) else {
        panic!("a checked pattern is refused: {:?}", rule.patterns);
    };
    check(
        &Plain::new(&rule),
        &matcher,
        data.get(end + 1..).unwrap_or_default(),
        true,
    );
});
