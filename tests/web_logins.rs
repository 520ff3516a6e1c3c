//! Logins to real applications, wrong and good, as nginx and Apache wrote them
//! (`fixtures/services/web-logins`), against the rules with nothing configured but
//! the log; and what `check` and `audit` tell where nothing counts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use crate::kit::{Sandbox, fixture};

/// A row of the table.
struct Login {
    server: String,
    application: String,
    truth: String,
    /// From the attacker's address.
    line: String,
}

fn logins(server: &str) -> Vec<Login> {
    let text = std::fs::read_to_string(fixture("services/web-logins/logins.tsv")).unwrap();
    let rows = text.lines().map(|row| {
        let [server, application, truth, line] =
            row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let rest = line.strip_prefix("127.0.0.1 ").unwrap();
        Login {
            server: server.to_owned(),
            application: application.to_owned(),
            truth: truth.to_owned(),
            line: format!("203.0.113.9 {rest}"),
        }
    });
    let rows: Vec<_> = rows.filter(|row| row.server == server).collect();
    assert!(rows.len() > 50, "{server}: {}", rows.len());
    rows
}

/// A sandbox with a rule that names its log, and nothing else.
fn with_rule(rule: &str, log: &str) -> Sandbox {
    let sandbox = Sandbox::new().log("access.log", log);
    let path = sandbox.path("access.log");
    sandbox.set(
        "/settings/rules",
        json!({ rule: { "log_files": path.to_str().unwrap() } }),
    )
}

/// The places of the lines that count.
fn counted(rule: &str, lines: &[&str]) -> BTreeSet<usize> {
    let sandbox = with_rule(rule, &(lines.join("\n") + "\n"));
    let matched = sandbox.run(["match", "--rule", rule, "--json", "access.log"]);
    let place = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        usize::try_from(line["line"].as_u64().unwrap()).unwrap() - 1
    };
    matched.exits(0).stdout().lines().map(place).collect()
}

/// Failed logins that the log does not tell from others.
fn can_not_be_told(login: &Login) -> bool {
    let is_answered = |status: &str| login.line.contains(&format!("HTTP/1.1\" {status} "));
    match &*login.application {
        // An application behind a good password answers so, too.
        "basic authentication" | "wordpress rest" => is_answered("401"),
        // A good password has the same answer: here, or in other applications that
        // give their page this name.
        "wordpress xmlrpc" | "rails 6.1" => is_answered("200"),
        _ => false,
    }
}

#[test]
fn of_real_applications_failed_logins_count_and_good_ones_do_not() {
    for server in ["nginx", "apache"] {
        let logins = logins(server);
        let lines: Vec<&str> = logins.iter().map(|login| &*login.line).collect();
        let counted = counted(server, &lines);
        for (place, login) in logins.iter().enumerate() {
            let (is_failure, line) = (counted.contains(&place), &login.line);
            match &*login.truth {
                "right" => assert!(!is_failure, "went well, counted: {line}"),
                "wrong" if can_not_be_told(login) => assert!(!is_failure, "{line}"),
                "wrong" => assert!(is_failure, "failed, not counted: {line}"),
                // WordPress shows the form for a lost password again, too.
                "other" => assert_eq!(is_failure, line.contains("lostpassword"), "{line}"),
                truth => panic!("{truth}"),
            }
        }
        let of = |name: &str| {
            let of = |login: &(usize, &Login)| login.1.application == name;
            let found = logins.iter().enumerate().filter(of);
            found.filter(|(place, _)| counted.contains(place)).count()
        };
        for name in [
            "wordpress",
            "phpmyadmin",
            "django admin",
            "django login",
            "rails 6.1",
            "rails 7.2",
            "devise 4.8",
            "mediawiki",
            "roundcube",
            "dokuwiki",
            "form by hand",
            "browser application",
        ] {
            assert!(of(name) > 0, "{server}: {name}");
        }
    }
}

/// POSTs of one address, a second apart.
fn posts(requests: &[(&str, u16)]) -> String {
    (requests.iter().enumerate()).fold(String::new(), |mut log, (second, (path, status))| {
        let _ = writeln!(
            log,
            "203.0.113.9 - - [22/Mar/2018:14:18:{second:02} +0000] \"POST {path} HTTP/1.1\" {status} 512 \"-\" \"curl\""
        );
        log
    })
}

#[test]
fn a_rule_with_nothing_but_its_log_bans_who_guesses_and_nobody_who_logs_in() {
    for rule in ["nginx", "apache"] {
        for (path, wrong, right) in [
            ("/wp-login.php", 200, 302),
            ("/admin/login/?next=/admin/", 200, 302),
            ("/login", 401, 200),
            ("/login", 422, 302),
        ] {
            let log = |status| posts(&[(path, status); 5]);
            with_rule(rule, &log(wrong)).scan().bans(["203.0.113.9"]);
            with_rule(rule, &log(right)).scan().bans([]);
        }
    }
}

/// Any client of `mod_php` can have Apache write two quotes for the user.
#[test]
fn a_user_without_a_name_hides_no_wrong_password() {
    let log = posts(&[("/login.php", 200); 5]).replace("- - [", "- \"\" [");
    with_rule("apache", &log).scan().bans(["203.0.113.9"]);
}

#[test]
fn check_and_audit_say_how_the_login_pages_answered_when_nothing_counts() {
    let mut requests = vec![("/login/", 200); 60];
    requests.extend([("/login/", 302); 4]);
    let configured = with_rule("nginx", &posts(&requests))
        .set("/settings/rules/nginx/urls", json!(["/login/", "/admin/"]))
        .set("/settings/rules/nginx/http_status_blocks", json!([405]));
    let seen = "64 POSTs to the login pages of the rule, and none of their answers counts: /login/ 200 (60), 302 (4); http_status_blocks is [405]; with the built-in patterns, and without http_status_blocks, 60 of them count";
    configured
        .run(["check"])
        .says(&format!("rule nginx: the last lines of its logs: {seen}"))
        .says_nothing_of("did you mean");
    configured.run(["check", "--json"]).says(seen);
    configured
        .run(["audit"])
        .says("No line matches rule nginx.");
    let audit = configured.run(["audit", "--json"]).exits(0).json();
    let notes: Vec<&str> = audit["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect();
    assert_eq!(
        notes,
        [
            "No line matches rule nginx.",
            &format!("the first 4 MiB of each log: {seen}.")
        ]
    );

    // As it is built in, the same log has failures.
    let builtin = with_rule("nginx", &posts(&requests));
    builtin
        .run(["check"])
        .exits(0)
        .says_nothing_of("POSTs to the login pages");
    // PyFilter's own patterns are told the same.
    let pattern = r#"(.*) .* .* \[(.*) \+0000\] "POST ({}) HTTP/1\.1" .*"#;
    let pyfilters = with_rule("nginx", &posts(&requests))
        .set(
            "/settings/rules/nginx/regex_patterns",
            json!([[pattern, "urls"]]),
        )
        .set("/settings/rules/nginx/urls", json!(["/login/"]))
        .set("/settings/rules/nginx/http_status_blocks", json!([405]))
        .set(
            "/settings/rules/nginx/time_format",
            json!("%d/%b/%Y:%H:%M:%S"),
        );
    pyfilters.run(["check"]).says(seen);
}

#[test]
fn what_an_application_answers_that_is_not_known_is_told_with_what_to_write() {
    let rule = with_rule(
        "nginx",
        &posts(&[("/login", 200), ("/login", 200), ("/login", 404)]),
    );
    rule.run(["check"]).says(
        "3 POSTs to the login pages of the rule, and none of their answers counts: /login 200 (2), 404 (1); if one of these is the answer to a wrong password, say so: \"urls\": [\"/login\"], \"http_status_blocks\": [STATUS]",
    );
    let named = with_rule("nginx", &posts(&[("/login", 200); 5]))
        .set("/settings/rules/nginx/urls", json!(["/login"]))
        .set("/settings/rules/nginx/http_status_blocks", json!([200]));
    named.scan().bans(["203.0.113.9"]);
}

#[test]
fn other_paths_that_look_like_login_pages_are_named_and_escaped() {
    let paths = [
        "/shop/signIn?x=1",
        "/shop/signIn",
        "/search",
        r"/login\x1b[31m",
        "/gone/login",
    ];
    let statuses = [200, 302, 200, 200, 404];
    let requests: Vec<_> = paths.into_iter().zip(statuses).collect();
    let rule = with_rule("nginx", &posts(&requests));
    rule.run(["check"])
        .says("no POST to the login pages of the rule counts, but there are POSTs to other paths that look like login pages: /shop/signIn 200 (1), 302 (1); /login")
        .says("name those that are in \"urls\"")
        .says_nothing_of("/search")
        .says_nothing_of("/gone/login")
        .says_nothing_of("\x1b");
}

#[test]
fn basic_authentication_is_told_and_not_counted() {
    let line = |user: &str| {
        format!(
            "203.0.113.9 - {user} [22/Mar/2018:14:18:18 +0000] \"GET /private/ HTTP/1.1\" 401 179 \"-\" \"curl\"\n"
        )
    };
    let log = line("alice").repeat(7) + &line("-").repeat(20);
    let rule = with_rule("nginx", &log);
    rule.scan().bans([]);
    rule.run(["check"])
        .says("7 requests with a user name were answered with 401, as with basic authentication");
    let first = with_rule("nginx", &line("-").repeat(20));
    first.run(["check"]).says_nothing_of("with a user name");
}

/// A client may ask for any number of paths.
#[test]
fn ten_thousand_paths_that_look_like_login_pages_are_a_few_in_the_answer() {
    let mut log = posts(&[("/my/login", 200); 9]);
    for number in 0..9000 {
        let _ = writeln!(
            log,
            "203.0.113.9 - - [22/Mar/2018:14:18:18 +0000] \"POST /login{number} HTTP/1.1\" 200 1"
        );
    }
    with_rule("nginx", &log)
        .run(["check"])
        .says("/my/login 200 (9); ")
        .says("; and 497 more; name those");
}
