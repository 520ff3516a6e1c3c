//! A PyFilter's configuration becomes one for here.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::STATE_DIR;
use crate::config::{Config, Faults};

use super::places;

/// What is to be the configuration, and where the old one has its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adopted {
    pub(super) path: PathBuf,
    pub(super) text: Vec<u8>,
    pub(super) database: PathBuf,
    /// The keys that are others here.
    pub(super) changed: Vec<&'static str>,
}

/// The configuration as it is, byte for byte, unless it names places that the
/// service may not write to.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn adopt(text: &[u8], path: &Path) -> Result<Adopted, Faults> {
    let there = Config::from_text(text, Some(path), Path::new(places::OLD))?;
    let here = Config::from_text(text, Some(path), Path::new(STATE_DIR))?;
    let writable = |path: &Path| path.starts_with(STATE_DIR);
    let mut changes = Vec::new();
    if !writable(&here.store) {
        changes.push(("sqlite", "database", "sqlite.database", "PyFilter.db"));
    }
    if here.event_log.as_ref().is_some_and(|dir| !writable(dir)) {
        changes.push(("logging", "directory", "logging.directory", "Logs"));
    }
    let mut adopted = Adopted {
        path: path.to_owned(),
        text: text.to_owned(),
        database: there.store,
        changed: changes.iter().map(|(_, _, shown, _)| *shown).collect(),
    };
    if !changes.is_empty() {
        // It was read above, so that it can be read is known.
        let bare = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut root: Value = serde_json::from_slice(bare).unwrap_or_default();
        for (section, key, _, value) in changes {
            root[section][key] = Value::from(value);
        }
        adopted.text = format!("{root:#}\n").into_bytes();
    }
    Ok(adopted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Adopted {
        let path = Path::new("/usr/local/PyFilter/Config/config.json");
        adopt(text.as_bytes(), path).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn what_fits_is_taken_byte_for_byte() {
        let text = r#"{"sqlite": {"database": "PyFilter.db"},  "logging": {"directory": "Logs"}}"#;
        let adopted = of(text);
        assert_eq!(adopted.text, text.as_bytes());
        assert!(adopted.changed.is_empty());
        assert_eq!(
            adopted.database,
            Path::new("/usr/local/PyFilter/PyFilter.db")
        );
    }

    #[test]
    fn places_that_the_service_may_not_write_to_become_its_own() {
        let adopted = of(
            "\u{feff}{\"sqlite\": {\"database\": \"/srv/bans.db\"}, \"settings\": {\"failed_attempts\": 7},
              \"logging\": {\"directory\": \"/usr/local/PyFilter/Logs\", \"active\": true}}",
        );
        assert_eq!(adopted.changed, ["sqlite.database", "logging.directory"]);
        assert_eq!(adopted.database, Path::new("/srv/bans.db"));
        let config = Config::from_text(&adopted.text, None, Path::new(STATE_DIR)).unwrap();
        assert_eq!(config.store, Path::new("/var/lib/pyfilter/PyFilter.db"));
        assert_eq!(
            config.event_log.as_deref(),
            Some(Path::new("/var/lib/pyfilter/Logs"))
        );
        assert_eq!(config.thresholds.failed_attempts.get(), 7);
        let text = String::from_utf8(adopted.text).unwrap();
        assert!(text.find("sqlite") < text.find("settings"), "{text}");
        // Nobody makes it.
        let text = r#"{"logging": {"directory": "/var/log/pyfilter"}}"#;
        assert_eq!(of(text).changed, ["logging.directory"]);
    }

    #[test]
    fn faults_are_told() {
        let path = Path::new("/usr/local/PyFilter/Config/config.json");
        let faults = adopt(br#"{"settings": {"deny_type": "DENY"}}"#, path).unwrap_err();
        assert!(
            faults.to_string().contains("settings.deny_type"),
            "{faults}"
        );
    }
}
