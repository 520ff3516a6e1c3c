//! Rows of the store that hold what nobody wrote: bits rot, and people edit.
//! Each command tells it or does without; none ends in the middle.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::kit::{Chance, Sandbox, failure, failures};

const ATTACKER: &str = "203.0.113.9";
const OTHER: &str = "198.51.100.7";

impl Sandbox {
    fn edit_store(&self, edit: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        let database = Connection::open(self.state("PyFilter.db")).unwrap();
        database.execute(edit, values)
    }
}

/// A store of which each table has a row, and a log that has grown since.
fn full() -> Sandbox {
    let sandbox = Sandbox::new()
        .log("auth.log", failures(ATTACKER, 5) + &failures(OTHER, 3))
        .set("/settings/ban_time", "52w");
    sandbox.scan().exits(0);
    sandbox.run(["ban", "192.0.2.7"]).exits(0);
    sandbox.run(["ban", "192.0.2.8"]).exits(0);
    sandbox.run(["unban", "192.0.2.8"]).exits(0);
    for row in [
        "UPDATE open_window SET earlier = failures",
        "INSERT INTO untold(ban) SELECT id FROM ban",
        "INSERT INTO untold(ip, cause, at) VALUES ('192.0.2.8', 'manual', 1774137600)",
        "INSERT INTO outbox(ip, at, server, ends, reason, country, longer) VALUES ('203.0.113.9', 1774137600, 'web1', 1874137600, 'why', '', 0)",
        "INSERT INTO stood VALUES ('203.0.113.9', 'web1', '2026-03-22 00:00:00', '203.0.113.9')",
        "INSERT INTO lifted VALUES ('192.0.2.8', 'web1', '2026-03-22 00:00:00', '192.0.2.8', 1774137600, NULL)",
        "INSERT INTO heard VALUES ('0011', 7, 1774137600)",
        "INSERT INTO odd VALUES (7, 1774137600)",
        "INSERT INTO journal VALUES ('ssh', 'journal:ssh.service', 's=7', 1774137600, 0)",
    ] {
        sandbox.edit_store(row, []).unwrap();
    }
    sandbox.append("auth.log", failure(OTHER, 3) + &failure(ATTACKER, 9));
    sandbox
}

/// Every command does something, or says what is wrong.
fn no_command_panics(sandbox: &Sandbox, what: &str) {
    let before = std::fs::read(sandbox.state("PyFilter.db")).unwrap();
    for words in [
        &["list", "--json"][..],
        &["explain", ATTACKER],
        &["explain", OTHER],
        &["scan", "--dry-run"],
        &["check"],
        &["scan"],
        &["unban", OTHER],
        &["unban", "--all"],
    ] {
        let ran = sandbox.run(words);
        let said = ran.stderr();
        assert!(
            matches!(ran.status(), Some(0 | 1)),
            "{what}: {words:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{what}: {words:?}: {said}");
        sandbox.file("state/PyFilter.db", &before);
    }
}

#[test]
fn a_cursor_that_is_to_be_known_by_more_than_was_read_is_told() {
    for length in [i64::MAX, -1, 1 << 40, 1025] {
        let sandbox = full();
        let edit = "UPDATE generation SET tail_length = ?";
        sandbox.edit_store(edit, [length]).unwrap();
        sandbox
            .scan()
            .exits(1)
            .prints("")
            .warns("state/PyFilter.db: the store is damaged (");
        no_command_panics(&sandbox, "tail_length");
    }
    let sandbox = full();
    let edit = "UPDATE generation SET offset = 3, head = zeroblob(200)";
    sandbox.edit_store(edit, []).unwrap();
    sandbox.scan().exits(1).warns("the store is damaged (");
}

#[test]
fn times_that_no_clock_shows_are_told_and_not_reckoned_with() {
    for edit in [
        "UPDATE ban SET at = 9223372036854775807",
        "UPDATE ban SET ends = -9223372036854775808",
        "UPDATE ban SET nanos = 4000000000",
        "UPDATE ban SET failures = -1",
        "UPDATE rule SET newest = -9223372036854775808, swept = 9223372036854775807",
        "UPDATE cleared SET at = 9223372036854775807",
        "UPDATE generation SET seen = 9223372036854775807",
    ] {
        let sandbox = full();
        sandbox.edit_store(edit, []).unwrap();
        no_command_panics(&sandbox, edit);
    }
}

#[test]
fn whatever_stands_in_a_row_no_command_panics() {
    let sandbox = full();
    let whole = std::fs::read(sandbox.state("PyFilter.db")).unwrap();
    let columns: Vec<(String, String)> = {
        let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
        let select = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
                      WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'";
        let mut select = database.prepare(select).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    assert!(columns.len() > 80, "{}", columns.len());
    let mut chance = Chance::new("rows");
    let pick =
        |chance: &mut Chance, count: usize| usize::try_from(chance.below(count as u64)).unwrap();
    let mut done = 0;
    while done < 24 {
        let (table, column) = &columns[pick(&mut chance, columns.len())];
        let blob = {
            let length = pick(&mut chance, 40);
            let byte = |_| u8::try_from(chance.below(256)).unwrap();
            let mut bytes: Vec<u8> = (0..length).map(byte).collect();
            if let Some(first) = bytes.first_mut() {
                *first = 1 + (*first & 1);
            }
            bytes
        };
        let values = [
            Value::Null,
            Value::Integer(-1),
            Value::Integer(0),
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Integer(1 << 39),
            Value::Integer(i64::from(u32::MAX)),
            Value::Real(1.5),
            Value::Text(String::new()),
            Value::Text("\u{1b}[2J".repeat(99)),
            Value::Blob(blob.clone()),
            Value::Blob(blob),
        ];
        let value = &values[pick(&mut chance, values.len())];
        sandbox.file("state/PyFilter.db", &whole);
        let edit = format!("UPDATE OR IGNORE \"{table}\" SET \"{column}\" = ?");
        if sandbox.edit_store(&edit, [value]).is_ok() {
            no_command_panics(&sandbox, &format!("{table}.{column} = {value:?}"));
            done += 1;
        }
    }
}
