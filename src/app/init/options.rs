//! Whether the option files of a service let it write the log of a rule, and where
//! that log is on this host.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rules::{BuiltinRule, ServiceOptions};

/// Where the lines of `rule` are found on the host below `root`, if the service's
/// option files say that it writes them: the journal, in which no other program's
/// lines can pass for them, or else the file of syslog.
pub(super) fn source(rule: &BuiltinRule, options: &ServiceOptions, root: &Path) -> Option<String> {
    let paths = options.files.iter();
    let paths = paths.flat_map(|path| option_files(&root.join(path), options.extension));
    let texts: Vec<String> = paths
        .map(|path| fs::read(path).unwrap_or_default())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    if !(options.are_set)(&texts) {
        return None;
    }
    let is_there = |path: &str| root.join(path.trim_start_matches('/')).exists();
    if let Some(unit) = rule.journal.units.first()
        && is_there("run/systemd/system")
        && is_there("usr/bin/journalctl")
    {
        return Some(format!("journal:{unit}"));
    }
    let file = rule.logs.iter().find(|path| is_there(path));
    file.map(|path| (*path).to_owned())
}

/// The option file at `path`, or those in the directory, in their order.
fn option_files(path: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(directory) = path.read_dir() else {
        return vec![path.to_owned()];
    };
    let paths = directory.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == extension))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Offer, builtin};

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

    fn found(files: &[(&str, &str)]) -> Option<String> {
        let rule = builtin("mariadb-audit").unwrap();
        let Offer::IfConfigured(options) = rule.offer else {
            panic!("{:?}", rule.offer);
        };
        source(rule, &options, host(files).path())
    }

    #[test]
    fn the_journal_is_taken_where_there_is_one_and_a_later_file_holds() {
        let option_file = ("etc/mysql/mariadb.conf.d/60-audit.cnf", AUDIT);
        let syslog = ("var/log/syslog", "");
        let journal = [("run/systemd/system/x", ""), ("usr/bin/journalctl", "")];
        assert_eq!(found(&[option_file]), None);
        assert_eq!(
            found(&[option_file, syslog]),
            Some("/var/log/syslog".to_owned())
        );
        let all = [option_file, syslog, journal[0], journal[1]];
        assert_eq!(found(&all), Some("journal:mariadb.service".to_owned()));
        let later = "[mysqld]\nserver_audit_output_type = FILE\n";
        let later = ("etc/mysql/mariadb.conf.d/70-later.cnf", later);
        assert_eq!(found(&[option_file, later, syslog]), None);
        let other = ("etc/mysql/mariadb.conf.d/70-later.bak", later.1);
        assert_eq!(
            found(&[option_file, other, syslog]),
            Some("/var/log/syslog".to_owned())
        );
    }
}
