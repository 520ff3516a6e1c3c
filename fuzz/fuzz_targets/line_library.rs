//! Lines of any rule of the library: the first byte chooses it.
#![no_main]

use std::sync::LazyLock;

use fuzz::lines::{Read, check};
use libfuzzer_sys::fuzz_target;
use pyfilter::rules;

static RULES: LazyLock<Vec<Read>> =
    LazyLock::new(|| rules::all().map(|rule| Read::shipped(rule.name)).collect());

fuzz_target!(|data: &[u8]| {
    if let Some((&choice, lines)) = data.split_first() {
        let rule = &RULES[usize::from(choice) % RULES.len()];
        check(&rule.plain, &rule.matcher, lines, false);
    }
});
