//! A store that somebody or something has damaged: rows with other values, or
//! other bytes in the file. Every command says what is wrong and ends.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use clap::Parser as _;
use fuzz::{Input, files};
use libfuzzer_sys::fuzz_target;
use pyfilter::app::{self, Exit};
use pyfilter::cli::Cli;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// A store as some runs leave it: bans, history, open windows, cursors.
static STORE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let log = files::holding("auth.log", LOG.as_bytes());
    // A generation that was read, and what came after it.
    std::fs::write(files::path("auth.log.1"), OLD).expect("a temporary file");
    let settings = format!(
        r#"{{"settings": {{"server_name": "web-1", "reload_iptables": false, "firewall": {{"backend": "none"}},
            "rules": {{"ssh": {{"log_files": {log:?}}}}}}}, "logging": {{"active": false}}}}"#
    );
    files::holding("config.json", settings.as_bytes());
    std::fs::create_dir_all(files::path("state")).expect("a temporary directory");
    for command in [
        &["scan"][..],
        &["unban", "203.0.113.13"],
        &["ban", "198.51.100.9"],
    ] {
        assert_ne!(pyfilter(command), Exit::Usage, "{command:?}");
    }
    let more = [
        LOG,
        "Nov 22 10:00:00 vm sshd[9]: Invalid user x from 203.0.113.99 port 1\n",
    ]
    .concat();
    std::fs::write(&log, more).expect("a temporary file");
    assert_eq!(pyfilter(&["scan"]), Exit::Done);
    std::fs::read(store()).expect("a store")
});

const LOG: &str = include_str!("../../fixtures/logs/bookworm-auth-classic.log");
const OLD: &str = "Nov 21 10:00:00 vm sshd[9]: Invalid user x from 203.0.113.98 port 1\n";

fn store() -> std::path::PathBuf {
    files::path("state/PyFilter.db")
}

fn pyfilter(command: &[&str]) -> Exit {
    let (config, state) = (files::path("config.json"), files::path("state"));
    let global = [
        "pyfilter",
        "-q",
        "-c",
        config.to_str().expect("a path of ours"),
    ];
    let state = ["--state-dir", state.to_str().expect("a path of ours")];
    let words = global.iter().chain(&state).chain(command);
    app::main(&Cli::parse_from(words))
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let whole = &*STORE;
    let is_raw = input.byte() % 4 == 0;
    let which = input.byte();
    if is_raw {
        let mut bytes = whole.clone();
        while !input.is_empty() {
            let at = (input.short() << 4 | usize::from(input.byte())) % bytes.len();
            let patch = input.field();
            let end = bytes.len().min(at + patch.len());
            bytes[at..end].copy_from_slice(&patch[..end - at]);
        }
        put(&bytes);
    } else {
        put(whole);
        damage(&store(), &mut input);
    }
    let commands: [&[&str]; 6] = [
        &["scan"],
        &["list", "--json"],
        &["explain", "203.0.113.14"],
        &["explain", "203.0.113.99", "--json"],
        &["unban", "203.0.113.14"],
        &["scan", "--dry-run"],
    ];
    // What the first leaves the second meets.
    for command in [
        commands[usize::from(which) % 6],
        commands[usize::from(which / 6) % 6],
    ] {
        assert_ne!(pyfilter(command), Exit::Usage, "{command:?}");
    }
});

/// Puts the store's file in place, without what a run left beside it.
fn put(bytes: &[u8]) {
    for name in ["PyFilter.db-journal", "blacklist.v4", "blacklist.v6"] {
        let _ = std::fs::remove_file(files::path("state").join(name));
    }
    std::fs::write(store(), bytes).expect("a temporary file");
}

/// Sets values of rows to others: any type, any size, in any table.
fn damage(store: &Path, input: &mut Input<'_>) {
    let connection = Connection::open(store).expect("a store");
    let _ = connection.pragma_update(None, "synchronous", "OFF");
    let tables = names(
        &connection,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    while !input.is_empty() {
        let table = &tables[usize::from(input.byte()) % tables.len()];
        let columns = names(
            &connection,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        );
        let column = &columns[usize::from(input.byte()) % columns.len()];
        let row = usize::from(input.byte());
        let value = match input.byte() % 6 {
            0 => Value::Null,
            1 => Value::Integer(input.long()),
            2 => Value::Integer(
                [0, -1, 1, i64::MAX, i64::MIN, 1 << 32][usize::from(input.byte()) % 6],
            ),
            3 => Value::Real(f64::from_bits(input.long().cast_unsigned())),
            4 => Value::Text(String::from_utf8_lossy(input.field()).into_owned()),
            _ => Value::Blob(input.field().to_vec()),
        };
        // With the primary key of that row. What the schema forbids is not done.
        let keys = names(
            &connection,
            &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"),
        );
        let key = if keys.is_empty() {
            "rowid".to_owned()
        } else {
            format!("({})", keys.join(", "))
        };
        let chosen = if keys.is_empty() {
            key.clone()
        } else {
            keys.join(", ")
        };
        let update = format!(
            "UPDATE OR IGNORE {table} SET {column} = ?1 WHERE {key} = \
             (SELECT {chosen} FROM {table} LIMIT 1 OFFSET {row} % max(1, (SELECT count(*) FROM {table})))"
        );
        let _ = connection.execute(&update, params_from_iter([value]));
    }
}

fn names(connection: &Connection, select: &str) -> Vec<String> {
    let mut select = connection.prepare(select).expect("a statement");
    let names = select.query_map([], |row| row.get(0)).expect("rows");
    names.collect::<Result<_, _>>().expect("names")
}
