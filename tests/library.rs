//! The rules of the library at work: `pyfilter rules`, lines that are ignored or have no
//! address, several rules on one log, and the table of rules in the manual.

use std::collections::{BTreeMap, BTreeSet};

use pyfilter::app::generate::rules::page;

use crate::kit::{Sandbox, fixture, golden};

#[test]
fn the_table_of_rules_is_that_of_the_library() {
    golden("../../docs/rules.md", &page());
}

#[test]
fn the_rules_are_listed_by_what_they_are_for() {
    let sandbox = Sandbox::new();
    let listed = sandbox.run(["rules"]).exits(0).stdout();
    let json = sandbox.run(["rules", "--json"]).exits(0).json();
    let rules = json["rules"].as_array().unwrap();
    for rule in rules {
        let (name, counts) = (
            rule["name"].as_str().unwrap(),
            rule["counts"].as_str().unwrap(),
        );
        let line = listed.lines().find(|line| {
            line.get(2..)
                .is_some_and(|line| line.starts_with(&format!("{name} ")))
        });
        assert!(line.is_some_and(|line| line.ends_with(counts)), "{name}");
    }
    let names: BTreeSet<&str> = rules
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), rules.len());
    assert!(names.len() > 60, "{}", names.len());
    let groups: BTreeSet<&str> = rules
        .iter()
        .map(|rule| rule["group"].as_str().unwrap())
        .collect();
    assert!(
        groups
            .iter()
            .all(|group| listed.contains(&format!("\n{group}\n")))
    );
}

#[test]
fn all_that_is_known_of_a_rule_is_told() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["rules", "postfix"])
        .exits(0)
        .says("the first there is of /var/log/mail.log, /var/log/maillog, journal:postfix.service")
        .says("if written by root, postfix, the unit's User=")
        .says("proven on:  Postfix");
    let json = sandbox
        .run(["rules", "freeswitch", "--json"])
        .exits(0)
        .json();
    let [rule] = &json["rules"].as_array().unwrap()[..] else {
        panic!("{json}")
    };
    assert_eq!(rule["forgeable"]["in_usual_logs"], true);
    assert_eq!(rule["forgeable"]["logs"], "all");
    assert!(rule["proven_on"].is_null() && rule["made_from"].is_string());
    sandbox
        .run(["rules", "dovcot"])
        .exits(2)
        .complains("there is no rule `dovcot`: did you mean dovecot?");
    sandbox
        .run(["rules", ""])
        .exits(2)
        .complains("there is no rule ``: the rules are the built-in ones (`pyfilter rules`)");
}

#[test]
fn a_configuration_that_is_named_for_the_rules_has_to_be_there() {
    let sandbox = Sandbox::new();
    let missing =
        "nonexist.json: there is no such file: `pyfilter init` writes one that fits this host";
    for args in [&["rules"][..], &["rules", "ssh"], &["rules", "--json"]] {
        let mut command = sandbox.plain_command();
        command.args(["-c", "nonexist.json"]).args(args);
        sandbox.end_of(command).exits(2).complains(missing);
        let mut command = sandbox.plain_command();
        command.env("PYFILTER_CONFIG", "nonexist.json").args(args);
        sandbox.end_of(command).exits(2).complains(missing);
    }
}

#[test]
fn rules_of_which_the_usual_log_can_be_forged_are_marked() {
    let sandbox = Sandbox::new();
    let listed = sandbox
        .run(["rules"])
        .exits(0)
        .says("with ! those of which the usual log, or the sender in it,\ncan be forged")
        .stdout();
    let json = sandbox.run(["rules", "--json"]).exits(0).json();
    for rule in json["rules"].as_array().unwrap() {
        let name = rule["name"].as_str().unwrap();
        let line = listed.lines().find(|line| {
            let words = line.get(2..).and_then(|line| line.split_once(' '));
            words.is_some_and(|(first, _)| first == name)
        });
        let is_marked = line.unwrap().contains(" ! ");
        assert_eq!(
            is_marked,
            rule["forgeable"]["in_usual_logs"] == true,
            "{name}"
        );
    }
    let told = |name: &str, words: &str| {
        let ran = sandbox.run(["rules", name]).exits(0);
        ran.says(words)
            .says_nothing_of("\n  :")
            .says_nothing_of("stay on this host");
    };
    told(
        "nginx-http-auth",
        "bans:       are aggregated and shared if its logs are those of `reads`; else only if the rule says \"trust_sender\": true",
    );
    told(
        "xrdp",
        "bans:       are aggregated and shared if \"log_files\" names journal:xrdp-sesman.service alone; else only if",
    );
    told(
        "nsd",
        "bans:       are neither aggregated nor shared, unless the rule says \"trust_sender\": true",
    );
}

const DOVECOT: &str = "Mar 22 14:18:0{s} host dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<{u}>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, session=<x>\n";

fn dovecot(user: &str) -> String {
    let line = |second: usize| {
        DOVECOT
            .replace("{s}", &second.to_string())
            .replace("{u}", user)
    };
    (0..5).map(line).collect()
}

/// A sandbox in which one rule reads a log.
fn with(rule: &str, log: &str, text: &str) -> Sandbox {
    let sandbox = Sandbox::new().log(log, text);
    let path = sandbox.path(log);
    sandbox.set(
        "/settings/rules",
        serde_json::json!({ rule: { "log_files": path } }),
    )
}

#[test]
fn an_ignored_line_is_no_failure() {
    let sandbox = with("dovecot", "mail.log", &dovecot("monitor"));
    let sandbox = sandbox.set(
        "/settings/rules/dovecot/ignore_patterns",
        serde_json::json!(["rip=203\\.0\\.113\\.9, "]),
    );
    sandbox.scan().exits(0).bans([]);
    let (json, path) = (sandbox.scan_json(), sandbox.path("mail.log"));
    assert_eq!(json["sources"][0]["failures"], 0, "{json}");
    let matched = ["match", "--rule", "dovecot", path.to_str().unwrap()];
    sandbox.run(matched).exits(0).prints("");
    sandbox
        .run(["check"])
        .exits(0)
        .says_nothing_of("ignore_patterns hide");
}

#[test]
fn a_failure_that_is_ignored_for_what_the_client_typed_is_told() {
    let sandbox = with("dovecot", "mail.log", &dovecot("monitor"));
    let sandbox = sandbox.set(
        "/settings/rules/dovecot/ignore_patterns",
        serde_json::json!(["monitor"]),
    );
    sandbox.scan().exits(0).bans([]);
    sandbox
        .run(["check"])
        .exits(0)
        .says("ignore_patterns hide this failure in ")
        .says("by the name that the client gave");
}

#[test]
fn the_name_at_the_end_of_a_line_of_postfix_is_known_too() {
    let line = |second| {
        format!(
            "Mar 22 14:18:0{second} host postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=monitor\n"
        )
    };
    let log: String = (0..6).map(line).collect();
    let sandbox = with("postfix-sasl", "mail.log", &log).set(
        "/settings/rules/postfix-sasl/ignore_patterns",
        serde_json::json!(["monitor"]),
    );
    sandbox.scan().exits(0).bans([]);
    sandbox
        .run(["check"])
        .exits(0)
        .says("ignore_patterns hide this failure in ");
}

#[test]
fn failures_without_an_address_are_told_with_the_remedy() {
    let log = "2026-03-22 14:18:00.123 UTC [7] bob@db FATAL:  password authentication failed for user \"bob\"\n";
    let sandbox = with("postgresql", "postgresql.log", &log.repeat(3));
    sandbox.scan().exits(0).bans([]);
    sandbox
        .run(["check"])
        .exits(0)
        .says("are failures without an address: set `log_line_prefix` in postgresql.conf");
}

/// What only the lines of access logs have is no condition for those of other services.
#[test]
fn http_statuses_do_not_make_a_rule_blind() {
    let json = Sandbox::new().run(["rules", "postfix", "--json"]).json();
    let sample = json["rules"][0]["sample"].as_str().unwrap();
    let sandbox = with("postfix", "mail.log", &format!("{sample}\n"));
    let section = "/settings/rules/postfix/http_status_blocks";
    let sandbox = sandbox.set(section, serde_json::json!([200]));
    let path = sandbox.path("mail.log");
    let matched = ["match", "--rule", "postfix", path.to_str().unwrap()];
    sandbox.run(matched).exits(0).says(sample);
    sandbox
        .run(["check"])
        .exits(0)
        .says("settings.rules.postfix.http_status_blocks: has no effect on this rule");
}

#[test]
fn patterns_whose_lines_have_no_http_status_are_told() {
    let own = |log: &str| {
        let sandbox = with("mine", "mine.log", log);
        let pattern = r"^(?P<time>\S+) failed .*from (?P<ip>\S+)";
        let sandbox = sandbox.set(
            "/settings/rules/mine/regex_patterns",
            serde_json::json!([pattern]),
        );
        let sandbox = sandbox.set(
            "/settings/rules/mine/http_status_blocks",
            serde_json::json!([401]),
        );
        sandbox.run(["check"]).exits(0).stdout()
    };
    let line = "2026-03-22T14:18:00Z failed \"bob\" from 203.0.113.9\n";
    let told = "mine.log match, and have no HTTP status, so with http_status_blocks none of them counts; remove it from the rule";
    let checked = own(&line.repeat(3));
    assert!(checked.contains(told), "{checked}");
    // A status is read behind the first quoted text, whatever the pattern says.
    let request = line.replace("\"bob\"", "\"GET / HTTP/1.1\" 200");
    let checked = own(&(line.to_owned() + &request));
    assert!(!checked.contains("no HTTP status"), "{checked}");
}

#[test]
fn a_name_in_place_of_the_address_is_counted_and_told() {
    let log = "Mar 22 14:18:00 host webmin[7]: Invalid login as root from pc.example.org\n";
    let sandbox = with("webmin-auth", "auth.log", &log.repeat(4));
    assert_eq!(sandbox.scan_json()["sources"][0]["host_names"], 4);
    sandbox
        .run(["check"])
        .exits(0)
        .says("of the last lines of ")
        .says("name a host");
}

/// Three attempts in one line fill a window of three.
#[test]
fn a_line_that_says_how_many_attempts_there_were_counts_as_many() {
    let log = dovecot("bob").replace("1 attempts", "3 attempts");
    let log = log.lines().next().unwrap().to_owned() + "\n";
    let sandbox = with("dovecot", "mail.log", &log);
    let sandbox = sandbox.set("/settings/failed_attempts", 3);
    sandbox.scan().exits(0).bans(["203.0.113.9"]);
}

#[test]
fn rules_that_read_the_same_logs_find_what_each_finds_alone() {
    const RULES: [&str; 5] = ["postfix", "postfix-sasl", "dovecot", "cyrus-imap", "sieve"];
    let log: String = RULES
        .iter()
        .map(|rule| std::fs::read_to_string(fixture(&format!("rules/{rule}.log"))).unwrap())
        .collect();
    // In the second log all comes again, the last rule's lines first.
    let again: String = log.split_inclusive('\n').rev().collect();
    let failures = |rules: &[&str]| {
        let sandbox = Sandbox::new().log("mail.log", &log).log("more.log", &again);
        let paths = ["mail.log", "more.log"].map(|name| sandbox.path(name));
        let sections = rules.iter().map(|rule| {
            let section = serde_json::json!({ "log_files": paths });
            ((*rule).to_owned(), section)
        });
        let sections: serde_json::Map<_, _> = sections.collect();
        let sandbox = sandbox.set("/settings/rules", sections);
        let json = sandbox.scan_json();
        let sources = json["sources"].as_array().unwrap().clone();
        let counts = sources.iter().map(|source| {
            let rule = source["rule"].as_str().unwrap().to_owned();
            let path = source["path"].as_str().unwrap();
            let log = path.ends_with("mail.log");
            ((rule, log), source["failures"].as_u64().unwrap())
        });
        counts.collect::<BTreeMap<(String, bool), u64>>()
    };
    let together = failures(&RULES);
    let alone = RULES.map(|rule| failures(&[rule]));
    let alone: BTreeMap<_, _> = alone.into_iter().flatten().collect();
    assert_eq!(alone, together);
    assert_eq!(together.len(), 2 * RULES.len());
    assert!(together.values().all(|&found| found > 0), "{together:?}");
}
