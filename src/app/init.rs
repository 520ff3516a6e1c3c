//! `pyfilter init`: writes a configuration that fits this host. The sub-module `options`
//! reads what a service's option files say of its log.

mod options;

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Result, anyhow, bail};

use crate::cli::Preset;
use crate::config;
use crate::logs;
use crate::model::{Escaped, check_server_name};
use crate::rules::{self, BuiltinRule, Forgeable, Offer, Wrote};

use super::services;

/// Every key with its meaning; `@…@` is the host's part.
const TEMPLATE: &str = include_str!("init.template.json");

/// How many of a log's last lines say which version of the service wrote them.
const LINES: usize = 10_000;

/// What a configuration must know of a host to fit it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Its name, if that can be a server's.
    pub name: Option<String>,
    /// The sources of the built-in rules that it has beside the default one.
    pub logs: Vec<FoundSource>,
    /// Whether containers run on it.
    pub docker: bool,
    /// Built-in rules whose service is there, and which are written switched off.
    pub services: Vec<&'static str>,
    /// Built-in rules whose service is there, and which are not written since anybody can
    /// forge their logs or senders.
    pub not_offered: Vec<&'static str>,
    /// Built-in rules that it could have, but whose logs a client can forge.
    pub forgeable: Vec<&'static str>,
}

/// A source of a built-in rule that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSource {
    /// The rule's name.
    pub rule: &'static str,
    /// A path, or `journal:UNIT`.
    pub source: String,
}

impl Host {
    /// Looks at this host.
    #[must_use]
    pub fn probe() -> Self {
        Host::below(Path::new("/"))
    }

    /// Looks at the host whose files are below `root`.
    fn below(root: &Path) -> Self {
        let at = |path: &str| root.join(path.trim_start_matches('/'));
        let name = fs::read_to_string(at("/proc/sys/kernel/hostname")).unwrap_or_default();
        let name = Some(name.trim().to_owned());
        let (mut logs, mut forgeable) = (Vec::new(), Vec::new());
        for rule in rules::all() {
            let found = |source: String| FoundSource {
                rule: rule.name,
                source,
            };
            match &rule.offer {
                Offer::Always | Offer::SwitchedOff(_) => {}
                Offer::IfLogged => {
                    let there = rule.logs.iter().filter(|path| at(path).is_file());
                    let (trusted, forged): (Vec<&str>, Vec<&str>) =
                        there.partition(|path| can_be_trusted(rule.forgeable, root, &at(path)));
                    // The log of a service that is installed may be in the journal alone.
                    let is_there = !forged.is_empty()
                        || (rule.forgeable).is_some_and(|it| any_file(root, it.programs));
                    forgeable.extend(is_there.then_some(rule.name));
                    logs.extend(trusted.into_iter().map(|path| found(path.to_owned())));
                }
                Offer::IfConfigured(options) => {
                    if let Some(source) = options::source(rule, options, root) {
                        logs.push(found(source));
                        forgeable.retain(|name| *name != options.instead_of);
                    }
                }
            }
        }
        let services = services::fitting(root);
        Host {
            name: name.filter(|name| check_server_name(name).is_ok()),
            logs,
            docker: at("/run/docker.sock").exists(),
            services: services.offered,
            not_offered: services.forgeable,
            forgeable,
        }
    }

    /// The rules that its configuration has, without those that are switched off.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static str> {
        let always = rules::all().filter(|rule| rule.is_always_offered());
        let mut rules: Vec<_> = always.map(|rule| rule.name).collect();
        rules.extend(self.logs.iter().map(|log| log.rule));
        rules.dedup();
        rules
    }
}

/// Whether no client can forge lines of this log. If the log does not say which
/// version writes it, the files of the service that is installed do.
fn can_be_trusted(forgeable: Option<&Forgeable>, root: &Path, path: &Path) -> bool {
    let Some(forgeable) = forgeable else {
        return true;
    };
    let lines = logs::last_lines(path, LINES).unwrap_or_default();
    match forgeable.wrote(&lines) {
        Wrote::Fixed => true,
        Wrote::Raw => false,
        Wrote::Unknown => {
            let fixed = forgeable.fixed.as_ref();
            !any_file(root, forgeable.programs)
                && fixed.is_some_and(|fixed| any_file(root, fixed.files))
        }
    }
}

fn any_file(root: &Path, paths: &[&str]) -> bool {
    paths.iter().any(|path| root.join(path).is_file())
}

/// Writes the configuration for `host` to `path`, readable by its owner alone
/// since a password may come to stand in it; returns what to tell.
///
/// # Errors
/// When a file is there and `force` is not given, or it can not be written.
pub fn init(path: &Path, force: bool, host: &Host, preset: Preset) -> Result<String> {
    let shown = Escaped::path(path);
    // Of a link the file behind it is replaced, and the link stays.
    let target = match path.canonicalize() {
        Ok(target) if force => target,
        Ok(_) => bail!("{shown} is there already: --force replaces it"),
        Err(_) => path.to_owned(),
    };
    write(&target, text(host, preset).as_bytes(), force).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => anyhow!("{shown} may not be written: run with sudo"),
        ErrorKind::AlreadyExists if target.symlink_metadata().is_ok() => {
            anyhow!("{shown} is there already: --force replaces it")
        }
        ErrorKind::IsADirectory => anyhow!("{shown} is a directory: name the file in it"),
        _ => anyhow!("{shown} can not be written: {error}"),
    })?;
    let call = if path == Path::new(config::DEFAULT_FILE) {
        "pyfilter".to_owned()
    } else {
        format!("pyfilter -c {shown}")
    };
    let mut said = format!(
        "Wrote {shown} with rules for {}.\n",
        host.rules().join(", ")
    );
    if !host.services.is_empty() {
        let services = host.services.join(", ");
        let _ = writeln!(
            said,
            "Switched off, for services that are here: {services} (\"enabled\": true switches one on)."
        );
    }
    if let Some(why) = services::not_offered(&host.not_offered) {
        let _ = writeln!(said, "Also here, {why}.");
    }
    for rule in &host.forgeable {
        let forgeable = rules::builtin(rule).and_then(|rule| rule.forgeable);
        if let Some(Forgeable { why, remedy, .. }) = forgeable {
            let _ = writeln!(said, "No rule {rule}: {why}; {remedy}.");
        }
    }
    let _ = write!(said, "Next: {call} check, then {call} scan --dry-run");
    Ok(said)
}

/// The whole file or nothing of it: written beside its place, then renamed.
fn write(target: &Path, text: &[u8], force: bool) -> std::io::Result<()> {
    if target.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let directory = match target.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    // A temporary file has mode 0600, and keeps it.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    if force {
        file.persist(target)?;
    } else {
        file.persist_noclobber(target)?;
    }
    fs::File::open(directory)?.sync_all()
}

/// The configuration for `host`, every key explained.
#[must_use]
pub fn text(host: &Host, preset: Preset) -> String {
    let preset = thresholds(preset);
    let name = host.name.as_ref();
    let name = name.map_or_else(|| "null".to_owned(), |name| json(name));
    let hooks: &[&str] = if host.docker {
        &["INPUT", "DOCKER-USER"]
    } else {
        &["INPUT"]
    };
    let hooks: Vec<String> = hooks.iter().map(|hook| json(hook)).collect();
    TEMPLATE
        .replace("\"@server_name@\"", &name)
        .replace("\"@hooks@\"", &hooks.join(", "))
        .replace("\"@request_time@\"", preset.request_time)
        .replace("\"@window@\"", preset.window)
        .replace("\"@ban_time@\"", preset.ban_time)
        .replace("\"@ipv6_prefix@\"", preset.ipv6_prefix)
        .replace("@rules@", &service_rules(host))
        .replace("@names@", &rules::names_in_words(|rule| rule.lends))
        .replace(
            "@web_servers@",
            &rules::names_in_words(BuiltinRule::is_web_server),
        )
}

/// The thresholds of a preset, as JSON.
struct PresetThresholds {
    request_time: &'static str,
    window: &'static str,
    ban_time: &'static str,
    ipv6_prefix: &'static str,
}

fn thresholds(preset: Preset) -> PresetThresholds {
    match preset {
        Preset::Pyfilter => PresetThresholds {
            request_time: "5",
            window: "\"gap\"",
            ban_time: "null",
            ipv6_prefix: "128",
        },
        // Not for ever: addresses change hands, and an address that was an attacker's is a
        // visitor's some months later.
        Preset::Recommended => PresetThresholds {
            request_time: "600",
            window: "\"sliding\"",
            ban_time: "[\"10m\", \"1h\", \"1d\", \"1w\"]",
            ipv6_prefix: "64",
        },
    }
}

/// The rules of the services whose logs are there, behind that of ssh.
fn service_rules(host: &Host) -> String {
    let mut out = String::new();
    for builtin in rules::all() {
        let logs = host.logs.iter().filter(|log| log.rule == builtin.name);
        let paths: Vec<String> = logs.map(|log| json(&log.source)).collect();
        let log_files = match &paths[..] {
            [] => continue,
            [path] => path.clone(),
            paths => format!("[{}]", paths.join(", ")),
        };
        let _ = write!(
            out,
            ",\n      {}: {{\n        \"log_files\": {log_files}",
            json(builtin.name)
        );
        // Of a log that can be forged the host has one that can not.
        if builtin.forgeable.is_some() {
            out.push_str(",\n        \"trust_sender\": true");
        }
        out.push_str("\n      }");
    }
    for builtin in rules::all().filter(|rule| host.services.contains(&rule.name)) {
        let word = format!("Counts {}", builtin.counts);
        let _ = write!(
            out,
            ",\n      {}: {{\n        \"//\": {},\n        \"enabled\": false\n      }}",
            json(builtin.name),
            json(&word)
        );
    }
    out
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, FirstContact};
    use crate::model::{SourceSpec, Subject};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn found(rule: &'static str, source: &str) -> FoundSource {
        let source = source.to_owned();
        FoundSource { rule, source }
    }

    fn everything() -> Host {
        Host {
            name: Some("web \"2\"".to_owned()),
            logs: rules::all()
                .filter(|rule| matches!(rule.offer, Offer::IfLogged))
                .flat_map(|rule| rule.logs.iter().map(|path| found(rule.name, path)))
                .collect(),
            docker: true,
            services: vec!["postfix", "nginx-http-auth"],
            not_offered: vec!["nginx-limit-req", "nginx-forbidden"],
            forgeable: Vec::new(),
        }
    }

    fn load(host: &Host) -> Config {
        let text = text(host, Preset::Pyfilter);
        Config::from_text(text.as_bytes(), None, Path::new("/state"))
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    #[test]
    fn what_init_writes_has_no_faults_and_fits_the_host() {
        let config = load(&everything());
        assert_eq!(config.server_name.as_deref(), Some("web \"2\""));
        assert_eq!(config.firewall.hooks, ["INPUT", "DOCKER-USER"]);
        let (on, off): (Vec<_>, Vec<_>) = config.rules.iter().partition(|rule| rule.enabled);
        let names: Vec<_> = on.iter().map(|rule| &*rule.name).collect();
        assert_eq!(names, everything().rules());
        let off: Vec<_> = off.iter().map(|rule| &*rule.name).collect();
        assert_eq!(off, everything().services);
        assert_eq!(names[..4], ["ssh", "mysql", "apache", "nginx"]);
        assert_eq!(config.rules[1].sources.len(), 5);
        assert!(config.notes.is_empty(), "{:?}", config.notes);

        let bare = load(&Host::default());
        let [ssh] = &bare.rules[..] else {
            panic!("{:?}", bare.rules)
        };
        assert!(matches!(ssh.sources[..], [SourceSpec::Auto(_)]));
        load(&Host::probe());
    }

    /// A host with these files.
    fn with(files: &[(&str, &[u8])]) -> Host {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Host::below(root.path())
    }

    fn recorded(path: &str) -> Vec<u8> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/services/mariadb");
        fs::read(fixtures.join(path)).unwrap()
    }

    const AUDIT: &[u8] =
        b"[mariadbd]\nserver_audit_logging = ON\nserver_audit_output_type = SYSLOG\n";

    #[test]
    fn a_log_into_which_anybody_can_write_lines_is_not_offered() {
        const LOG: &str = "var/log/mysql/error.log";
        let offered = [found("mysql", "/var/log/mysql/error.log")];
        for version in ["10.11", "11.8"] {
            let host = with(&[(LOG, &recorded(&format!("{version}/error.log")))]);
            assert_eq!((host.logs, host.forgeable), (vec![], vec!["mysql"]));
        }
        // What a client of MariaDB forges does not make it another server.
        let forged = b"2026-03-22  4:18:18 7 [Warning] Access denied for user 'a\n2026-03-22T14:18:18.1Z 9 [Note] [MY-010926] [Server] x\n";
        assert_eq!(with(&[(LOG, forged)]).forgeable, ["mysql"]);

        // Users of MySQL lose nothing.
        let mysql = recorded("mysql-9.7/error.log");
        assert_eq!(with(&[(LOG, &mysql)]).logs, offered);
        // After logrotate the server's files tell.
        let plugin = "usr/lib/mysql/plugin/component_log_sink_json.so";
        assert_eq!(with(&[(LOG, b""), (plugin, b"")]).logs, offered);
        assert_eq!(with(&[(LOG, b"")]).forgeable, ["mysql"]);
        let both = [(LOG, &b""[..]), (plugin, b""), ("usr/sbin/mariadbd", b"")];
        assert_eq!(with(&both).forgeable, ["mysql"]);
    }

    #[test]
    fn what_the_plugin_of_mariadb_writes_to_syslog_is_offered() {
        let files: [(&str, &[u8]); 5] = [
            ("var/log/mysql/error.log", &recorded("11.8/error.log")),
            ("etc/mysql/mariadb.conf.d/60-audit.cnf", AUDIT),
            ("usr/sbin/mariadbd", b""),
            ("run/systemd/system/unit", b""),
            ("usr/bin/journalctl", b""),
        ];
        let host = with(&files);
        assert_eq!(
            host.logs,
            [found("mariadb-audit", "journal:mariadb.service")]
        );
        assert!(host.forgeable.is_empty());
        let config = load(&host);
        let rule = config.rules.last().unwrap();
        assert_eq!(
            rule.sources,
            [SourceSpec::Journal("mariadb.service".into())]
        );
        assert_eq!(rule.statuses.as_deref(), Some(&[1045, 1698][..]));

        let without = with(&[("usr/sbin/mariadbd", b"")]);
        assert_eq!(
            (&*without.logs, &*without.forgeable),
            (&[][..], &["mysql"][..])
        );
    }

    #[test]
    fn a_rule_that_is_left_out_is_told_with_the_reason() {
        let place = tempfile::tempdir().unwrap();
        let host = Host {
            forgeable: vec!["mysql"],
            ..Host::default()
        };
        let said = init(
            &place.path().join("config.json"),
            false,
            &host,
            Preset::Pyfilter,
        )
        .unwrap();
        let line = said.lines().nth(1).unwrap();
        assert!(
            line.starts_with("No rule mysql: MariaDB, and MySQL before 8, write "),
            "{said}"
        );
        assert!(line.contains("server_audit write to syslog"), "{said}");
    }

    #[test]
    fn what_init_writes_are_the_defaults() {
        let written = load(&Host::default());
        let defaults = Config::defaults(Path::new("/state"));
        let ignored = ["127.0.0.1", "::1"].map(|address| Subject::parse(address).unwrap());
        assert_eq!(written.ignored, ignored);
        assert_eq!(
            Config {
                ignored: Vec::new(),
                first_contact: FirstContact::Whole,
                ..written
            },
            defaults
        );
    }

    #[test]
    fn what_init_writes_names_every_key() {
        let text = text(&everything(), Preset::Pyfilter);
        for key in config::keys() {
            let named = [format!("\"{key}\":"), format!("\"// {key}\":")];
            assert!(named.iter().any(|named| text.contains(named)), "{key}");
        }
    }

    #[test]
    fn a_configuration_that_is_there_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/deep/config.json");
        let said = init(&path, false, &everything(), Preset::Pyfilter).unwrap();
        assert_eq!(
            said,
            format!(
                "Wrote {0} with rules for {1}.\n\
                 Switched off, for services that are here: postfix, nginx-http-auth \
                 (\"enabled\": true switches one on).\n\
                 Also here, not offered because anybody can forge their logs or senders: \
                 nginx-limit-req, nginx-forbidden; `pyfilter rules NAME` says what to do.\n\
                 Next: pyfilter -c {0} check, then pyfilter -c {0} scan --dry-run",
                path.display(),
                everything().rules().join(", ")
            )
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, "{}").unwrap();
        let error = init(&path, false, &Host::default(), Preset::Pyfilter).unwrap_err();
        let there = format!("{} is there already: --force replaces it", path.display());
        assert_eq!(error.to_string(), there);
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert!(write(&path, b"", false).is_err(), "nor in a race");

        let link = place.path().join("link");
        symlink(&path, &link).unwrap();
        init(&link, true, &Host::default(), Preset::Pyfilter).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text(&Host::default(), Preset::Pyfilter)
        );
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "no temporary file is left");
    }

    #[test]
    fn what_can_not_be_written_is_told() {
        let place = tempfile::tempdir().unwrap();
        let error = |path: &Path| {
            init(path, true, &Host::default(), Preset::Pyfilter)
                .unwrap_err()
                .to_string()
        };
        let directory = place.path().canonicalize().unwrap();
        assert_eq!(
            error(&directory),
            format!(
                "{} is a directory: name the file in it",
                directory.display()
            )
        );
        fs::write(directory.join("file"), "").unwrap();
        let below = directory.join("file/config.json");
        let said = error(&below);
        let start = format!("{} can not be written: ", below.display());
        assert!(said.starts_with(&start), "{said}");
    }
}
