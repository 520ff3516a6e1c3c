//! What the file may say, and what it may not.

mod accepted;
mod refused;

use std::num::NonZeroU32;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Backend, Deny, Firewall, LoginPage, Pattern, Positions, SourceSpec, Thresholds, Urls,
    WindowKind,
};
use crate::rules;

pub(super) const PYFILTER: &str = include_str!("../../../fixtures/config/pyfilter-default.json");

fn read(text: &str) -> Result<Config, Faults> {
    Config::from_text(text.as_bytes(), Some(Path::new("f")), Path::new("/state"))
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The one fault of a text, without the file's name and the place.
fn fault(text: &str) -> String {
    let faults = read(text).unwrap_err();
    let [fault] = &faults.faults[..] else {
        panic!("{faults}")
    };
    format!("{}: {}", fault.path, fault.message)
}

fn settings(inner: &str) -> String {
    format!("{{\"settings\": {{{inner}}}}}")
}

fn rule(name: &str, inner: &str) -> String {
    settings(&format!("\"rules\": {{\"{name}\": {{{inner}}}}}"))
}

fn span(secs: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(secs)
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::from_text(&bytes, None, Path::new("/"));
    }

    #[test]
    fn a_mutated_file_is_a_config_or_faults_that_can_be_printed(
        at in 0..PYFILTER.len(), length in 0..40_usize,
        with in r#"[ -~]{0,6}|\{\}|\[|"a"|null|\x1b|-1|""#
    ) {
        let end = (at + length).min(PYFILTER.len());
        let text = [&PYFILTER[..at], &with, &PYFILTER[end..]].concat();
        match Config::from_text(text.as_bytes(), None, Path::new("/")) {
            Ok(config) => prop_assert!(config.rules.iter().all(|rule| !rule.patterns.is_empty())),
            Err(faults) => {
                prop_assert!(!faults.faults.is_empty());
                let said = faults.to_string();
                prop_assert_eq!(said.lines().count(), faults.faults.len());
                prop_assert!(said.chars().all(|char| char == '\n' || !char.is_control()));
            }
        }
    }
}
