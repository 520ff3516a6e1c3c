//! The built-in rules. A rule is one file of a folder here, its line in the `mod.rs` of
//! that folder, and its samples in `fixtures/rules/NAME.log`. Everything else is taken
//! from its [`BuiltinRule`]: the names, what `init` offers, what `check` and `rules` say,
//! the manual and the table in `docs/rules.md`, the journal's senders, and the tests.
//! The rules are static data: a run compiles the patterns of its own rules alone, and
//! each only when a line first calls for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `contract.rs` | what a rule says of itself |
//! | `ssh.rs`, `mysql.rs`, `apache.rs`, `nginx.rs` | PyFilter's four rules |
//! | `mariadb_audit.rs` | what takes the place of `mysql` for MariaDB |
//! | `login/` | logins: PAM, other servers of ssh, remote desktops, panels |
//! | `mail/` | mail servers, and web mail |
//! | `web/` | web servers, and applications behind them |
//! | `others/` | files, names, telephony, databases and others |
//! | `access_log.rs`, `login_pages.rs` | what these share: the format, and which requests count |
//! | `apache_error.rs` | what the rules for Apache's error log share |
//! | `json_log.rs` | a line that is an object of JSON |
//! | `syslog.rs` | the head of a line that syslog writes, and its time formats |
//! | `stamps.rs` | the time formats of logs that are not written by syslog |
//! | `forgeable.rs` | logs into which a client can write whole lines |
//!
//! Clients choose a part of each line. So every pattern keeps three promises:
//!
//! 1. It begins with `^`, describes the head of the line without free text, and
//!    then names the message. So no text within a message is taken for a message,
//!    and no line of another program for one of the service.
//! 2. The address stands at the end of the message that the client can not write:
//!    before the client's text if the text ends the message, and tied to `$` if
//!    the text stands before the address.
//! 3. A line that can be read in two ways, with two addresses, matches nothing.

// Their macros are for all files below.
#[macro_use]
mod apache_error;
#[macro_use]
mod json_log;
#[macro_use]
mod syslog;

mod access_log;
mod apache;
mod contract;
mod forgeable;
mod login;
mod login_pages;
mod mail;
mod mariadb_audit;
mod mysql;
mod nginx;
mod others;
mod ssh;
mod stamps;
mod web;

use crate::model::Rule;

pub use contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof, ServiceOptions};
pub use forgeable::{Forgeable, ForgeableLogs, Wrote};
pub use login_pages::{LOGIN_PAGES, REFUSED, WebServer};
pub use stamps::KNOWN_FORMATS;

/// The built-in rules by what they are for, in the order in which they are named to the
/// user. The first are PyFilter's four.
pub static GROUPS: &[RuleGroup] = &[
    RuleGroup {
        title: "ssh, databases and web servers",
        rules: &[
            &ssh::RULE,
            &mysql::RULE,
            &apache::RULE,
            &nginx::RULE,
            &mariadb_audit::RULE,
        ],
    },
    RuleGroup {
        title: "Logins",
        rules: login::RULES,
    },
    RuleGroup {
        title: "Mail",
        rules: mail::RULES,
    },
    RuleGroup {
        title: "Web",
        rules: web::RULES,
    },
    RuleGroup {
        title: "Files, names, telephony and others",
        rules: others::RULES,
    },
];

/// Built-in rules that are for services of one kind.
#[derive(Debug, Clone, Copy)]
pub struct RuleGroup {
    /// What they are for.
    pub title: &'static str,
    /// The rules.
    pub rules: &'static [&'static BuiltinRule],
}

/// The rule that is read where the configuration names none.
pub static DEFAULT_RULE: &BuiltinRule = &ssh::RULE;

/// The built-in rules, in the order in which they are named to the user.
pub fn all() -> impl Iterator<Item = &'static BuiltinRule> {
    GROUPS.iter().flat_map(|group| group.rules).copied()
}

/// The built-in rule of that name, if there is one.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static BuiltinRule> {
    all().find(|rule| rule.name == name)
}

/// The built-in rule that gives `rule` what its section leaves out; none for a user's own rule,
/// whatever its name.
#[must_use]
pub fn builtin_of(rule: &Rule) -> Option<&'static BuiltinRule> {
    builtin(&rule.name).filter(|_| rule.is_built_in)
}

/// The names of the built-in rules.
#[must_use]
pub fn names() -> Vec<&'static str> {
    all().map(|rule| rule.name).collect()
}

/// The names of the rules for which `holds` is true, for a sentence:
/// `ssh, mysql and nginx`.
#[must_use]
pub fn names_in_words(holds: impl Fn(&BuiltinRule) -> bool) -> String {
    let rules = all().filter(|rule| holds(rule));
    let names: Vec<&str> = rules.map(|rule| rule.name).collect();
    match names.split_last() {
        Some((last, [_, ..])) => format!("{} and {last}", names[..names.len() - 1].join(", ")),
        _ => names.concat(),
    }
}

/// Who writes the entries of a systemd unit; none if it is of no built-in rule.
#[must_use]
pub fn journal_senders(unit: &str) -> Option<&'static JournalSenders> {
    let mut senders = all().map(|rule| &rule.journal);
    senders.find(|journal| journal.units.contains(&unit))
}

/// The built-in pattern of that text; none for any other text.
pub(super) fn pattern(text: &str) -> Option<&'static BuiltinPattern> {
    let mut patterns = all().flat_map(|rule| rule.patterns);
    patterns.find(|pattern| pattern.text == text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::super::literal::stands_in_all;
    use super::super::pattern::parse;
    use super::super::sshd_connection::ConnectionMessage;
    use super::*;

    fn patterns() -> impl Iterator<Item = &'static BuiltinPattern> {
        all().flat_map(|rule| rule.patterns)
    }

    #[test]
    fn every_name_has_its_rule() {
        for name in names() {
            assert_eq!(builtin(name).map(|rule| rule.name), Some(name));
        }
        assert!(builtin("Ssh").is_none());
        let only = |wanted: &'static [&str]| {
            names_in_words(move |rule: &BuiltinRule| wanted.contains(&rule.name))
        };
        assert_eq!(only(&["ssh", "mysql", "apache"]), "ssh, mysql and apache");
        assert_eq!(only(&["apache", "nginx"]), "apache and nginx");
        assert_eq!(only(&["ssh"]), "ssh");
        assert_eq!(only(&[]), "");
    }

    #[test]
    fn every_pattern_is_anchored_and_names_its_parts() {
        for rule in all() {
            let patterns = rule.patterns.iter().map(|pattern| pattern.text);
            for pattern in patterns.chain(rule.logins.iter().copied()) {
                assert!(pattern.starts_with('^'), "{}: {pattern}", rule.name);
                assert!(pattern.ends_with('$'), "{}: {pattern}", rule.name);
                for part in ["(?P<time>", "(?P<ip>"] {
                    assert_eq!(
                        pattern.matches(part).count(),
                        1,
                        "{}: {part} in {pattern}",
                        rule.name
                    );
                }
            }
        }
    }

    #[test]
    fn every_pattern_of_ssh_tells_of_a_connection() {
        for BuiltinPattern {
            text, connection, ..
        } in ssh::RULE.patterns
        {
            let is = |message| *connection == Some(message);
            assert!(connection.is_some(), "{text}");
            assert_eq!(text.contains("Failed "), is(ConnectionMessage::Failed));
            assert_eq!(text.contains("PAM: "), is(ConnectionMessage::Pam));
            assert_eq!(
                text.contains("pid = "),
                is(ConnectionMessage::SignWithPid),
                "{text}"
            );
        }
    }

    #[test]
    fn one_literal_of_a_pattern_stands_in_each_match_and_none_is_there_in_vain() {
        for BuiltinPattern { text, literals, .. } in patterns() {
            let hir = parse(text).unwrap();
            assert!(stands_in_all(literals, &hir), "{text}: {literals:?}");
            for literal in *literals {
                assert!(literal.len() > 3, "{text}: {literal}");
                let mut others = literals.to_vec();
                others.retain(|other| other != literal);
                assert!(!stands_in_all(&others, &hir), "{text}: {literal}");
            }
        }
        assert!(pattern("other").is_none());
    }

    #[test]
    fn every_rule_says_what_it_counts_and_has_samples() {
        for rule in all() {
            assert!(!rule.counts.is_empty() && !rule.sample.is_empty());
        }
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
        let files = samples.read_dir().unwrap().map(|file| file.unwrap().path());
        let logs = files.filter(|file| file.extension().is_some_and(|ending| ending == "log"));
        let stem = |log: PathBuf| log.file_stem().unwrap().to_str().unwrap().to_owned();
        let with_samples: BTreeSet<String> = logs.map(stem).collect();
        let rules: BTreeSet<String> = names().into_iter().map(str::to_owned).collect();
        assert_eq!(with_samples, rules);
    }

    /// A redirect, a page that is not there, a proxy without its application: all of
    /// them visitors have, too.
    #[test]
    fn no_login_page_takes_an_answer_that_says_nothing_for_a_failure() {
        for page in LOGIN_PAGES {
            for status in page.failures.unwrap() {
                assert!(
                    *status == 200
                        || (400..430).contains(status) && ![404, 408, 410, 413].contains(status),
                    "{}: {status}",
                    page.url
                );
            }
        }
        let nginx = builtin("nginx").unwrap();
        assert!(!nginx.failures_at("/any").contains(&200));
        assert!(nginx.failures_at("/wp-login.php").contains(&200));
    }

    #[test]
    fn where_there_are_urls_a_request_stands_between_time_and_status_and_begins_in_each_literal() {
        for rule in all() {
            for BuiltinPattern { text, literals, .. } in rule.patterns {
                let has_request = text.contains(r#")\] "(?P<request>"#);
                assert_eq!(has_request, text.contains(r#")" (?P<status>"#));
                assert_eq!(has_request, !rule.pages().is_empty(), "{text}");
                assert!(!has_request || literals.iter().all(|one| one.matches('"').count() == 1));
            }
        }
    }
}
