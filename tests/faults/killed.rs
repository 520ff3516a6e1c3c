//! Runs that are killed at any instant, over a log that grows and rotates:
//! what is left in the end is what undisturbed runs leave.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use ::pyfilter::model::{Address, KeptFailure};
use ::pyfilter::store::Store;

use crate::kernel::{blocked, pyfilter};
use crate::kit::{Chance, Sandbox, failure};
use crate::netns::{Netns, VARIANTS};

/// What happens to the log before a run.
#[derive(Debug, Clone, Copy)]
enum Event {
    Lines(u32),
    Rename,
    CopyTruncate,
    Compress,
}

fn events(chance: &mut Chance, count: usize) -> Vec<Event> {
    let mut event = || match chance.below(10) {
        0 => Event::Rename,
        1 => Event::CopyTruncate,
        2 => Event::Compress,
        n => Event::Lines(u32::try_from(n).unwrap()),
    };
    (0..count).map(|_| event()).collect()
}

/// A log that grows and rotates.
struct Log<'a> {
    sandbox: &'a Sandbox,
    lines: u32,
    rotated: u32,
}

impl Log<'_> {
    /// Every address fails five times, so that it is banned once; names by a
    /// number that only grows, so that no file ever has another's name.
    fn meet(&mut self, event: Event) {
        let log = self.sandbox.path("auth.log");
        let rotated = |n: u32| self.sandbox.path(&format!("auth.log-{}", 20_260_100 + n));
        match event {
            Event::Lines(count) => {
                for n in self.lines..self.lines + count {
                    let address = if n % 2 == 0 {
                        format!("198.51.100.{}", n / 10 % 250 + 1)
                    } else {
                        format!("2001:db8:9::{:x}", n / 10 + 1)
                    };
                    self.sandbox.append("auth.log", failure(&address, n));
                }
                self.lines += count;
            }
            Event::Rename => {
                fs::rename(&log, rotated(self.rotated)).unwrap();
                fs::write(&log, "").unwrap();
                self.rotated += 1;
            }
            Event::CopyTruncate => {
                fs::copy(&log, rotated(self.rotated)).unwrap();
                let log = fs::OpenOptions::new().write(true).open(&log).unwrap();
                log.set_len(0).unwrap();
                self.rotated += 1;
            }
            Event::Compress => {
                for n in 0..self.rotated {
                    let path = rotated(n);
                    if path.exists() {
                        let packed = super::packed::gzip(&fs::read(&path).unwrap());
                        fs::write(path.with_extension("new"), packed).unwrap();
                        let name = format!("{}.gz", path.display());
                        fs::rename(path.with_extension("new"), name).unwrap();
                        fs::remove_file(path).unwrap();
                    }
                }
            }
        }
    }
}

fn prepared(sandbox: Sandbox) -> Sandbox {
    let sandbox = sandbox
        .set("/settings/request_time", 1000)
        .log("auth.log", "");
    sandbox.scan().exits(0);
    sandbox
}

/// A run that is killed after `delay`, or has ended before; whether it was killed.
fn killed_after(sandbox: &Sandbox, delay: Duration) -> bool {
    let mut scan = sandbox.command(["scan"]);
    scan.stdout(Stdio::null()).stderr(Stdio::null());
    let mut scan = scan.spawn().unwrap();
    std::thread::sleep(delay);
    scan.kill().unwrap();
    scan.wait().unwrap().code().is_none()
}

/// Both worlds see the same; in one every run is killed, at an instant of its
/// own, and what comes next finds what it left.
fn compare(
    killed: &Sandbox,
    undisturbed: &Sandbox,
    chance: &mut Chance,
    events: &[Event],
) -> usize {
    let log = |sandbox| Log {
        sandbox,
        lines: 0,
        rotated: 0,
    };
    let (mut one, mut other) = (log(killed), log(undisturbed));
    let begun = Instant::now();
    killed.scan().exits(0);
    let whole = begun.elapsed();
    let mut kills = 0;
    for (n, &event) in events.iter().enumerate() {
        one.meet(event);
        let delay = chance.below(u64::try_from(whole.as_micros()).unwrap() * 5 / 4);
        kills += usize::from(killed_after(killed, Duration::from_micros(delay)));
        other.meet(event);
        // Not as often: it is the same in the end.
        if n % 8 == 0 {
            undisturbed.scan().exits(0);
        }
    }
    for sandbox in [killed, undisturbed] {
        sandbox.scan().exits(0);
        sandbox.scan().exits(0).prints("");
    }
    kills
}

/// Every ban that was ever decided: address, rule, time.
fn bans(sandbox: &Sandbox) -> BTreeSet<String> {
    let list = sandbox.run(["list", "--json"]).exits(0).json();
    let rows = list["bans"].as_array().unwrap().iter();
    let bans = rows.map(|ban| format!("{} {} {}", ban["ip"], ban["rule"], ban["time"]));
    bans.collect()
}

/// Rows of the store.
fn rows(sandbox: &Sandbox, select: &str) -> Vec<String> {
    let store = rusqlite::Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let mut select = store.prepare(select).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// How far each log was read. What a generation of which all was read is
/// remembered by depends on when it was met.
fn cursors(sandbox: &Sandbox) -> Vec<String> {
    rows(
        sandbox,
        "SELECT offset || ' ' || hex(head) || ' ' || tail_hash FROM generation WHERE live",
    )
}

/// The failures of all windows, the open ones and those that filled, but for
/// the place where their log stood.
fn windows(sandbox: &Sandbox) -> Vec<String> {
    let store = Store::look(&sandbox.state("PyFilter.db")).unwrap().unwrap();
    let banned = rows(sandbox, "SELECT ip FROM ban");
    let banned = banned
        .iter()
        .map(|ip| Address::parse(ip.as_bytes()).unwrap());
    let open = rows(sandbox, "SELECT hex(address) FROM open_window");
    let open = open.iter().map(|hex| of_bytes(hex));
    let known: BTreeSet<Address> = banned.chain(open).collect();
    let mut windows = Vec::new();
    for address in known {
        for past in store.bans_of(address.into()).unwrap() {
            windows.extend(told_failures(&format!("{address} banned"), &past.failures));
        }
        for open in store.open_windows(address.into()).unwrap() {
            windows.extend(told_failures(&format!("{address} open"), &open.failures));
        }
    }
    windows
}

/// The address of these 4 or 16 bytes.
fn of_bytes(hex: &str) -> Address {
    let bits = u128::from_str_radix(hex, 16).unwrap();
    match u32::try_from(bits) {
        Ok(bits) if hex.len() == 8 => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

fn told_failures(whose: &str, failures: &[KeptFailure]) -> Vec<String> {
    let told = failures.iter().map(|failure| {
        let text = String::from_utf8_lossy(failure.text.as_deref().unwrap());
        format!("{whose} {} {} {text}", failure.at.secs, failure.counted)
    });
    told.collect()
}

/// The blacklists, but for the header, which has the store's id.
fn snapshots(sandbox: &Sandbox) -> String {
    let both = sandbox.read("state/blacklist.v4") + &sandbox.read("state/blacklist.v6");
    let lines = both.lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whom the event log tells of.
fn told(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for (path, (_, bytes)) in sandbox.tree() {
        if path.starts_with(sandbox.state("Logs")) {
            let text = String::from_utf8(bytes).unwrap();
            let address = |line: &str| {
                let rest = line.split_once("Found IP: ")?.1;
                Some(rest.split(' ').next()?.to_owned())
            };
            told.extend(text.lines().filter_map(address));
        }
    }
    told
}

#[track_caller]
fn expect_the_same(killed: &Sandbox, undisturbed: &Sandbox) {
    assert_eq!(bans(killed), bans(undisturbed), "bans");
    assert_eq!(cursors(killed), cursors(undisturbed), "cursors");
    assert_eq!(windows(killed), windows(undisturbed), "windows");
    assert_eq!(snapshots(killed), snapshots(undisturbed), "snapshots");
    let banned: BTreeSet<String> = killed.banned().into_iter().collect();
    assert_eq!(told(killed), banned, "the event log");
    assert!(banned.len() > 3, "{banned:?}");
}

#[test]
fn hundreds_of_runs_that_are_killed_lose_and_double_nothing() {
    let mut chance = Chance::new("killed");
    let mut kills = 0;
    for _ in 0..4 {
        let worlds = [Sandbox::new(), Sandbox::new()].map(prepared);
        let events = events(&mut chance, 70);
        println!("{events:?}");
        kills += compare(&worlds[0], &worlds[1], &mut chance, &events);
        expect_the_same(&worlds[0], &worlds[1]);
    }
    println!("{kills} runs were killed");
    assert!(kills > 80, "{kills} of 280 runs were killed");
}

#[test]
#[ignore = "needs root, iptables and network namespaces: run tests/run"]
fn kernel_runs_that_are_killed_at_any_instant_leave_the_firewall_right() {
    for variant in VARIANTS {
        let mut chance = Chance::new("killed, with a firewall");
        let (host, other) = (Netns::new(), Netns::new());
        let programs = [host.programs(variant), other.programs(variant)];
        let worlds = [&programs[0], &programs[1]].map(|programs| prepared(pyfilter(programs)));
        let events = events(&mut chance, 30);
        println!("{variant:?} {events:?}");
        compare(&worlds[0], &worlds[1], &mut chance, &events);
        expect_the_same(&worlds[0], &worlds[1]);
        let sorted = |programs| blocked(programs).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&programs[0]), sorted(&programs[1]), "{variant:?}");
        let banned: BTreeSet<String> = worlds[0].banned().into_iter().collect();
        assert_eq!(sorted(&programs[0]), banned, "{variant:?}");
        assert_eq!(blocked(&programs[0]).len(), banned.len(), "none twice");
    }
}
