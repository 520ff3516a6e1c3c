//! The one line that says what a run came to.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use crate::kit::{Sandbox, failures};

#[test]
fn who_asks_for_it_is_told_what_a_run_came_to() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 7));
    sandbox
        .run(["scan", "-v", "--dry-run"])
        .exits(0)
        .says("Would be: sources 1, failures 7, bans 1, un-bans 0, problems 0.\n");

    let told = sandbox.run(["scan", "-v"]).exits(0).stdout();
    assert!(
        told.ends_with("\nDone: sources 1, failures 7, bans 1, un-bans 0, problems 0.\n"),
        "{told}"
    );
    let told = sandbox.run(["scan", "-v"]).exits(0).stdout();
    assert!(
        told.ends_with("\nDone: sources 1, failures 0, bans 0, un-bans 0, problems 0.\n"),
        "{told}"
    );
    let told = sandbox
        .run(["unban", "-v", "203.0.113.9"])
        .exits(0)
        .stdout();
    assert!(
        told.ends_with("\nDone: sources 0, failures 0, bans 0, un-bans 1, problems 0.\n"),
        "{told}"
    );
    assert!(!sandbox.scan().stdout().contains("Done:"));
}

/// What a run prints into the journal: a file whose device and inode the
/// service's environment names.
fn into_journal(sandbox: Sandbox) -> (Sandbox, String) {
    let path = sandbox.path("journal");
    let file = File::create(&path).unwrap();
    let metadata = file.metadata().unwrap();
    let stream = format!("{}:{}", metadata.dev(), metadata.ino());
    let sandbox = sandbox.env("JOURNAL_STREAM", &stream);
    sandbox.run_into(["scan"], file, std::process::Stdio::null());
    let told = sandbox.read("journal");
    (sandbox, told)
}

#[test]
fn the_journal_has_it_when_something_happened() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    let (sandbox, told) = into_journal(sandbox);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert_eq!(
        lines[1],
        "Done: sources 1, failures 5, bans 1, un-bans 0, problems 0."
    );
    sandbox.append("auth.log", failures("203.0.113.10", 2));
    let (sandbox, told) = into_journal(sandbox);
    assert_eq!(told, "", "two failures are nothing to tell");
    // The variable is inherited by programs that print elsewhere.
    sandbox.append("auth.log", failures("203.0.113.10", 5));
    let told = sandbox.scan().exits(0).stdout();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn runs_with_nothing_new_leave_nothing_behind() {
    let sandbox = Sandbox::new().log("auth.log", failures("203.0.113.9", 5));
    let sizes = |sandbox: &Sandbox| {
        let tree = sandbox.tree().into_iter();
        let sizes = tree.map(|(path, (_, bytes))| (path, bytes.len()));
        sizes.collect::<Vec<_>>()
    };
    sandbox.scan().exits(0);
    sandbox.scan().exits(0);
    let before = sizes(&sandbox);
    for _ in 0..200 {
        sandbox.scan().exits(0).prints("");
    }
    assert_eq!(sizes(&sandbox), before);
}
