//! A disk that is full, or read-only, at each write there is: the run says so
//! and which file it was, nothing is half done, and the next run with room
//! does all of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::kit::{Ran, Sandbox, failures};

/// A sandbox whose state directory is a file system of its own, in a mount
/// namespace of its own.
struct Disk {
    sandbox: Sandbox,
    namespace: Child,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.namespace.kill();
        let _ = self.namespace.wait();
    }
}

impl Disk {
    /// One of `size` KiB.
    fn new(size: u32) -> Self {
        Disk::within(size, |sandbox| sandbox)
    }

    /// The same, in a sandbox that is made otherwise.
    fn within(size: u32, prepare: impl FnOnce(Sandbox) -> Sandbox) -> Self {
        let sandbox = prepare(Sandbox::new()).log("auth.log", "");
        std::fs::create_dir(sandbox.path("state")).unwrap();
        let made = sandbox.path("made");
        let script = format!(
            "mount -t tmpfs -o size={size}k,mode=700 tmpfs '{}' && touch '{}' && exec sleep 600",
            sandbox.path("state").display(),
            made.display()
        );
        let mut unshare = Command::new("unshare");
        let namespace = unshare.args(["-m", "sh", "-c", &script]).spawn().unwrap();
        while !made.exists() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let id = namespace.id().to_string();
        let sandbox = sandbox.behind(&["nsenter", "-t", &id, "-m"]);
        Disk { sandbox, namespace }
    }

    /// Mounts it anew.
    fn remount(&self, options: &str) {
        let state = self.sandbox.path("state");
        let id = self.namespace.id().to_string();
        let mut mount = Command::new("nsenter");
        mount.args([
            "-t",
            &id,
            "-m",
            "mount",
            "-o",
            &format!("remount,{options}"),
        ]);
        assert!(mount.arg(state).status().unwrap().success(), "{options}");
    }

    /// Where we see its files.
    fn root(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.namespace.id());
        let state = self.sandbox.path("state");
        Path::new(&root).join(state.strip_prefix("/").unwrap())
    }

    /// How many KiB are in use.
    fn used(&self) -> u32 {
        let mut stat = Command::new("stat");
        let output = stat
            .args(["-f", "-c", "%b %f %S"])
            .arg(self.root())
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let numbers: Vec<u32> = text
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        (numbers[0] - numbers[1]) * (numbers[2] / 1024)
    }

    /// All that stands in its files whose path has `part`.
    fn text(&self, part: &str) -> String {
        let mut find = Command::new("find");
        find.arg(self.root()).args(["-type", "f", "-path"]);
        let output = find
            .arg(format!("*{part}*"))
            .args(["-exec", "cat", "{}", ";"]);
        String::from_utf8(output.output().unwrap().stdout).unwrap()
    }
}

fn attackers(from: u32, count: u32) -> BTreeSet<String> {
    let address = |n: u32| match n % 2 {
        0 => format!("198.51.100.{}", n + 1),
        _ => format!("2001:db8::{:x}", n + 1),
    };
    (from..from + count).map(address).collect()
}

fn log(attackers: &BTreeSet<String>) -> String {
    attackers
        .iter()
        .map(|address| failures(address, 5))
        .collect()
}

fn told(text: &str) -> BTreeSet<String> {
    let address = |line: &str| {
        line.split_once("Found IP: ")?
            .1
            .split(' ')
            .next()
            .map(str::to_owned)
    };
    text.lines().filter_map(address).collect()
}

/// A run without room: all is well, or it says which file could not be
/// written. What it has told, and whether it had all the room it wanted.
fn without_room(
    disk: &Disk,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> (BTreeSet<String>, bool) {
    let ran: Ran<'_> = disk.sandbox.scan();
    let (said, done) = (ran.stderr(), ran.status() == Some(0));
    let state = disk.sandbox.state("");
    assert_eq!(done, said.is_empty(), "{said}");
    assert!(
        done || ran.status() == Some(1)
            && said
                .lines()
                .all(|line| line.contains(state.to_str().unwrap())),
        "{:?} {said}",
        ran.status()
    );
    // All of it or none of it.
    let list: BTreeSet<String> = disk.sandbox.banned().into_iter().collect();
    assert!(list == *before || list == *after, "{list:?}");
    let told = told(&ran.stdout());
    assert!(told.is_empty() || list == *after, "told and not kept");
    (told, done)
}

/// A run with room does what is left to be done.
fn with_room(
    disk: &Disk,
    mut heard: BTreeSet<String>,
    new: &BTreeSet<String>,
    all: &BTreeSet<String>,
) {
    disk.remount("size=8m");
    heard.extend(told(&disk.sandbox.scan().exits(0).stdout()));
    assert_eq!(heard, *new, "told on standard output");
    assert_eq!(
        disk.sandbox.banned().into_iter().collect::<BTreeSet<_>>(),
        *all
    );
    assert_eq!(told(&disk.text("/Logs/")), *all, "told in the event log");
    let shown = disk.text("/blacklist.v");
    for address in all {
        assert!(
            shown.contains(&format!("-s {address}")),
            "{address} in {shown}"
        );
    }
    disk.sandbox.scan().exits(0).prints("");
    let left = disk.text("*.new");
    assert!(left.is_empty(), "{left}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_first_run_on_a_disk_that_is_full_is_done_by_the_next() {
    let (none, all) = (BTreeSet::new(), attackers(0, 40));
    let mut sizes = Vec::new();
    for size in (4..).step_by(4) {
        println!("a disk of {size} KiB");
        let disk = Disk::new(size);
        disk.sandbox.file("auth.log", log(&all));
        let (heard, done) = without_room(&disk, &none, &all);
        with_room(&disk, heard, &all, &all);
        if done {
            break;
        }
        sizes.push(size);
    }
    assert!(sizes.len() > 10, "{sizes:?}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_later_run_on_a_disk_that_is_full_is_done_by_the_next() {
    let (before, new) = (attackers(0, 20), attackers(20, 220));
    let all: BTreeSet<String> = before.union(&new).cloned().collect();
    let mut rooms = Vec::new();
    for room in (0..).step_by(4) {
        println!("room for {room} KiB");
        let disk = Disk::new(8192);
        disk.sandbox.file("auth.log", log(&before));
        disk.sandbox.scan().exits(0);
        disk.sandbox.append("auth.log", log(&new));
        disk.remount(&format!("size={}k", disk.used() + room));
        let (heard, done) = without_room(&disk, &before, &all);
        with_room(&disk, heard, &new, &all);
        if done {
            break;
        }
        rooms.push(room);
    }
    assert!(rooms.len() > 5, "{rooms:?}");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_disk_that_is_full_keeps_nobody_from_un_banning_for_long() {
    let all = attackers(0, 30);
    let last = all.last().unwrap();
    for room in (0..40).step_by(4) {
        let disk = Disk::new(8192);
        disk.sandbox.file("auth.log", log(&all));
        disk.sandbox.scan().exits(0);
        disk.remount(&format!("size={}k", disk.used() + room));
        disk.sandbox.run(["unban", last]);
        disk.remount("size=8m");
        disk.sandbox.run(["unban", last]).exits(0);
        assert!(!disk.sandbox.banned().contains(last), "room for {room} KiB");
        assert!(!disk.text("/blacklist.v").contains(&format!("{last}/")));
    }
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_state_directory_that_became_read_only_is_told_and_then_all_is_done() {
    let all = attackers(0, 4);
    let disk = Disk::new(8192);
    disk.sandbox.file("auth.log", log(&all));
    disk.remount("ro");
    let (heard, done) = without_room(&disk, &BTreeSet::new(), &all);
    assert!(heard.is_empty() && !done);
    disk.remount("rw");
    disk.sandbox.scan().exits(0);
    disk.sandbox.append("auth.log", log(&attackers(4, 4)));
    disk.remount("ro");
    let (heard, done) = without_room(&disk, &all, &all);
    assert!(heard.is_empty() && !done);
    disk.remount("rw");
    with_room(&disk, heard, &attackers(4, 4), &attackers(0, 8));
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_logs_may_be_read_only_and_the_event_log_fails_alone() {
    let disk = Disk::within(8192, |sandbox| {
        let events = sandbox.path("events").to_str().unwrap().to_owned();
        sandbox.set("/logging/directory", events)
    });
    let all = attackers(0, 4);
    // What is read-only is the other side: all but the state directory.
    disk.sandbox.file("auth.log", log(&all));
    let dir = disk.sandbox.path("");
    let id = disk.namespace.id().to_string();
    let script = format!(
        "mount --rbind '{0}' '{0}' && mount -o remount,ro,bind '{0}'",
        dir.display()
    );
    let mut mount = Command::new("nsenter");
    let mounted = mount
        .args(["-t", &id, "-m", "sh", "-c", &script])
        .status()
        .unwrap();
    assert!(mounted.success());
    let ran = disk.sandbox.scan().exits(1).warns("/events");
    assert_eq!(told(&ran.stdout()), all);
    assert_eq!(ran.stderr().lines().count(), 1, "{}", ran.stderr());
    let banned: BTreeSet<String> = disk.sandbox.banned().into_iter().collect();
    assert_eq!(banned, all);
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_a_store_of_3_0_0_on_a_disk_that_is_full_is_used_as_it_is_and_made_small_later() {
    let old = crate::bounds::old_store(11_000, 500);
    let new = attackers(0, 3);
    let (mut without, mut partly) = (0, 0);
    for room in [0u64, 8, 64, 256, 1024, 4096, 16_384] {
        println!("room for {room} KiB");
        let disk = Disk::new(200 << 10);
        disk.sandbox.file("auth.log", log(&new));
        std::fs::write(disk.root().join("PyFilter.db"), &old).unwrap();
        let room = u32::try_from(room).unwrap();
        disk.remount(&format!("size={}k", disk.used() + room));
        let banned = disk.sandbox.banned();
        let ran = disk.sandbox.scan();
        let said = ran.stderr();
        match ran.status() {
            Some(0) => {
                partly += u32::from(said.contains("since the disk is full; it is used as it is"));
            }
            Some(1) => {
                assert!(said.contains("/state/"), "{said}");
                assert!(
                    said.contains("disk is full") || said.contains("No space"),
                    "{said}"
                );
                without += 1;
            }
            _ => drop(ran.exits(0)),
        }
        // Whatever could be done, nothing that was banned is forgotten.
        let now: BTreeSet<String> = disk.sandbox.banned().into_iter().collect();
        assert!(banned.iter().all(|address| now.contains(address)));
        disk.remount("size=200m");
        for _ in 0..20 {
            if disk.sandbox.scan().succeeds().stderr().is_empty() {
                break;
            }
        }
        // For what did not fit there is another attempt an hour later.
        let (store, copy) = (
            disk.root().join("PyFilter.db"),
            disk.sandbox.path("copy.db"),
        );
        std::fs::copy(&store, &copy).unwrap();
        let later = "UPDATE meta SET value = value - 3600 WHERE key = 'vacuum'";
        let database = rusqlite::Connection::open(&copy).unwrap();
        database.execute(later, []).unwrap();
        drop(database);
        std::fs::copy(&copy, &store).unwrap();
        disk.sandbox.scan().exits(0);
        let mut all = banned;
        all.extend(new.iter().cloned());
        let now: BTreeSet<String> = disk.sandbox.banned().into_iter().collect();
        assert_eq!(now, all.into_iter().collect::<BTreeSet<_>>());
        let size = std::fs::metadata(disk.root().join("PyFilter.db"))
            .unwrap()
            .len();
        assert!(size < old.len() as u64, "{size}");
        assert!(told(&disk.text("/Logs/")).is_superset(&new));
    }
    assert!(without > 0 && partly > 0, "{without} {partly}");
}
