//! Which built-in rules fit a host: whose service is there.

use std::path::Path;

use crate::model::Rule;
use crate::rules::{self, BuiltinRule, Forgeable, Offer};

/// Where the units of systemd are, below the root directory.
const UNITS: [&str; 4] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// Logs into which syslog writes what many services say: that one is there tells of none.
const SHARED: [&str; 9] = [
    "/var/log/auth.log",
    "/var/log/secure",
    "/var/log/syslog",
    "/var/log/messages",
    "/var/log/daemon.log",
    "/var/log/user.log",
    "/var/log/mail.log",
    "/var/log/maillog",
    "/var/log/mail.warn",
];

/// The rules of the library that fit the host whose files are below `root`, and whose
/// usual logs nobody can forge.
pub(super) fn fitting(root: &Path) -> Vec<&'static BuiltinRule> {
    let is_forgeable = |rule: &&BuiltinRule| rule.forgeable.is_some_and(Forgeable::in_usual_logs);
    let offered = rules::all().filter(|rule| !is_forgeable(rule));
    let of_library = offered.filter(|rule| matches!(rule.offer, Offer::SwitchedOff(_)));
    of_library.filter(|rule| is_there(rule, root)).collect()
}

/// Those of them that `rules`, those of a configuration, do not name.
pub(super) fn unnamed(root: &Path, rules: &[Rule]) -> Vec<&'static BuiltinRule> {
    let mut fitting = fitting(root);
    fitting.retain(|builtin| rules.iter().all(|rule| *rule.name != *builtin.name));
    fitting
}

/// Whether the service of a rule is there: a log of its own, one of its programs, or its
/// unit.
pub(super) fn is_there(rule: &BuiltinRule, root: &Path) -> bool {
    let programs = match rule.offer {
        Offer::SwitchedOff(programs) => programs,
        _ => &[],
    };
    rule.logs.iter().any(|log| has_own_log(log, root))
        || programs.iter().any(|program| root.join(program).is_file())
        || rule.journal.units.iter().any(|unit| has_unit(unit, root))
}

fn has_own_log(log: &str, root: &Path) -> bool {
    if SHARED.contains(&log) {
        return false;
    }
    let path = root.join(log.trim_start_matches('/'));
    let Some(pattern) = path.to_str().filter(|path| path.contains(['*', '?', '['])) else {
        return path.is_file();
    };
    glob::glob(pattern)
        .is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| file.is_file())))
}

fn has_unit(unit: &str, root: &Path) -> bool {
    // `postfix@-.service` is made of `postfix@.service`.
    let template = unit.split_once('@').map(|(name, rest)| {
        let kind = rest.rsplit_once('.').map_or("", |(_, kind)| kind);
        format!("{name}@.{kind}")
    });
    let names = [Some(unit.to_owned()), template];
    let mut names = names.iter().flatten();
    names.any(|name| UNITS.iter().any(|dir| root.join(dir).join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(files: &[&str]) -> Vec<&'static str> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fitting(root.path()).iter().map(|rule| rule.name).collect()
    }

    #[test]
    fn a_service_is_there_by_its_log_its_unit_or_its_program() {
        assert_eq!(names(&["var/log/syslog", "var/log/mail.log"]), [""; 0]);
        let nginx = names(&["var/log/nginx/shop.access.log"]);
        assert!(nginx.contains(&"nginx-http-auth"), "{nginx:?}");
        let of_access_logs = ["nginx-http-auth", "nginx-botsearch", "nginx-bad-request"];
        assert_eq!(nginx, [&of_access_logs[..], &["wordpress"]].concat());
        let postfix = names(&["usr/lib/systemd/system/postfix@.service"]);
        assert_eq!(postfix, ["postfix", "postfix-sasl"]);
        assert_eq!(names(&["usr/sbin/dropbear"]), ["dropbear"]);
    }

    #[test]
    fn what_can_be_forged_is_not_offered() {
        let asterisk = [
            "var/log/asterisk/messages",
            "lib/systemd/system/asterisk.service",
        ];
        assert_eq!(names(&asterisk), [""; 0]);
    }
}
