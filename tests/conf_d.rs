//! Files that add rules and ignored addresses to the configuration.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::kit::{Sandbox, failures};

const ALLOWED: &str = "203.0.113.7";
const ATTACKER: &str = "203.0.113.9";

/// A run with the files of `conf.d`.
fn scan(sandbox: &Sandbox) -> crate::kit::Ran<'_> {
    let dir = sandbox.path("conf.d");
    sandbox.run(["--conf-d", dir.to_str().unwrap(), "scan"])
}

fn ignored(address: &str) -> String {
    format!(r#"{{"settings": {{"ignored_ips": ["{address}"]}}}}"#)
}

#[test]
fn a_file_adds_a_rule_and_another_one_with_a_mistake_is_left_out_alone() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .log("web.log", failures(ATTACKER, 5))
        .log(
            "conf.d/10-bad.json",
            "{\n  \"settings\": {\"database\": \"redis\"}}",
        )
        .log("conf.d/30-allowed.json", ignored(ALLOWED));
    let rule = format!(
        r#"{{"settings": {{"rules": {{"app": {{"log_files": "{}", "regex_patterns":
            ["^(?P<time>\\S+) .* Failed password for root from (?P<ip>\\S+)"]}}}}}}}}"#,
        sandbox.path("web.log").display()
    );
    sandbox.file("conf.d/20-app.json", rule);
    sandbox.append("web.log", failures(ALLOWED, 5));
    let told = scan(&sandbox).exits(1).bans([ATTACKER]).stderr();
    let file = sandbox.path("conf.d/10-bad.json");
    let expected = format!(
        "pyfilter: {}:2:16: settings.database: unknown key; a file of conf.d sets settings.rules and settings.ignored_ips alone: write it into config.json; this file is left out, everything else holds\n",
        file.display()
    );
    assert_eq!(told, expected);

    let dir = sandbox.path("conf.d");
    let checked = sandbox.run(["--conf-d", dir.to_str().unwrap(), "check"]);
    checked
        .exits(1)
        .says("20-app.json")
        .says("this file is left out");
    fs::remove_file(file).unwrap();
    scan(&sandbox).exits(0);
}

#[test]
fn what_the_last_good_reading_of_a_broken_file_ignored_is_not_banned() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures(ALLOWED, 5))
        .log("conf.d/a.json", ignored(ALLOWED));
    let dir = sandbox.path("conf.d");
    let file = dir.join("a.json");
    scan(&sandbox).exits(0).bans([]);

    for broken in ["{", "{\"settings\": {\"ignored_ips\": [\"nonsense\"]}}"] {
        fs::write(&file, broken).unwrap();
        sandbox.append("auth.log", failures(ALLOWED, 5));
        scan(&sandbox).exits(1).bans([]);
        let options = ["--conf-d", dir.to_str().unwrap()];
        let run = |words: &[&str]| sandbox.run([&options, words].concat());
        run(&["scan", "--dry-run"]).exits(1).bans([]);
        run(&["audit", "--json"]).exits(1).bans([]);
        run(&["ban", ALLOWED])
            .exits(2)
            .complains("203.0.113.7 is in ignored_ips, so it is never banned; nothing was done");
        run(&["explain", ALLOWED]).says("is in ignored_ips");
    }
    // Whole again, and it ignores somebody else.
    fs::write(&file, ignored("192.0.2.1")).unwrap();
    sandbox.append("auth.log", failures(ALLOWED, 5));
    scan(&sandbox).exits(0).bans([ALLOWED]);

    // A file that is gone ignores nobody.
    fs::write(&file, ignored(ATTACKER)).unwrap();
    scan(&sandbox).exits(0);
    fs::remove_file(&file).unwrap();
    sandbox.append("auth.log", failures(ATTACKER, 5));
    scan(&sandbox).exits(0).bans([ATTACKER]);
}

#[test]
fn what_others_may_write_is_not_read_and_keeps_what_it_said() {
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .log("conf.d/a.json", ignored(ALLOWED));
    scan(&sandbox).exits(0);
    sandbox.append("auth.log", failures(ALLOWED, 5));
    let (dir, file) = (sandbox.path("conf.d"), sandbox.path("conf.d/a.json"));
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    scan(&sandbox)
        .exits(1)
        .bans([])
        .warns("can be written to by others than its owner (mode 0666): run `chmod go-w ");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    sandbox.append("auth.log", failures(ALLOWED, 5));
    scan(&sandbox)
        .exits(1)
        .bans([])
        .warns("conf.d can be written to by others than its owner (mode 0777)");
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    scan(&sandbox).exits(0).bans([]);
}

#[test]
fn beside_a_configuration_elsewhere_no_directory_is_read_that_is_not_named() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures(ALLOWED, 5))
        .log("conf.d/a.json", ignored(ALLOWED));
    sandbox.scan().exits(0).bans([ALLOWED]);
    let nowhere = sandbox.path("nowhere");
    sandbox
        .run(["--conf-d", nowhere.to_str().unwrap(), "scan"])
        .exits(2)
        .warns("nowhere: can not be read: No such file or directory");
}

/// `/etc/pyfilter/conf.d` alone, without a configuration.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_without_a_configuration_conf_d_adds_to_the_defaults() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5) + &failures(ALLOWED, 5));
    sandbox.file("conf.d/allowed.json", ignored(ALLOWED));
    let script = r#"mount -t tmpfs tmpfs /etc && mount -t tmpfs tmpfs /var/log &&
        mkdir -p /etc/pyfilter && cp -r "$1/conf.d" /etc/pyfilter/ &&
        cp "$1/auth.log" /var/log/auth.log &&
        exec "$2" --state-dir "$1/state" scan --dry-run"#;
    let place = sandbox.path("");
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command
        .arg(place)
        .arg(crate::kit::PYFILTER)
        .env("TZ", "UTC");
    sandbox.end_of(command).exits(0).bans([ATTACKER]);
}
