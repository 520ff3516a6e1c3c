//! The text of the file, and the texts of `conf.d` laid over it → [`Config`].
//!
//! A file is laid over what was read before it: a key of a rule replaces the same key,
//! and lists of ignored addresses are joined. A file with a mistake is left out as a
//! whole; the others stay in force.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::check::{Checker, Field};
use super::checked::Config;
use super::conf_d::{ConfD, ConfDFiles, ConfFile, LeftOut};
use super::fault::Faults;
use super::raw::{self, Node, RawEntry, Value};
use super::text::decode;
use super::{keys, top};
use crate::model::Subject;
use crate::rules::DEFAULT_RULE;

/// The configuration of `text`, which is the file at `path`, with what `files` add.
///
/// # Errors
/// All that is wrong with the file itself.
pub(super) fn read_all(
    text: &str,
    path: Option<&Path>,
    files: ConfDFiles,
    state_dir: &Path,
) -> Result<Config, Faults> {
    let mut conf_d = ConfD {
        dir: files.dir,
        left_out: files.left_out,
        ..ConfD::default()
    };
    // All texts as one, so that each value knows in which file it stands.
    let mut all = text.to_owned();
    let mut parts = Vec::new();
    for (path, bytes) in &files.files {
        match decode(bytes) {
            Ok(text) => {
                all.push('\n');
                parts.push((path, all.len()..all.len() + text.len()));
                all.push_str(text);
            }
            Err(fault) => {
                let faults = fault.of(Some(path));
                conf_d.left_out.push(LeftOut::of_faults(path, &faults));
            }
        }
    }
    let mut root = raw::parse(&all, 0..text.len()).map_err(|malformed| {
        let mut check = Checker::of_part(&all, 0..text.len());
        check.fault(malformed.offset, "", malformed.message);
        check.into_faults(path)
    })?;
    let mut check = Checker::of_part(&all, 0..text.len());
    let mut config = top::of_tree(&root, state_dir, &mut check);
    config.notes = check.finish(path)?;
    for (path, part) in parts {
        match lay_over(&root, &all, part, path, state_dir) {
            Ok((merged, with, file)) => {
                (root, config) = (merged, with);
                conf_d.files.push(file);
            }
            Err(faults) => conf_d.left_out.push(LeftOut::of_faults(path, &faults)),
        }
    }
    conf_d
        .left_out
        .sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Config {
        path: path.map(PathBuf::from),
        conf_d,
        ..config
    })
}

/// The tree with the file that is `part` of the text laid over it, and its
/// configuration.
fn lay_over<'t>(
    root: &Node<'t>,
    text: &'t str,
    part: Range<usize>,
    path: &Path,
    state_dir: &Path,
) -> Result<(Node<'t>, Config, ConfFile), Faults> {
    let mut check = Checker::of_part(text, part.clone());
    let added = raw::parse(text, part.clone());
    let added = added.map_err(|malformed| {
        let mut check = Checker::of_part(text, part.clone());
        check.fault(malformed.offset, "", malformed.message);
        check.into_faults(Some(path))
    })?;
    let ignored = check_shape(&added, &mut check);
    check.finish(Some(path))?;
    let mut merged = root.clone();
    merge(&mut merged, added);
    let mut check = Checker::of_part(text, part);
    let mut config = top::of_tree(&merged, state_dir, &mut check);
    config.notes = check.finish(Some(path))?;
    let path = path.to_owned();
    Ok((merged, config, ConfFile { path, ignored }))
}

/// Checks that a file of `conf.d` holds only what it may, and each key once. The
/// addresses that it ignores.
fn check_shape(added: &Node, check: &mut Checker) -> Vec<Subject> {
    let root = Field {
        path: String::new(),
        node: added,
    };
    let Some(root) = root.section(&keys::CONF_D, check) else {
        return Vec::new();
    };
    let settings = root.below("settings", &keys::CONF_D_SETTINGS, check);
    if let Some(rules) = settings.get("rules") {
        for entry in rules.entries(check).unwrap_or_default() {
            let rule = Field {
                path: rules.path_of(&entry.key),
                node: &entry.node,
            };
            rule.section(&keys::RULE, check);
        }
    }
    top::ignored(&settings, check)
}

/// Lays `added` over the tree. The shapes of both have been checked.
fn merge<'t>(root: &mut Node<'t>, added: Node<'t>) {
    let Value::Object(root) = &mut root.value else {
        return;
    };
    let Value::Object(added) = added.value else {
        return;
    };
    for RawEntry { node, .. } in added {
        let Value::Object(settings) = node.value else {
            continue;
        };
        if value_at(root, "settings").is_none() {
            root.push(entry("settings", node.offset, Value::Object(Vec::new())));
        }
        let Some(Value::Object(target)) = value_at(root, "settings") else {
            continue;
        };
        for one in settings {
            match one.node.value {
                Value::Object(rules) => merge_rules(target, one.offset, rules),
                Value::List(more) => join_list(target, &one.key, one.offset, more),
                _ => {}
            }
        }
    }
}

/// Appends items to the list at `key`.
fn join_list<'t>(
    settings: &mut Vec<RawEntry<'t>>,
    key: &str,
    offset: usize,
    mut more: Vec<Node<'t>>,
) {
    match value_at(settings, key) {
        Some(Value::List(items)) => items.append(&mut more),
        Some(_) => {}
        None => settings.push(entry(key, offset, Value::List(more))),
    }
}

fn merge_rules<'t>(settings: &mut Vec<RawEntry<'t>>, offset: usize, added: Vec<RawEntry<'t>>) {
    if value_at(settings, "rules").is_none() {
        // A file that names no rules has the default one, and keeps it.
        let default = entry(DEFAULT_RULE.name, offset, Value::Object(Vec::new()));
        settings.push(entry("rules", offset, Value::Object(vec![default])));
    }
    let Some(Value::Object(rules)) = value_at(settings, "rules") else {
        return;
    };
    for rule in added {
        let Some(Value::Object(keys)) = value_at(rules, &rule.key) else {
            rules.push(rule);
            continue;
        };
        let Value::Object(more) = rule.node.value else {
            continue;
        };
        for one in more {
            // Two spellings of one key.
            let other = match &*one.key {
                "log_files" => "log_file",
                "log_file" => "log_files",
                _ => &*one.key,
            };
            keys.retain(|key| key.key != one.key && key.key != other);
            keys.push(one);
        }
    }
}

fn entry<'t>(key: &str, offset: usize, value: Value<'t>) -> RawEntry<'t> {
    RawEntry {
        key: key.to_owned(),
        offset,
        node: Node { offset, value },
    }
}

fn value_at<'n, 't>(entries: &'n mut [RawEntry<'t>], key: &str) -> Option<&'n mut Value<'t>> {
    let found = entries.iter_mut().find(|entry| entry.key == key)?;
    Some(&mut found.node.value)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::PYFILTER;

    /// A directory with files, each with its text.
    struct Dir(tempfile::TempDir);

    impl Dir {
        fn with(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                fs::write(dir.path().join(name), text).unwrap();
            }
            Dir(dir)
        }

        /// What is in force over `base`, and what is said of the rest.
        fn over(&self, base: &str) -> (Config, String) {
            let files = ConfDFiles::read(self.0.path()).unwrap();
            let config = read_all(base, None, files, Path::new("/state")).unwrap();
            let said: Vec<&str> = (config.conf_d.left_out.iter())
                .map(|left_out| &*left_out.message)
                .collect();
            let said = said.join("\n");
            let said = said.replace(&format!("{}/", self.0.path().display()), "");
            (config, said)
        }
    }

    fn rules(config: &Config) -> Vec<(&str, bool, u32)> {
        (config.rules.iter())
            .map(|rule| {
                (
                    &*rule.name,
                    rule.enabled,
                    rule.thresholds.failed_attempts.get(),
                )
            })
            .collect()
    }

    #[test]
    fn keys_are_laid_over_those_of_the_same_rule_in_the_order_of_the_names() {
        let dir = Dir::with(&[
            (
                "20.json",
                r#"{"settings": {"rules": {"ssh": {"failed_attempts": 7}, "nginx": {"enabled": false}}}}"#,
            ),
            (
                "10.json",
                r#"{"settings": {"ignored_ips": ["192.0.2.7"], "rules": {"ssh": {"failed_attempts": 6, "request_time": 60, "log_files": "/a.log"}}}}"#,
            ),
            (".hidden.json", "no JSON"),
            ("notes.txt", "no JSON"),
        ]);
        let base = r#"{"settings": {"failed_attempts": 9, "ignored_ips": ["192.0.2.1"],
            "rules": {"ssh": {"log_file": "/b.log"}, "mysql": {}}}}"#;
        let (config, said) = dir.over(base);
        assert_eq!(said, "");
        let expected = [("ssh", true, 7), ("mysql", true, 9), ("nginx", false, 9)];
        assert_eq!(rules(&config), expected);
        assert_eq!(config.rules[0].thresholds.request_time, 60);
        let source = crate::model::SourceSpec::Files("/a.log".into());
        assert_eq!(config.rules[0].sources, [source]);
        let ignored: Vec<String> = config.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(ignored, ["192.0.2.1", "192.0.2.7"]);
        let files: Vec<_> = (config.conf_d.files.iter())
            .map(|file| {
                (
                    file.path.file_name().unwrap().to_str().unwrap(),
                    file.ignored.len(),
                )
            })
            .collect();
        assert_eq!(files, [("10.json", 1), ("20.json", 0)]);
    }

    #[test]
    fn without_a_rule_in_the_file_itself_ssh_stays() {
        let dir = Dir::with(&[("a.json", r#"{"settings": {"rules": {"nginx": {}}}}"#)]);
        let (config, said) = dir.over("{}");
        assert_eq!(said, "");
        assert_eq!(rules(&config), [("ssh", true, 5), ("nginx", true, 5)]);
        let (config, _) = dir.over(r#"{"settings": {"rules": {}}}"#);
        assert_eq!(rules(&config), [("nginx", true, 5)]);
    }

    #[test]
    fn a_file_with_a_mistake_is_left_out_alone() {
        let good = ("z.json", r#"{"settings": {"rules": {"nginx": {}}}}"#);
        let needs = "a.json:2:25: settings.rules.x: needs regex_patterns: only the built-in rules (`pyfilter rules`) have their own";
        for (text, said) in [
            ("{\n \"settings\": {\"rules\": {\"x\": {}}}}", needs),
            (
                "{\"settings\": {\"rules\": {\"ssh\": {\"request_time\": -1}}}}",
                "a.json:1:49: settings.rules.ssh.request_time: must be at least 0 (is -1)",
            ),
            (
                "{\"settings\": {\"rules\": {\"ssh\": {\"enabled\": true, \"enabled\": false}}}}",
                "a.json:1:50: settings.rules.ssh.enabled: is here twice, first in line 1: remove one",
            ),
            (
                "{\"settings\": {\"database\": \"redis\"}}",
                "a.json:1:15: settings.database: unknown key; a file of conf.d sets settings.rules and settings.ignored_ips alone: write it into config.json",
            ),
            (
                "{\"redis\": {}}",
                "a.json:1:2: redis: unknown key; a file of conf.d sets settings.rules and settings.ignored_ips alone: write it into config.json",
            ),
            (
                "{\"settings\": {\"ignored_ips\": [\"x\"]}}",
                "a.json:1:31: settings.ignored_ips[0]: \"x\" is neither an address nor a network such as 192.0.2.0/24 (host names are not looked up)",
            ),
            (
                "{\"settings\": [}",
                "a.json:1:15: is not JSON: expected value",
            ),
            (
                "",
                "a.json: is empty: write {} for the built-in settings, or have `pyfilter init --force` write it",
            ),
            (
                "{\"settings\": null}",
                "a.json:1:14: settings: must be an object in curly brackets, not null",
            ),
        ] {
            let (config, told) = Dir::with(&[("a.json", text), good]).over("{}");
            assert_eq!(
                told,
                format!("{said}; this file is left out, everything else holds")
            );
            assert_eq!(
                rules(&config),
                [("ssh", true, 5), ("nginx", true, 5)],
                "{text}"
            );
        }
    }

    #[test]
    fn what_somebody_else_may_write_is_left_out() {
        let dir = Dir::with(&[("a.json", "{}"), ("b.json", "{}"), ("c.json", "{}")]);
        let path = |name| dir.0.path().join(name);
        fs::set_permissions(path("a.json"), Permissions::from_mode(0o664)).unwrap();
        symlink("/nowhere", path("d.json")).unwrap();
        symlink("c.json", path("e.json")).unwrap();
        fs::create_dir(path("f.json")).unwrap();
        let (config, said) = dir.over("{}");
        assert_eq!(config.conf_d.files.len(), 3);
        let shown = path("a.json").display().to_string();
        let name = format!("{}/", dir.0.path().display());
        assert_eq!(
            said,
            format!(
                "a.json can be written to by others than its owner (mode 0664): run `chmod go-w {}`; it is left out, everything else holds\n\
                 d.json is a link to nothing; it is left out, everything else holds\n\
                 f.json is not a regular file; it is left out, everything else holds",
                shown.replace(&name, "")
            )
        );
        fs::set_permissions(dir.0.path(), Permissions::from_mode(0o777)).unwrap();
        let (config, _) = dir.over("{}");
        assert!(config.conf_d.files.is_empty());
        let [left_out] = &config.conf_d.left_out[..] else {
            panic!("{:?}", config.conf_d)
        };
        assert!(left_out.covers(&path("a.json")) && !left_out.covers(Path::new("/a.json")));
    }

    #[test]
    fn no_file_can_make_another_one_wrong() {
        let dir = Dir::with(&[
            (
                "a.json",
                r#"{"settings": {"rules": {"x": {"regex_patterns": ["(?P<time>a)(?P<ip>b)"], "log_files": "/x"}}}}"#,
            ),
            (
                "b.json",
                r#"{"settings": {"rules": {"x": {"regex_patterns": []}}}}"#,
            ),
        ]);
        let (config, said) = dir.over("{}");
        assert_eq!(config.rules.len(), 2);
        assert_eq!(config.rules[1].patterns.len(), 1);
        assert!(
            said.starts_with("b.json:1:49: settings.rules.x.regex_patterns: "),
            "{said}"
        );
    }

    proptest! {
        /// Whatever stands in a file, the others hold.
        #[test]
        fn any_file_is_taken_or_told(
            at in 0..PYFILTER.len(), length in 0..40_usize,
            with in r#"[ -~]{0,6}|\{\}|\[|"a"|null|\x1b|-1|""#
        ) {
            let end = (at + length).min(PYFILTER.len());
            let settings = r#"{"settings": {"rules": {"ssh": {"log_files": "", "failed_attempts": 3}}}}"#;
            let (at, end) = (at % settings.len(), end % settings.len());
            let text = [&settings[..at.min(end)], &with, &settings[at.max(end)..]].concat();
            let (config, said) = Dir::with(&[("a.json", &text), ("b.json", settings)]).over(PYFILTER);
            prop_assert_eq!(config.conf_d.files.len() + config.conf_d.left_out.len(), 2);
            prop_assert_eq!(config.rules.iter().find(|rule| &*rule.name == "ssh").unwrap().thresholds.failed_attempts.get(), 3);
            prop_assert!(said.chars().all(|char| char == '\n' || !char.is_control()));
        }
    }
}
