//! Requests as attackers spell them: what real nginx and Apache made of each, in
//! `fixtures/services/web`, against what the rules of that name count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use crate::kit::{Sandbox, fixture};

/// A row of the table.
struct Spelling {
    /// Such as `bookworm-nginx`.
    server: String,
    /// Whether the page was reached, and by a POST.
    tried: bool,
    sent: String,
    /// As the server wrote it, from another address; none if it wrote none.
    line: Option<String>,
}

impl Spelling {
    fn read(row: &str) -> Self {
        let [server, method, reached, sent, line] =
            row.splitn(5, '\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(matches!(reached, "yes" | "no"), "{row}");
        Spelling {
            server: server.to_owned(),
            tried: reached == "yes" && method.eq_ignore_ascii_case("POST"),
            sent: sent.to_owned(),
            line: line
                .strip_prefix("127.0.0.1 ")
                .map(|rest| format!("203.0.113.9 {rest}")),
        }
    }

    fn rule(&self) -> &'static str {
        if self.server.contains("nginx") {
            "nginx"
        } else {
            "apache"
        }
    }

    /// What the login page answers there.
    fn status(&self) -> u16 {
        if self.rule() == "apache" || self.server.ends_with("-proxy") {
            200
        } else {
            405
        }
    }
}

fn table(name: &str) -> Vec<Spelling> {
    let text = std::fs::read_to_string(fixture("services/web").join(name)).unwrap();
    text.lines().map(Spelling::read).collect()
}

/// The rows of each server.
fn servers(rows: Vec<Spelling>) -> BTreeMap<String, Vec<Spelling>> {
    let mut servers = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        servers.entry(row.server.clone()).or_default().push(row);
    }
    servers
}

/// A sandbox with the lines of one server as `access.log`, which are those of
/// the rows in the order of the second; statuses as given, or any.
fn sandbox(rows: &[Spelling], statuses: Option<u16>) -> (Sandbox, Vec<&Spelling>) {
    let rows: Vec<_> = rows.iter().filter(|row| row.line.is_some()).collect();
    let mut log = String::new();
    for line in rows.iter().filter_map(|row| row.line.as_ref()) {
        let _ = writeln!(log, "{line}");
    }
    let rule = json!({
        "log_files": "access.log",
        "urls": ["/login/", "/login.lua"],
        "http_status_blocks": statuses.map(|status| vec![status]),
    });
    let sandbox = Sandbox::new().log("access.log", log);
    let path = sandbox.path("access.log");
    let sandbox = sandbox
        .set("/settings/rules", json!({ rows[0].rule(): rule }))
        .set(
            &format!("/settings/rules/{}/log_files", rows[0].rule()),
            path.to_str().unwrap(),
        );
    (sandbox, rows)
}

/// The spellings whose lines count.
fn counted(rows: &[Spelling], statuses: Option<u16>) -> BTreeSet<&str> {
    let (sandbox, rows) = sandbox(rows, statuses);
    let matched = sandbox.run(["match", "--rule", rows[0].rule(), "--json", "access.log"]);
    let matched = matched.exits(0).stdout();
    let number = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        usize::try_from(line["line"].as_u64().unwrap()).unwrap()
    };
    matched
        .lines()
        .map(|line| &*rows[number(line) - 1].sent)
        .collect()
}

/// Without merging of slashes nginx takes these for another path than the page's,
/// but the file that it finds there is the same.
const SAME_FILE: &[&str] = &[
    "POST http://a//login/ HTTP/1.1",
    "POST //login/ HTTP/1.1",
    "POST ///login/ HTTP/1.1",
    "POST /login// HTTP/1.1",
    "POST //login///?x HTTP/1.1",
    "POST /.//login/ HTTP/1.1",
    "POST /x/..//login/ HTTP/1.1",
    "POST //x/..//../login/ HTTP/1.1",
    "POST /login/%2f HTTP/1.1",
    "POST /%2flogin/ HTTP/1.1",
    "POST //x/..//login.lua#a HTTP/1.1",
    "h2 POST //login/",
];

/// Each line of a request that reached the page counts, and no other.
fn hold_against(rows: Vec<Spelling>) {
    for (server, rows) in servers(rows) {
        let tried = rows.iter().filter(|row| row.tried);
        let tried: BTreeSet<&str> = tried.map(|row| &*row.sent).collect();
        assert!(tried.len() > 90, "{server}: {}", tried.len());
        assert!(
            rows.iter().all(|row| !row.tried || row.line.is_some()),
            "{server}"
        );
        let counted = counted(&rows, Some(rows[0].status()));
        let missed: Vec<_> = tried.difference(&counted).collect();
        assert!(
            missed.is_empty(),
            "{server} was reached, uncounted: {missed:#?}"
        );
        let innocent: Vec<_> = counted.difference(&tried).copied().collect();
        if server.ends_with("nginx-no-merge") {
            assert!(
                innocent.iter().all(|sent| SAME_FILE.contains(sent)),
                "{server}: {innocent:#?}"
            );
        } else {
            assert!(
                innocent.is_empty(),
                "{server} was not reached, counted: {innocent:#?}"
            );
        }
    }
}

#[test]
fn a_request_is_counted_however_it_is_spelled_if_it_reaches_the_page() {
    hold_against(table("bookworm.tsv"));
    hold_against(table("trixie.tsv"));
}

/// Where any status counts, those that find no page count too if another server
/// would read them as the page: Java's take the parameters of a segment away.
#[test]
fn where_any_status_counts_parameters_of_a_segment_hide_nothing() {
    for name in ["bookworm.tsv", "trixie.tsv"] {
        let rows = table(name);
        let tried = rows.iter().filter(|row| row.tried);
        let tried: BTreeSet<String> = tried.map(|row| row.sent.clone()).collect();
        let mut more = BTreeSet::new();
        for mut rows in servers(rows).into_values() {
            rows.retain(|row| {
                row.line
                    .as_ref()
                    .is_some_and(|line| line.contains("\" 404 "))
            });
            more.extend(counted(&rows, None).into_iter().map(str::to_owned));
        }
        more.retain(|sent| !tried.contains(sent));
        let parameters = [
            "POST /.;/login/ HTTP/1.1",
            "POST /;x/login/ HTTP/1.1",
            "POST /login.lua;/x HTTP/1.1",
            "POST /login.lua;x HTTP/1.1",
            "POST /login/.; HTTP/1.1",
            "POST /login/; HTTP/1.1",
            "POST /login/;jsessionid=1?x HTTP/1.1",
            "POST /login/;x HTTP/1.1",
            "POST /login;/ HTTP/1.1",
            "POST /login;x/ HTTP/1.1",
            "POST /x/..;/login/ HTTP/1.1",
            "POST /x/..;y/login/ HTTP/1.1",
            "h2 POST /login/;x",
        ];
        assert_eq!(more, parameters.map(str::to_owned).into());
    }
}

/// The lines of an attacker, a second apart.
fn attack(requests: &[(&str, u16)]) -> String {
    (requests.iter().enumerate()).fold(String::new(), |mut log, (second, (request, status))| {
        let _ = writeln!(
            log,
            "203.0.113.9 - - [22/Mar/2018:14:18:{second:02} +0000] \"{request}\" {status} 512 \"-\" \"curl\""
        );
        log
    })
}

/// A sandbox with a rule over `access.log`, and nothing else in the rule.
fn with_rule(rule: &str, log: &str) -> Sandbox {
    let sandbox = Sandbox::new().log("access.log", log);
    let path = sandbox.path("access.log");
    sandbox.set("/settings/rules", json!({})).set(
        &format!("/settings/rules/{rule}/log_files"),
        path.to_str().unwrap(),
    )
}

#[test]
fn an_attacker_who_spells_the_path_anew_each_time_is_banned_and_every_command_shows_it() {
    let spelled = [
        "POST http://a/login/ HTTP/1.1",
        "POST  //login/  HTTP/1.1 ",
        "POST /x/../%6cogin/. HTTP/1.1",
        "POST /login/#a HTTP/1.1",
        "POST /admin//?next=/ HTTP/2.0",
    ];
    let sandbox = with_rule("nginx", &attack(&spelled.map(|request| (request, 405))));
    let run = |args: &[&str]| sandbox.run(args).exits(0);
    let failures = |json: &serde_json::Value| json["sources"][0]["failures"].clone();
    let matched = run(&["match", "--rule", "nginx", "--json", "access.log"]).stdout();
    assert_eq!(matched.lines().count(), 5);
    let audit = run(&["audit", "--json"]).json();
    assert_eq!(
        (&audit["failures"], failures(&audit)),
        (&json!(5), json!(5))
    );
    let scan = sandbox.scan_json();
    assert_eq!(failures(&scan), 5);
    assert_eq!(scan["bans"][0]["ip"], "203.0.113.9");
    let explained = run(&["explain", "203.0.113.9"]).stdout();
    for request in spelled {
        assert!(explained.contains(request), "{request}\n{explained}");
    }
}

/// The client has them in the place of 200, and the password was looked at.
#[test]
fn a_range_header_hides_no_wrong_password() {
    let ranges = [206, 416, 206, 416, 200].map(|status| ("POST /login/ HTTP/1.1", status));
    with_rule("apache", &attack(&ranges))
        .scan()
        .bans(["203.0.113.9"]);
    with_rule("apache", &attack(&ranges))
        .set("/settings/rules/apache/http_status_blocks", json!([401]))
        .scan()
        .bans([]);
}

#[test]
fn patterns_with_the_urls_as_text_are_told_how_attackers_pass_them_by() {
    let pattern =
        r#"^(?P<ip>\S+) .* \[(?P<time>[^\]]+)\] "POST {} HTTP/[0-9.]+" (?P<status>[0-9]+) "#;
    let requests = ["POST /login/ HTTP/1.1", "POST //login/ HTTP/1.1"];
    let log = attack(&requests.map(|request| (request, 405)));
    let own = with_rule("nginx", &log).set(
        "/settings/rules/nginx/regex_patterns",
        json!([[pattern, "urls"]]),
    );
    let said = "rule nginx: 1 of its patterns have the urls as text, and attackers pass them by";
    own.run(["check"])
        .says(said)
        .says("delete `regex_patterns`");
    let matched = own.run(["match", "--rule", "nginx", "--json", "access.log"]);
    assert_eq!(matched.exits(0).stdout().lines().count(), 1);
    let shipped = with_rule("nginx", &log);
    shipped.run(["check"]).says_nothing_of("as text");
    let other = with_rule("shop", &log)
        .set(
            "/settings/rules/shop/regex_patterns",
            json!([[pattern, "urls"]]),
        )
        .set("/settings/rules/shop/urls", json!(["/login/"]));
    other
        .run(["check"])
        .says("the rules apache and nginx, without");
}

/// The table is of versions that were; this is what is installed here.
#[test]
#[ignore = "needs root, nginx and Apache"]
fn kernel_the_servers_of_this_machine_reach_the_page_by_what_is_counted() {
    let recorded = Command::new(fixture("services/web/record"))
        .arg("here")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&recorded.stderr);
    assert!(recorded.status.success(), "{said}");
    let text = String::from_utf8(recorded.stdout).unwrap();
    hold_against(text.lines().map(Spelling::read).collect());
}
