//! Whom to ban and for how long: networks, ban times that grow, aggregation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::DateTime;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::kit::{Sandbox, failure};

/// Unix seconds of a day in the past.
const START: i64 = 1_774_137_600;

/// An address that is never banned, within the networks of the attackers.
const OWN: &str = "203.0.113.77";

/// A failure of one of a few addresses, so many seconds behind the one before.
#[derive(Debug, Clone)]
struct Step {
    gap: i64,
    address: IpAddr,
}

/// Addresses of a few networks, some of which have neighbours.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = (0u8..3, prop::sample::select(vec![1, 2, 17, 130, 77]));
    let v6 = (0u16..2, 0u16..3, 1u16..4);
    prop_oneof![
        3 => v4.prop_map(|(net, host)| Ipv4Addr::new(203, 0, 112 + net, host).into()),
        3 => v6.prop_map(|(wide, net, host)| {
            Ipv6Addr::new(0x2001, 0xdb8, wide, net, 0, 0, 0, host).into()
        }),
        1 => (1u16..3).prop_map(|host| Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc000, host).into()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![8 => 0i64..3, 3 => 3i64..30, 1 => 30i64..2000];
    (gap, address()).prop_map(|(gap, address)| Step { gap, address })
}

/// What the administrator wants.
#[derive(Debug, Clone)]
struct Wanted {
    attempts: usize,
    seconds: i64,
    sliding: bool,
    /// Seconds, each at least as many as before.
    ban_times: Vec<i64>,
    memory: i64,
    v4: u8,
    v6: u8,
    /// How many subjects within how many seconds.
    aggregate: Option<(usize, i64)>,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let times = prop::collection::vec(1i64..100, 1..4).prop_map(|mut times| {
        times.sort_unstable();
        times
    });
    let lengths = prop::sample::select(vec![(32, 128), (32, 64), (24, 64), (28, 48), (25, 56)]);
    let aggregate = prop::option::of((2usize..4, 10i64..400));
    (
        2usize..5,
        0i64..12,
        any::<bool>(),
        times,
        50i64..2000,
        lengths,
        aggregate,
    )
        .prop_map(
            |(attempts, seconds, sliding, ban_times, memory, (v4, v6), aggregate)| Wanted {
                attempts,
                seconds,
                sliding,
                ban_times,
                memory,
                v4,
                v6,
                aggregate,
            },
        )
}

fn world(wanted: &Wanted) -> Sandbox {
    let sandbox = Sandbox::new().log("a.log", "");
    let log = sandbox.path("a.log");
    let pattern = r"^(\S+) web1 sshd\[7\]: Failed password for root from (\S+) port";
    let aggregate = wanted.aggregate.map(|(subjects, within)| {
        json!({ "ipv4": 24, "ipv6": 40, "subjects": subjects, "within": within })
    });
    sandbox
        .set("/settings/rules/ssh/log_files", json!(log))
        .set("/settings/rules/ssh/regex_patterns", json!([pattern]))
        .set("/settings/ignored_ips", json!([OWN]))
        .set("/settings/failed_attempts", wanted.attempts)
        .set("/settings/request_time", wanted.seconds)
        .set(
            "/settings/window",
            if wanted.sliding { "sliding" } else { "gap" },
        )
        .set("/settings/ban_time", json!(wanted.ban_times))
        .set("/settings/ban_memory", wanted.memory)
        .set("/settings/ipv4_prefix", wanted.v4)
        .set("/settings/ipv6_prefix", wanted.v6)
        .set("/settings/aggregate", json!(aggregate))
}

/// A ban: who, since when, until when, the how-manieth, and how many subjects led to it.
type Ban = (String, i64, i64, i64, i64);

fn stored(sandbox: &Sandbox) -> BTreeSet<Ban> {
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let select = "SELECT ip, at, ends, count, aggregates FROM ban";
    let mut select = database.prepare(select).unwrap();
    let rows = select.query_map([], |row| row.try_into()).unwrap();
    let rows: Vec<Ban> = rows.map(Result::unwrap).collect();
    let bans: BTreeSet<Ban> = rows.iter().cloned().collect();
    assert_eq!(bans.len(), rows.len(), "a ban is recorded once");
    bans
}

/// The network of the first `length` bits.
fn network(address: IpAddr, length: u8) -> String {
    match address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from_bits(v4.to_bits() & !host))
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from_bits(v6.to_bits() & !host))
        }
    }
}

fn is_behind_ipv6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments()[..2] == [0x64, 0xff9b])
}

/// What a name is counted or banned as: the network, or the address where it is of full
/// length or the network is not formed.
fn subject(address: IpAddr, v4: u8, v6: u8) -> String {
    let (length, full) = if address.is_ipv4() {
        (v4, 32)
    } else {
        (v6, 128)
    };
    let wide = network(address, length);
    let holds_own = wide == network(OWN.parse().unwrap(), length);
    if length == full || holds_own || is_behind_ipv6(address) {
        address.to_string()
    } else {
        wide
    }
}

/// The bans of subjects: what is counted, since when, until when.
#[derive(Default)]
struct Course {
    bans: Vec<(i64, i64)>,
    open: Vec<(i64, String)>,
}

impl Course {
    fn is_banned(&self, at: i64) -> bool {
        self.bans.last().is_some_and(|(_, ends)| at < *ends)
    }

    /// A ban at that second: its end, and which one it is.
    fn ban(&mut self, wanted: &Wanted, at: i64) -> (i64, i64) {
        let counts = |ban: &i64| *ban < at && *ban >= at - wanted.memory;
        let before: BTreeSet<i64> = self.bans.iter().map(|ban| ban.0).filter(counts).collect();
        let time = wanted.ban_times[before.len().min(wanted.ban_times.len() - 1)];
        self.bans.push((at, at + time));
        self.open.clear();
        (at + time, whole(before.len()) + 1)
    }
}

fn whole(count: usize) -> i64 {
    count.try_into().unwrap()
}

/// The same, as plainly as it can be said. Stamps never go back.
fn naive(wanted: &Wanted, steps: &[Step]) -> BTreeSet<Ban> {
    let mut subjects: BTreeMap<String, Course> = BTreeMap::new();
    let mut networks: BTreeMap<String, Course> = BTreeMap::new();
    let (mut bans, mut at) = (BTreeSet::new(), START);
    for step in steps {
        at += step.gap;
        if step.address.to_string() == OWN {
            continue;
        }
        let name = subject(step.address, wanted.v4, wanted.v6);
        let course = subjects.entry(name.clone()).or_default();
        if course.is_banned(at) {
            continue;
        }
        if wanted.sliding {
            course
                .open
                .retain(|(before, _)| at - before <= wanted.seconds);
        } else if course
            .open
            .last()
            .is_some_and(|(last, _)| at - last > wanted.seconds)
        {
            course.open.clear();
        }
        course.open.push((at, String::new()));
        if course.open.len() < wanted.attempts {
            continue;
        }
        let (ends, count) = course.ban(wanted, at);
        bans.insert((name.clone(), at, ends, count, 0));
        let Some((needed, within)) = wanted.aggregate else {
            continue;
        };
        let wide = subject(step.address, 24, 40);
        if !wide.contains('/') || wide == name {
            continue;
        }
        let course = networks.entry(wide.clone()).or_default();
        if course.is_banned(at) {
            continue;
        }
        course
            .open
            .retain(|(before, one)| at - before <= within && *one != name);
        course.open.push((at, name));
        if course.open.len() >= needed {
            let (ends, count) = course.ban(wanted, at);
            bans.insert((wide, at, ends, count, whole(needed)));
        }
    }
    bans
}

fn text(steps: &[Step]) -> String {
    let mut at = START;
    let line = |step: &Step| {
        at += step.gap;
        let stamp = DateTime::from_timestamp(at, 0).unwrap();
        let stamp = stamp.format("%Y-%m-%dT%H:%M:%S+00:00");
        let address = step.address;
        format!("{stamp} web1 sshd[7]: Failed password for root from {address} port 4711 ssh2\n")
    };
    steps.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 300, ..ProptestConfig::default() })]

    /// Whatever is counted together, however bans grow and are aggregated, and however the
    /// reading is cut into runs and threads: the bans are what a few lines say.
    #[test]
    fn the_bans_are_those_of_the_naive_model_however_runs_are_cut(
        wanted in wanted(),
        steps in prop::collection::vec(step(), 0..120),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![1usize, 2, 16])), 0..4),
    ) {
        let log = text(&steps);
        let mut cuts: Vec<(usize, usize)> = cuts.iter().map(|(cut, threads)| (cut.index(log.len() + 1), *threads)).collect();
        cuts.push((log.len(), 2));
        cuts.sort_unstable();
        let (mut sandbox, mut from) = (world(&wanted), 0);
        for (cut, threads) in cuts {
            sandbox.append("a.log", &log[from..cut]);
            sandbox = sandbox.env("RAYON_NUM_THREADS", &threads.to_string());
            sandbox.scan().exits(0);
            from = cut;
        }
        prop_assert_eq!(stored(&sandbox), naive(&wanted, &steps));
    }
}

/// Failures of these addresses, one a second from `second` on.
fn attack(addresses: &[String], second: u32) -> String {
    let lines = (second..).zip(addresses);
    lines
        .map(|(second, address)| failure(address, second))
        .collect()
}

fn of_network(network: &str, hosts: std::ops::Range<u32>) -> Vec<String> {
    hosts.map(|host| format!("{network}{host:x}")).collect()
}

fn in_force(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.run(["list", "--json"]).exits(0).json();
    let bans = list["bans"].as_array().unwrap().iter();
    bans.map(|ban| ban["ip"].as_str().unwrap().to_owned())
        .collect()
}

/// 2,000 passwords from one /64, four an address, led to no ban.
#[test]
fn an_attacker_that_changes_its_address_within_its_network_is_banned_after_five_failures() {
    let attackers = of_network("2001:db8:0:7::", 1..6);
    let sandbox = Sandbox::new().log("auth.log", attack(&attackers, 0));
    sandbox.scan().exits(0).prints("");
    let sandbox = Sandbox::new()
        .log("auth.log", attack(&attackers, 0))
        .set("/settings/ipv6_prefix", 64);
    let json = sandbox.scan_json();
    assert_eq!(json["bans"][0]["ip"], "2001:db8:0:7::/64");
    assert_eq!(json["bans"][0]["failures"], 5);
    // A neighbour in the next network is not banned.
    assert_eq!(in_force(&sandbox), ["2001:db8:0:7::/64"]);
    let told = sandbox.run(["list"]).exits(0);
    assert!(
        told.stdout().starts_with("2001:db8:0:7::/64 "),
        "{}",
        told.stdout()
    );
}

#[test]
fn a_network_with_an_allowed_address_and_hosts_behind_nat64_are_counted_one_by_one() {
    let shared = of_network("2001:db8:0:7::", 1..6);
    let nat64 = of_network("64:ff9b::c000:", 1..6);
    let one: Vec<String> = vec!["2001:db8:0:7::66".to_owned(); 5];
    let log = attack(&shared, 0) + &attack(&nat64, 0) + &attack(&one, 10);
    let sandbox = Sandbox::new()
        .log("auth.log", &log)
        .set("/settings/ignored_ips", json!(["2001:db8:0:7::ffff"]))
        .set("/settings/ipv6_prefix", 64);
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), ["2001:db8:0:7::66"]);
}

/// With ban times that grow the n-th ban of an address is longer, and a person who lifts
/// one forgives.
#[test]
fn who_returns_is_banned_for_longer_until_a_person_lifts_the_ban() {
    let attacker: Vec<String> = vec!["203.0.113.9".to_owned(); 5];
    let sandbox = Sandbox::new()
        .log("auth.log", "")
        .set("/settings/ban_time", json!(["10s", "20s", null]));
    let mut expected = Vec::new();
    for (second, count, length) in [(0, 1, Some(10)), (100, 2, Some(20)), (200, 3, None)] {
        sandbox.append("auth.log", attack(&attacker, second));
        sandbox.scan().exits(0);
        expected.push((count, length));
    }
    let bans = |sandbox: &Sandbox| -> Vec<(i64, Option<i64>)> {
        let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
        let mut select = database
            .prepare("SELECT count, ends - at FROM ban ORDER BY id")
            .unwrap();
        let rows = select.query_map([], |row| row.try_into()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(bans(&sandbox), expected);
    sandbox.run(["unban", "203.0.113.9"]).exits(0);
    // Failures after the un-ban, which is now, begin anew.
    let now = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    let later = |n: i64| {
        (now + chrono::TimeDelta::seconds(n))
            .format("%Y-%m-%dT%H:%M:%S+00:00")
            .to_string()
    };
    let lines = (0..5).map(|n| {
        format!(
            "{} web1 sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2\n",
            later(n)
        )
    });
    sandbox.append("auth.log", lines.collect::<String>());
    sandbox.scan().exits(0);
    expected.push((1, Some(10)));
    assert_eq!(bans(&sandbox), expected);
}

fn banned(json: &Value, key: &str) -> Vec<(String, String)> {
    let rows = json[key].as_array().unwrap().iter();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.map(|row| (text(row, "ip"), text(row, "cause")))
        .collect()
}

fn shows_the_network_alone(sandbox: &Sandbox) {
    let snapshot = sandbox.read("state/blacklist.v4");
    assert!(
        snapshot.contains("-A PYFILTER -s 203.0.113.0/24 -j DROP\n"),
        "{snapshot}"
    );
    assert!(!snapshot.contains("203.0.113.1/32"), "{snapshot}");
}

/// Four neighbours are banned, then their network: a person lets all of them out at once,
/// and none of them alone.
#[test]
fn neighbours_that_are_banned_become_a_ban_of_their_network() {
    let neighbour = |host: u32| vec![format!("203.0.113.{host}"); 5];
    let sandbox = Sandbox::new()
        .log(
            "auth.log",
            &(attack(&neighbour(1), 0) + &attack(&neighbour(2), 10)),
        )
        .set(
            "/settings/aggregate",
            json!({ "ipv4": 24, "subjects": 3, "within": "1h" }),
        );
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), ["203.0.113.1", "203.0.113.2"]);
    sandbox.append("auth.log", attack(&neighbour(3), 20));
    let json = sandbox.scan_json();
    assert_eq!(
        banned(&json, "bans"),
        ["203.0.113.3", "203.0.113.0/24"].map(|ip| (ip.to_owned(), String::new()))
    );
    assert_eq!(
        banned(&json, "unbans"),
        ["203.0.113.1", "203.0.113.2"].map(|ip| (ip.to_owned(), "aggregated".to_owned()))
    );
    assert_eq!(in_force(&sandbox), ["203.0.113.0/24"]);
    let database = Connection::open(sandbox.state("PyFilter.db")).unwrap();
    let reason: String = database
        .query_row(
            "SELECT log_msg FROM banned_ip WHERE ip = '203.0.113.0/24'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(
        reason.ends_with("3 addresses of 203.0.113.0/24 were banned within 1h via ssh."),
        "{reason}"
    );
    shows_the_network_alone(&sandbox);
    // One within it can not be lifted alone.
    sandbox
        .run(["unban", "203.0.113.2"])
        .exits(1)
        .warns("203.0.113.2 is within 203.0.113.0/24, which is banned: un-ban that");
    sandbox
        .run(["ban", "203.0.113.9"])
        .exits(0)
        .prints("203.0.113.9 is within 203.0.113.0/24, which is banned: its own ban holds when that one ends.\n");
    sandbox.run(["unban", "203.0.113.0/24"]).exits(0);
    assert_eq!(in_force(&sandbox), [""; 0]);
    // Those that were banned before count for no other ban of the network.
    sandbox.append(
        "auth.log",
        attack(&neighbour(4), 30) + &attack(&neighbour(5), 40),
    );
    sandbox.scan().exits(0);
    assert_eq!(
        in_force(&sandbox),
        [""; 0],
        "failures of before the un-ban never count"
    );
}

/// A line with host bits is taken for the network, and told; removing it lifts all within.
#[test]
fn networks_are_banned_and_lifted_in_the_snapshot_too() {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox.run(["ban", "198.51.100.7", "203.0.113.9"]).exits(0);
    let edit = |sandbox: &Sandbox, from: &str, to: &str| {
        let text = sandbox.read("state/blacklist.v4");
        assert!(text.contains(from), "{text}");
        std::fs::write(sandbox.state("blacklist.v4"), text.replace(from, to)).unwrap();
    };
    edit(
        &sandbox,
        "COMMIT\n",
        "-A PYFILTER -s 203.0.113.77/24 -j DROP\nCOMMIT\n",
    );
    sandbox
        .scan()
        .succeeds()
        .warns("203.0.113.77/24 is taken for the network 203.0.113.0/24");
    assert_eq!(in_force(&sandbox), ["198.51.100.7", "203.0.113.0/24"]);
    edit(&sandbox, "-A PYFILTER -s 203.0.113.0/24 -j DROP\n", "");
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), ["198.51.100.7"]);
}

/// The whitelist comes to hold a part of a banned network: it is lifted here, and what it
/// covered is banned again.
#[test]
fn a_network_that_holds_an_address_that_is_ignored_by_now_is_lifted() {
    let sandbox = Sandbox::new().log("auth.log", "");
    sandbox
        .run(["ban", "203.0.113.9", "203.0.113.0/24"])
        .exits(0);
    assert_eq!(in_force(&sandbox), ["203.0.113.0/24"]);
    let sandbox = sandbox.set("/settings/ignored_ips", json!(["203.0.113.200"]));
    let json = sandbox.scan_json();
    assert_eq!(
        banned(&json, "unbans"),
        [("203.0.113.0/24".to_owned(), "ignored".to_owned())]
    );
    assert_eq!(
        banned(&json, "bans"),
        [("203.0.113.9".to_owned(), String::new())]
    );
    assert_eq!(in_force(&sandbox), ["203.0.113.9"]);
}

/// Another prefix begins with empty windows, and back again, too.
#[test]
fn a_changed_prefix_begins_with_empty_windows() {
    let attackers = of_network("2001:db8:0:7::", 1..5);
    let sandbox = Sandbox::new()
        .log("auth.log", attack(&attackers, 0))
        .set("/settings/ipv6_prefix", 64);
    sandbox.scan().exits(0);
    let sandbox = sandbox.set("/settings/ipv6_prefix", 56);
    sandbox.append("auth.log", attack(&attackers[..1], 4));
    sandbox.scan().exits(0);
    let sandbox = sandbox.set("/settings/ipv6_prefix", 64);
    sandbox.append("auth.log", attack(&attackers, 5));
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), [""; 0]);
    sandbox.append("auth.log", attack(&attackers[..1], 9));
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), ["2001:db8:0:7::/64"]);
}

/// An un-banned address takes only its own failures out of the window of its network.
#[test]
fn an_unban_of_an_address_leaves_the_failures_of_its_neighbours() {
    let attackers = of_network("2001:db8:0:7::", 1..5);
    let sandbox = Sandbox::new()
        .log("auth.log", attack(&attackers, 0))
        .set("/settings/ipv6_prefix", 64);
    sandbox.scan().exits(0);
    sandbox.run(["unban", &attackers[3]]).exits(0);
    sandbox.append("auth.log", attack(&attackers[..1], 4));
    sandbox.scan().exits(0);
    assert_eq!(in_force(&sandbox), [""; 0], "four are left");
    sandbox.append(
        "auth.log",
        attack(&attackers[3..], 5) + &attack(&attackers[..1], 6),
    );
    sandbox.scan().exits(0);
    assert_eq!(
        in_force(&sandbox),
        ["2001:db8:0:7::/64"],
        "of the un-banned one nothing counts"
    );
}

#[test]
fn what_can_not_be_is_told_with_its_place() {
    for (key, value, said) in [
        (
            "ban_time",
            json!(["10m", 0]),
            "ban_time[1]: `0` is no time at all",
        ),
        (
            "ban_time",
            json!(["1h", "10m"]),
            "ban_time[1]: is shorter than the time before it",
        ),
        (
            "ban_time",
            json!(["1h", null, "1d"]),
            "ban_time[2]: stands behind a ban that never ends",
        ),
        ("ban_time", json!([]), "ban_time: must hold a time"),
        (
            "ban_memory",
            json!("2000d"),
            "ban_memory: must be a year at most",
        ),
        ("ipv6_prefix", json!(0), "ipv6_prefix: must be at least 48"),
        (
            "ipv6_prefix",
            json!(129),
            "ipv6_prefix: must be at most 128",
        ),
        ("ipv4_prefix", json!(8), "ipv4_prefix: must be at least 24"),
        (
            "aggregate",
            json!({ "subjects": 1 }),
            "aggregate.subjects: must be at least 2",
        ),
        (
            "aggregate",
            json!({ "ipv4": 32 }),
            "aggregate.ipv4: must be at most 31",
        ),
        (
            "aggregate",
            json!({ "within": null }),
            "aggregate.within: must be",
        ),
        (
            "aggregate",
            json!({ "subject": 3 }),
            "did you mean subjects?",
        ),
    ] {
        let sandbox = Sandbox::new()
            .log("auth.log", "")
            .set(&format!("/settings/{key}"), value);
        sandbox.scan().exits(2).warns(said);
    }
}
