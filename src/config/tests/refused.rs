//! Every sentence about what it may not.

use super::*;

#[test]
fn all_faults_are_told_at_once_with_file_line_and_column() {
    let text = "{\n  \"settings\": {\n    \"faild_attempts\": 0,\n    \"deny_type\": \"DENY\",\n    \
                \"rules\": {\"ssh\": {\"failed_attempts\": 0}}\n  },\n  \"ä\": 1, \"redis\": []\n}";
    assert_eq!(
        read(text).unwrap_err().to_string(),
        "f:3:5: settings.faild_attempts: unknown key; did you mean failed_attempts?\n\
         f:4:18: settings.deny_type: must be DROP or REJECT (is \"DENY\")\n\
         f:5:42: settings.rules.ssh.failed_attempts: must be at least 1 (is 0)\n\
         f:7:3: ä: unknown key; the keys here are settings, sqlite, redis, logging, geoip\n\
         f:7:20: redis: must be an object in curly brackets, not a list"
    );
}

#[test]
fn syntax_and_shape() {
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        said("{\n\"a\": 1,\n}"),
        "f:3:1: a comma before the closing bracket: remove it"
    );
    assert_eq!(
        said("[]"),
        "f:1:1: must be an object in curly brackets, not a list"
    );
    assert_eq!(
        fault("{\"redis\": {},\n\"redis\": {}}"),
        "redis: is here twice, first in line 1: remove one"
    );
    assert_eq!(
        fault(&rule("ssh", "\"enabled\": true, \"enabled\": true")),
        "settings.rules.ssh.enabled: is here twice, first in line 1: remove one"
    );
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(said(&deep), "f:1:70: is nested deeper than 64 levels");
    let many = format!("{{{}\"redis\": {{}}}}", "\"x\": 1,".repeat(1000));
    let faults = read(&many).unwrap_err();
    assert_eq!((faults.faults.len(), faults.more), (100, 1899));
    assert!(faults.to_string().ends_with("\nf: and 1899 more"));
}

#[test]
fn what_was_typed_is_printed_harmlessly() {
    assert_eq!(
        fault("{\"a\\u001b[2J\": 1}"),
        "a\\x1b[2J: unknown key; the keys here are settings, sqlite, redis, logging, geoip"
    );
    assert_eq!(
        fault(&settings("\"database\": \"\\n\"")),
        "settings.database: must be redis or sqlite (is \"\\x0a\")"
    );
    assert_eq!(
        fault(&settings("\"ban_time\": \"\\u0007\"")),
        "settings.ban_time: `\\x07` is not a time: seconds, or a number with s, m, h, d or w \
         (10m, 2h, 7d, 1w)"
    );
    // A password is not repeated, whatever it was written as.
    assert_eq!(
        fault("{\"redis\": {\"password\": 12345}}"),
        "redis.password: must be a string in double quotes, or null"
    );
}

#[test]
fn numbers() {
    let is = |value: &str, said: &str| {
        let text = settings(&format!("\"failed_attempts\": {value}"));
        assert_eq!(
            fault(&text),
            format!("settings.failed_attempts: {said}"),
            "{value}"
        );
    };
    is("0", "must be at least 1 (is 0)");
    is("-3", "must be at least 1 (is -3)");
    is(
        "-99999999999999999999999999999999999999999",
        "must be at least 1 (is -99999999999999999999999999999999999999999)",
    );
    is("5000000000", "must be at most 4294967295 (is 5000000000)");
    is(
        "5.0",
        "must be a whole number, without fraction or exponent (is 5.0)",
    );
    is(
        "1e3",
        "must be a whole number, without fraction or exponent (is 1e3)",
    );
    is(
        "\"5\"",
        "must be a whole number, not the string \"5\": remove the quotes",
    );
    is(
        "\"five\"",
        "must be a whole number, not the string \"five\"",
    );
    is("true", "must be a whole number, not true");
    is("null", "must be a whole number, not null");
    is("[5]", "must be a whole number, not a list");
}

#[test]
fn settings_keys() {
    let is = |inner: &str, said: &str| {
        assert_eq!(
            fault(&settings(inner)),
            format!("settings.{said}"),
            "{inner}"
        );
    };
    is(
        "\"database\": \"mysql\"",
        "database: must be redis or sqlite (is \"mysql\")",
    );
    is(
        "\"deny_type\": \"DENY\"",
        "deny_type: must be DROP or REJECT (is \"DENY\")",
    );
    is(
        "\"deny_type\": 1",
        "deny_type: must be DROP or REJECT, not the number 1",
    );
    is(
        "\"window\": \"slide\"",
        "window: must be gap or sliding (is \"slide\")",
    );
    is(
        "\"request_time\": -1",
        "request_time: must be at least 0 (is -1)",
    );
    is(
        "\"reload_iptables\": \"yes\"",
        "reload_iptables: must be true or false, not the string \"yes\"",
    );
}

#[test]
fn names_times_and_networks() {
    let is = |inner: &str, said: &str| {
        assert_eq!(
            fault(&settings(inner)),
            format!("settings.{said}"),
            "{inner}"
        );
    };
    is(
        "\"server_name\": \" a\"",
        "server_name: must not begin or end with a blank, nor hold two in a row",
    );
    is(
        "\"server_name\": 1",
        "server_name: must be a string, not the number 1",
    );
    is(
        "\"ban_time\": 0",
        "ban_time: `0` is no time at all: -1 is for ever, 1s the shortest",
    );
    is(
        "\"ban_time\": true",
        "ban_time: must be seconds, a time such as \"10m\", or null for ever, not true",
    );
    is(
        "\"ban_time\": 5.0",
        "ban_time: `5.0` is not a time: seconds, or a number with s, m, h, d or w (10m, 2h, 7d, 1w)",
    );
    is(
        "\"ignored_ips\": \"127.0.0.1\"",
        "ignored_ips: must be a list of addresses in square brackets, not the string \"127.0.0.1\"",
    );
    is(
        "\"ignored_ips\": [\"::1\", \"localhost\"]",
        "ignored_ips[1]: \"localhost\" is neither an address nor a network such as \
         192.0.2.0/24 (host names are not looked up)",
    );
    is(
        "\"ignored_ips\": [1]",
        "ignored_ips[0]: must be a string, not the number 1",
    );
    is(
        "\"rules\": null",
        "rules: must be an object in curly brackets, not null",
    );
    assert_eq!(
        fault(r#"{"settings": {"database": "redis"}, "redis": {"sync_bans": {"name": "reason"}}}"#),
        "redis.sync_bans.name: is a word that Redis entries keep for themselves"
    );
}

#[test]
fn the_firewall() {
    let is = |inner: &str, said: &str| {
        let text = settings(&format!("\"firewall\": {{{inner}}}"));
        assert_eq!(fault(&text), format!("settings.firewall.{said}"), "{inner}");
    };
    let shape = "must be the name of a chain: 1 to 28 letters, digits, -, _, ., +, : or @, \
                 not - first";
    is(
        "\"backend\": \"nft\"",
        "backend: must be auto or iptables or nftables or none (is \"nft\")",
    );
    for name in [
        "",
        "a b",
        "!a",
        "-a",
        "a\\\"",
        "12345678901234567890123456789",
    ] {
        let text = settings(&format!("\"firewall\": {{\"chain\": \"{name}\"}}"));
        assert!(fault(&text).contains(shape), "{name}");
    }
    is(
        "\"chain\": \"a b\"",
        &format!("chain: {shape} (is \"a b\")"),
    );
    is(
        "\"chain\": \"INPUT\"",
        "chain: must be a chain of our own: INPUT is another's, name it in \
         settings.firewall.hooks",
    );
    is(
        "\"chain\": \"DROP\"",
        "chain: must be the name of a chain: DROP is a target",
    );
    is(
        "\"hooks\": \"INPUT\"",
        "hooks: must be a list of chains in square brackets, not the string \"INPUT\"",
    );
    is(
        "\"hooks\": []",
        "hooks: must name a chain, such as [\"INPUT\"]; for no firewall at all set backend \
         to none",
    );
    is(
        "\"hooks\": [\"PYFILTER\"]",
        "hooks[0]: must not be our own chain, PYFILTER",
    );
    is("\"programs\": \"\"", "programs: must not be empty");
    is(
        "\"programs\": \"\\u0000\"",
        "programs: must not hold a NUL character",
    );
}

#[test]
fn redis() {
    let is = |inner: &str, said: &str| {
        let text = format!("{{\"redis\": {{{inner}}}}}");
        assert_eq!(fault(&text), format!("redis.{said}"), "{inner}");
    };
    is("\"host\": \"\"", "host: must not be empty");
    is("\"port\": 0", "port: must be at least 1 (is 0)");
    is("\"port\": 65536", "port: must be at most 65535 (is 65536)");
    is("\"database\": -1", "database: must be at least 0 (is -1)");
    is("\"tls\": 1", "tls: must be true or false, not the number 1");
    is(
        "\"name\": \"a\"",
        "name: unknown key; it belongs under redis.sync_bans",
    );
}

#[test]
fn rules() {
    let is = |name: &str, inner: &str, said: &str| {
        assert_eq!(
            fault(&rule(name, inner)),
            format!("settings.rules.{said}"),
            "{inner}"
        );
    };
    let needs = "needs regex_patterns: only the built-in rules (`pyfilter rules`) have their own";
    is("shh", "", &format!("shh: {needs}; did you mean ssh?"));
    is("webshop", "", &format!("webshop: {needs}"));
    is(
        "a\\u0000",
        "\"regex_patterns\": [\"x(a)(b)\"]",
        "a\\x00: the name of a rule must not be empty, begin or end with a blank, or hold \
         control characters",
    );
    is(
        "ssh",
        "\"deny_type\": \"DROP\"",
        "ssh.deny_type: unknown key; it belongs under settings",
    );
    is(
        "ssh",
        "\"enabled\": 1",
        "ssh.enabled: must be true or false, not the number 1",
    );
    is(
        "ssh",
        "\"log_file\": \"a\", \"log_files\": \"b\"",
        "ssh.log_file: is the old name of log_files, which is here too: remove one",
    );
    is(
        "ssh",
        "\"log_files\": 1",
        "ssh.log_files: must be a path, or a list of paths in square brackets, not the number 1",
    );
    is(
        "ssh",
        "\"log_files\": [\"a\", \"[\"]",
        "ssh.log_files[1]: is no glob: invalid range pattern (column 1)",
    );
    is(
        "shop",
        "\"log_files\": \"auto\", \"regex_patterns\": [\"x(a)(b)\"]",
        "shop.log_files: auto finds the logs of built-in rules alone: write the path of this one",
    );
    is(
        "ssh",
        "\"ignore_patterns\": [\"a\", \"(?!x)\"]",
        "ssh.ignore_patterns[1]: is not a regular expression: look-ahead and look-behind, (?=…) (?!…) (?<=…) (?<!…), do not exist here: write what stands there as a part of the pattern (column 1)",
    );
    is(
        "ssh",
        "\"ignore_patterns\": [\"a*\"]",
        "ssh.ignore_patterns[0]: matches the empty line, and so every line: no failure would count",
    );
}

#[test]
fn time_formats_statuses_and_urls() {
    let is = |name: &str, inner: &str, said: &str| {
        assert_eq!(
            fault(&rule(name, inner)),
            format!("settings.rules.{said}"),
            "{inner}"
        );
    };
    is(
        "ssh",
        "\"time_format\": \"%b %d\"",
        "ssh.time_format: the time format `%b %d` names no hour: it needs %H (or %I with %p), or %T",
    );
    is(
        "ssh",
        "\"time_format\": []",
        "ssh.time_format: must hold a format, such as \"%b %d %H:%M:%S\"",
    );
    is(
        "ssh",
        "\"time_format\": [1]",
        "ssh.time_format[0]: must be a string, not the number 1",
    );
    is(
        "nginx",
        "\"http_status_blocks\": [99]",
        "nginx.http_status_blocks[0]: must be at least 100 (is 99)",
    );
    is(
        "nginx",
        "\"http_status_blocks\": [600]",
        "nginx.http_status_blocks[0]: must be at most 599 (is 600)",
    );
    is(
        "nginx",
        "\"http_status_blocks\": 200",
        "nginx.http_status_blocks: must be a list of statuses in square brackets, not the number 200",
    );
    is(
        "nginx",
        "\"http_status_blocks\": []",
        "nginx.http_status_blocks: must hold a status, such as 401; null is any",
    );
    is(
        "nginx",
        "\"urls\": []",
        "nginx.urls: must hold a path, such as \"/login/\"",
    );
    is(
        "nginx",
        "\"urls\": [\"\"]",
        "nginx.urls[0]: must not be empty",
    );
    assert_eq!(
        fault(&settings("\"rules\": {\"ssh\": true}")),
        "settings.rules.ssh: must be an object in curly brackets, not true"
    );
}

#[test]
fn patterns() {
    let is = |inner: &str, said: &str| {
        let text = rule("ssh", &format!("\"regex_patterns\": {inner}"));
        assert_eq!(
            fault(&text),
            format!("settings.rules.ssh.regex_patterns{said}"),
            "{inner}"
        );
    };
    is(
        "\"(a)(b)\"",
        ": must be a list of patterns in square brackets, not the string \"(a)(b)\"",
    );
    is(
        "[]",
        ": must hold a pattern; a rule without this key has the built-in ones",
    );
    is("[[]]", "[0]: must hold a pattern: [\"…\", true]");
    is(
        "[1]",
        "[0]: must be a pattern, or [\"…\", true], or [\"…\", \"urls\"], not the number 1",
    );
    is(
        "[\"(a)(b)\", true]",
        "[1]: a pattern and its flag stand in brackets of their own: [\"…\", true]",
    );
    is(
        "[[\"(a)(b)\", \"url\"]]",
        "[0][1]: must be true (bans at once), false, or \"urls\", not the string \"url\"",
    );
    is(
        "[[\"(a)(b)\", true, false]]",
        "[0][2]: is the second of its kind: remove one",
    );
    is(
        "[[\"(a)({})\", \"urls\"]]",
        "[0]: is to be filled with urls, and the rule has none",
    );
    is(
        "[\"(a)\"]",
        "[0]: needs two groups: (?P<time>…) and (?P<ip>…), or without names the time, then the address",
    );
    is(
        "[\"(a)({})\"]",
        "[0]: is not a regular expression: this { is no repetition such as {1,3}: a literal \
         brace is written \\{ (column 5); to have {} filled with the urls write [\"…\", \"urls\"]",
    );
}

#[test]
fn ten_megabytes_of_faults_are_told_at_once() {
    let text = format!(
        "{{{}\"redis\": {{}}}}",
        "\"failed_attempt\": [],\n".repeat(500_000)
    );
    let faults = read(&text).unwrap_err();
    assert_eq!(faults.faults.len() + faults.more, 999_999);
}
