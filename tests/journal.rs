//! The systemd journal: real journals, made of a recorded one by
//! systemd-journal-remote and read by journalctl.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::kit::{Sandbox, failures, fixture, needs};

/// Where Debian has it: not on anybody's path.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// Now, in microseconds.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

/// The recorded entries, each with its blank line, as if the last of them had
/// been written an hour ago: the first run looks a week back.
fn recorded() -> Vec<String> {
    entries_of("logs/trixie-ssh.journal-export")
}

fn entries_of(name: &str) -> Vec<String> {
    let export = fs::read_to_string(fixture(name)).unwrap();
    let stamp = |line: &str| {
        line.strip_prefix("__REALTIME_TIMESTAMP=")
            .map(|stamp| stamp.parse::<u64>().unwrap())
    };
    let last = export.lines().filter_map(stamp).max().unwrap();
    // What was recorded a minute ago moves back.
    let later = (now() - 3_600_000_000).wrapping_sub(last);
    let moved = |line: &str| match stamp(line) {
        Some(stamp) => format!("__REALTIME_TIMESTAMP={}\n", stamp.wrapping_add(later)),
        None => format!("{line}\n"),
    };
    // What systemd says of the unit is not sshd's.
    let entries = export
        .split("\n\n")
        .filter(|entry| entry.contains("\n_SYSTEMD_UNIT=ssh.service\n"));
    entries
        .map(|entry| entry.lines().map(moved).collect::<String>() + "\n")
        .collect()
}

/// How many of them count: what sshd says as the user that it let in does not.
fn counted(entries: &[String]) -> u64 {
    let of_root = entries.iter().filter(|entry| entry.contains("\n_UID=0\n"));
    of_root.count() as u64
}

/// The line of an auth log that an entry would be.
fn line(entry: &str) -> String {
    let field = |name: &str| {
        entry
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let (name, process, message) = (
        field("SYSLOG_IDENTIFIER"),
        field("SYSLOG_PID"),
        field("MESSAGE"),
    );
    format!("2026-03-22T00:00:00+00:00 vm {name}[{process}]: {message}\n")
}

impl Sandbox {
    /// Makes `journal/ssh.journal` of entries, in place of the one before.
    fn journal(&self, entries: &[String]) {
        let path = self.path("journal/ssh.journal");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        self.file("export", entries.concat());
        let made = Command::new(REMOTE)
            .arg("-o")
            .arg(&path)
            .arg(self.path("export"))
            .stderr(Stdio::null())
            .status()
            .expect("systemd-journal-remote is installed: tests/run does it");
        assert!(made.success());
    }

    fn over_the_journal() -> Self {
        let sandbox = Sandbox::new().set("/settings/rules/ssh/log_files", "journal:ssh.service");
        let place = sandbox.path("journal").to_str().unwrap().to_owned();
        sandbox.set("/settings/journal", place)
    }
}

fn banned(run: &Value) -> BTreeSet<String> {
    run["bans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ban| ban["ip"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_journal_names_the_attackers_that_the_file_names() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = recorded();
    sandbox.journal(&entries);
    let run = sandbox.scan_json();
    let file = fixture("logs/trixie-auth.log").to_str().unwrap().to_owned();
    let of_file = sandbox
        .run(["scan", "--dry-run", "--json", &file])
        .exits(0)
        .json();
    assert_eq!(banned(&run), banned(&of_file));
    let source = &run["sources"][0];
    assert_eq!(
        (source["path"].as_str(), source["from"].as_u64()),
        (Some("journal:ssh.service"), Some(0))
    );
    assert_eq!(source["to"].as_u64(), Some(counted(&entries)));
    let lines: String = entries.iter().map(|entry| line(entry)).collect();
    let matched = sandbox
        .run_with(["match", "--json", "--rule", "ssh", "-"], lines.as_bytes())
        .exits(0)
        .stdout();
    let matched = matched
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let failures = matched.map(|line| line["counted"].as_u64().unwrap());
    assert_eq!(source["failures"].as_u64(), Some(failures.sum()));
}

/// journald finds no unit for a process that has ended before its message was read.
#[test]
fn what_a_process_of_root_said_and_ended_counts_and_a_users_does_not() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let of_one = |user: &str| {
        let sandbox = Sandbox::over_the_journal();
        let mut entries = recorded();
        for entry in &mut entries {
            let kept = entry.trim_end().lines().filter(|line| {
                let lost = ["_SYSTEMD_", "_EXE=", "_COMM=", "_CMDLINE=", "_UID="];
                !lost.iter().any(|field| line.starts_with(field))
            });
            let kept: Vec<&str> = kept.collect();
            *entry = format!("{}\n_UID={user}\n\n", kept.join("\n"));
        }
        sandbox.journal(&entries);
        banned(&sandbox.scan_json())
    };
    let sandbox = Sandbox::over_the_journal();
    sandbox.journal(&recorded());
    assert_eq!(of_one("0"), banned(&sandbox.scan_json()));
    assert_eq!(of_one("1000"), BTreeSet::new());
}

/// Five passwords for root, as an entry each from 198.51.100.7; `fields` say who
/// wrote them.
fn forged(fields: &str) -> Vec<String> {
    let genuine = recorded();
    let password = genuine
        .iter()
        .find(|entry| entry.contains("\nMESSAGE=Failed password for root "))
        .unwrap();
    let kept = |line: &&str| {
        let changed = [
            "_SYSTEMD_",
            "_UID=",
            "_GID=",
            "_EXE=",
            "_COMM=",
            "_CMDLINE=",
            "MESSAGE=",
            "__",
            "_SOURCE",
        ];
        !changed.iter().any(|field| line.starts_with(field))
    };
    let kept: Vec<&str> = password.trim_end().lines().filter(kept).collect();
    let entry = |number: u64| {
        let stamp = now() - 60_000_000 + number * 1_000_000;
        let cursor = format!(
            "__CURSOR=s=0a5d8248416946cdaf5018afc1a0cd0d;i={number:x};b=b66dcd01ab624c7fae2deb1fb2106241;m={number};t={stamp:x};x={number}"
        );
        format!(
            "{cursor}\n__REALTIME_TIMESTAMP={stamp}\n__MONOTONIC_TIMESTAMP={number}\n{}\n{fields}\nMESSAGE=Failed password for root from {VICTIM} port {number} ssh2\n\n",
            kept.join("\n")
        )
    };
    (1..=5).map(entry).collect()
}

/// Whom a local user names who was never there.
const VICTIM: &str = "198.51.100.7";

/// Where `pam_systemd` is absent, whoever logs in by ssh stays in the control group of
/// `ssh.service`, and `logger -t sshd` writes what he likes.
#[test]
fn what_an_ordinary_user_writes_within_the_unit_of_sshd_counts_for_nobody() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let by = |fields: &str| {
        let sandbox = Sandbox::over_the_journal();
        sandbox.journal(&forged(fields));
        let told = sandbox.run(["explain", VICTIM, "--json"]).exits(0).json();
        let audited = sandbox.run(["audit", "--json"]).exits(0).json();
        let checked = sandbox.run(["check"]).stdout();
        let known = checked.contains("rule ssh: journal:ssh.service, the newest entry of ");
        (
            banned(&sandbox.scan_json()).len(),
            audited["failures"].as_u64(),
            told["looked"][0]["failures"].as_u64(),
            known,
        )
    };
    let of_root =
        by("_UID=0\n_SYSTEMD_CGROUP=/system.slice/ssh.service\n_SYSTEMD_UNIT=ssh.service");
    assert_eq!(of_root, (1, Some(5), Some(5), true));
    for fields in [
        "_UID=1000\n_SYSTEMD_CGROUP=/system.slice/ssh.service\n_SYSTEMD_UNIT=ssh.service",
        // Root of a container, which calls itself sshd.
        "_UID=0\n_SYSTEMD_CGROUP=/system.slice/docker.service\n_SYSTEMD_UNIT=docker.service",
        "_UID=0\n_SYSTEMD_CGROUP=/docker/0a1b2c",
        // A user's own service of that name.
        "_UID=1000\n_SYSTEMD_CGROUP=/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service\n_SYSTEMD_UNIT=user@1000.service\n_SYSTEMD_USER_UNIT=ssh.service",
        "_UID=1000\n_SYSTEMD_CGROUP=/user.slice/user-1000.slice/session-1.scope\n_SYSTEMD_UNIT=session-1.scope\nUNIT=ssh.service\nOBJECT_SYSTEMD_UNIT=ssh.service\nCOREDUMP_UNIT=ssh.service",
    ] {
        assert_eq!(by(fields), (0, Some(0), Some(0), false), "{fields}");
    }
}

/// What a real journald kept of one, in `fixtures/services/journal`.
#[test]
fn a_user_who_logged_in_by_ssh_and_writes_in_sshds_name_bans_nobody() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = entries_of("services/journal/bookworm-forged.journal-export");
    let forged = entries.iter().filter(|entry| entry.contains(VICTIM));
    assert!(forged.count() >= 5);
    sandbox.journal(&entries);
    let run = sandbox.scan_json();
    assert_eq!(
        (banned(&run), run["sources"][0]["failures"].as_u64()),
        (BTreeSet::new(), Some(0))
    );
    assert_eq!(run["sources"][0]["to"].as_u64(), Some(counted(&entries)));
    let audited = sandbox.run(["audit", "--json"]).exits(0).json();
    assert_eq!(audited["failures"], 0);
}

/// A unit whose files are not there runs as root.
#[test]
fn what_others_than_its_own_user_write_within_a_unit_counts_for_nobody() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let by = |user: &str| {
        let sandbox = Sandbox::over_the_journal();
        let sandbox = sandbox.set("/settings/rules/ssh/log_files", "journal:gate");
        sandbox.journal(&forged(&format!(
            "_UID={user}\n_SYSTEMD_CGROUP=/system.slice/gate.service\n_SYSTEMD_UNIT=gate.service"
        )));
        banned(&sandbox.scan_json())
    };
    assert_eq!(by("0"), BTreeSet::from([VICTIM.to_owned()]));
    assert_eq!(by("33"), BTreeSet::new());
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_the_user_of_a_unit_counts_beside_root() {
    let by = |user: &str| {
        let script = "mount -t tmpfs tmpfs /etc/systemd && mkdir /etc/systemd/system && \
            printf '[Service]\\nUser=gate\\n' > /etc/systemd/system/gate.service && \
            { cat /etc/passwd; echo gate:x:4711:4711::/:/bin/false; } > passwd && \
            mount --bind passwd /etc/passwd && exec \"$@\"";
        let sandbox = Sandbox::over_the_journal()
            .set("/settings/rules/ssh/log_files", "journal:gate.service")
            .behind(&["unshare", "--mount", "/bin/sh", "-c", script, "sh"]);
        sandbox.journal(&forged(&format!(
            "_UID={user}\n_SYSTEMD_CGROUP=/system.slice/gate.service\n_SYSTEMD_UNIT=gate.service"
        )));
        banned(&sandbox.scan_json())
    };
    let victim = BTreeSet::from([VICTIM.to_owned()]);
    assert_eq!((by("0"), by("4711")), (victim.clone(), victim));
    assert_eq!(by("1000"), BTreeSet::new());
}

/// Earlier versions read on behind entries that do not count any more.
#[test]
fn a_journal_that_was_read_up_to_another_users_entry_is_not_called_lost() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = recorded();
    let users = entries[..entries.len() - 9]
        .iter()
        .rposition(|entry| entry.contains("\n_UID=1000\n"));
    let end = users.expect("sshd says good-bye as the user") + 1;
    sandbox.journal(&entries[..end]);
    sandbox.scan_json();
    let mut newest = Command::new("journalctl");
    newest.args(["--quiet", "--lines=1", "--output=export", "--file"]);
    let newest = newest
        .arg(sandbox.path("journal/ssh.journal"))
        .output()
        .unwrap();
    let newest = String::from_utf8(newest.stdout).unwrap();
    assert!(newest.contains("\n_UID=1000\n"));
    let cursor = newest
        .lines()
        .find_map(|line| line.strip_prefix("__CURSOR="))
        .unwrap();
    let store = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let changed = store.execute("UPDATE journal SET cursor = ?", [cursor]);
    assert_eq!(changed, Ok(1));
    sandbox.scan().exits(0).prints("");
    sandbox.journal(&entries);
    assert_eq!(
        sandbox.scan_json()["sources"][0]["to"],
        counted(&entries[end..])
    );
}

#[test]
fn a_message_with_line_breaks_is_one_line() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = forged("_UID=0\n_SYSTEMD_UNIT=ssh.service");
    let message = format!(
        "Invalid user x\n2026-03-22T00:00:00Z vm sshd[1]: Failed password for root from {VICTIM}\n from 203.0.113.9 port 4"
    );
    // A field with line breaks stands behind its length, of eight bytes.
    let length = char::from(u8::try_from(message.len()).unwrap());
    assert!(length.is_ascii(), "or the export would be no text");
    let binary = format!("MESSAGE\n{length}\0\0\0\0\0\0\0{message}");
    let entries = entries.iter().enumerate().map(|(n, entry)| {
        let at = entry.find("MESSAGE=").unwrap();
        // Each of another connection.
        let head = entry[..at].replace("_PID=", &format!("_PID={n}"));
        format!("{head}{binary}\n\n")
    });
    sandbox.journal(&entries.collect::<Vec<_>>());
    assert_eq!(
        banned(&sandbox.scan_json()),
        BTreeSet::from(["203.0.113.9".to_owned()])
    );
}

#[test]
fn each_run_reads_on_behind_the_entry_where_the_last_one_ended() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = recorded();
    let whole = {
        let sandbox = Sandbox::over_the_journal();
        sandbox.journal(&entries);
        banned(&sandbox.scan_json())
    };
    let (mut seen, mut read, mut bans) = (0, 0, BTreeSet::new());
    for cut in [1, 40, 41, 90, entries.len()] {
        sandbox.journal(&entries[..cut]);
        let run = sandbox.scan_json();
        bans.extend(banned(&run));
        read += run["sources"][0]["to"].as_u64().unwrap();
        seen = cut;
        assert_eq!(
            sandbox.scan_json()["sources"][0]["to"],
            0,
            "nothing is read twice"
        );
    }
    assert_eq!((read, bans), (counted(&entries[..seen]), whole));
}

#[test]
fn a_journal_whose_entry_is_gone_is_told_and_read_on() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = recorded();
    sandbox.journal(&entries[..60]);
    sandbox.scan_json();
    // Vacuumed: what was read last is not there any more, newer entries are.
    sandbox.journal(&entries[80..]);
    let run = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns("journal:ssh.service: the entry up to which it was read is gone");
    assert_eq!(
        run.json()["sources"][0]["to"].as_u64(),
        Some(counted(&entries[80..]))
    );
    sandbox.scan().exits(0).prints("");
}

#[test]
fn a_file_that_is_no_journal_is_told() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    sandbox.file("journal/ssh.journal", "no journal");
    let place = sandbox
        .path("journal/ssh.journal")
        .to_str()
        .unwrap()
        .to_owned();
    let sandbox = sandbox.set("/settings/journal", place);
    sandbox
        .scan()
        .exits(1)
        .warns("journal:ssh.service: journalctl failed: ");
}

#[test]
fn an_empty_journal_is_no_problem() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    fs::create_dir(sandbox.path("journal")).unwrap();
    sandbox.scan().exits(0).prints("");
}

#[test]
fn a_dry_run_leaves_the_journal_unread() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    sandbox.journal(&recorded());
    let dry = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(banned(&dry), banned(&sandbox.scan_json()));
}

#[test]
fn check_tells_what_it_finds_in_the_journal() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    sandbox.journal(&recorded());
    sandbox
        .run(["check"])
        .exits(0)
        .says("rule ssh: journal:ssh.service, the newest entry of ");
}

/// `logger -t sshd` writes lines of sshd into auth.log, whoever calls it.
#[test]
fn check_says_that_the_journal_knows_who_wrote_a_line() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let said = |with_journal: bool| {
        let sandbox = Sandbox::over_the_journal();
        if with_journal {
            sandbox.journal(&recorded());
        }
        let log = sandbox.path("auth.log").to_str().unwrap().to_owned();
        let sandbox = sandbox
            .set("/settings/rules/ssh/log_files", log.as_str())
            .log("auth.log", failures("203.0.113.9", 5));
        let hint = format!(
            "ok       rule ssh: every user of this host can write lines of this service into {log} (`logger -t`); the journal, which is here too, knows who wrote a line: with \"log_files\": \"journal:ssh.service\" only those of the service count"
        );
        sandbox.run(["check"]).exits(0).stdout().contains(&hint)
    };
    assert!(said(true));
    assert!(!said(false), "there is no journal to be trusted more");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_host_without_journalctl_is_told_and_its_files_are_read() {
    let script = "mount -t tmpfs tmpfs /usr/bin && exec \"$@\"";
    let sandbox = Sandbox::over_the_journal();
    let logs = json!(["journal:ssh.service", sandbox.path("auth.log")]);
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", logs)
        .log("auth.log", failures("203.0.113.9", 5))
        .behind(&["unshare", "--mount", "/bin/sh", "-c", script, "sh"]);
    let run = sandbox.run(["scan", "--json"]).exits(1).complains(
        "journal:ssh.service: journalctl is neither in /usr/bin nor in /bin: let rsyslog write a file and name it in log_files",
    );
    assert_eq!(
        banned(&run.json()),
        BTreeSet::from(["203.0.113.9".to_owned()])
    );
}

/// A Debian without rsyslog has only the journal; with it, the file comes first.
#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_auto_takes_the_file_or_else_the_journal() {
    let within = |setup: &str| {
        let script = format!("mount -t tmpfs tmpfs /var/log && {setup} && exec \"$@\"");
        let sandbox = Sandbox::over_the_journal().set("/settings/rules/ssh/log_files", "auto");
        let sandbox = sandbox.behind(&["unshare", "--mount", "sh", "-c", &script, "sh"]);
        sandbox.journal(&recorded());
        let run = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
        run["sources"][0]["path"].as_str().unwrap().to_owned()
    };
    assert_eq!(within("true"), "journal:ssh.service");
    assert_eq!(within("touch /var/log/secure"), "/var/log/secure");
    let both = "touch /var/log/secure /var/log/auth.log";
    assert_eq!(within(both), "/var/log/auth.log");
}

/// Each run counts the bytes of a journal anew, so they are told to nobody.
#[test]
fn explain_finds_the_entries_again_and_audit_counts_entries() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    let entries = forged("_UID=0\n_SYSTEMD_UNIT=ssh.service");
    // A run for each entry: the line of each begins at the same byte.
    for end in 1..=entries.len() {
        sandbox.journal(&entries[..end]);
        sandbox.run(["scan", "-q"]).exits(0);
    }
    let explain = || sandbox.run(["explain", VICTIM, "--json"]).exits(0).json();
    let found = explain()["bans"][0]["witnesses"].clone();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 5);
    for (n, witness) in found.iter().enumerate() {
        let entry = witness["entry"].as_str().unwrap();
        assert!(entry.contains(&format!(";m={};", n + 1)), "{entry}");
        assert_eq!(witness["stands_in"], "journal:ssh.service");
        assert_eq!(witness["line"], json!(null));
        let text = witness["text"].as_str().unwrap();
        assert!(text.ends_with(&format!(" port {} ssh2", n + 1)), "{text}");
    }
    let text = || sandbox.run(["explain", VICTIM]).exits(0).stdout();
    let told = text();
    assert_eq!(told.matches("journal:ssh.service, entry of 20").count(), 5);
    assert!(
        !told.contains("byte") && !told.contains("no longer"),
        "{told}"
    );
    let audited = sandbox.run(["audit"]).exits(0).stdout();
    assert!(audited.contains("in 1 log (5 entries)."), "{audited}");
    let page = sandbox.run(["audit", "--html", "-"]).exits(0).stdout();
    assert!(page.contains("5 entries") && !page.contains("5 bytes"));

    // Vacuumed: other entries are there, those are not.
    sandbox.journal(&recorded());
    assert_eq!(text().matches(", no longer there").count(), 5);
    assert_eq!(explain()["bans"][0]["witnesses"][0]["entry"], json!(null));
}

#[test]
fn check_says_what_other_thresholds_would_have_made_of_the_journal() {
    needs!("journalctl", "/lib/systemd/systemd-journal-remote");
    let sandbox = Sandbox::over_the_journal();
    sandbox.journal(&recorded());
    let told = sandbox.run(["check"]).exits(0).stdout();
    let banned = banned(&sandbox.scan_json()).len();
    let hint = format!(
        "rule ssh: the last 7 days of journal:ssh.service would have {banned} addresses banned as it is, and "
    );
    assert!(banned > 1 && told.contains(&hint), "{told}");
}
