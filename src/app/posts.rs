//! Why no line of an access log counts, as sentences: what was asked of the login
//! pages, and how they answered.

use crate::model::{Escaped, Rule};
use crate::rules::{Asked, PostsSeen};

/// How many pages or paths are named, and of each how many statuses.
const NAMED: usize = 3;

/// What to tell of a rule under which nothing counts; empty if nothing was seen.
/// What `seen` has read is called `log`.
pub(super) fn told(rule: &Rule, seen: &PostsSeen, log: &str) -> Vec<String> {
    let mut told = Vec::new();
    let asked = seen.asked();
    let count: u64 = asked.iter().map(Asked::count).sum();
    let others = seen.others();
    if count > 0 {
        told.push(format!(
            "{log}: {count} POSTs to the login pages of the rule, and none of their answers counts: {}; {}",
            named(&asked),
            expected(rule, seen, &asked)
        ));
    }
    if !others.is_empty() {
        let none = if count == 0 {
            "no POST to the login pages of the rule counts, but there are "
        } else {
            "there are "
        };
        told.push(format!(
            "{log}: {none}POSTs to other paths that look like login pages: {}; name those that are in \"urls\", and in \"http_status_blocks\" what they answer to a wrong password",
            named(&others)
        ));
    }
    let users = seen.refused_users();
    if users > 0 {
        told.push(format!(
            "{log}: {users} requests with a user name were answered with 401, as with basic authentication; they do not count, since an application behind a good password may answer so, too: the server's error log tells a wrong one"
        ));
    }
    told
}

/// `/login/ 200 (60), 302 (4)`, and how many more there are.
fn named(asked: &[Asked<'_>]) -> String {
    let one = |asked: &Asked| {
        let answers = asked.answers.iter().take(NAMED);
        let mut answers: Vec<String> = answers
            .map(|(status, count)| format!("{status} ({count})"))
            .collect();
        if asked.answers.len() > NAMED {
            answers.push("others".to_owned());
        }
        format!("{} {}", Escaped::bytes(asked.path), answers.join(", "))
    };
    let mut named: Vec<String> = asked.iter().take(NAMED).map(one).collect();
    if asked.len() > NAMED {
        named.push(format!("and {} more", asked.len() - NAMED));
    }
    named.join("; ")
}

/// Which answers would count, and what to do about it.
fn expected(rule: &Rule, seen: &PostsSeen, asked: &[Asked<'_>]) -> String {
    let Some(statuses) = &rule.statuses else {
        let path = asked.first().map_or(&b""[..], |asked| asked.path);
        return format!(
            "if one of these is the answer to a wrong password, say so: \"urls\": [\"{}\"], \"http_status_blocks\": [STATUS]",
            Escaped::bytes(path)
        );
    };
    let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
    let statuses = statuses.join(", ");
    match seen.failed_by_default() {
        0 => format!(
            "http_status_blocks is [{statuses}]: add what is the answer to a wrong password"
        ),
        count => format!(
            "http_status_blocks is [{statuses}]; with the built-in patterns, and without http_status_blocks, {count} of them count"
        ),
    }
}
