//! Lines of the rule `mysql`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::Address;

static RULE: LazyLock<Read> = LazyLock::new(|| Read::shipped("mysql"));

fuzz_target!(|data: &[u8]| {
    check(&RULE.plain, &RULE.matcher, data, true);
    hostile(&RULE, data);
});

/// What a client may put into a line that the server ends.
fn hostile(rule: &Read, data: &[u8]) {
    let own = Address::parse(b"203.0.113.7").expect("an address");
    let text: Vec<u8> = data.iter().copied().filter(|&b| b != b'\n').collect();
    for head in [
        "2026-11-22T07:30:08.000001Z 9 [Note] ",
        "2026-11-22  7:30:08 9 [Warning] ",
    ] {
        let line = |text: &[u8]| {
            let head = format!("{head}Access denied for user '");
            [
                head.as_bytes(),
                text,
                b"'@'203.0.113.7' (using password: YES)",
            ]
            .concat()
        };
        rule.check_hostile(&line(&text), own);
    }
}
