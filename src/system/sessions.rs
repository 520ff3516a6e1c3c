//! Who is logged in from where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Address;

use super::program::ask_program;

/// How long logind may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The addresses from which people are logged in by now, with their accounts: those
/// of sessions that logind knows; if it knows none, the numeric ones that `who` tells.
///
/// Connections without a login are none: guessers have them, too. Where neither
/// program tells, there are none.
#[must_use]
pub fn sessions() -> BTreeMap<Address, String> {
    // Without pam_systemd logind knows of no session.
    let known = of_logind().or_else(of_logind).unwrap_or_default();
    if !known.is_empty() {
        return known;
    }
    let who = ask_program("who", &["--ips"], LIMIT).unwrap_or_default();
    by_address(of_who(&who))
}

/// None where logind does not answer.
fn of_logind() -> Option<BTreeMap<Address, String>> {
    let asked = ["list-sessions", "--no-legend", "--no-pager"];
    let list = ask_program("loginctl", &asked, LIMIT).ok()?;
    let ids: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    if ids.is_empty() {
        return Some(BTreeMap::new());
    }
    let mut arguments = vec!["show-session", "--no-pager"];
    for property in ["Name", "Remote", "RemoteHost", "State"] {
        arguments.extend(["--property", property]);
    }
    arguments.extend(ids);
    // One that has ended meanwhile makes it fail: it is asked once more.
    let shown = ask_program("loginctl", &arguments, LIMIT).ok()?;
    Some(by_address(of_loginctl(&shown)))
}

/// What `loginctl show-session` tells: a paragraph a session, `NAME=VALUE` a line.
fn of_loginctl(shown: &str) -> Vec<(Address, String)> {
    let paragraphs = shown.split("\n\n");
    let session = |paragraph: &str| {
        let value = |name: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        if value("Remote") != Some("yes") || value("State") == Some("closing") {
            return None;
        }
        let address = Address::parse(value("RemoteHost")?.as_bytes())?;
        Some((address, value("Name").unwrap_or_default().to_owned()))
    };
    paragraphs.filter_map(session).collect()
}

/// What `who --ips` tells: a session a line, the account first and the address last.
fn of_who(said: &str) -> Vec<(Address, String)> {
    let session = |line: &str| {
        let mut words = line.split_whitespace();
        let account = words.next()?.to_owned();
        Some((Address::parse(words.next_back()?.as_bytes())?, account))
    };
    said.lines().filter_map(session).collect()
}

/// Several accounts may be logged in from one address, as behind a bastion.
fn by_address(sessions: Vec<(Address, String)>) -> BTreeMap<Address, String> {
    let mut all: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for (address, account) in sessions {
        let accounts = all.entry(address).or_default();
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    let joined = all.into_iter();
    joined
        .map(|(address, accounts)| (address, accounts.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(sessions: Vec<(Address, String)>) -> Vec<(String, String)> {
        (by_address(sessions).into_iter())
            .map(|(address, accounts)| (address.to_string(), accounts))
            .collect()
    }

    #[test]
    fn sessions_of_logind_are_those_from_elsewhere_that_are_open() {
        let shown = "Name=root\nRemote=yes\nRemoteHost=203.0.113.7\nState=active\n\n\
                     Name=bob\nRemote=yes\nRemoteHost=203.0.113.7\nState=online\n\n\
                     Name=gone\nRemote=yes\nRemoteHost=203.0.113.8\nState=closing\n\n\
                     Name=eve\nRemote=yes\nRemoteHost=evil.example.com\nState=active\n\n\
                     Name=ann\nRemote=yes\nRemoteHost=2001:db8::7%eth0\nState=active\n\n\
                     Name=console\nRemote=no\nRemoteHost=\nState=active\n";
        let of = |address: &str, accounts: &str| (address.to_owned(), accounts.to_owned());
        assert_eq!(
            addresses(of_loginctl(shown)),
            [of("203.0.113.7", "root, bob"), of("2001:db8::7", "ann")]
        );
        assert!(of_loginctl("").is_empty());
    }

    #[test]
    fn who_tells_numeric_addresses_and_names_that_are_none() {
        let said = "root     pts/0        Sep  9 01:46 203.0.113.7\n\
                    bob      pts/1        Sep  9 01:46 2001:db8::1\n\
                    bob      tty1         Sep  9 01:46\n\
                    eve      pts/2        Sep  9 01:46 (198.51.100.9)\n\
                    eve      pts/3        Sep  9 01:46 evil.example.com\n";
        let of = |address: &str, accounts: &str| (address.to_owned(), accounts.to_owned());
        assert_eq!(
            addresses(of_who(said)),
            [of("203.0.113.7", "root"), of("2001:db8::1", "bob")]
        );
    }
}
