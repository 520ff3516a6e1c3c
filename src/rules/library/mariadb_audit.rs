//! The message of MariaDB's plugin `server_audit` about a failed login, through syslog:
//!
//! `… mysql-server_auditing:  SERVER,USER,HOST,CONNECTION,QUERY,FAILED_CONNECT,,,CODE`
//!
//! It is the only message of MariaDB that a client can not forge: the whole event is
//! one message, and journald and rsyslog do not let a newline in it end the line.
//! Nothing in it is quoted, so a name may look like the fields behind it. A line counts
//! only if it has as many commas as an event has: then the name holds no comma, and
//! each field is what it seems to be.

use super::contract::{BuiltinPattern, BuiltinRule, JournalSenders, Offer, Proof, ServiceOptions};
use super::mysql;
use super::syslog;

pub(super) const RULE: BuiltinRule = BuiltinRule {
    name: "mariadb-audit",
    counts: "failed logins of MariaDB, as its plugin server_audit sends them to syslog",
    proof: Proof::Service("MariaDB 10.11 and 11.8"),
    patterns: PATTERNS,
    time_formats: syslog::TIME_FORMATS,
    codes: Some(CODES),
    logs: &["/var/log/syslog", "/var/log/messages"],
    journal: JournalSenders::of(&["mariadb.service"]),
    sample: "Mar  2 04:05:06 db1 mysql-server_auditing:  db1,root,203.0.113.9,7,0,FAILED_CONNECT,,,1045",
    offer: Offer::IfConfigured(ServiceOptions {
        files: &[
            "etc/my.cnf",
            "etc/mysql/my.cnf",
            "etc/my.cnf.d",
            "etc/mysql/conf.d",
            "etc/mysql/mariadb.conf.d",
        ],
        extension: "cnf",
        are_set: write_logins_to_syslog,
        instead_of: mysql::RULE.name,
    }),
    addresses: Some(mysql::ADDRESSES),
    manual: MANUAL,
    ..BuiltinRule::NONE
};

const PATTERNS: &[BuiltinPattern] = &[BuiltinPattern::new(
    concat!(
        stamp!(),
        tag!("mysql-server_auditing"),
        // `server_audit_syslog_info` is written before the server's name.
        r"[^,]*,(?P<user>[^,]*),(?P<ip>[^,]+),\d+,\d+,FAILED_CONNECT,,,(?P<status>\d+)$"
    ),
    &[",FAILED_CONNECT,,,"],
)];

/// The password was wrong, or none was given for an account that has one. With
/// other errors the password was right, and the database was refused.
const CODES: &[u16] = &[1045, 1698];

/// The groups of an option file that are the server's.
const GROUPS: [&str; 4] = ["mysqld", "mariadbd", "mariadb", "server"];

/// Whether the server's option files make `server_audit` write logins to syslog.
/// A later file overrides an earlier one.
fn write_logins_to_syslog(option_files: &[String]) -> bool {
    let mut audit = AuditOptions::default();
    for text in option_files {
        audit.read(text);
    }
    audit.write_logins_to_syslog()
}

/// What option files say of `server_audit`, in lower case.
#[derive(Debug, Default)]
struct AuditOptions {
    logging: Option<String>,
    output_type: Option<String>,
    events: Option<String>,
    syslog_ident: Option<String>,
}

impl AuditOptions {
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

    fn write_logins_to_syslog(&self) -> bool {
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

const MANUAL: &str = r#".PP
What server_audit sends to syslog can not be forged by clients, since there an event is one message.
With this in the server's configuration
.PP
.nf
.RS 4
[mariadbd]
plugin_load_add = server_audit
server_audit_logging = ON
server_audit_events = CONNECT
server_audit_output_type = SYSLOG
skip_name_resolve
.RE
.fi
.PP
the rule mariadb\-audit reads it from the journal:
.PP
.nf
.RS 4
"mariadb\-audit": { "log_files": "journal:mariadb.service" }
.RE
.fi
.PP
Where there is no journal, it reads the file of rsyslog, into which users of the host itself can write
with
.BR logger (1).
syslog\-ng needs its flag no\-multi\-line for such a file.
.B pyfilter init
does so where it finds that configuration, and never offers the rule mysql for a log of MariaDB.
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = "[mariadbd]\nplugin_load_add = server_audit\nserver-audit-logging = ON\nloose_server_audit_output_type='SYSLOG' # not FILE\n";

    fn says(text: &str) -> bool {
        write_logins_to_syslog(&[text.to_owned()])
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
}
