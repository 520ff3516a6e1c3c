//! What of MariaDB can be read on this host: whether its plugin `server_audit`
//! writes to syslog is seen in the server's option files.

use std::fs;
use std::path::{Path, PathBuf};

/// The server's programs, by distribution.
const PROGRAMS: [&str; 4] = [
    "usr/sbin/mariadbd",
    "usr/bin/mariadbd",
    "usr/libexec/mariadbd",
    "usr/local/sbin/mariadbd",
];

/// A part of MySQL that is there since version 8, and not in MariaDB.
const MYSQL_8: [&str; 2] = [
    "usr/lib/mysql/plugin/component_log_sink_json.so",
    "usr/lib64/mysql/plugin/component_log_sink_json.so",
];

/// Option files and directories of them, in the order in which the server reads
/// them: what a later one says holds.
const OPTION_FILES: [&str; 5] = [
    "etc/my.cnf",
    "etc/mysql/my.cnf",
    "etc/my.cnf.d",
    "etc/mysql/conf.d",
    "etc/mysql/mariadb.conf.d",
];

/// The groups of an option file that are the server's.
const GROUPS: [&str; 4] = ["mysqld", "mariadbd", "mariadb", "server"];

/// Whether MariaDB's server is installed below `root`.
pub(super) fn is_installed(root: &Path) -> bool {
    PROGRAMS.iter().any(|path| root.join(path).is_file())
}

/// Whether MySQL 8 or later is the one server that is installed below `root`.
pub(super) fn is_mysql_8(root: &Path) -> bool {
    !is_installed(root) && MYSQL_8.iter().any(|path| root.join(path).is_file())
}

/// Where the lines of `server_audit` are found on the host below `root`, if its
/// option files let it write logins to syslog: the journal, in which no other
/// program's lines can pass for them, or else syslog's file.
pub(super) fn audit_source(root: &Path) -> Option<&'static str> {
    let mut audit = Audit::default();
    for path in OPTION_FILES.iter().flat_map(|path| files(&root.join(path))) {
        audit.read(&String::from_utf8_lossy(
            &fs::read(path).unwrap_or_default(),
        ));
    }
    if !audit.writes_logins_to_syslog() {
        return None;
    }
    let is_there = |path: &str| root.join(path).exists();
    if is_there("run/systemd/system") && is_there("usr/bin/journalctl") {
        return Some("journal:mariadb.service");
    }
    let files = ["/var/log/syslog", "/var/log/messages"];
    files
        .into_iter()
        .find(|path| is_there(path.trim_start_matches('/')))
}

/// The option file at `path`, or those in the directory, in their order.
fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(directory) = path.read_dir() else {
        return vec![path.to_owned()];
    };
    let paths = directory.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "cnf"))
        .collect();
    files.sort();
    files
}

/// What option files say of `server_audit`, in lower case.
#[derive(Debug, Default)]
struct Audit {
    logging: Option<String>,
    output_type: Option<String>,
    events: Option<String>,
    syslog_ident: Option<String>,
}

impl Audit {
    /// Adds what an option file says.
    fn read(&mut self, text: &str) {
        let mut is_servers = false;
        for line in text.lines().map(str::trim) {
            if let Some(group) = line.strip_prefix('[') {
                let group = group.split(']').next().unwrap_or_default();
                // One version's group is called `mariadb-11.8`.
                let numbers = |text: char| text.is_ascii_digit() || text == '.';
                let name = group.trim_end_matches(numbers);
                let name = name.strip_suffix('-').unwrap_or(name);
                is_servers = GROUPS.contains(&name);
            } else if is_servers && !line.starts_with(['#', ';', '!']) {
                self.option(line);
            }
        }
    }

    fn option(&mut self, line: &str) {
        let (name, value) = line.split_once('=').unwrap_or((line, "on"));
        let name = name.trim().to_lowercase().replace('-', "_");
        let value = value.split(" #").next().unwrap_or_default();
        let value = value.trim().trim_matches(['"', '\'']).to_lowercase();
        let name = name.strip_prefix("loose_").unwrap_or(&name);
        let place = match name.strip_prefix("server_audit_") {
            Some("logging") => &mut self.logging,
            Some("output_type") => &mut self.output_type,
            Some("events") => &mut self.events,
            Some("syslog_ident") => &mut self.syslog_ident,
            _ => return,
        };
        *place = Some(value);
    }

    fn writes_logins_to_syslog(&self) -> bool {
        let is = |option: &Option<String>, values: &[&str]| {
            option
                .as_ref()
                .is_some_and(|value| values.contains(&&**value))
        };
        let events = self.events.as_deref().unwrap_or_default();
        let ident = self.syslog_ident.as_deref();
        is(&self.logging, &["on", "1", "true"])
            && is(&self.output_type, &["syslog"])
            && (events.is_empty() || events.split(',').any(|event| event.trim() == "connect"))
            && ident.is_none_or(|ident| ident == "mysql-server_auditing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = "[mariadbd]\nplugin_load_add = server_audit\nserver-audit-logging = ON\nloose_server_audit_output_type='SYSLOG' # not FILE\n";

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn says(text: &str) -> bool {
        let mut audit = Audit::default();
        audit.read(text);
        audit.writes_logins_to_syslog()
    }

    #[test]
    fn what_option_files_say_of_the_plugin_is_understood() {
        assert!(says(AUDIT));
        assert!(says(&AUDIT.replace("[mariadbd]", "[mariadb-11.8]")));
        assert!(says(&format!(
            "{AUDIT}server_audit_events = 'QUERY,CONNECT'"
        )));
        assert!(says(
            &AUDIT.replace("server-audit-logging = ON", "server_audit_logging")
        ));
        for (instead, of) in [
            ("[mariadb-dump]", "[mariadbd]"),
            ("[client]", "[mariadbd]"),
            ("FILE", "SYSLOG"),
            ("logging = OFF", "logging = ON"),
            ("#", "server-audit-logging"),
        ] {
            assert!(!says(&AUDIT.replace(of, instead)), "{instead}");
        }
        assert!(!says(&format!("{AUDIT}server_audit_events = QUERY")));
        assert!(!says(&format!("{AUDIT}server_audit_syslog_ident = audit")));
        assert!(!says("") && !says("[mariadbd"));
    }

    #[test]
    fn the_journal_is_taken_where_there_is_one_and_a_later_file_holds() {
        let option_file = ("etc/mysql/mariadb.conf.d/60-audit.cnf", AUDIT);
        let syslog = ("var/log/syslog", "");
        let journal = [("run/systemd/system/x", ""), ("usr/bin/journalctl", "")];
        let source = |files: &[(&str, &str)]| audit_source(host(files).path());
        assert_eq!(source(&[option_file]), None);
        assert_eq!(source(&[option_file, syslog]), Some("/var/log/syslog"));
        let all = [option_file, syslog, journal[0], journal[1]];
        assert_eq!(source(&all), Some("journal:mariadb.service"));
        let later = "[mysqld]\nserver_audit_output_type = FILE\n";
        let later = ("etc/mysql/mariadb.conf.d/70-later.cnf", later);
        assert_eq!(source(&[option_file, later, syslog]), None);
        let other = ("etc/mysql/mariadb.conf.d/70-later.bak", later.1);
        assert_eq!(
            source(&[option_file, other, syslog]),
            Some("/var/log/syslog")
        );
    }
}
