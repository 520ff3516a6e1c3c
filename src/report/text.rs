//! PyFilter's words.

use crate::model::{Ban, Cause, Escaped, Stamp, Unban, plural};

use super::{SourceRow, Summary};

/// The country sentence, or nothing.
fn country(ban: &Ban) -> String {
    ban.country.as_ref().map_or_else(String::new, |country| {
        format!(" The IP was from {}.", Escaped::text(&country.name))
    })
}

/// `2018-03-22 14:18:18 Found IP: 203.0.113.13 from server: NAME. The IP was from United Kingdom.`
/// `accounts` are those that are logged in here from there.
#[must_use]
pub fn ban_line(ban: &Ban, accounts: Option<&str>) -> String {
    let server = Escaped::text(&ban.server);
    let session = accounts.map_or_else(String::new, |accounts| {
        format!(" {}", open_session(accounts))
    });
    format!(
        "{} Found IP: {} from server: {server}.{}{session}",
        ban.at.to_local(),
        ban.subject,
        country(ban)
    )
}

/// What is said of a banned address from which somebody is logged in.
#[must_use]
pub fn open_session(accounts: &str) -> String {
    format!(
        "From there {} is logged in on this host, and is cut off by it.",
        Escaped::text(accounts)
    )
}

/// `2018-03-22 14:18:18 Un-banned IP: 203.0.113.13 (manual).`
#[must_use]
pub fn unban_line(unban: &Unban) -> String {
    let why = match unban.cause {
        Cause::Manual => "by hand",
        Cause::Snapshot => "its line was removed from the blacklist",
        Cause::Redis => "by another server",
        Cause::Expired => "its time is up",
        Cause::Ignored => "it is never to be banned",
        Cause::Aggregated => "the ban of a wider network takes its place",
    };
    format!(
        "{} Un-banned IP: {}, {why}.",
        Stamp::from_secs(unban.at).to_local(),
        unban.subject
    )
}

/// ` (2nd ban)`: which ban of the subject under its rule it is. Nothing for a first one,
/// and where that is not known.
pub(super) fn nth_ban(ban: &Ban) -> String {
    let count = ban.count.filter(|count| *count > 1);
    count.map_or_else(String::new, |count| format!(" ({} ban)", ordinal(count)))
}

/// `1st`, `2nd`, `3rd`, `11th`
fn ordinal(n: u32) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// A ban as `list` shows it.
#[must_use]
pub fn list_line(ban: &Ban) -> String {
    let since = ban.at.to_local();
    let by = ban.rule.as_deref().map_or_else(
        || ban.origin.to_string(),
        |rule| Escaped::text(rule).to_string(),
    );
    let until = ban.ends.map_or_else(
        || "for ever".to_owned(),
        |ends| format!("until {}", Stamp::from_secs(ends).to_local()),
    );
    let (nth, server) = (nth_ban(ban), Escaped::text(&ban.server));
    let address = ban.subject.to_string();
    let country = ban.country.as_ref().map_or_else(String::new, |country| {
        format!("  {}", Escaped::text(&country.name))
    });
    format!("{address:<39}  {since}  {by:<10}  {until}{nth}  {server}{country}")
}

/// `Done: sources 1, failures 57, bans 5, un-bans 0, problems 0, blocked 5.`
#[must_use]
pub fn summary_line(summary: &Summary) -> String {
    let failures: u64 = summary.sources.iter().map(|row| row.failures).sum();
    let blocked = summary.firewall.as_ref();
    let blocked = blocked.map_or_else(String::new, |row| format!(", blocked {}", row.v4 + row.v6));
    let repaired = summary.firewall.as_ref();
    let repaired = repaired.and_then(|row| row.repaired.as_ref());
    let repaired = repaired.map_or_else(String::new, |what| {
        format!("; repaired in the firewall: {}", Escaped::text(what))
    });
    // That a wider ban takes the place of another one is no un-ban to anybody.
    let unbans = summary.unbans.iter();
    let unbans = unbans
        .filter(|unban| unban.cause != Cause::Aggregated)
        .count();
    format!(
        "{}: sources {}, failures {failures}, bans {}, un-bans {}, problems {}{blocked}{repaired}.",
        if summary.dry_run { "Would be" } else { "Done" },
        summary.sources.len(),
        summary.bans.len(),
        unbans,
        summary.problems.len()
    )
}

/// `Read 1 log, 4 failures: nobody would be banned.`
#[must_use]
pub fn nobody_line(summary: &Summary) -> String {
    let is_read = |row: &&SourceRow| !matches!(row.status, "missing" | "unreadable");
    let logs = summary.sources.iter().filter(is_read).count();
    let failures: u64 = summary.sources.iter().map(|row| row.failures).sum();
    format!(
        "Read {}, {}: nobody would be banned.",
        plural(logs, "log", "logs"),
        plural(failures, "failure", "failures")
    )
}

/// `Checking Ssh logs`
#[must_use]
pub fn checking(rule: &str) -> String {
    format!("Checking {} logs", title(rule))
}

/// `No file to check within rule: Mysql`
#[must_use]
pub fn nothing_to_check(rule: &str) -> String {
    format!("No file to check within rule: {}", title(rule))
}

/// As Python's `str.title` does: the first letter of each word large, the rest small.
fn title(rule: &str) -> String {
    let mut inside = false;
    let mut title = String::new();
    for c in rule.chars() {
        if inside {
            title.extend(c.to_lowercase());
        } else {
            title.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    Escaped::text(&title).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Origin, Subject};

    fn ban(subject: &str, count: Option<u32>) -> Ban {
        Ban {
            subject: Subject::parse(subject).unwrap(),
            rule: Some(Arc::from("ssh")),
            server: Arc::from("web1"),
            at: Stamp::from_secs(1_521_728_298),
            ends: None,
            failures: 5,
            instant: false,
            origin: Origin::Log,
            reason: None,
            country: None,
            count,
            aggregates: 0,
        }
    }

    #[test]
    fn a_network_is_printed_as_one() {
        let network = ban("2001:db8:0:7::/64", Some(1));
        let said = ban_line(&network, None);
        assert!(said.ends_with(" Found IP: 2001:db8:0:7::/64 from server: web1."));
        let unban = Unban {
            subject: network.subject,
            cause: Cause::Manual,
            at: network.at.secs,
        };
        assert!(unban_line(&unban).ends_with(" Un-banned IP: 2001:db8:0:7::/64, by hand."));
        assert!(list_line(&network).starts_with("2001:db8:0:7::/64  "));
    }

    #[test]
    fn which_ban_it_is_stands_behind_its_end_from_the_second_on() {
        for (count, said) in [
            (None, "for ever  web1"),
            (Some(1), "for ever  web1"),
            (Some(2), "for ever (2nd ban)  web1"),
            (Some(3), "for ever (3rd ban)  web1"),
            (Some(11), "for ever (11th ban)  web1"),
            (Some(21), "for ever (21st ban)  web1"),
            (Some(112), "for ever (112th ban)  web1"),
        ] {
            let line = list_line(&ban("203.0.113.9", count));
            assert!(line.ends_with(said), "{line}");
        }
    }

    #[test]
    fn rules_are_called_as_pyfilter_called_them() {
        assert_eq!(checking("ssh"), "Checking Ssh logs");
        assert_eq!(
            nothing_to_check("my-WEB rule2go"),
            "No file to check within rule: My-Web Rule2Go"
        );
        assert_eq!(checking("a\x1b[2J"), r"Checking A\x1b[2J logs");
    }
}
