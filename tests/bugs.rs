//! What happened to PyFilter's users, and does not happen to ours. Each test
//! bears the number of the bug in the list that was made of the original; what
//! is missing concerns what is not built yet.

use serde_json::json;

use crate::kit::{Ran, Sandbox, failure, failures, repeated};

const VICTIM: &str = "198.51.100.55";
const ATTACKER: &str = "203.0.113.9";

/// A world whose `auth.log` holds ten of this line, `{s}` being the second.
fn ssh(line: &str) -> Sandbox {
    Sandbox::new().log("auth.log", repeated(line, 10))
}

/// A world with the built-in rule `name` alone, over `name.log` with ten of
/// this line.
fn rule(name: &str, line: &str) -> Sandbox {
    let file = format!("{name}.log");
    let sandbox = Sandbox::new().log(&file, repeated(line, 10));
    let path = sandbox.path(&file);
    sandbox.set("/settings/rules", json!({ name: { "log_files": path } }))
}

impl Ran<'_> {
    #[track_caller]
    fn bans_nobody(self) -> Self {
        self.exits(0).bans([])
    }

    #[track_caller]
    fn bans_the_attacker(self) -> Self {
        self.exits(0).bans([ATTACKER])
    }
}

/// One disconnect message of an attacker's choice banned whomever he named, at once.
#[test]
fn bug_01_one_connection_bans_any_address() {
    ssh("Mar 22 14:18:{s} vps sshd[1234]: Received disconnect from 203.0.113.9 port 4242:11: a error: maximum authentication attempts exceeded for x from 198.51.100.55 port 1")
        .scan()
        .bans_nobody();
}

/// Six disconnects, or six tries with a chosen user name, banned another; the
/// attacker himself was not counted.
#[test]
fn bug_02_a_message_or_a_user_name_bans_another_address() {
    ssh("Mar 22 14:18:{s} vps sshd[1234]: Received disconnect from 203.0.113.9 port 4242:11: Received disconnect from 198.51.100.55 port 22:11: x")
        .scan()
        .bans_nobody();
    ssh("Mar 22 14:18:{s} vps sshd[1234]: Invalid user x Received disconnect from 198.51.100.55 port 22:11: y from 203.0.113.9 port 4242")
        .scan()
        .bans_the_attacker();
    ssh("Mar 22 14:18:{s} vps sshd[1234]: Failed password for invalid user x from 198.51.100.55 port 22 ssh2 from 203.0.113.9 port 4242 ssh2")
        .scan()
        .bans_the_attacker();
}

/// Any local user could write a line that banned anybody.
#[test]
fn bug_03_lines_of_other_programs_ban_nobody() {
    for line in [
        "Mar 22 14:18:{s} vps sudo:  bob : command not allowed ; COMMAND=/bin/echo error: maximum authentication attempts exceeded for x from 198.51.100.55 port 1",
        "Mar 22 14:18:{s} vps bob: sshd[1]: Failed password for root from 198.51.100.55 port 1 ssh2",
        "Mar 22 14:18:{s} vps bob[1]: x Mar 22 14:18:{s} vps sshd[1]: Failed password for root from 198.51.100.55 port 1 ssh2",
    ] {
        ssh(line).scan().bans_nobody();
    }
}

/// A MySQL client banned whomever it put into the name of a database or a user.
#[test]
fn bug_04_mysql_database_and_user_names_ban_nobody_else() {
    for line in [
        "2018-03-22 14:18:{s} 1 [Warning] Access denied for user 'a'@'203.0.113.9' to database 'x'@'198.51.100.55' y'",
        "2018-03-22T14:18:{s}.000000Z 1 [Note] Access denied for user 'x'@'198.51.100.55' (using password: YES)'@'203.0.113.9' (using password: YES)",
    ] {
        let json = rule("mysql", line).scan_json();
        let banned = json["bans"].as_array().unwrap();
        assert!(
            banned.iter().all(|ban| ban["ip"] != VICTIM),
            "{line}: {json:#}"
        );
    }
}

/// One line with a name that did not resolve switched the filter off for good.
#[test]
fn bug_05_a_host_name_does_not_switch_the_filter_off() {
    for line in [
        "Mar 22 14:18:18 vps sshd[1]: Did not receive identification string from UNKNOWN port 65535",
        "Mar 22 14:18:18 vps sshd[1]: Invalid user x Unable to negotiate with 198.51.100.55 port 1 y from 203.0.113.7 port 4242",
        "Mar 22 14:18:18 vps sshd[1]: Failed password for root from nowhere.invalid port 4242 ssh2",
    ] {
        Sandbox::new()
            .log("auth.log", format!("{line}\n{}", failures(ATTACKER, 5)))
            .scan()
            .bans_the_attacker();
    }
}

/// A User-Agent of 154 bytes held a core for a third of a second, one of 324
/// for 24 seconds; these are thousands of times as long.
#[test]
fn bug_06_hostile_web_lines_are_matched_like_any_other() {
    let long = 200_000;
    let agents = [
        " [".repeat(long),
        "\" 200 ".repeat(long / 4),
        "\\\"".repeat(long),
    ];
    let line = |agent: &String| {
        format!(
            "203.0.113.7 - - [22/Mar/2018:14:18:18 +0000] \"POST /{agent} HTTP/1.1\" 200 1 \"-\" \"{agent}\"\n"
        )
    };
    let hostile: String = agents.iter().map(line).collect();
    assert!(hostile.lines().all(|line| line.len() < 1 << 20));
    let login = "203.0.113.9 - - [22/Mar/2018:14:18:{s} +0000] \"POST /login/ HTTP/1.1\" 200 512 \"-\" \"curl\"";
    let sandbox = rule("apache", login);
    sandbox.append("apache.log", &hostile);
    sandbox.append("apache.log", repeated(&login.replace("9 -", "8 -"), 5));
    sandbox.scan().exits(0).bans([ATTACKER, "203.0.113.8"]);
}

/// Names in the log were looked up, so whoever owned the name picked the
/// victim; `1.2` and a bare number were addresses, too.
#[test]
fn bug_07_names_and_numbers_are_not_looked_up() {
    for name in [
        "localhost",
        "evil.example",
        "1.2",
        "3405803783",
        "0x7f.1",
        "",
    ] {
        let line = format!(
            "Mar 22 14:18:{{s}} vps sshd[1]: Failed password for root from {name} port 1 ssh2"
        );
        ssh(&line).scan().bans_nobody();
    }
    let json =
        ssh("Mar 22 14:18:{s} vps sshd[1]: Failed password for root from evil.example port 1 ssh2")
            .scan_json();
    assert_eq!(json["sources"][0]["host_names"], 10, "they are counted");
}

/// A ban that did not come from the log passed the whitelist by.
#[test]
fn bug_08_nothing_bans_who_is_never_banned() {
    let sandbox = Sandbox::new()
        .log(
            "auth.log",
            failures("198.51.100.7", 9) + &failures("127.0.0.1", 9),
        )
        .set("/settings/ignored_ips", json!(["198.51.100.0/24"]));
    sandbox.scan().bans_nobody();
    for address in [
        "198.51.100.7",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "224.0.0.1",
        "fe80::1",
        "169.254.169.254",
    ] {
        sandbox
            .run(["ban", address])
            .exits(2)
            .warns("so it is never banned; nothing was done");
    }
    sandbox.scan().bans_nobody();
    let blacklist = sandbox.read("state/blacklist.v4");
    sandbox.file(
        "state/blacklist.v4",
        blacklist.replace("COMMIT", "-A PYFILTER -s 127.0.0.1/32 -j DROP\nCOMMIT"),
    );
    sandbox
        .scan()
        .exits(1)
        .warns("127.0.0.1 is a loopback address, so it is never banned")
        .bans([]);
    sandbox.scan().bans_nobody();
}

/// The shipped web rules ended the reader at their first match, in every release.
#[test]
fn bug_09_the_default_web_rules_work() {
    rule("apache", "203.0.113.9 - - [22/Mar/2018:14:18:{s} +0000] \"POST /login/ HTTP/1.1\" 200 512 \"-\" \"curl\"")
        .scan()
        .bans_the_attacker();
    rule("nginx", "203.0.113.9 - - [22/Mar/2018:14:18:{s} +0000] \"POST /login/ HTTP/1.1\" 405 512 \"-\" \"curl\"")
        .scan()
        .bans_the_attacker();
}

/// Only servers in UTC that spoke HTTP/1.1 were protected.
#[test]
fn bug_10_any_zone_and_any_http_version_match() {
    for (zone, version) in [
        ("+0100", "1.1"),
        ("-0730", "2.0"),
        ("+0000", "1.0"),
        ("+0545", "3"),
        ("+0000", "2"),
    ] {
        let line = format!(
            "203.0.113.9 - - [22/Mar/2018:14:18:{{s}} {zone}] \"POST /login/?a=b HTTP/{version}\" 200 512"
        );
        rule("apache", &line).scan().bans_the_attacker();
    }
}

/// A web rule under a name of one's own took the address for the time.
#[test]
fn bug_11_a_web_rule_may_have_any_name() {
    let line =
        "203.0.113.9 - - [22/Mar/2018:14:18:{s} +0000] \"POST /wp-login.php HTTP/1.1\" 200 512";
    let sandbox = rule("wordpress", line);
    let pattern =
        r#"^(?P<ip>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "POST {} HTTP/[0-9.]+" (?P<status>[0-9]+) "#;
    sandbox
        .set(
            "/settings/rules/wordpress/regex_patterns",
            json!([[pattern, "urls"]]),
        )
        .set("/settings/rules/wordpress/urls", json!(["/wp-login.php"]))
        .set(
            "/settings/rules/wordpress/time_format",
            "%d/%b/%Y:%H:%M:%S %z",
        )
        .set("/settings/rules/wordpress/http_status_blocks", json!([200]))
        .scan()
        .bans_the_attacker();
}

/// Hosts with RFC 3339 stamps were not protected, and not told.
#[test]
fn bug_12_rfc_3339_stamps_are_read() {
    ssh("2026-01-12T11:15:{s}.792703+00:00 nas1 sshd[1581943]: Invalid user user from 203.0.113.9 port 5678")
        .scan()
        .bans_the_attacker();
}

/// MySQL from 5.7 on, MariaDB before ten o'clock, and a line that ended behind
/// the address did not match.
#[test]
fn bug_13_every_mysql_and_mariadb_is_read() {
    for line in [
        "2018-03-22T14:18:{s}.123456Z 10 [Note] Access denied for user 'root'@'203.0.113.9' (using password: YES)",
        "2018-03-22  9:18:{s} 10 [Warning] Access denied for user 'root'@'203.0.113.9' (using password: YES)",
        "180322  9:18:{s} [Warning] Access denied for user 'root'@'203.0.113.9' (using password: NO)",
        "2018-03-22 14:18:{s} 10 [Warning] Access denied for user 'root'@'203.0.113.9'",
    ] {
        rule("mysql", line).scan().bans_the_attacker();
    }
}

/// Half of what sshd says of attackers was not in the rule; days before the
/// tenth were not read by 1.0.
#[test]
fn bug_14_what_sshd_says_of_attackers_counts() {
    for message in [
        "error: PAM: Authentication failure for root from 203.0.113.9",
        "Connection closed by authenticating user root 203.0.113.9 port 4711 [preauth]",
        "banner exchange: Connection from 203.0.113.9 port 4711: invalid format",
        "Failed password for root from 203.0.113.9 port 4711 ssh2",
    ] {
        let line = format!("Mar  2 14:18:{{s}} vps sshd[1]: {message}");
        ssh(&line).scan().bans_the_attacker();
    }
}

/// Six quick logouts of rsync banned a good client, and a message repeated
/// five times counted once.
#[test]
fn bug_15_logouts_do_not_count_and_repeated_messages_do() {
    ssh("Mar 22 14:18:{s} vps sshd[1]: Received disconnect from 203.0.113.9 port 4711:11: disconnected by user")
        .scan()
        .bans_nobody();
    let repeated = "Mar 22 14:18:18 vps sshd[1]: message repeated 5 times: [ Failed password for root from 203.0.113.9 port 4711 ssh2]\n";
    let json = Sandbox::new().log("auth.log", repeated).scan_json();
    assert_eq!(json["bans"][0]["ip"], ATTACKER);
    assert_eq!(json["bans"][0]["failures"], 5);
}

/// The list of the README, and that of 1.0, ended the program.
#[test]
fn bug_16_log_files_may_be_a_list() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let path = sandbox.path("auth.log");
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", json!([path]));
    sandbox.scan().bans_the_attacker();
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    let path = sandbox.path("auth.log");
    let sandbox = sandbox.set("/settings/rules/ssh/log_files", json!([[path]]));
    sandbox.scan().bans_the_attacker();
}

/// The README's DENY is no target of iptables: nobody was blocked, all were
/// recorded as banned.
#[test]
fn bug_17_deny_is_a_fault_of_the_configuration() {
    let sandbox = Sandbox::new()
        .log("auth.log", failures(ATTACKER, 5))
        .set("/settings/deny_type", "DENY");
    sandbox
        .scan()
        .exits(2)
        .warns("settings.deny_type: must be DROP or REJECT (is \"DENY\")");
    assert!(!sandbox.path("state").exists(), "nothing was done");
}

/// `[pattern, false]` banned at the first match.
#[test]
fn bug_18_false_is_not_instant() {
    let pattern = r"^(\S+) web1 sshd\[7\]: Failed password for root from (\S+) port";
    let with = |instant: bool| {
        Sandbox::new().log("auth.log", failures(ATTACKER, 1)).set(
            "/settings/rules/ssh/regex_patterns",
            json!([[pattern, instant]]),
        )
    };
    with(false).scan().bans_nobody();
    with(true).scan().bans_the_attacker();
}

/// `/login.php` matched `/loginXphp`, and braces had to be doubled everywhere.
#[test]
fn bug_19_urls_are_text_and_not_patterns() {
    let with = |path: &str| {
        let line = format!(
            "203.0.113.9 - - [22/Mar/2018:14:18:{{s}} +0000] \"POST {path} HTTP/1.1\" 200 512"
        );
        rule("apache", &line).set(
            "/settings/rules/apache/urls",
            json!(["/login.php", "/a{1,3}|(b)"]),
        )
    };
    with("/login.php").scan().bans_the_attacker();
    with("/a{1,3}|(b)").scan().bans_the_attacker();
    for other in ["/loginXphp", "/aa", "/b", "/login.php5"] {
        with(other).scan().bans_nobody();
    }
}

/// In January the lines of December were of this year, a gap of minus a year
/// was a short one, and so was that of summer time.
#[test]
fn bug_20_new_year_and_summer_time_fill_no_window() {
    let line = |stamp: &str| {
        format!("{stamp} vps sshd[1]: Failed password for root from {ATTACKER} port 1 ssh2\n")
    };
    let scan = |stamps: &[&str]| {
        let log: String = stamps.iter().map(|stamp| line(stamp)).collect();
        let sandbox = Sandbox::new().log("auth.log", log);
        let log = std::fs::File::options()
            .append(true)
            .open(sandbox.path("auth.log"))
            .unwrap();
        // Last written on 2 January 2026.
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_312_000);
        log.set_modified(written).unwrap();
        sandbox.scan_json()["bans"].clone()
    };
    assert_eq!(
        scan(&[
            "Dec 31 10:00:00",
            "Jan  1 09:00:00",
            "Jan  1 08:00:00",
            "Jan  1 06:00:00",
            "Jan  1 04:00:00"
        ]),
        json!([])
    );
    let bans = scan(&[
        "Dec 31 23:59:56",
        "Dec 31 23:59:58",
        "Jan  1 00:00:00",
        "Jan  1 00:00:01",
        "Jan  1 00:00:02",
    ]);
    assert_eq!(
        bans[0]["time"], "2026-01-01T00:00:02Z",
        "one window over New Year"
    );
    assert_eq!(bans[0]["failures"], 5);
}

/// The 29th of February, and any impossible date, ended the reader.
#[test]
fn bug_21_leap_days_and_impossible_dates_end_nothing() {
    ssh("Feb 29 10:00:{s} vps sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2")
        .scan()
        .bans_the_attacker();
    for stamp in ["Foo 22 10:00:00", "Mar 22 99:18:18", "Feb 30 10:00:00"] {
        let bad = format!(
            "{stamp} vps sshd[1]: Failed password for root from 198.51.100.55 port 1 ssh2\n"
        );
        let ran = Sandbox::new().log("auth.log", bad.repeat(9) + &failures(ATTACKER, 5));
        ran.scan().bans([ATTACKER]);
    }
}

/// A failure or two each day banned in the end; fifty in a row did not; it took
/// six and not five; a repeated message could jump over the limit; and the
/// message always said 5.
#[test]
fn bug_22_five_failures_ban_and_windows_end() {
    let on = |(day, second): (u32, u32)| {
        format!(
            "Mar {day:2} 14:18:{second:02} vps sshd[1]: Failed password for root from {ATTACKER} port 1 ssh2\n"
        )
    };
    let twice_a_day = (1..=20).flat_map(|day| [(day, 0), (day, 3)]);
    let daily: String = twice_a_day.map(on).collect();
    Sandbox::new().log("auth.log", daily).scan().bans_nobody();
    Sandbox::new()
        .log("auth.log", failures(ATTACKER, 4))
        .scan()
        .bans_nobody();
    Sandbox::new()
        .log("auth.log", failures(ATTACKER, 5))
        .scan()
        .bans_the_attacker();
    let slow: String = (0..50).map(|n| failure(ATTACKER, n * 6)).collect();
    let sandbox = Sandbox::new().log("auth.log", &slow);
    sandbox.scan().bans_nobody();
    Sandbox::new()
        .log("auth.log", slow)
        .set("/settings/window", "sliding")
        .set("/settings/request_time", 600)
        .scan()
        .bans_the_attacker();
    let jump = failures(ATTACKER, 3)
        + "2026-03-22T00:00:03+00:00 web1 sshd[7]: message repeated 4 times: [ Failed password for root from 203.0.113.9 port 4711 ssh2]\n";
    let json = Sandbox::new().log("auth.log", jump).scan_json();
    assert_eq!(json["bans"][0]["failures"], 7);
    assert!(
        json["bans"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("Acquired 7 bad connections")
    );
}

/// Who was un-banned as the tutorial says could never be banned again.
#[test]
fn bug_23_an_unbanned_address_can_be_banned_again() {
    let now = |second: i64| {
        let now = chrono::Utc::now() + chrono::Duration::seconds(3600 + second);
        format!(
            "{} web1 sshd[7]: Failed password for root from {ATTACKER} port 1 ssh2\n",
            now.format("%Y-%m-%dT%H:%M:%S+00:00")
        )
    };
    for by_hand in [true, false] {
        let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
        sandbox.scan().bans_the_attacker();
        if by_hand {
            sandbox
                .run(["unban", ATTACKER])
                .exits(0)
                .says("Un-banned IP: 203.0.113.9, by hand.");
        } else {
            let blacklist = sandbox.read("state/blacklist.v4");
            sandbox.file(
                "state/blacklist.v4",
                blacklist.replace("-A PYFILTER -s 203.0.113.9/32 -j DROP\n", ""),
            );
            sandbox
                .scan()
                .exits(0)
                .says("Un-banned IP: 203.0.113.9, its line was removed from the blacklist.");
        }
        assert!(sandbox.banned().is_empty());
        sandbox.append("auth.log", failures(ATTACKER, 9));
        sandbox.scan().bans_nobody();
        sandbox.append("auth.log", (0..5).map(now).collect::<String>());
        sandbox.scan().bans_the_attacker();
        assert_eq!(sandbox.banned(), [ATTACKER]);
    }
}

/// A start restored a dump of the whole firewall, with everybody's rules as
/// they had been: ours holds our chain and nothing else.
#[test]
fn bug_30_the_snapshot_holds_our_chain_alone() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
    sandbox.scan().bans_the_attacker();
    let snapshot = sandbox.read("state/blacklist.v4");
    let rules: Vec<&str> = snapshot
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(
        rules,
        [
            "*filter",
            ":PYFILTER - [0:0]",
            "-A PYFILTER -s 203.0.113.9/32 -j DROP",
            "COMMIT"
        ]
    );
}

/// A crash left a truncated blacklist, which was refused, or an empty one,
/// which lifted all bans without a word.
#[test]
fn bug_31_a_truncated_snapshot_lifts_nothing_and_is_kept_aside() {
    for cut in [0, 1, 60, 200] {
        let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 5));
        sandbox.scan().bans_the_attacker();
        let whole = sandbox.read("state/blacklist.v4");
        sandbox.file("state/blacklist.v4", &whole[..cut.min(whole.len() - 8)]);
        sandbox
            .scan()
            .exits(1)
            .warns("state/blacklist.v4, line ")
            .warns("state/blacklist.v4.broken-1 and written anew");
        assert_eq!(sandbox.banned(), [ATTACKER], "cut at {cut}");
        assert_eq!(sandbox.read("state/blacklist.v4"), whole);
        assert_eq!(
            sandbox.read("state/blacklist.v4.broken-1"),
            whole[..cut.min(whole.len() - 8)]
        );
        sandbox.scan().exits(0).prints("");
    }
}

/// All was read again at each start, copytruncate lost lines, and so did a line
/// that was not finished yet.
#[test]
fn bug_32_no_line_is_read_twice_or_lost() {
    let sandbox = Sandbox::new().log("auth.log", failures(ATTACKER, 3));
    sandbox.scan().bans_nobody();
    sandbox.scan().bans_nobody();
    assert_eq!(sandbox.scan_json()["sources"][0]["status"], "unchanged");
    // Copied away and truncated; then it grows, but not to its old length.
    let copied = sandbox.read("auth.log");
    sandbox.file("auth.log.1", copied);
    sandbox.file("auth.log", failure(ATTACKER, 3));
    sandbox.scan().bans_nobody();
    let line = failure(ATTACKER, 4);
    sandbox.append("auth.log", &line[..30]);
    sandbox.scan().bans_nobody();
    sandbox.append("auth.log", &line[30..]);
    sandbox.scan().bans_the_attacker();
}

/// One byte that is not UTF-8 ended the reader.
#[test]
fn bug_33_bytes_that_are_not_utf_8_end_nothing() {
    let odd = |pid| {
        let head = format!("Mar 22 14:18:18 vps sshd[{pid}]: Invalid user ");
        let su = b"Mar 22 14:18:18 vps su: caf\xe9\n";
        [su, head.as_bytes(), b"\xff\xfe from 203.0.113.9 port 1\n"].concat()
    };
    let log: Vec<u8> = (0..5).flat_map(odd).collect();
    let sandbox = Sandbox::new().log("auth.log", log);
    sandbox.scan().bans_the_attacker();
    sandbox
        .run(["explain", ATTACKER])
        .exits(0)
        .says(r"Invalid user \xff\xfe from");
}

/// On a host without the log the program ran for ever, and said nothing.
#[test]
fn bug_34_a_missing_log_is_named() {
    Sandbox::new()
        .scan()
        .exits(1)
        .complains("auth.log: is not there: is the path right, and does the service log to it?");
}

/// IPv4-mapped addresses were banned where no packet comes, a zone ended the
/// reader, and the whitelist compared texts.
#[test]
fn bug_35_addresses_are_compared_as_addresses() {
    let from = |address: &str| {
        ssh(&format!(
            "Mar 22 14:18:{{s}} vps sshd[1]: Failed password for root from {address} port 1 ssh2"
        ))
    };
    from("::ffff:203.0.113.9").scan().bans_the_attacker();
    from("::ffff:cb00:7109").scan().bans_the_attacker();
    from("2001:DB8:0:0::9")
        .scan()
        .exits(0)
        .bans(["2001:db8::9"]);
    from("2001:db8::9%eth0")
        .scan()
        .exits(0)
        .bans(["2001:db8::9"]);
    from("fe80::1%eth0").scan().bans_nobody();
    from("2001:0db8::9")
        .set("/settings/ignored_ips", json!(["2001:db8:0::0009"]))
        .scan()
        .bans_nobody();
    from("::ffff:203.0.113.9")
        .set("/settings/ignored_ips", json!(["203.0.113.0/24"]))
        .scan()
        .bans_nobody();
}

/// Whoever failed once was remembered for ever.
#[test]
fn bug_36_old_windows_are_forgotten() {
    let hour = 3600;
    let sandbox = Sandbox::new().log("auth.log", failure("198.51.100.1", 0));
    sandbox.scan().bans_nobody();
    let windows = |address: &str| {
        let explained = sandbox.run(["explain", "--json", address]).exits(0).json();
        explained["windows"].as_array().unwrap().len()
    };
    assert_eq!(windows("198.51.100.1"), 1);
    sandbox.append(
        "auth.log",
        failure("198.51.100.2", 23 * hour).replace("-22T", "-24T"),
    );
    sandbox.scan().bans_nobody();
    assert_eq!((windows("198.51.100.1"), windows("198.51.100.2")), (0, 1));
}
