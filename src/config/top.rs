//! The sections of the file → [`Config`], all but the rules and the firewall.
//!
//! After a fault each check goes on with a default. The faults are reported, and what
//! is returned beside them is thrown away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::{Checker, Field, Section};
use super::checked::{Config, Database, FirstContact};
use super::conf_d::ConfD;
use super::raw::{Node, Value};
use super::{firewall, keys, rule, values};
use crate::model::{Aggregate, RedisSettings, Rule, Subject, Thresholds, check_server_name};
use crate::rules;

/// How long a run reads, by default. A timer starts one each minute.
const RUN_TIME: Duration = Duration::from_secs(30);

/// The configuration of a tree; the faults are in `check`.
pub(super) fn of_tree(root: &Node, base: &Path, check: &mut Checker) -> Config {
    let root = Field {
        path: String::new(),
        node: root,
    };
    let root = root.section(&keys::ROOT, check);
    let root = root.unwrap_or_else(|| Section::empty(&keys::ROOT));
    config(&root, base, check)
}

impl Config {
    /// The configuration without a file: the rule ssh, with its usual logs.
    #[must_use]
    pub fn defaults(base: &Path) -> Self {
        config(&Section::empty(&keys::ROOT), base, &mut Checker::new(""))
    }
}

fn config(root: &Section, base: &Path, check: &mut Checker) -> Config {
    let settings = root.below("settings", &keys::SETTINGS, check);
    let sqlite = root.below("sqlite", &keys::SQLITE, check);
    let redis = root.below("redis", &keys::REDIS, check);
    let sync_bans = redis.below("sync_bans", &keys::SYNC_BANS, check);
    let geoip = root.below("geoip", &keys::GEOIP, check);
    for key in ["check_time", "run_once"] {
        if let Some(field) = settings.get(key) {
            check.note(
                &field.path,
                "has no effect: every run reads what is new, and ends",
            );
        }
    }
    let database = database(&settings, check);
    let thresholds = values::thresholds(&settings, Thresholds::default(), check);
    let run_time = settings.get("run_time");
    let run_time = run_time.and_then(|field| values::seconds(&field, check));
    let aggregate = values::aggregate(&settings, None, check);
    let rules = rules(&settings, &thresholds, aggregate, base, check);
    Config {
        path: None,
        conf_d: ConfD::default(),
        server_name: server_name(&settings, &sync_bans, database, check),
        database,
        store: file(&sqlite, base, check).unwrap_or_else(|| base.join("PyFilter.db")),
        firewall: firewall::firewall(&settings, base, check),
        ignored: ignored(&settings, check),
        thresholds,
        aggregate,
        rules,
        first_contact: first_contact(&settings, check),
        run_time: run_time.unwrap_or(RUN_TIME),

        redis: connection(&redis, &sync_bans, base, check),
        event_log: event_log(root, base, check),
        geoip: file(&geoip, base, check),
        journal: settings
            .given("journal")
            .and_then(|field| field.path_from(base, check)),
        metrics: settings
            .given("metrics")
            .and_then(|field| field.path_from(base, check)),
        most_windows: most_windows(&settings, check),
        notes: Vec::new(),
    }
}

fn first_contact(settings: &Section, check: &mut Checker) -> FirstContact {
    let words = [("whole", FirstContact::Whole), ("end", FirstContact::End)];
    let field = settings.get("first_contact");
    let chosen = field.and_then(|field| field.word(&words, check));
    chosen.unwrap_or(FirstContact::Whole)
}

/// At least a thousand: even a host without attackers has some open windows.
fn most_windows(settings: &Section, check: &mut Checker) -> usize {
    let field = settings.get("most_windows");
    let most = field.and_then(|field| field.whole(1000, u32::MAX, check));
    most.map_or(1_000_000, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    })
}

/// The path at the key `database` of a section.
fn file(section: &Section, base: &Path, check: &mut Checker) -> Option<PathBuf> {
    section.given("database")?.path_from(base, check)
}

fn database(settings: &Section, check: &mut Checker) -> Database {
    let words = [("redis", Database::Redis), ("sqlite", Database::Sqlite)];
    let field = settings.get("database");
    let database = field.and_then(|field| field.word(&words, check));
    database.unwrap_or(Database::Sqlite)
}

/// The server's name: that of its own key, else with Redis the name in that section.
fn server_name(
    settings: &Section,
    sync_bans: &Section,
    database: Database,
    check: &mut Checker,
) -> Option<String> {
    let shared = sync_bans.given("name");
    let shared_name = shared.as_ref().and_then(|field| field.text(check));
    if let Some(own) = settings.given("server_name") {
        return checked_name(&own, own.text(check)?, check);
    }
    match database {
        Database::Redis => checked_name(&shared?, shared_name?, check),
        Database::Sqlite => None,
    }
}

fn checked_name(field: &Field, name: &str, check: &mut Checker) -> Option<String> {
    match check_server_name(name) {
        Ok(()) => Some(name.to_owned()),
        Err(wrong) => {
            field.fault(check, wrong);
            None
        }
    }
}

pub(super) fn ignored(settings: &Section, check: &mut Checker) -> Vec<Subject> {
    let Some(field) = settings.get("ignored_ips") else {
        return Vec::new();
    };
    let items = field.list("addresses", check).unwrap_or_default();
    let mut networks = Vec::new();
    for item in items {
        let Some(text) = item.text(check) else {
            continue;
        };
        match values::network(text) {
            Ok(given) => {
                let network = given.subject;
                if network.length() == 0 {
                    check.note(
                        &item.path,
                        &format!("with {network} no such address is ever banned"),
                    );
                }
                if let Some(cut) = given.cut_warning(text) {
                    check.note(&item.path, &cut);
                }
                networks.push(network);
            }
            Err(wrong) => item.fault(check, wrong),
        }
    }
    networks
}

fn rules(
    settings: &Section,
    thresholds: &Thresholds,
    aggregate: Option<Aggregate>,
    base: &Path,
    check: &mut Checker,
) -> Vec<Rule> {
    let Some(field) = settings.get("rules") else {
        return vec![rule::builtin(rules::DEFAULT_RULE, thresholds, aggregate)];
    };
    let entries = field.entries(check).unwrap_or_default();
    if entries.is_empty() && matches!(field.node.value, Value::Object(_)) {
        check.note(&field.path, "is empty: no log is read");
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(rule) = rule::rule(&field, entry, (thresholds, aggregate), base, check) {
            rules.push(rule);
        }
    }
    if !rules.is_empty() && rules.iter().all(|rule| !rule.enabled) {
        check.note(&field.path, "all are switched off: no log is read");
    }
    rules
}

fn connection(
    redis: &Section,
    sync_bans: &Section,
    base: &Path,
    check: &mut Checker,
) -> RedisSettings {
    let whole = |section: &Section, key, low, high, default, check: &mut Checker| {
        let field = section.get(key);
        let number = field.and_then(|field| field.whole(low, high, check));
        number.unwrap_or(default)
    };
    let flag = |section: &Section, key, default, check: &mut Checker| {
        let field = section.get(key);
        field.and_then(|field| field.flag(check)).unwrap_or(default)
    };
    let text = |key, check: &mut Checker| Some(redis.given(key)?.secret(check)?.to_owned());
    let host = redis.get("host");
    let host = host.and_then(|field| place(&field, check));
    let (host, url_port, url_tls) = host.unwrap_or(("127.0.0.1", None, false));
    let port = url_port.unwrap_or(6379).into();
    let port = whole(redis, "port", 1, u16::MAX.into(), port, check);
    let tls_ca = redis.given("tls_ca");
    RedisSettings {
        host: host.to_owned(),
        port: u16::try_from(port).unwrap_or(6379),
        username: text("username", check),
        password: text("password", check),
        database: whole(redis, "database", 0, i32::MAX.unsigned_abs(), 0, check),
        tls: flag(redis, "tls", url_tls, check),
        tls_ca: tls_ca.and_then(|field| field.path_from(base, check)),
        limit: Duration::from_secs(2),
        stream_length: whole(
            redis,
            "stream_length",
            1000,
            i32::MAX.unsigned_abs(),
            100_000,
            check,
        ),
        take_over: flag(sync_bans, "active", true, check),
        check_time: whole(sync_bans, "check_time", 0, u32::MAX, 600, check),
    }
}

/// Host, port and encryption of a name, an address, a socket's path, or of
/// `rediss://HOST:PORT`.
fn place<'t>(field: &Field<'t>, check: &mut Checker) -> Option<(&'t str, Option<u16>, bool)> {
    let text = field.filled(check)?;
    let (rest, tls) = match (
        text.strip_prefix("rediss://"),
        text.strip_prefix("redis://"),
    ) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return Some((text, None, false)),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['@', '/', '?']) {
        let message = "must name host and port alone behind the //: username, password and \
                       database have keys of their own";
        field.fault(check, message);
        return None;
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let number = port.map(str::parse::<u16>).transpose();
    match number {
        Ok(port) if !host.is_empty() && port != Some(0) => {
            Some((host.trim_matches(['[', ']']), port, tls))
        }
        _ => {
            field.fault(check, "must be redis://HOST:PORT or rediss://HOST:PORT");
            None
        }
    }
}

fn event_log(root: &Section, base: &Path, check: &mut Checker) -> Option<PathBuf> {
    let logging = root.below("logging", &keys::LOGGING, check);
    let active = logging.get("active").and_then(|field| field.flag(check));
    let directory = logging.get("directory");
    let directory = directory.and_then(|field| field.path_from(base, check));
    active
        .unwrap_or(true)
        .then(|| directory.unwrap_or_else(|| base.join("Logs")))
}
