//! The rules that are built in, as data: ssh, mysql, apache, nginx and
//! mariadb-audit.
//!
//! What an attacker types stands in these lines, so that every pattern keeps
//! three promises:
//!
//! 1. It begins with `^`, goes through a head in which nothing is free text,
//!    and then names the message. So no text within a message can pass for a
//!    message, and no other program's line for one of ours.
//! 2. The address is tied to an end of the message that the attacker does not
//!    write: to the front where his text comes behind it, to `$` where it
//!    comes before.
//! 3. A line whose text could be read in two ways, with two addresses, names
//!    nobody.
//!
//! `fixtures/rules/NAME.log` holds samples of each, and the attacks.

use super::login::Tells;
use crate::model::{LoginPage, Positions};

mod forgeable;
mod mariadb;
mod mysql;
mod ssh;
mod syslog;
mod web;

pub use forgeable::{Forgeable, Wrote};

/// A shipped rule: what a rule of that name inherits when it does not set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// The rule's name.
    pub name: &'static str,
    /// What it reads, as the configuration spells it: `auto`, or nothing.
    pub log_files: &'static str,
    /// In Rust `regex` syntax, for bytes with `unicode(false)` and one line
    /// without its end, in the order in which they are tried. Each names its
    /// `time` and `ip`, and where the line has them `user` and `status`. Of a
    /// rule with `pages` each has a group `request`: the request line, without
    /// the quotes round it.
    pub patterns: &'static [&'static str],
    /// The lines of a login that went well, which are no failures; of the same
    /// shape as `patterns`. None if the log does not tell of them.
    pub logins: &'static [&'static str],
    /// strftime formats of the `time` group, in the order in which they are
    /// tried; every time that a pattern captures is in one of them.
    pub time_formats: &'static [&'static str],
    /// The pages for which a request must be to count, unless the configuration
    /// names others, each with its statuses; empty if the patterns have no group
    /// `request`.
    pub pages: &'static [LoginPage],
    /// PyFilter's: what the user's own patterns for this rule are filled with when
    /// the configuration names no urls.
    pub urls: &'static [&'static str],
    /// The codes of the `status` group that count; any if none. Where there are
    /// `pages` they are PyFilter's, and for the user's own patterns alone.
    pub statuses: Option<&'static [u16]>,
    /// The order of groups in the user's own patterns for this rule, when
    /// these have no names.
    pub positions: Positions,
    /// The systemd units whose journal has the lines of this rule, too, where
    /// syslog writes them into files.
    pub units: &'static [&'static str],
    /// Why anybody who can reach the service can forge lines of its log; none
    /// if nobody can.
    pub forgeable: Option<&'static Forgeable>,
    /// What keeps the service from writing host names in place of addresses, as
    /// a part of a sentence; none if it never writes them.
    pub addresses: Option<&'static str>,
}

/// The names of the shipped rules.
pub const NAMES: [&str; 5] = ["ssh", "mysql", "apache", "nginx", "mariadb-audit"];

/// The shipped rule of that name, if there is one.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|rule| rule.name == name)
}

impl Builtin {
    /// The HTTP statuses that are failures at a url that the configuration names
    /// without any: those of the shipped page, else those that no page has for a
    /// login that went well; and what PyFilter counted for this server.
    #[must_use]
    pub fn failures_at(&self, url: &str) -> &'static [u16] {
        if self.statuses.is_some_and(|all| all.contains(&200)) {
            return web::SHOWN_AGAIN;
        }
        let shipped = self.pages.iter().find(|page| page.url == url);
        shipped
            .and_then(|page| page.failures)
            .unwrap_or(web::REFUSED)
    }
}

/// The literals of a shipped pattern, of which one stands in each of its
/// matches: finding them takes longer than a run that has a few new lines.
/// None for any other text.
pub(super) fn literals(pattern: &str) -> Option<&'static [&'static str]> {
    let shipped = [
        (ssh::PATTERNS, ssh::LITERALS),
        (mysql::PATTERNS, mysql::LITERALS),
        (mariadb::PATTERNS, mariadb::LITERALS),
        (web::PATTERNS, web::LITERALS),
    ];
    shipped.iter().find_map(|(patterns, literals)| {
        let place = patterns.iter().position(|text| *text == pattern)?;
        literals.get(place).copied()
    })
}

/// What a match of a shipped pattern tells of the connection that its line belongs
/// to; none if it does not belong to any.
pub(super) fn tells(pattern: &str) -> Option<Tells> {
    let place = ssh::PATTERNS.iter().position(|text| *text == pattern)?;
    ssh::TELLS.get(place).copied()
}

static BUILTINS: [Builtin; NAMES.len()] = [
    Builtin {
        name: "ssh",
        log_files: "auto",
        patterns: ssh::PATTERNS,
        logins: ssh::LOGINS,
        time_formats: ssh::TIME_FORMATS,
        pages: &[],
        urls: &[],
        statuses: None,
        positions: Positions::TimeAddress,
        units: &["ssh.service", "sshd.service"],
        forgeable: None,
        addresses: Some("set `UseDNS no` in sshd_config"),
    },
    Builtin {
        name: "mysql",
        log_files: "",
        patterns: mysql::PATTERNS,
        logins: &[],
        time_formats: mysql::TIME_FORMATS,
        pages: &[],
        urls: &[],
        statuses: None,
        positions: Positions::TimeAddress,
        units: &[],
        forgeable: Some(&mysql::FORGEABLE),
        addresses: Some(mysql::ADDRESSES),
    },
    Builtin {
        name: "apache",
        log_files: "",
        patterns: web::PATTERNS,
        logins: &[],
        time_formats: web::TIME_FORMATS,
        pages: web::PAGES,
        urls: web::URLS,
        statuses: Some(&[200]),
        positions: Positions::AddressTime,
        units: &[],
        forgeable: None,
        addresses: Some("set `HostnameLookups Off`"),
    },
    Builtin {
        name: "nginx",
        log_files: "",
        patterns: web::PATTERNS,
        logins: &[],
        time_formats: web::TIME_FORMATS,
        pages: web::PAGES,
        urls: web::URLS,
        statuses: Some(&[405]),
        positions: Positions::AddressTime,
        units: &[],
        forgeable: None,
        addresses: None,
    },
    Builtin {
        name: "mariadb-audit",
        log_files: "",
        patterns: mariadb::PATTERNS,
        logins: &[],
        time_formats: ssh::TIME_FORMATS,
        pages: &[],
        urls: &[],
        statuses: Some(mariadb::CODES),
        positions: Positions::TimeAddress,
        units: &["mariadb.service"],
        forgeable: None,
        addresses: Some(mysql::ADDRESSES),
    },
];

#[cfg(test)]
mod tests {
    use memchr::memmem;

    use super::super::pattern::parse;
    use super::*;

    #[test]
    fn every_name_has_its_rule() {
        for name in NAMES {
            assert_eq!(builtin(name).map(|rule| rule.name), Some(name));
        }
        assert_eq!(builtin("Ssh"), None);
    }

    #[test]
    fn every_pattern_is_anchored_and_names_its_parts() {
        for rule in &BUILTINS {
            for pattern in rule.patterns.iter().chain(rule.logins) {
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
        assert_eq!(ssh::TELLS.len(), ssh::PATTERNS.len());
        for (pattern, told) in ssh::PATTERNS.iter().zip(ssh::TELLS) {
            assert_eq!(tells(pattern), Some(*told));
            assert_eq!(
                pattern.contains("Failed "),
                *told == Tells::Failed,
                "{pattern}"
            );
            assert_eq!(pattern.contains("PAM: "), *told == Tells::Pam, "{pattern}");
            assert_eq!(
                pattern.contains("pid = "),
                *told == Tells::SignWithPid,
                "{pattern}"
            );
        }
        assert!(ssh::LOGINS.iter().all(|login| tells(login).is_none()));
    }

    #[test]
    fn the_literals_of_a_pattern_are_those_that_it_requires() {
        let patterns = [
            ssh::PATTERNS,
            mysql::PATTERNS,
            mariadb::PATTERNS,
            web::PATTERNS,
        ];
        for pattern in patterns.into_iter().flatten() {
            let required = super::super::literal::required(&parse(pattern).unwrap()).unwrap();
            let known = literals(pattern).unwrap_or_default();
            // A part of them is enough.
            for literal in &required {
                let literal = std::str::from_utf8(literal).unwrap();
                assert!(
                    known.iter().any(|known| literal.contains(known)),
                    "{pattern}: {literal}"
                );
            }
            // None is there in vain.
            for known in known {
                let is_in = |literal: &Vec<u8>| memmem::find(literal, known.as_bytes()).is_some();
                assert!(required.iter().any(is_in), "{pattern}: {known}");
            }
        }
        assert_eq!(literals("other"), None);
    }

    /// A redirect, a page that is not there, a proxy without its application: all of
    /// them visitors have, too.
    #[test]
    fn no_login_page_takes_an_answer_that_says_nothing_for_a_failure() {
        for page in BUILTINS.iter().flat_map(|rule| rule.pages) {
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
        for rule in &BUILTINS {
            for pattern in rule.patterns {
                let has_request = pattern.contains(r#")\] "(?P<request>"#);
                assert_eq!(has_request, pattern.contains(r#")" (?P<status>"#));
                assert_eq!(has_request, !rule.pages.is_empty(), "{pattern}");
                let literals = literals(pattern).unwrap();
                assert!(!has_request || literals.iter().all(|one| one.matches('"').count() == 1));
            }
        }
    }
}
