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

/// The names of the rules of the library whose service is on a host.
#[derive(Debug, Default)]
pub(super) struct ServicesHere {
    /// Those to offer.
    pub(super) offered: Vec<&'static str>,
    /// Those of which anybody can forge the usual logs, or the senders in them.
    pub(super) forgeable: Vec<&'static str>,
}

/// The rules of the library that fit the host whose files are below `root`.
pub(super) fn fitting(root: &Path) -> ServicesHere {
    let of_library = rules::all().filter(|rule| matches!(rule.offer, Offer::SwitchedOff(_)));
    let mut here = ServicesHere::default();
    for rule in of_library.filter(|rule| is_there(rule, root)) {
        if rule.forgeable.is_some_and(Forgeable::in_usual_logs) {
            here.forgeable.push(rule.name);
        } else {
            here.offered.push(rule.name);
        }
    }
    here
}

/// Those of them that `rules`, those of a configuration, do not name.
pub(super) fn unnamed(root: &Path, rules: &[Rule]) -> ServicesHere {
    let mut fitting = fitting(root);
    let is_unnamed = |name: &&str| rules.iter().all(|rule| *rule.name != **name);
    fitting.offered.retain(is_unnamed);
    fitting.forgeable.retain(is_unnamed);
    fitting
}

/// Says why the rules of these names are not offered, as the rest of a sentence that begins
/// with "Also here"; nothing if there are none.
pub(super) fn not_offered(names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "not offered because anybody can forge their logs or senders: {}; `pyfilter rules NAME` says what to do",
            names.join(", ")
        )
    })
}

/// Whether the service of a rule is there: a log of its own, one of the files of its
/// installation, or its unit.
pub(super) fn is_there(rule: &BuiltinRule, root: &Path) -> bool {
    let installed = match rule.offer {
        Offer::SwitchedOff(files) => files,
        _ => &[],
    };
    let is_own = |log: &&str| !rule.logs_of_web_server && !SHARED.contains(log);
    let own_logs = rule.logs.iter().copied().filter(is_own);
    own_logs
        .chain(installed.iter().copied())
        .any(|file| has_file(file, root))
        || rule.journal.units.iter().any(|unit| has_unit(unit, root))
}

/// Whether there is a file of this path, or of this glob.
fn has_file(file: &str, root: &Path) -> bool {
    let path = root.join(file.trim_start_matches('/'));
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

    fn here(files: &[&str]) -> ServicesHere {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fitting(root.path())
    }

    fn names(files: &[&str]) -> Vec<&'static str> {
        here(files).offered
    }

    #[test]
    fn a_service_is_there_by_its_log_its_unit_or_its_program() {
        assert_eq!(names(&["var/log/syslog", "var/log/mail.log"]), [""; 0]);
        let nginx = names(&["var/log/nginx/shop.access.log"]);
        let of_access_logs = ["nginx-http-auth", "nginx-botsearch", "nginx-bad-request"];
        assert_eq!(nginx, of_access_logs);
        let postfix = names(&["usr/lib/systemd/system/postfix@.service"]);
        assert_eq!(postfix, ["postfix", "postfix-sasl"]);
        assert_eq!(names(&["usr/sbin/dropbear"]), ["dropbear"]);
    }

    #[test]
    fn the_logs_of_a_web_server_tell_of_nothing_behind_it() {
        let logs = ["var/log/apache2/access.log", "var/log/apache2/error.log"];
        let of_apache = [
            "apache-auth",
            "apache-badbots",
            "apache-noscript",
            "apache-botsearch",
            "apache-overflows",
        ];
        assert_eq!(names(&logs), of_apache);
        for (file, rule) in [
            ("usr/share/zoneminder/www/index.php", "zoneminder"),
            (
                "usr/lib/apache2/modules/mod_security2.so",
                "apache-modsecurity",
            ),
            (
                "usr/lib64/httpd/modules/mod_security2.so",
                "apache-modsecurity",
            ),
            ("usr/share/wordpress/wp-login.php", "wordpress"),
            ("var/www/html/wp-login.php", "wordpress"),
            ("var/www/example.org/public_html/wp-login.php", "wordpress"),
        ] {
            assert_eq!(names(&[file]), [rule], "{file}");
        }
        assert_eq!(names(&["var/www/a/b/c/wp-login.php"]), [""; 0]);
    }

    #[test]
    fn no_rule_of_another_service_takes_the_log_of_a_web_server_for_its_own() {
        for rule in rules::all().filter(|rule| !rule.logs_of_web_server) {
            for server in ["nginx", "apache2", "httpd"] {
                let directory = format!("/var/log/{server}/");
                let reads = rule.logs.iter().any(|log| log.starts_with(&directory));
                let service = if server == "nginx" { "nginx" } else { "apache" };
                assert!(!reads || rule.name.starts_with(service), "{}", rule.name);
            }
        }
    }

    #[test]
    fn what_can_be_forged_is_not_offered_but_named() {
        let asterisk = [
            "var/log/asterisk/messages",
            "lib/systemd/system/asterisk.service",
        ];
        let found = here(&asterisk);
        assert_eq!(found.offered, [""; 0]);
        assert_eq!(found.forgeable, ["asterisk"]);
        let nginx = here(&["var/log/nginx/error.log"]);
        assert_eq!(nginx.forgeable, ["nginx-limit-req", "nginx-forbidden"]);
    }
}
