//! `pyfilter rules`: the built-in rules, and what each of them looks at.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::RulesArgs;
use crate::config::Config;
use crate::rules::{self, BuiltinRule, Forgeable, ForgeableLogs, Proof, RuleGroup};

use super::console::Console;
use super::exit::Exit;
use super::output::{print_json, written};
use super::services;

pub(super) fn rules(args: &RulesArgs) -> Exit {
    let root = Path::new("/");
    let Some(name) = &args.name else {
        return if args.json {
            print_json(&document(rules::GROUPS, root))
        } else {
            written(io::stdout().write_all(list(root).as_bytes()))
        };
    };
    let Some(rule) = rules::builtin(name) else {
        Console::warn(&Config::defaults(root).no_such_rule(name));
        return Exit::Usage;
    };
    if args.json {
        let group = rules::GROUPS.iter().find(|group| has(group, rule));
        let title = group.map_or("", |group| group.title);
        return print_json(&json!({ "rules": [rule_json(title, rule, root)] }));
    }
    written(io::stdout().write_all(told(rule, root).as_bytes()))
}

fn has(group: &RuleGroup, rule: &BuiltinRule) -> bool {
    group.rules.iter().any(|other| other.name == rule.name)
}

/// A line for each rule, by what it is for.
fn list(root: &Path) -> String {
    let mut out = String::from(
        "With * are rules whose service is here, with ! those of which the usual log, or the \
         sender in it,\ncan be forged. `pyfilter rules NAME` says more of one.\n",
    );
    let longest = rules::all().map(|rule| rule.name.len()).max().unwrap_or(0);
    for group in rules::GROUPS {
        let _ = writeln!(out, "\n{}", group.title);
        for rule in group.rules {
            let mark = if services::is_there(rule, root) {
                '*'
            } else {
                ' '
            };
            let is_forgeable = rule.forgeable.is_some_and(Forgeable::in_usual_logs);
            let forged = if is_forgeable { '!' } else { ' ' };
            let _ = writeln!(
                out,
                "{mark} {:longest$} {forged} {}",
                rule.name, rule.counts
            );
        }
    }
    out
}

/// All that is known of one rule.
fn told(rule: &BuiltinRule, root: &Path) -> String {
    let mut out = format!("{}\n", rule.name);
    let mut row = |name: &str, text: &str| {
        let _ = writeln!(out, "  {:10}  {text}", format!("{name}:"));
    };
    row("counts", rule.counts);
    row("reads", &places(rule));
    if !rule.journal.units.is_empty() {
        row("journal", &senders(rule));
    }
    match rule.proof {
        Proof::Service(versions) => row("proven on", versions),
        Proof::Documentation(what) => row("made from", what),
    }
    if let Some(forgeable) = rule.forgeable {
        row(
            "beware",
            &format!("{}; {}", forgeable.why, forgeable.remedy),
        );
        row("bans", &shared(forgeable, rule.journal.units));
    }
    if let Some(addresses) = rule.addresses {
        row(
            "addresses",
            &format!("names of hosts do not count: {addresses}"),
        );
    }
    if let Some((_, remedy)) = rule.without_address {
        row("addresses", remedy);
    }
    let here = if services::is_there(rule, root) {
        "yes"
    } else {
        "not found"
    };
    row("on host", here);
    row("sample", rule.sample);
    row(
        "to use it",
        &format!("\"{}\": {{}} under settings.rules", rule.name),
    );
    out
}

/// When the bans of a rule are shared and aggregated of which some log can be forged.
fn shared(forgeable: &Forgeable, units: &[&str]) -> String {
    let trusted = match forgeable.logs {
        ForgeableLogs::All => {
            return "are neither aggregated nor shared, unless the rule says \"trust_sender\": true"
                .to_owned();
        }
        ForgeableLogs::Files => {
            let journals = units.iter().map(|unit| format!("journal:{unit}"));
            format!(
                "\"log_files\" names {} alone",
                journals.collect::<Vec<_>>().join(" or ")
            )
        }
        ForgeableLogs::Unusual => "its logs are those of `reads`".to_owned(),
    };
    format!(
        "are aggregated and shared if {trusted}; else only if the rule says \"trust_sender\": true"
    )
}

/// The places at which its log is looked for.
fn places(rule: &BuiltinRule) -> String {
    let mut places: Vec<String> = rule.logs.iter().map(|log| (*log).to_owned()).collect();
    places.extend(
        rule.journal
            .units
            .first()
            .map(|unit| format!("journal:{unit}")),
    );
    match &places[..] {
        [one] => one.clone(),
        all => format!("the first there is of {}", all.join(", ")),
    }
}

/// Whose entries of the journal count.
fn senders(rule: &BuiltinRule) -> String {
    let mut users = vec!["root"];
    if !rule.journal.root_only {
        users.extend(rule.journal.users);
        users.push("the unit's User=");
    }
    let units = rule.journal.units.join(", ");
    format!("of {units}, if written by {}", users.join(", "))
}

fn document(groups: &[RuleGroup], root: &Path) -> Value {
    let rules = groups.iter().flat_map(|group| {
        let rules = group.rules.iter();
        rules.map(|rule| rule_json(group.title, rule, root))
    });
    json!({ "rules": rules.collect::<Vec<Value>>() })
}

fn rule_json(group: &str, rule: &BuiltinRule, root: &Path) -> Value {
    let (proven_on, made_from) = match rule.proof {
        Proof::Service(versions) => (Some(versions), None),
        Proof::Documentation(what) => (None, Some(what)),
    };
    let forgeable = rule.forgeable.map(|forgeable| {
        json!({
            "why": forgeable.why,
            "remedy": forgeable.remedy,
            "logs": forgeable.logs.name(),
            "in_usual_logs": forgeable.in_usual_logs(),
        })
    });
    json!({
        "name": rule.name,
        "group": group,
        "counts": rule.counts,
        "proven_on": proven_on,
        "made_from": made_from,
        "log_files": rule.logs,
        "units": rule.journal.units,
        "users": rule.journal.users,
        "patterns": rule.patterns.len(),
        "forgeable": forgeable,
        "is_here": services::is_there(rule, root),
        "sample": rule.sample,
    })
}
