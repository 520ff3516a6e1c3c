//! MariaDB, whose clients can write lines into its error log: what real servers
//! wrote under attack (`fixtures/services/mariadb`), read by the rule that can be
//! trusted and by the one that can not.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::kit::{Sandbox, fixture, needs};

/// The one address from which anybody connected.
const ATTACKER: &str = "203.0.113.9";

/// Named by the attacker; never connected.
const VICTIM: &str = "198.51.100.7";

const VERSIONS: [&str; 2] = ["10.11", "11.8"];

fn recorded(file: &str) -> Vec<u8> {
    fs::read(fixture(&format!("services/mariadb/{file}"))).unwrap()
}

/// The rule over a recorded log, which bans at the first failure.
fn reads(rule: &str, file: &str) -> Sandbox {
    let sandbox = Sandbox::new().set("/settings/rules", json!({}));
    let log = sandbox.path("service.log");
    sandbox
        .set(
            &format!("/settings/rules/{rule}/log_files"),
            log.to_str().unwrap(),
        )
        .set("/settings/failed_attempts", 1)
        .log("service.log", recorded(file))
}

fn banned(document: &Value) -> Vec<&str> {
    let bans = document["bans"].as_array().unwrap();
    bans.iter().map(|ban| ban["ip"].as_str().unwrap()).collect()
}

/// A user's name with a newline in it was two lines of the error log, and banned
/// whomever the attacker named. What the audit plugin says to syslog is one line.
#[test]
fn a_newline_in_a_user_name_bans_nobody_else_through_the_audit_plugin() {
    for version in VERSIONS {
        let audit = reads("mariadb-audit", &format!("{version}/journal.syslog"));
        let run = audit.scan_json();
        assert_eq!(banned(&run), [ATTACKER], "{version}");
        // Each failed login but those whose name holds a comma, and no other event.
        let log = recorded(&format!("{version}/journal.syslog"));
        let failed = String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains("auditing: "))
            .filter(|line| line.ends_with("CONNECT,,,1045") || line.ends_with("CONNECT,,,1698"))
            .filter(|line| line.matches(',').count() == 8)
            .count();
        assert_eq!(run["sources"][0]["failures"], failed, "{version}");
        assert!(failed > 30, "{version}: {failed}");

        // In the same syslog the error log's lines are forged, as in every other
        // place that the error log goes to.
        for file in ["journal.syslog", "safe-syslog.syslog", "error.log"] {
            let run = reads("mysql", &format!("{version}/{file}")).scan_json();
            assert!(banned(&run).contains(&VICTIM), "{version}: {file}: {run:#}");
        }
        // The plugin's own file is not read: there a newline ends the line.
        let own =
            String::from_utf8_lossy(&recorded(&format!("{version}/server_audit.log"))).into_owned();
        assert!(
            own.lines()
                .any(|line| line.ends_with(",db1,a,198.51.100.7,5,0,FAILED_CONNECT,,,1045"))
        );
        reads("mariadb-audit", &format!("{version}/server_audit.log"))
            .scan()
            .bans([]);
    }
}

#[test]
fn mysql_keeps_a_newline_from_ending_the_line() {
    for file in ["error.log", "syseventlog.syslog"] {
        let run = reads("mysql", &format!("mysql-9.7/{file}")).scan_json();
        assert_eq!(banned(&run), [ATTACKER], "{file}");
    }
}

#[test]
fn the_journal_of_mariadb_bans_nobody_who_was_only_named() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = reads("mariadb-audit", "11.8/journal.syslog").set(
        "/settings/rules/mariadb-audit/log_files",
        "journal:mariadb.service",
    );
    // Entries of the service's own user, or of root, are the service's.
    let export = recorded("11.8/journal.journal-export");
    let mut as_root = Vec::new();
    for (number, part) in export.split(|&byte| byte == b'\n').enumerate() {
        let part = if part == b"_UID=100" { b"_UID=0" } else { part };
        as_root.extend_from_slice(if number == 0 { b"" } else { b"\n" });
        as_root.extend_from_slice(part);
    }
    sandbox.file("export", as_root);
    fs::create_dir(sandbox.path("journal")).unwrap();
    let made = Command::new("/lib/systemd/systemd-journal-remote")
        .arg("-o")
        .arg(sandbox.path("journal/mariadb.journal"))
        .arg(sandbox.path("export"))
        .stderr(Stdio::null())
        .status()
        .expect("systemd-journal-remote is installed: tests/run does it");
    assert!(made.success());
    let place = sandbox.path("journal").to_str().unwrap().to_owned();
    let sandbox = sandbox.set("/settings/journal", place);
    let audit = sandbox.run(["audit", "--json"]).exits(0).json();
    assert_eq!(banned(&audit), [ATTACKER]);
    let of_file = reads("mariadb-audit", "11.8/journal.syslog").scan_json();
    assert_eq!(audit["failures"], of_file["sources"][0]["failures"]);
    sandbox
        .run(["check"])
        .exits(0)
        .says_nothing_of("anybody who can reach the service");

    // The error log is in the same journal, a line an entry.
    let sandbox = sandbox
        .set("/settings/rules", json!({}))
        .set("/settings/rules/mysql/log_files", "journal:mariadb.service");
    let audit = sandbox.run(["audit", "--json"]).exits(0).json();
    assert!(banned(&audit).contains(&VICTIM), "{audit:#}");
    sandbox.run(["check"]).exits(0).says(
        "rule mysql: anybody who can reach the service can ban any address through journal:mariadb.service: MariaDB, and MySQL before 8, write a line break",
    );
}

#[test]
fn check_warns_of_an_error_log_that_clients_can_write() {
    let warning = "rule mysql: anybody who can reach the service can ban any address through ";
    for file in [
        "10.11/error.log",
        "11.8/error.log",
        "11.8/safe-syslog.syslog",
    ] {
        let sandbox = reads("mysql", file);
        let log = sandbox.path("service.log");
        sandbox.run(["check"]).exits(0).says(&format!(
            "warning  {warning}{}: MariaDB, and MySQL before 8, write a line break in a user's name as it is, so that a client can write whole lines; let MariaDB's plugin server_audit write to syslog and read that in its place, by the rule mariadb-audit",
            log.display()
        ));
    }
    reads("mysql", "mysql-9.7/error.log")
        .run(["check"])
        .exits(0)
        .says_nothing_of(warning);
    let empty = reads("mysql", "11.8/error.log").log("service.log", "");
    empty
        .run(["check"])
        .exits(0)
        .says("service.log, unless MySQL 8 or later writes it: ")
        .says_nothing_of("warning  rule mysql: anybody");
    reads("mariadb-audit", "11.8/journal.syslog")
        .run(["check"])
        .exits(0)
        .says_nothing_of("anybody who can");
}

/// A host whose plugin is not set up yet: `check` must not send its owner to the
/// rule that anybody can forge.
#[test]
fn check_does_not_advise_a_rule_whose_log_clients_can_write() {
    let sandbox = reads("mariadb-audit", "11.8/error.log");
    sandbox
        .run(["check"])
        .exits(0)
        .says_nothing_of("did you mean");
    let sandbox = reads("mariadb-audit", "mysql-9.7/error.log");
    sandbox
        .run(["check"])
        .exits(0)
        .says("did you mean the rule mysql for this log?");
}

/// Eight failures banned nobody, and `check` said ok.
#[test]
fn check_counts_failures_of_which_only_a_host_name_is_known() {
    for (rule, file) in [("mysql", "names.log"), ("mariadb-audit", "names.syslog")] {
        for version in VERSIONS {
            let sandbox = reads(rule, &format!("{version}/{file}"));
            sandbox.scan().bans([]);
            let log = sandbox.path("service.log");
            sandbox.run(["check"]).exits(0).says(&format!(
                "warning  rule {rule}: 8 of the last lines of {} name a host in place of an address, and are passed over: names are not looked up, since their owners say what they mean; set `skip-name-resolve` in the server's configuration",
                log.display()
            ));
        }
    }
    // Whoever logs in from this host has no other name.
    let local = "2018-03-22 14:18:18 7 [Warning] Access denied for user 'root'@'localhost' (using password: YES)\n";
    reads("mysql", "11.8/names.log")
        .log("service.log", local.repeat(3))
        .run(["check"])
        .exits(0)
        .says_nothing_of("name a host");
}

/// What `init` wrote on a host with MariaDB let any client ban anybody.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_what_init_writes_on_a_host_with_mariadb_bans_nobody_who_was_only_named() {
    let option_file = "[mariadbd]\nserver_audit_logging = ON\nserver_audit_output_type = SYSLOG\n";
    for version in VERSIONS {
        // With and without the plugin: who is banned, and what is said.
        let hosts = [
            ("", "No rule mysql: "),
            (option_file, "rules for ssh, mariadb-audit."),
        ];
        for (option_file, said) in hosts {
            let sandbox = Sandbox::new()
                .log("error.log", recorded(&format!("{version}/error.log")))
                .log("syslog", recorded(&format!("{version}/journal.syslog")))
                .log("audit.cnf", option_file);
            let script = r#"
                mount -t tmpfs tmpfs /var/log && mount -t tmpfs tmpfs /etc &&
                mount -t tmpfs tmpfs /run && mkdir -p /var/log/mysql /etc/mysql/conf.d &&
                cp "$0/error.log" /var/log/mysql/ && cp "$0/syslog" /var/log/ &&
                cp "$0/audit.cnf" /etc/mysql/conf.d/ && exec "$@""#;
            let place = sandbox.path("").to_str().unwrap().to_owned();
            let sandbox = sandbox.behind(&["unshare", "--mount", "sh", "-c", script, &place]);
            sandbox.run(["init", "--force"]).exits(0).says(said);
            let config = sandbox.read("config.json");
            assert!(!config.contains("\"mysql\""), "{config}");
            // The configuration that `init` wrote is read, not the kit's; what was logged
            // before counts, for the logs are recorded ones.
            let config = config.replace(r#""first_contact": "end""#, r#""first_contact": "whole""#);
            let sandbox = sandbox.config(config);
            let run = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
            let expected: &[&str] = if option_file.is_empty() {
                &[]
            } else {
                &[ATTACKER]
            };
            assert_eq!(banned(&run), expected, "{version}: {run:#}");
        }
    }
}
