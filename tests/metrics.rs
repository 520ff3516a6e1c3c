//! What a run leaves for Prometheus.

use std::os::unix::fs::PermissionsExt as _;

use crate::kit::{Sandbox, failures};
use crate::world::World;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.path("pyfilter.prom");
    sandbox.set("/settings/metrics", path.to_str().unwrap())
}

/// The value behind the name and labels `series`.
fn value(sandbox: &Sandbox, series: &str) -> String {
    let text = sandbox.read("pyfilter.prom");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
        .to_owned()
}

#[test]
fn failures_add_up_and_bans_in_force_are_told_by_rule_and_family() {
    let sandbox = sandbox().log(
        "auth.log",
        failures("203.0.113.9", 5) + &failures("2001:db8::9", 5),
    );
    sandbox.scan().exits(0);
    let of = |series: &str| value(&sandbox, series);
    assert_eq!(of("pyfilter_failures_total{rule=\"ssh\"}"), "10");
    assert_eq!(
        of("pyfilter_bans_in_force{rule=\"ssh\",origin=\"log\",family=\"4\",kind=\"address\"}"),
        "1"
    );
    assert_eq!(
        of("pyfilter_bans_in_force{rule=\"ssh\",origin=\"log\",family=\"6\",kind=\"address\"}"),
        "1"
    );
    assert_eq!(of("pyfilter_last_run_success"), "1");
    let mode = sandbox
        .path("pyfilter.prom")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    assert!(!sandbox.path("pyfilter.prom.new").exists());

    sandbox.append("auth.log", failures("203.0.113.10", 3) + "half a line");
    sandbox.scan().exits(0);
    assert_eq!(of("pyfilter_failures_total{rule=\"ssh\"}"), "13");
    let log = sandbox.path("auth.log");
    let labels = format!("{{rule=\"ssh\",path=\"{}\"}}", log.display());
    assert_eq!(of(&format!("pyfilter_source_unread_bytes{labels}")), "11");
    assert_eq!(of(&format!("pyfilter_source_readable{labels}")), "1");

    sandbox.run(["ban", "198.51.100.7"]).exits(0);
    assert_eq!(
        of("pyfilter_bans_in_force{rule=\"\",origin=\"manual\",family=\"4\",kind=\"address\"}"),
        "1"
    );
    // What the ban of a network covers is not in force beside it.
    sandbox.run(["ban", "203.0.113.0/24"]).exits(0);
    assert_eq!(
        of("pyfilter_bans_in_force{rule=\"\",origin=\"manual\",family=\"4\",kind=\"network\"}"),
        "1"
    );
    assert!(!sandbox.read("pyfilter.prom").contains(
        "pyfilter_bans_in_force{rule=\"ssh\",origin=\"log\",family=\"4\",kind=\"address\"}"
    ));
    sandbox.run(["unban", "--all"]).exits(0);
    assert!(
        !sandbox
            .read("pyfilter.prom")
            .contains("pyfilter_bans_in_force{")
    );
    assert_eq!(
        of("pyfilter_failures_total{rule=\"ssh\"}"),
        "13",
        "it never falls"
    );
}

#[test]
fn what_went_wrong_is_told() {
    let sandbox = sandbox();
    sandbox.scan().exits(1);
    assert_eq!(value(&sandbox, "pyfilter_last_run_success"), "0");
    assert_eq!(value(&sandbox, "pyfilter_last_run_errors"), "1");
    let log = sandbox.path("auth.log");
    let labels = format!("{{rule=\"ssh\",path=\"{}\"}}", log.display());
    assert_eq!(
        value(&sandbox, &format!("pyfilter_source_readable{labels}")),
        "0"
    );
}

#[test]
fn a_series_is_there_once_whatever_names_hold() {
    let odd = "auth\n\"\\x.log";
    let sandbox = sandbox();
    let glob = sandbox.path(odd);
    let sandbox = sandbox
        .log(odd, failures("203.0.113.9", 5))
        .set("/settings/rules/ssh/log_files", glob.to_str().unwrap());
    sandbox.scan().exits(0);
    std::fs::rename(&glob, sandbox.path("auth\n\"\\x.log.1")).unwrap();
    sandbox.file(odd, failures("203.0.113.10", 5));
    sandbox.scan().exits(0);
    let text = sandbox.read("pyfilter.prom");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut names: Vec<&str> = lines.map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{text}");
    assert!(text.contains("auth\\\\x0a\\\"\\\\x.log\"} 1\n"), "{text}");
}

#[test]
fn a_file_that_can_not_be_written_is_a_problem_and_the_run_is_done() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures("203.0.113.9", 5))
        .set("/settings/metrics", "/nonexistent/pyfilter.prom");
    sandbox
        .scan()
        .exits(1)
        .bans(["203.0.113.9"])
        .complains("/nonexistent/pyfilter.prom: the metrics can not be written: No such file or directory (os error 2); is its directory there?");
    sandbox.scan().exits(1);
}

#[test]
fn a_dry_run_leaves_none() {
    let sandbox = sandbox().log("auth.log", failures("203.0.113.9", 5));
    sandbox.run(["scan", "--dry-run"]).exits(0);
    assert!(!sandbox.path("pyfilter.prom").exists());
}

/// They would tell of bans that nobody applies, and be alerted of for ever.
#[test]
fn the_figures_are_gone_with_the_chain_and_back_with_the_next_run() {
    let sandbox = sandbox().log("auth.log", failures("203.0.113.9", 5));
    sandbox.scan().exits(0);
    let path = sandbox.path("pyfilter.prom");
    assert!(path.exists());
    sandbox.run(["restore", "--off"]).exits(0).prints("");
    assert!(!path.exists());
    sandbox.run(["restore", "--off"]).exits(0).prints("");
    sandbox.scan().exits(0);
    assert!(path.exists());
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_uninstall_takes_the_figures_away() {
    World::new().run(
        r#"$PYFILTER install -q
        file=/var/lib/pyfilter.prom
        sed -i "s|\"metrics\": null|\"metrics\": \"$file\"|" /etc/pyfilter/config.json
        pyfilter scan
        test -s $file
        pyfilter uninstall -q
        test ! -e $file"#,
    );
}
