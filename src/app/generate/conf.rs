//! pyfilter.conf(5): every key of the configuration. The meaning and the default of a
//! key are read from the file that `init` writes, so that there is one place for them.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::app::init::{self, Host};
use crate::cli::Preset;
use crate::rules;

use super::roff::roff;
use super::web;

/// A value for each key that is not its default.
const EXAMPLES: [(&str, &str); 58] = [
    ("settings.server_name", "\"web 2\""),
    ("settings.failed_attempts", "3"),
    ("settings.request_time", "600"),
    ("settings.window", "\"sliding\""),
    ("settings.ban_time", "[\"10m\", \"1h\", \"1d\", \"1w\"]"),
    ("settings.ban_memory", "\"1w\""),
    ("settings.ipv4_prefix", "24"),
    ("settings.ipv6_prefix", "64"),
    (
        "settings.aggregate",
        "{\"ipv4\": 24, \"ipv6\": 48, \"subjects\": 4, \"within\": \"1d\"}",
    ),
    ("settings.first_contact", "\"whole\""),
    ("settings.run_time", "\"5m\""),
    (
        "settings.ignored_ips",
        "[\"192.0.2.0/24\", \"2001:db8::1\"]",
    ),
    ("settings.deny_type", "\"REJECT\""),
    ("settings.reload_iptables", "false"),
    ("settings.firewall.backend", "\"none\""),
    ("settings.firewall.chain", "\"BANNED\""),
    ("settings.firewall.hooks", "[\"INPUT\", \"DOCKER-USER\"]"),
    ("settings.firewall.programs", "\"/usr/local/sbin\""),
    (
        "settings.rules",
        "{\"nginx\": {\"log_files\": \"/var/log/nginx/access.log\"}}",
    ),
    (
        "settings.rules.NAME.log_files",
        "[\"/var/log/auth.log*\", \"journal:ssh.service\"]",
    ),
    ("settings.rules.NAME.olddir", "\"/var/log/old\""),
    ("settings.rules.NAME.enabled", "false"),
    (
        "settings.rules.NAME.regex_patterns",
        "[\"^(?P<time>\\\\S+ \\\\S+) login failed from (?P<ip>\\\\S+)$\"]",
    ),
    (
        "settings.rules.NAME.ignore_patterns",
        "[\"from 192\\\\.0\\\\.2\\\\.\", \"user=<monitor>\"]",
    ),
    ("settings.rules.NAME.trust_sender", "true"),
    ("settings.rules.NAME.time_format", "\"%Y-%m-%d %H:%M:%S\""),
    (
        "settings.rules.NAME.urls",
        "[\"/login/\", \"/wp-login.php\"]",
    ),
    ("settings.rules.NAME.http_status_blocks", "[401, 403]"),
    ("settings.rules.NAME.failed_attempts", "10"),
    ("settings.rules.NAME.request_time", "60"),
    ("settings.rules.NAME.window", "\"sliding\""),
    ("settings.rules.NAME.ban_time", "\"1d\""),
    ("settings.rules.NAME.ban_memory", "\"30d\""),
    ("settings.rules.NAME.ipv4_prefix", "28"),
    ("settings.rules.NAME.ipv6_prefix", "56"),
    (
        "settings.rules.NAME.aggregate",
        "{\"subjects\": 10, \"within\": \"1w\"}",
    ),
    ("settings.most_windows", "100000"),
    ("settings.journal", "\"/var/log/journal/remote\""),
    (
        "settings.metrics",
        "\"/var/lib/prometheus/node-exporter/pyfilter.prom\"",
    ),
    ("settings.database", "\"redis\""),
    ("sqlite.database", "\"bans.db\""),
    ("redis.host", "\"rediss://redis.example.org:6380\""),
    ("redis.port", "6380"),
    ("redis.username", "\"pyfilter\""),
    ("redis.password", "\"secret\""),
    ("redis.database", "1"),
    ("redis.tls", "true"),
    ("redis.tls_ca", "\"/etc/pyfilter/ca.pem\""),
    ("redis.stream_length", "10000"),
    ("redis.sync_bans.active", "false"),
    ("redis.sync_bans.name", "\"web 2\""),
    ("redis.sync_bans.check_time", "60"),
    ("logging.active", "false"),
    ("logging.directory", "\"/var/log/pyfilter\""),
    (
        "geoip.database",
        "\"/usr/share/GeoIP/GeoLite2-Country.mmdb\"",
    ),
    ("settings.check_time", "10"),
    ("settings.run_once", "true"),
    ("settings.rules.NAME.log_file", "\"/var/log/auth.log\""),
];

/// Keys of PyFilter's older versions, which no new file has.
const OLD: [(&str, &str); 3] = [
    (
        "settings.check_time",
        "Of PyFilter's older versions; without effect: every run reads what is new, and ends",
    ),
    (
        "settings.run_once",
        "Of PyFilter's older versions; without effect",
    ),
    (
        "settings.rules.NAME.log_file",
        "Of PyFilter's older versions: the same as log_files",
    ),
];

/// What a rule may set for itself, and has from above otherwise.
const OF_A_RULE: [&str; 8] = [
    "failed_attempts",
    "request_time",
    "window",
    "ban_time",
    "ban_memory",
    "ipv4_prefix",
    "ipv6_prefix",
    "aggregate",
];

/// A key as it is explained.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    path: String,
    meaning: String,
    default: Option<String>,
}

/// The page.
pub(super) fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH pyfilter.conf 5 \"\" \"pyfilter {version}\"\n");
    page += INTRODUCTION;
    for key in keys() {
        let _ = write!(page, ".TP\n.B {}\n{}.", roff(&key.path), roff(&key.meaning));
        if let Some(default) = &key.default {
            let _ = write!(page, "\n.br\nDefault: {}", roff(default));
        }
        if let Some((_, example)) = EXAMPLES.iter().find(|(path, _)| *path == key.path) {
            let _ = write!(page, "\n.br\nExample: {}", roff(example));
        }
        page.push('\n');
    }
    page + &builtin_rules() + &web::section() + END
}

const INTRODUCTION: &str = r#".SH NAME
pyfilter.conf \- configuration of pyfilter
.SH DESCRIPTION
.I /etc/pyfilter/config.json
is a JSON object; the file that
.B pyfilter init
writes explains each key where it stands.
The file of a PyFilter 1 or 2 is valid as it is.
A key that is left out has its default.
Keys that begin with // are comments.
Unknown keys and wrong values are told by
.BR pyfilter\-check (1),
and nothing is done with them.
Paths that do not begin with / are taken from the state directory.
The service may write below
.I /var/lib/pyfilter
and
.IR /etc/pyfilter ,
and below
.I /var/log/pyfilter
where that directory is made for the event log;
other places need a ReadWritePaths= in its unit
.RB ( "systemctl edit pyfilter.service" ).
.SH KEYS
"#;

/// What the manual says of all built-in rules, and of single ones.
fn builtin_rules() -> String {
    let names: Vec<String> = rules::all().map(|rule| roff(rule.name)).collect();
    let names = names.join(", ");
    let manuals: String = rules::all().map(|rule| rule.manual).collect();
    format!(
        ".SH \"BUILT-IN RULES\"\nThe rules {names} have their patterns built in.\n{RULES}{manuals}"
    )
}

const RULES: &str = ".B pyfilter rules
says what each counts, where it looks, and what can be forged.
What a client types can not name another address in them, unless that is said there.
";

const END: &str = r#".SH EXAMPLES
Ten failures within ten minutes ban for a day; a shop's own log is read, too:
.PP
.nf
.RS 4
{
  "settings": {
    "failed_attempts": 10,
    "request_time": 600,
    "window": "sliding",
    "ban_time": "1d",
    "rules": {
      "ssh": {},
      "shop": {
        "log_files": "/var/log/shop/*.log",
        "regex_patterns": ["^(?P<time>\\eS+ \\eS+) login failed from (?P<ip>\\eS+)$"],
        "time_format": "%Y\-%m\-%d %H:%M:%S"
      }
    }
  }
}
.RE
.fi
.SH "FILES OF CONF.D"
The files
.I /etc/pyfilter/conf.d/*.json
are read after
.IR /etc/pyfilter/config.json ,
in the order of their names; beside another configuration only if
.B \-\-conf\-d
names their directory. Each may set
.B settings.rules
and
.BR settings.ignored_ips :
a key of a rule takes the place of the same key of the rule of that name, and ignored addresses are
added. A file with a mistake is left out, and told with its line; all else holds, the run ends with 1,
and the addresses that the file ignored when it was last whole are not banned until it is whole again
or gone. So is a file, or the directory, that belongs to somebody else than root and the running user,
or that others may write to.
.SH FILES
.I /etc/pyfilter/config.json
.br
.I /etc/pyfilter/conf.d/*.json
.SH "SEE ALSO"
.BR pyfilter (1),
.BR pyfilter\-init (1),
.BR pyfilter\-check (1)
"#;

/// Every key, in the order of the file.
fn keys() -> Vec<Key> {
    let text = init::text(&Host::default(), Preset::Pyfilter);
    let root: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut keys = Vec::new();
    if let Value::Object(root) = &root {
        walk(root, "", &mut keys);
    }
    let of_a_rule = OF_A_RULE.map(|name| Key {
        path: format!("settings.rules.NAME.{name}"),
        meaning: format!("As settings.{name}, for this rule alone"),
        default: Some(format!("that of settings.{name}")),
    });
    let old = OLD.map(|(path, meaning)| Key {
        path: path.to_owned(),
        meaning: meaning.to_owned(),
        default: None,
    });
    let last = keys
        .iter()
        .rposition(|key| key.path.starts_with("settings.rules."));
    let behind = last.map_or(keys.len(), |last| last + 1);
    keys.splice(behind..behind, of_a_rule);
    keys.extend(old);
    keys
}

/// A comment explains the key of its name, which may stand behind it.
fn walk(object: &Map<String, Value>, above: &str, keys: &mut Vec<Key>) {
    for (name, value) in object {
        let explained = name.strip_prefix("// ");
        if let (Some(name), Some(meaning)) = (explained, value.as_str()) {
            let default = match object.get(name) {
                // What `init` writes is not what holds without it.
                Some(_) if name == "first_contact" => Some("\"whole\"".to_owned()),
                // The rules by default: ssh, with nothing set.
                Some(Value::Object(_)) => Some("{\"ssh\": {}}".to_owned()),
                given => given.map(ToString::to_string),
            };
            keys.push(Key {
                path: format!("{above}{name}"),
                meaning: meaning.to_owned(),
                default,
            });
        }
        if let Value::Object(below) = value {
            let name = if above == "settings.rules." {
                "NAME"
            } else {
                name
            };
            walk(below, &format!("{above}{name}."), keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Config};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_key_is_explained_and_has_an_example() {
        let documented: BTreeSet<String> = keys().into_iter().map(|key| key.path).collect();
        assert_eq!(documented, config::key_paths().collect());
        let examples: BTreeSet<String> = EXAMPLES
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .collect();
        assert_eq!(documented, examples);
        assert_eq!(keys().len(), documented.len(), "each once");
    }

    #[test]
    fn every_example_is_accepted_and_every_default_is_one() {
        let set = |path: &str, value: &str| {
            let mut root = serde_json::json!({});
            let place = path.split('.').fold(&mut root, |place, key| {
                &mut place[if key == "NAME" { "ssh" } else { key }]
            });
            *place = serde_json::from_str(value).unwrap_or_else(|error| panic!("{path}: {error}"));
            let text = root.to_string();
            Config::from_text(text.as_bytes(), None, Path::new("/state"))
                .unwrap_or_else(|faults| panic!("{faults}\n{text}"))
        };
        for (path, value) in EXAMPLES {
            set(path, value);
        }
        let defaults = Config::defaults(Path::new("/state"));
        for key in keys() {
            let Some(default) = key
                .default
                .filter(|default| !default.starts_with("that of"))
            else {
                continue;
            };
            let mut config = set(&key.path, &default);
            if key.path == "settings.ignored_ips" {
                config.ignored.clear();
            }
            config.notes.clear();
            assert_eq!(config, defaults, "{}", key.path);
        }
    }

    #[test]
    fn the_page_has_every_key() {
        let page = page();
        assert!(page.contains(".B \\&settings.firewall.chain\n"), "{page}");
        assert!(
            page.contains("\n.br\nDefault: \\&\"PYFILTER\"\n.br\nExample: \\&\"BANNED\"\n"),
            "{page}"
        );
    }
}
