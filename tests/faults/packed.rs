//! Compressed files that are broken, or too good to be true.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde_json::Value;

use crate::kit::{Sandbox, failure, failures, fixture};

const ATTACKER: &str = "203.0.113.9";

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// A rule over a log and the generations of it that a glob names.
fn named() -> Sandbox {
    let sandbox = Sandbox::new();
    let glob = sandbox.path("auth.log*").to_str().unwrap().to_owned();
    sandbox
        .set("/settings/rules/ssh/log_files", glob)
        .log("auth.log", failures("198.51.100.1", 5))
}

fn failures_of(run: &Value, name: &str) -> u64 {
    let rows = run["sources"].as_array().unwrap();
    let is = |row: &&Value| row["path"].as_str().unwrap().ends_with(name);
    rows.iter()
        .filter(is)
        .map(|row| row["failures"].as_u64().unwrap())
        .sum()
}

#[test]
fn what_the_programs_of_debian_pack_is_read() {
    for ending in ["gz", "bz2", "xz", "zst"] {
        let sandbox = named();
        let packed = fs::read(fixture("packed").join(format!("auth.log.{ending}"))).unwrap();
        // Two of them behind one another are one file, too.
        sandbox.file(
            &format!("auth.log.2.{ending}"),
            [&packed[..], &packed].concat(),
        );
        let run = sandbox.scan_json();
        assert_eq!(failures_of(&run, ending), 10, "{ending}: {run}");
        let banned = sandbox.banned();
        assert_eq!(banned.len(), 2, "{ending}: {banned:?}");
        sandbox.scan().exits(0).prints("");
        // Nor does a name say whether a file is compressed.
        let sandbox = named();
        sandbox.file("auth.log.1", &packed);
        let run = sandbox.scan_json();
        assert_eq!(failures_of(&run, "auth.log.1"), 5, "{ending}: {run}");
    }
}

#[test]
fn a_packed_file_that_is_cut_anywhere_is_named_and_counts_as_far_as_it_goes() {
    for ending in ["gz", "bz2", "xz", "zst"] {
        let sandbox = Sandbox::new();
        let glob = sandbox.path("logs/*").to_str().unwrap().to_owned();
        let sandbox = sandbox.set("/settings/rules/ssh/log_files", glob);
        let packed = fs::read(fixture("packed").join(format!("auth.log.{ending}"))).unwrap();
        for end in 0..=packed.len() {
            sandbox.file(&format!("logs/cut-{end}x"), &packed[..end]);
        }
        let ran = sandbox.run(["scan", "--json"]).exits(1);
        let (said, run) = (ran.stderr(), ran.json());
        for end in 0..=packed.len() {
            let name = format!("cut-{end}x");
            let found = failures_of(&run, &name);
            let told = said.contains(&format!("logs/{name}: could not be read beyond byte"));
            // Shorter than its magic number it is a log without a whole line.
            let whole = end == packed.len();
            let is_packed =
                end >= 6 || (end >= 4 && ending != "xz") || (end >= 2 && ending == "gz");
            assert_eq!(told, is_packed && !whole, "{ending} {name}: {said}");
            assert!(
                found <= 5 && (!whole || found == 5),
                "{ending} {name}: {found}"
            );
        }
        // Nothing has changed, so nothing is told or counted again.
        sandbox.scan().exits(0).prints("");
    }
}

#[test]
fn what_is_not_what_its_name_says_is_read_for_what_it_is() {
    let sandbox = named();
    sandbox.file("auth.log.5.gz", failures(ATTACKER, 3));
    sandbox.file("auth.log.4.gz", "");
    let run = sandbox.scan_json();
    assert_eq!(failures_of(&run, ".5.gz"), 3, "{run}");
    assert_eq!(sandbox.banned(), ["198.51.100.1"]);
}

#[test]
fn garbage_behind_what_is_packed_is_told_and_what_stands_before_it_counts() {
    let sandbox = named();
    let garbage = [gzip(failures(ATTACKER, 5).as_bytes()), b"garbage".to_vec()].concat();
    sandbox.file("auth.log.3.gz", garbage);
    sandbox.file("auth.log.2.gz", &gzip(b"nothing\n")[..10]);
    let padded = [gzip(failures("198.51.100.2", 5).as_bytes()), vec![0; 512]].concat();
    sandbox.file("auth.log.1.gz", padded);
    let ran = sandbox
        .run(["scan", "--json"])
        .exits(1)
        .warns("auth.log.3.gz: could not be read beyond byte 485: ")
        .warns("auth.log.2.gz: could not be read beyond byte 0: ");
    let run = ran.json();
    assert_eq!(failures_of(&run, ".3.gz"), 5, "{run}");
    assert_eq!(failures_of(&run, ".1.gz"), 5, "{run}");
    assert_eq!(run["bans"].as_array().unwrap().len(), 3, "{run}");
}

/// Members of a megabyte each, until there are `mib`.
fn bomb(text: &[u8], mib: usize) -> Vec<u8> {
    let text: Vec<u8> = text.iter().copied().cycle().take(1 << 20).collect();
    gzip(&text).repeat(mib)
}

#[test]
fn bombs_take_little_memory() {
    for (what, text, mib) in [
        ("zeros", &b"\0"[..], 1024),
        ("short lines", b"x\n", 64),
        ("newlines", b"\n", 64),
    ] {
        let sandbox = named().within(256);
        sandbox.file("auth.log.1.gz", bomb(text, mib));
        let ran = sandbox.run(["scan", "--json"]);
        println!("{what}: {}", ran.stderr());
        let run = ran.json();
        assert_eq!(run["bans"][0]["ip"], "198.51.100.1", "{what}");
        let rows = run["sources"].as_array().unwrap();
        let bomb = rows
            .iter()
            .find(|row| row["path"].as_str().unwrap().ends_with(".1.gz"));
        let read = bomb.unwrap()["to"].as_u64().unwrap();
        // Of zeros there is not one whole line.
        let lines = if what == "zeros" { 0 } else { 64 << 20 };
        assert_eq!(read, lines, "{what}: it was read to its end");
    }
}

#[test]
fn a_bomb_in_a_bomb_is_opened_once() {
    let sandbox = named().within(256);
    sandbox.file(
        "auth.log.1.gz",
        gzip(&gzip(failures(ATTACKER, 5).as_bytes())),
    );
    sandbox.scan().exits(0).bans(["198.51.100.1"]);
}

#[test]
fn one_failure_behind_much_else_is_found() {
    let sandbox = named().within(256);
    let text = [bomb(b"x\n", 16), gzip(failure(ATTACKER, 9).as_bytes())].concat();
    sandbox.file("auth.log.1.gz", text);
    assert_eq!(failures_of(&sandbox.scan_json(), ".1.gz"), 1);
}

#[test]
fn a_file_that_is_still_being_packed_is_read_on_later() {
    let sandbox = Sandbox::new().log("auth.log", failure(ATTACKER, 0));
    sandbox.scan_json();
    let text: String = (1..400)
        .map(|n| failure(&format!("198.51.100.{}", n % 9), n))
        .collect();
    sandbox.append("auth.log", &text);
    let whole = gzip(&fs::read(sandbox.path("auth.log")).unwrap());
    fs::remove_file(sandbox.path("auth.log")).unwrap();
    sandbox.file("auth.log", "");
    // gzip removes the plain file at the end; here it was moved away before.
    let mut counted = 0;
    for end in [
        whole.len() / 3,
        whole.len() / 2,
        whole.len() - 1,
        whole.len(),
    ] {
        sandbox.file("auth.log.1.gz", &whole[..end]);
        counted += failures_of(&sandbox.run(["scan", "--json"]).json(), ".1.gz");
    }
    assert_eq!(counted, 399);
    sandbox.scan().exits(0).prints("");
}

/// A gzip file whose header has a time: that of its content.
pub(crate) fn gzip_of(text: &str, modified: u32) -> Vec<u8> {
    let mut packed = GzBuilder::new()
        .mtime(modified)
        .write(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Sets when a file was last written, as `date` knows it.
pub(crate) fn written(sandbox: &Sandbox, name: &str, date: &str) {
    let mut touch = Command::new("touch");
    touch
        .env("TZ", "UTC")
        .args(["-d", date])
        .arg(sandbox.path(name));
    assert!(touch.status().unwrap().success());
}
