//! Lines of the rule `nginx`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Plain, check, check_hostile, clock, shipped};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::{Address, Rule};
use pyfilter::rules::Matcher;

static RULE: LazyLock<(Rule, Plain, Matcher)> = LazyLock::new(|| {
    let rule = shipped("nginx");
    let matcher = Matcher::new(&rule, clock()).expect("a shipped rule");
    (rule.clone(), Plain::new(&rule), matcher)
});

fuzz_target!(|data: &[u8]| {
    let (rule, plain, matcher) = &*RULE;
    check(plain, matcher, data, false);
    hostile(rule, matcher, data);
});

/// What a client may put into a line: servers escape quotes and control characters.
fn hostile(rule: &Rule, matcher: &Matcher, data: &[u8]) {
    let own = Address::parse(b"203.0.113.7").expect("an address");
    let text: Vec<u8> = data
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_control() && *b != b'"')
        .collect();
    let head = b"203.0.113.7 - ";
    for (before, behind) in [
        (
            &b"- [22/Nov/2026:07:30:08 +0000] \"POST "[..],
            &b" HTTP/1.1\" 200 12 \"-\" \"-\""[..],
        ),
        (
            b"- [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 200 12 \"",
            b"\" \"-\"",
        ),
        (
            b"",
            b" [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 200 12 \"-\" \"-\"",
        ),
    ] {
        let line = |text: &[u8]| [head, before, text, behind].concat();
        check_hostile(rule, matcher, &text, line, own);
    }
}
