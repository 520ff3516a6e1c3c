//! What is on disk: damaged, foreign, old, half written, and what others read of it.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::json;

use crate::kit::{Sandbox, failure, failures, fixture, golden, make_fifo};

const ATTACKER: &str = "203.0.113.9";
const OTHER: &str = "198.51.100.7";

const DAMAGED: &str = "restore it from a backup, or move it away: the next run then begins anew, \
                       and blacklist.v4 and blacklist.v6 still hold the bans";

impl Sandbox {
    fn database(&self) -> Connection {
        Connection::open(self.state("PyFilter.db")).unwrap()
    }

    fn store(&self) -> Vec<u8> {
        std::fs::read(self.state("PyFilter.db")).unwrap()
    }

    fn put_store(&self, bytes: impl AsRef<[u8]>) {
        self.file("state/PyFilter.db", bytes);
    }

    /// The words of `explain` behind the address: is it banned, was it?
    fn said_of(&self, address: &str) -> String {
        let said = self.run(["explain", address]).exits(0).stdout();
        let first = said.lines().next().unwrap();
        first.strip_prefix(address).unwrap().trim().to_owned()
    }
}

/// A world in which the attacker has been banned, and the other one has an
/// open window of three.
fn banned() -> Sandbox {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5) + &failures(OTHER, 3));
    sandbox.scan().exits(0).bans([ATTACKER]);
    sandbox
}

// --- Damaged, foreign, newer.

#[test]
fn a_damaged_store_is_told_and_left_as_it_is() {
    let whole = banned().store();
    // A generator's noise, the same in every run.
    let noise = (0u32..20_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    let behind_the_first_page = |n: usize| if n < 4096 { whole[n] } else { 0xff };
    let damaged: [Vec<u8>; 4] = [
        noise.collect(),
        b"PyFilter keeps its bans here.\n".repeat(200),
        whole[..whole.len() / 3].to_vec(),
        (0..whole.len()).map(behind_the_first_page).collect(),
    ];
    for bytes in damaged {
        let sandbox = Sandbox::new().log("auth.log", failures(OTHER, 5));
        sandbox.put_store(&bytes);
        for words in [
            &["scan"][..],
            &["ban", OTHER],
            &["unban", "--all"],
            &["list"],
            &["explain", OTHER],
        ] {
            let ran = sandbox.run(words).exits(1).prints("");
            ran.warns("state/PyFilter.db: the store is damaged (")
                .warns(DAMAGED);
        }
        sandbox
            .run(["check"])
            .exits(1)
            .says("state/PyFilter.db: the store is damaged (");
        let json = sandbox.run(["scan", "--json"]).exits(1).json();
        assert!(
            json["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains("the store is damaged")
        );
        sandbox
            .run(["scan", "--dry-run"])
            .exits(1)
            .warns("the store is damaged");
        assert_eq!(sandbox.store(), bytes, "it is for a person to look at");
    }
}

#[test]
fn one_damaged_page_is_told_or_not_met() {
    let whole = banned().store();
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..4096].fill(0xff);
        let sandbox = Sandbox::new().log("auth.log", failures(OTHER, 5));
        sandbox.put_store(&bytes);
        for words in [
            &["list"][..],
            &["explain", ATTACKER],
            &["scan"],
            &["unban", ATTACKER],
        ] {
            let ran = sandbox.run(words);
            match ran.status() {
                Some(0) => {}
                Some(1) => drop(ran.warns("the store is damaged (")),
                _ => drop(ran.exits(1)),
            }
        }
    }
}

#[test]
fn a_store_that_was_moved_away_is_made_anew_with_the_bans_of_the_snapshot() {
    let sandbox = banned();
    std::fs::rename(sandbox.state("PyFilter.db"), sandbox.path("away")).unwrap();
    std::fs::remove_file(sandbox.path("auth.log")).unwrap();
    sandbox.file("auth.log", "");
    sandbox.scan().exits(0).bans([ATTACKER]);
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

#[test]
fn what_is_no_file_is_no_store_and_hangs_nobody() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let store = sandbox.state("PyFilter.db");
    let told = "state/PyFilter.db: the store can not be used: it is not a file; move it away";
    for fifo in [true, false] {
        std::fs::create_dir_all(sandbox.path("state")).unwrap();
        if fifo {
            make_fifo(&store);
        } else {
            std::fs::create_dir(&store).unwrap();
        }
        for words in [
            &["scan"][..],
            &["unban", "--all"],
            &["list"],
            &["explain", ATTACKER],
        ] {
            sandbox.run(words).exits(1).prints("").complains(told);
        }
        std::fs::remove_dir_all(sandbox.path("state")).unwrap();
    }
}

#[test]
fn an_empty_file_is_a_new_store() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    sandbox.put_store("");
    sandbox.run(["list"]).exits(0).prints("");
    sandbox.scan().exits(0).bans([ATTACKER]);
}

#[test]
fn a_newer_store_is_left_to_its_version() {
    let sandbox = banned();
    sandbox
        .database()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = sandbox.store();
    let told = "state/PyFilter.db: the store is of a newer version of pyfilter (schema 99, this one knows 2); \
                install that version again, or move the store away";
    for words in [
        &["scan"][..],
        &["ban", OTHER],
        &["unban", ATTACKER],
        &["list"],
        &["explain", OTHER],
    ] {
        sandbox.run(words).exits(1).prints("").complains(told);
    }
    assert_eq!(sandbox.store(), before);
}

#[test]
fn the_database_of_another_program_is_left_as_it_is() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    sandbox.put_store("");
    sandbox
        .database()
        .execute_batch("CREATE TABLE \"order\x1b[2J\" (id); CREATE TABLE meta (a)")
        .unwrap();
    let before = sandbox.store();
    sandbox.scan().exits(1).prints("").complains(
        r"state/PyFilter.db: is the database of another program (it has a table order\x1b[2J), and is left as it is; name another file in sqlite.database",
    );
    assert_eq!(sandbox.store(), before);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_read_only_file_system_is_told_and_can_be_looked_at() {
    let sandbox = banned();
    sandbox.append("auth.log", failures(OTHER, 5));
    let script = "mount --bind state state && mount -o remount,ro,bind state && exec \"$@\"";
    let sandbox = sandbox.behind(&["unshare", "-m", "sh", "-c", script, "sh"]);
    assert_eq!(sandbox.banned(), [ATTACKER]);
    sandbox.run(["scan", "--dry-run"]).exits(0).bans([OTHER]);
    sandbox.scan().exits(1).prints("").complains(
        "state/reading.lock: can not be locked: Read-only file system (os error 30); is the file system mounted read-only?",
    );
}

// --- PyFilter's databases.

/// The tables of PyFilter's versions, and what they said of two addresses.
const OLD: [(&str, &str); 4] = [
    (
        "1.0.0",
        "CREATE TABLE banned_ip (ip text PRIMARY KEY);
         INSERT INTO banned_ip VALUES ('203.0.113.9'), ('198.51.100.7');",
    ),
    (
        "2.0.0",
        "CREATE TABLE IF NOT EXISTS banned_ip (ip text PRIMARY KEY);
         INSERT INTO banned_ip VALUES ('198.51.100.7'), ('203.0.113.9');",
    ),
    (
        "2.1.0",
        "CREATE TABLE banned_ip (id INTEGER PRIMARY KEY, ip text, time_banned integer, server_name text, log_msg text);
         INSERT INTO banned_ip(ip, time_banned, server_name, log_msg) VALUES
           ('203.0.113.9', 1521728298.125, 'Server-1', 'IP: 203.0.113.9 has been blacklisted' || char(10)),
           ('198.51.100.7', 1521728299.75, 'Server-1', 'IP: 198.51.100.7 has been blacklisted' || char(10));",
    ),
    (
        "master",
        "CREATE TABLE banned_ip (id INTEGER PRIMARY KEY, ip text, time_banned integer, server_name text, log_msg text, country text);
         INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) VALUES
           ('203.0.113.9', 1521728298.125, 'Server-1', 'IP: 203.0.113.9 has been blacklisted' || char(10), 'China'),
           ('198.51.100.7', 1521728299.75, 'Server-1', 'IP: 198.51.100.7 has been blacklisted' || char(10), NULL);",
    ),
];

/// What iptables-save wrote for PyFilter: everybody's rules, one of them a ban.
const DUMP: &str = "# Generated by iptables-save v1.6.1 on Thu Mar 22 14:18:18 2018\n*filter\n\
                    :INPUT ACCEPT [9:600]\n:FORWARD ACCEPT [0:0]\n:f2b-sshd - [0:0]\n\
                    -A INPUT -s 203.0.113.9/32 -j DROP\n-A INPUT -p tcp -j f2b-sshd\n-A f2b-sshd -j RETURN\nCOMMIT\n";

/// A world in which PyFilter was at work.
fn old(sql: &str) -> Sandbox {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox.put_store("");
    sandbox.database().execute_batch(sql).unwrap();
    sandbox
}

#[test]
fn the_bans_of_every_pyfilter_are_taken_over_once() {
    for (version, sql) in OLD {
        let sandbox = old(sql);
        let before = sandbox.store();
        sandbox.run(["list"]).exits(0).prints("");
        assert_eq!(sandbox.store(), before, "looking takes nothing over");
        sandbox.scan().succeeds().prints("").complains(
            "took over PyFilter's database: 2 bans, 0 more in the history; the old file is kept as state/PyFilter.db.pyfilter",
        );
        let copy = std::fs::read(sandbox.state("PyFilter.db.pyfilter")).unwrap();
        assert_eq!(copy, before, "{version}");
        assert_eq!(sandbox.banned(), [OTHER, ATTACKER], "{version}");
        let snapshot = sandbox.read("state/blacklist.v4");
        assert_eq!(snapshot.matches("-A PYFILTER -s ").count(), 2, "{snapshot}");
        let tree = sandbox.tree().into_keys().collect::<Vec<PathBuf>>();
        sandbox.scan().exits(0).prints("");
        assert_eq!(
            sandbox.tree().into_keys().collect::<Vec<_>>(),
            tree,
            "no second copy"
        );
    }
}

#[test]
fn what_the_blacklist_no_longer_holds_goes_to_the_history() {
    for (version, sql) in OLD {
        for place in ["state/blacklist.v4", "state/Config/blacklist.v4"] {
            let sandbox = old(sql);
            sandbox.file(place, DUMP);
            sandbox
                .scan()
                .succeeds()
                .prints("")
                .warns("took over PyFilter's database: 1 ban, 1 more in the history");
            assert_eq!(sandbox.banned(), [ATTACKER], "{version} {place}");
            assert_eq!(sandbox.said_of(OTHER), "is not banned, but was.");
            sandbox.scan().exits(0).prints("");
        }
    }
}

#[test]
fn who_was_unbanned_as_the_tutorial_says_is_not_banned_again_for_what_the_log_still_holds() {
    let sandbox = old(OLD[3].1);
    sandbox.file("state/Config/blacklist.v4", DUMP);
    sandbox.append("auth.log", failures(OTHER, 9));
    sandbox
        .scan()
        .succeeds()
        .prints("")
        .warns("took over PyFilter's database");
    assert_eq!(sandbox.banned(), [ATTACKER]);
}

#[test]
fn times_and_texts_of_the_old_database_are_kept() {
    let sandbox = old(OLD[3].1);
    sandbox.scan().succeeds();
    let list = sandbox.run(["list", "--json"]).exits(0).json();
    let ban = &list["bans"][1];
    assert_eq!(ban["time"], "2018-03-22T14:18:18Z");
    assert_eq!(ban["server"], "Server-1");
    // It had the name alone.
    assert_eq!(
        (&ban["country_name"], &ban["country"]),
        (&json!("China"), &json!(null))
    );
    assert_eq!(ban["reason"], "IP: 203.0.113.9 has been blacklisted");
    assert_eq!(
        (&ban["rule"], &ban["expires"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(list["bans"][0]["country"], json!(null));
}

#[test]
fn junk_in_the_old_database_is_named_and_stops_nothing() {
    let sandbox = old("CREATE TABLE banned_ip (id INTEGER PRIMARY KEY, ip text, time_banned integer, server_name text, log_msg text, country text);
         INSERT INTO banned_ip(ip, time_banned, log_msg, country) VALUES
           ('203.0.113.9', 1521728298.5, NULL, NULL), ('203.0.113.9', 1, NULL, NULL), ('::ffff:203.0.113.9', 2, NULL, NULL),
           ('2001:DB8:0::9', 'yesterday', X'ff00', 5), (' 198.51.100.7 ', 9e300, CAST(X'ff' AS TEXT), NULL),
           ('127.0.0.1', -5, '', ''), (X'fffe', NULL, NULL, NULL), (NULL, NULL, NULL, NULL), ('', NULL, NULL, NULL), (5, 5, 5, 5),
           ('::/0', 1, NULL, NULL), ('10.0.0.0/8', 1, NULL, NULL), ('999.1.1.1', 1, NULL, NULL), (char(27) || '[2J', 1, NULL, NULL);");
    let refused = ["", "5", "::/0", "10.0.0.0/8", "999.1.1.1", r"\x1b[2J"];
    let ran = refused.iter().fold(sandbox.scan().exits(1), |ran, text| {
        ran.warns(&format!(
            "`{text}` in PyFilter's database is no address and was left out"
        ))
    });
    ran.says("Un-banned IP: 127.0.0.1, it is never to be banned.")
        .bans([]);
    assert_eq!(sandbox.banned(), [OTHER, ATTACKER, "2001:db8::9"]);
    let list = sandbox.run(["list", "--json"]).exits(0).json();
    assert_eq!(
        list["bans"][1]["time"], "2018-03-22T14:18:18Z",
        "the first row of an address speaks"
    );
    sandbox.scan().exits(0).prints("");
}

#[test]
fn pyfilter_admin_reads_what_it_always_read() {
    let sandbox = old(OLD[3].1);
    sandbox.append("auth.log", failures("198.51.100.9", 5));
    sandbox.scan().succeeds().bans(["198.51.100.9"]);
    sandbox.run(["ban", "2001:db8::9"]).exits(0);
    sandbox.run(["ban", "--for", "10m", ATTACKER]).exits(0);
    let database = sandbox.database();
    let rows = |sql: &str| {
        let mut select = database.prepare(sql).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns)
                .map(|n| row.get::<_, rusqlite::types::Value>(n))
                .collect::<Result<Vec<_>, _>>()
        };
        select
            .query_map([], row)
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
    };
    let text = |text: &str| rusqlite::types::Value::Text(text.to_owned());
    let number = rusqlite::types::Value::Integer;
    let recent = rows(
        "SELECT ip, server_name, time_banned FROM banned_ip WHERE time_banned > 1600000000 ORDER BY id DESC",
    );
    assert_eq!(recent[0][..2], [text("2001:db8::9"), text("web1")]);
    assert_eq!(
        recent[1],
        [text("198.51.100.9"), text("web1"), number(1_774_137_604)]
    );
    assert_eq!(
        rows("SELECT COUNT(id) FROM banned_ip"),
        [[number(4)]],
        "an address has one row"
    );
    let countries =
        rows("SELECT COUNT(id) as c, country FROM banned_ip GROUP BY country ORDER BY c DESC");
    assert_eq!(
        countries,
        [[number(3), text("")], [number(1), text("China")]]
    );
    let one =
        rows("SELECT time_banned, server_name, log_msg FROM banned_ip WHERE ip = '203.0.113.9'");
    assert_eq!(
        one,
        [[
            number(1_521_728_298),
            text("Server-1"),
            text("IP: 203.0.113.9 has been blacklisted")
        ]],
        "the first ban speaks"
    );
    sandbox.run(["unban", "--all"]).exits(0);
    assert_eq!(rows("SELECT COUNT(id) FROM banned_ip"), [[number(0)]]);
}

// --- Killed in the middle.

/// A world whose run was killed while it wrote its commit into the database.
fn killed_in_its_commit() -> Sandbox {
    let sandbox = banned();
    let database = sandbox.database();
    database
        .execute_batch(
            "PRAGMA cache_size = 2; BEGIN IMMEDIATE; DELETE FROM banned_ip; UPDATE ban SET lifted = 1; DELETE FROM open_window;
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
             INSERT INTO banned_ip(ip, time_banned, server_name, log_msg, country) SELECT 'x' || n, n, 'half', 'written', '' FROM n;",
        )
        .unwrap();
    let names = ["state/PyFilter.db", "state/PyFilter.db-journal"];
    let half_written = names.map(|name| std::fs::read(sandbox.path(name)).unwrap());
    // Who is killed does not roll back; this connection does.
    drop(database);
    for (name, bytes) in names.into_iter().zip(half_written) {
        sandbox.file(name, bytes);
    }
    assert!(
        sandbox.store().len() > 100_000,
        "the database itself is half written"
    );
    sandbox
}

#[test]
fn a_store_that_was_cut_off_in_a_commit_is_read_without_changing_a_byte() {
    let sandbox = killed_in_its_commit();
    let before = sandbox.tree();
    assert_eq!(sandbox.banned(), [ATTACKER]);
    assert_eq!(sandbox.said_of(ATTACKER), "is banned.");
    sandbox.run(["scan", "--dry-run"]).exits(0).prints("");
    assert!(sandbox.tree() == before, "nothing has changed");
}

#[test]
fn a_store_that_was_cut_off_in_a_commit_is_repaired_by_the_next_run() {
    let sandbox = killed_in_its_commit();
    sandbox.append("auth.log", failure(OTHER, 3) + &failure(OTHER, 4));
    sandbox.scan().exits(0).bans([OTHER]);
    assert_eq!(sandbox.banned(), [OTHER, ATTACKER]);
    assert!(!sandbox.state("PyFilter.db-journal").exists());
}

#[test]
fn what_was_committed_and_not_told_is_told_by_the_next_run() {
    for words in [
        &["scan"][..],
        &["scan", "--json"],
        &["unban", "198.51.100.99"],
    ] {
        let sandbox = banned();
        std::fs::remove_dir_all(sandbox.state("Logs")).unwrap();
        // As a run leaves it that is killed behind its commit.
        sandbox
            .database()
            .execute("INSERT INTO untold(ban) SELECT id FROM ban", [])
            .unwrap();
        sandbox.run(["list"]).exits(0);
        sandbox.run(words).exits(0).says(ATTACKER);
        assert!(
            sandbox
                .read("state/Logs/2026-Mar/2026-03-22/2026-03-22 00.log")
                .contains(ATTACKER)
        );
        sandbox.scan().exits(0).prints("");
    }
}

// --- Dry runs.

#[test]
fn a_dry_run_changes_nothing() {
    let new = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let grown = banned();
    grown.append("auth.log", failures(OTHER, 5) + "half a line");
    let edited = banned();
    let snapshot = edited.read("state/blacklist.v4");
    edited.file(
        "state/blacklist.v4",
        snapshot.replace(ATTACKER, "198.51.100.8"),
    );
    let broken = banned();
    broken.file("state/blacklist.v4", "nonsense");
    let taken = old(OLD[2].1);
    for sandbox in [new, grown, edited, broken, taken, killed_in_its_commit()] {
        let before = sandbox.tree();
        for words in [
            &["scan", "--dry-run"][..],
            &["scan", "--dry-run", "--json"],
            &["scan", "--dry-run", "auth.log"],
            &["list"],
            &["explain", ATTACKER],
            &["match", "--rule", "ssh", "auth.log"],
            &["check"],
        ] {
            sandbox.run(words);
            assert!(sandbox.tree() == before, "{words:?} changed something");
        }
    }
}

#[test]
fn a_dry_run_shows_what_the_run_does() {
    let sandbox = banned();
    let snapshot = sandbox.read("state/blacklist.v4");
    sandbox.file(
        "state/blacklist.v4",
        snapshot.replace(ATTACKER, "198.51.100.8"),
    );
    sandbox.append("auth.log", failures(OTHER, 5));
    let addresses = |json: &serde_json::Value, of: &str| {
        let rows = json[of].as_array().unwrap().iter();
        rows.map(|row| row["ip"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let shown = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
    let done = sandbox.scan_json();
    assert_eq!(addresses(&shown, "unbans"), [ATTACKER]);
    let mut bans = [addresses(&shown, "bans"), addresses(&done, "bans")];
    for bans in &mut bans {
        bans.sort();
    }
    assert_eq!(bans[0], [OTHER, "198.51.100.8"]);
    assert_eq!(bans[0], bans[1]);
    assert_eq!(addresses(&done, "unbans"), [ATTACKER]);
    assert_eq!(shown["sources"], done["sources"]);
}

// --- History.

#[test]
fn a_ban_of_years_ago_is_told_though_it_is_over() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures(ATTACKER, 5).replace("2026-", "2018-"))
        .log("web.log", "");
    let web = json!({ "log_files": sandbox.path("web.log"), "ban_time": -1 });
    let sandbox = sandbox
        .set("/settings/ban_time", "10m")
        .set("/settings/rules/apache", web);
    sandbox.append(
        "web.log",
        "203.0.113.7 - - [22/Mar/2018:14:18:18 +0000] \"POST /login/ HTTP/1.1\" 200 512\n"
            .repeat(5),
    );
    sandbox.scan().exits(0).bans([ATTACKER, "203.0.113.7"]);
    assert_eq!(sandbox.banned(), ["203.0.113.7"], "the other one is over");
    // Within its ten minutes it filled no window, though that is read only now.
    sandbox.append("auth.log", failures(ATTACKER, 9).replace("2026-", "2018-"));
    sandbox.run(["ban", OTHER]).exits(0);
    sandbox.scan().exits(0).prints("");
}

// --- Pinned.

#[test]
fn the_schema_is_what_was_released() {
    let sandbox = banned();
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap();
    let statements: Result<Vec<String>, _> =
        select.query_map([], |row| row.get(0)).unwrap().collect();
    golden("schema.sql", &(statements.unwrap().join(";\n\n") + ";\n"));
    let version: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 2);
}

#[test]
fn the_document_of_a_scan_is_what_was_released() {
    let sandbox = Sandbox::new().log(
        "auth.log",
        failures(ATTACKER, 5) + &failures("2001:db8::9", 5),
    );
    let logs = json!([sandbox.path("auth.log"), sandbox.path("missing.log")]);
    let sandbox = sandbox
        .set("/settings/rules/ssh/log_files", logs)
        .set("/settings/ban_time", "52w");
    let dir = format!("{}/", sandbox.path("").display());
    let said = sandbox.run(["scan", "--json"]).exits(1).stdout();
    golden("scan.json", &said.replace(&dir.replace("//", "/"), "/"));
}

/// `fixtures/db/1.sqlite`: five failures of 203.0.113.9 and three of
/// 198.51.100.7, then `ban --for 5200w 2001:db8::9`, `ban 198.51.100.8` and
/// `unban 198.51.100.8`, by the version that first had this schema.
#[test]
fn a_store_of_the_first_version_still_opens() {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox.put_store(std::fs::read(fixture("db/1.sqlite")).unwrap());
    assert_eq!(sandbox.banned(), [ATTACKER, "2001:db8::9"]);
    assert_eq!(sandbox.said_of("198.51.100.8"), "is not banned, but was.");
    sandbox.append("auth.log", failure(OTHER, 3) + &failure(OTHER, 4));
    sandbox.scan().exits(0).bans([OTHER]);
    assert_eq!(sandbox.banned(), [OTHER, ATTACKER, "2001:db8::9"]);
}
