//! What `check` tells of what keeps a host unprotected.

use std::os::unix::fs::PermissionsExt as _;

use crate::kit::{Sandbox, failure, failures, repeated};
use crate::world::World;

const ATTACKER: &str = "203.0.113.9";

/// The last line of what `check` prints, which says what to do first.
fn first(told: &str) -> &str {
    told.lines().last().unwrap_or_default()
}

#[test]
fn it_ends_with_whether_all_is_well_or_what_to_do_first() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    sandbox.scan().exits(0);
    let told = sandbox.run(["check"]).exits(0).stdout();
    let none = "It works. Look at this first: firewall: \"backend\" is \"none\"";
    assert!(first(&told).starts_with(none), "{told}");
    let json = sandbox.run(["check", "--json"]).exits(0).json();
    assert!(json["first"].as_str().unwrap().starts_with("firewall: "));
    assert!(json["disk"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!(
        json["runs"],
        serde_json::Value::Null,
        "another state directory"
    );
}

#[test]
fn a_directory_for_metrics_that_is_not_there_is_an_error() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let path = sandbox.path("gone/pyfilter.prom");
    let sandbox = sandbox.set("/settings/metrics", path.to_str().unwrap());
    sandbox.scan().exits(1);
    let told = sandbox.run(["check"]).exits(1).stdout();
    assert!(
        first(&told).starts_with("Do this first: metrics: "),
        "{told}"
    );
    std::fs::create_dir(sandbox.path("gone")).unwrap();
    sandbox.run(["check"]).exits(0).says("metrics: ");
}

#[test]
fn a_state_directory_that_others_may_write_to_is_told() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    sandbox.scan().exits(0);
    let told = "others than its owner may write there (mode 0777)";
    sandbox
        .run(["check"])
        .exits(0)
        .says_nothing_of("others than its owner");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(sandbox.path("state"), open).unwrap();
    sandbox.run(["check"]).exits(0).says(told);
}

#[test]
fn matched_lines_whose_time_can_not_be_read_are_told() {
    let line = format!(
        "Mar 32 14:18:{{s}} vps sshd[1]: Failed password for root from {ATTACKER} port 1 ssh2"
    );
    let sandbox = Sandbox::new().log("auth.log", repeated(&line, 5));
    sandbox.scan().exits(1).bans([]);
    let told = sandbox.run(["check"]).exits(1).stdout();
    let lines = "auth.log match, and have no time that its time_format reads";
    assert!(first(&told).contains(lines), "{told}");
    let log = sandbox.path("auth.log");
    let ran = sandbox.run(["match", "--rule", "ssh", log.to_str().unwrap()]);
    ran.exits(1).prints("").complains(
        "auth.log: 5 lines match rule ssh and have no time that its time_format reads, so no failure is counted: the first is line 1",
    );
}

#[test]
fn who_fails_too_slowly_is_counted() {
    let log: String = (0..6).map(|n| failure(ATTACKER, n * 10)).collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    sandbox.run(["check"]).exits(0).says(
        "auth.log would have 0 addresses banned as it is, and 1 with 5 failures in 600 s (\"window\": \"sliding\", \"request_time\": 600); 1 of those fails too slowly for the thresholds as they are",
    );
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_full_disk_and_one_that_is_read_only_are_what_to_do_first() {
    let script = |then: &str| {
        format!("mkdir -p state && mount -t tmpfs -o size=2m tmpfs state && {then} && exec \"$@\"")
    };
    let check = |then: &str| {
        let script = script(then);
        let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
        let sandbox = sandbox.behind(&["unshare", "--mount", "/bin/sh", "-c", &script, "sh"]);
        let told = sandbox.run(["check"]).exits(1).stdout();
        first(&told).to_owned()
    };
    let full = check("{ head -c 2M /dev/zero > state/much 2>/dev/null || true; }");
    assert!(
        full.contains("state: its disk is full (0 bytes are left)"),
        "{full}"
    );
    let read_only = check("mount -o remount,ro tmpfs state");
    assert!(
        read_only.contains("is mounted read-only, so every run fails"),
        "{read_only}"
    );
}

/// An installed pyfilter, what may come to it, and what `check` says first then.
const TROUBLES: &str = r#"$PYFILTER check > /run/told
        grep 'runs: nothing starts them, and there was none yet' /run/told
        $PYFILTER install -q
        $PYFILTER scan -q /var/log/auth.log
        echo == well
        pyfilter check
        pyfilter check --json > /run/json
        grep '"timer": "active"' /run/json
        echo == failed
        printf 'Result=exit-code\nExecMainStatus=1\n' > /run/pyfilter.service-result
        status 1 pyfilter check | tail -n 1
        rm /run/pyfilter.service-result
        echo == stopped
        rm /run/pyfilter.timer-runs
        status 1 pyfilter check | tail -n 1
        touch /run/pyfilter.timer-runs
        echo == short
        iptables -F PYFILTER
        status 1 pyfilter check | tail -n 1
        echo == gone
        iptables -D INPUT -j PYFILTER
        iptables -X PYFILTER
        status 1 pyfilter check | tail -n 1
        pyfilter restore
        pyfilter check | grep -c 'firewall: IPv4, iptables'
        echo == cron
        pyfilter uninstall -q
        $PYFILTER install --cron -q
        pyfilter check | grep ' runs: '
        touch -d '1 hour ago' /var/lib/pyfilter/reading.lock
        status 1 pyfilter check | tail -n 1"#;

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_timer_that_is_stopped_and_a_chain_that_is_gone_are_told() {
    let told = World::new().run(TROUBLES);
    let parts: Vec<&str> = told.split("== ").collect();
    let has = |part: &str, words: &str| {
        let found = parts.iter().find(|text| text.starts_with(part)).unwrap();
        assert!(found.contains(words), "{part}: {words}\n{told}");
    };
    has(
        "well",
        "ok       runs: pyfilter.timer is active; it has not started one yet",
    );
    has(
        "failed",
        "Do this first: runs: the last one failed (exit-code, exit status 1)",
    );
    has(
        "stopped",
        "Do this first: runs: pyfilter.timer does not run (inactive)",
    );
    has(
        "short",
        "Do this first: firewall: IPv4: chain PYFILTER or its hook is not as the last run left it, which may let ",
    );
    has(
        "gone",
        "Do this first: firewall: IPv4: chain PYFILTER is gone, which lets ",
    );
    has("gone", "\n1\n");
    has(
        "cron",
        "runs: /etc/cron.d/pyfilter starts them; the last one began",
    );
    has(
        "cron",
        "Do this first: runs: /etc/cron.d/pyfilter is to start one every minute",
    );
}

const SYSTEM: &str =
    "[20260302-04:05:06] [INFO ] AUTHFAIL: user=bob ip=203.0.113.9 time=1772424306\n";

/// A rule of the user's own that has the name of one of the library takes nothing from it,
/// and so it has nothing of what can be forged there.
#[test]
fn a_rule_of_ones_own_is_not_warned_of_for_its_name() {
    let with = |section: serde_json::Value| {
        let sandbox = Sandbox::new().log("x.log", SYSTEM);
        let path = sandbox.path("x.log");
        sandbox
            .set("/settings/rules", serde_json::json!({ "xrdp": section }))
            .set("/settings/rules/xrdp/log_files", path.to_str().unwrap())
            .set("/settings/aggregate", serde_json::json!({}))
    };
    with(serde_json::json!({}))
        .run(["check"])
        .exits(0)
        .says("warning  rule xrdp: anybody who can reach the service can ban any address")
        .says("its bans are neither aggregated nor shared with the other servers");
    let own = r"^\[(?P<time>\S+)\] .* ip=(?P<ip>\S+) ";
    let own =
        with(serde_json::json!({ "regex_patterns": [own], "time_format": "%Y%m%d-%H:%M:%S" }));
    own.run(["check"])
        .exits(0)
        .says_nothing_of("anybody who can reach the service")
        .says_nothing_of("neither aggregated");
    with(serde_json::json!({ "trust_sender": true }))
        .run(["check"])
        .exits(0)
        .says("ok       rule xrdp: anybody who can reach the service")
        .says("\"trust_sender\": true accepts it");
}

/// Nor of what the built-in rule can not see.
#[test]
fn a_rule_of_ones_own_has_no_remedy_of_the_built_in_one() {
    let log =
        "2026-03-22 14:18:00.123 UTC [7] FATAL:  password authentication failed for user \"bob\"\n";
    let sandbox = Sandbox::new().log("x.log", log);
    let path = sandbox.path("x.log");
    let section = serde_json::json!({
        "log_files": path,
        "regex_patterns": ["^(?P<time>\\S+ \\S+) no (?P<ip>\\S+)$"],
    });
    let sandbox = sandbox.set(
        "/settings/rules",
        serde_json::json!({ "postgresql": section }),
    );
    sandbox
        .run(["check"])
        .exits(0)
        .says_nothing_of("without an address");
}
