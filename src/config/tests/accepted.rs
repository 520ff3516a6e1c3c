//! What the file may say.

use std::time::Duration;

use super::*;
use crate::model::{BanTime, RedisSettings, Subject};

#[test]
fn pyfilters_own_file_is_valid_as_it_is() {
    let config = good(PYFILTER);
    assert_eq!(config.store, Path::new("/state/PyFilter.db"));
    assert_eq!(config.event_log.as_deref(), Some(Path::new("/state/Logs")));
    assert_eq!(config.ignored, [Subject::parse("127.0.0.1").unwrap()]);
    assert_eq!(config.thresholds, Thresholds::default());
    assert_eq!(config.server_name, None);
    assert!(config.redis.take_over);
    assert!(config.notes.is_empty());
    let names: Vec<_> = config.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["ssh", "mysql", "apache", "nginx"]);
    let ssh = &config.rules[0];
    assert_eq!(ssh.sources, [SourceSpec::Files("/var/log/auth.log".into())]);
    assert_eq!(ssh.patterns.len(), 6);
    assert!(ssh.patterns[5].instant && !ssh.patterns[0].instant);
    assert_eq!(ssh.time_formats, ["%b %d %H:%M:%S"]);
    assert_eq!(config.rules[1].sources, []);
    let apache = &config.rules[2];
    assert_eq!(apache.statuses.as_deref(), Some(&[200][..]));
    assert_eq!(
        apache.patterns,
        [Pattern {
            text: r#"(.*) .* .* \[(.*) \+0000\] "POST ((?:/login/|/admin/)) HTTP/1\.1" .*"#
                .to_owned(),
            instant: false,
            positions: Positions::AddressTime,
            urls: Urls::Filled(vec![page("/login/", None), page("/admin/", None)]),
            built_in: false,
        }]
    );
}

#[test]
fn older_versions_files_are_read_too() {
    let first = good(include_str!("../../../fixtures/config/pyfilter-1.0.0.json"));
    assert_eq!(
        first.rules[0].sources,
        [SourceSpec::Files("/var/log/auth.log".into())]
    );
    assert_eq!(first.store, Path::new("/state/pyFilter.db"));
    assert_eq!(
        first.notes,
        [
            "settings.check_time: has no effect: every run reads what is new, and ends",
            "settings.run_once: has no effect: every run reads what is new, and ends",
        ]
    );
    for text in [
        include_str!("../../../fixtures/config/pyfilter-2.0.json"),
        include_str!("../../../fixtures/config/pyfilter-2.1.json"),
    ] {
        let config = good(text);
        assert_eq!(
            config.rules[0].sources,
            [SourceSpec::Files("/var/log/auth.log".into())]
        );
        assert!(config.rules[2].patterns[0].text.starts_with(r"(\d{1,3}\."));
    }
}

#[test]
fn nothing_said_is_ssh_from_its_usual_places() {
    let config = good("{}");
    assert_eq!(
        config,
        Config {
            path: Some("f".into()),
            ..Config::defaults(Path::new("/state"))
        }
    );
    let [ssh] = &config.rules[..] else {
        panic!("{:?}", config.rules)
    };
    assert_eq!(&*ssh.name, "ssh");
    assert!(ssh.enabled);
    let auto = SourceSpec::Auto(rules::DEFAULT_RULE.usual_places());
    assert_eq!(ssh.sources, [auto]);
    assert_eq!(
        ssh.patterns.len(),
        rules::builtin("ssh").unwrap().patterns.len()
    );
    assert_eq!(config.firewall.backend, Backend::Auto);
    assert_eq!(config.firewall.chain, "PYFILTER");
    assert_eq!(config.firewall.hooks, ["INPUT"]);
    assert_eq!(config.firewall.deny, Deny::Drop);
    assert!(config.firewall.compare);
    assert_eq!(config.event_log.as_deref(), Some(Path::new("/state/Logs")));
    assert_eq!((config.redis.port, config.redis.check_time), (6379, 600));
    assert!(good(&settings("")).rules.len() == 1);
}

#[test]
fn every_new_key_is_read() {
    let config = good(
        r#"{"//": "a comment", "// anywhere": {"a": [1]},
        "settings": {"server_name": "web 2", "window": "sliding", "ban_time": "10m",
          "failed_attempts": 3, "request_time": 600, "deny_type": "REJECT",
          "reload_iptables": false, "database": "redis",
          "ignored_ips": ["192.0.2.7/24", "::1"],
          "firewall": {"backend": "none", "chain": "BANS", "hooks": ["INPUT", "DOCKER-USER"],
                       "programs": "bin"},
          "rules": {"//": "none", "ssh": {"failed_attempts": 4, "request_time": 0,
            "window": "gap", "ban_time": null, "enabled": false, "//": 1,
            "log_files": ["auto", ["/a/*.log", "b.log"], "journal:sshd.service", "", "auto"]}}},
        "redis": {"host": "/run/redis.sock", "port": 1, "username": "u", "password": "p",
          "database": 3, "tls": true, "tls_ca": "ca.pem", "stream_length": 1000, "sync_bans": {"active": false, "check_time": 0}},
        "logging": {"active": false, "directory": "/var/log/pyfilter"},
        "geoip": {"database": "c.mmdb"}, "sqlite": {"database": "/x.db"}}"#,
    );
    assert_eq!(config.server_name.as_deref(), Some("web 2"));
    assert_eq!(
        config.thresholds,
        Thresholds {
            failed_attempts: NonZeroU32::new(3).unwrap(),
            request_time: 600,
            window: WindowKind::Sliding,
            ban_times: span(600).into(),
            ..Thresholds::default()
        }
    );
    let ssh = &config.rules[0];
    assert_eq!(
        ssh.thresholds,
        Thresholds {
            failed_attempts: NonZeroU32::new(4).unwrap(),
            request_time: 0,
            window: WindowKind::Gap,
            ban_times: BanTime::FOR_EVER.into(),
            ..Thresholds::default()
        }
    );
    assert!(!ssh.enabled);
    assert_eq!(
        ssh.sources,
        [
            SourceSpec::Auto(rules::DEFAULT_RULE.usual_places()),
            SourceSpec::Files("/a/*.log".into()),
            SourceSpec::Files("/state/b.log".into()),
            SourceSpec::Journal("sshd.service".into()),
        ]
    );
    assert_eq!(
        config.firewall,
        Firewall {
            backend: Backend::None,
            chain: "BANS".into(),
            hooks: vec!["INPUT".into(), "DOCKER-USER".into()],
            deny: Deny::Reject,
            compare: false,
            programs: Some("/state/bin".into()),
        }
    );
    assert_eq!(
        config.redis,
        RedisSettings {
            host: "/run/redis.sock".into(),
            port: 1,
            username: Some("u".into()),
            password: Some("p".into()),
            database: 3,
            tls: true,
            tls_ca: Some("/state/ca.pem".into()),
            limit: Duration::from_secs(2),
            stream_length: 1000,
            take_over: false,
            check_time: 0,
        }
    );
    assert_eq!(config.event_log, None);
    assert_eq!(config.geoip.as_deref(), Some(Path::new("/state/c.mmdb")));
    assert_eq!(config.store, Path::new("/x.db"));
    assert_eq!(
        config.notes,
        [
            "settings.rules: all are switched off: no log is read",
            "settings.ignored_ips[0]: 192.0.2.7/24 is taken for the network 192.0.2.0/24"
        ]
    );
}

#[test]
fn a_password_is_not_debugged() {
    let config = good(r#"{"redis": {"password": "hunter2"}}"#);
    assert_eq!(config.redis.password.as_deref(), Some("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn ban_times() {
    let of = |value: &str| {
        good(&settings(&format!("\"ban_time\": {value}")))
            .thresholds
            .ban_times
            .first()
            .seconds()
    };
    assert_eq!(of("600"), span(600));
    assert_eq!(of("\"2h\""), span(7200));
    assert_eq!([of("null"), of("-1"), of("\"-1\"")], [None; 3]);
}

#[test]
fn a_server_has_one_name() {
    let name = |settings: &str| {
        let text = format!(
            r#"{{"settings": {{{settings}}}, "redis": {{"sync_bans": {{"name": "shared"}}}}}}"#
        );
        good(&text).server_name
    };
    assert_eq!(name(""), None);
    assert_eq!(name(r#""database": "redis""#).as_deref(), Some("shared"));
    let both = r#""database": "redis", "server_name": "own""#;
    assert_eq!(name(both).as_deref(), Some("own"));
    let null = r#""database": "redis", "server_name": null"#;
    assert_eq!(name(null).as_deref(), Some("shared"));
}

#[test]
fn a_built_in_rule_inherits_what_it_does_not_set() {
    let builtin = rules::builtin("nginx").unwrap();
    let nginx = |inner: &str| good(&rule("nginx", inner)).rules.remove(0);
    let bare = nginx("");
    assert_eq!(bare.patterns.len(), builtin.patterns.len());
    assert_eq!(bare.time_formats, builtin.time_formats);
    assert_eq!(bare.patterns[0].urls, Urls::Read(builtin.pages().to_vec()));
    assert_eq!(bare.statuses, None);
    assert_eq!(bare.sources, [SourceSpec::Auto(builtin.usual_places())]);
    let urls = nginx(r#""urls": ["/wp.php"], "http_status_blocks": null"#);
    assert_eq!(
        urls.patterns[0].urls,
        Urls::Read(vec![page("/wp.php", None)])
    );
    assert_eq!(urls.statuses, None);
    let format = nginx(r#""time_format": "%d %m %H""#);
    assert_eq!(format.time_formats[0], "%d %m %H");
    assert_eq!(format.time_formats[1..], *builtin.time_formats);
    let own = nginx(r#""time_format": ["%d %m %H"], "regex_patterns": ["x(a)(b)"]"#);
    assert_eq!(own.time_formats, ["%d %m %H"]);
    assert_eq!(own.patterns[0].positions, Positions::AddressTime);
    let own = nginx(r#""regex_patterns": ["x(a)(b)"]"#);
    assert_eq!(own.time_formats, builtin.time_formats);
}

#[test]
fn a_rule_of_the_library_lends_nothing_to_patterns_of_another() {
    let config = good(&rule("dovecot", r#""regex_patterns": ["x(a)(b)"]"#));
    let own = &config.rules[0];
    assert_eq!((&*own.sources, &*own.ignored), (&[][..], &[][..]));
    assert_eq!(own.time_formats, rules::KNOWN_FORMATS);
    assert_eq!(
        config.notes,
        [
            "settings.rules.dovecot: there is a built-in rule of this name, of which nothing holds \
             beside regex_patterns: delete them to use it (`pyfilter rules dovecot` shows it), or \
             call this one otherwise"
        ]
    );
    let library = good(&rule("dovecot", "")).rules.remove(0);
    assert!(library.patterns.iter().all(|pattern| pattern.built_in));
}

#[test]
fn senders_that_can_be_forged_are_trusted_if_the_configuration_says_so() {
    let shared = |name: &str, inner: &str| good(&rule(name, inner)).rules[0].is_shared();
    assert!(shared("ssh", "") && shared("own", r#""regex_patterns": ["x(a)(b)"]"#));
    assert!(!shared("named-refused", "") && !shared("mysql", ""));
    assert!(shared("named-refused", r#""trust_sender": true"#));
    assert!(shared("nginx-http-auth", ""));
    assert!(!shared(
        "nginx-http-auth",
        r#""log_files": "/var/log/nginx/error.log""#
    ));
    // What is usual is trusted by any name; and the journal, where a message is one entry.
    for (name, trusted) in [
        ("nginx-http-auth", r#""log_files": "auto""#),
        (
            "nginx-http-auth",
            r#""log_files": ["/var/log/nginx/access.log", "journal:nginx.service"]"#,
        ),
        (
            "nginx-http-auth",
            r#""log_file": "/var/log/nginx/*access.log""#,
        ),
        (
            "roundcube-auth",
            r#""log_files": "/var/log/roundcube/userlogins.log""#,
        ),
        ("xrdp", r#""log_files": "journal:xrdp-sesman.service""#),
        ("nginx-limit-req", r#""log_files": "journal:nginx.service""#),
        ("traefik-auth", r#""trust_sender": true"#),
    ] {
        assert!(shared(name, trusted), "{name}: {trusted}");
    }
    for (name, forgeable) in [
        ("xrdp", r#""log_files": "auto""#),
        (
            "xrdp",
            r#""log_files": ["journal:xrdp-sesman.service", "/var/log/xrdp-sesman.log"]"#,
        ),
        ("nginx-http-auth", r#""log_files": "/srv/access.log""#),
        ("named-refused", r#""log_files": "journal:named.service""#),
        ("traefik-auth", ""),
        (
            "nginx-http-auth",
            r#""log_files": "auto", "trust_sender": false"#,
        ),
    ] {
        assert!(!shared(name, forgeable), "{name}: {forgeable}");
    }
    assert!(shared("xrdp", r#""regex_patterns": ["x(a)(b)"]"#));
    assert!(!shared(
        "own",
        r#""regex_patterns": ["x(a)(b)"], "trust_sender": false"#
    ));
}

#[test]
fn ignored_lines_are_added_to_those_of_a_built_in_rule() {
    let ssh = good(&rule(
        "ssh",
        r#""ignore_patterns": ["from 192\\.0\\.2\\.", "x"]"#,
    ));
    assert_eq!(ssh.rules[0].ignored, [r"from 192\.0\.2\.", "x"]);
}

fn page(url: &'static str, failures: Option<&'static [u16]>) -> LoginPage {
    LoginPage {
        url: url.into(),
        failures,
    }
}

/// What a failure is, the administrator says: the page, the statuses, or both.
#[test]
fn a_page_has_its_own_statuses_where_the_configuration_names_none() {
    for name in ["apache", "nginx"] {
        let builtin = rules::builtin(name).unwrap();
        let read = |inner: &str| good(&rule(name, inner)).rules.remove(0);
        let urls = read(r#""urls": ["/wp-login.php", "/konto"]"#);
        let named = |url| page(url, Some(builtin.failures_at(url)));
        let pages = vec![named("/wp-login.php"), named("/konto")];
        let shows_again = |page: &LoginPage| page.failures.unwrap().contains(&200);
        assert!(shows_again(&pages[0]));
        // For Apache as in PyFilter.
        assert_eq!(shows_again(&pages[1]), name == "apache");
        assert!(
            pages
                .iter()
                .all(|page| page.failures.unwrap().contains(&405))
        );
        assert_eq!(urls.patterns[0].urls, Urls::Read(pages));
        assert_eq!(urls.statuses, None);

        let statuses = read(r#""http_status_blocks": [200, 418]"#);
        let pages = statuses.patterns[0].urls.pages();
        assert_eq!(pages.len(), builtin.pages().len());
        assert!(pages.iter().all(|page| page.failures.is_none()));
        assert_eq!(statuses.statuses, Some(vec![200, 418]));

        // Patterns of one's own have what PyFilter had.
        let own = read(r#""regex_patterns": [["x(a)({})", "urls"]]"#);
        assert_eq!(own.patterns[0].text, "x(a)((?:/login/|/admin/))");
        let pyfilters = if name == "nginx" { 405 } else { 200 };
        assert_eq!(own.statuses, Some(vec![pyfilters]));
    }
}

#[test]
fn another_rule_brings_its_patterns() {
    let text = rule(
        "word press",
        r#""regex_patterns": [["x(a)(b)"], ["x(a)({})", "urls", true], ["(?P<ip>a)(?P<time>b)", false]],
           "urls": ["/x"]"#,
    );
    let config = good(&text);
    let rule = &config.rules[0];
    let flags: Vec<_> = rule
        .patterns
        .iter()
        .map(|pattern| pattern.instant)
        .collect();
    assert_eq!(flags, [false, true, false]);
    assert_eq!(rule.patterns[1].text, "x(a)((?:/x))");
    let urls = rule.patterns.iter().map(|pattern| &pattern.urls);
    let filled = Urls::Filled(vec![page("/x", None)]);
    assert!(urls.eq([&Urls::Unused, &filled, &Urls::Unused]));
    assert_eq!(rule.patterns[0].positions, Positions::TimeAddress);
    for builtin in rules::GROUPS[0].rules {
        for format in builtin.time_formats {
            let known = rule.time_formats.iter().filter(|known| known == format);
            assert_eq!(known.count(), 1, "{}: {format}", builtin.name);
        }
    }
    assert_eq!(rule.statuses, None);
    assert_eq!(
        config.notes,
        [
            "settings.rules.word press: outside of apache and nginx the first group of a pattern \
          is the time and the second the address; in an access log it is the other way round: \
          name them, (?P<ip>…) and (?P<time>…)"
        ]
    );
}

#[test]
fn built_in_rules_are_known_without_the_file() {
    let config = good(&settings(
        r#""failed_attempts": 9, "rules": {"ssh": {"enabled": false}}"#,
    ));
    assert!(!config.rule_named("ssh").unwrap().enabled);
    let mysql = config.rule_named("mysql").unwrap();
    assert!(mysql.enabled);
    assert_eq!(mysql.thresholds.failed_attempts.get(), 9);
    assert_eq!(config.rule_named("shh"), None);
    assert_eq!(config.rule_names(), rules::names());
    assert_eq!(
        config.no_such_rule("shh"),
        "there is no rule `shh`: did you mean ssh?"
    );
    assert_eq!(
        config.no_such_rule("webshop\x1b"),
        "there is no rule `webshop\\x1b`: the rules are the built-in ones (`pyfilter rules`)"
    );
    let none = good(&settings(r#""rules": {}"#));
    assert_eq!(none.rules, []);
    assert_eq!(none.notes, ["settings.rules: is empty: no log is read"]);
}

#[test]
fn urls_and_statuses_that_have_no_effect_are_told() {
    for (name, statuses) in [
        ("ssh", None),
        ("postfix", None),
        ("nginx-botsearch", None),
        ("mariadb-audit", Some(&[1045, 1698][..])),
    ] {
        let text = rule(name, r#""http_status_blocks": [401], "urls": ["/x"]"#);
        let config = good(&text);
        let end = "has no effect on this rule: its built-in patterns say themselves which lines \
                   count; it is for the rules apache, nginx and wordpress, and for patterns of \
                   your own";
        let path = format!("settings.rules.{name}");
        assert_eq!(
            config.notes,
            [
                format!("{path}.urls: {end}"),
                format!("{path}.http_status_blocks: {end}")
            ]
        );
        assert_eq!(config.rules[0].statuses.as_deref(), statuses);
        let builtin = config.builtin_rule(name).unwrap();
        assert_eq!(config.rules[0].patterns, builtin.patterns);
        // Null, which is any status, is the same without a note.
        let any = good(&rule(name, r#""http_status_blocks": null"#));
        assert!(any.notes.is_empty(), "{:?}", any.notes);
        assert_eq!(any.rules[0].statuses.as_deref(), statuses);
    }
    let unfilled = r#""urls": ["/x"], "regex_patterns": ["x(?P<ip>a)(?P<time>b)"]"#;
    assert_eq!(
        good(&rule("apache", unfilled)).notes,
        [
            "settings.rules.apache.urls: has no effect: no pattern of the rule is to be filled with \
          it, which is written [\"…{}…\", \"urls\"]"
        ]
    );
    for (name, has_effect) in [
        ("nginx", r#""urls": ["/x"], "http_status_blocks": [401]"#),
        (
            "wordpress",
            r#""urls": ["/x"], "http_status_blocks": [401]"#,
        ),
        (
            "ssh",
            r#""regex_patterns": ["(?P<ip>a)(?P<time>b)"], "http_status_blocks": [401]"#,
        ),
    ] {
        assert!(
            good(&rule(name, has_effect)).notes.is_empty(),
            "{has_effect}"
        );
    }
}
