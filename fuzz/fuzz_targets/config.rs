//! The configuration: it is good, and then all of it can be used, or each fault
//! says where it is.
#![no_main]

use std::path::Path;

use fuzz::lines::{clock, is_printable};
use libfuzzer_sys::fuzz_target;
use pyfilter::config::Config;
use pyfilter::rules::Matcher;

fuzz_target!(|data: &[u8]| {
    let (path, base) = (
        Path::new("/etc/pyfilter/config.json"),
        Path::new("/var/lib/pyfilter"),
    );
    let read = || Config::from_text(data, Some(path), base);
    let first = read();
    assert_eq!(first, read());
    match first {
        Ok(config) => {
            for rule in config.rules.iter().chain(&config.builtin_rules()) {
                assert!(!rule.patterns.is_empty());
                if let Err(said) = Matcher::new(rule, clock()) {
                    panic!("{}: {said}", rule.name);
                }
                assert!(rule.sources.iter().all(|source| match source {
                    pyfilter::model::SourceSpec::Files(path) => path.is_absolute(),
                    _ => true,
                }));
            }
            assert!(config.store.is_absolute());
            assert!(config.notes.iter().all(|note| is_printable(note)));
        }
        Err(faults) => {
            assert!(!faults.faults.is_empty() && faults.faults.len() <= 100);
            let lines = data.split(|&b| b == b'\n').count();
            for fault in &faults.faults {
                assert!(!fault.message.is_empty());
                assert!(is_printable(&fault.message) && is_printable(&fault.path));
                match fault.place {
                    Some(place) => assert!((1..=lines).contains(&place.line) && place.column > 0),
                    None => assert!(fault.path.is_empty() && faults.faults.len() == 1),
                }
            }
            let told = faults.to_string();
            assert_eq!(
                told.lines().count(),
                faults.faults.len() + usize::from(faults.more > 0)
            );
            assert!(told.lines().all(is_printable));
        }
    }
});
