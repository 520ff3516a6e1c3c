//! Lines of the rule `apache`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::Address;

static RULE: LazyLock<Read> = LazyLock::new(|| Read::shipped("apache"));

fuzz_target!(|data: &[u8]| {
    check(&RULE.plain, &RULE.matcher, data, false);
    hostile(&RULE, data);
});

/// What a client may put into a line: servers escape quotes and control characters.
fn hostile(rule: &Read, data: &[u8]) {
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
            &b" HTTP/1.1\" 401 12 \"-\" \"-\""[..],
        ),
        (
            b"- [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 401 12 \"",
            b"\" \"-\"",
        ),
        (
            b"",
            b" [22/Nov/2026:07:30:08 +0000] \"POST /login HTTP/1.1\" 401 12 \"-\" \"-\"",
        ),
    ] {
        let line = |text: &[u8]| [head, before, text, behind].concat();
        rule.check_hostile(&line(&text), own);
    }
}
