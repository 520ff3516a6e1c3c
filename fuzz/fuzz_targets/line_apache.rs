//! Lines of the rule `apache`.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;

static RULE: LazyLock<Read> = LazyLock::new(|| Read::shipped("apache"));

fuzz_target!(|data: &[u8]| {
    check(&RULE.plain, &RULE.matcher, data, false);
    RULE.check_hostile_request(data);
});
