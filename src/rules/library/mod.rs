//! The built-in rules. A rule is one file here (with its `mod` below), its samples in
//! `fixtures/rules/NAME.log`, and its line in [`RULES`]. Everything else is taken from
//! its [`BuiltinRule`]: the names, what `init` offers, what `check` says, the manual,
//! the journal's senders, and the tests.
//!
//! | file | what it holds |
//! |---|---|
//! | `contract.rs` | what a rule says of itself |
//! | `mysql.rs` | a rule of medium size: copy it for a new one |
//! | `ssh.rs`, `mariadb_audit.rs` | the other rules of a service with accounts |
//! | `apache.rs`, `nginx.rs` | the rules for access logs |
//! | `access_log.rs`, `login_pages.rs` | what these share: the format, and which requests count |
//! | `syslog.rs` | the head of a line that syslog writes, and its time formats |
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

mod access_log;
mod apache;
mod contract;
mod forgeable;
mod login_pages;
mod mariadb_audit;
mod mysql;
mod nginx;
mod ssh;
mod syslog;

pub use contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, ServiceOptions};
pub use forgeable::{Forgeable, Wrote};
pub use login_pages::{LOGIN_PAGES, REFUSED, WebServer};

/// The built-in rules, in the order in which they are named to the user.
pub static RULES: &[&BuiltinRule] = &[
    &ssh::RULE,
    &mysql::RULE,
    &apache::RULE,
    &nginx::RULE,
    &mariadb_audit::RULE,
];

/// The rule that is read where the configuration names none.
pub static DEFAULT_RULE: &BuiltinRule = &ssh::RULE;

/// The built-in rule of that name, if there is one.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static BuiltinRule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}

/// The names of the built-in rules.
#[must_use]
pub fn names() -> Vec<&'static str> {
    RULES.iter().map(|rule| rule.name).collect()
}

/// The names of the rules for which `holds` is true, for a sentence:
/// `ssh, mysql and nginx`.
#[must_use]
pub fn names_in_words(holds: impl Fn(&BuiltinRule) -> bool) -> String {
    let rules = RULES.iter().filter(|rule| holds(rule));
    let names: Vec<&str> = rules.map(|rule| rule.name).collect();
    match names.split_last() {
        Some((last, [_, ..])) => format!("{} and {last}", names[..names.len() - 1].join(", ")),
        _ => names.concat(),
    }
}

/// Who writes the entries of a systemd unit; none if it is of no built-in rule.
#[must_use]
pub fn journal_senders(unit: &str) -> Option<&'static JournalSenders> {
    let senders = RULES.iter().map(|rule| &rule.journal);
    senders
        .into_iter()
        .find(|journal| journal.units.contains(&unit))
}

/// The built-in pattern of that text; none for any other text.
pub(super) fn pattern(text: &str) -> Option<&'static BuiltinPattern> {
    let mut patterns = RULES.iter().flat_map(|rule| rule.patterns);
    patterns.find(|pattern| pattern.text == text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use memchr::memmem;

    use super::super::literal::required;
    use super::super::pattern::parse;
    use super::super::sshd_connection::ConnectionMessage;
    use super::*;

    fn patterns() -> impl Iterator<Item = &'static BuiltinPattern> {
        RULES.iter().flat_map(|rule| rule.patterns)
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
        for rule in RULES {
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
    fn the_literals_of_a_pattern_are_those_that_it_requires() {
        for BuiltinPattern { text, literals, .. } in patterns() {
            let required = required(&parse(text).unwrap()).unwrap();
            // A part of them is enough.
            for literal in &required {
                let literal = std::str::from_utf8(literal).unwrap();
                assert!(
                    literals.iter().any(|known| literal.contains(known)),
                    "{text}: {literal}"
                );
            }
            // None is there in vain.
            for known in *literals {
                let is_in = |literal: &Vec<u8>| memmem::find(literal, known.as_bytes()).is_some();
                assert!(required.iter().any(is_in), "{text}: {known}");
            }
        }
        assert!(pattern("other").is_none());
    }

    #[test]
    fn every_rule_says_what_it_counts_and_has_samples() {
        for rule in RULES {
            assert!(!rule.counts.is_empty() && !rule.proven_on.is_empty());
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
        for rule in RULES {
            for BuiltinPattern { text, literals, .. } in rule.patterns {
                let has_request = text.contains(r#")\] "(?P<request>"#);
                assert_eq!(has_request, text.contains(r#")" (?P<status>"#));
                assert_eq!(has_request, !rule.pages().is_empty(), "{text}");
                assert!(!has_request || literals.iter().all(|one| one.matches('"').count() == 1));
            }
        }
    }
}
