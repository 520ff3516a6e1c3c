//! Lines of the rule `mariadb-audit`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;
use pyfilter::model::Address;

static RULE: LazyLock<Read> = LazyLock::new(|| Read::shipped("mariadb-audit"));

fuzz_target!(|data: &[u8]| {
    check(&RULE.plain, &RULE.matcher, data, true);
    hostile(&RULE, data);
});

/// What a client may put into the name of a user: journald and rsyslog keep a
/// control character from ending the line, and commas make it count for nobody.
fn hostile(rule: &Read, data: &[u8]) {
    let own = Address::parse(b"203.0.113.7").expect("an address");
    let text: Vec<u8> = data
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_control())
        .collect();
    let line = [
        b"2026-11-22T07:30:08.000001+00:00 vm mysql-server_auditing:  vm,",
        &text[..],
        b",203.0.113.7,9,0,FAILED_CONNECT,,,1045",
    ]
    .concat();
    let counted = rule.check_hostile(&line, own);
    assert!(
        counted || text.contains(&b','),
        "evaded: {}",
        text.escape_ascii()
    );
}
