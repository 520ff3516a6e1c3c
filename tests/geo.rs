//! Where the banned are from: on the screen, in the store, in Redis.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::kit::{Sandbox, failures, fixture, make_fifo, needs};
use crate::redis::Redis;

const BRITISH: &str = "203.0.113.13";

/// Where nothing is known of an address.
const NOWHERE: &str = "198.18.200.1";

const LINE: &str = "2026-03-22 00:00:04 Found IP: 203.0.113.13 from server: web1. The IP was from United Kingdom.\n";

impl Sandbox {
    /// Takes this database of the fixtures.
    fn geo(self, name: &str) -> Self {
        let path = fixture("geo").join(name);
        self.set("/geoip/database", path.to_str().unwrap())
    }

    /// The country in PyFilter's own table.
    fn stored(&self, address: &str) -> String {
        let store = Connection::open(self.state("PyFilter.db")).unwrap();
        let select = "SELECT country FROM banned_ip WHERE ip = ?";
        store
            .query_row(select, [address], |row| row.get(0))
            .unwrap()
    }

    fn listed(&self) -> Value {
        self.run(["list", "--json"]).exits(0).json()["bans"].take()
    }

    /// What `check` says of the database: level and sentence.
    fn checked(&self) -> Vec<(String, String)> {
        let json = self.run(["check", "--json"]).json();
        let findings = json["findings"].as_array().unwrap();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let all = findings
            .iter()
            .map(|finding| (text(finding, "level"), text(finding, "message")));
        all.filter(|(_, message)| message.contains("location database"))
            .collect()
    }
}

fn attacked(address: &str) -> Sandbox {
    Sandbox::new().log("auth.log", failures(address, 5))
}

// --- Where a country is shown.

#[test]
fn the_line_of_a_ban_names_the_country_as_the_tutorial_has_it() {
    for name in [
        "GeoLite2-Country.mmdb",
        "GeoLite2-City.mmdb",
        "dbip-country-lite-2026-01.mmdb",
    ] {
        let sandbox = attacked(BRITISH).geo(name);
        sandbox.run(["scan", "--dry-run"]).exits(0).prints(LINE);
        sandbox.scan().exits(0).prints(LINE);
        assert_eq!(
            sandbox.read("state/Logs/2026-Mar/2026-03-22/2026-03-22 00.log"),
            LINE
        );
        assert_eq!(sandbox.stored(BRITISH), "United Kingdom");
    }
}

#[test]
fn the_document_has_the_letters_and_the_name() {
    let sandbox = attacked(BRITISH).geo("GeoLite2-Country.mmdb");
    let names = |ban: &Value| (ban["country"].clone(), ban["country_name"].clone());
    let expected = (json!("GB"), json!("United Kingdom"));
    let dry = sandbox.run(["scan", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(names(&dry["bans"][0]), expected);
    assert_eq!(names(&sandbox.scan_json()["bans"][0]), expected);
    assert_eq!(names(&sandbox.listed()[0]), expected);
    sandbox
        .run(["list"])
        .exits(0)
        .says("  web1  United Kingdom\n");
    let explained = sandbox.run(["explain", BRITISH, "--json"]).exits(0).json();
    assert_eq!(names(&explained["bans"][0]), expected);
}

#[test]
fn an_address_without_a_country_is_banned_without_a_word_of_it() {
    let log: String = [NOWHERE, "198.18.80.1", "198.18.81.1"]
        .map(|address| failures(address, 5))
        .concat();
    let sandbox = Sandbox::new()
        .log("auth.log", log)
        .geo("GeoLite2-City.mmdb");
    sandbox.scan().exits(0).says_nothing_of("The IP was from");
    for ban in sandbox.listed().as_array().unwrap() {
        assert_eq!(
            (&ban["country"], &ban["country_name"]),
            (&json!(null), &json!(null))
        );
    }
    // PyFilter-Admin's chart dies of NULL.
    assert_eq!(sandbox.stored(NOWHERE), "");
}

#[test]
fn bans_by_hand_and_by_editor_have_a_country() {
    let sandbox = attacked("192.0.2.1").geo("GeoLite2-Country.mmdb");
    sandbox.scan().exits(0).says("from Germany.");
    sandbox
        .run(["ban", "2001:db8::7"])
        .exits(0)
        .says("The IP was from The Netherlands.");
    sandbox.edit("blacklist.v4", |text| {
        text.replace("COMMIT", "-A PYFILTER -s 198.51.100.1 -j DROP\nCOMMIT")
    });
    sandbox
        .scan()
        .exits(0)
        .says("Found IP: 198.51.100.1 from server: web1. The IP was from United States.");
}

#[test]
fn names_that_would_do_something_are_only_shown() {
    let log = failures("198.18.66.1", 5) + &failures("198.18.67.1", 5);
    let sandbox = Sandbox::new()
        .log("auth.log", log)
        .geo("GeoLite2-Country.mmdb");
    sandbox
        .scan()
        .exits(0)
        .says("The IP was from <script>alert(1)</script>.")
        .says(r"The IP was from \x1b[2J\xe2\x80\xaeesrever.");
    for ban in ["198.18.66.1", "198.18.67.1"] {
        let said = sandbox.run(["explain", ban]).exits(0).stdout();
        assert!(
            !said.contains('\x1b') && !said.contains('\u{202e}'),
            "{said}"
        );
    }
}

// --- What is wrong with a database.

#[test]
fn the_bans_of_a_run_go_on_without_a_database_that_is_wrong() {
    let whole = std::fs::read(fixture("geo/GeoLite2-Country.mmdb")).unwrap();
    let with = |bytes: &[u8]| {
        let sandbox = attacked(BRITISH).set("/geoip/database", "../x.mmdb");
        sandbox.file("x.mmdb", bytes);
        sandbox
    };
    let cases: [(&str, &[u8], &str); 4] = [
        (
            "truncated",
            &whole[..whole.len() / 2],
            "is damaged (invalid database: could not find MaxMind DB metadata in file): get it anew, with geoipupdate or as it was got",
        ),
        (
            "empty",
            b"",
            "is damaged (invalid database: could not find MaxMind DB metadata in file): get it anew, with geoipupdate or as it was got",
        ),
        (
            "packed",
            b"\x1f\x8b\x08",
            "is compressed: unpack it first, with gunzip",
        ),
        (
            "other",
            &std::fs::read(fixture("geo/GeoLite2-ASN.mmdb")).unwrap(),
            "the location database is of type GeoLite2-ASN, which names no countries: use a Country or City edition",
        ),
    ];
    for (what, bytes, said) in cases {
        let sandbox = with(bytes);
        let ran = sandbox.scan().exits(1).bans([BRITISH]);
        let stderr = ran.stderr();
        assert!(stderr.trim_end().ends_with(said), "{what}: {stderr}");
        assert!(stderr.contains("x.mmdb: "), "{what}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{what}: {stderr}");
        assert_eq!(sandbox.banned(), [BRITISH]);
        // Where nobody is banned the database is not even opened.
        sandbox.scan().exits(0).prints("");
        let checked = sandbox.checked();
        assert!(
            matches!(&checked[..], [(level, message)] if level == "error" && message.ends_with(said)),
            "{what}: {checked:?}"
        );
    }
}

#[test]
fn damage_that_an_address_leads_to_is_told_and_the_others_have_a_country() {
    let mut bytes = std::fs::read(fixture("geo/GeoLite2-Country.mmdb")).unwrap();
    let name = memchr::memmem::rfind(&bytes, b"United Kingdom").unwrap();
    bytes[name] = 0xff;
    let sandbox = Sandbox::new()
        .log("auth.log", failures(BRITISH, 5) + &failures("192.0.2.1", 5))
        .set("/geoip/database", "../x.mmdb");
    sandbox.file("x.mmdb", bytes);
    let ran = sandbox
        .scan()
        .exits(1)
        .warns("the location database is damaged");
    assert_eq!(ran.stderr().lines().count(), 1);
    assert!(
        ran.stdout()
            .contains(&format!("{BRITISH} from server: web1.\n"))
    );
    assert!(ran.stdout().contains("The IP was from Germany."));
}

#[test]
fn a_database_that_is_not_there_or_no_file_makes_nobody_wait() {
    let sandbox = attacked(BRITISH).set("/geoip/database", "../x.mmdb");
    let not_there =
        "x.mmdb: the location database is not there: correct `geoip.database`, or run geoipupdate";
    sandbox
        .scan()
        .exits(1)
        .bans([BRITISH])
        .complains(&format!("state/../{not_there}"));
    make_fifo(&sandbox.path("x.mmdb"));
    sandbox.append("auth.log", failures("192.0.2.1", 5));
    sandbox
        .scan()
        .exits(1)
        .bans(["192.0.2.1"])
        .warns("x.mmdb: the location database is no file");
}

#[test]
fn a_database_that_may_not_be_read_says_so() {
    needs!("root");
    let sandbox = attacked(BRITISH).set("/geoip/database", "/etc/shadow");
    sandbox
        .by_nobody()
        .run(["scan", "--dry-run"])
        .exits(1)
        .bans([BRITISH])
        .warns("the location database can not be read: permission denied; run with sudo, or make it readable");
}

// --- check

#[test]
fn check_names_the_database_and_its_age() {
    let sandbox = Sandbox::new().log("auth.log", "").geo("GeoLite2-City.mmdb");
    let checked = sandbox.checked();
    let path = fixture("geo/GeoLite2-City.mmdb");
    let fine = format!(
        "location database: {}, GeoLite2-City of 2026-01-01",
        path.display()
    );
    assert_eq!(checked[0], ("ok".to_owned(), fine));
    // The fixture grows older.
    assert!(checked[1..].iter().all(|(level, message)| {
        level == "warning" && message.contains("get a new one each month")
    }));
}

#[test]
fn check_says_how_to_get_a_database() {
    // This machine may have one, in one of the usual places.
    let checked = Sandbox::new().log("auth.log", "").checked();
    let (level, message) = &checked[0];
    assert_eq!(level, "ok");
    assert!(
        message.contains(".mmdb") || message.contains("install geoipupdate"),
        "{message}"
    );
}

#[test]
fn check_tells_of_a_database_without_ipv6() {
    let sandbox = Sandbox::new().log("auth.log", "").geo("v4-only.mmdb");
    let warning = sandbox.checked().into_iter().last().unwrap();
    assert_eq!(warning.0, "warning");
    assert!(warning.1.ends_with("knows no IPv6 address"), "{warning:?}");
}

// --- Redis

#[test]
fn redis_and_the_other_servers_learn_the_country() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    let british = redis
        .server("Lon")
        .log("auth.log", failures(BRITISH, 5))
        .geo("GeoLite2-Country.mmdb");
    british.scan().exits(0);
    assert_eq!(redis.cli(&["HGET", BRITISH, "country"]), "United Kingdom");
    assert_eq!(
        redis.cli(&["HGET", BRITISH, "reason"]),
        "IP: 203.0.113.13 has been blacklisted and the firewall rules have been updated. \
         Acquired 5 bad connections via ssh. The IP was from United Kingdom."
    );
    // Who has no database takes the sender's word, who has one asks it.
    let without = redis.server("Par");
    without
        .scan()
        .exits(0)
        .says("from server: Lon. The IP was from United Kingdom.");
    let ban = without.listed()[0].take();
    assert_eq!(
        (&ban["country"], &ban["country_name"]),
        (&json!(null), &json!("United Kingdom"))
    );
    assert_eq!(without.stored(BRITISH), "United Kingdom");
    let with = redis.server("Ber").geo("GeoLite2-Country.mmdb");
    with.scan()
        .exits(0)
        .says("from server: Lon. The IP was from United Kingdom.");
    assert_eq!(with.listed()[0]["country"], "GB");
}

#[test]
fn a_country_that_a_stranger_says_is_text_and_the_database_is_believed_before() {
    needs!("redis-server", "redis-cli");
    let redis = Redis::new();
    for address in [BRITISH, NOWHERE] {
        redis.cli(&[
            "HSET",
            address,
            "evil",
            "2026-03-22 00:00:04",
            "banned_server",
            "evil",
            "country",
            "\x1b[2J<script>alert(1)</script>",
        ]);
    }
    let with = redis.server("Ber").geo("GeoLite2-Country.mmdb");
    let said = with.scan().exits(0).stdout();
    assert!(
        said.contains(r"198.18.200.1 from server: evil. The IP was from \x1b[2J<script>"),
        "{said}"
    );
    assert!(
        said.contains("203.0.113.13 from server: evil. The IP was from United Kingdom."),
        "{said}"
    );
    assert!(!said.contains('\x1b'));
}
