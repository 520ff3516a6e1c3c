//! `docs/rules.md`: a table of the built-in rules, made from the library itself.

use std::fmt::Write as _;

use crate::rules::{self, BuiltinRule, ForgeableLogs, Proof};

const HEAD: &str = "\
# The built-in rules

`pyfilter rules` prints this list, with `*` at each rule whose service is on the host and `!` where
here is \u{26a0}, and `pyfilter rules NAME` all that is known of one. A rule is used by its name alone:
`\"dovecot\": {}` under `settings.rules`. Its log is the first of its usual places that is there.
`init` writes those whose service is there: ssh, mysql, apache, nginx and mariadb-audit switched on, the
others switched off, and those that anybody can forge not at all.

Each rule reads one line at a time. A name of a host does not count in place of an address. A rule
of your own that has the name of one of the library, and `regex_patterns`, takes nothing from it;
only ssh, mysql, apache and nginx lend their places and formats, as in PyFilter.

\u{26a0} is at rules of which the usual log, or the sender in it, [can be forged](#what-can-be-forged).
";

const FORGEABLE: &str = "\
Where a log, or the sender in it, can be forged, the bans of the rule are neither aggregated nor shared
with other servers, unless the rule says `\"trust_sender\": true`. *Not in the journal*: they are if
`log_files` names nothing but the journal of the service's unit. *Not in its usual logs*: they are if
the rule reads only logs at the places that stand in the tables above, whether `log_files` names them,
is `\"auto\"`, or is left out. `check` says what holds of the rules of a configuration.

";

const LEFT_OUT: &str = "\
## What is left out, and why

| service | why |
|---|---|
| Redis | it writes nothing of a failed `AUTH` into its log |
| Mosquitto 2.0, Prosody | the line of a refused client has no address; it stands in an earlier line |
| slapd, guacamole | a failure takes several lines |
| Kerio, ASSP, Domino, SQL Server, DirectAdmin | neither their source nor a running service was at hand, so what they escape is not known |
| Horde | the user and `X-Forwarded-For`, both as a client sends them, stand on both sides of the address |
| SquirrelMail | it writes no log of its own; the source of its plugin squirrel_logger was not at hand |
| Open WebMail | it takes the address from the headers `Client-IP` and `X-Forwarded-For` of any client |
| qmail | qmail-smtpd writes nothing of a mail that it refuses; rblsmtpd beside it tells of clients that a blocklist holds, which is no failure of theirs |
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for group in rules::GROUPS {
        let _ = write!(
            page,
            "\n## {}\n\n| rule | counts | proven on | logs |\n|---|---|---|---|\n",
            group.title
        );
        for rule in group.rules {
            page += &row(rule);
        }
    }
    page += "\n## What can be forged\n\n";
    page += FORGEABLE;
    page += "| rule | why | what to do |\n|---|---|---|\n";
    for rule in rules::all() {
        if let Some(forgeable) = rule.forgeable {
            let (why, remedy) = (cell(forgeable.why), cell(forgeable.remedy));
            let only = match forgeable.logs {
                ForgeableLogs::All => "",
                ForgeableLogs::Files => " (not in the journal)",
                ForgeableLogs::Unusual => " (not in its usual logs)",
            };
            let _ = writeln!(page, "| {}{only} | {why} | {remedy} |", rule.name);
        }
    }
    page + "\n" + LEFT_OUT
}

fn row(rule: &BuiltinRule) -> String {
    let mark = rule.forgeable.filter(|it| it.in_usual_logs());
    let mark = mark.map_or("", |_| " \u{26a0}");
    let proof = match rule.proof {
        Proof::Service(versions) => versions.to_owned(),
        Proof::Documentation(what) => format!("(from {what})"),
    };
    let mut logs: Vec<String> = rule.logs.iter().map(|log| format!("`{log}`")).collect();
    logs.extend(
        rule.journal
            .units
            .first()
            .map(|unit| format!("`journal:{unit}`")),
    );
    format!(
        "| {}{mark} | {} | {} | {} |\n",
        rule.name,
        cell(rule.counts),
        cell(&proof),
        logs.join(", ")
    )
}

/// A text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
